#include "flow/switch_doc.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "flow/plan.h"

#include "base/banned.h"

/* clang-format off */
static const struct switch_row rows[] = {
    [SUB_START] = { "START_SWITCHOVER", true, false,
        "AdvanceProject starts the switchover.",
        "Nothing at the ends; the checks begin." },
    [SUB_PRECHECK] = { "SWITCHOVER_PRECHECK", false, true, NULL,
        "Checks lag (15 s at most), the source account's privileges to write, the control schema at the source, the "
        "target's binlog; lists objects that are still to be made." },
    [SUB_PULL] = { "START_TARGET_LOG_PULL", false, false, NULL,
        "Starts pulling the target's binlog." },
    [SUB_STOP_WRITES] = { "CONFIRM_SOURCE_STOPPED", true, true,
        "Stop all writes at the source, then AdvanceProject (setReadOnly: true lets Causeway set read_only).",
        "With setReadOnly sets read_only at the source; then nothing in scope may be written there for quietSeconds." },
    [SUB_DRAIN] = { "CONFIRM_SAME_POSITION", false, true, NULL,
        "Reads the source's position and waits until everything up to it is applied." },
    [SUB_STOP_FORWARD] = { "STOP_FORWARD_SYNC", false, true, NULL,
        "Stops forward synchronization, fences its lanes, notes the target's position and tables." },
    [SUB_OBJECTS] = { "PROCESS_DATABASE_OBJECTS", true, true,
        "Writers may begin at the target. AdvanceProject raises AUTO_INCREMENT and makes deferred indexes, foreign keys "
        "and triggers at the target; with markComplete: true it only goes on.",
        "Raises AUTO_INCREMENT at the target; makes deferred indexes, foreign keys and triggers there." },
    [SUB_REVERSE] = { "START_REVERSE_INCR", true, false,
        "AdvanceProject starts the reverse synchronization. After that there is no way back by AbortSwitchover.",
        "Ends forward synchronization for good and starts REVERSE_INCR_TRANSFER from the target's noted position." },
};
/* clang-format on */

static const char *const states[] = { [SWITCH_IDLE] = "IDLE",
                                      [SWITCH_RUNNING] = "RUNNING",
                                      [SWITCH_ABORTING] = "ABORTING",
                                      [SWITCH_DONE] = "DONE" };

const struct switch_row *switch_row(enum switch_sub sub)
{
    return &rows[sub];
}

/* ---------------------------------------------------------------------- reading */

static struct json_object *sub_of(struct json_object *doc, enum switch_sub sub)
{
    return json_at(json_get_array(doc, "subSteps"), sub);
}

const char *switch_status(struct json_object *doc, enum switch_sub sub)
{
    return json_get_str(sub_of(doc, sub), "status", "INIT");
}

static bool is(struct json_object *doc, enum switch_sub sub, const char *status)
{
    return strcmp(switch_status(doc, sub), status) == 0;
}

static bool is_passed(struct json_object *doc, enum switch_sub sub)
{
    return is(doc, sub, "FINISHED") || is(doc, sub, "SKIPPED");
}

enum switch_state switch_state(struct json_object *doc)
{
    const char *text = json_get_str(doc, "state", "IDLE");

    for (size_t i = 0; i < ARRAY_SIZE(states); i++)
        if (strcmp(text, states[i]) == 0)
            return (enum switch_state)i;
    return SWITCH_IDLE;
}

enum switch_sub switch_current(struct json_object *doc)
{
    for (unsigned i = 0; i < SUB_MAX_; i++)
        if (!is_passed(doc, (enum switch_sub)i))
            return (enum switch_sub)i;
    return SUB_MAX_;
}

static double progress_of(struct json_object *doc)
{
    unsigned passed = 0;

    for (unsigned i = 0; i < SUB_MAX_; i++)
        passed += is_passed(doc, (enum switch_sub)i);
    return 100.0 * passed / SUB_MAX_;
}

static struct json_object *position(struct json_object *doc, const char *which)
{
    return json_get(json_get(doc, "positions"), which);
}

const char *switch_phase(struct json_object *doc)
{
    enum switch_sub now = switch_current(doc);

    if (switch_state(doc) == SWITCH_ABORTING)
        return json_get_str(json_get(doc, "abort"), "phase", "ABORT");
    if (switch_state(doc) != SWITCH_RUNNING || now == SUB_MAX_ || !rows[now].works ||
        !is(doc, now, "RUNNING") || switch_drain_to(doc) != NULL)
        return NULL;
    return rows[now].name;
}

