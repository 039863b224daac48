#include "workers/incr/canary.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/mysql/control.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum {
    EVERY_S = 30,
    EVERY_MAX_S = 3600,
    TIMEOUT_S = 30,
    TELL_EVERY_MS = 10 * 60 * 1000,
    FIRST_MS = 1000,
};

struct canary {
    struct worker *w;
    int64_t every_ms;
    pthread_t thread;
    bool started;
    /* the thread's */
    struct conn *conn;
    struct dialect dialect;
    struct fence fence;
    char path[CONTROL_NODE_MAX];
    char task[ID_MAX + 16];
    int64_t tell_at;
    /* guarded by the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    uint64_t n;             /* written last */
    uint64_t seen;          /* met last */
    bool pending;           /* n is known to be before `pos` and was not met */
    struct binlog_pos pos;  /* the source's position behind n's commit */
    char uuid[64];          /* … and whose it is */
    int64_t seen_s, sent_s; /* Unix s */
};

const char *canary_task(const struct canary *c)
{
    return c->task;
}

/* ---- the thread ---- */

static int open_source(struct canary *c, struct err *err)
{
    const struct task *t = c->w->task;
    struct conn_options o = { .timeout_s = TIMEOUT_S };
    uint64_t n = 0;

    if (conn_open(&t->ends[END_SOURCE], &o, &c->conn, err) < 0 ||
        dialect_detect(c->conn, &c->dialect, err) < 0 ||
        control_ensure(c->conn, t->control_schema, err) < 0 ||
        control_take_epoch(c->conn, t->control_schema, t->project_id, "canary", 1, &c->fence, err) <
            0)
        return -1;
    (void)snprintf(c->fence.origin, sizeof(c->fence.origin), "%s", c->path);
    if (control_ask_u64(c->conn, t->control_schema, &n, err,
                        "SELECT n FROM @cw_canary WHERE task = %q", c->task) < 0)
        return -1;
    (void)pthread_mutex_lock(&c->lock);
    c->n = n > c->n ? n : c->n;
    c->pending = false; /* it may be another server now */
    (void)pthread_mutex_unlock(&c->lock);
    return 0;
}

static int write_probe(struct canary *c, uint64_t n, struct err *err)
{
    int got;

    if (control_begin(c->conn, &c->fence, 0, n, NULL, 0, err) < 0)
        return -1;
    got = control_exec(c->conn, c->fence.schema, NULL, err,
                       "INSERT INTO @cw_canary (task, n, at) VALUES (%q, %u, %i)"
                       " ON DUPLICATE KEY UPDATE n = VALUES(n), at = VALUES(at)",
                       c->task, n, clock_now_s());
    return control_finish(c->conn, got, err);
}

