#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/http.h"

static void parses_addresses(void **state)
{
    static const struct {
        const char *text, *host, *port; /* host NULL: refused */
    } cases[] = {
        { "127.0.0.1:8089", "127.0.0.1", "8089" },
        { "localhost:0", "localhost", "0" },
        { "[::1]:80", "::1", "80" },
        { "::1:80", NULL, NULL },
        { "127.0.0.1", NULL, NULL },
        { ":80", NULL, NULL },
        { "[]:80", NULL, NULL },
        { "h:65536", NULL, NULL },
        { "h:-1", NULL, NULL },
        { "h:", NULL, NULL },
        { "", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char host[256], port[8];
        bool ok = http_listen_parse(cases[i].text, host, port);
        if (ok != (cases[i].host != NULL))
            fail_msg("\"%s\" is judged wrongly", cases[i].text);
        if (!ok)
            continue;
        assert_string_equal(host, cases[i].host);
        assert_string_equal(port, cases[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(parses_addresses) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
