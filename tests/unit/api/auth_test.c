#include "tests/unit/api/test.h"

#include "api/auth.h"

static void parses_basic(void **state)
{
    static const struct {
        const char *header, *user, *password; /* user NULL: refused */
    } cases[] = {
        { "Basic YWRtaW46cm9vdA==", "admin", "root" },
        { "basic  YWRtaW46cm9vdA==", "admin", "root" },
        { "Basic YTpiOmM=", "a", "b:c" },
        { "Basic YTo=", "a", "" },
        { "Basic OmE=", NULL, NULL },     /* no user */
        { "Basic YWRtaW4=", NULL, NULL }, /* no colon */
        { "Basic YQA6Yg==", NULL, NULL }, /* NUL in the user */
        { "Basic YTpiAGM=", NULL, NULL }, /* NUL in the password */
        { "Basic ****", NULL, NULL },
        { "Basic", NULL, NULL },
        { "Basic ", NULL, NULL },
        { "Bearer YTpi", NULL, NULL },
        { "", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char user[128];
        struct secret *password = NULL;
        struct err err = { 0 };
        int r = auth_parse_basic(cases[i].header, user, &password, &err);
        assert_int_equal(r, cases[i].user == NULL ? -1 : 0);
        if (r < 0) {
            assert_int_equal(err.code, ERR_UNAUTHORIZED);
            continue;
        }
        assert_string_equal(user, cases[i].user);
        assert_string_equal(secret_text(password), cases[i].password);
        secret_free(password);
    }
}

static void bounds_the_header(void **state)
{
    char header[8192] = "Basic ", user[128];
    struct secret *password = NULL;
    struct err err = { 0 };

    (void)state;
    memset(header + 6, 'A', sizeof(header) - 7);
    header[sizeof(header) - 1] = '\0';
    assert_int_equal(auth_parse_basic(header, user, &password, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_basic),
        cmocka_unit_test(bounds_the_header),
    };
    struct err err = { 0 };

    if (secret_setup(&err) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
