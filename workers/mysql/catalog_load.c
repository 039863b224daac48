/*
 * Reading information_schema. One database a query: MySQL 5.6 and MariaDB open only the tables
 * that `TABLE_SCHEMA = '…'` (and `TABLE_NAME = '…'`) name, while an IN list makes them open every
 * table of the server. No joins either: their temporary tables have no indexes. All names come as
 * UTF-8 (results are not converted, and information_schema is UTF-8).
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/map.h"
#include "base/strbuf.h"
#include "workers/mysql/catalog_priv.h"
#include "workers/mysql/sqltext.h"
#include "workers/mysql/types.h"

#include "base/banned.h"

enum {
    SQL_MAX_BYTES = 64 * 1024,
    ONE_BY_ONE_MAX = 40,   /* at most so many tables are asked for by name … */
    ONE_BY_ONE_SHARE = 10, /* … and only when they are less than a tenth of their database */
};

struct reading {
    struct conn *conn;
    const char *db;
    struct map *tables; /* name -> struct table: the ones wanted */
    bool has_fks;       /* any table has one: only then their rules are asked for */
};

static int set_text(char **to, const char *text, struct err *err)
{
    if (text == NULL)
        return 0;
    free(*to);
    *to = strdup(text);
    return *to != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for a table's description");
}

/* Values of information_schema are BIGINT UNSIGNED; ours are capped instead of wrapped. */
static unsigned cap_unsigned(uint64_t v)
{
    return v > 0xffffffffU ? 0xffffffffU : (unsigned)v;
}

/* ---- names ---- */

static int add_name(struct table_list *io, const char *db, const char *name, struct err *err)
{
    struct table *t = calloc(1, sizeof(*t));
    void *tables = io->tables;
    struct table **slot;

    if (t == NULL || (slot = array_more(&tables, &io->count, sizeof(struct table *))) == NULL) {
        free(t);
        return err_set(err, ERR_NOMEM, "no memory for the catalog");
    }
    io->tables = tables;
    *slot = t;
    t->key = -1;
    if (set_text(&t->db, db, err) < 0 || set_text(&t->name, name, err) < 0 ||
        set_text(&t->mapped_db, db, err) < 0)
        return -1;
    return set_text(&t->mapped_name, name, err);
}

int catalog_list(struct conn *c, const char *db, const char *name, struct table_list *io,
                 struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX_BYTES);
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    strbuf_adds(&sql, "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
                      " WHERE TABLE_SCHEMA = ");
    sql_string(&sql, db);
    if (name != NULL) {
        strbuf_adds(&sql, " AND TABLE_NAME = ");
        sql_string(&sql, name);
    }
    /* MariaDB: tables with system versioning are tables too; sequences and views are not */
    strbuf_adds(&sql, " AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')");
    if (strbuf_check(&sql, err) < 0 || conn_query(c, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1)
        if (add_name(io, result_str(&r, 0, db), result_str(&r, 1, ""), err) < 0)
            return -1;
    return got;
}

/* ---- one query over some or all tables of a database ---- */

/* Handles a row of `r` that belongs to `t`. */
typedef int row_fn(struct reading *rd, struct table *t, const struct result *r, struct err *err);

/*
 * Runs "SELECT … FROM …" with the condition on database and, when `name` is not NULL, table; the
 * first column of the result is the table's name. Rows of other tables are skipped.
 */
static int each_row(struct reading *rd, const char *select, const char *db_column, const char *name,
                    const char *rest, row_fn *fn, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX_BYTES);
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    strbuf_addf(&sql, "%s WHERE %s = ", select, db_column);
    sql_string(&sql, rd->db);
    if (name != NULL) {
        strbuf_adds(&sql, " AND TABLE_NAME = ");
        sql_string(&sql, name);
    }
    strbuf_adds(&sql, rest);
    if (strbuf_check(&sql, err) < 0 || conn_query(rd->conn, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        struct table *t = map_get(rd->tables, result_str(&r, 0, ""));

        if (t != NULL && fn(rd, t, &r, err) < 0)
            return -1;
    }
    return got;
}

/* ---- tables ---- */

static int read_table(struct reading *rd, struct table *t, const struct result *r, struct err *err)
{
    (void)rd;
    if (set_text(&t->engine, result_str(r, 1, ""), err) < 0 ||
        set_text(&t->collation, result_str(r, 2, NULL), err) < 0 ||
        set_text(&t->create_options, result_str(r, 3, ""), err) < 0)
        return -1;
    t->rows_estimate = result_u64(r, 4, 0);
    t->data_bytes = result_u64(r, 5, 0);
    t->avg_row_bytes = result_u64(r, 6, 0);
    t->partitioned = strcasestr(t->create_options, "partitioned") != NULL;
    return 0;
}

