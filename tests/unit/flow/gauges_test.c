/* What workers tell, and what becomes of it. */
#include "flow/gauges.h"

#include "../store/fixture.h"

#include "base/clock.h"
#include "base/log.h"

#include "base/banned.h"

#define APPLY "INCR_TRANSFER"
#define PULL "TRANSFER_INCR_LOG_PULL"

static bool take(struct gauges *g, const char *id, const char *step, const char *text)
{
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    struct err err = { 0 };

    assert_ok(json_parse(text, strlen(text), 16, &doc, &err));
    return gauges_take(g, id, plan_find(step), doc);
}

static void begin(struct gauges *g, const char *id, const char *step, unsigned restarts)
{
    struct err err = { 0 };

    assert_ok(gauges_begin(g, id, "shop", plan_find(step), restarts, 30, &err));
}

static struct gauge one(struct gauges *g, const char *step)
{
    _cleanup_(freep)
    struct gauge *list = NULL;
    size_t n = 0;
    struct err err = { 0 };

    assert_ok(gauges_copy(g, &list, &n, &err));
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].step->name, step) == 0)
            return list[i];
    fail_msg("there is no gauge of %s", step);
    return (struct gauge){ 0 };
}

static void the_delay_is_split_where_the_relay_stands(void **state)
{
    _cleanup_(gauges_freep)
    struct gauges *g = gauges_new();
    _cleanup_(json_putp)
    struct json_object *info = json_object_new_object();
    struct gauge a;

    (void)state;
    begin(g, "np_a", APPLY, 0);
    assert_true(take(g, "np_a", APPLY, "{\"values\":{\"DELAY\":7.5}}"));
    a = one(g, APPLY);
    assert_int_equal(a.has, 1U << METRIC_DELAY); /* the log pull has not told anything */
    gauges_add_info(g, "np_a", plan_find(APPLY), info);
    assert_int_equal(json_object_object_length(info), 0);

    begin(g, "np_a", PULL, 0);
    begin(g, "np_b", PULL, 0);
    assert_true(take(g, "np_a", PULL, "{\"values\":{\"SOURCE_READ_LAG\":2.5}}"));
    assert_true(take(g, "np_b", PULL, "{\"values\":{\"SOURCE_READ_LAG\":100}}"));
    assert_true(take(g, "np_a", APPLY, "{\"values\":{\"DELAY\":7.5}}"));
    a = one(g, APPLY);
    assert_true(a.values[METRIC_SOURCE_READ_LAG] == 2.5 && a.values[METRIC_APPLY_LAG] == 5);
    gauges_add_info(g, "np_a", plan_find(APPLY), info);
    assert_int_equal(json_get_i64(info, "sourceReadLagMs", 0), 2500);
    assert_int_equal(json_get_i64(info, "applyLagMs", 0), 5000);
    /* never more than the whole */
    assert_true(take(g, "np_a", APPLY, "{\"values\":{\"DELAY\":1}}"));
    a = one(g, APPLY);
    assert_true(a.values[METRIC_SOURCE_READ_LAG] == 1 && a.values[METRIC_APPLY_LAG] == 0);
    /* nobody tells it any more: it grows */
    assert_true(gauge_value(&a, METRIC_DELAY, a.at + 100) == 1);
    assert_true(gauge_value(&a, METRIC_DELAY, a.at + 60000) == 61);
    assert_true(gauge_value(&a, METRIC_RPS, a.at + 60000) == 0);
    gauges_end(g, "np_a", plan_find(APPLY));
    assert_false(take(g, "np_a", APPLY, "{\"values\":{\"DELAY\":1}}"));
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"values\":null}",
        "{\"values\":[1]}",
        "{\"values\":{\"RPS\":-1}}",
        "{\"values\":{\"RPS\":\"1\"}}",
        "{\"values\":{\"RPS\":1e999}}",
        "{\"values\":{\"RPS\":1},\"relay\":[]}",
    };
    _cleanup_(gauges_freep)
    struct gauges *g = gauges_new();

    (void)state;
    begin(g, "np_a", PULL, 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (take(g, "np_a", PULL, bad[i]))
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(one(g, PULL).at, 0);
    assert_true(take(g, "np_a", PULL,
                     "{\"values\":{\"IOPS\":1,\"NEW_ONE\":-1},\"relay\":{\"bytes\":5,"
                     "\"maxBytes\":-1,\"binlogExpireSeconds\":60,\"timestamp\":9}}"));
    assert_int_equal(one(g, PULL).has, 1U << METRIC_IOPS);
    assert_true(one(g, PULL).relay.known && one(g, PULL).relay.bytes == 5);
    assert_int_equal(one(g, PULL).relay.max_bytes, 0);
    assert_true(one(g, PULL).relay.expires_known && !one(g, PULL).relay.free_known);
}

static void restarts_are_counted_with_their_times(void **state)
{
    _cleanup_(gauges_freep)
    struct gauges *g = gauges_new();
    int64_t now;

    (void)state;
    for (unsigned i = 0; i <= 20; i++)
        begin(g, "np_a", APPLY, i);
    begin(g, "np_a", APPLY, 20); /* started again, no death */
    now = clock_mono_ms();
    assert_int_equal(one(g, APPLY).restarts, 20);
    struct gauge a = one(g, APPLY);
    assert_int_equal(gauge_restarts(&a, 60000, now), GAUGE_RESTARTS);
    assert_int_equal(gauge_restarts(&a, 60000, now + 120000), 0);
    gauges_level(g, "np_a", 300);
    assert_int_equal(one(g, APPLY).lag_threshold_s, 300);
}

/* Two in a second, and then none: both are kept, each with a second of its own. */
static void no_sample_is_lost_between_seconds(void **state)
{
    struct store *st = ((struct fixture *)*state)->store;
    _cleanup_(gauges_freep)
    struct gauges *g = gauges_new();
    _cleanup_(freep)
    struct metric_point *p = NULL;
    char id[ID_MAX];
    size_t n = 0;
    int width;
    int64_t now;
    struct err err = { 0 };

    assert_ok(add_project(st, "admin", "p", id, &err));
    begin(g, id, APPLY, 0);
    assert_ok(gauges_flush(g, st, &err));
    for (int i = 0; i < 2; i++)
        assert_true(take(g, id, APPLY, "{\"values\":{\"RPS\":10}}"));
    assert_ok(gauges_flush(g, st, &err));
    assert_ok(gauges_flush(g, st, &err)); /* nothing twice */
    now = clock_now_s();
    assert_ok(store_metric_read(st, id, APPLY, METRIC_RPS, now - 60, now + 60, now, &p, &n, &width,
                                &err));
    assert_int_equal(n, 2);
    assert_int_equal(p[1].at, p[0].at + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_delay_is_split_where_the_relay_stands),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(restarts_are_counted_with_their_times),
        TEST(no_sample_is_lost_between_seconds),
    };

    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
