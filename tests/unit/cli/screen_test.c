#include "tests/unit/cli/test.h"

#include "cli/screen.h"

static void bars(void **state)
{
    static const struct {
        double percent;
        int width;
        const char *bar;
    } cases[] = {
        { 0, 10, "[----------]" },   { 9.9, 10, "[----------]" },   { 10, 10, "[#---------]" },
        { 55, 10, "[#####-----]" },  { 99.99, 10, "[#########-]" }, { 100, 10, "[##########]" },
        { 250, 10, "[##########]" }, { -5, 10, "[----------]" },    { 50, 1, "[-]" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct strbuf b = STRBUF(100);
        screen_bar(&b, cases[i].percent, cases[i].width);
        assert_string_equal(strbuf_str(&b), cases[i].bar);
        strbuf_done(&b);
    }
}

static void numbers(void **state)
{
    static const struct {
        int64_t n;
        const char *text;
    } counts[] = { { 0, "0" },
                   { 7, "7" },
                   { 999, "999" },
                   { 1000, "1,000" },
                   { 1234567, "1,234,567" },
                   { -12345, "-12,345" },
                   { INT64_MAX, "9,223,372,036,854,775,807" } };
    static const struct {
        int64_t s;
        const char *text;
    } durations[] = { { 0, "0 s" },         { 59, "59 s" },       { 60, "1:00" },
                      { 3599, "59:59" },    { 3600, "1:00:00" },  { 86399, "23:59:59" },
                      { 86400, "1 d 0 h" }, { 200000, "2 d 7 h" } };
    static const struct {
        double bytes;
        const char *text;
    } sizes[] = { { 0, "0 B" },         { 999, "999 B" },     { 1000, "1.0 kB" },
                  { 12345, "12.3 kB" }, { 123456, "123 kB" }, { 999600, "1.0 MB" },
                  { 4.2e9, "4.2 GB" },  { 3e15, "3.0 PB" },   { 5e18, "5000 PB" } };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        struct strbuf b = STRBUF(100);
        screen_count(&b, counts[i].n);
        assert_string_equal(strbuf_str(&b), counts[i].text);
        strbuf_done(&b);
    }
    for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
        struct strbuf b = STRBUF(100);
        screen_duration(&b, durations[i].s);
        assert_string_equal(strbuf_str(&b), durations[i].text);
        strbuf_done(&b);
    }
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct strbuf b = STRBUF(100);
        screen_bytes(&b, sizes[i].bytes);
        assert_string_equal(strbuf_str(&b), sizes[i].text);
        strbuf_done(&b);
    }
}

