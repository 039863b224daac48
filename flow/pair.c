#include "flow/pair.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "flow/message.h"
#include "flow/plan.h"
#include "store/conflict.h"
#include "store/event.h"
#include "store/pair.h"
#include "store/project.h"

#include "base/banned.h"

enum {
    NAME_BYTES = 1024,  /* a database or table; 64 characters, with room */
    VALUE_BYTES = 4096, /* of a row; the worker cuts them already */
    COLUMN_BYTES = 256,
    POSITION_BYTES = 1024,
    GTID_BYTES = 1024 * 1024,
    ROWS_MAX = 1000, /* of the target that one row can meet */
    BATCH_MAX = 200, /* conflicts in one transaction */
    BATCH_BYTES = 4 * 1024 * 1024,
};

#define APPLY_STEP "INCR_TRANSFER"

/* ---------------------------------------------------------------------- the assignment */

/* The other direction's conflictStrategy: of the project that is there, or as it is planned. */
static int peer_strategy(struct store *st, const struct pair *pair, struct json_object *config,
                         struct json_object *o, struct err *err)
{
    _cleanup_(project_freep)
    struct project *peer = NULL;
    struct json_object *theirs = json_get(config, "reverseIncrTransferConfig");
    const char *strategy;

    if (pair->peer_id[0] != '\0') {
        if (store_project_get(st, pair->peer_id, &peer, err) < 0)
            return -1;
        theirs = json_get(peer->config, "incrTransferConfig");
    }
    strategy = json_get_str(theirs, "conflictStrategy", NULL);
    return strategy == NULL ? 0 : json_add_str(o, "peerStrategy", strategy);
}

int pair_add(struct json_object *doc, struct store *st, const char *project_id,
             struct json_object *config, struct err *err)
{
    struct json_object *common = json_get(config, "commonTransferConfig"),
                       *o = json_object_new_object();
    struct pair pair = { 0 };

    json_add(doc, "pair", o);
    if (*project_id != '\0' && store_pair_get(st, project_id, &pair, err) < 0)
        return -1;
    json_add_str(doc, "direction", pair.reverse ? "REVERSE" : "FORWARD");
    json_add_bool(o, "twoWay", json_get_bool(common, "activeActive", false));
    json_add_str(o, "forwardProjectId", pair.forward_id);
    json_add_str(o, "peerProjectId", pair.peer_id);
    return peer_strategy(st, &pair, config, o, err);
}

/* ---------------------------------------------------------------------- messages */

static int malformed(const struct feed *f, const char *t, struct err *err)
{
    return err_set(err, ERR_CHANNEL, "the worker of step %s sent a malformed message: %s",
                   f->step->name, t);
}

static bool is_text(struct json_object *doc, const char *key, size_t max)
{
    const char *text = json_get_str(doc, key, NULL);

    return text != NULL && strlen(text) <= max;
}

static bool is_text_or_null(struct json_object *doc, const char *key, size_t max)
{
    return json_get(doc, key) == NULL || is_text(doc, key, max);
}

static bool is_number(struct json_object *doc, const char *key)
{
    struct json_object *v = json_get(doc, key);

    return json_object_is_type(v, json_type_int) && json_object_get_int64(v) >= 0;
}

int pair_take_turn(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                   struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *turn = NULL;

    (void)ret_changed;
    if (strcmp(f->step->name, APPLY_STEP) != 0 || !is_text(doc, "file", POSITION_BYTES) ||
        !is_number(doc, "pos") || !is_text_or_null(doc, "gtid", GTID_BYTES) ||
        !is_number(doc, "timestamp"))
        return malformed(f, "turn", err);
    turn = json_object_new_object();
    json_add_str(turn, "file", json_get_str(doc, "file", ""));
    json_add_i64(turn, "pos", json_get_i64(doc, "pos", 0));
    json_add_str(turn, "gtid", json_get_str(doc, "gtid", NULL));
    json_add_i64(turn, "timestamp", json_get_i64(doc, "timestamp", 0));
    return store_turn_put(st, f->project_id, turn, err) < 0 ? -1 : 0;
}

/* A row as {column: text or null}, with each text cut; NULL with *ret_bad: it is no such object. */
static struct json_object *clean_row(struct json_object *row, bool *ret_bad, bool *ret_cut)
{
    struct json_object *o;

    if (row == NULL)
        return NULL;
    if (!json_object_is_type(row, json_type_object)) {
        *ret_bad = true;
        return NULL;
    }
    o = json_object_new_object();
    json_object_object_foreach(row, column, value)
    {
        const char *text = value != NULL ? json_object_get_string(value) : NULL;
        if (strlen(column) > COLUMN_BYTES ||
            (value != NULL && !json_object_is_type(value, json_type_string)))
            *ret_bad = true;
        *ret_cut = *ret_cut || (text != NULL && strlen(text) > VALUE_BYTES);
        json_add(o, column, text != NULL ? message_cut(text, VALUE_BYTES) : NULL);
    }
    return o;
}

static struct json_object *clean_rows(struct json_object *rows, bool *ret_bad, bool *ret_cut)
{
    struct json_object *list = json_object_new_array();

    *ret_cut = *ret_cut || json_len(rows) > ROWS_MAX;
    for (size_t i = 0; i < MIN(json_len(rows), ROWS_MAX); i++) {
        struct json_object *row = clean_row(json_at(rows, i), ret_bad, ret_cut);
        if (row == NULL)
            *ret_bad = true;
        json_object_array_add(list, row);
    }
    return list;
}

