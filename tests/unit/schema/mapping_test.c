#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/util.h"
#include "workers/mysql/mapping.h"

#include "base/banned.h"

static const struct dialect mysql97 = { .flavour = FLAVOUR_MYSQL, .version = 90704 };
static const struct dialect mysql56 = { .flavour = FLAVOUR_MYSQL, .version = 50624 };
static const struct dialect maria = { .flavour = FLAVOUR_MARIADB, .version = 101119 };
static const struct dialect maria_old = { .flavour = FLAVOUR_MARIADB, .version = 100500 };

static void collations_are_mapped(void **state)
{
    /* clang-format off */
    static const struct { const struct dialect *to; const char *from, *expected; enum map_result r; } rows[] = {
        { &maria,     "utf8mb4_0900_ai_ci",          "utf8mb4_uca1400_nopad_ai_ci",         MAP_CHANGED },
        { &maria,     "utf8mb4_0900_as_cs",          "utf8mb4_uca1400_nopad_as_cs",         MAP_CHANGED },
        { &maria,     "utf8mb4_0900_bin",            "utf8mb4_nopad_bin",                   MAP_CHANGED },
        { &maria,     "utf8mb4_es_0900_ai_ci",       "utf8mb4_uca1400_spanish_nopad_ai_ci", MAP_CHANGED },
        { &maria,     "utf8mb4_es_trad_0900_ai_ci",  "utf8mb4_uca1400_spanish2_nopad_ai_ci", MAP_CHANGED },
        { &maria,     "utf8mb4_de_pb_0900_as_cs",    "utf8mb4_uca1400_german2_nopad_as_cs", MAP_CHANGED },
        { &maria,     "utf8mb4_ja_0900_as_cs",       "utf8mb4_uca1400_nopad_as_cs",         MAP_CHANGED },
        { &maria,     "utf8_general_ci",             "utf8mb3_general_ci",                  MAP_SAME },
        { &maria,     "utf8mb4_general_ci",          "utf8mb4_general_ci",                  MAP_SAME },
        { &maria,     "gb18030_chinese_ci",          "gb18030_chinese_ci",                  MAP_NONE },
        { &maria_old, "utf8mb4_0900_ai_ci",          "utf8mb4_unicode_520_nopad_ci",        MAP_CHANGED },
        { &maria_old, "utf8mb3_general_ci",          "utf8_general_ci",                     MAP_SAME },
        { &mysql97,   "utf8mb4_uca1400_ai_ci",       "utf8mb4_0900_ai_ci",                  MAP_CHANGED },
        { &mysql97,   "utf8mb4_uca1400_nopad_as_cs", "utf8mb4_0900_as_cs",                  MAP_CHANGED },
        { &mysql97,   "utf8mb4_uca1400_ai_cs",       "utf8mb4_0900_as_cs",                  MAP_CHANGED },
        { &mysql97,   "utf8mb4_uca1400_spanish2_ai_ci", "utf8mb4_es_trad_0900_ai_ci",       MAP_CHANGED },
        { &mysql97,   "utf8mb4_uca1400_swedish_as_ci", "utf8mb4_sv_0900_as_cs",             MAP_CHANGED },
        { &mysql97,   "utf8mb3_uca1400_ai_ci",       "utf8mb3_unicode_520_ci",              MAP_CHANGED },
        { &mysql97,   "latin1_swedish_nopad_ci",     "latin1_swedish_ci",                   MAP_CHANGED },
        { &mysql97,   "utf8mb4_nopad_bin",           "utf8mb4_0900_bin",                    MAP_CHANGED },
        { &mysql97,   "utf8_unicode_ci",             "utf8mb3_unicode_ci",                  MAP_SAME },
        { &mysql97,   "utf8mb4_0900_ai_ci",          "utf8mb4_0900_ai_ci",                  MAP_SAME },
        { &mysql97,   "binary",                      "binary",                              MAP_SAME },
        { &mysql56,   "utf8mb4_0900_ai_ci",          "utf8mb4_unicode_520_ci",              MAP_CHANGED },
        { &mysql56,   "utf8mb4_0900_as_cs",          "utf8mb4_bin",                         MAP_CHANGED },
        { &mysql56,   "utf8mb4_0900_bin",            "utf8mb4_bin",                         MAP_CHANGED },
        { &mysql56,   "utf8mb4_uca1400_ai_ci",       "utf8mb4_unicode_520_ci",              MAP_CHANGED },
        { &mysql56,   "utf8mb4_nopad_bin",           "utf8mb4_bin",                         MAP_CHANGED },
        { &mysql56,   "utf8mb3_general_ci",          "utf8_general_ci",                     MAP_SAME },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char got[MAP_NAME_MAX];
        enum map_result r = map_collation(rows[i].to, rows[i].from, got);

        if (r != rows[i].r || strcmp(got, rows[i].expected) != 0)
            fail_msg("%s gave %s (%d)", rows[i].from, got, (int)r);
    }
}

