/* A flow over a store of its own and the fake worker. */
#ifndef TESTS_UNIT_FLOW_FIXTURE_H
#define TESTS_UNIT_FLOW_FIXTURE_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/secret.h"
#include "flow/flow.h"
#include "store/event.h"
#include "store/precheck.h"
#include "store/project.h"
#include "store/source.h"

enum { WAIT_S = 40 };

#define PASSWORD "p\\4ss\"w0rd-of-the-source"
#define STRUCT_FULL "{\"enableStructTransfer\":true,\"enableFullTransfer\":true}"
#define EVERYTHING                                                                                 \
    "{\"enableStructTransfer\":true,\"enableFullTransfer\":true,\"enableIncrTransfer\":true,"      \
    "\"structTransferConfig\":{\"deferIndexCreation\":true},\"importance\":\"HIGH\","              \
    "\"transferMapping\":{\"mode\":\"SPECIFIC\"}}"

struct fixture {
    char dir[64];
    struct store *store;
    struct box *box;
    struct flow *flow;
    int serial;
    int max_workers;
};

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct err *e_ = &err;                                                                     \
        err_reset(e_);                                                                             \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s: %s", #call, err_symbol(e_->code), e_->message);                      \
    } while (0)

static inline void open_store(struct fixture *f)
{
    char path[128];
    struct err err = { 0 };

    (void)snprintf(path, sizeof(path), "%s/causeway.db", f->dir);
    assert_ok(store_open(path, &f->store, &err));
    (void)snprintf(path, sizeof(path), "%s/key", f->dir);
    assert_ok(box_open(path, true, &f->box, &err));
}

static inline void start_flow(struct fixture *f)
{
    struct flow_options o = { .store = f->store,
                              .box = f->box,
                              .data_dir = f->dir,
                              .worker_path = FAKE_WORKER,
                              .log_level = LOG_ERROR,
                              .max_workers = f->max_workers };
    struct err err = { 0 };

    assert_ok(flow_new(&o, &f->flow, &err));
    assert_ok(flow_start(f->flow, &err));
}

