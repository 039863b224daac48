/* Items about privileges: exactly what the configured steps need, and the GRANT that mends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/precheck/precheck_priv.h"

#include "base/banned.h"

/* Databases looked at so far and what they lack: one GRANT a database. */
struct needs {
    struct precheck *p;
    enum end end;
    struct verdict *v;
    enum verdict_status severity;
};

static const char *account(const struct needs *n)
{
    const char *a = n->p->ends[n->end].account;

    return a == NULL ? "" : a;
}

/* Those of `wanted` (",": separated) that are not given on db (and table). */
static void missing(const struct needs *n, const char *wanted, const char *db, const char *table,
                    struct strbuf *out)
{
    while (*wanted != '\0') {
        size_t len = strcspn(wanted, ",");
        char one[64];

        (void)snprintf(one, sizeof(one), "%.*s", (int)MIN(len, sizeof(one) - 1), wanted);
        if (!grants_has(n->p->ends[n->end].grants, one, db, table))
            strbuf_addf(out, "%s%s", out->len > 0 ? ", " : "", one);
        wanted += len + (wanted[len] == ',');
    }
}

static void tell(const struct needs *n, const char *privileges, const char *db)
{
    struct strbuf sql = STRBUF(8192);

    verdict_say(n->v, n->severity, "account %s lacks %s on %s%s", account(n), privileges,
                db == NULL ? "*" : db, ".*");
    grants_statement(&sql, privileges, db, account(n));
    verdict_advise(n->v, "%s;", strbuf_str(&sql));
    strbuf_done(&sql);
}

/* On the whole server. */
static void need_global(const struct needs *n, const char *wanted)
{
    struct strbuf lacks = STRBUF(4096);

    missing(n, wanted, NULL, NULL, &lacks);
    if (lacks.len > 0)
        tell(n, strbuf_str(&lacks), NULL);
    strbuf_done(&lacks);
}

static void need_db(const struct needs *n, const char *wanted, const char *db)
{
    struct strbuf lacks = STRBUF(4096);

    missing(n, wanted, db, NULL, &lacks);
    if (lacks.len > 0)
        tell(n, strbuf_str(&lacks), db);
    strbuf_done(&lacks);
}

/* On every table of the catalog, source or mapped names; each database is told once. */
static void need_tables(const struct needs *n, const char *wanted)
{
    const struct catalog *cat = n->p->cat;
    const char *told = NULL;

    for (size_t i = 0; cat != NULL && i < cat->count; i++) {
        const struct table *t = cat->tables[i];
        const char *db = n->end == END_SOURCE ? t->db : t->mapped_db;
        const char *name = n->end == END_SOURCE ? t->name : t->mapped_name;
        struct strbuf lacks = STRBUF(4096);

        if (told != NULL && strcmp(told, db) == 0) {
            strbuf_done(&lacks);
            continue;
        }
        missing(n, wanted, db, name, &lacks);
        if (lacks.len > 0) {
            tell(n, strbuf_str(&lacks), db);
            told = db;
        }
        strbuf_done(&lacks);
    }
}

/* Databases of the mapping that are selected whole or by name: fn for each. */
static void each_database(const struct needs *n, bool whole_only,
                          void (*fn)(const struct needs *n, const char *wanted, const char *db),
                          const char *wanted)
{
    struct json_object *list = json_get_array(task_mapping(n->p->w->task), "databases");

    for (size_t i = 0; i < json_len(list); i++) {
        struct json_object *o = json_at(list, i);
        const char *name = json_get_str(o, "name", NULL), *mapped;
        char buf[SCOPE_NAME_MAX];

        if (name == NULL || (whole_only && !scope_whole_db(n->p->scope, name)))
            continue;
        mapped = scope_mapped_db(n->p->scope, name, buf);
        fn(n, wanted, n->end == END_SOURCE || mapped == NULL ? name : mapped);
    }
}

int item_full_read(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct needs n = { p, end, v, V_FAILED };

    (void)err;
    if (p->cat == NULL) /* a table it may not see is one that is not there */
        each_database(&n, false, need_db, "SELECT");
    need_tables(&n, "SELECT");
    return 0;
}

int item_incr_read(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct needs n = { p, end, v, V_FAILED };
    const struct dialect *d = &p->ends[end].dialect;

    (void)err;
    need_global(&n, "REPLICATION SLAVE,REPLICATION CLIENT");
    need_tables(&n, "SELECT");
    if (d->flavour != FLAVOUR_MARIADB && !d->gtid_mysql &&
        !grants_has(p->ends[end].grants, "RELOAD", NULL, NULL)) {
        n.severity = V_WARNING;
        need_global(&n, grants_has(p->ends[end].grants, "PROCESS", NULL, NULL) ? "RELOAD"
                                                                               : "RELOAD,PROCESS");
    }
    return 0;
}