static bool is_one_of(struct json_object *doc, const char *key, const char *const *words)
{
    const char *text = json_get_str(doc, key, "");

    while (*words != NULL && strcmp(*words, text) != 0)
        words++;
    return *words != NULL;
}

static bool is_conflict(struct json_object *doc)
{
    static const char *const kinds[] = { "INSERT_EXISTS", "UPDATE_MISSING", "DELETE_MISSING",
                                         "UPDATE_UNIQUE", "ROW_DIFFERS",    NULL };
    static const char *const decisions[] = { "FAILED", "IGNORED", "OVERWRITTEN", NULL };
    static const char *const names[] = { "db", "table", "targetDb", "targetTable" };
    static const char *const numbers[] = { "seq", "n", "timestamp" };
    struct json_object *rows = json_get(doc, "target"), *cut = json_get(doc, "cut");

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!is_text(doc, names[i], NAME_BYTES))
            return false;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (!is_number(doc, numbers[i]))
            return false;
    return is_one_of(doc, "kind", kinds) && is_one_of(doc, "decision", decisions) &&
           is_text_or_null(doc, "sourcePos", POSITION_BYTES) &&
           is_text_or_null(doc, "sourceGtid", GTID_BYTES) &&
           is_text_or_null(doc, "targetPos", POSITION_BYTES) &&
           (rows == NULL || json_object_is_type(rows, json_type_array)) &&
           (cut == NULL || json_object_is_type(cut, json_type_boolean));
}

/* What is too long for a record goes in this order: the key, which finds the row, stays. */
static void shorten(struct json_object *o)
{
    static const char *const last[] = { "target", "before", "after" };

    for (size_t i = 0; i < ARRAY_SIZE(last) && strlen(json_text(o)) > CONFLICT_DOC_MAX; i++) {
        json_add(o, last[i], i == 0 ? json_object_new_array() : NULL);
        json_add_bool(o, "cut", true);
    }
}

/* A record with exactly the keys of docs/channel.md, in bounds; NULL: it is malformed. */
static struct json_object *clean_conflict(struct json_object *doc)
{
    static const char *const same[] = { "seq",         "n",         "timestamp",  "kind",
                                        "decision",    "db",        "table",      "targetDb",
                                        "targetTable", "sourcePos", "sourceGtid", "targetPos" };
    static const char *const rows[] = { "key", "before", "after" };
    bool bad = !is_conflict(doc), cut = json_get_bool(doc, "cut", false);
    struct json_object *o;

    if (bad)
        return NULL;
    o = json_object_new_object();
    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        struct json_object *v = json_get(doc, same[i]);
        json_add(o, same[i], v != NULL ? json_object_get(v) : NULL);
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        json_add(o, rows[i], clean_row(json_get(doc, rows[i]), &bad, &cut));
    json_add(o, "target", clean_rows(json_get_array(doc, "target"), &bad, &cut));
    if (bad) {
        json_object_put(o);
        return NULL;
    }
    json_add_bool(o, "cut", cut);
    shorten(o);
    return o;
}

int pair_take_conflict(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                       struct err *err)
{
    struct json_object *record;

    (void)ret_changed;
    if (f->project_id[0] == '\0' || strcmp(f->step->kind, "incr") != 0 ||
        (record = clean_conflict(doc)) == NULL)
        return malformed(f, "conflict", err);
    if (feed_conflict(f, record) < BATCH_MAX && f->conflict_bytes < BATCH_BYTES)
        return 0;
    return feed_write(f, st, err);
}

/* ---------------------------------------------------------------------- a loop */

static int tell(struct flow *f, const char *id, const char *finder, const char *peer,
                const struct err *why, struct err *err)
{
    char message[1500];

    (void)snprintf(message, sizeof(message), "project %s met a loop, and %s is stopped, too: %s",
                   finder, peer, why->message);
    return store_event_add(f->o.store, id, "ERROR", "loop_found", message, err);
}

int pair_loop_found(struct flow *f, const struct job *job, const struct err *why, struct err *err)
{
    static const unsigned from = ~(1U << SS_FAILED | 1U << SS_FINISHED);
    const struct transition *t = transition_find(PS_RUNNING, EV_STEP_FAILED);
    struct pair pair = { 0 };
    struct err peers = { 0 };
    char reason[512];
    int moved;

    if (store_pair_get(f->o.store, job->owner, &pair, err) < 0)
        return -1;
    if (pair.peer_id[0] == '\0' || pair.peer != PS_RUNNING)
        return 0;
    (void)err_set(&peers, ERR_LOOP, "the other direction, project %s, met a loop: %.600s",
                  job->owner, why->message);
    if (store_step_error(f->o.store, pair.peer_id, APPLY_STEP, &peers, false, err) < 0 ||
        store_step_move(f->o.store, pair.peer_id, APPLY_STEP, from, SS_FAILED, err) < 0)
        return -1;
    FAULT("flow.loop_found.between");
    (void)snprintf(reason, sizeof(reason), "%s: " APPLY_STEP ": %.400s", t->why, peers.message);
    moved = store_project_move(f->o.store, pair.peer_id, PS_RUNNING, t->to, reason, err);
    if (moved <= 0)
        return moved;
    log_error("flow", "loop_found", "project=%s peer=%s", job->owner, pair.peer_id);
    flow_look(f, pair.peer_id, 0);
    if (tell(f, job->owner, job->owner, pair.peer_id, why, err) < 0)
        return -1;
    return tell(f, pair.peer_id, job->owner, pair.peer_id, why, err);
}