struct json_object *switch_drain_to(struct json_object *doc)
{
    if (switch_state(doc) != SWITCH_RUNNING || !is(doc, SUB_DRAIN, "RUNNING"))
        return NULL;
    return position(doc, "source");
}

bool switch_wants_forward(struct json_object *doc)
{
    switch (switch_state(doc)) {
    case SWITCH_IDLE:
    case SWITCH_ABORTING:
        return true;
    case SWITCH_RUNNING:
        return !is(doc, SUB_STOP_FORWARD, "RUNNING") && !is_passed(doc, SUB_STOP_FORWARD);
    case SWITCH_DONE:
        break;
    }
    return false;
}

bool switch_wants_pull(struct json_object *doc)
{
    if (json_get_bool(doc, "pullFailed", false))
        return false;
    switch (switch_state(doc)) {
    case SWITCH_IDLE:
        return false;
    case SWITCH_ABORTING: /* what was written at the target is looked for in it */
        return strcmp(switch_phase(doc), "ABORT_CHECK") == 0;
    case SWITCH_RUNNING:
        return is(doc, SUB_PULL, "RUNNING") || is_passed(doc, SUB_PULL);
    case SWITCH_DONE:
        return true;
    }
    return false;
}

static bool set_read_only(struct json_object *doc)
{
    struct json_object *o = json_get(doc, "readOnly");

    return json_get_bool(o, "asked", false) && !json_get_bool(o, "before", false);
}

bool switch_undoes_read_only(struct json_object *doc)
{
    return switch_state(doc) != SWITCH_DONE && set_read_only(doc);
}

/* ---------------------------------------------------------------------- changing */

/* Of an object in the document that is made when it is missing; borrowed. */
static struct json_object *section(struct json_object *doc, const char *key)
{
    if (json_get(doc, key) == NULL)
        json_add(doc, key, json_object_new_object());
    return json_get(doc, key);
}

static void set_sub(struct json_object *doc, enum switch_sub sub, const char *status,
                    const char *message, struct json_object *detail)
{
    struct json_object *o = sub_of(doc, sub);

    json_add_str(o, "status", status);
    json_add_str(o, "message", message != NULL ? message : "");
    json_add(o, "detail", detail != NULL ? json_object_get(detail) : json_object_new_object());
}

static void reset(struct json_object *doc)
{
    struct json_object *list = json_object_new_array();

    for (unsigned i = 0; i < SUB_MAX_; i++) {
        struct json_object *o = json_object_new_object();
        json_add_i64(o, "order", i + 1);
        json_add_str(o, "name", rows[i].name);
        json_add_str(o, "confirm", rows[i].manual ? "MANUAL" : "AUTO");
        json_object_array_add(list, o);
    }
    json_add(doc, "subSteps", list);
    for (unsigned i = 0; i < SUB_MAX_; i++)
        set_sub(doc, (enum switch_sub)i, "INIT", i == 0 ? rows[0].waits : NULL, NULL);
    json_add_str(doc, "state", states[SWITCH_IDLE]);
    json_add(doc, "positions", json_object_new_object());
    json_add(doc, "options", json_object_new_object());
    json_add(doc, "readOnly", json_object_new_object());
    json_add_bool(doc, "pullFailed", false);
}

void switch_prepare(struct json_object *doc)
{
    if (json_len(json_get_array(doc, "subSteps")) != SUB_MAX_)
        reset(doc);
}

static void move(struct switch_change *c, const char *step, enum step_status to)
{
    if (c->move_count < SWITCH_MOVES_MAX) {
        c->moves[c->move_count].step = step;
        c->moves[c->move_count++].to = to;
    }
}

static void settle(struct switch_change *c)
{
    json_add_i64(c->doc, "checkpointSampleTimestamp", clock_now_s());
    c->progress = progress_of(c->doc);
}

/* The next one's turn: it begins by itself, or waits for a person. */
static void begin(struct switch_change *c, enum switch_sub sub)
{
    if (sub == SUB_MAX_)
        return;
    set_sub(c->doc, sub, rows[sub].manual ? "INIT" : "RUNNING", rows[sub].waits, NULL);
    if (sub == SUB_STOP_FORWARD)
        move(c, "INCR_TRANSFER", SS_SUSPEND);
}

static void pass(struct switch_change *c, enum switch_sub sub, const char *status,
                 const char *message, struct json_object *detail)
{
    set_sub(c->doc, sub, status, message, detail);
    begin(c, sub + 1);
}

static void tell(struct switch_change *c, const char *level, const char *event)
{
    c->level = level;
    c->event = event;
}

/* ---------------------------------------------------------------------- a person's wishes */