static void widths(void **state)
{
    static const struct {
        const char *text;
        int width, cut;
        const char *left;
    } cases[] = {
        { "plain", 5, 3, "pla" },
        { "plain", 5, 9, "plain" },
        { "gr\xc3\xbc\xc3\x9f", 4, 3, "gr\xc3\xbc" },
        { "\xe6\x95\xb0\xe6\x8d\xae", 4, 3, "\xe6\x95\xb0" }, /* two wide characters */
        { "e\xcc\x81x", 2, 1, "e\xcc\x81" },                  /* a combining accent */
        { "a\xff\xc3", 3, 2, "a\xff" },                       /* not UTF-8 */
        { "", 0, 0, "" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct strbuf b = STRBUF(100);
        assert_int_equal(screen_width(cases[i].text), cases[i].width);
        strbuf_adds(&b, cases[i].text);
        screen_cut(&b, cases[i].cut);
        assert_string_equal(strbuf_str(&b), cases[i].left);
        strbuf_done(&b);
    }
}

static void time_left(void **state)
{
    struct eta e = { 0 };
    (void)state;

    assert_int_equal(eta_seconds(&e), -1);
    eta_add(&e, 1, 0, 1000);
    assert_int_equal(eta_seconds(&e), -1); /* one look says nothing */
    eta_add(&e, 1, 1000, 990);
    assert_int_equal(eta_seconds(&e), -1); /* nor does one second */
    eta_add(&e, 1, 10000, 900);
    assert_int_equal(eta_seconds(&e), 90); /* 10 a second */
    eta_add(&e, 1, 20000, 1000);
    assert_int_equal(eta_seconds(&e), -1); /* nothing was gained */
    eta_add(&e, 1, 30000, 2000);
    assert_int_equal(eta_seconds(&e), -1); /* it grows */
    eta_add(&e, 2, 31000, 50);
    assert_int_equal(eta_seconds(&e), -1); /* another quantity: begins anew */
    eta_add(&e, 2, 41000, 49.999);
    assert_int_equal(eta_seconds(&e), -1); /* next to nothing was done */
    eta_add(&e, 2, 51000, 0);
    assert_int_equal(eta_seconds(&e), 0);
    for (int i = 0; i < 3 * ETA_SAMPLES; i++) /* only the last minute counts */
        eta_add(&e, 3, i * 1000, i < 2 * ETA_SAMPLES ? 10000 : 10000 - (i - 2 * ETA_SAMPLES) * 100);
    assert_int_equal(eta_seconds(&e), 41);
}

static void what_is_left(void **state)
{
    static const struct {
        const char *step;
        bool ends;
        double left;
    } cases[] = {
        { "{\"status\":\"RUNNING\",\"progress\":25,\"stepInfo\":{\"processedRecords\":10,"
          "\"capacity\":50}}",
          true, 40 },
        { "{\"status\":\"RUNNING\",\"progress\":25,\"stepInfo\":{\"processedRecords\":60,"
          "\"capacity\":50}}",
          true, 75 },
        { "{\"status\":\"RUNNING\",\"progress\":25,\"stepInfo\":null}", true, 75 },
        { "{\"status\":\"RUNNING\",\"stepInfo\":{\"incrTimestampCheckpoint\":100,"
          "\"checkpointSampleTimestamp\":142}}",
          true, 42 },
        { "{\"status\":\"MONITORING\",\"stepInfo\":{\"incrTimestampCheckpoint\":100,"
          "\"checkpointSampleTimestamp\":142}}",
          false, 0 },
        { "{}", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct eta e = { 0 };
        struct json_object *o = parsed(cases[i].step);
        assert_int_equal(eta_of_step(&e, o, 1), cases[i].ends);
        assert_int_equal(e.count, cases[i].ends ? 1 : 0);
        if (cases[i].ends)
            assert_true(e.samples[0].left == cases[i].left);
        json_object_put(o);
    }
}

static void step_lines(void **state)
{
    static const struct {
        const char *step, *line;
        int bar;
    } cases[] = {
        { "{\"name\":\"FULL_TRANSFER\",\"status\":\"RUNNING\",\"progress\":50,\"stepInfo\":{"
          "\"processedRecords\":1000,"
          "\"capacity\":2000,\"dstRps\":500,\"dstIops\":65000}}",
          "FULL_TRANSFER          RUNNING    [##--]  50.0 %  1,000 of 2,000 rows  500 rows/s  65.0 "
          "kB/s  ETA 1:40",
          4 },
        { "{\"name\":\"INCR_TRANSFER\",\"status\":\"MONITORING\",\"progress\":100,\"stepInfo\":{"
          "\"appliedRows\":7,"
          "\"rps\":3,\"iops\":10,\"incrTimestampCheckpoint\":5,\"checkpointSampleTimestamp\":4}}",
          "INCR_TRANSFER          MONITORING 100.0 %  7 rows  3 rows/s  10 B/s  lag 0 s", 0 },
        { "{\"name\":\"FULL_TRANSFER\",\"status\":\"FINISHED\",\"progress\":100,\"stepInfo\":{"
          "\"processedRecords\":9,"
          "\"capacity\":10,\"dstRps\":500}}",
          "FULL_TRANSFER          FINISHED   100.0 %  9 rows", 0 },
        { "{\"name\":\"X\",\"status\":\"FAILED\",\"extraInfo\":{\"errorMsg\":\"it broke\"}}",
          "X                      FAILED       0.0 %  it broke", 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct eta e = { .kind = 1, .count = 2, .samples = { { 0, 1500 }, { 5000, 1425 } } };
        struct json_object *o = parsed(cases[i].step);
        struct strbuf b = STRBUF(1000);
        e.samples[1].left = 1428.57;
        screen_step(&b, o, cases[i].bar, &e);
        assert_string_equal(strbuf_str(&b), cases[i].line);
        strbuf_done(&b);
        json_object_put(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars),      cmocka_unit_test(numbers),      cmocka_unit_test(widths),
        cmocka_unit_test(time_left), cmocka_unit_test(what_is_left), cmocka_unit_test(step_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
