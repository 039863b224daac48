#include "flow/alerts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#include "base/banned.h"

enum {
    FLAP_RESTARTS = 3, /* within … */
    FLAP_WITHIN_MS = 300 * 1000,
    RELAY_SHARE_PERCENT = 80, /* of its own limit */
    /* binlog files that go within this time, or a quarter of their life if that is less */
    PURGE_WITHIN_S = 6 * 3600,
    PURGE_SHARE = 4,
    LONGEST_STEP = 63,
};

/* Bad, but not for long enough yet. */
struct pending {
    struct pending *next;
    struct alert key;
    int64_t since;
    bool seen;
};

struct alerts {
    struct alert_limits limits;
    struct pending *pending;
};

struct alerts *alerts_new(const struct alert_limits *limits)
{
    struct alerts *a = calloc(1, sizeof(*a));

    if (a != NULL)
        a->limits = *limits;
    return a;
}

void alerts_free(struct alerts *a)
{
    if (a == NULL)
        return;
    while (a->pending != NULL) {
        struct pending *next = a->pending->next;
        free(a->pending);
        a->pending = next;
    }
    free(a);
}

static bool same(const struct alert *a, const struct alert *b)
{
    return a->rule == b->rule && strcmp(a->project_id, b->project_id) == 0 &&
           strcmp(a->subject, b->subject) == 0;
}

/* ---------------------------------------------------------------------- the rules */

struct findings {
    struct finding *list;
    size_t count, cap;
    bool failed;            /* out of memory */
    struct finding nowhere; /* then */
};

static struct finding *add(struct findings *f, const char *project_id, enum alert_rule rule,
                           const char *subject, bool bad)
{
    struct finding *one;

    if (f->count == f->cap) {
        size_t cap = f->cap == 0 ? 64 : f->cap * 2;
        struct finding *more = reallocarray(f->list, cap, sizeof(*more));
        if (more == NULL) {
            f->failed = true;
            return &f->nowhere;
        }
        f->list = more;
        f->cap = cap;
    }
    one = &f->list[f->count++];
    *one = (struct finding){ .bad = bad, .alert.rule = rule };
    (void)snprintf(one->alert.project_id, sizeof(one->alert.project_id), "%s", project_id);
    (void)snprintf(one->alert.subject, sizeof(one->alert.subject), "%s", subject);
    return one;
}

static void say(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct finding *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(f->alert.message, sizeof(f->alert.message), fmt, ap);
    va_end(ap);
}

static void find_lag(const struct alerts *a, const struct gauge *g, int64_t now_ms,
                     struct findings *to)
{
    double lag = gauge_value(g, METRIC_DELAY, now_ms);
    struct finding *f;

    if ((g->has & 1U << METRIC_DELAY) == 0)
        return;
    f = add(to, g->project_id, ALERT_LAG, g->step->name,
            g->lag_threshold_s > 0 && lag > g->lag_threshold_s);
    f->grace_s = a->limits.lag_grace_s;
    f->alert.value = lag;
    f->alert.threshold = g->lag_threshold_s;
    if (f->bad)
        say(f, "%.1f s behind the source, above the alert level's %d s", lag, g->lag_threshold_s);
    else if (g->lag_threshold_s == 0)
        say(f, "the project's alert level is IGNORE");
    else
        say(f, "%.1f s behind the source", lag);
}

static void find_flapping(const struct gauge *g, int64_t now_ms, struct findings *to)
{
    unsigned n = gauge_restarts(g, FLAP_WITHIN_MS, now_ms);
    struct finding *f = add(to, g->project_id, ALERT_FLAPPING, g->step->name, n >= FLAP_RESTARTS);

    f->alert.value = n;
    f->alert.threshold = FLAP_RESTARTS;
    say(f, "the worker was restarted %u times within %d s", n, FLAP_WITHIN_MS / 1000);
}

