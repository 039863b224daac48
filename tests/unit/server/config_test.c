#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/util.h"
#include "server/config.h"

enum { ARGS_MAX = 8 };

static struct strbuf problems = STRBUF(16 * 1024);

/* cmocka's programs are single-threaded: `problems` is reset for each case. */
static void read_args(struct config *c, const char *const *args)
{
    char *argv[ARGS_MAX + 1] = { NULL };
    int argc = 0;

    strbuf_reset(&problems);
    argv[argc++] = strdup("causewayd");
    for (; *args != NULL; args++)
        argv[argc++] = strdup(*args);
    config_read(c, argc, argv, &problems);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
}

static void takes_good_settings(void **state)
{
    struct config c = { 0 };

    (void)state;
    read_args(&c, (const char *const[]){ "--data-dir", "/d", "--http-threads=8", "--log_format",
                                         "json", NULL });
    assert_int_equal(problems.len, 0);
    assert_string_equal(c.data_dir, "/d");
    assert_int_equal(c.http_threads, 8);
    assert_string_equal(c.log_format, "json");
    assert_string_equal(c.listen, "127.0.0.1:8089");
    assert_int_equal(c.max_body_bytes, 4 * 1024 * 1024);
    assert_null(c.web_dir);
    config_done(&c);
}

static void lists_every_fault(void **state)
{
    static const char *const wanted[] = { "--http-threads: http_threads must be a number",
                                          "--log-level: log_level must be one of",
                                          "there is no option --nope",
                                          "there is no option stray",
                                          "--listen needs a value",
                                          "data_dir is required" };
    struct config c = { 0 };

    (void)state;
    read_args(&c, (const char *const[]){ "--http-threads=0", "--log-level=loud", "--nope", "stray",
                                         "--listen", NULL });
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        if (strstr(strbuf_str(&problems), wanted[i]) == NULL)
            fail_msg("no \"%s\" in:\n%s", wanted[i], strbuf_str(&problems));
    config_done(&c);
}

static void reads_a_file(void **state)
{
    struct config c = { 0 };

    (void)state;
    strbuf_reset(&problems);
    config_defaults(&c);
    config_read_text(&c, "f",
                     "# all of it\n\n  http_threads = 7 \r\nallow_public_plaintext=true\n"
                     "web_dir = /a b\n",
                     &problems);
    assert_int_equal(problems.len, 0);
    assert_int_equal(c.http_threads, 7);
    assert_true(c.allow_public_plaintext);
    assert_string_equal(c.web_dir, "/a b");
    config_read_text(&c, "f", "http_threads\nno_such = 1\nmax_workers = x\nlog_format =\n",
                     &problems);
    assert_string_equal(strbuf_str(&problems), "f line 1: must be \"name = value\"\n"
                                               "f line 2: there is no setting no_such\n"
                                               "f line 3: max_workers must be a number from 1 to "
                                               "4096\n"
                                               "f line 4: log_format must be one of logfmt|json\n");
    config_done(&c);
}

static void asks_need_no_data_dir(void **state)
{
    struct config c = { 0 };

    (void)state;
    read_args(&c, (const char *const[]){ "--help", NULL });
    assert_int_equal(problems.len, 0);
    assert_int_equal(c.action, CONFIG_HELP);
    config_done(&c);
}

static int done(void **state)
{
    (void)state;
    strbuf_done(&problems);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_good_settings),
        cmocka_unit_test(lists_every_fault),
        cmocka_unit_test(reads_a_file),
        cmocka_unit_test(asks_need_no_data_dir),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