static bool wants(const struct task *t, const char *key)
{
    struct json_object *config = task_struct_config(t);

    return json_get_bool(config, key, false) ||
           strcasecmp(json_get_str(config, key, ""), "WITH_STRUCT_TRANSFER") == 0;
}

/* Routines' text: MySQL 8 has a privilege for it, the others show it to who may read mysql.proc. */
static void need_routines(const struct needs *n)
{
    const struct grants *g = n->p->ends[n->end].grants;
    const struct dialect *d = &n->p->ends[n->end].dialect;
    struct strbuf sql = STRBUF(4096);

    if (grants_has(g, "SELECT", NULL, NULL) || grants_has(g, "SELECT", "mysql", "proc"))
        return;
    if (d->flavour != FLAVOUR_MARIADB && d->version >= 80020) {
        if (!grants_has(g, "SHOW_ROUTINE", NULL, NULL))
            need_global(n, "SHOW_ROUTINE");
        return;
    }
    verdict_say(n->v, n->severity, "account %s may not see the text of routines", account(n));
    grants_statement(&sql, "SELECT", "mysql", account(n));
    verdict_advise(n->v, "%s;", strbuf_str(&sql));
    strbuf_done(&sql);
}

int item_struct_read(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct needs n = { p, end, v, V_FAILED };
    bool whole = false;
    struct json_object *list = json_get_array(task_mapping(p->w->task), "databases");

    (void)err;
    for (size_t i = 0; i < json_len(list); i++)
        whole = whole || scope_whole_db(p->scope, json_get_str(json_at(list, i), "name", ""));
    need_tables(&n, "SELECT");
    n.severity = V_WARNING; /* views, routines: only when there are any */
    each_database(&n, false, need_db, "SHOW VIEW");
    if (whole)
        need_routines(&n);
    if (wants(p->w->task, "triggerMigrationType"))
        each_database(&n, true, need_db, "TRIGGER");
    if (wants(p->w->task, "eventMigration"))
        each_database(&n, true, need_db, "EVENT");
    return 0;
}

/*
 * A server with a binlog wants SUPER of who creates a function, and of the function that it says to
 * be harmless (DETERMINISTIC, NO SQL, READS SQL DATA): one that the source took without may come.
 * Source: MySQL manual, "Stored Program Binary Logging".
 */
static void function_creators(const struct needs *n, const char *what)
{
    static const char trust[] = "log_bin_trust_function_creators";
    const struct precheck *p = n->p;

    if (!precheck_on(p, n->end, "log_bin") || precheck_var(p, n->end, trust) == NULL ||
        precheck_on(p, n->end, trust))
        return;
    if (!grants_has(p->ends[n->end].grants, "SUPER", NULL, NULL))
        verdict_say(n->v, V_WARNING, "%s is OFF: %s can't be created by an account without SUPER",
                    trust, what);
    else if (p->ends[END_SOURCE].conn != NULL && precheck_on(p, END_SOURCE, trust))
        verdict_say(n->v, V_WARNING,
                    "%s is OFF, but ON at the source: a function that does not say DETERMINISTIC, "
                    "NO SQL or READS SQL DATA can't be created",
                    trust);
    else
        return;
    verdict_advise(n->v, "SET GLOBAL %s = ON; at the target.", trust);
}

int item_create(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct needs n = { p, end, v, V_FAILED };

    (void)err;
    need_tables(&n, "CREATE,ALTER,INDEX,REFERENCES");
    each_database(&n, false, need_db, "CREATE,CREATE VIEW");
    each_database(&n, true, need_db, "CREATE ROUTINE");
    if (wants(p->w->task, "triggerMigrationType"))
        each_database(&n, true, need_db, "TRIGGER");
    if (wants(p->w->task, "eventMigration"))
        each_database(&n, true, need_db, "EVENT");
    function_creators(&n, "functions and triggers");
    return 0;
}

int item_write(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct needs n = { p, end, v, V_FAILED };
    struct json_object *ddl = json_get_array(task_incr_config(p->w->task), "supportDDLTypes");
    bool functions = scope_any_ddl(p->scope, "CREATE_FUNCTION");

    (void)err;
    need_tables(&n, "SELECT,INSERT,UPDATE,DELETE");
    if (end == END_SINK && p->w->task->do_incr &&
        (json_len(ddl) > 0 || scope_any_ddl(p->scope, NULL)))
        each_database(&n, false, need_db, "CREATE,ALTER,DROP,INDEX");
    for (size_t i = 0; i < json_len(ddl); i++) {
        const char *kind = json_at_str(ddl, i);

        functions = functions || (kind != NULL && strcasecmp(kind, "CREATE_FUNCTION") == 0);
    }
    if (p->w->task->do_incr && functions)
        function_creators(&n, "functions that come by CREATE FUNCTION");
    return 0;
}