static int refuse(struct json_object *doc, const char *what, struct err *err)
{
    enum switch_sub now = switch_current(doc);

    return err_set(err, ERR_STATE, "%s: the switchover is %s, sub-step %s is %s", what,
                   states[switch_state(doc)], now == SUB_MAX_ ? "-" : rows[now].name,
                   now == SUB_MAX_ ? "FINISHED" : switch_status(doc, now));
}

static int start(struct switch_change *c, const struct switch_ask *ask, struct err *err)
{
    if (!ask->forward_monitors) {
        (void)err_set(err, ERR_STATE,
                      "the switchover can start when INCR_TRANSFER is MONITORING only");
        return err_advise(err, "Wait until incremental synchronization has caught up.");
    }
    json_add_str(c->doc, "state", states[SWITCH_RUNNING]);
    json_object_object_del(c->doc, "abort");
    move(c, STEP_SWITCH, SS_RUNNING);
    pass(c, SUB_START, "FINISHED", NULL, NULL);
    tell(c, "INFO", "switchover_started");
    (void)snprintf(c->told, sizeof(c->told), "%.128s starts the switchover", ask->user);
    return 0;
}

static void confirm_stopped(struct switch_change *c, const struct switch_ask *ask)
{
    struct json_object *options = section(c->doc, "options");

    json_add_i64(options, "quietSeconds", ask->quiet_s);
    json_add_bool(options, "setReadOnly", ask->set_read_only);
    if (ask->set_read_only) /* noted before anything is set: an abort must know */
        json_add_bool(section(c->doc, "readOnly"), "asked", true);
    set_sub(c->doc, SUB_STOP_WRITES, "RUNNING", "looking for writes at the source", NULL);
    tell(c, "INFO", "switchover_writes_stopped");
    (void)snprintf(c->told, sizeof(c->told), "%.128s says that writes at the source have stopped%s",
                   ask->user, ask->set_read_only ? ", read_only is to be set" : "");
}

static void start_reverse(struct switch_change *c, const struct switch_ask *ask)
{
    bool read_only = set_read_only(c->doc);

    set_sub(c->doc, SUB_REVERSE, "FINISHED",
            read_only ? "Reverse synchronization runs. The source stays read_only as we set it."
                      : "Reverse synchronization runs.",
            NULL);
    json_add_str(c->doc, "state", states[SWITCH_DONE]);
    move(c, "INCR_TRANSFER", SS_FINISHED);
    move(c, STEP_SWITCH, SS_FINISHED);
    move(c, STEP_REVERSE, SS_RUNNING);
    tell(c, "INFO", "switchover_done");
    (void)snprintf(c->told, sizeof(c->told), "%.128s starts the reverse synchronization",
                   ask->user);
}

static int skip(struct switch_change *c, enum switch_sub now, const struct switch_ask *ask,
                struct err *err)
{
    if (now != SUB_PRECHECK || !is(c->doc, now, "FAILED")) {
        (void)err_set(err, ERR_STATE, "%s can't be skipped",
                      now == SUB_MAX_ ? "nothing" : rows[now].name);
        return err_advise(err, "Only a failed "
                               "SWITCHOVER_PRECHECK can be: what follows it makes "
                               "sure that no write is lost.");
    }
    pass(c, now, "SKIPPED", json_get_str(sub_of(c->doc, now), "message", ""),
         json_get(sub_of(c->doc, now), "detail"));
    tell(c, "WARN", "switchover_skipped");
    (void)snprintf(c->told, sizeof(c->told), "%.128s skips %s", ask->user, rows[now].name);
    return 0;
}

/* A sub-step that begins by itself and has failed. */
static void again(struct switch_change *c, enum switch_sub now)
{
    json_add_bool(c->doc, "pullFailed", false);
    begin(c, now);
}

static void do_objects(struct switch_change *c, const struct switch_ask *ask)
{
    if (!ask->mark_complete) {
        set_sub(c->doc, SUB_OBJECTS, "RUNNING", "objects are being made at the target", NULL);
        return;
    }
    pass(c, SUB_OBJECTS, "FINISHED", "marked as complete", NULL);
    tell(c, "WARN", "switchover_objects_marked");
    (void)snprintf(c->told, sizeof(c->told),
                   "%.128s marks the objects at the target as complete: nothing was made",
                   ask->user);
}

