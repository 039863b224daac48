#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "api/verify_report.h"
#include "api/verify_view.h"
#include "base/json.h"

#include "base/banned.h"

static struct json_object *parse(const char *text)
{
    struct json_object *o = NULL;
    struct err err = { 0 };

    assert_int_equal(json_parse(text, strlen(text), 16, &o, &err), 0);
    return o;
}

#define TABLE                                                                                      \
    "{\"db\":\"shop\",\"table\":\"<b>&\",\"targetDb\":\"shop\",\"targetTable\":\"t'\\\"\","        \
    "\"status\":\"FINISHED\",\"resultType\":\"INCONSISTENT\",\"message\":\"=1+1\",\"rowsKept\":1," \
    "\"mismatched\":1,\"position\":{\"source\":{\"file\":\"b.1\",\"pos\":4,\"gtid\":\"0-1-7\"},"   \
    "\"sink\":null}}"
#define ROW(type, source, dest)                                                                    \
    "{\"id\":\"vd_7\",\"type\":\"" type "\",\"state\":\"OPEN\",\"key\":[{\"columnName\":\"id\","   \
    "\"columnValue\":\"7\"}],\"details\":[{\"columnName\":\"v\",\"sourceValue\":" source           \
    ",\"destValue\":" dest "}],\"correction\":\"UPDATE t SET v = '<x>'\"}"

static void a_value_never_becomes_markup(void **state)
{
    _cleanup_(json_putp)
    struct json_object *table = parse(TABLE);
    _cleanup_(json_putp)
    struct json_object *row =
        parse(ROW("MISMATCHED", "\"<script>alert(1)</script>\\u0001\"", "null"));
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(65536);

    (void)state;
    report_html_listed(&b, table);
    report_html_section(&b, table);
    report_html_row(&b, row);
    report_html_section_end(&b, table);
    assert_null(strstr(strbuf_str(&b), "<script"));
    assert_null(strstr(strbuf_str(&b), "<x>"));
    assert_null(strchr(strbuf_str(&b), 1));
    assert_non_null(strstr(strbuf_str(&b), "shop.&lt;b&gt;&amp; → shop.t&#39;&quot;"));
    assert_non_null(strstr(strbuf_str(&b), "<td class=\"none\">NULL</td>"));
    assert_non_null(strstr(strbuf_str(&b), "b.1:4, GTID 0-1-7"));
}

static void a_cell_never_becomes_a_formula(void **state)
{
    static const struct {
        const char *row, *cells;
    } cases[] = {
        { ROW("MISMATCHED", "\"=cmd|' /C calc'!A0\"", "null"), ",v,'=cmd|' /C calc'!A0,\\N," },
        { ROW("MASTER_ONLY", "null", "null"), ",v,\\N,," },
        { ROW("IMAGE_ONLY", "null", "\"a,\\\"b\""), ",v,,\"a,\"\"b\"," },
    };
    _cleanup_(json_putp)
    struct json_object *table = parse(TABLE);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_putp)
        struct json_object *row = parse(cases[i].row);
        _cleanup_(strbuf_done)
        struct strbuf b = STRBUF(65536);
        size_t commas = 0;
        report_csv_row(&b, table, row);
        if (strstr(strbuf_str(&b), cases[i].cells) == NULL)
            fail_msg("%s is not in %s", cases[i].cells, strbuf_str(&b));
        strbuf_reset(&b);
        report_csv_table(&b, table);
        assert_non_null(strstr(strbuf_str(&b), ",'=1+1,"));
        strbuf_reset(&b);
        report_csv_head(&b);
        for (const char *p = strbuf_str(&b); *p != '\0'; p++)
            commas += *p == ',';
        assert_int_equal(commas, 20);
    }
}

static void a_row_without_a_statement_says_why_in_one_line(void **state)
{
    _cleanup_(json_putp)
    struct json_object *row =
        parse("{\"id\":\"vd_9\",\"correction\":null,\"message\":\"two\\nlines; DROP TABLE t\"}");
    _cleanup_(json_putp)
    struct json_object *text = verify_view_correction(row);

    (void)state;
    assert_string_equal(json_object_get_string(text),
                        "-- vd_9 has no statement: two lines; DROP TABLE t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_never_becomes_markup),
        cmocka_unit_test(a_cell_never_becomes_a_formula),
        cmocka_unit_test(a_row_without_a_statement_says_why_in_one_line),
    };
    return cmocka_run_group_tests_name("api_verify_report", tests, NULL, NULL);
}
