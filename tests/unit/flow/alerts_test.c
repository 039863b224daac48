/* The rules, and the states of alerts, by a clock that the test sets. */
#include "flow/alerts.h"

#include "../store/fixture.h"

#include "base/log.h"
#include "store/event.h"
#include "store/webhook.h"

#include "base/banned.h"

enum { T0 = 1700000000, GRACE = 30, RESEND = 600 };
#define INCR "INCR_TRANSFER"

static const struct alert_limits limits = { .lag_grace_s = GRACE,
                                            .resend_s = RESEND,
                                            .disk_free_bytes = 1000 };

struct world {
    struct store *st;
    struct alerts *alerts;
    char id[ID_MAX];
    struct gauge gauge; /* of its incremental worker */
    bool measured;
};

static struct world make(void **state)
{
    struct fixture *f = *state;
    struct world w = { .st = f->store, .alerts = alerts_new(&limits), .measured = true };
    struct err err = { 0 };

    assert_ok(add_project(w.st, "admin", "shop", w.id, &err));
    assert_int_equal(store_project_move(w.st, w.id, PS_INIT, PS_RUNNING, "test", &err), 1);
    w.gauge = (struct gauge){ .step = plan_find(INCR), .lag_threshold_s = 30, .at = 1 };
    (void)snprintf(w.gauge.project_id, sizeof(w.gauge.project_id), "%s", w.id);
    w.gauge.has = 1U << METRIC_DELAY;
    return w;
}

/* One look at `now`; the gauge was told at that moment. */
static int look(struct world *w, int64_t now)
{
    _cleanup_(freep)
    struct alert_project *projects = NULL;
    _cleanup_(freep)
    struct finding *found = NULL;
    size_t projects_count = 0, count = 0;
    int r;
    struct err err = { 0 };

    assert_ok(store_alert_projects(w->st, &projects, &projects_count, &err));
    assert_ok(alerts_find(w->alerts, &w->gauge, w->measured ? 1 : 0, projects, projects_count,
                          w->gauge.at, now, &found, &count, &err));
    r = alerts_apply(w->alerts, w->st, found, count, now, &err);
    if (r < 0)
        fail_msg("%s", err.message);
    return r;
}

static size_t firing(struct world *w, struct alert *first)
{
    _cleanup_(freep)
    struct alert *list = NULL;
    size_t n = 0;
    struct err err = { 0 };

    assert_ok(store_alert_firing(w->st, &list, &n, &err));
    if (n > 0 && first != NULL)
        *first = list[0];
    return n;
}

static void lag(struct world *w, double s)
{
    w->gauge.values[METRIC_DELAY] = s;
}

static int64_t queued(struct world *w)
{
    struct webhook *list = NULL;
    size_t n = 0;
    int64_t sum = 0;
    struct err err = { 0 };

    assert_ok(store_webhook_list(w->st, &list, &n, &err));
    for (size_t i = 0; i < n; i++)
        sum += list[i].queued;
    webhook_list_free(list, n);
    return sum;
}

static void add_hook(struct world *w, const char *id, const char *level, const char *rule)
{
    char url[] = "http://127.0.0.1:1/", sealed[] = "x", owner[] = "admin", lev[16];
    _cleanup_(json_putp)
    struct json_object *rules = rule != NULL ? json_object_new_array() : NULL;
    struct webhook h = { .url = url, .secret_sealed = sealed, .level = lev, .owner = owner };
    struct err err = { 0 };

    (void)snprintf(lev, sizeof(lev), "%s", level);
    (void)snprintf(h.id, sizeof(h.id), "%s", id);
    if (rule != NULL)
        json_object_array_add(rules, json_object_new_string(rule));
    h.rules = rules;
    assert_ok(store_webhook_add(w->st, &h, &err));
}

static bool alarming(struct world *w)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct err err = { 0 };

    assert_ok(store_project_get(w->st, w->id, &p, &err));
    return p->alarming;
}