static int advance_current(struct switch_change *c, const struct switch_ask *ask,
                           enum switch_sub now, struct err *err)
{
    switch (now) {
    case SUB_START:
        return start(c, ask, err);
    case SUB_PRECHECK:
    case SUB_PULL:
    case SUB_DRAIN:
    case SUB_STOP_FORWARD:
        again(c, now);
        return 0;
    case SUB_STOP_WRITES:
        json_add_bool(c->doc, "pullFailed", false);
        confirm_stopped(c, ask);
        return 0;
    case SUB_OBJECTS:
        json_add_bool(c->doc, "pullFailed", false);
        do_objects(c, ask);
        return 0;
    case SUB_REVERSE:
        json_add_bool(c->doc, "pullFailed", false);
        start_reverse(c, ask);
        return 0;
    case SUB_MAX_:
        break;
    }
    return refuse(c->doc, "can't advance", err);
}

int switch_advance(struct switch_change *c, const struct switch_ask *ask, const char **ret,
                   struct err *err)
{
    enum switch_sub now = switch_current(c->doc);
    enum switch_state state = switch_state(c->doc);

    if (state == SWITCH_ABORTING || state == SWITCH_DONE || now == SUB_MAX_ ||
        is(c->doc, now, "RUNNING"))
        return refuse(c->doc, "can't advance", err);
    if (ask->mark_complete && now != SUB_OBJECTS)
        return err_set(err, ERR_STATE, "markComplete is for PROCESS_DATABASE_OBJECTS only, not %s",
                       rows[now].name);
    if (ask->skip ? skip(c, now, ask, err) < 0 : advance_current(c, ask, now, err) < 0)
        return -1;
    settle(c);
    now = switch_current(c->doc);
    *ret = now == SUB_MAX_ ? STEP_REVERSE : rows[now].name;
    return 0;
}

int switch_abort(struct switch_change *c, const char *user, struct err *err)
{
    struct json_object *abort_doc;

    if (switch_state(c->doc) == SWITCH_IDLE)
        return err_set(err, ERR_STATE, "there is no switchover to abort");
    if (switch_state(c->doc) == SWITCH_DONE) {
        (void)refuse(c->doc, "can't abort", err);
        return err_advise(err, "The reverse synchronization has begun: what is written at the "
                               "target goes to the source. A project in the other direction leads "
                               "back.");
    }
    if (switch_state(c->doc) == SWITCH_ABORTING)
        return refuse(c->doc, "it is being aborted already", err);
    abort_doc = json_object_new_object();
    json_add_str(abort_doc, "phase",
                 position(c->doc, "target") != NULL && !json_get_bool(c->doc, "pullFailed", false)
                     ? "ABORT_CHECK"
                     : "ABORT");
    json_add_str(abort_doc, "user", user);
    json_add_str(abort_doc, "message", "going back to forward synchronization");
    json_add(c->doc, "abort", abort_doc);
    json_add_str(c->doc, "state", states[SWITCH_ABORTING]);
    tell(c, "WARN", "switchover_abort");
    (void)snprintf(c->told, sizeof(c->told), "%.128s aborts the switchover at %s", user,
                   rows[switch_current(c->doc)].name);
    settle(c);
    return 0;
}

/* ---------------------------------------------------------------------- what workers say */

static bool stale(const struct switch_change *c, const char *phase)
{
    const char *now = switch_phase(c->doc);

    return now == NULL || strcmp(now, phase) != 0;
}

bool switch_told(struct switch_change *c, const char *phase, struct json_object *said)
{
    struct json_object *o;

    if (stale(c, phase))
        return false;
    o = switch_state(c->doc) == SWITCH_ABORTING ? json_get(c->doc, "abort")
                                                : sub_of(c->doc, switch_current(c->doc));
    json_add_str(o, "message", json_get_str(said, "message", ""));
    settle(c);
    return true;
}

static void keep_position(struct switch_change *c, const char *which, struct json_object *said)
{
    struct json_object *at = json_get(said, "position");

    if (at != NULL)
        json_add(section(c->doc, "positions"), which, json_object_get(at));
}

static void finish_abort(struct switch_change *c, const char *phase, struct json_object *said)
{
    struct json_object *o = json_object_get(json_get(c->doc, "abort"));
    const char *message = json_get_str(said, "message", "");

    if (strcmp(phase, "ABORT_CHECK") == 0) {
        json_add_str(o, "phase", "ABORT");
        json_add_str(o, "targetWrites", message);
        if (*message != '\0') {
            tell(c, "WARN", "switchover_target_writes");
            (void)snprintf(c->told, sizeof(c->told), "%.1000s", message);
        }
        json_object_put(o);
        return;
    }
    json_add_str(o, "phase", "DONE");
    json_add_str(o, "message", message);
    reset(c->doc);
    json_add(c->doc, "abort", o);
    move(c, STEP_SWITCH, SS_INIT);
    tell(c, "WARN", "switchover_aborted");
    (void)snprintf(c->told, sizeof(c->told), "back to forward synchronization. %.900s", message);
}

