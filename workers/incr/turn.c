#include "workers/incr/turn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/start/start_tables.h"
#include "workers/start/start_xa.h"

#include "base/banned.h"

enum { TURN_ID_MAX = ID_MAX + sizeof(CONTROL_TURN) };

static struct json_object *child(struct json_object *list, const char *key, const char *value)
{
    struct json_object *o;

    for (size_t i = 0; i < json_len(list); i++)
        if (strcmp(json_get_str(json_at(list, i), key, ""), value) == 0)
            return json_at(list, i);
    o = json_object_new_object();
    if (o == NULL || json_add_str(o, key, value) < 0 || json_object_array_add(list, o) < 0) {
        json_object_put(o);
        return NULL;
    }
    return o;
}

/* An entry of the mapping's list of databases: those of one pair of names. */
static struct json_object *database(struct json_object *list, const struct table *t)
{
    struct json_object *o = child(list, "name", t->mapped_db);

    if (o == NULL)
        return NULL;
    if (json_get(o, "tables") == NULL && (json_add_str(o, "mappedName", t->db) < 0 ||
                                          json_add(o, "tables", json_object_new_array()) < 0))
        return NULL;
    return o;
}

static int add_table(struct json_object *list, const struct table *t)
{
    struct json_object *db = database(list, t), *o;

    /* Tables of two databases in one at the target, back under one name each. */
    if (db == NULL || strcmp(json_get_str(db, "mappedName", ""), t->db) != 0)
        return -1;
    o = child(json_get(db, "tables"), "name", t->mapped_name);
    return o == NULL ? -1 : json_add_str(o, "mappedName", t->name);
}

/* The project's tables by their names at the target. */
static int inverted(const struct session *s, struct scope **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *mapping = json_object_new_object();
    struct json_object *list = json_object_new_array();

    if (mapping == NULL || list == NULL || json_add_str(mapping, "mode", "SPECIFIC") < 0 ||
        json_add(mapping, "databases", list) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the names at the target");
    for (size_t i = 0; i < s->catalog->count; i++) {
        const struct table *t = s->catalog->tables[i];

        if (add_table(list, t) < 0)
            return err_set(err, ERR_PAIR,
                           "%s.%s can't be carried back: tables of several databases become tables "
                           "of %s",
                           t->db, t->name, t->mapped_db);
    }
    if (scope_new(mapping, ret, err) < 0)
        return -1;
    scope_fold_case(*ret, s->sink.lower_case_table_names != 0);
    return 0;
}

static int note(struct session *s, struct conn *c, const struct fence *f, const char *id,
                struct checkpoint *cp, struct err *err)
{
    _cleanup_(scope_freep)
    struct scope *scope = NULL;
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    _cleanup_(json_putp)
    struct json_object *facts = NULL;

    if (inverted(s, &scope, err) < 0 || start_now_xa(s->sync->w, c, &s->sink, cp, err) < 0 ||
        start_read_tables(c, &s->sink, scope, &cat, &facts, err) < 0)
        return -1;
    FAULT("incr.turn.before");
    if (control_schema_forget(c, f, id, err) < 0 || control_facts_put(c, f, facts, err) < 0 ||
        control_schema_put(c, f, cat, err) < 0)
        return -1;
    FAULT("incr.turn.mid");
    /* Last: it says that the others are there. */
    return control_checkpoint_init(c, f, "incr", cp, err);
}

static void tell(struct session *s, const struct checkpoint *cp)
{
    struct json_object *m = json_object_new_object();

    (void)json_add_str(m, "t", "turn");
    (void)json_add_str(m, "file", cp->pos.file);
    (void)json_add_u64(m, "pos", cp->pos.offset);
    if (cp->gtid_set != NULL)
        (void)json_add_str(m, "gtid", cp->gtid_set);
    (void)json_add_i64(m, "timestamp", cp->source_ts);
    report_message(s->sync->w->report, m);
}

/* On a connection of its own: it locks, and changes what the session has set. */
static int note_first(struct session *s, const char *id, struct checkpoint *cp, struct err *err)
{
    const struct task *t = s->sync->w->task;
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    struct fence f;

    if (conn_open(&t->ends[END_SINK], NULL, &c, err) < 0 ||
        control_take_epoch(c, t->control_schema, id, "incr", 1, &f, err) < 0 ||
        note(s, c, &f, id, cp, err) < 0)
        return err_wrap(err, "note where the reverse project is to begin");
    log_info("incr", "turn_noted", "file=%s pos=%" PRIu64 " gtid=%.200s", cp->pos.file,
             cp->pos.offset, cp->gtid_set != NULL ? cp->gtid_set : "");
    return 0;
}

int turn_note(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;
    struct checkpoint cp = { 0 };
    char id[TURN_ID_MAX];
    int got;

    if (!t->two_way || t->reverse)
        return 0;
    (void)snprintf(id, sizeof(id), "%s" CONTROL_TURN, t->project_id);
    got = control_checkpoint_get(s->conn, t->control_schema, id, "incr", &cp, err);
    if (got == 0)
        got = note_first(s, id, &cp, err);
    if (got >= 0)
        tell(s, &cp);
    checkpoint_done(&cp);
    return got < 0 ? -1 : 0;
}
