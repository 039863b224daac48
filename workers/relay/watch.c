#include "workers/relay/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "workers/mysql/dialect.h"

#include "base/banned.h"

enum {
    EVERY_MS = 10 * 1000,
    FILES_EVERY = 6, /* looks: the list of files and the settings, once a minute */
    STEP_MS = 200,
    TIMEOUT_S = 5,
    DAY_S = 24 * 3600,
    FIRST_OFFSET = 4,
};

struct watch {
    const struct worker *worker;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards the two below */
    struct watch_seen seen;
    bool ending;
};

static bool ending(struct watch *k)
{
    bool yes;

    (void)pthread_mutex_lock(&k->lock);
    yes = k->ending;
    (void)pthread_mutex_unlock(&k->lock);
    return yes || report_stopping(k->worker->report);
}

static int look_at_head(struct conn *c, const struct dialect *d, struct watch_seen *io,
                        struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_queryf(c, &r, err, "%s", d->binlog_status_sql) < 0)
        return -1;
    got = result_next(&r, err);
    if (got > 0) {
        (void)snprintf(io->head.file, sizeof(io->head.file), "%s", result_str(&r, 0, ""));
        io->head.offset = result_u64(&r, 1, 0);
    }
    return got < 0 ? -1 : 0;
}

static int look_at_files(struct conn *c, struct watch_seen *io, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_queryf(c, &r, err, "SHOW BINARY LOGS") < 0)
        return -1;
    got = result_next(&r, err);
    if (got > 0) {
        (void)snprintf(io->oldest.file, sizeof(io->oldest.file), "%s", result_str(&r, 0, ""));
        io->oldest.offset = FIRST_OFFSET;
    }
    return got < 0 ? -1 : 0;
}

/* MySQL 8 and MariaDB 10.6 have it in seconds, older ones in days; 0 of the one leaves the other.
 */
static int look_at_expiry(struct conn *c, struct watch_seen *io, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int64_t seconds = 0, days = 0;
    bool by_age = true;
    int got;

    if (conn_queryf(c, &r, err,
                    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('binlog_expire_logs_seconds', "
                    "'expire_logs_days', 'binlog_expire_logs_auto_purge')") < 0)
        return -1;
    while ((got = result_next(&r, err)) > 0) {
        const char *name = result_str(&r, 0, ""), *value = result_str(&r, 1, "");
        if (strcmp(name, "binlog_expire_logs_seconds") == 0)
            seconds = strtoll(value, NULL, 10);
        else if (strcmp(name, "expire_logs_days") == 0)
            days = (int64_t)(strtod(value, NULL) * DAY_S);
        else
            by_age = strcmp(value, "OFF") != 0;
    }
    if (got < 0)
        return -1;
    io->expire_s = !by_age ? 0 : seconds > 0 ? seconds : days;
    io->expires_known = true;
    return 0;
}

/* One look; what fails is only noted, the next one tries again. */
static void look(struct watch *k, struct conn **c, struct dialect *d, bool files)
{
    const struct task *t = k->worker->task;
    struct conn_options o = { .timeout_s = TIMEOUT_S };
    struct watch_seen seen;
    struct err err = { 0 };
    int got = 0;

    watch_get(k, &seen);
    if (*c == NULL &&
        (conn_open(&t->ends[END_SOURCE], &o, c, &err) < 0 || dialect_detect(*c, d, &err) < 0))
        got = -1;
    if (got == 0)
        got = look_at_head(*c, d, &seen, &err);
    if (got == 0 && files && look_at_expiry(*c, &seen, &err) == 0)
        got = look_at_files(*c, &seen, &err);
    (void)pthread_mutex_lock(&k->lock);
    k->seen = seen;
    (void)pthread_mutex_unlock(&k->lock);
    if (got < 0) {
        log_err(LOG_DEBUG, "relay", "source_not_seen", &err);
        conn_close(*c);
        *c = NULL;
    }
}

static void *keep_looking(void *arg)
{
    struct watch *k = arg;
    struct dialect d = { 0 };
    struct conn *c = NULL;

    for (unsigned n = 0; !ending(k); n++) {
        look(k, &c, &d, n % FILES_EVERY == 0);
        for (int waited = 0; waited < EVERY_MS && !ending(k); waited += STEP_MS)
            (void)report_sleep(k->worker->report, STEP_MS);
    }
    conn_close(c);
    return NULL;
}

int watch_new(const struct worker *w, struct watch **ret, struct err *err)
{
    _cleanup_(watch_freep)
    struct watch *k = calloc(1, sizeof(*k));

    if (k == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    k->worker = w;
    (void)pthread_mutex_init(&k->lock, NULL);
    if (pthread_create(&k->thread, NULL, keep_looking, k) != 0)
        return err_set(err, ERR_NOMEM, "no thread to look at the source");
    k->started = true;
    *ret = take_ptr(k);
    return 0;
}

void watch_free(struct watch *k)
{
    if (k == NULL)
        return;
    if (k->started) {
        (void)pthread_mutex_lock(&k->lock);
        k->ending = true;
        (void)pthread_mutex_unlock(&k->lock);
        (void)pthread_join(k->thread, NULL);
    }
    (void)pthread_mutex_destroy(&k->lock);
    free(k);
}

void watch_get(struct watch *k, struct watch_seen *ret)
{
    (void)pthread_mutex_lock(&k->lock);
    *ret = k->seen;
    (void)pthread_mutex_unlock(&k->lock);
}