static int probe(struct canary *c, struct err *err)
{
    struct binlog_pos pos = { 0 };
    _cleanup_(freep)
    char *gtids = NULL;
    char uuid[64];
    uint64_t n;

    if (c->conn == NULL && open_source(c, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&c->lock);
    n = ++c->n;
    (void)pthread_mutex_unlock(&c->lock);
    FAULT("incr.canary.before");
    if (write_probe(c, n, err) < 0 || dump_source_uuid(c->conn, &c->dialect, uuid, err) < 0 ||
        dump_source_position(c->conn, &c->dialect, &pos, &gtids, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&c->lock);
    c->pos = pos;
    memcpy(c->uuid, uuid, sizeof(uuid));
    c->sent_s = clock_now_s();
    c->pending = c->seen < n;
    (void)pthread_mutex_unlock(&c->lock);
    return 0;
}

/* A source that can't be written for a while proves nothing, and breaks nothing. */
static void tell(struct canary *c, const struct err *err)
{
    int64_t now = clock_mono_ms();

    if (now < c->tell_at)
        return;
    c->tell_at = now + TELL_EVERY_MS;
    log_err(LOG_WARN, "incr", "canary_not_written", err);
    report_event(c->w->report, "WARN", "canary_not_written",
                 "the probe of the loop breaker can't be written at the source: %s", err->message);
}

/* True: stop. */
static bool wait_for(struct canary *c, int64_t ms)
{
    struct timespec until;
    bool stop;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    (void)pthread_mutex_lock(&c->lock);
    while (!c->stop && pthread_cond_timedwait(&c->wake, &c->lock, &until) != ETIMEDOUT)
        ;
    stop = c->stop;
    (void)pthread_mutex_unlock(&c->lock);
    return stop || report_stopping(c->w->report);
}

static void *canary_main(void *arg)
{
    struct canary *c = arg;
    int64_t ms = FIRST_MS;

    while (!wait_for(c, ms)) {
        struct err err = { 0 };

        if (probe(c, &err) < 0) {
            tell(c, &err);
            conn_close(c->conn);
            c->conn = NULL;
        }
        ms = c->every_ms;
    }
    conn_close(c->conn);
    c->conn = NULL;
    return NULL;
}

/* ---- the coordinator's side ---- */

int canary_new(struct worker *w, const char *path, struct canary **ret, struct err *err)
{
    struct canary *c = calloc(1, sizeof(*c));
    int64_t every = json_get_i64(w->task->doc, "canarySeconds", EVERY_S);
    pthread_condattr_t clock;
    int failure;

    if (c == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the probe of the loop breaker");
    c->w = w;
    c->every_ms = (every < 1 ? 1 : every > EVERY_MAX_S ? EVERY_MAX_S : every) * 1000;
    (void)snprintf(c->path, sizeof(c->path), "%s", path);
    (void)snprintf(c->task, sizeof(c->task), "%s/canary", w->task->project_id);
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->wake, &clock);
    (void)pthread_condattr_destroy(&clock);
    failure = pthread_create(&c->thread, NULL, canary_main, c);
    if (failure != 0) {
        canary_free(c);
        errno = failure;
        return err_set_sys(err, ERR_INTERNAL, "start the probe of the loop breaker");
    }
    c->started = true;
    *ret = c;
    return 0;
}

void canary_free(struct canary *c)
{
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
    if (c->started)
        (void)pthread_join(c->thread, NULL);
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void canary_seen(struct canary *c, uint64_t n)
{
    (void)pthread_mutex_lock(&c->lock);
    if (n > c->seen) {
        c->seen = n;
        c->seen_s = clock_now_s();
    }
    if (c->seen >= c->n)
        c->pending = false;
    (void)pthread_mutex_unlock(&c->lock);
}

int canary_passed(struct canary *c, const struct binlog_pos *pos, const char *source_uuid,
                  struct err *err)
{
    struct binlog_pos wanted;
    uint64_t n;
    bool missed;

    (void)pthread_mutex_lock(&c->lock);
    wanted = c->pos;
    wanted.era = pos->era;
    n = c->n;
    missed = c->pending && strcmp(c->uuid, source_uuid) == 0 && pos->file[0] != '\0' &&
             binlog_pos_cmp(pos, &wanted) >= 0;
    (void)pthread_mutex_unlock(&c->lock);
    if (!missed)
        return 0;
    return err_set(err, ERR_LOOP,
                   "the probe of the loop breaker (%s, number %" PRIu64
                   ") is not in the source's binlog before %s:%" PRIu64
                   ": marks of applied transactions would be missed, too",
                   c->task, n, wanted.file, wanted.offset);
}

struct json_object *canary_info(struct canary *c)
{
    struct json_object *o = json_object_new_object();

    if (o == NULL)
        return NULL;
    (void)pthread_mutex_lock(&c->lock);
    (void)json_add_u64(o, "written", c->n);
    (void)json_add_u64(o, "met", c->seen);
    (void)json_add_i64(o, "metAt", c->seen_s);
    (void)pthread_mutex_unlock(&c->lock);
    return o;
}
