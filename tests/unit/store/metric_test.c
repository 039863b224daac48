#include "store/metric.h"

#include "fixture.h"

#include "base/banned.h"

enum { T0 = 1700000100 };
#define FULL "FULL_TRANSFER"

static struct metric_sample sample(const char *id, const char *step, int64_t at, enum metric m,
                                   double v)
{
    struct metric_sample s = { .step = step, .at = at, .has = 1U << m };

    (void)snprintf(s.project_id, sizeof(s.project_id), "%s", id);
    s.values[m] = v;
    return s;
}

static void put(struct store *st, const char *id, int64_t at, double rps)
{
    struct metric_sample s = sample(id, FULL, at, METRIC_RPS, rps);
    struct err err = { 0 };

    assert_ok(store_metric_put(st, &s, 1, &err));
}

static size_t read_back(struct store *st, const char *id, int64_t begin, int64_t end, int64_t now,
                        struct metric_point **ret, int *ret_width)
{
    size_t n = 0;
    struct err err = { 0 };

    assert_ok(
        store_metric_read(st, id, FULL, METRIC_RPS, begin, end, now, ret, &n, ret_width, &err));
    return n;
}

static void a_curve_is_what_was_told(void **state)
{
    struct store *st = ((struct fixture *)*state)->store;
    _cleanup_(freep)
    struct metric_point *p = NULL;
    _cleanup_(freep)
    struct metric_point *none = NULL;
    char id[ID_MAX];
    int width;
    struct err err = { 0 };

    assert_ok(add_project(st, "admin", "p", id, &err));
    for (int i = 0; i < 100; i++)
        put(st, id, T0 + i, i);
    put(st, id, T0 + 99, 7); /* the same second: the later one */
    assert_int_equal(read_back(st, id, T0 + 10, T0 + 99, T0 + 100, &p, &width), 90);
    assert_int_equal(width, 1);
    assert_int_equal(p[0].at, T0 + 10);
    assert_true(p[0].sum == 10 && p[0].max == 10 && p[0].count == 1);
    assert_true(p[89].sum == 7);
    /* another metric of the same rows was never told */
    size_t n = 1;
    assert_ok(store_metric_read(st, id, FULL, METRIC_DELAY, T0, T0 + 99, T0 + 100, &none, &n,
                                &width, &err));
    assert_int_equal(n, 0);
}

/* Half an hour of seconds closed into minutes, a day of minutes into half hours: nothing is lost,
 * nothing doubled, whenever it is looked at. */
static void closing_keeps_counts_sums_and_peaks(void **state)
{
    struct store *st = ((struct fixture *)*state)->store;
    enum { SECONDS = 3 * 3600, BATCH = 600 };
    struct metric_sample *batch = calloc(BATCH, sizeof(*batch));
    double sum = 0, max = 0;
    int64_t count = 0;
    char id[ID_MAX];
    unsigned seed = 7;
    struct err err = { 0 };

    assert_ok(add_project(st, "admin", "p", id, &err));
    for (int i = 0; i < SECONDS; i += BATCH) {
        size_t n = 0;
        for (int k = i; k < i + BATCH; k++) {
            double v = (double)(rand_r(&seed) % 100000) / 10;
            if (rand_r(&seed) % 10 == 0)
                continue; /* a second in which nothing was told */
            batch[n++] = sample(id, FULL, T0 + k, METRIC_RPS, v);
            sum += v;
            max = MAX(max, v);
            count++;
        }
        assert_ok(store_metric_put(st, batch, n, &err));
        if (rand_r(&seed) % 2 == 0)
            assert_ok(store_metric_roll(st, T0 + i + BATCH, &err));
        assert_ok(store_metric_roll(st, T0 + i + BATCH, &err)); /* twice is once */
        /* all of it, in minutes, and what is not closed yet in seconds */
        _cleanup_(freep)
        struct metric_point *p = NULL;
        double got_sum = 0, got_max = 0, got = 0;
        int width;
        size_t points =
            read_back(st, id, T0 - METRIC_RAW_KEPT_S, T0 + i + BATCH, T0 + i + BATCH, &p, &width);
        for (size_t k = 0; k < points; k++) {
            assert_true(k == 0 || p[k].at > p[k - 1].at);
            got += p[k].count;
            got_sum += p[k].sum;
            got_max = MAX(got_max, p[k].max);
        }
        assert_int_equal(width, METRIC_MINUTE_S);
        assert_true((int64_t)(got + 0.5) == count);
        assert_true(got_sum > sum - 0.01 && got_sum < sum + 0.01);
        assert_true(got_max == max);
    }
    free(batch);
}

/* Every step of a project for 31 days, a point a minute and one second of each hour whole. */
static void a_month_stays_bounded(void **state)
{
    struct fixture *f = *state;
    enum { DAYS = 31, POINTS = 60 };
    struct metric_sample *batch = calloc(POINTS, sizeof(*batch));
    _cleanup_(freep)
    struct metric_point *day = NULL;
    _cleanup_(freep)
    struct metric_point *month = NULL;
    _cleanup_(freep)
    struct metric_point *hour = NULL;
    int64_t now = T0, total = 0;
    char id[ID_MAX];
    int width;
    size_t n;
    struct err err = { 0 };

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    for (int h = 0; h < DAYS * 24; h++, now += 3600) {
        for (int i = 0; i < POINTS; i++)
            batch[i] = sample(id, FULL, now + i * 60, METRIC_RPS, 1);
        assert_ok(store_metric_put(f->store, batch, POINTS, &err));
        assert_ok(store_metric_roll(f->store, now + 3600, &err));
        total += POINTS;
    }
    n = read_back(f->store, id, now - 3600, now, now, &hour, &width);
    assert_int_equal(width, 1);
    assert_true(n >= 58 && n <= 61);
    n = read_back(f->store, id, now - 24 * 3600, now, now, &day, &width);
    assert_int_equal(width, METRIC_MINUTE_S);
    assert_true(n >= 1438 && n <= 1442);
    n = read_back(f->store, id, now - DAYS * 24 * 3600, now, now, &month, &width);
    assert_int_equal(width, METRIC_HALF_HOUR_S);
    /* 30 days of half hours, and what is not closed yet */
    assert_true(n >= 30 * 48 - 1 && n <= 30 * 48 + 3 + 60);
    assert_true(month[0].at >= now - METRIC_HALF_HOUR_KEPT_S);
    free(batch);
}

