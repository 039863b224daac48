/* Views, routines, triggers and events of the source, and their creation at the target. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/mapping.h"
#include "workers/mysql/sqltext.h"
#include "workers/schema/schema_priv.h"

#include "base/banned.h"

/* clang-format off */
/* How SHOW CREATE of each kind is asked, and in which columns it answers. */
static const struct kind_row {
    const char *name, *keyword;
    const char *text_column;
    int (*rewrite)(const struct rewrite_job *job, char **ret, struct err *err);
} kinds[] = {
    [OBJ_VIEW]      = { "view", "VIEW", "Create View", rewrite_view },
    [OBJ_FUNCTION]  = { "function", "FUNCTION", "Create Function", rewrite_routine },
    [OBJ_PROCEDURE] = { "procedure", "PROCEDURE", "Create Procedure", rewrite_routine },
    [OBJ_TRIGGER]   = { "trigger", "TRIGGER", "SQL Original Statement", NULL },
    [OBJ_EVENT]     = { "event", "EVENT", "Create Event", rewrite_event },
    [OBJ_SEQUENCE]  = { "sequence", NULL, NULL, NULL },
};
/* clang-format on */

const char *object_kind_name(enum object_kind k)
{
    return kinds[k].name;
}

void objects_done(struct objects *o)
{
    for (size_t i = 0; i < o->count; i++) {
        struct object *x = &o->list[i];

        free(x->db);
        free(x->name);
        free(x->mapped_db);
        free(x->mapped_name);
        free(x->table);
        free(x->text);
        free(x->sql_mode);
        free(x->client);
        free(x->collation);
        free(x->time_zone);
        free(x->failure);
    }
    free(o->list);
    *o = (struct objects){ 0 };
}

