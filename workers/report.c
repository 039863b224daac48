#include "workers/report.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"

#include "base/banned.h"

enum {
    PROGRESS_EVERY_MS = 1000,
    AGAIN_EVERY_MS = 5000,
    EXIT_ORPHANED = 3,
    DDL_SQL_MAX = 64 * 1024,
};

struct report {
    struct chan *chan;
    pthread_t reader;
    bool reading;
    int stop_fd;
    atomic_bool stopping;
    atomic_bool closing; /* we end the channel ourselves */
    atomic_uint_fast64_t rps, bps;
    _Atomic(struct json_object *) drain; /* not taken yet */
    _Atomic(struct json_object *) objects;
    pthread_mutex_t stored_lock;
    struct json_object *stored;          /* not taken yet */
    atomic_int_fast64_t again_told_ms;   /* monotonic, of the last report_again(); 0: none yet */
    atomic_int_fast64_t progress_due_ms; /* monotonic; progress before that is dropped */
};

int report_new(struct chan *c, struct report **ret, struct err *err)
{
    struct report *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->stop_fd < 0) {
        free(r);
        return err_set_sys(err, ERR_INTERNAL, "eventfd");
    }
    (void)pthread_mutex_init(&r->stored_lock, NULL);
    r->chan = c;
    *ret = r;
    return 0;
}

static void add_stored(struct report *r, struct json_object *keys)
{
    (void)pthread_mutex_lock(&r->stored_lock);
    if (r->stored == NULL)
        r->stored = json_object_new_array();
    for (size_t i = 0; r->stored != NULL && i < json_len(keys); i++)
        (void)json_object_array_add(r->stored, json_object_get(json_at(keys, i)));
    (void)pthread_mutex_unlock(&r->stored_lock);
}

struct json_object *report_take_stored(struct report *r)
{
    struct json_object *got;

    (void)pthread_mutex_lock(&r->stored_lock);
    got = take_ptr(r->stored);
    (void)pthread_mutex_unlock(&r->stored_lock);
    return got;
}

static void handle(struct report *r, struct json_object *message)
{
    const char *t = json_get_str(message, "t", "");
    uint64_t one = 1;

    if (strcmp(t, "throttle") == 0) {
        report_set_throttle(r, (uint64_t)json_get_i64(message, "throttleRps", 0),
                            (uint64_t)json_get_i64(message, "throttleIOPS", 0));
    } else if (strcmp(t, "stop") == 0) {
        atomic_store(&r->stopping, true);
        (void)!write(r->stop_fd, &one, sizeof(one));
    } else if (strcmp(t, "conflicts_stored") == 0) {
        add_stored(r, json_get_array(message, "keys"));
    } else if (strcmp(t, "drain") == 0) {
        struct json_object *old = atomic_exchange(&r->drain, json_object_get(message));
        json_putp(&old);
    } else if (strcmp(t, "objects") == 0) {
        struct json_object *old = atomic_exchange(&r->objects, json_object_get(message));
        json_putp(&old);
    } else {
        log_warn("report", "unknown_message", "t=%.32s", t);
    }
}

/*
 * When the channel ends, the daemon is gone: leave at once, without flushing or committing
 * anything. Open transactions roll back with their connections.
 */
static void *read_channel(void *arg)
{
    struct report *r = arg;

    for (;;) {
        _cleanup_(json_putp)
        struct json_object *message = NULL;
        struct err err = { 0 };

        if (chan_recv(r->chan, &message, &err) <= 0) {
            if (atomic_load(&r->closing))
                return NULL;
            _exit(EXIT_ORPHANED);
        }
        if (message == NULL)
            continue;
        handle(r, message);
    }
    return NULL;
}

int report_start(struct report *r, struct err *err)
{
    if (pthread_create(&r->reader, NULL, read_channel, r) != 0)
        return err_set(err, ERR_INTERNAL, "can't start the channel's thread");
    r->reading = true;
    return 0;
}