static void a_lag_fires_once_it_lasts_and_is_told_again(void **state)
{
    struct world w = make(state);
    struct alert a = { 0 };
    _cleanup_(json_putp)
    struct json_object *events = NULL;
    struct event_filter only = { .event = "alert_firing" };
    int64_t total = 0;
    struct err err = { 0 };

    add_hook(&w, "wh_all", "WARN", NULL);
    add_hook(&w, "wh_other", "WARN", "RELAY_DISK");
    lag(&w, 31);
    assert_int_equal(look(&w, T0), 0);
    assert_int_equal(look(&w, T0 + GRACE - 1), 0);
    lag(&w, 29); /* it was not for long enough: the time begins anew */
    assert_int_equal(look(&w, T0 + GRACE), 0);
    lag(&w, 31);
    assert_int_equal(look(&w, T0 + GRACE + 1), 0);
    assert_int_equal(look(&w, T0 + 2 * GRACE), 0);
    assert_false(alarming(&w));
    assert_int_equal(look(&w, T0 + 2 * GRACE + 1), 1);
    assert_true(alarming(&w));
    assert_int_equal(firing(&w, &a), 1);
    assert_int_equal(a.rule, ALERT_LAG);
    assert_string_equal(a.subject, INCR);
    assert_true(a.value == 31 && a.threshold == 30);
    assert_int_equal(queued(&w), 1);
    /* it goes on: nothing new, until it is time to tell it again */
    assert_int_equal(look(&w, T0 + 2 * GRACE + 3), 0);
    assert_int_equal(look(&w, T0 + 2 * GRACE + RESEND), 0);
    lag(&w, 500);
    assert_int_equal(look(&w, T0 + 2 * GRACE + 1 + RESEND), 1);
    assert_int_equal(queued(&w), 2);
    assert_int_equal(firing(&w, &a), 1);
    assert_int_equal(a.sent, 2);
    assert_true(a.value == 500);
    assert_ok(store_event_find(w.st, w.id, &only, 0, 10, &events, &total, &err));
    assert_int_equal(total, 1); /* the history has it once */
    lag(&w, 1);
    assert_int_equal(look(&w, T0 + 5000), 1);
    assert_int_equal(firing(&w, NULL), 0);
    assert_false(alarming(&w));
    assert_int_equal(queued(&w), 3);
    assert_int_equal(look(&w, T0 + 5002), 0);
    alerts_free(w.alerts);
}

static void a_restart_neither_forgets_nor_doubles(void **state)
{
    struct world w = make(state);

    lag(&w, 100);
    assert_int_equal(look(&w, T0), 0);
    assert_int_equal(look(&w, T0 + GRACE), 1);
    alerts_free(w.alerts);
    w.alerts = alerts_new(&limits);
    w.measured = false; /* the worker has not told anything yet */
    assert_int_equal(look(&w, T0 + GRACE + 1), 0);
    assert_int_equal(firing(&w, NULL), 1);
    w.measured = true;
    assert_int_equal(look(&w, T0 + GRACE + 2), 0);
    assert_int_equal(look(&w, T0 + 3 * GRACE), 0);
    assert_int_equal(firing(&w, NULL), 1);
    alerts_free(w.alerts);
}

static void a_paused_project_has_no_lag(void **state)
{
    struct world w = make(state);
    struct err err = { 0 };

    lag(&w, 100);
    (void)look(&w, T0);
    assert_int_equal(look(&w, T0 + GRACE), 1);
    assert_int_equal(store_project_move(w.st, w.id, PS_RUNNING, PS_SUSPEND, "test", &err), 1);
    w.measured = false;
    assert_int_equal(look(&w, T0 + GRACE + 2), 1);
    assert_int_equal(firing(&w, NULL), 0);
    alerts_free(w.alerts);
}

static void the_level_decides(void **state)
{
    struct world w = make(state);

    lag(&w, 100);
    w.gauge.lag_threshold_s = 300;
    (void)look(&w, T0);
    assert_int_equal(look(&w, T0 + GRACE), 0);
    w.gauge.lag_threshold_s = 30;
    (void)look(&w, T0 + 100);
    assert_int_equal(look(&w, T0 + 100 + GRACE), 1);
    w.gauge.lag_threshold_s = 0; /* IGNORE */
    assert_int_equal(look(&w, T0 + 200), 1);
    assert_int_equal(firing(&w, NULL), 0);
    alerts_free(w.alerts);
}

static void fail_with(struct world *w, enum err_code code)
{
    char name[] = INCR;
    struct step step = { .name = name, .order = 1, .status = SS_INIT };
    struct err err = { 0 }, why = { 0 };

    (void)err_set(&why, code, "it went wrong");
    assert_ok(store_step_plan(w->st, w->id, &step, 1, &err));
    assert_ok(store_step_error(w->st, w->id, INCR, &why, false, &err));
    assert_int_equal(store_step_move(w->st, w->id, INCR, ~0U, SS_FAILED, &err), 1);
    assert_int_equal(store_project_move(w->st, w->id, PS_RUNNING, PS_FAILED, "test", &err), 1);
}

