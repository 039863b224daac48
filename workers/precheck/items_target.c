/* Items about the tables at the target and the control schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/mysql/control.h"
#include "workers/mysql/sqltext.h"
#include "workers/precheck/precheck_priv.h"

#include "base/banned.h"

enum { KEY_MAX = 600, ER_DBACCESS_DENIED = 1044, ER_TABLEACCESS_DENIED = 1142 };

static void table_key(const struct precheck *p, const char *db, const char *name,
                      char key[static KEY_MAX])
{
    (void)snprintf(key, KEY_MAX, "%s\1%s", db, name);
    if (p->ends[END_SINK].dialect.lower_case_table_names == 0)
        return;
    for (char *c = key; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 'a' - 'A');
}

static int load_tables_of(struct precheck *p, const char *db, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    _cleanup_(result_done)
    struct result r = { 0 };
    char key[KEY_MAX];
    int rc;

    strbuf_adds(
        &sql, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND"
              " TABLE_SCHEMA = ");
    sql_string(&sql, db);
    if (conn_query(p->ends[END_SINK].conn, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1) {
        table_key(p, db, result_str(&r, 0, ""), key);
        if (map_set(p->target_tables, key, p) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    return rc;
}

/* Once, for the items that ask. */
static int load_tables(struct precheck *p, struct err *err)
{
    _cleanup_(map_freep)
    struct map *seen = map_new();

    if (p->target_tables != NULL)
        return 0;
    p->target_tables = map_new();
    if (seen == NULL || p->target_tables == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < p->cat->count; i++) {
        const char *db = p->cat->tables[i]->mapped_db;

        if (map_get(seen, db) != NULL)
            continue;
        if (map_set(seen, db, p) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        if (load_tables_of(p, db, err) < 0)
            return -1;
    }
    return 0;
}

bool precheck_target_has(const struct precheck *p, const struct table *t)
{
    char key[KEY_MAX];

    table_key(p, t->mapped_db, t->mapped_name, key);
    return p->target_tables != NULL && map_get(p->target_tables, key) != NULL;
}

/* Without the schema step the tables have to be there. */
int item_target_tables(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list gone = NAME_LIST;
    size_t there = 0;

    (void)end;
    if (load_tables(p, err) < 0)
        return -1;
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        if (precheck_target_has(p, t))
            there++;
        else if (!p->w->task->do_struct)
            names_add(&gone, "%s.%s", t->mapped_db, t->mapped_name);
    }
    verdict_say(v, V_PASSED, "%zu of %zu tables exist at the target", there, p->cat->count);
    if (gone.count > 0) {
        verdict_say(v, V_FAILED, "missing, and the schema step is off: %s", names_text(&gone));
        verdict_advise(v, "Create them at the target, or set enableStructTransfer.");
    }
    names_done(&gone);
    return 0;
}

/* 1: has a row, 0: none. */
static int has_rows(struct precheck *p, const struct table *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    _cleanup_(result_done)
    struct result r = { 0 };

    strbuf_adds(&sql, "SELECT 1 FROM ");
    sql_table(&sql, t->mapped_db, t->mapped_name);
    strbuf_adds(&sql, " LIMIT 1");
    if (conn_query(p->ends[END_SINK].conn, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    return result_next(&r, err);
}

int item_target_empty(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    bool allowed = json_get_bool(task_full_config(p->w->task), "allowDestTableNotEmpty", false);
    struct name_list full = NAME_LIST;
    int rc = load_tables(p, err);

    (void)end;
    for (size_t i = 0; rc >= 0 && i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        if (!precheck_target_has(p, t))
            continue;
        if (precheck_late(p)) {
            verdict_say(v, V_WARNING,
                        "only %zu tables were looked at: the precheck ends after a minute", i);
            break;
        }
        rc = has_rows(p, t, err);
        if (rc == 1)
            names_add(&full, "%s.%s", t->mapped_db, t->mapped_name);
    }
    if (full.count > 0) {
        verdict_say(v, allowed ? V_WARNING : V_FAILED, "these target tables hold rows: %s",
                    names_text(&full));
        verdict_advise(
            v, allowed ? "Rows with the same key are kept as they are (allowDestTableNotEmpty)."
                       : "Empty them (TRUNCATE TABLE), or set allowDestTableNotEmpty.");
    }
    names_done(&full);
    return rc < 0 ? -1 : 0;
}

int item_cyclic(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list same = NAME_LIST;

    (void)end;
    (void)err;
    if (p->ends[END_SOURCE].uuid[0] == '\0' ||
        strcmp(p->ends[END_SOURCE].uuid, p->ends[END_SINK].uuid) != 0)
        return 0;
    /* MariaDB's "uuid" is its server id only: the same server also listens at the same place. */
    if (p->ends[END_SOURCE].dialect.flavour == FLAVOUR_MARIADB) {
        const char *a = precheck_var(p, END_SOURCE, "datadir"),
                   *b = precheck_var(p, END_SINK, "datadir");
        const char *c = precheck_var(p, END_SOURCE, "hostname"),
                   *d = precheck_var(p, END_SINK, "hostname");

        if (a == NULL || b == NULL || strcmp(a, b) != 0 || c == NULL || d == NULL ||
            strcmp(c, d) != 0)
            return 0;
    }
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        if (strcasecmp(t->db, t->mapped_db) == 0 && strcasecmp(t->name, t->mapped_name) == 0)
            names_add(&same, "%s.%s", t->db, t->name);
    }
    if (same.count > 0) {
        verdict_say(v, V_FAILED, "source and target are the same server and the same tables: %s",
                    names_text(&same));
        verdict_advise(v,
                       "Map the database or the tables to other names, or choose another target.");
    } else {
        verdict_say(v, V_PASSED, "one server, different names");
    }
    names_done(&same);
    return 0;
}

/* Making it is the proof that it can be made, and does no harm. */
int item_control(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const char *schema = p->w->task->control_schema;

    if (control_ensure(p->ends[end].conn, schema, err) < 0) {
        struct strbuf sql = STRBUF(4096);
        bool refused = err->code == ERR_DB_PRIVILEGE || err->db_errno == ER_DBACCESS_DENIED ||
                       err->db_errno == ER_TABLEACCESS_DENIED;

        grants_statement(&sql, "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP", schema,
                         p->ends[end].account == NULL ? "" : p->ends[end].account);
        if (refused)
            verdict_advise(v, "%s; or set controlSchema to another database.", strbuf_str(&sql));
        strbuf_done(&sql);
        return -1;
    }
    verdict_say(v, V_PASSED, "the control schema %s is ready", schema);
    return 0;
}