static void find_relay(const struct alerts *a, const struct gauge *g, struct findings *to)
{
    const struct gauge_relay *r = &g->relay;
    uint64_t share = r->max_bytes / 100 * RELAY_SHARE_PERCENT;
    bool full = r->max_bytes > 0 && r->bytes > share;
    bool low = r->free_known &&
               (int64_t)MIN(r->free_bytes, (uint64_t)INT64_MAX) < a->limits.disk_free_bytes;
    struct finding *f = add(to, g->project_id, ALERT_RELAY, g->step->name, full || low);

    if (full) {
        f->alert.value = (double)r->bytes;
        f->alert.threshold = (double)share;
        say(f, "the relay holds %" PRIu64 " bytes, more than %d %% of relayMaxBytes", r->bytes,
            (int)RELAY_SHARE_PERCENT);
        return;
    }
    f->alert.value = (double)r->free_bytes;
    f->alert.threshold = (double)a->limits.disk_free_bytes;
    say(f, "%" PRIu64 " bytes are free on the relay's disk", r->free_bytes);
}

/*
 * A binlog file goes so long after its last change, and what is at `timestamp_s` in the stream was
 * not changed before that: it is there for `timestamp_s` + `expire_s` at least.
 */
static void find_purge(const char *project_id, const char *step, int64_t timestamp_s,
                       int64_t expire_s, bool at_oldest_file, int64_t now, struct findings *to)
{
    int64_t left = timestamp_s + expire_s - now;
    int64_t bound = MIN((int64_t)PURGE_WITHIN_S, expire_s / PURGE_SHARE);
    bool soon = timestamp_s > 0 && expire_s > 0 && left < bound;
    struct finding *f = add(to, project_id, ALERT_BINLOG, step, soon || at_oldest_file);

    f->alert.value = (double)left;
    f->alert.threshold = (double)bound;
    if (soon)
        say(f, "the source may purge what was not read yet within %" PRId64 " s",
            MAX(left, (int64_t)0));
    else if (at_oldest_file)
        say(f, "what is read now stands in the oldest binlog file that the source still has");
    else
        say(f, "the source keeps what was not read yet");
}

static void find_of_gauge(const struct alerts *a, const struct gauge *g, int64_t now_ms,
                          int64_t now, struct findings *to)
{
    find_lag(a, g, now_ms, to);
    find_flapping(g, now_ms, to);
    if (!g->relay.known)
        return;
    find_relay(a, g, to);
    find_purge(g->project_id, g->step->name, g->relay.timestamp_s, g->relay.expire_s,
               g->relay.at_oldest_file, now, to);
}

static void find_of_project(const struct alert_project *p, int64_t now, struct findings *to)
{
    struct finding *f;

    if (p->failed) {
        f = add(to, p->id, ALERT_FAILED, p->step, true);
        say(f, "%.*s%s%.900s", LONGEST_STEP, p->step, p->step[0] != '\0' ? ": " : "", p->message);
    }
    if (p->failed && strcmp(p->error, err_symbol(ERR_LOOP)) == 0) {
        f = add(to, p->id, ALERT_CANARY, p->step, true);
        say(f, "%.1000s", p->message);
    }
    if (p->checkpoint > 0 && p->log_expire_s > 0)
        find_purge(p->id, "TRANSFER_INCR_LOG_PULL", p->checkpoint, p->log_expire_s, false, now, to);
}