static struct object *objects_add(struct objects *o, enum object_kind kind, const char *db,
                                  const char *name, const char *mapped_db, const char *mapped_name)
{
    struct object *x;

    if (o->count == o->cap) {
        size_t cap = o->cap == 0 ? 16 : o->cap * 2;
        struct object *grown = realloc(o->list, cap * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        o->list = grown;
        o->cap = cap;
    }
    x = &o->list[o->count++];
    *x = (struct object){ .kind = kind,
                          .db = strdup(db),
                          .name = strdup(name),
                          .mapped_db = strdup(mapped_db),
                          .mapped_name = strdup(mapped_name) };
    return x->db == NULL || x->name == NULL || x->mapped_db == NULL || x->mapped_name == NULL ? NULL
                                                                                              : x;
}

static char *copy_column(const struct result *r, const char *column)
{
    const char *text = result_str(r, result_column(r, column), NULL);

    return text == NULL ? NULL : strdup(text);
}

/* Asks for the text of one object, in utf8mb4 whatever its author's client spoke. */
static int read_text(struct schema_ctx *c, struct object *x, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    _cleanup_(result_done)
    struct result r = { 0 };
    struct err later = { 0 };
    int rc;

    strbuf_addf(&sql, "SHOW CREATE %s ", kinds[x->kind].keyword);
    sql_table(&sql, x->db, x->name);
    if (conn_execf(c->src, err, "SET SESSION character_set_results = utf8mb4") < 0)
        return -1;
    rc = conn_query(c->src, strbuf_str(&sql), sql.len, &r, err);
    if (rc == 0)
        rc = result_next(&r, err);
    if (rc == 1) {
        x->text = copy_column(&r, kinds[x->kind].text_column);
        x->sql_mode = copy_column(&r, "sql_mode");
        x->client = copy_column(&r, "character_set_client");
        x->collation = copy_column(&r, "collation_connection");
        x->time_zone = copy_column(&r, "time_zone");
    }
    if (conn_execf(c->src, &later, "SET SESSION character_set_results = NULL") < 0 && rc >= 0) {
        *err = later;
        return -1;
    }
    if (rc < 0)
        return err_wrap(err, "read %s %s.%s", kinds[x->kind].name, x->db, x->name);
    if (x->text == NULL) {
        (void)err_set(err, ERR_DB_PRIVILEGE, "the source account may not see the text of %s %s.%s",
                      kinds[x->kind].name, x->db, x->name);
        return err_advise(err,
                          "grant it what docs/privileges.md names for routines, or leave them out");
    }
    return 0;
}

/* Its literals have the character set and collation of the connection it was made by. */
static int judge_collation(struct schema_ctx *c, struct object *x, const char *what,
                           struct err *err)
{
    const struct create_job job = { .to = &c->to,
                                    .collations = c->collations,
                                    .overrides = c->overrides };
    char mapped[MAP_NAME_MAX];

    if (x->collation == NULL || !create_collation(&job, what, x->collation, mapped, &c->notes))
        return 0;
    free(x->collation);
    x->collation = strdup(mapped);
    return x->collation == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

/* What keeps the text from meaning at the target what it means here goes to the notes. */
static int judge(struct schema_ctx *c, struct object *x, struct err *err)
{
    struct tokens t = { 0 };
    const char *text = x->text == NULL ? "" : x->text; /* read_text() has seen to it */
    char what[600];

    (void)snprintf(what, sizeof(what), "%s %s.%s", kinds[x->kind].name, x->db, x->name);
    if (tokens_read(text, strlen(text), x->sql_mode, &t, err) < 0)
        return err_wrap(err, "%s", what);
    if (!rewrite_bytes_kept(&t, x->client))
        notes_add(&c->notes, NOTE_REFUSED, what, REWRITE_BYTES_LOST, x->client);
    tokens_done(&t);
    return judge_collation(c, x, what, err);
}

/* A list query with %s in place of the database's name; columns: name[, table]. */
struct listing {
    struct schema_ctx *c;
    struct objects *out;
    enum object_kind kind;
    const char *sql;
};

static int list_add(const struct listing *l, const struct database *d, const struct result *r,
                    struct err *err)
{
    const char *name = result_str(r, 0, ""), *table = r->columns > 1 ? result_str(r, 1, "") : NULL;
    struct scope_object o = { 0 };
    struct object *x;
    int m = 1;

    if (table != NULL || l->kind == OBJ_VIEW || l->kind == OBJ_SEQUENCE)
        m = scope_match(l->c->scope, l->kind == OBJ_VIEW ? SCOPE_VIEW : SCOPE_TABLE, d->name,
                        table != NULL ? table : name, &o, err);
    if (m <= 0)
        return m;
    x = objects_add(l->out, l->kind, d->name, name, o.mapped_db != NULL ? o.mapped_db : d->mapped,
                    o.mapped_name != NULL && table == NULL ? o.mapped_name : name);
    if (x != NULL && table != NULL)
        x->table = strdup(o.mapped_name != NULL ? o.mapped_name : table);
    scope_object_done(&o);
    return x == NULL || (table != NULL && x->table == NULL)
               ? err_set(err, ERR_NOMEM, "out of memory")
               : 0;
}

static int list_one(const struct listing *l, const struct database *d, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    _cleanup_(result_done)
    struct result r = { 0 };
    const char *at = strstr(l->sql, "%s");
    int rc;

    strbuf_add(&sql, l->sql, (size_t)(at - l->sql));
    sql_string(&sql, d->name);
    strbuf_adds(&sql, at + 2);
    if (conn_query(l->c->src, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1)
        if (list_add(l, d, &r, err) < 0)
            return -1;
    return rc;
}

/* Of every database in scope, or of those selected whole; then the text of each object. */
static int list_all(const struct listing *l, bool whole_only, struct err *err)
{
    size_t from = l->out->count;

    for (size_t i = 0; i < l->c->db_count; i++) {
        const struct database *d = &l->c->dbs[i];

        if (whole_only && (!d->whole || d->mapped == NULL))
            continue;
        if (list_one(l, d, err) < 0)
            return -1;
    }
    for (size_t i = from; i < l->out->count && kinds[l->kind].keyword != NULL; i++)
        if (read_text(l->c, &l->out->list[i], err) < 0 || judge(l->c, &l->out->list[i], err) < 0)
            return -1;
    return 0;
}

int objects_views(struct schema_ctx *c, struct objects *ret, struct err *err)
{
    return list_all(&(struct listing){ c, ret, OBJ_VIEW,
                                       "SELECT TABLE_NAME FROM information_schema.TABLES WHERE"
                                       " TABLE_TYPE = 'VIEW' AND TABLE_SCHEMA = %s ORDER BY 1" },
                    false, err);
}

int objects_routines(struct schema_ctx *c, struct objects *ret, struct err *err)
{
    if (list_all(
            &(struct listing){ c, ret, OBJ_FUNCTION,
                               "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE"
                               " ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_SCHEMA = %s ORDER BY 1" },
            true, err) < 0)
        return -1;
    return list_all(
        &(struct listing){ c, ret, OBJ_PROCEDURE,
                           "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE"
                           " ROUTINE_TYPE = 'PROCEDURE' AND ROUTINE_SCHEMA = %s ORDER BY 1" },
        true, err);
}

int objects_events(struct schema_ctx *c, struct objects *ret, struct err *err)
{
    return list_all(&(struct listing){ c, ret, OBJ_EVENT,
                                       "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE"
                                       " EVENT_SCHEMA = %s ORDER BY 1" },
                    true, err);
}

int objects_triggers(struct schema_ctx *c, struct objects *ret, struct err *err)
{
    return list_all(&(struct listing){ c, ret, OBJ_TRIGGER,
                                       "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM"
                                       " information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s"
                                       " ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING,"
                                       " EVENT_MANIPULATION, ACTION_ORDER" },
                    true, err);
}

int objects_uncarried(struct schema_ctx *c, struct err *err)
{
    struct objects found = { 0 };
    int rc;

    if (!map_is_mariadb(&c->from))
        return 0;
    rc = list_all(&(struct listing){ c, &found, OBJ_SEQUENCE,
                                     "SELECT TABLE_NAME FROM information_schema.TABLES WHERE"
                                     " TABLE_TYPE = 'SEQUENCE' AND TABLE_SCHEMA = %s" },
                  false, err);
    for (size_t i = 0; i < found.count; i++) {
        const struct object *x = &found.list[i];
        char what[600];

        (void)snprintf(what, sizeof(what), "%s %s.%s", kinds[x->kind].name, x->db, x->name);
        notes_add(&c->notes, NOTE_DROPPED, what,
                  "sequences are not carried; create it at the target");
    }
    objects_done(&found);
    return rc;
}

/* The literals of its text must mean what they meant: sql_mode, collation and time zone of its
 * making. */
static int object_session(struct schema_ctx *c, const struct object *o, struct err *err)
{
    char mode[1024], name[SQL_NAME_MAX];
    struct err ignored = { 0 };

    /* A view names the functions of its own database without the database. */
    if (conn_execf(c->dst, err, "USE %s", sql_name_text(o->mapped_db, name)) < 0)
        return -1;
    if (o->sql_mode != NULL) {
        map_sql_mode(&c->to, o->sql_mode, mode, sizeof(mode));
        if (conn_execf(c->dst, err, "SET SESSION sql_mode = '%s'", mode) < 0)
            return -1;
    }
    if (o->collation != NULL && conn_execf(c->dst, err, "SET SESSION collation_connection = %s",
                                           sql_name_text(o->collation, name)) < 0)
        return -1;
    if (o->time_zone != NULL && strchr(o->time_zone, '\'') == NULL &&
        strchr(o->time_zone, '\\') == NULL)
        (void)conn_execf(c->dst, &ignored, "SET SESSION time_zone = '%s'", o->time_zone);
    return 0;
}

static int object_session_back(struct schema_ctx *c, struct err *err)
{
    return conn_execf(c->dst, err,
                      "SET SESSION sql_mode = '%s', character_set_connection = utf8mb4,"
                      " time_zone = '+00:00'",
                      c->sql_mode);
}

static void tell_object(struct schema_ctx *c, const struct object *o, const char *sql)
{
    static const char *const words[] = {
        [OBJ_VIEW] = "VIEW",       [OBJ_FUNCTION] = "FUNCTION", [OBJ_PROCEDURE] = "PROCEDURE",
        [OBJ_TRIGGER] = "TRIGGER", [OBJ_EVENT] = "EVENT",       [OBJ_SEQUENCE] = "SEQUENCE"
    };
    bool definer = strstr(o->text, "DEFINER") != NULL;

    report_converted(
        c->w->report,
        &(struct converted_report){
            .kind = words[o->kind],
            .db = o->db,
            .name = o->name,
            .target_db = o->mapped_db,
            .target_name = o->mapped_name,
            .source = o->text,
            .sql = sql,
            .notes = definer ? "left out: its DEFINER; the migrating account becomes it" : "" });
}

int object_create(struct schema_ctx *c, const struct object *o, struct err *err)
{
    struct rewrite_job job = { .text = o->text,
                               .sql_mode = o->sql_mode,
                               .db = o->db,
                               .mapped_db = o->mapped_db,
                               .mapped_name = o->mapped_name,
                               .names = c->names,
                               .overrides = c->overrides,
                               .to = &c->to };
    _cleanup_(freep)
    char *sql = NULL;
    struct err later = { 0 };
    char what[600];
    int rc;

    rc = o->kind == OBJ_TRIGGER ? rewrite_trigger(&job, o->table, &sql, err)
                                : kinds[o->kind].rewrite(&job, &sql, err);
    if (rc < 0)
        return -1;
    (void)snprintf(what, sizeof(what), "%s %s.%s", kinds[o->kind].name, o->mapped_db,
                   o->mapped_name);
    rc = object_session(c, o, err);
    if (rc == 0)
        rc = ctx_ddl(c, sql, what, err);
    if (rc == 0)
        tell_object(c, o, sql);
    if (!(rc < 0 && conn_lost(err)) && object_session_back(c, &later) < 0 && rc == 0) {
        *err = later;
        return -1;
    }
    return rc;
}
