/*
 * causeway-worker: runs one stage for one project. Started by the daemon only; the assignment
 * comes over descriptor 3 (docs/channel.md). Its arguments name project and step for `ps`.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <mysql.h>

#include "base/chan.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/worker.h"

#include "base/banned.h"

enum { CHANNEL_FD = 3, EXIT_USAGE = 2 };

/* The copy ends with what the schema step left for later, unless that is a step of its own. */
static int full_and_finish_run(struct worker *w, struct err *err)
{
    int r = full_run(w, err);

    if (r == STAGE_DONE && w->task->do_struct && !w->task->has_index_step)
        r = schema_finish_run(w, err);
    return r;
}

static const struct stage {
    const char *kind;
    int (*run)(struct worker *w, struct err *err);
} stages[] = {
    { "precheck", precheck_run },    { "schema", schema_run },       { "relay", relay_run },
    { "full", full_and_finish_run }, { "index", schema_finish_run }, { "incr", incr_run },
    { "release", release_run },      { "switch", switch_run },       { "join", join_run },
    { "change", change_run },        { "verify", verify_run },       { "mend", mend_run },
    { "watch", watch_run },
};

static const struct stage *stage_find(const char *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
        if (strcmp(stages[i].kind, kind) == 0)
            return &stages[i];
    return NULL;
}

static enum log_level level_of(const char *text)
{
    if (strcmp(text, "debug") == 0)
        return LOG_DEBUG;
    if (strcmp(text, "warn") == 0)
        return LOG_WARN;
    return strcmp(text, "error") == 0 ? LOG_ERROR : LOG_INFO;
}

static void setup_process(struct json_object *doc, const struct task *t)
{
    log_setup(level_of(json_get_str(doc, "logLevel", "info")),
              strcmp(json_get_str(doc, "logFormat", ""), "json") == 0 ? LOG_JSON : LOG_LOGFMT);
    log_context("project=%s step=%s", t->project_id, t->step);
    fault_setup(json_get_str(doc, "faultDir", ""));
}

/* The limits that hold for this kind of worker until the channel changes them. */
static void setup_throttle(struct report *r, const struct task *t)
{
    struct json_object *config =
        strcmp(t->kind, "full") == 0 ? task_full_config(t) : task_incr_config(t);

    report_set_throttle(r, (uint64_t)json_get_i64(config, "throttleRps", 0),
                        (uint64_t)json_get_i64(config, "throttleIOPS", 0));
}

static void say_hello(struct chan *c)
{
    _cleanup_(json_putp)
    struct json_object *hello = json_object_new_object();
    struct err err = { 0 };

    json_add_str(hello, "t", "hello");
    json_add_i64(hello, "pid", getpid());
    json_add_str(hello, "version", CAUSEWAY_VERSION);
    (void)chan_send(c, hello, &err);
}

static int run(struct worker *w, const struct stage *stage)
{
    struct err err = { 0 };
    int r = stage->run(w, &err);

    if (r < 0) {
        report_error(w->report, &err, false);
        return 1;
    }
    if (r == STAGE_DONE)
        report_done(w->report, NULL);
    log_info("worker", r == STAGE_DONE ? "stage_done" : "stage_stopped", "kind=%s", stage->kind);
    return 0;
}

/* Reads the assignment; the document's own copy of the secrets goes with it. */
static int receive(struct chan *c, struct task **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    int r = chan_recv(c, &doc, err);

    if (r <= 0)
        return r < 0 ? -1 : err_set(err, ERR_CHANNEL, "the channel closed before an assignment");
    if (task_parse(doc, ret, err) < 0)
        return -1;
    setup_process(doc, *ret);
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_(task_freep)
    struct task *task = NULL;
    _cleanup_(report_freep)
    struct report *report = NULL;
    const struct stage *stage;
    struct chan *chan = NULL;
    struct worker w;
    struct err err = { 0 };
    int status;

    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        (void)printf("causeway-worker %s\n", CAUSEWAY_VERSION);
        return 0;
    }
    if (fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) < 0) {
        (void)fprintf(stderr, "causeway-worker is started by causewayd, with a channel on fd 3\n");
        return EXIT_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (secret_setup(&err) < 0 || chan_new(CHANNEL_FD, &chan, &err) < 0 ||
        receive(chan, &task, &err) < 0 || report_new(chan, &report, &err) < 0) {
        log_err(LOG_ERROR, "worker", "no_assignment", &err);
        return 1;
    }
    stage = stage_find(task->kind);
    if (stage == NULL) {
        log_error("worker", "unknown_kind", "kind=%s", task->kind);
        return 1;
    }
    say_hello(chan);
    setup_throttle(report, task);
    if (mysql_library_init(0, NULL, NULL) != 0 || report_start(report, &err) < 0)
        return 1;
    w = (struct worker){ .task = task, .report = report };
    log_info("worker", "stage_start", "kind=%s", stage->kind);
    status = run(&w, stage);
    mysql_library_end();
    return status;
}