/* ---- columns ---- */

/*
 * EXTRA: "VIRTUAL GENERATED", "STORED GENERATED" (MySQL 5.7, MariaDB 10.2), "VIRTUAL",
 * "PERSISTENT" (older MariaDB). MySQL 8's "DEFAULT_GENERATED" is a default that is an expression.
 */
static bool extra_is_generated(const char *extra)
{
    return strcasestr(extra, "VIRTUAL") != NULL || strcasestr(extra, "PERSISTENT") != NULL ||
           strcasestr(extra, "STORED GENERATED") != NULL;
}

static int fill_column(struct column *c, const struct result *r, struct err *err)
{
    const char *extra = result_str(r, 5, "");

    if (set_text(&c->name, result_str(r, 1, ""), err) < 0 ||
        set_text(&c->type_text, result_str(r, 2, ""), err) < 0 ||
        set_text(&c->data_type, result_str(r, 3, ""), err) < 0 ||
        set_text(&c->charset, result_str(r, 6, NULL), err) < 0 ||
        set_text(&c->collation, result_str(r, 7, NULL), err) < 0)
        return -1;
    c->kind = type_kind(c->data_type, &c->int_bytes);
    c->is_unsigned =
        strcasestr(c->type_text, "unsigned") != NULL && c->kind != CK_ENUM && c->kind != CK_SET;
    c->nullable = strcasecmp(result_str(r, 4, "YES"), "YES") == 0;
    c->generated = extra_is_generated(extra);
    c->invisible = strcasestr(extra, "INVISIBLE") != NULL;
    c->auto_increment = strcasestr(extra, "auto_increment") != NULL;
    c->binary_collation = column_equal_is_bytes(c);
    c->octets = cap_unsigned(result_u64(r, 9, 0));
    c->precision = cap_unsigned(result_u64(r, 10, 0));
    c->scale = cap_unsigned(result_u64(r, 11, 0));
    c->fraction = cap_unsigned(result_u64(r, 12, 0));
    c->length = cap_unsigned(result_u64(r, 8, 0));
    if (c->length == 0)
        c->length = c->kind == CK_ENUM || c->kind == CK_SET ? 0 : type_width(c->type_text);
    if (c->kind == CK_ENUM || c->kind == CK_SET)
        return type_labels(c->type_text, &c->labels, err);
    return 0;
}

static int read_column(struct reading *rd, struct table *t, const struct result *r, struct err *err)
{
    void *columns = t->columns;
    struct column *c = array_more(&columns, &t->column_count, sizeof(*c));

    (void)rd;
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table's description");
    t->columns = columns;
    return fill_column(c, r, err);
}

/* ---- indexes ---- */

static struct index *index_of(struct table *t, const char *name)
{
    /* Rows come index by index: the last one is nearly always it. */
    for (size_t i = t->index_count; i > 0; i--)
        if (strcmp(t->indexes[i - 1].name, name) == 0)
            return &t->indexes[i - 1];
    return NULL;
}

static struct index *add_index(struct table *t, const char *name, const struct result *r,
                               struct err *err)
{
    void *indexes = t->indexes;
    struct index *x = array_more(&indexes, &t->index_count, sizeof(*x));

    if (x == NULL) {
        (void)err_set(err, ERR_NOMEM, "no memory for a table's description");
        return NULL;
    }
    t->indexes = indexes;
    if (set_text(&x->name, name, err) < 0 || set_text(&x->kind, result_str(r, 5, ""), err) < 0)
        return NULL;
    x->primary = strcmp(name, "PRIMARY") == 0;
    x->unique = result_i64(r, 2, 1) == 0;
    return x;
}

