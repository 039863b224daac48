#include "workers/incr/rogue.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/mysql/binlog/peek.h"
#include "workers/start/start.h"

#include "base/banned.h"

enum {
    STEP_MS = 250,
    HEARTBEAT_MS = 1000,
    SILENCE_S = 15,
    AGAIN_MS = 60 * 1000, /* after a lost connection */
    TELL_EVERY_MS = 5 * 60 * 1000,
    CPU_SHARE = 10,   /* one part of so many */
    PACE_EVENTS = 64, /* how often that is looked at */
    SHOWN_MAX = 50,
    ROGUE_NAME_MAX = 600,
};

struct rogue {
    uint64_t rows;
    char file[BINLOG_FILE_MAX];
    uint64_t pos;
    int64_t at; /* Unix s */
};

struct rogues {
    struct worker *w;
    pthread_t thread;
    bool started;
    /* the thread's */
    struct dialect dialect;
    struct binlog_pos pos;
    struct peek *peek;
    bool ours; /* of the transaction being read: marked, or masked */
    int64_t tell_at;
    bool told; /* that it can't be read */
    /* guarded by the lock */
    pthread_mutex_t lock;
    bool stop;
    struct map *tables; /* "db.table" in lower case -> itself */
    struct map *rogues; /* the same -> struct rogue */
    uint64_t untold;    /* rows since the last event */
    char last[ROGUE_NAME_MAX];
};

static void key_of(const char *db, const char *table, char ret[static ROGUE_NAME_MAX])
{
    (void)snprintf(ret, ROGUE_NAME_MAX, "%s.%s", db, table);
    for (char *c = ret; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 'a' - 'A');
}

/* ---- the stream ---- */

static int count_rows(const struct peek_row *r, uint64_t *ret, struct err *err)
{
    _cleanup_(rows_closep)
    struct rows *rows = NULL;
    const struct value *before, *after;
    int got;

    if (rows_open(r->format, r->event, r->map, NULL, &rows, err) < 0)
        return -1;
    while ((got = rows_next(rows, &before, &after, err)) == 1)
        ++*ret;
    return got;
}

static int note(struct rogues *x, const char *key, uint64_t rows, struct err *err)
{
    struct rogue *r = map_get(x->rogues, key);

    if (r == NULL) {
        r = calloc(1, sizeof(*r));
        if (r == NULL || map_set(x->rogues, key, r) < 0) {
            free(r);
            return err_set(err, ERR_NOMEM, "no memory for what others write");
        }
    }
    r->rows += rows;
    memcpy(r->file, x->pos.file, sizeof(r->file));
    r->pos = x->pos.offset;
    r->at = clock_now_s();
    x->untold += rows;
    (void)snprintf(x->last, sizeof(x->last), "%s", key);
    return 0;
}