static void what_was_deleted_has_no_curve(void **state)
{
    struct store *st = ((struct fixture *)*state)->store;
    _cleanup_(freep)
    struct metric_point *p = NULL;
    _cleanup_(freep)
    struct metric_point *q = NULL;
    char id[ID_MAX];
    int width;
    struct err err = { 0 };

    assert_ok(add_project(st, "admin", "p", id, &err));
    put(st, id, T0, 1);
    assert_int_equal(read_back(st, id, T0, T0, T0, &p, &width), 1);
    assert_int_equal(store_project_move(st, id, PS_INIT, PS_DELETED, "test", &err), 1);
    put(st, id, T0 + 1, 1); /* a sample that was on its way */
    assert_int_equal(read_back(st, id, T0, T0 + 1, T0 + 1, &q, &width), 0);
    assert_ok(store_check(st, &err));
}

static void a_clock_that_is_set_back_stops_nothing(void **state)
{
    struct store *st = ((struct fixture *)*state)->store;
    _cleanup_(freep)
    struct metric_point *p = NULL;
    char id[ID_MAX];
    int width;
    struct err err = { 0 };

    assert_ok(add_project(st, "admin", "p", id, &err));
    put(st, id, T0 + 86400, 1);
    assert_ok(store_metric_roll(st, T0 + 86400 + 600, &err));
    for (int i = 0; i < 600; i++)
        put(st, id, T0 + i, 2);
    assert_ok(store_metric_roll(st, T0 + 600, &err));
    for (int i = 600; i < 1200; i++)
        put(st, id, T0 + i, 2);
    assert_ok(store_metric_roll(st, T0 + 1200, &err));
    assert_true(read_back(st, id, T0 - 2 * 3600, T0 + 1200, T0 + 1200, &p, &width) >= 10);
    assert_int_equal(width, METRIC_MINUTE_S);
}

/* Random curves, spans and bounds: never more points than asked for, in order, within the span,
 * nothing lost. */
static void thinning_keeps_all_within_bounds(void **state)
{
    unsigned seed = 4711;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct metric_point points[400];
        size_t count = 0, kept, most = 5 + (size_t)rand_r(&seed) % 100;
        int width = rand_r(&seed) % 3 == 0 ? 1 : rand_r(&seed) % 2 == 0 ? 60 : 1800;
        int64_t begin = T0 + rand_r(&seed) % 5000, end = begin + 3600 + rand_r(&seed) % 200000;
        double sum = 0, n = 0, max = 0, kept_sum = 0, kept_n = 0, kept_max = 0;

        for (int64_t at = begin; at <= end && count < 400; at += 1 + rand_r(&seed) % 900) {
            double c = 1 + rand_r(&seed) % 60, v = rand_r(&seed) % 1000;
            points[count++] = (struct metric_point){ at, c, c * v, v };
            sum += c * v;
            n += c;
            max = MAX(max, v);
        }
        kept = metric_thin(points, count, begin, end, width, most);
        assert_true(kept <= most && kept > 0);
        for (size_t i = 0; i < kept; i++) {
            assert_true(points[i].at >= begin && points[i].at <= end);
            assert_true(i == 0 || points[i].at > points[i - 1].at);
            kept_sum += points[i].sum;
            kept_n += points[i].count;
            kept_max = MAX(kept_max, points[i].max);
        }
        assert_true(kept_sum == sum && kept_n == n && kept_max == max);
    }
}

static void each_step_has_what_the_document_says(void **state)
{
    static const struct {
        const char *step;
        enum metric has, has_not;
    } rows[] = {
        { "FULL_TRANSFER", METRIC_SOURCE_SLICE_TIME, METRIC_DELAY },
        { "INCR_TRANSFER", METRIC_DELAY, METRIC_SOURCE_READ_TIME },
        { "REVERSE_INCR_TRANSFER", METRIC_SINK_COMMIT_TIME, METRIC_VERIFY_DEST_RPS },
        { "FULL_VERIFIER", METRIC_VERIFY_DEST_IOPS, METRIC_RPS },
        { "TRANSFER_INCR_LOG_PULL", METRIC_SOURCE_READ_LAG, METRIC_DELAY },
    };
    enum metric m;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_true((metric_of_step(rows[i].step) & 1U << rows[i].has) != 0);
        assert_true((metric_of_step(rows[i].step) & 1U << rows[i].has_not) == 0);
    }
    assert_int_equal(metric_of_step("STRUCT_TRANSFER"), 0);
    for (unsigned i = 0; i < METRIC_MAX_; i++) {
        assert_true(metric_parse(metric_text((enum metric)i), &m));
        assert_int_equal(m, i);
    }
    assert_false(metric_parse("rps", &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_curve_is_what_was_told),
        TEST(closing_keeps_counts_sums_and_peaks),
        TEST(a_month_stays_bounded),
        TEST(what_was_deleted_has_no_curve),
        TEST(a_clock_that_is_set_back_stops_nothing),
        cmocka_unit_test(thinning_keeps_all_within_bounds),
        cmocka_unit_test(each_step_has_what_the_document_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