struct json_object *report_take_drain(struct report *r)
{
    return atomic_exchange(&r->drain, NULL);
}

struct json_object *report_take_objects(struct report *r)
{
    return atomic_exchange(&r->objects, NULL);
}

void report_free(struct report *r)
{
    struct json_object *drain;

    if (r == NULL)
        return;
    if (r->reading) {
        atomic_store(&r->closing, true);
        (void)shutdown(chan_fd(r->chan), SHUT_RD); /* wakes the reader, which then returns */
        (void)pthread_join(r->reader, NULL);
    }
    drain = report_take_drain(r);
    json_putp(&drain);
    drain = report_take_objects(r);
    json_putp(&drain);
    json_putp(&r->stored);
    (void)pthread_mutex_destroy(&r->stored_lock);
    closep(&r->stop_fd);
    chan_free(r->chan);
    free(r);
}

bool report_stopping(const struct report *r)
{
    return atomic_load(&r->stopping);
}

int report_stop_fd(const struct report *r)
{
    return r->stop_fd;
}

bool report_sleep(const struct report *r, int ms)
{
    struct pollfd p = { .fd = r->stop_fd, .events = POLLIN };

    (void)poll(&p, 1, ms);
    return report_stopping(r);
}

bool report_back_off(const struct report *r, unsigned tries, int first_ms, int most_ms)
{
    int ms = first_ms;

    for (unsigned i = 1; i < tries && ms < most_ms; i++)
        ms *= 2;
    return report_sleep(r, MIN(ms, most_ms));
}

uint64_t report_throttle_rps(const struct report *r)
{
    return atomic_load(&r->rps);
}

uint64_t report_throttle_bps(const struct report *r)
{
    return atomic_load(&r->bps);
}

void report_set_throttle(struct report *r, uint64_t rps, uint64_t bps)
{
    atomic_store(&r->rps, rps);
    atomic_store(&r->bps, bps);
}

/* A message that can't be sent means that the daemon is gone: see read_channel. */
static void send_message(struct report *r, struct json_object *message)
{
    struct err err = { 0 };

    if (chan_send(r->chan, message, &err) < 0)
        _exit(EXIT_ORPHANED);
    json_putp(&message);
}

static struct json_object *message_new(const char *t)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "t", t);
    return o;
}