static void types_are_carried_or_refused(void **state)
{
    static const struct {
        const struct dialect *from, *to;
        const char *type, *expected;
        enum map_result r;
    } rows[] = {
        { &mysql97, &maria, "json", "json", MAP_CHANGED },
        { &mysql97, &maria, "vector", "vector", MAP_NONE },
        { &mysql97, &maria, "geomcollection", "geometrycollection", MAP_CHANGED },
        { &mysql97, &mysql97, "vector", "vector", MAP_SAME },
        { &mysql97, &mysql56, "json", "json", MAP_NONE },
        { &maria, &mysql97, "uuid", "uuid", MAP_NONE },
        { &maria, &mysql97, "inet6", "inet6", MAP_NONE },
        { &maria, &maria, "uuid", "uuid", MAP_SAME },
        { &mysql56, &mysql97, "varchar", "varchar", MAP_SAME },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *type, *advice;
        enum map_result r = map_type(rows[i].from, rows[i].to, rows[i].type, &type, &advice);

        if (r != rows[i].r || strcmp(type, rows[i].expected) != 0 ||
            (r == MAP_NONE && advice == NULL))
            fail_msg("%s gave %s (%d)", rows[i].type, type, (int)r);
    }
}

static void every_feature_has_a_row(void **state)
{
    (void)state;
    for (int f = 0; f < (int)F_MAX_; f++)
        assert_non_null(map_feature_name((enum map_feature)f));
    assert_true(map_has(&maria, F_INVISIBLE_COLUMN));
    assert_false(map_has(&mysql56, F_GENERATED));
    assert_false(map_has(&maria, F_FUNCTIONAL_INDEX));
    assert_true(map_has(&mysql97, F_FUNCTIONAL_INDEX));
}

static void sql_modes_keep_what_the_target_knows(void **state)
{
    char got[512];

    (void)state;
    map_sql_mode(&mysql97, "ANSI_QUOTES,NO_AUTO_CREATE_USER,STRICT_TRANS_TABLES,ORACLE", got,
                 sizeof(got));
    assert_string_equal("ANSI_QUOTES,STRICT_TRANS_TABLES", got);
    map_sql_mode(&maria, "NO_AUTO_CREATE_USER,TIME_TRUNCATE_FRACTIONAL", got, sizeof(got));
    assert_string_equal("NO_AUTO_CREATE_USER", got);
    map_sql_mode(&maria, "", got, sizeof(got));
    assert_string_equal("", got);
    map_sql_mode(&maria, "ANSI_QUOTES,ANSI_QUOTES", got, 16);
    assert_string_equal("ANSI_QUOTES", got);
}

static void engines_and_options(void **state)
{
    bool note;

    (void)state;
    assert_string_equal("InnoDB", map_engine(&mysql97, "Aria", false));
    assert_string_equal("Aria", map_engine(&maria, "ARIA", false));
    assert_string_equal("InnoDB", map_engine(&mysql97, "MyISAM", true));
    assert_string_equal("MyISAM", map_engine(&mysql97, "myisam", false));
    assert_null(map_engine(&mysql97, "FEDERATED", false));
    assert_true(map_option(&maria, "PAGE_CHECKSUM", &note));
    assert_false(map_option(&mysql97, "PAGE_CHECKSUM", &note));
    assert_false(map_option(&maria, "NEVER_HEARD_OF", &note));
    assert_true(note);
    assert_false(map_function(&maria, "UUID_TO_BIN"));
    assert_true(map_function(&mysql97, "uuid_to_bin"));
}

static void the_users_collations_go_first(void **state)
{
    static const char text[] = "{\"collationMapping\":[{\"source\":\"utf8mb4_0900_AI_ci\","
                               "\"target\":\"utf8mb4_unicode_ci\"},"
                               "{\"source\":\"latin1\",\"target\":\"utf8mb4_bin\"},{\"source\":"
                               "\"utf8\",\"target\":\"utf8mb4_bin\"},"
                               "{\"source\":\"latin1_bin\",\"target\":\"ascii_bin\"}]}";
    static const char bad[] = "{\"collationMapping\":[{\"source\":\"a b\",\"target\":\"x\"}]}";
    static const struct {
        const char *name, *expected;
    } rows[] = {
        { "utf8mb4_0900_ai_ci", "utf8mb4_unicode_ci" }, { "utf8mb4_0900_as_ci", NULL },
        { "latin1_swedish_ci", "utf8mb4_bin" },         { "LATIN1_BIN", "ascii_bin" },
        { "utf8mb3_general_ci", "utf8mb4_bin" },        { "utf8mb4_bin", NULL },
    };
    struct json_object *config = NULL;
    struct map *m = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(0, json_parse(text, strlen(text), 5, &config, &err));
    assert_int_equal(0, map_overrides_read(config, &m, &err));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *got = map_override(m, rows[i].name);

        if ((got == NULL) != (rows[i].expected == NULL) ||
            (got != NULL && strcmp(got, rows[i].expected) != 0))
            fail_msg("%s: %s", rows[i].name, got == NULL ? "none" : got);
    }
    assert_null(map_override(NULL, "latin1_bin"));
    map_free(m);
    json_putp(&config);
    assert_int_equal(0, json_parse(bad, strlen(bad), 5, &config, &err));
    m = NULL;
    assert_int_equal(-1, map_overrides_read(config, &m, &err));
    json_putp(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collations_are_mapped),
        cmocka_unit_test(types_are_carried_or_refused),
        cmocka_unit_test(every_feature_has_a_row),
        cmocka_unit_test(sql_modes_keep_what_the_target_knows),
        cmocka_unit_test(engines_and_options),
        cmocka_unit_test(the_users_collations_go_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
