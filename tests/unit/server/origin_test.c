#include "server/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"

static void foreign_pages(void **state)
{
    static const char form[] = "application/x-www-form-urlencoded", json[] = "application/json";
    static const char browser[] = "Mozilla/5.0 (X11; Linux x86_64)", host[] = "cw.example:8089";
    static const struct {
        struct origin o;
        bool foreign;
    } cases[] = {
        /* programs */
        { { .host = host, .content_type = json, .user_agent = "curl/8" }, false },
        { { .host = host, .content_type = form, .user_agent = "curl/8" }, false },
        { { .host = host }, false },
        { { 0 }, false },
        /* today's browsers */
        { { .host = host, .fetch_site = "same-origin", .content_type = json }, false },
        { { .host = host, .fetch_site = "none" }, false },
        { { .host = host, .fetch_site = "cross-site", .content_type = json }, true },
        { { .host = host, .fetch_site = "same-site", .content_type = json }, true },
        { { .host = host, .fetch_site = "", .content_type = json }, true },
        /* it knows better than the Host that a proxy has changed */
        { { .host = "127.0.0.1:8089", .fetch_site = "same-origin", .origin = "https://cw.example" },
          false },
        { { .host = host, .fetch_site = "cross-site", .origin = "http://cw.example:8089" }, true },
        /* older ones: Origin */
        { { .host = host, .origin = "http://cw.example:8089", .user_agent = browser }, false },
        { { .host = host, .origin = "https://CW.example:8089", .content_type = form }, false },
        { { .host = host, .origin = "http://evil.example", .content_type = json }, true },
        { { .host = host, .origin = "http://cw.example", .content_type = json }, true },
        { { .host = host, .origin = "http://cw.example:8089.evil.example" }, true },
        { { .host = host, .origin = "http://cw.example:80899" }, true },
        { { .host = host, .origin = "null", .content_type = form }, true },
        { { .host = host, .origin = "" }, true },
        { { .origin = "http://cw.example:8089" }, true },
        /* Referer */
        { { .host = host, .referer = "http://cw.example:8089/#/projects" }, false },
        { { .host = host, .referer = "http://evil.example/http://cw.example:8089/" }, true },
        { { .host = host, .referer = "http://cw.example:8089@evil.example/" }, true },
        { { .host = host, .origin = "http://evil.example", .referer = "http://cw.example:8089/" },
          true },
        /* a page that hides where it is from, in a browser that says nothing of it */
        { { .host = host, .content_type = form, .user_agent = browser }, true },
        { { .host = host, .content_type = "text/plain;charset=UTF-8", .user_agent = browser },
          true },
        { { .host = host,
            .content_type = "multipart/form-data; boundary=x",
            .user_agent = browser },
          true },
        { { .host = host, .user_agent = browser }, true },
        { { .host = host, .content_type = json, .user_agent = browser }, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (origin_is_foreign(&cases[i].o) != cases[i].foreign)
            fail_msg("case %zu must be %s", i, cases[i].foreign ? "foreign" : "ours");
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(foreign_pages) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