static inline int fixture_open(void **state)
{
    static struct fixture f;
    struct err err = { 0 };

    f = (struct fixture){ .max_workers = 8 };
    log_setup(getenv("CW_LOG") != NULL ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
    (void)snprintf(f.dir, sizeof(f.dir), "/tmp/cw-flow-XXXXXX");
    if (secret_setup(&err) < 0 || mkdtemp(f.dir) == NULL)
        return -1;
    *state = &f;
    return 0;
}

static inline int fixture_up(void **state)
{
    if (fixture_open(state) < 0)
        return -1;
    open_store(*state);
    start_flow(*state);
    return 0;
}

static inline int fixture_down(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };

    if (f->flow != NULL)
        flow_stop(f->flow);
    flow_free(take_ptr(f->flow));
    store_close(take_ptr(f->store));
    box_close(take_ptr(f->box));
    return fs_remove_tree(f->dir, &err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
#define TEST_CLOSED(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_down)

static inline void add_source(struct fixture *f, char id[static ID_MAX])
{
    char name[32], type[] = "MARIADB", host[] = "127.0.0.1", user[] = "mover", about[64];
    _cleanup_(secret_freep)
    struct secret *secret = NULL;
    _cleanup_(freep)
    char *sealed = NULL;
    struct source s = { .name = name, .type = type, .host = host, .port = 3307, .user = user };
    struct err err = { 0 };

    (void)snprintf(name, sizeof(name), "s%d", f->serial++);
    (void)id_new("e_", s.id);
    (void)snprintf(about, sizeof(about), "source:%s", s.id);
    assert_ok(secret_new(PASSWORD, strlen(PASSWORD), &secret, &err));
    assert_ok(box_seal(f->box, about, secret, &sealed, &err));
    s.password_sealed = sealed;
    assert_ok(store_source_add(f->store, &s, &err));
    (void)snprintf(id, ID_MAX, "%s", s.id);
}

static inline struct json_object *make_body(struct fixture *f, const char *config)
{
    struct json_object *o = NULL;
    char id[ID_MAX];
    struct err err = { 0 };

    assert_ok(json_parse(config, strlen(config), 16, &o, &err));
    add_source(f, id);
    json_add_str(o, "sourceEndpointId", id);
    add_source(f, id);
    json_add_str(o, "sinkEndpointId", id);
    return o;
}

/* A project of this configuration, INIT, planned or (as after a crash) not. */
static inline void add_project(struct fixture *f, const char *config, char id[static ID_MAX])
{
    char name[32], type[] = "MIGRATION", owner[] = "admin";
    _cleanup_(json_putp)
    struct json_object *body = make_body(f, config);
    struct project p = { .name = name, .type = type, .owner = owner, .config = body };
    struct err err = { 0 };

    (void)snprintf(name, sizeof(name), "p%d", f->serial++);
    (void)snprintf(p.source_id, ID_MAX, "%s", json_get_str(body, "sourceEndpointId", ""));
    (void)snprintf(p.sink_id, ID_MAX, "%s", json_get_str(body, "sinkEndpointId", ""));
    assert_ok(store_project_add(f->store, &p, &err));
    (void)snprintf(id, ID_MAX, "%s", p.id);
}

/* What the project's worker of a step does; also the files it leaves. */
static inline void put_file(struct fixture *f, const char *id, const char *name, const char *step,
                            const char *text)
{
    char path[1024];
    struct err err = { 0 };

    (void)snprintf(path, sizeof(path), "%s/projects/%s", f->dir, id);
    assert_ok(fs_mkdir(path, 0700, &err));
    (void)snprintf(path, sizeof(path), "%s/projects/%s/%s.%s", f->dir, id, name, step);
    assert_ok(fs_write_atomic(path, text, strlen(text), 0600, &err));
}

static inline void script(struct fixture *f, const char *id, const char *step, const char *text)
{
    put_file(f, id, "script", step, text);
}

static inline void remove_script(struct fixture *f, const char *id, const char *step)
{
    char path[1024];

    (void)snprintf(path, sizeof(path), "%s/projects/%s/script.%s", f->dir, id, step);
    assert_int_equal(unlink(path), 0);
}

static inline void go(struct fixture *f, const char *id, const char *step)
{
    put_file(f, id, "go", step, "");
}

/* The text of a file in the project's folder; "" when there is none. */
static inline const char *get_file(struct fixture *f, const char *id, const char *name)
{
    static char text[65536];
    _cleanup_(freep)
    char *all = NULL;
    char path[1024];
    size_t len = 0;
    struct err err = { 0 };

    text[0] = '\0';
    (void)snprintf(path, sizeof(path), "%s/projects/%s/%s", f->dir, id, name);
    if (access(path, F_OK) == 0 && fs_read_all(path, sizeof(text) - 1, &all, &len, &err) == 0)
        (void)snprintf(text, sizeof(text), "%s", all);
    return text;
}

static inline void request(struct fixture *f, const char *id, enum flow_op op)
{
    struct err err = { 0 };

    assert_ok(flow_request(f->flow, id, op, &err));
}

static inline enum project_status status_of(struct fixture *f, const char *id)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct err err = { 0 };

    assert_ok(store_project_get(f->store, id, &p, &err));
    return p->status;
}

/* A copy of one step's row: texts and objects are not kept, the error's message is. */
struct step_copy {
    enum step_status status;
    double progress;
    bool has_error, retrying;
    char symbol[64], message[1024], advice[768];
    int64_t checkpoint, records;
};

static inline struct step_copy step_of(struct fixture *f, const char *id, const char *name)
{
    struct step *list = NULL;
    size_t n = 0;
    struct err err = { 0 };
    struct step_copy c = { .status = SS_MAX_ };

    assert_ok(store_step_list(f->store, id, &list, &n, &err));
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) != 0)
            continue;
        c.status = list[i].status;
        c.progress = list[i].progress;
        c.checkpoint = list[i].checkpoint;
        c.records = json_get_i64(list[i].info, "processedRecords", 0);
        c.has_error = list[i].error != NULL;
        c.retrying = json_get_bool(list[i].error, "retrying", false);
        (void)snprintf(c.symbol, sizeof(c.symbol), "%s", json_get_str(list[i].error, "symbol", ""));
        (void)snprintf(c.message, sizeof(c.message), "%s",
                       json_get_str(list[i].error, "message", ""));
        (void)snprintf(c.advice, sizeof(c.advice), "%s", json_get_str(list[i].error, "advice", ""));
    }
    step_list_free(list, n);
    return c;
}

/* Waits for a condition with a deadline, never for a time. */
#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        int64_t until_ = clock_mono_ms() + WAIT_S * 1000;                                          \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > until_)                                                          \
                fail_msg("not within %d s: %s", WAIT_S, #condition);                               \
            (void)poll(NULL, 0, 10);                                                               \
        }                                                                                          \
    } while (0)

static inline void wait_status(struct fixture *f, const char *id, enum project_status s)
{
    int64_t until = clock_mono_ms() + WAIT_S * 1000;

    while (status_of(f, id) != s) {
        if (clock_mono_ms() > until)
            fail_msg("project is %s, not %s", project_status_text(status_of(f, id)),
                     project_status_text(s));
        (void)poll(NULL, 0, 10);
    }
}

static inline void wait_step(struct fixture *f, const char *id, const char *step,
                             enum step_status s)
{
    int64_t until = clock_mono_ms() + WAIT_S * 1000;

    while (step_of(f, id, step).status != s) {
        if (clock_mono_ms() > until)
            fail_msg("step %s is %s, not %s", step, step_status_text(step_of(f, id, step).status),
                     step_status_text(s));
        (void)poll(NULL, 0, 10);
    }
}

#endif
