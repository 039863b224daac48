#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/mapping.h"
#include "workers/mysql/sqltext.h"
#include "workers/schema/schema_priv.h"

#include "base/banned.h"

enum { KEY_MAX = 600, RETRY_PAUSE_MS = 1000 };

/* Best effort: older servers don't have them, plain accounts may not set some. */
static const char *const target_settings[] = {
    "explicit_defaults_for_timestamp=1",    "innodb_strict_mode=0",
    "sql_generate_invisible_primary_key=0", "sql_require_primary_key=0",
    "restrict_fk_on_non_standard_key=0",
};

static void lower_key(const struct dialect *d, const char *db, const char *name,
                      char key[static KEY_MAX])
{
    (void)snprintf(key, KEY_MAX, "%s\1%s", db, name);
    if (d->lower_case_table_names != 0)
        for (char *p = key; *p != '\0'; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p + 'a' - 'A');
}

static void set_up_sessions(struct schema_ctx *c)
{
    struct err ignored = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(target_settings); i++)
        (void)conn_execf(c->dst, &ignored, "SET SESSION %s", target_settings[i]);
    (void)conn_execf(c->src, &ignored,
                     "SET SESSION show_gipk_in_create_table_and_information_schema=1");
}

static int add_database(struct schema_ctx *c, const char *name, const char *collation,
                        struct err *err)
{
    struct database *grown = realloc(c->dbs, (c->db_count + 1) * sizeof(*grown));
    struct database *d;
    char buf[SCOPE_NAME_MAX];
    const char *mapped = scope_mapped_db(c->scope, name, buf);

    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->dbs = grown;
    d = &grown[c->db_count++];
    *d = (struct database){ .name = strdup(name),
                            .mapped = mapped == NULL ? NULL : strdup(mapped),
                            .collation = strdup(collation),
                            .whole = scope_whole_db(c->scope, name) };
    if (d->name == NULL || d->collation == NULL || (mapped != NULL && d->mapped == NULL))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static int load_databases(struct schema_ctx *c, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int rc;

    if (conn_queryf(c->src, &r, err,
                    "SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
                    " ORDER BY SCHEMA_NAME") < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1) {
        const char *name = result_str(&r, 0, "");

        if (scope_is_system_db(name) || !scope_may_match_db(c->scope, name))
            continue;
        if (add_database(c, name, result_str(&r, 1, "utf8mb4_general_ci"), err) < 0)
            return -1;
    }
    return rc;
}

static int add_name(struct schema_ctx *c, const char *key, const char *db, const char *name,
                    struct err *err)
{
    struct renamed *n = calloc(1, sizeof(*n));

