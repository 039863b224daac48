#include "tests/unit/cli/test.h"

#include "cli/items.h"

static void statuses(void **state)
{
    static const struct {
        const char *data;
        int status;
    } cases[] = {
        { "{\"preCheckStatus\":\"FINISHED\",\"preCheckResults\":[{\"status\":\"PASSED\"},"
          "{\"status\":\"WARNING\"},{\"status\":\"SKIPPED\"}]}",
          ST_OK },
        { "{\"preCheckStatus\":\"FAILED\",\"preCheckResults\":[{\"status\":\"FAILED\","
          "\"checkType\":\"RDB_CONNECT\"}]}",
          ST_FAILED },
        { "{\"preCheckStatus\":\"FAILED\",\"preCheckResults\":[]}", ST_FAILED },
        { "{\"preCheckStatus\":\"FAILED\",\"preCheckResults\":[{\"status\":\"FAILED\","
          "\"checkType\":"
          "\"DB_CHARSET\"},{\"status\":\"FAILED\",\"checkType\":\"PRECHECK_RUN\"}]}",
          ST_TROUBLE },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct json_object *o = parsed(cases[i].data);
        assert_int_equal(items_status(o), cases[i].status);
        json_object_put(o);
    }
}

static void junit(void **state)
{
    struct json_object *data = json_object_new_object(), *list = json_object_new_array();
    static const char *const items[][5] = {
        { "PASSED", "SOURCE", "A", "passed", NULL },
        { "FAILED", "DEST", "B",
          "a <b> & \"c\" 'd' ]]> \x01 \xff \xed\xa0\x80 \xef\xbf\xbf\n\t\xe6\x95\xb0",
          "GRANT <x>" },
        { "WARNING", "SOURCE", "C", "w & w", "mend it" },
        { "SKIPPED", "SOURCE", "D", "not checked", "" },
        { "FAILED", "SOURCE", "PRECHECK_RUN", "no worker", "" },
    };
    struct strbuf xml = STRBUF(100000);
    (void)state;

    for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
        struct json_object *o = json_object_new_object();
        json_add_str(o, "status", items[i][0]);
        json_add_str(o, "endpointType", items[i][1]);
        json_add_str(o, "checkType", items[i][2]);
        json_add_str(o, "message", items[i][3]);
        json_add_str(o, "advice", items[i][4]);
        json_object_array_add(list, o);
    }
    json_add(data, "preCheckResults", list);
    items_junit(data, "a \"name\"", 0, 1.5, &xml);
    assert_string_equal(
        strbuf_str(&xml),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
        "  <testsuite name=\"a &#34;name&#34;\" tests=\"5\" failures=\"1\" errors=\"1\" "
        "skipped=\"1\" "
        "time=\"1.500\" timestamp=\"1970-01-01T00:00:00\">\n"
        "    <testcase classname=\"SOURCE\" name=\"A\" time=\"0\"></testcase>\n"
        "    <testcase classname=\"DEST\" name=\"B\" time=\"0\"><failure message=\"a &#60;b&#62; "
        "&#38; "
        "&#34;c&#34; &#39;d&#39; ]]&#62; ? ? ??? ???&#10;&#9;\xe6\x95\xb0\" type=\"B\">GRANT "
        "&#60;x&#62;</failure></testcase>\n"
        "    <testcase classname=\"SOURCE\" name=\"C\" time=\"0\"><system-out>w &#38; w&#10;mend "
        "it</system-out></testcase>\n"
        "    <testcase classname=\"SOURCE\" name=\"D\" time=\"0\"><skipped message=\"not "
        "checked\"></skipped></testcase>\n"
        "    <testcase classname=\"SOURCE\" name=\"PRECHECK_RUN\" time=\"0\"><error message=\"no "
        "worker\" type=\"PRECHECK_RUN\"></error></testcase>\n"
        "  </testsuite>\n</testsuites>\n");
    strbuf_done(&xml);
    json_object_put(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),
        cmocka_unit_test(junit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