static int on_row(void *ctx, const struct peek_row *r, struct err *err)
{
    struct rogues *x = ctx;
    bool control = strcasecmp(r->map->db, x->w->task->control_schema) == 0;
    char key[ROGUE_NAME_MAX];
    uint64_t rows = 0;
    bool counts;
    int got = 0;

    if (r->first)
        x->ours = control && (strcasecmp(r->map->table, "cw_lane") == 0 ||
                              strcasecmp(r->map->table, "cw_mask") == 0);
    if (x->ours || control)
        return 0;
    key_of(r->map->db, r->map->table, key);
    (void)pthread_mutex_lock(&x->lock);
    counts = map_get(x->tables, key) != NULL;
    (void)pthread_mutex_unlock(&x->lock);
    if (!counts)
        return 0;
    if (count_rows(r, &rows, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&x->lock);
    got = note(x, key, rows, err);
    (void)pthread_mutex_unlock(&x->lock);
    return got;
}

/* The first time at once, then in a while with the sum. */
static void tell_rogues(struct rogues *x)
{
    int64_t now = clock_mono_ms();
    uint64_t rows;
    size_t tables;
    char last[ROGUE_NAME_MAX];

    if (now < x->tell_at)
        return;
    (void)pthread_mutex_lock(&x->lock);
    rows = x->untold;
    tables = map_count(x->rogues);
    memcpy(last, x->last, sizeof(last));
    x->untold = 0;
    (void)pthread_mutex_unlock(&x->lock);
    if (rows == 0)
        return;
    x->tell_at = now + TELL_EVERY_MS;
    log_warn("incr", "rogue_writer", "rows=%" PRIu64 " tables=%zu", rows, tables);
    report_event(x->w->report, "WARN", "rogue_writer",
                 "somebody else writes to the project's tables at the target: %" PRIu64
                 " rows, last %s at %s:%" PRIu64 "; such rows may be overwritten, or stop the "
                 "project at a conflict",
                 rows, last, x->pos.file, x->pos.offset);
}

static bool stopping(struct rogues *x)
{
    bool stop;

    (void)pthread_mutex_lock(&x->lock);
    stop = x->stop;
    (void)pthread_mutex_unlock(&x->lock);
    return stop || report_stopping(x->w->report);
}

static int64_t cpu_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What is more than its share is waited for; being behind only delays the report. */
static void pace(int64_t began_ms, int64_t began_cpu)
{
    int64_t owed = (cpu_ms() - began_cpu) * CPU_SHARE - (clock_mono_ms() - began_ms);

    if (owed > STEP_MS)
        (void)usleep(STEP_MS * 1000);
}

static int take(struct rogues *x, const uint8_t *data, size_t len, struct err *err)
{
    unsigned type = len >= EVENT_HEADER_LEN ? data[4] : EV_UNKNOWN;
    uint32_t end = len >= EVENT_HEADER_LEN ? (uint32_t)data[13] | (uint32_t)data[14] << 8 |
                                                 (uint32_t)data[15] << 16 | (uint32_t)data[16] << 24
                                           : 0;

    if (type == EV_ROTATE && len > EVENT_HEADER_LEN + 8) {
        size_t n = MIN(len - EVENT_HEADER_LEN - 8, sizeof(x->pos.file) - 1);
        char name[BINLOG_FILE_MAX] = "";

        memcpy(name, data + EVENT_HEADER_LEN + 8, n);
        /* a checksum may stand behind it: a file's name ends with its digits */
        n = strcspn(name, ".");
        while (name[n] == '.' || (name[n] >= '0' && name[n] <= '9'))
            n++;
        name[n] = '\0';
        memcpy(x->pos.file, name, sizeof(name));
    } else if (end != 0) {
        x->pos.offset = end;
    }
    if (x->ours && peek_may_skip(type))
        return 0; /* nearly all there is, as a rule */
    if (peek_event(x->peek, data, len, err) < 0)
        return -1;
    x->ours = x->ours && peek_inside(x->peek);
    return 0;
}

static int follow(struct rogues *x, struct dump *d, struct err *err)
{
    int64_t began = clock_mono_ms(), began_cpu = cpu_ms();

    for (unsigned n = 0; n % PACE_EVENTS != 0 || !stopping(x); n++) {
        const uint8_t *data;
        size_t len;
        int got;

        if (!dump_pending(d)) {
            tell_rogues(x);
            if (!dump_wait(d, report_stop_fd(x->w->report), STEP_MS)) {
                n = UINT_MAX; /* look at once whether to stop */
                continue;
            }
        }
        got = dump_next(d, &data, &len, err);
        if (got <= 0)
            return got < 0 ? -1 : err_set(err, ERR_DB_LOST, "the target ended its binlog's stream");
        if (take(x, data, len, err) < 0)
            return -1;
        if (n % PACE_EVENTS == 0)
            pace(began, began_cpu);
    }
    return 0;
}

/* From the target's end on, until it is asked to stop (0) or fails. */
static int run(struct rogues *x, struct err *err)
{
    const struct endpoint *sink = &x->w->task->ends[END_SINK];
    struct conn_options co = { .timeout_s = SILENCE_S };
    struct dump_options o = { .server_id = start_server_id(x->w->task, "watch"),
                              .heartbeat_ms = HEARTBEAT_MS };
    _cleanup_(dump_closep)
    struct dump *d = NULL;
    _cleanup_(freep)
    char *gtids = NULL;
    struct conn *c = NULL;

    if (conn_open(sink, &co, &c, err) < 0)
        return -1;
    if (dialect_detect(c, &x->dialect, err) < 0 ||
        dump_source_position(c, &x->dialect, &o.pos, &gtids, err) < 0) {
        conn_close(c);
        return -1;
    }
    peek_free(x->peek);
    x->peek = NULL;
    x->pos = o.pos;
    x->ours = false;
    if (peek_new(on_row, x, &x->peek, err) < 0) {
        conn_close(c);
        return -1;
    }
    if (dump_open(c, &x->dialect, &o, &d, err) < 0)
        return -1;
    return follow(x, d, err);
}

static void cannot(struct rogues *x, const struct err *err)
{
    if (x->told)
        return;
    x->told = true;
    log_err(LOG_INFO, "incr", "target_not_watched", err);
    report_event(x->w->report, "INFO", "target_not_watched",
                 "whether others write to the target can't be told: %s", err->message);
}

static void *rogues_main(void *arg)
{
    struct rogues *x = arg;

    while (!stopping(x)) {
        struct err err = { 0 };
        int64_t until = clock_mono_ms() + AGAIN_MS;

        if (run(x, &err) == 0)
            continue;
        if (!stopping(x))
            cannot(x, &err);
        if (!err_retryable(&err))
            break;
        while (!stopping(x) && clock_mono_ms() < until)
            (void)report_sleep(x->w->report, STEP_MS);
    }
    return NULL;
}

/* ---- the coordinator's side ---- */

int rogues_new(struct worker *w, struct rogues **ret, struct err *err)
{
    _cleanup_(rogues_freep)
    struct rogues *x = calloc(1, sizeof(*x));

    if (x == NULL)
        return err_set(err, ERR_NOMEM, "no memory to watch the target");
    (void)pthread_mutex_init(&x->lock, NULL);
    x->w = w;
    x->rogues = map_new();
    if (x->rogues == NULL)
        return err_set(err, ERR_NOMEM, "no memory to watch the target");
    *ret = take_ptr(x);
    return 0;
}

void rogues_free(struct rogues *x)
{
    const char *key;
    void *value;
    size_t at = 0;

    if (x == NULL)
        return;
    (void)pthread_mutex_lock(&x->lock);
    x->stop = true;
    (void)pthread_mutex_unlock(&x->lock);
    if (x->started)
        (void)pthread_join(x->thread, NULL);
    while (x->rogues != NULL && map_next(x->rogues, &at, &key, &value))
        free(value);
    map_free(x->rogues);
    map_free(x->tables);
    peek_free(x->peek);
    (void)pthread_mutex_destroy(&x->lock);
    free(x);
}

int rogues_tables(struct rogues *x, const struct catalog *cat, struct err *err)
{
    struct map *next = map_new();
    int failure;

    for (size_t i = 0; next != NULL && i < cat->count; i++) {
        char key[ROGUE_NAME_MAX];

        key_of(cat->tables[i]->mapped_db, cat->tables[i]->mapped_name, key);
        if (map_set(next, key, x) < 0) {
            map_free(next);
            next = NULL;
        }
    }
    if (next == NULL)
        return err_set(err, ERR_NOMEM, "no memory to watch the target");
    (void)pthread_mutex_lock(&x->lock);
    map_free(x->tables);
    x->tables = next;
    (void)pthread_mutex_unlock(&x->lock);
    if (x->started)
        return 0;
    failure = pthread_create(&x->thread, NULL, rogues_main, x);
    if (failure != 0) {
        errno = failure;
        return err_set_sys(err, ERR_INTERNAL, "start to watch the target");
    }
    x->started = true;
    return 0;
}

void rogues_add_info(struct rogues *x, struct json_object *info)
{
    struct json_object *list = json_object_new_array();
    const char *key;
    void *value;
    size_t at = 0;

    if (list == NULL)
        return;
    (void)pthread_mutex_lock(&x->lock);
    while (json_len(list) < SHOWN_MAX && map_next(x->rogues, &at, &key, &value)) {
        const struct rogue *r = value;
        struct json_object *o = json_object_new_object();

        (void)json_add_str(o, "table", key);
        (void)json_add_u64(o, "rows", r->rows);
        (void)json_add_str(o, "file", r->file);
        (void)json_add_u64(o, "pos", r->pos);
        (void)json_add_i64(o, "at", r->at);
        (void)json_object_array_add(list, o);
    }
    (void)pthread_mutex_unlock(&x->lock);
    if (json_len(list) > 0)
        (void)json_add(info, "rogueWriters", list);
    else
        json_object_put(list);
}