static void finish_sub(struct switch_change *c, enum switch_sub now, struct json_object *said)
{
    struct json_object *detail = json_get(said, "detail");
    const char *message = json_get_str(said, "message", "");

    if (now == SUB_PRECHECK)
        json_add_bool(section(c->doc, "readOnly"), "before",
                      json_get_bool(detail, "readOnly", false));
    if (now == SUB_STOP_WRITES)
        keep_position(c, "quiet", said);
    if (now == SUB_DRAIN) { /* the worker has only read it: incremental gets there */
        keep_position(c, "source", said);
        set_sub(c->doc, now, "RUNNING", message, detail);
        return;
    }
    if (now == SUB_STOP_FORWARD) {
        keep_position(c, "target", said);
        tell(c, "INFO", "switchover_forward_stopped");
        (void)snprintf(c->told, sizeof(c->told), "%.1000s", message);
    }
    pass(c, now, "FINISHED", message, detail);
}

bool switch_finished(struct switch_change *c, const char *phase, struct json_object *said)
{
    if (stale(c, phase))
        return false;
    if (switch_state(c->doc) == SWITCH_ABORTING)
        finish_abort(c, phase, said);
    else
        finish_sub(c, switch_current(c->doc), said);
    settle(c);
    return true;
}

/*
 * From the drain on nothing but a fresh look for writes makes sure that all is there: a failure
 * goes back to that point, and forward synchronization goes on meanwhile.
 */
static void fail_current(struct switch_change *c, const struct err *why)
{
    enum switch_sub now = switch_current(c->doc);
    char text[2048];

    (void)snprintf(text, sizeof(text), "%s%s%s", why->message, *err_advice(why) != '\0' ? ". " : "",
                   err_advice(why));
    if (now == SUB_DRAIN || now == SUB_STOP_FORWARD) {
        set_sub(c->doc, SUB_DRAIN, "INIT", NULL, NULL);
        set_sub(c->doc, SUB_STOP_FORWARD, "INIT", NULL, NULL);
        json_add(c->doc, "positions", json_object_new_object());
        now = SUB_STOP_WRITES;
    }
    set_sub(c->doc, now, "FAILED", text, NULL);
    tell(c, "WARN", "switchover_failed");
    (void)snprintf(c->told, sizeof(c->told), "%s: %.900s", rows[now].name, why->message);
}

bool switch_failed(struct switch_change *c, const char *phase, const struct err *why)
{
    struct json_object *o = json_get(c->doc, "abort");

    if (stale(c, phase))
        return false;
    if (switch_state(c->doc) == SWITCH_ABORTING) {
        json_add_str(o, "message", why->message); /* it is tried again */
        if (strcmp(phase, "ABORT_CHECK") == 0) {
            json_add_str(o, "phase", "ABORT");
            json_add_str(o, "targetWrites",
                         "whether somebody has written at the target could not be found out");
        }
    } else {
        fail_current(c, why);
    }
    settle(c);
    return true;
}

bool switch_pulled(struct switch_change *c)
{
    if (switch_state(c->doc) != SWITCH_RUNNING || !is(c->doc, SUB_PULL, "RUNNING"))
        return false;
    pass(c, SUB_PULL, "FINISHED", "the target's log is being pulled", NULL);
    settle(c);
    return true;
}

bool switch_pull_lost(struct switch_change *c, const struct err *why)
{
    struct err told = { 0 };

    if (switch_state(c->doc) != SWITCH_RUNNING || switch_current(c->doc) == SUB_MAX_)
        return false;
    (void)err_set(&told, why->code, "the pull of the target's log gave up: %.900s", why->message);
    (void)err_advise(&told, "%s", err_advice(why));
    json_add_bool(c->doc, "pullFailed", true);
    fail_current(c, &told);
    settle(c);
    return true;
}

bool switch_drained(struct switch_change *c, struct json_object *at)
{
    struct json_object *to = switch_drain_to(c->doc), *detail;

    if (to == NULL || strcmp(json_get_str(to, "file", ""), json_get_str(at, "file", "-")) != 0 ||
        json_get_i64(to, "pos", 0) != json_get_i64(at, "pos", -1))
        return false;
    detail = json_object_new_object();
    json_add(detail, "position", json_object_get(to));
    json_add(detail, "applied", json_object_get(json_get(at, "applied")));
    json_add_i64(detail, "lagSeconds", 0);
    pass(c, SUB_DRAIN, "FINISHED", "everything up to the source's position is applied", detail);
    json_object_put(detail);
    settle(c);
    return true;
}