/* Not in the middle of a character: the channel's documents are UTF-8. */
static size_t cut_utf8(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

/* Any bytes, NUL among them, as text of a document; NULL: out of memory. */
static char *clean_text(const char *text, size_t len)
{
    char *clean = malloc(len + 1);

    if (clean == NULL)
        return NULL;
    if (len > 0)
        memcpy(clean, text, len);
    clean[len] = '\0';
    for (size_t i = 0; i < len;) {
        size_t n = clean[i] != '\0' ? utf8_length((const unsigned char *)clean + i, len - i) : 0;
        if (n == 0)
            clean[i++] = '?';
        i += n;
    }
    return clean;
}

/* A statement may hold any bytes in its literals; the channel's documents hold text. */
static void add_clean(struct json_object *m, const char *key, const char *text, size_t len)
{
    char *clean = clean_text(text, len);

    json_add_str(m, key, clean != NULL ? clean : "");
    free(clean);
}

static bool progress_is_due(struct report *r)
{
    int64_t now = clock_mono_ms();
    int_fast64_t due = atomic_load(&r->progress_due_ms);

    return now >= due &&
           atomic_compare_exchange_strong(&r->progress_due_ms, &due, now + PROGRESS_EVERY_MS);
}

void report_progress(struct report *r, double percent, struct json_object *info)
{
    struct json_object *m;

    if (percent < 100 && !progress_is_due(r)) {
        json_putp(&info);
        return;
    }
    m = message_new("progress");
    json_add_double(m, "progress", percent);
    json_add(m, "stepInfo", info);
    send_message(r, m);
}

void report_metrics(struct report *r, struct json_object *values, struct json_object *state)
{
    struct json_object *m = message_new("metrics");

    json_add(m, "values", values);
    if (state != NULL)
        json_add(m, "relay", state);
    send_message(r, m);
}

void report_ready(struct report *r)
{
    send_message(r, message_new("ready"));
}

void report_checkpoint(struct report *r, int64_t unix_s, const char *file, uint64_t pos,
                       const char *gtid)
{
    struct json_object *m = message_new("checkpoint");

    json_add_i64(m, "timestamp", unix_s);
    json_add_str(m, "file", file);
    json_add_u64(m, "pos", pos);
    json_add_str(m, "gtid", gtid);
    send_message(r, m);
}

void report_item(struct report *r, struct json_object *item)
{
    json_add_str(item, "t", "item");
    send_message(r, item);
}

void report_message(struct report *r, struct json_object *m)
{
    send_message(r, m);
}

void report_event(struct report *r, const char *level, const char *event, const char *fmt, ...)
{
    struct json_object *m = message_new("event");
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    json_add_str(m, "level", level);
    json_add_str(m, "event", event);
    add_clean(m, "message", text, strlen(text)); /* cut, perhaps within a character */
    send_message(r, m);
}

char *report_ddl_text(const char *sql, size_t len)
{
    return clean_text(sql, cut_utf8(sql, len, DDL_SQL_MAX));
}

static void add_list(struct json_object *m, const char *key, struct json_object *list)
{
    json_add(m, key, list != NULL ? json_object_get(list) : json_object_new_array());
}

void report_ddl(struct report *r, const struct ddl_report *d)
{
    struct json_object *m = message_new("ddl");

    json_add_str(m, "id", d->id);
    json_add_i64(m, "timestamp", d->timestamp);
    json_add_str(m, "kind", d->kind);
    add_list(m, "objects", d->objects);
    add_clean(m, "sql", d->sql, cut_utf8(d->sql, d->sql_len, DDL_SQL_MAX));
    json_add_str(m, "status", d->status);
    add_list(m, "targetSql", d->target_sql);
    add_clean(m, "message", d->message, strlen(d->message));
    send_message(r, m);
}

void report_converted(struct report *r, const struct converted_report *c)
{
    struct json_object *m = message_new("converted");
    const struct {
        const char *key, *text;
    } texts[] = {
        { "kind", c->kind },
        { "db", c->db },
        { "name", c->name },
        { "targetDb", c->target_db },
        { "targetName", c->target_name },
        { "source", c->source },
        { "sql", c->sql },
        { "notes", c->notes },
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        add_clean(m, texts[i].key, texts[i].text,
                  cut_utf8(texts[i].text, strlen(texts[i].text), DDL_SQL_MAX));
    send_message(r, m);
}

void report_endpoint(struct report *r, const char *end, const char *flavour, const char *version,
                     const char *charset, const char *zone)
{
    struct json_object *m = message_new("endpoint");

    json_add_str(m, "end", end);
    json_add_str(m, "flavour", flavour);
    json_add_str(m, "version", version);
    json_add_str(m, "charset", charset);
    json_add_str(m, "timezone", zone);
    send_message(r, m);
}

void report_error(struct report *r, const struct err *what, bool retrying)
{
    struct json_object *m = message_new("error");

    log_err(retrying ? LOG_WARN : LOG_ERROR, "report", retrying ? "retrying" : "failed", what);
    json_add(m, "error", json_from_err(what));
    json_add_bool(m, "retrying", retrying);
    send_message(r, m);
}

void report_again(struct report *r, const struct err *what)
{
    int_fast64_t now = clock_mono_ms(), told = r->again_told_ms;

    if ((told == 0 || now - told >= AGAIN_EVERY_MS) &&
        atomic_compare_exchange_strong(&r->again_told_ms, &told, now))
        report_error(r, what, true);
}

void report_done(struct report *r, struct json_object *info)
{
    struct json_object *m = message_new("done");

    json_add(m, "stepInfo", info);
    send_message(r, m);
}