    if (n == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    n->db = strdup(db);
    n->name = name == NULL ? NULL : strdup(name);
    if (n->db == NULL || (name != NULL && n->name == NULL) || map_get(c->names, key) != NULL ||
        map_set(c->names, key, n) < 0) {
        bool twice = map_get(c->names, key) != NULL;

        free(n->db);
        free(n->name);
        free(n);
        return twice ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    return 0;
}

/* Views in scope, for references from other views and from routines. */
static int load_view_names(struct schema_ctx *c, const char *db, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    _cleanup_(result_done)
    struct result r = { 0 };
    char key[KEY_MAX];
    int rc;

    strbuf_adds(&sql, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'VIEW'"
                      " AND TABLE_SCHEMA = ");
    sql_string(&sql, db);
    if (conn_query(c->src, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1) {
        struct scope_object o = { 0 };
        const char *name = result_str(&r, 0, "");
        int m = scope_match(c->scope, SCOPE_VIEW, db, name, &o, err);

        (void)snprintf(key, sizeof(key), "%s\1%s", db, name);
        if (m == 1 && add_name(c, key, o.mapped_db, o.mapped_name, err) < 0)
            m = -1;
        if (m == 1)
            scope_object_done(&o);
        if (m < 0)
            return -1;
    }
    return rc;
}

static int load_names(struct schema_ctx *c, struct err *err)
{
    char key[KEY_MAX];

    for (size_t i = 0; i < c->db_count; i++) {
        if (c->dbs[i].mapped != NULL &&
            add_name(c, c->dbs[i].name, c->dbs[i].mapped, NULL, err) < 0)
            return -1;
        if (load_view_names(c, c->dbs[i].name, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < c->cat->count; i++) {
        const struct table *t = c->cat->tables[i];

        (void)snprintf(key, sizeof(key), "%s\1%s", t->db, t->name);
        if (add_name(c, key, t->mapped_db, t->mapped_name, err) < 0)
            return -1;
    }
    return 0;
}

static int load_existing_of(struct schema_ctx *c, const char *db, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    _cleanup_(result_done)
    struct result r = { 0 };
    char key[KEY_MAX];
    int rc;

    strbuf_adds(&sql, "SELECT TABLE_NAME, TABLE_TYPE = 'VIEW' FROM information_schema.TABLES"
                      " WHERE TABLE_SCHEMA = ");
    sql_string(&sql, db);
    if (conn_query(c->dst, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1) {
        /* the value tells which: see ctx_existing */
        void *kind = result_i64(&r, 1, 0) != 0 ? (void *)c->existing : (void *)c->names;

        lower_key(&c->to, db, result_str(&r, 0, ""), key);
        if (map_set(c->existing, key, kind) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    return rc;
}

static int load_existing(struct schema_ctx *c, struct err *err)
{
    _cleanup_(map_freep)
    struct map *seen = map_new();
    const struct renamed *n;
    const char *key;
    void *value;
    size_t pos = 0;

    c->existing = map_new();
    if (seen == NULL || c->existing == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    while (map_next(c->names, &pos, &key, &value)) {
        n = value;
        if (map_get(seen, n->db) != NULL)
            continue;
        if (map_set(seen, n->db, c) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        if (load_existing_of(c, n->db, err) < 0)
            return -1;
    }
    return 0;
}

int ctx_existing(const struct schema_ctx *c, const char *db, const char *name)
{
    char key[KEY_MAX];
    const void *v;

    lower_key(&c->to, db, name, key);
    v = map_get(c->existing, key);
    if (v == NULL)
        return CTX_NONE;
    return v == c->existing ? CTX_VIEW : CTX_TABLE;
}

static int open_end(struct worker *w, enum end e, struct conn **ret, struct dialect *d,
                    struct err *err)
{
    static const struct conn_options plain = { 0 };
    int rc =
        conn_open_retry(&w->task->ends[e], &plain, w->report, w->task->retry_minutes, ret, err);

    return rc != 0 ? rc : dialect_detect(*ret, d, err);
}

static int take_over(struct schema_ctx *c, struct err *err)
{
    const struct task *t = c->w->task;

    if (control_ensure(c->dst, t->control_schema, err) < 0 ||
        control_take_epoch(c->dst, t->control_schema, t->project_id, "schema", 1, &c->fence, err) <
            0)
        return -1;
    return control_register(c->dst, &c->fence, err);
}

int ctx_open(struct schema_ctx *c, struct worker *w, struct err *err)
{
    int rc;

    *c = (struct schema_ctx){ .w = w };
    rc = open_end(w, END_SOURCE, &c->src, &c->from, err);
    if (rc == 0)
        rc = open_end(w, END_SINK, &c->dst, &c->to, err);
    if (rc != 0)
        return rc;
    set_up_sessions(c);
    c->names = map_new();
    c->check_names = map_new();
    if (c->names == NULL || c->check_names == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (map_overrides_read(task_struct_config(w->task), &c->overrides, err) < 0)
        return -1;
    if (take_over(c, err) < 0 || conn_value(c->dst, "SELECT @@sql_mode", &c->sql_mode, err) < 0 ||
        scope_new(task_mapping(w->task), &c->scope, err) < 0)
        return -1;
    scope_fold_case(c->scope, c->from.lower_case_table_names != 0);
    if (catalog_load(c->src, &c->from, c->scope, &c->cat, err) < 0 || load_databases(c, err) < 0 ||
        load_names(c, err) < 0 || dialect_collations(c->dst, &c->collations, err) < 0)
        return -1;
    return load_existing(c, err);
}

void ctx_close(struct schema_ctx *c)
{
    const char *key;
    void *value;
    size_t pos = 0;

    while (c->names != NULL && map_next(c->names, &pos, &key, &value)) {
        struct renamed *n = value;

        free(n->db);
        free(n->name);
        free(n);
    }
    map_free(c->names);
    map_free(c->check_names);
    map_free(c->collations);
    map_free(c->overrides);
    map_free(c->existing);
    for (size_t i = 0; i < c->db_count; i++) {
        free(c->dbs[i].name);
        free(c->dbs[i].mapped);
        free(c->dbs[i].collation);
    }
    free(c->dbs);
    free(c->sql_mode);
    notes_done(&c->notes);
    catalog_free(c->cat);
    scope_free(c->scope);
    conn_close(c->src);
    conn_close(c->dst);
    *c = (struct schema_ctx){ 0 };
}

int schema_with_retries(struct worker *w, int (*fn)(struct schema_ctx *c, struct err *err),
                        struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)w->task->retry_minutes * 60 * 1000;

    for (;;) {
        struct schema_ctx c;
        int rc = ctx_open(&c, w, err);

        if (rc == 0)
            rc = fn(&c, err);
        ctx_close(&c);
        if (rc >= 0)
            return rc;
        if (report_stopping(w->report))
            return STAGE_STOPPED;
        if (!err_retryable(err) || clock_mono_ms() >= until)
            return -1;
        report_error(w->report, err, true);
        if (report_sleep(w->report, RETRY_PAUSE_MS))
            return STAGE_STOPPED;
        err_reset(err);
    }
}

int ctx_ddl(struct schema_ctx *c, const char *sql, const char *what, struct err *err)
{
    return ctx_ddl_on(c, c->dst, sql, what, err);
}

int ctx_ddl_on(const struct schema_ctx *c, struct conn *dst, const char *sql, const char *what,
               struct err *err)
{
    struct err refused;

    if (control_check(dst, &c->fence, err) < 0)
        return -1;
    if (conn_exec(dst, sql, strlen(sql), NULL, err) == 0)
        return 0;
    if (err_retryable(err) || (err->code != ERR_DB_QUERY && err->code != ERR_TABLE_NOT_FOUND &&
                               err->code != ERR_VALUE && err->code != ERR_NOT_SUPPORTED))
        return err_wrap(err, "create %s", what);
    refused = *err;
    (void)err_set(err, ERR_SCHEMA_CONVERT, "create %s: %s", what, refused.message);
    err->db_errno = refused.db_errno;
    return -1;
}

enum index_policy schema_index_policy(const struct task *t)
{
    struct json_object *config = task_struct_config(t);
    const char *how = json_get_str(config, "indexMigration", "");

    if (strcasecmp(how, "NONE") == 0)
        return INDEX_NONE;
    /* Without a copy there is nothing to be later than. */
    if (t->do_full &&
        (json_get_bool(config, "deferIndexCreation", false) || strcasecmp(how, "AFTER_COPY") == 0))
        return INDEX_AFTER_COPY;
    return t->do_full && strcasecmp(how, "AUTO") == 0 ? INDEX_AUTO : INDEX_WITH_TABLE;
}

bool schema_wants_triggers(const struct task *t)
{
    /* those put off until the switchover are made by its worker alone */
    const char *when =
        strcmp(t->kind, "switch") == 0 ? "WITH_TRANSFER_APP_SWITCH" : "WITH_STRUCT_TRANSFER";

    return strcasecmp(json_get_str(task_struct_config(t), "triggerMigrationType", ""), when) == 0;
}

bool schema_wants_events(const struct task *t)
{
    struct json_object *config = task_struct_config(t);

    return json_get_bool(config, "eventMigration", false) ||
           strcasecmp(json_get_str(config, "eventMigration", ""), "WITH_STRUCT_TRANSFER") == 0;
}

static void tell_table(struct schema_ctx *c, const struct table *t, const char *source,
                       const char *sql, size_t noted)
{
    _cleanup_(strbuf_done)
    struct strbuf notes = STRBUF(64 * 1024);

    notes_text(&c->notes, noted, &notes);
    report_converted(c->w->report, &(struct converted_report){ .kind = "TABLE",
                                                               .db = t->db,
                                                               .name = t->name,
                                                               .target_db = t->mapped_db,
                                                               .target_name = t->mapped_name,
                                                               .source = source,
                                                               .sql = sql,
                                                               .notes = strbuf_str(&notes) });
}

int schema_create_text(struct schema_ctx *c, const struct table *t, enum index_policy policy,
                       struct create_result *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    _cleanup_(result_done)
    struct result r = { 0 };
    struct scope_object o = { 0 };
    size_t noted;
    int rc;

    strbuf_adds(&sql, "SHOW CREATE TABLE ");
    sql_table(&sql, t->db, t->name);
    if (conn_query(c->src, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    rc = result_next(&r, err);
    if (rc <= 0 || r.columns < 2 || r.row[1] == NULL)
        return rc < 0 ? -1
                      : err_set(err, ERR_TABLE_NOT_FOUND,
                                "SHOW CREATE TABLE %s.%s answered nothing", t->db, t->name);
    if (scope_match(c->scope, SCOPE_TABLE, t->db, t->name, &o, err) < 0)
        return -1;
    noted = c->notes.count;
    rc = create_table_text(
        &(struct create_job){ .text = r.row[1],
                              .text_len = r.lengths[1],
                              .table = t,
                              .columns = o.columns,
                              .from = &c->from,
                              .to = &c->to,
                              .collations = c->collations,
                              .overrides = c->overrides,
                              .check_names = c->check_names,
                              .with_indexes = policy == INDEX_WITH_TABLE || policy == INDEX_AUTO,
                              .list_indexes = policy == INDEX_AUTO },
        ret, &c->notes, err);
    scope_object_done(&o);
    if (rc == 0)
        tell_table(c, t, r.row[1], ret->sql, noted);
    return rc;
}
