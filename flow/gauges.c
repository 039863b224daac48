#include "flow/gauges.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include "base/banned.h"

enum {
    SAMPLES_MAX = 8192, /* not stored yet; more than a minute of 50 projects */
    SILENT_MS = 3000,   /* a lag that was not told for so long grows by itself */
    AHEAD_S = 2,        /* so far a sample may stand beside its second, see second_of() */
    MS_PER_S = 1000,
};

struct entry {
    struct entry *next;
    struct gauge gauge;
    int64_t stored_at; /* Unix s of the last sample */
};

struct gauges {
    pthread_mutex_t lock; /* guards the list and what is in it; only the flow's thread writes */
    struct entry *entries;
    struct metric_sample *samples; /* the flow's thread only */
    size_t count;
    uint64_t dropped;
};

struct gauges *gauges_new(void)
{
    struct gauges *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return NULL;
    g->samples = calloc(SAMPLES_MAX, sizeof(*g->samples));
    if (g->samples == NULL) {
        free(g);
        return NULL;
    }
    (void)pthread_mutex_init(&g->lock, NULL);
    return g;
}

void gauges_free(struct gauges *g)
{
    if (g == NULL)
        return;
    while (g->entries != NULL) {
        struct entry *next = g->entries->next;
        free(g->entries);
        g->entries = next;
    }
    (void)pthread_mutex_destroy(&g->lock);
    free(g->samples);
    free(g);
}

static struct entry *find(const struct gauges *g, const char *project_id,
                          const struct plan_row *step)
{
    for (struct entry *e = g->entries; e != NULL; e = e->next)
        if (e->gauge.step == step && strcmp(e->gauge.project_id, project_id) == 0)
            return e;
    return NULL;
}

int gauges_begin(struct gauges *g, const char *project_id, const char *project_name,
                 const struct plan_row *step, unsigned restarts, int lag_threshold_s,
                 struct err *err)
{
    struct entry *e = find(g, project_id, step), *fresh = NULL;

    if (e == NULL) {
        fresh = e = calloc(1, sizeof(*e));
        if (e == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        (void)snprintf(e->gauge.project_id, sizeof(e->gauge.project_id), "%s", project_id);
        (void)snprintf(e->gauge.project_name, sizeof(e->gauge.project_name), "%s", project_name);
        e->gauge.step = step;
    }
    (void)pthread_mutex_lock(&g->lock);
    if (restarts > e->gauge.restarts)
        e->gauge.restarted_at[restarts % GAUGE_RESTARTS] = clock_mono_ms();
    e->gauge.restarts = restarts;
    e->gauge.lag_threshold_s = lag_threshold_s;
    if (fresh != NULL) {
        e->next = g->entries;
        g->entries = e;
    }
    (void)pthread_mutex_unlock(&g->lock);
    return 0;
}

void gauges_end(struct gauges *g, const char *project_id, const struct plan_row *step)
{
    struct entry *e = find(g, project_id, step), **at = &g->entries;

    if (e == NULL)
        return;
    (void)pthread_mutex_lock(&g->lock);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    (void)pthread_mutex_unlock(&g->lock);
    free(e);
}

void gauges_level(struct gauges *g, const char *project_id, int lag_threshold_s)
{
    (void)pthread_mutex_lock(&g->lock);
    for (struct entry *e = g->entries; e != NULL; e = e->next)
        if (strcmp(e->gauge.project_id, project_id) == 0)
            e->gauge.lag_threshold_s = lag_threshold_s;
    (void)pthread_mutex_unlock(&g->lock);
}

/* ---------------------------------------------------------------------- what is told */

double gauge_value(const struct gauge *g, enum metric m, int64_t now_ms)
{
    static const unsigned lags =
        1U << METRIC_DELAY | 1U << METRIC_SOURCE_READ_LAG | 1U << METRIC_APPLY_LAG;
    int64_t silent = now_ms - g->at;

    if ((g->has & 1U << m) == 0)
        return 0;
    if ((lags & 1U << m) != 0 && silent > SILENT_MS)
        return g->values[m] + (double)silent / MS_PER_S;
    return g->values[m];
}

unsigned gauge_restarts(const struct gauge *g, int64_t within_ms, int64_t now_ms)
{
    unsigned n = 0;

    for (size_t i = 0; i < GAUGE_RESTARTS; i++)
        n += g->restarted_at[i] != 0 && now_ms - g->restarted_at[i] <= within_ms;
    return n;
}

static bool read_values(struct json_object *values, unsigned *ret_has,
                        double ret[static METRIC_MAX_])
{
    *ret_has = 0;
    if (!json_object_is_type(values, json_type_object))
        return false;
    for (unsigned m = 0; m < METRIC_MAX_; m++) {
        struct json_object *v = json_get(values, metric_text((enum metric)m));
        double number = json_get_double(values, metric_text((enum metric)m), -1);
        if (v == NULL)
            continue;
        if (!isfinite(number) || number < 0)
            return false;
        ret[m] = number;
        *ret_has |= 1U << m;
    }
    return true;
}

static struct gauge_relay read_relay(struct json_object *o)
{
    struct gauge_relay r = { 0 };