static void a_failure_fires_until_it_is_resumed(void **state)
{
    struct world w = make(state);
    struct alert a = { 0 };
    struct err err = { 0 };

    w.measured = false;
    fail_with(&w, ERR_DB_AUTH);
    assert_int_equal(look(&w, T0), 1);
    assert_int_equal(firing(&w, &a), 1);
    assert_int_equal(a.rule, ALERT_FAILED);
    assert_non_null(strstr(a.message, "it went wrong"));
    assert_int_equal(look(&w, T0 + 2), 0);
    assert_int_equal(store_project_move(w.st, w.id, PS_FAILED, PS_RUNNING, "test", &err), 1);
    assert_int_equal(look(&w, T0 + 4), 1);
    assert_int_equal(firing(&w, NULL), 0);
    alerts_free(w.alerts);
}

static void a_loop_is_told_by_itself(void **state)
{
    struct world w = make(state);

    w.measured = false;
    fail_with(&w, ERR_LOOP);
    assert_int_equal(look(&w, T0), 2);
    assert_int_equal(firing(&w, NULL), 2);
    alerts_free(w.alerts);
}

static void a_worker_that_comes_back_again_and_again(void **state)
{
    struct world w = make(state);
    struct alert a = { 0 };

    w.gauge.at = 1000000;
    w.gauge.restarted_at[0] = 990000;
    w.gauge.restarted_at[1] = 995000;
    assert_int_equal(look(&w, T0), 0);
    w.gauge.restarted_at[2] = 999000;
    assert_int_equal(look(&w, T0 + 1), 1);
    assert_int_equal(firing(&w, &a), 1);
    assert_int_equal(a.rule, ALERT_FLAPPING);
    w.gauge.at += 291 * 1000; /* the oldest of them was more than five minutes ago */
    assert_int_equal(look(&w, T0 + 300), 1);
    assert_int_equal(firing(&w, NULL), 0);
    alerts_free(w.alerts);
}

static void the_relays_disk(void **state)
{
    struct world w = make(state);
    struct alert a = { 0 };

    w.gauge.relay = (struct gauge_relay){ .known = true, .free_known = true, .free_bytes = 1000 };
    assert_int_equal(look(&w, T0), 0);
    w.gauge.relay.free_bytes = 999;
    assert_int_equal(look(&w, T0 + 1), 1);
    w.gauge.relay.free_bytes = 5000;
    assert_int_equal(look(&w, T0 + 2), 1);
    w.gauge.relay.max_bytes = 100000;
    w.gauge.relay.bytes = 80000;
    assert_int_equal(look(&w, T0 + 3), 0);
    w.gauge.relay.bytes = 80001;
    assert_int_equal(look(&w, T0 + 4), 1);
    assert_int_equal(firing(&w, &a), 1);
    assert_int_equal(a.rule, ALERT_RELAY);
    alerts_free(w.alerts);
}

static void the_sources_binlog(void **state)
{
    struct world w = make(state);
    struct alert a = { 0 };
    struct err err = { 0 };
    char name[] = "TRANSFER_INCR_LOG_PULL";
    struct step step = { .name = name, .order = 1, .status = SS_INIT };
    _cleanup_(json_putp)
    struct json_object *info = json_object_new_object();

    /* kept for a day: what goes within six hours is near */
    w.gauge.relay = (struct gauge_relay){
        .known = true, .expires_known = true, .expire_s = 86400, .timestamp_s = T0
    };
    assert_int_equal(look(&w, T0 + 86400 - 6 * 3600), 0);
    assert_int_equal(look(&w, T0 + 86400 - 6 * 3600 + 1), 1);
    assert_int_equal(firing(&w, &a), 1);
    assert_int_equal(a.rule, ALERT_BINLOG);
    w.gauge.relay.timestamp_s = T0 + 86400;
    assert_int_equal(look(&w, T0 + 86401), 1);
    w.gauge.relay.at_oldest_file = true;
    assert_int_equal(look(&w, T0 + 86402), 1);
    w.gauge.relay.at_oldest_file = false;
    assert_int_equal(look(&w, T0 + 86403), 1);
    w.gauge.relay.expire_s = 0; /* never by age */
    assert_int_equal(look(&w, T0 + 100 * 86400), 0);

    /* at rest nobody reads on: by where it stopped */
    w.measured = false;
    assert_ok(store_step_plan(w.st, w.id, &step, 1, &err));
    json_add_i64(info, "binlogExpireSeconds", 86400);
    assert_ok(store_step_progress(w.st, w.id, name, 100, info, &err));
    assert_ok(store_step_checkpoint(w.st, w.id, name, T0, &err));
    assert_int_equal(store_project_move(w.st, w.id, PS_RUNNING, PS_SUSPEND, "test", &err), 1);
    assert_int_equal(look(&w, T0 + 10 * 3600), 0);
    assert_int_equal(look(&w, T0 + 20 * 3600), 1);
    assert_int_equal(firing(&w, NULL), 1);
    alerts_free(w.alerts);
}

