#include "tests/unit/cli/test.h"

#include <stdlib.h>

#include "cli/args.h"

enum { WORDS_MAX = 32 };

/* A command line out of words with blanks between them. */
static int parse(const char *line, struct args *a, struct err *err, char **keep)
{
    char *argv[WORDS_MAX] = { NULL };
    int argc = 0;

    *keep = strdup(line);
    for (char *p = *keep; *p != '\0' && argc < WORDS_MAX - 1;) {
        size_t len = strcspn(p, " ");
        argv[argc++] = p;
        p += len;
        if (*p == ' ')
            *p++ = '\0';
    }
    return args_parse(argc, argv, a, err);
}

static void good(void **state)
{
    static const struct {
        const char *line, *path, *name, *value;
    } cases[] = {
        { "causeway source list", "source list", NULL, NULL },
        { "causeway --json source list", "source list", NULL, NULL },
        { "causeway source add n --host=h --user u", "source add", "--host", "h" },
        { "causeway source add --host h n --user u --port 5", "source add", "NAME", "n" },
        { "causeway source add n --host h --user=", "source add", "--user", "" },
        { "causeway project show np_1", "project show", "PROJECT", "np_1" },
        { "causeway watch np_1 --until A=B --until C=D", "project watch", "--until", "C=D" },
        { "causeway project watch np_1", "project watch", "PROJECT", "np_1" },
        { "causeway reverse start np_1", "project reverse start", "PROJECT", "np_1" },
        { "causeway project reverse start np_1", "project reverse start", NULL, NULL },
        { "causeway conflicts download np_1 f.zip a b", "project conflicts download", "NAME", "b" },
        { "causeway precheck - --junit", "precheck", "--junit", "" },
        { "causeway precheck f.json --junit out.xml", "precheck", "--junit", "out.xml" },
        { "causeway precheck --junit f.json", "precheck", "FILE", "f.json" },
        { "causeway precheck --junit=o f.json", "precheck", "--junit", "o" },
        { "causeway call A -- --json", "call", "JSON", "--json" },
        { "causeway project importance p low", "project importance", "LEVEL", "low" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct args a = { 0 };
        struct err err = { 0 };
        char *keep = NULL;
        assert_int_equal(parse(cases[i].line, &a, &err, &keep), 0);
        assert_non_null(a.command);
        assert_string_equal(a.command->path, cases[i].path);
        if (cases[i].name != NULL)
            assert_string_equal(args_get(&a, cases[i].name), cases[i].value);
        args_done(&a);
        free(keep);
    }
}

static void bad(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        { "causeway source add", "missing: NAME, --host, --user" },
        { "causeway source explode", "no command source explode" },
        { "causeway explode", "no command explode" },
        { "causeway source list --nonsense", "no option --nonsense" },
        { "causeway --nonsense source list", "no option --nonsense" },
        { "causeway source list x", "x is one too many" },
        { "causeway source add n --host", "--host needs a value" },
        { "causeway source add n --host h --user u --port x", "--port: x is not a number" },
        { "causeway source add n --host h --user u --port -1", "--port: -1 is not a number" },
        { "causeway source add n --host h --host i --user u", "--host is given twice" },
        { "causeway source add n --host h --user u --type oracle", "oracle is none of mysql" },
        { "causeway source add n --host h --user u --ssl=yes", "--ssl takes no value" },
        { "causeway project importance p huge", "huge is none of LOW" },
        { "causeway project show", "missing: PROJECT" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct args a = { 0 };
        struct err err = { 0 };
        char *keep = NULL;
        assert_int_equal(parse(cases[i].line, &a, &err, &keep), -1);
        assert_int_equal(err.code, ERR_PARAM);
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].line, err.message);
        args_done(&a);
        free(keep);
    }
}

static void own_before_global(void **state)
{
    struct args a = { 0 };
    struct err err = { 0 };
    char *keep = NULL;
    (void)state;

    assert_int_equal(parse("causeway --user me source add n --host h --user mover --json --help",
                           &a, &err, &keep),
                     0);
    assert_string_equal(args_global(&a, "--user"), "me");
    assert_string_equal(args_get(&a, "--user"), "mover");
    assert_non_null(args_global(&a, "--json"));
    assert_true(a.help);
    args_done(&a);
    free(keep);
}

/* What a reader of the table relies on. */
static void the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < commands_count; i++) {
        const struct command *c = &commands[i];
        assert_non_null(c->run);
        assert_true(c->help[0] != '\0' && c->help[strlen(c->help) - 1] != '.');
        for (size_t k = i + 1; k < commands_count; k++)
            assert_string_not_equal(c->path, commands[k].path);
        for (const struct param *p = c->options; p != NULL && p->name != NULL; p++) {
            assert_true(strncmp(p->name, "--", 2) == 0);
            assert_true((p->value == NULL) == (p->type == P_FLAG));
            for (const struct param *q = p + 1; q->name != NULL; q++)
                assert_string_not_equal(p->name, q->name);
        }
        for (const struct param *p = c->args; p != NULL && p->name != NULL; p++)
            assert_null(p->value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(own_before_global),
        cmocka_unit_test(the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
