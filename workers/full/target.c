#include "workers/full/target.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/map.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    FAULTS_MAX = 800,     /* what a message holds beside its beginning */
    TABLES_A_QUERY = 100, /* asked at a time whether they are empty */
    SQL_MAX = 1024 * 1024,
    KEY_MAX = 2 * 256 + 2,
};

/* A list for one message: what does not fit is counted. */
struct faults {
    struct strbuf text;
    size_t count, left_out;
};

static void fault_table(struct faults *f, const struct copy_table *t, const char *why)
{
    size_t before = f->text.len;

    f->count++;
    strbuf_adds(&f->text, before > 0 ? "; " : "");
    strbuf_addf(&f->text, "%s.%s", t->src->mapped_db, t->src->mapped_name);
    if (why[0] != '\0')
        strbuf_addf(&f->text, ": %s", why);
    if (strbuf_ok(&f->text))
        return;
    f->text.failed = false; /* full: the message ends at the last whole entry */
    strbuf_truncate(&f->text, before);
    f->left_out++;
}

static int raise_faults(const struct faults *f, enum err_code code, const char *what,
                        struct err *err)
{
    if (f->count == 0)
        return 0;
    if (f->left_out > 0)
        return err_set(err, code, "%s: %s; and %zu more", what, strbuf_str(&f->text), f->left_out);
    return err_set(err, code, "%s: %s", what, strbuf_str(&f->text));
}

/* ---- the target's catalog ---- */

static const char *key_of(const char *db, const char *name, bool fold, char ret[static KEY_MAX])
{
    size_t n = 0;

    for (const char *p = db; *p != '\0' && n + 2 < KEY_MAX; p++)
        ret[n++] = (char)(fold ? tolower((unsigned char)*p) : *p);
    ret[n++] = '\1';
    for (const char *p = name; *p != '\0' && n + 1 < KEY_MAX; p++)
        ret[n++] = (char)(fold ? tolower((unsigned char)*p) : *p);
    ret[n] = '\0';
    return ret;
}

static struct json_object *named(const char *name)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "name", name);
    json_add_str(o, "mappedName", name);
    return o;
}

/* A selection of exactly the target's tables, in the form scope_new() reads. */
static struct json_object *target_mapping(const struct copy *c)
{
    struct json_object *mapping = json_object_new_object(), *dbs = json_object_new_array();
    _cleanup_(map_freep)
    struct map *by_db = map_new();

    json_add_str(mapping, "mode", "SPECIFIC");
    json_add(mapping, "databases", dbs);
    for (size_t i = 0; by_db != NULL && i < c->count; i++) {
        const struct table *t = c->tables[i].src;
        struct json_object *tables = map_get(by_db, t->mapped_db);

        if (tables == NULL) {
            struct json_object *db = named(t->mapped_db);

            tables = json_object_new_array();
            json_add(db, "tables", tables);
            json_object_array_add(dbs, db);
            if (map_set(by_db, t->mapped_db, tables) < 0)
                break; /* the load then reports what is missing */
        }
        json_object_array_add(tables, named(t->mapped_name));
    }
    return mapping;
}

static int load_target(struct copy *c, struct conn *dst, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *mapping = target_mapping(c);
    _cleanup_(scope_freep)
    struct scope *scope = NULL;

    if (scope_new(mapping, &scope, err) < 0)
        return -1;
    scope_fold_case(scope, c->dst_dialect.lower_case_table_names != 0);
    return catalog_load(dst, &c->dst_dialect, scope, &c->target, err);
}