    r.known = o != NULL;
    r.bytes = (uint64_t)MAX(json_get_i64(o, "bytes", 0), (int64_t)0);
    r.max_bytes = (uint64_t)MAX(json_get_i64(o, "maxBytes", 0), (int64_t)0);
    r.free_known = json_get(o, "freeBytes") != NULL;
    r.free_bytes = (uint64_t)MAX(json_get_i64(o, "freeBytes", 0), (int64_t)0);
    r.expires_known = json_get(o, "binlogExpireSeconds") != NULL;
    r.expire_s = MAX(json_get_i64(o, "binlogExpireSeconds", 0), (int64_t)0);
    r.at_oldest_file = json_get_bool(o, "atOldestFile", false);
    r.timestamp_s = MAX(json_get_i64(o, "timestamp", 0), (int64_t)0);
    return r;
}

/* The log pull that an applying worker reads from. */
static const struct entry *pull_of(const struct gauges *g, const struct gauge *apply)
{
    bool reverse = strcmp(apply->step->name, STEP_REVERSE) == 0;

    return find(g, apply->project_id,
                plan_find(reverse ? STEP_REVERSE_PULL : "TRANSFER_INCR_LOG_PULL"));
}

/* Of the whole delay, what is the relay's; the rest is the applying worker's. */
static void split_delay(const struct gauges *g, struct gauge *apply)
{
    const struct entry *pull = pull_of(g, apply);
    double lag;

    if (pull == NULL || (pull->gauge.has & 1U << METRIC_SOURCE_READ_LAG) == 0)
        return;
    lag = gauge_value(&pull->gauge, METRIC_SOURCE_READ_LAG, clock_mono_ms());
    lag = MIN(lag, apply->values[METRIC_DELAY]);
    apply->values[METRIC_SOURCE_READ_LAG] = lag;
    apply->values[METRIC_APPLY_LAG] = apply->values[METRIC_DELAY] - lag;
    apply->has |= 1U << METRIC_SOURCE_READ_LAG | 1U << METRIC_APPLY_LAG;
}

/*
 * Workers tell about once a second, and two samples may come in one: the second one then stands for
 * the next second, so that none is lost. 0: this one is too many.
 */
static int64_t second_of(const struct entry *e, int64_t now)
{
    int64_t at = now;

    if (e->stored_at >= now && e->stored_at <= now + AHEAD_S)
        at = e->stored_at + 1;
    return at <= now + AHEAD_S ? at : 0;
}

static void keep_sample(struct gauges *g, struct entry *e)
{
    int64_t at = second_of(e, clock_now_s());
    struct metric_sample *s;

    if (at == 0 || metric_of_step(e->gauge.step->name) == 0)
        return;
    if (g->count == SAMPLES_MAX) {
        if (g->dropped++ == 0)
            log_warn("flow", "samples_dropped", "kept=%d", (int)SAMPLES_MAX);
        memmove(g->samples, g->samples + 1, (SAMPLES_MAX - 1) * sizeof(*g->samples));
        g->count--;
    }
    s = &g->samples[g->count++];
    *s = (struct metric_sample){ .step = e->gauge.step->name,
                                 .at = at,
                                 .has = e->gauge.has & metric_of_step(e->gauge.step->name) };
    (void)snprintf(s->project_id, sizeof(s->project_id), "%s", e->gauge.project_id);
    memcpy(s->values, e->gauge.values, sizeof(s->values));
    e->stored_at = at;
}

bool gauges_take(struct gauges *g, const char *project_id, const struct plan_row *step,
                 struct json_object *doc)
{
    struct entry *e = find(g, project_id, step);
    struct json_object *relay = json_get(doc, "relay");
    double values[METRIC_MAX_] = { 0 };
    unsigned has;

    if (e == NULL || !read_values(json_get(doc, "values"), &has, values) ||
        (relay != NULL && !json_object_is_type(relay, json_type_object)))
        return false;
    (void)pthread_mutex_lock(&g->lock);
    e->gauge.has = has;
    memcpy(e->gauge.values, values, sizeof(values));
    e->gauge.at = clock_mono_ms();
    if (relay != NULL)
        e->gauge.relay = read_relay(relay);
    if ((has & 1U << METRIC_DELAY) != 0)
        split_delay(g, &e->gauge);
    (void)pthread_mutex_unlock(&g->lock);
    keep_sample(g, e);
    return true;
}

void gauges_add_info(struct gauges *g, const char *project_id, const struct plan_row *step,
                     struct json_object *info)
{
    const struct entry *e = find(g, project_id, step);

    if (e == NULL || info == NULL || (e->gauge.has & 1U << METRIC_APPLY_LAG) == 0)
        return;
    json_add_i64(info, "sourceReadLagMs",
                 (int64_t)(e->gauge.values[METRIC_SOURCE_READ_LAG] * MS_PER_S));
    json_add_i64(info, "applyLagMs", (int64_t)(e->gauge.values[METRIC_APPLY_LAG] * MS_PER_S));
}

/* ---------------------------------------------------------------------- on the way out */

int gauges_flush(struct gauges *g, struct store *st, struct err *err)
{
    if (store_metric_put(st, g->samples, g->count, err) < 0)
        return -1;
    g->count = 0;
    g->dropped = 0;
    return 0;
}

int gauges_copy(struct gauges *g, struct gauge **ret, size_t *ret_count, struct err *err)
{
    struct gauge *list = NULL;
    size_t n = 0, i = 0;

    (void)pthread_mutex_lock(&g->lock);
    for (const struct entry *e = g->entries; e != NULL; e = e->next)
        n++;
    list = calloc(n + 1, sizeof(*list));
    for (const struct entry *e = g->entries; list != NULL && e != NULL; e = e->next)
        list[i++] = e->gauge;
    (void)pthread_mutex_unlock(&g->lock);
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = list;
    *ret_count = n;
    return 0;
}