static void the_queue_is_bounded_and_in_order(void **state)
{
    struct world w = make(state);
    struct delivery d = { 0 };
    int64_t next = 0;
    char first[ID_MAX], id[ID_MAX];
    struct err err = { 0 };

    add_hook(&w, "wh_a", "WARN", NULL);
    assert_int_equal(store_delivery_due(w.st, 1, &d, &next, &err), 0);
    assert_int_equal(next, 0);
    assert_ok(store_webhook_test(w.st, "wh_a", 1000, first, &err));
    for (int i = 0; i < 5; i++)
        assert_ok(store_webhook_test(w.st, "wh_a", 1000, id, &err));
    assert_int_equal(store_delivery_due(w.st, 999, &d, &next, &err), 0);
    assert_int_equal(next, 1000);
    assert_int_equal(store_delivery_due(w.st, 1000, &d, &next, &err), 1);
    assert_string_equal(d.id, first);
    /* it failed: those behind it wait with it */
    assert_ok(store_delivery_result(w.st, &d, false, "500", 1000, 5000, &err));
    delivery_done(&d);
    assert_int_equal(store_delivery_due(w.st, 4999, &d, &next, &err), 0);
    assert_int_equal(next, 5000);
    assert_int_equal(store_delivery_due(w.st, 5000, &d, &next, &err), 1);
    assert_int_equal(d.attempts, 1);
    assert_ok(store_delivery_result(w.st, &d, true, "200", 5000, 0, &err));
    delivery_done(&d);
    assert_int_equal(queued(&w), 5);
    for (int i = 0; i < WEBHOOK_QUEUE_MAX + 10; i++)
        assert_ok(store_webhook_test(w.st, "wh_a", 1000, id, &err));
    assert_int_equal(queued(&w), WEBHOOK_QUEUE_MAX);
    assert_ok(store_webhook_delete(w.st, "wh_a", &err));
    assert_int_equal(store_delivery_due(w.st, 9999, &d, &next, &err), 0);
    assert_err(store_webhook_delete(w.st, "wh_a", &err), ERR_PARAM);
    assert_err(store_webhook_test(w.st, "wh_a", 1, id, &err), ERR_PARAM);
    alerts_free(w.alerts);
}

static void levels_and_rules_choose(void **state)
{
    struct world w = make(state);

    add_hook(&w, "wh_errors", "ERROR", NULL);
    add_hook(&w, "wh_disk", "WARN", "RELAY_DISK");
    w.gauge.relay = (struct gauge_relay){ .known = true, .free_known = true, .free_bytes = 1 };
    assert_int_equal(look(&w, T0), 1); /* a warning */
    assert_int_equal(queued(&w), 1);
    lag(&w, 100);
    (void)look(&w, T0 + 1);
    assert_int_equal(look(&w, T0 + 1 + GRACE), 1); /* an error */
    assert_int_equal(queued(&w), 2);
    alerts_free(w.alerts);
}

static void a_deleted_project_has_no_alerts(void **state)
{
    struct world w = make(state);
    struct alert_stats stats = { 0 };
    _cleanup_(json_putp)
    struct json_object *ids = json_object_new_array();
    struct err err = { 0 };

    w.measured = false;
    fail_with(&w, ERR_DB_AUTH);
    assert_int_equal(look(&w, T0), 1);
    json_object_array_add(ids, json_object_new_string(w.id));
    assert_ok(store_alert_stats(w.st, ids, T0 - 1, &stats, &err));
    assert_int_equal(stats.firing, 1);
    assert_int_equal(stats.recent[ALERT_FAILED], 1);
    assert_non_null(strstr(stats.newest, "it went wrong"));
    free(stats.newest);
    assert_int_equal(store_project_move(w.st, w.id, PS_FAILED, PS_DELETED, "test", &err), 1);
    assert_int_equal(firing(&w, NULL), 0);
    assert_int_equal(look(&w, T0 + 1), 0);
    assert_ok(store_check(w.st, &err));
    alerts_free(w.alerts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lag_fires_once_it_lasts_and_is_told_again),
        TEST(a_restart_neither_forgets_nor_doubles),
        TEST(a_paused_project_has_no_lag),
        TEST(the_level_decides),
        TEST(a_failure_fires_until_it_is_resumed),
        TEST(a_loop_is_told_by_itself),
        TEST(a_worker_that_comes_back_again_and_again),
        TEST(the_relays_disk),
        TEST(the_sources_binlog),
        TEST(the_queue_is_bounded_and_in_order),
        TEST(levels_and_rules_choose),
        TEST(a_deleted_project_has_no_alerts),
    };

    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
