#include "flow/message.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "flow/modify.h"
#include "flow/pair.h"
#include "flow/switchover.h"
#include "flow/verify.h"
#include "store/converted.h"
#include "store/ddl.h"
#include "store/event.h"
#include "store/precheck.h"
#include "store/project.h"
#include "store/reset.h"
#include "store/source.h"

#include "base/banned.h"

enum {
    ITEMS_MAX = 1000,  /* of one run of a precheck */
    EVENTS_BURST = 60, /* of one worker within … ; more are logged only */
    EVENTS_WITHIN_MS = 60000,
    TEXT_MAX_BYTES = 8192,
    WORD_MAX_BYTES = 256,
    CONVERTED_TEXT_MAX = 70 * 1024,
    DDL_LIST_MAX = 1000, /* objects or statements of one `ddl` message that are kept */
};

static bool one_of(const char *text, const char *const *words)
{
    for (; text != NULL && *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* A text that is there and no longer than `max`; NULL: not. */
static const char *text_of(struct json_object *doc, const char *key, size_t max)
{
    const char *text = json_get_str(doc, key, NULL);

    return text != NULL && strlen(text) <= max ? text : NULL;
}

/* Missing or null, or of this type. */
static bool absent_or(struct json_object *doc, const char *key, enum json_type type)
{
    struct json_object *v = json_get(doc, key);

    return v == NULL || json_object_is_type(v, type);
}

static int malformed(const struct feed *f, const char *t, struct err *err)
{
    return err_set(err, ERR_CHANNEL, "the worker of step %s sent a malformed message: %.64s",
                   f->step->name, t);
}

static int take_hello(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                      struct err *err)
{
    const char *version = text_of(doc, "version", WORD_MAX_BYTES);
    char quoted[LOG_QUOTED_MAX];

    (void)st;
    (void)ret_changed;
    if (version == NULL || json_get_i64(doc, "pid", 0) <= 0)
        return malformed(f, "hello", err);
    if (strcmp(version, CAUSEWAY_VERSION) != 0)
        log_warn("flow", "worker_version", "step=%s version=%s", f->step->name,
                 log_q(version, quoted));
    return 0;
}

static int take_progress(struct store *st, struct feed *f, struct json_object *doc,
                         bool *ret_changed, struct err *err)
{
    double progress = json_get_double(doc, "progress", -1);

    (void)st;
    (void)ret_changed;
    if (!(progress >= 0 && progress <= 100) || !absent_or(doc, "stepInfo", json_type_object))
        return malformed(f, "progress", err);
    if (f->gauges != NULL)
        gauges_add_info(f->gauges, f->project_id, f->step, json_get(doc, "stepInfo"));
    if (!switch_is_worker(f->step)) /* its stepInfo is the switchover's document */
        feed_progress(f, progress, json_get(doc, "stepInfo"));
    return 0;
}

static int take_metrics(struct store *st, struct feed *f, struct json_object *doc,
                        bool *ret_changed, struct err *err)
{
    (void)st;
    (void)ret_changed;
    if (f->gauges == NULL || !gauges_take(f->gauges, f->project_id, f->step, doc))
        return malformed(f, "metrics", err);
    return 0;
}

static int take_ready(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                      struct err *err)
{
    enum step_status to = f->step->on_ready == READY_MONITORS ? SS_MONITORING : SS_FINISHED;
    int moved;

    (void)doc;
    if (f->step->on_ready == READY_NOTHING)
        return malformed(f, "ready", err);
    if (strcmp(f->step->name, STEP_REVERSE_PULL) == 0)
        return switch_take_ready(st, f, ret_changed, err);
    if (feed_write(f, st, err) < 0)
        return -1;
    /* only from RUNNING: it says so again after each restart, and a paused step stays paused */
    moved = store_step_move(st, f->project_id, f->step->name, 1U << SS_RUNNING, to, err);
    if (moved < 0)
        return -1;
    if (moved > 0)
        log_info("flow", "step_ready", "project=%s step=%s status=%s", f->project_id, f->step->name,
                 step_status_text(to));
    *ret_changed = moved > 0;
    if (f->reset_id[0] == '\0')
        return 0;
    return store_reset_done(st, f->project_id, f->reset_id, err);
}

static int take_checkpoint(struct store *st, struct feed *f, struct json_object *doc,
                           bool *ret_changed, struct err *err)
{
    int64_t at = json_get_i64(doc, "timestamp", -1);

    (void)st;
    (void)ret_changed;
    if (at < 0 || !absent_or(doc, "file", json_type_string) ||
        !absent_or(doc, "gtid", json_type_string) || !absent_or(doc, "pos", json_type_int))
        return malformed(f, "checkpoint", err);
    if (at > 0) /* 0: it has not met an event with a time yet */
        feed_checkpoint(f, at);
    return 0;
}

static int take_item(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                     struct err *err)
{
    static const char *const ends[] = { "SOURCE", "DEST", NULL };
    static const char *const statuses[] = { "PASSED", "FAILED", "WARNING", "SKIPPED", NULL };

    (void)ret_changed;
    if (f->precheck_id[0] == '\0' || text_of(doc, "checkType", WORD_MAX_BYTES) == NULL ||
        !one_of(json_get_str(doc, "endpointType", NULL), ends) ||
        !one_of(json_get_str(doc, "status", NULL), statuses) ||
        !absent_or(doc, "name", json_type_string) || !absent_or(doc, "message", json_type_string) ||
        !absent_or(doc, "advice", json_type_string) ||
        !absent_or(doc, "skippable", json_type_boolean) || f->items++ >= ITEMS_MAX)
        return malformed(f, "item", err);
    json_object_object_del(doc, "t");
    return store_precheck_item(st, f->precheck_id, doc, err);
}

/* A worker in a loop must neither fill the history nor hold up the flow with writes. */
static bool may_write_event(struct feed *f)
{
    int64_t now = clock_mono_ms();

    if (f->events_from == 0 || now - f->events_from > EVENTS_WITHIN_MS) {
        f->events_from = now;
        f->events = 0;
    }
    return f->events++ < EVENTS_BURST;
}

static int take_event(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                      struct err *err)
{
    static const char *const levels[] = { "INFO", "WARN", "ERROR", NULL };
    const char *level = json_get_str(doc, "level", NULL);
    const char *event = text_of(doc, "event", WORD_MAX_BYTES);
    const char *message = text_of(doc, "message", TEXT_MAX_BYTES);
    char quoted[LOG_QUOTED_MAX];

    (void)ret_changed;
    if (!one_of(level, levels) || event == NULL || message == NULL)
        return malformed(f, "event", err);
    log_info("flow", "worker_event", "owner=%s step=%s said=%s",
             f->project_id[0] != '\0' ? f->project_id : f->precheck_id, f->step->name,
             log_q(message, quoted));
    if (f->project_id[0] == '\0' || !may_write_event(f))
        return 0;
    return store_event_add(st, f->project_id, level, event, message, err);
}

/* Before the byte at `max` that would be the first to go, and never within a character. */
struct json_object *message_cut(const char *text, size_t max)
{
    size_t len = strlen(text);

    if (len > max)
        for (len = max; len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80;)
            len--;
    return json_object_new_string_len(text, (int)len);
}

/* A list of texts with each of them cut; NULL: it is no such list. */
static struct json_object *cut_list(struct json_object *list, size_t max)
{
    struct json_object *kept = json_object_new_array();

    for (size_t i = 0; i < MIN(json_len(list), DDL_LIST_MAX); i++) {
        if (json_at_str(list, i) == NULL) {
            json_object_put(kept);
            return NULL;
        }
        json_object_array_add(kept, message_cut(json_at_str(list, i), max));
    }
    return kept;
}

/* What is stored of a `ddl` message, in bounds; NULL: it is malformed. */
static struct json_object *clean_ddl(struct json_object *doc)
{
    struct json_object *o = json_object_new_object(), *objects, *target;

    objects = cut_list(json_get_array(doc, "objects"), TEXT_MAX_BYTES);
    target = cut_list(json_get_array(doc, "targetSql"), DDL_TEXT_MAX);
    if (objects == NULL || target == NULL) {
        json_putp(&objects);
        json_putp(&target);
        json_object_put(o);
        return NULL;
    }
    json_add(o, "objects", objects);
    json_add(o, "targetSql", target);
    json_add_str(o, "id", json_get_str(doc, "id", ""));
    json_add_i64(o, "timestamp", json_get_i64(doc, "timestamp", 0));
    json_add_str(o, "kind", json_get_str(doc, "kind", ""));
    json_add_str(o, "status", json_get_str(doc, "status", ""));
    json_add(o, "sql", message_cut(json_get_str(doc, "sql", ""), DDL_TEXT_MAX));
    json_add(o, "message", message_cut(json_get_str(doc, "message", ""), TEXT_MAX_BYTES));
    return o;
}

/* Every one is stored, however many: what became of a statement is never only logged. */
/* Texts as the worker cut them, so what is longer than that is none of its. */
static int take_converted(struct store *st, struct feed *f, struct json_object *doc,
                          bool *ret_changed, struct err *err)
{
    static const struct {
        const char *key;
        size_t max;
    } texts[] = {
        { "kind", WORD_MAX_BYTES },           { "db", WORD_MAX_BYTES * 2 },
        { "name", WORD_MAX_BYTES * 2 },       { "targetDb", WORD_MAX_BYTES * 2 },
        { "targetName", WORD_MAX_BYTES * 2 }, { "source", CONVERTED_TEXT_MAX },
        { "sql", CONVERTED_TEXT_MAX },        { "notes", CONVERTED_TEXT_MAX },
    };

    (void)ret_changed;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (text_of(doc, texts[i].key, texts[i].max) == NULL)
            return malformed(f, "converted", err);
    if (f->project_id[0] == '\0')
        return malformed(f, "converted", err);
    return store_converted_put(st, f->project_id, doc, err);
}

static int take_ddl(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                    struct err *err)
{
    const char *id = text_of(doc, "id", DDL_ID_MAX - 1);
    _cleanup_(json_putp)
    struct json_object *told = NULL;
    enum ddl_status status = DS_LEFT;

    (void)ret_changed;
    if (f->project_id[0] == '\0' || id == NULL || *id == '\0' ||
        json_get_i64(doc, "timestamp", -1) < 0 || text_of(doc, "kind", WORD_MAX_BYTES) == NULL ||
        !ddl_status_parse(json_get_str(doc, "status", ""), &status) || status == DS_LEFT ||
        json_get_str(doc, "sql", NULL) == NULL || !absent_or(doc, "objects", json_type_array) ||
        !absent_or(doc, "targetSql", json_type_array) ||
        !absent_or(doc, "message", json_type_string) || (told = clean_ddl(doc)) == NULL)
        return malformed(f, "ddl", err);
    if (store_ddl_put(st, f->project_id, told, err) < 0)
        return -1;
    if (status == DS_PENDING)
        (void)snprintf(f->pending_ddl, sizeof(f->pending_ddl), "%s", id);
    else if (strcmp(f->pending_ddl, id) == 0)
        f->pending_ddl[0] = '\0';
    return 0;
}

static int take_endpoint(struct store *st, struct feed *f, struct json_object *doc,
                         bool *ret_changed, struct err *err)
{
    static const char *const ends[] = { "source", "sink", NULL };
    static const char *const texts[] = { "version", "charset", "timezone", "flavour" };
    const char *end = json_get_str(doc, "end", NULL);

    (void)ret_changed;
    if (!one_of(end, ends))
        return malformed(f, "endpoint", err);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (json_get(doc, texts[i]) != NULL && text_of(doc, texts[i], WORD_MAX_BYTES) == NULL)
            return malformed(f, "endpoint", err);
    return store_source_learn(
        st, f->ends[strcmp(end, ends[0]) == 0 ? 0 : 1], json_get_str(doc, "version", NULL),
        json_get_str(doc, "charset", NULL), json_get_str(doc, "timezone", NULL), err);
}

static int take_error(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                      struct err *err)
{
    struct json_object *error = json_get(doc, "error");

    (void)st;
    (void)ret_changed;
    if (json_get_str(error, "code", NULL) == NULL || json_get_str(error, "message", NULL) == NULL ||
        !absent_or(doc, "retrying", json_type_boolean))
        return malformed(f, "error", err);
    /* its last words are stored with its end, by whoever decides what the end means */
    if (json_get_bool(doc, "retrying", false))
        feed_trouble(f, error);
    return 0;
}

static int take_done(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                     struct err *err)
{
    (void)st;
    (void)ret_changed;
    /* one that is to stay in the background is never done */
    if (f->step->on_ready != READY_NOTHING || !absent_or(doc, "stepInfo", json_type_object))
        return malformed(f, "done", err);
    if (!switch_is_worker(f->step))
        feed_progress(f, 100, json_get(doc, "stepInfo"));
    return 0;
}

/* clang-format off */
static const struct {
    const char *t;
    int (*take)(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                struct err *err);
} rows[] = {
    { "hello", take_hello },           { "progress", take_progress }, { "ready", take_ready },
    { "checkpoint", take_checkpoint }, { "item", take_item },         { "event", take_event },
    { "endpoint", take_endpoint },     { "error", take_error },       { "done", take_done },
    { "ddl", take_ddl },
    { "converted", take_converted },
    { "metrics", take_metrics },
    { "turn", pair_take_turn },
    { "conflict", pair_take_conflict },
    { "switch", switch_take },
    { "drained", switch_take_drained },
    { "held", modify_take_held },
    { "verify_table", verify_take_table },
    { "verify_row", verify_take_row },
    { "mend_row", verify_take_mended },
};
/* clang-format on */

int message_take(struct store *st, struct feed *feed, struct json_object *doc, bool *ret_changed,
                 struct err *err)
{
    const char *t = json_get_str(doc, "t", NULL);

    *ret_changed = false;
    for (size_t i = 0; t != NULL && i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].t, t) == 0)
            return rows[i].take(st, feed, doc, ret_changed, err);
    return malformed(feed, t != NULL ? t : "without a kind", err);
}
