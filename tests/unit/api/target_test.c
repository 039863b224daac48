#include "tests/unit/api/test.h"

#include <string.h>

#include "api/target.h"
#include "base/json.h"

#include "base/banned.h"

static void targets(void **state)
{
    static const struct {
        const char *request, *data, *id, *name;
    } cases[] = {
        { "{\"id\":\"np_1\"}", NULL, "np_1", "" },
        { "{\"ProjectId\":\"np_1\",\"name\":\"shop\"}", "\"np_2\"", "np_1", "shop" },
        { "{\"name\":\"shop\"}", NULL, "shop", "" },
        { "{\"name\":\"shop\",\"userName\":\"u\"}", "\"e_1\"", "e_1", "shop" },
        { "{\"username\":\"bob\",\"password\":\"secret\"}", "{\"username\":\"bob\"}", "bob", "" },
        { "{\"username\":\"bob\"}", "{\"accessKeyId\":\"CWAK1\",\"accessKeySecret\":\"s\"}",
          "CWAK1", "bob" },
        { "{\"projectIds\":[\"np_1\",\"np_2\"]}", NULL, "np_1", "" },
        { "{\"id\":5,\"projectIds\":[]}", NULL, "", "" },
        { "{\"id\":\"a\\nb\\u0001\\u00e4\"}", NULL, "a?b???", "" },
        { "{\"password\":\"secret\",\"description\":\"secret\"}", NULL, "", "" },
        { NULL, NULL, "", "" },
        { "[1]", "[1]", "", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_putp)
        struct json_object *request = NULL, *data = NULL;
        struct err err = { 0 };
        struct target t;
        if (cases[i].request != NULL)
            assert_int_equal(
                json_parse(cases[i].request, strlen(cases[i].request), 8, &request, &err), 0);
        if (cases[i].data != NULL)
            assert_int_equal(json_parse(cases[i].data, strlen(cases[i].data), 8, &data, &err), 0);
        target_of(request, data, &t);
        assert_string_equal(t.id, cases[i].id);
        assert_string_equal(t.name, cases[i].name);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(targets) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