int alerts_find(const struct alerts *a, const struct gauge *gauges, size_t gauge_count,
                const struct alert_project *projects, size_t project_count, int64_t now_ms,
                int64_t now, struct finding **ret, size_t *ret_count, struct err *err)
{
    struct findings all = { 0 };

    for (size_t i = 0; i < gauge_count; i++)
        find_of_gauge(a, &gauges[i], now_ms, now, &all);
    for (size_t i = 0; i < project_count; i++)
        find_of_project(&projects[i], now, &all);
    if (all.failed) {
        free(all.list);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ret = all.list;
    *ret_count = all.count;
    return 0;
}

/* ---------------------------------------------------------------------- the states */

static const struct finding *finding_of(const struct finding *found, size_t count,
                                        const struct alert *a)
{
    for (size_t i = 0; i < count; i++)
        if (same(&found[i].alert, a))
            return &found[i];
    return NULL;
}

/* Bad for long enough? Notes since when. */
static bool long_enough(struct alerts *a, const struct finding *f, int64_t now)
{
    struct pending *p = a->pending;

    while (p != NULL && !same(&p->key, &f->alert))
        p = p->next;
    if (p == NULL) {
        p = calloc(1, sizeof(*p));
        if (p == NULL)
            return false; /* the next look tries again */
        p->key = f->alert;
        p->since = now;
        p->next = a->pending;
        a->pending = p;
    }
    p->seen = true;
    return now - p->since >= f->grace_s;
}

static void forget_unseen(struct alerts *a)
{
    for (struct pending **at = &a->pending; *at != NULL;) {
        struct pending *p = *at;
        if (p->seen) {
            p->seen = false;
            at = &p->next;
            continue;
        }
        *at = p->next;
        free(p);
    }
}

/* Nothing was found of an alert that fires: is it over? */
static bool is_over(const struct alert *a)
{
    switch (a->rule) {
    case ALERT_LAG: /* it grows while the project is FAILED, unmeasured */
        return !a->project_runs && !a->project_failed;
    case ALERT_RELAY:
    case ALERT_BINLOG:
        return !a->project_runs;
    default:
        return true;
    }
}

static int settle_firing(const struct alerts *a, struct store *st, const struct alert *alert,
                         const struct finding *f, int64_t now, struct err *err)
{
    struct alert newer = *alert;

    if (f == NULL && !is_over(alert))
        return 0;
    if (f == NULL || !f->bad) {
        const char *why = f != NULL               ? f->alert.message
                          : alert->project_runs   ? "the project is RUNNING again"
                          : alert->project_failed ? "the project has FAILED"
                                                  : "the project does not run any more";
        log_info("flow", "alert_resolved", "project=%s rule=%s step=%s", alert->project_id,
                 alert_rule_text(alert->rule), alert->subject);
        return store_alert_resolve(st, alert, why, now, err);
    }
    if (a->limits.resend_s <= 0 || now - alert->sent_at < a->limits.resend_s)
        return 0;
    (void)snprintf(newer.message, sizeof(newer.message), "%s", f->alert.message);
    newer.value = f->alert.value;
    return store_alert_again(st, &newer, now, err);
}

static int fire(struct alerts *a, struct store *st, const struct finding *f,
                const struct alert *firing, size_t firing_count, int64_t now, struct err *err)
{
    struct alert fresh = f->alert;
    bool ripe;
    int r;

    if (!f->bad)
        return 0;
    ripe = long_enough(a, f, now);
    for (size_t i = 0; i < firing_count; i++)
        if (same(&firing[i], &f->alert))
            return 0;
    if (!ripe)
        return 0;
    r = store_alert_fire(st, &fresh, now, err);
    if (r > 0)
        log_warn("flow", "alert_firing", "project=%s rule=%s step=%s", fresh.project_id,
                 alert_rule_text(fresh.rule), fresh.subject);
    return r;
}

int alerts_apply(struct alerts *a, struct store *st, const struct finding *found, size_t count,
                 int64_t now, struct err *err)
{
    _cleanup_(freep)
    struct alert *firing = NULL;
    size_t firing_count = 0;
    int changes = 0;

    if (store_alert_firing(st, &firing, &firing_count, err) < 0)
        return -1;
    for (size_t i = 0; i < firing_count; i++) {
        int r = settle_firing(a, st, &firing[i], finding_of(found, count, &firing[i]), now, err);
        if (r < 0)
            return -1;
        changes += r;
    }
    for (size_t i = 0; i < count; i++) {
        int r = fire(a, st, &found[i], firing, firing_count, now, err);
        if (r < 0)
            return -1;
        changes += r;
    }
    forget_unseen(a);
    return changes;
}

int alerts_tick(struct alerts *a, struct store *st, struct gauges *g, struct err *err)
{
    _cleanup_(freep)
    struct gauge *gauges = NULL;
    _cleanup_(freep)
    struct alert_project *projects = NULL;
    _cleanup_(freep)
    struct finding *found = NULL;
    size_t gauge_count = 0, project_count = 0, count = 0;
    int64_t now = clock_now_s();

    if (gauges_copy(g, &gauges, &gauge_count, err) < 0 ||
        store_alert_projects(st, &projects, &project_count, err) < 0 ||
        alerts_find(a, gauges, gauge_count, projects, project_count, clock_mono_ms(), now, &found,
                    &count, err) < 0)
        return -1;
    return alerts_apply(a, st, found, count, now, err);
}