static int read_index(struct reading *rd, struct table *t, const struct result *r, struct err *err)
{
    const char *name = result_str(r, 1, ""), *column = result_str(r, 3, NULL);
    struct index *x = index_of(t, name);
    int at = column == NULL ? -1 : table_column(t, column);
    unsigned *grown;

    (void)rd;
    if (x == NULL && (x = add_index(t, name, r, err)) == NULL)
        return -1;
    if (at < 0) { /* an expression: COLUMN_NAME is NULL; or a hidden column */
        x->functional = true;
        return 0;
    }
    grown = reallocarray(x->columns, x->column_count + 1, sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table's description");
    x->columns = grown;
    grown = reallocarray(x->prefix, x->column_count + 1, sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table's description");
    x->prefix = grown;
    x->columns[x->column_count] = (unsigned)at;
    x->prefix[x->column_count] = cap_unsigned(result_u64(r, 4, 0));
    x->column_count++;
    return 0;
}

/* ---- foreign keys ---- */

/*
 * KEY_COLUMN_USAGE says which there are; REFERENTIAL_CONSTRAINTS, which MariaDB hides from an
 * account that may only SELECT, what they do. SHOW CREATE TABLE tells it to such an account.
 */
static struct foreign_key *fk_of(struct table *t, const char *name)
{
    for (size_t i = t->fk_count; i > 0; i--)
        if (strcmp(t->fks[i - 1].name, name) == 0)
            return &t->fks[i - 1];
    return NULL;
}

static struct foreign_key *add_fk(struct reading *rd, struct table *t, const struct result *r,
                                  struct err *err)
{
    void *fks = t->fks;
    struct foreign_key *fk = array_more(&fks, &t->fk_count, sizeof(*fk));

    if (fk == NULL) {
        (void)err_set(err, ERR_NOMEM, "no memory for a table's description");
        return NULL;
    }
    t->fks = fks;
    if (set_text(&fk->name, result_str(r, 1, ""), err) < 0 ||
        set_text(&fk->ref_db, result_str(r, 4, rd->db), err) < 0 ||
        set_text(&fk->ref_table, result_str(r, 5, ""), err) < 0 ||
        set_text(&fk->on_update, "", err) < 0 || set_text(&fk->on_delete, "", err) < 0)
        return NULL;
    rd->has_fks = true;
    return fk;
}

static int read_fk_column(struct reading *rd, struct table *t, const struct result *r,
                          struct err *err)
{
    struct foreign_key *fk = fk_of(t, result_str(r, 1, ""));
    char **grown;

    if (fk == NULL && (fk = add_fk(rd, t, r, err)) == NULL)
        return -1;
    grown = reallocarray(fk->columns, fk->column_count + 1, sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table's description");
    fk->columns = grown;
    grown = reallocarray(fk->ref_columns, fk->column_count + 1, sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table's description");
    fk->ref_columns = grown;
    fk->columns[fk->column_count] = fk->ref_columns[fk->column_count] = NULL;
    fk->column_count++;
    if (set_text(&fk->columns[fk->column_count - 1], result_str(r, 2, ""), err) < 0)
        return -1;
    return set_text(&fk->ref_columns[fk->column_count - 1], result_str(r, 3, ""), err);
}

static int read_fk_rule(struct reading *rd, struct table *t, const struct result *r,
                        struct err *err)
{
    struct foreign_key *fk = fk_of(t, result_str(r, 1, ""));

    (void)rd;
    if (fk == NULL) /* made between the two queries: the catalog is of the moment before */
        return 0;
    if (set_text(&fk->on_update, result_str(r, 2, ""), err) < 0)
        return -1;
    return set_text(&fk->on_delete, result_str(r, 3, ""), err);
}

/* The action behind `what` in "… (`id`) ON DELETE SET NULL ON UPDATE CASCADE,": a word or two. */
static int rule_in_line(char **to, const char *line, size_t len, const char *what, struct err *err)
{
    static const char *const actions[] = { "CASCADE", "SET NULL", "SET DEFAULT", "NO ACTION",
                                           "RESTRICT" };
    const char *at = memmem(line, len, what, strlen(what));
    size_t left = at == NULL ? 0 : len - (size_t)(at - line) - strlen(what);

    for (size_t i = 0; at != NULL && i < ARRAY_SIZE(actions); i++)
        if (left >= strlen(actions[i]) &&
            strncmp(at + strlen(what), actions[i], strlen(actions[i])) == 0)
            return set_text(to, actions[i], err);
    return set_text(to, "RESTRICT", err); /* what the servers leave out */
}

static int rules_from_create(struct table *t, const char *create, struct err *err)
{
    for (size_t i = 0; i < t->fk_count; i++) {
        _cleanup_(strbuf_done)
        struct strbuf start = STRBUF(SQL_MAX_BYTES);
        struct foreign_key *fk = &t->fks[i];
        const char *line, *end;

        strbuf_adds(&start, "\n  CONSTRAINT ");
        sql_name(&start, fk->name);
        strbuf_adds(&start, " FOREIGN KEY ");
        if (strbuf_check(&start, err) < 0)
            return -1;
        line = strstr(create, strbuf_str(&start));
        if (fk->on_delete[0] != '\0' || line == NULL)
            continue;
        end = strchrnul(line + 1, '\n');
        if (rule_in_line(&fk->on_delete, line, (size_t)(end - line), " ON DELETE ", err) < 0 ||
            rule_in_line(&fk->on_update, line, (size_t)(end - line), " ON UPDATE ", err) < 0)
            return -1;
    }
    return 0;
}

static int complete_rules(struct reading *rd, struct table *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX_BYTES);
    _cleanup_(result_done)
    struct result r = { 0 };
    size_t known = 0;
    int got;

    while (known < t->fk_count && t->fks[known].on_delete[0] != '\0')
        known++;
    if (known == t->fk_count)
        return 0;
    strbuf_adds(&sql, "SHOW CREATE TABLE ");
    sql_table(&sql, t->db, t->name);
    if (strbuf_check(&sql, err) < 0 || conn_query(rd->conn, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    got = result_next(&r, err);
    return got == 1 ? rules_from_create(t, result_str(&r, 1, ""), err) : got;
}

/* ---- all parts ---- */

/* Everything about one table, or about all wanted tables of the database when `name` is NULL. */
static int read_parts(struct reading *rd, const char *name, struct err *err)
{
    if (each_row(rd,
                 "SELECT TABLE_NAME, ENGINE, TABLE_COLLATION, CREATE_OPTIONS, TABLE_ROWS,"
                 " DATA_LENGTH, AVG_ROW_LENGTH FROM information_schema.TABLES",
                 "TABLE_SCHEMA", name, "", read_table, err) < 0)
        return -1;
    if (each_row(rd,
                 "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, IS_NULLABLE, EXTRA,"
                 " CHARACTER_SET_NAME, COLLATION_NAME, CHARACTER_MAXIMUM_LENGTH,"
                 " CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION"
                 " FROM information_schema.COLUMNS",
                 "TABLE_SCHEMA", name, " ORDER BY TABLE_NAME, ORDINAL_POSITION", read_column,
                 err) < 0)
        return -1;
    if (each_row(rd,
                 "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, INDEX_TYPE"
                 " FROM information_schema.STATISTICS",
                 "TABLE_SCHEMA", name, " ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX", read_index,
                 err) < 0)
        return -1;
    if (each_row(rd,
                 "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME,"
                 " REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME"
                 " FROM information_schema.KEY_COLUMN_USAGE",
                 "TABLE_SCHEMA", name,
                 " AND REFERENCED_TABLE_NAME IS NOT NULL"
                 " ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
                 read_fk_column, err) < 0)
        return -1;
    if (!rd->has_fks)
        return 0;
    return each_row(rd,
                    "SELECT TABLE_NAME, CONSTRAINT_NAME, UPDATE_RULE, DELETE_RULE"
                    " FROM information_schema.REFERENTIAL_CONSTRAINTS",
                    "CONSTRAINT_SCHEMA", name, "", read_fk_rule, err);
}

static int finish_all(struct reading *rd, struct table **tables, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (tables[i]->column_count == 0)
            return err_set(err, ERR_TABLE_NOT_FOUND,
                           "%s: %s.%s has no columns that this account may see, or was dropped",
                           end_name(conn_endpoint(rd->conn)->end), tables[i]->db, tables[i]->name);
        if (complete_rules(rd, tables[i], err) < 0 || table_finish(tables[i], err) < 0)
            return -1;
    }
    return 0;
}

int catalog_read(struct conn *c, const struct dialect *d, struct table **tables, size_t count,
                 size_t listed, struct err *err)
{
    _cleanup_(map_freep)
    struct map *wanted = map_new();
    struct reading rd = { c, count > 0 ? tables[0]->db : "", wanted, false };
    bool by_name = count == 1 || (count <= ONE_BY_ONE_MAX && count * ONE_BY_ONE_SHARE < listed);

    (void)d; /* what is asked for exists on every server of the family */
    if (wanted == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the catalog");
    for (size_t i = 0; i < count; i++)
        if (map_set(wanted, tables[i]->name, tables[i]) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the catalog");
    for (size_t i = 0; i < (by_name ? count : 1); i++)
        if (read_parts(&rd, by_name ? tables[i]->name : NULL, err) < 0)
            return -1;
    return finish_all(&rd, tables, count, err);
}