/* Finds each table at the target; those that are not there are named all at once. */
static int pair_tables(struct copy *c, struct err *err)
{
    bool fold = c->dst_dialect.lower_case_table_names != 0;
    _cleanup_(map_freep)
    struct map *by_name = map_new();
    struct faults missing = { .text = STRBUF(FAULTS_MAX) };
    char key[KEY_MAX];
    int rc;

    if (by_name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the target's tables");
    for (size_t i = 0; i < c->target->count; i++) {
        struct table *t = c->target->tables[i];

        if (map_set(by_name, key_of(t->db, t->name, fold, key), t) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the target's tables");
    }
    for (size_t i = 0; i < c->count; i++) {
        struct copy_table *t = &c->tables[i];

        t->dst = map_get(by_name, key_of(t->src->mapped_db, t->src->mapped_name, fold, key));
        if (t->dst == NULL)
            fault_table(&missing, t, "");
    }
    rc = raise_faults(&missing, ERR_TABLE_NOT_FOUND, "tables missing at the target", err);
    strbuf_done(&missing.text);
    return rc;
}

/* ---- columns that nobody fills ---- */

static bool is_carried(const struct copy_table *t, const char *column)
{
    for (size_t i = 0; i < t->carry.count; i++)
        if (strcasecmp(t->carry.columns[i].dst->name, column) == 0)
            return true;
    return false;
}

/*
 * One database of the target: columns that must have a value and have no default. Results are keyed
 * by the server's own spelling of the names, as the catalog's are.
 */
static int check_required(struct conn *dst, const char *db, const struct map *by_name,
                          struct faults *f, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    char key[KEY_MAX], why[256];
    int got;

    strbuf_adds(&sql, "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS"
                      " WHERE IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL"
                      " AND EXTRA NOT LIKE '%auto_increment%' AND EXTRA NOT LIKE '%GENERATED%'"
                      " AND EXTRA NOT LIKE '%VIRTUAL%' AND EXTRA NOT LIKE '%PERSISTENT%'"
                      " AND TABLE_SCHEMA = ");
    sql_string(&sql, db);
    if (strbuf_check(&sql, err) < 0 || conn_query(dst, sql.data, sql.len, &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *column = result_str(&r, 1, "");
        const struct copy_table *t =
            map_get(by_name, key_of(db, result_str(&r, 0, ""), false, key));

        if (t == NULL || is_carried(t, column))
            continue;
        (void)snprintf(why, sizeof(why), "column `%s` has no default and nothing fills it", column);
        fault_table(f, t, why);
    }
    return got;
}

/* Each database of the target once. */
static int check_all_required(struct copy *c, struct conn *dst, struct faults *f, struct err *err)
{
    _cleanup_(map_freep)
    struct map *by_name = map_new(), *seen = map_new();
    char key[KEY_MAX];

    if (by_name == NULL || seen == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the target's columns");
    for (size_t i = 0; i < c->count; i++) {
        struct copy_table *t = &c->tables[i];

        if (map_set(by_name, key_of(t->dst->db, t->dst->name, false, key), t) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the target's columns");
    }
    for (size_t i = 0; i < c->count; i++) {
        struct copy_table *t = &c->tables[i];

        if (map_get(seen, t->dst->db) != NULL)
            continue;
        if (map_set(seen, t->dst->db, t) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the target's columns");
        if (check_required(dst, t->dst->db, by_name, f, err) < 0)
            return -1;
    }
    return 0;
}

static int check_columns(struct copy *c, struct conn *dst, struct faults *f, struct err *err)
{
    for (size_t i = 0; i < c->count; i++) {
        struct copy_table *t = &c->tables[i];
        _cleanup_(strbuf_done)
        struct strbuf why = STRBUF(FAULTS_MAX / 2);

        if (carry_init(&t->carry, t->src, t->dst, &why, err) < 0)
            return -1;
        if (why.len > 0 || !strbuf_ok(&why))
            fault_table(f, t, strbuf_str(&why));
        else if (t->carry.count == 0)
            fault_table(f, t, "no column is selected");
    }
    return check_all_required(c, dst, f, err);
}

int target_check_tables(struct copy *c, struct conn *dst, struct err *err)
{
    struct faults f = { .text = STRBUF(FAULTS_MAX) };
    int rc;

    if (c->count == 0)
        return 0;
    if (load_target(c, dst, err) < 0 || pair_tables(c, err) < 0)
        return -1;
    rc = check_columns(c, dst, &f, err);
    if (rc == 0)
        rc = raise_faults(&f, ERR_SCHEMA_MISMATCH, "target tables do not fit", err);
    strbuf_done(&f.text);
    return rc;
}

/* ---- empty or not ---- */

/* Asks for tables [at, …) that are new; returns where it stopped. Marks those with rows in `has`.
 */
static int ask_some(struct copy *c, struct conn *dst, size_t *at, bool *has, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    unsigned asked = 0;
    int got;

    for (; *at < c->count && asked < TABLES_A_QUERY; (*at)++) {
        const struct copy_table *t = &c->tables[*at];

        if (t->known)
            continue;
        strbuf_addf(&sql, "%s(SELECT %u FROM ", asked++ > 0 ? " UNION ALL " : "", t->no);
        sql_table(&sql, t->dst->db, t->dst->name);
        strbuf_adds(&sql, " LIMIT 1)");
    }
    if (asked == 0)
        return 0;
    if (strbuf_check(&sql, err) < 0 || conn_query(dst, sql.data, sql.len, &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        uint64_t no = result_u64(&r, 0, UINT64_MAX);

        if (no < c->count)
            has[no] = true;
    }
    return got;
}

/* Rows that are there already: refused, kept, or (a table without a key, on request) removed. */
static void judge(struct copy *c, struct copy_table *t, bool has_rows, struct faults *f)
{
    t->was_empty = !has_rows;
    if (!has_rows)
        return;
    if (!c->keep_existing) {
        fault_table(f, t, "");
    } else if (t->keyless && c->truncate_keyless) {
        t->was_empty = true;
        t->attempt = 1; /* as if an attempt of ours had left the rows: the next one removes them */
        report_event(c->w->report, "WARN", "table_truncated",
                     "%s.%s has no key and holds rows: they are removed (nonePkUkTruncateDstTable)",
                     t->src->mapped_db, t->src->mapped_name);
    }
}

int target_check_empty(struct copy *c, struct conn *dst, struct err *err)
{
    _cleanup_(freep)
    bool *has = calloc(c->count + 1, sizeof(*has));
    struct faults f = { .text = STRBUF(FAULTS_MAX) };
    int rc;

    if (has == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tables", c->count);
    for (size_t at = 0; at < c->count;)
        if (ask_some(c, dst, &at, has, err) < 0)
            return -1;
    for (size_t i = 0; i < c->count; i++)
        if (!c->tables[i].known)
            judge(c, &c->tables[i], has[i], &f);
    rc = raise_faults(&f, ERR_TABLE_NOT_EMPTY, "target tables are not empty", err);
    strbuf_done(&f.text);
    return rc;
}
