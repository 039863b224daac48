/* CREATE TABLE texts of real servers, and what becomes of them at another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "workers/convert/create.h"
#include "workers/mysql/mapping.h"

#include "base/banned.h"

static const struct dialect mysql97 = { .flavour = FLAVOUR_MYSQL, .version = 90704 };
static const struct dialect mysql56 = { .flavour = FLAVOUR_MYSQL, .version = 50624 };
static const struct dialect maria = { .flavour = FLAVOUR_MARIADB, .version = 101119 };

static char s_a[] = "a", s_b[] = "b", s_t[] = "t", s_shop[] = "shop", s_shop2[] = "shop2",
            s_general[] = "utf8mb4_general_ci", s_0900[] = "utf8mb4_0900_ai_ci", s_empty[] = "";

struct sample {
    const struct dialect *from, *to;
    struct column a, b;
    const char *text;
    const char *expected; /* NULL: refused */
    const char *filter;   /* filterColumns, JSON */
    size_t deferred;
};

#define COLUMN(n, k, coll)                                                                         \
    {                                                                                              \
        .name = (n), .type_text = s_empty, .data_type = s_empty, .kind = (k), .collation = (coll)  \
    }
#define HEAD "CREATE TABLE IF NOT EXISTS `shop2`.`t` (\n  "
#define TAIL "\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
#define FROM "CREATE TABLE `t` (\n  "
#define FROM_TAIL "\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"

/* clang-format off */
static const struct sample samples[] = {
    { &maria, &mysql97, COLUMN(s_a, CK_INT, NULL), COLUMN(s_b, CK_VARCHAR, s_general),
      FROM "`a` int(10) unsigned NOT NULL AUTO_INCREMENT COMMENT 'x, (y',\n  `b` varchar(9) DEFAULT uuid() CHECK (`a` > `b`),\n  PRIMARY KEY (`a`),\n  KEY `k` (`b`(3)) IGNORED" FROM_TAIL,
      HEAD "`a` int(10) unsigned NOT NULL AUTO_INCREMENT COMMENT 'x, (y',\n  `b` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci DEFAULT (uuid()),\n  PRIMARY KEY (`a`),\n  KEY `k` (`b`(3)) INVISIBLE,\n  CHECK (`a` > `b`)" TAIL, NULL, 0 },
    { &maria, &mysql97, COLUMN(s_a, CK_TEXT, s_general), COLUMN(s_b, CK_TIMESTAMP, NULL),
      FROM "`a` text DEFAULT 'x',\n  `b` timestamp DEFAULT current_timestamp() ON UPDATE current_timestamp(),\n  CONSTRAINT `CONSTRAINT_1` CHECK (`a` <> '')" FROM_TAIL,
      HEAD "`a` text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci DEFAULT ('x'),\n  `b` timestamp NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),\n  CHECK (`a` <> '')" TAIL, NULL, 0 },
    { &mysql97, &maria, COLUMN(s_a, CK_JSON, NULL), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` json DEFAULT (json_array()),\n  `b` int GENERATED ALWAYS AS ((1 + 2)) STORED NOT NULL,\n  KEY `k` (`b`) /*!80000 INVISIBLE */,\n  CONSTRAINT `c` CHECK ((`b` > 0)) /*!80016 NOT ENFORCED */" FROM_TAIL,
      HEAD "`a` json DEFAULT (json_array()),\n  `b` int GENERATED ALWAYS AS ((1 + 2)) STORED,\n  KEY `k` (`b`) IGNORED" TAIL, NULL, 0 },
    { &mysql97, &maria, COLUMN(s_a, CK_VARCHAR, s_0900), COLUMN(s_b, CK_BINARY, NULL),
      FROM "`a` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci NOT NULL /*!80023 INVISIBLE */,\n  `b` binary(2) DEFAULT 0xFF00" FROM_TAIL,
      HEAD "`a` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_nopad_ai_ci NOT NULL INVISIBLE,\n  `b` binary(2) DEFAULT 0xFF00" TAIL, NULL, 0 },
    { &maria, &maria, COLUMN(s_a, CK_INT, NULL), COLUMN(s_b, CK_BINARY, NULL),
      FROM "`a` int(11) NOT NULL,\n  `b` binary(3) DEFAULT '\xff\\0\xfe',\n  PRIMARY KEY (`a`),\n  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p` (`id`)" FROM_TAIL,
      HEAD "`a` int(11) NOT NULL,\n  `b` binary(3) DEFAULT 0xFF00FE,\n  PRIMARY KEY (`a`)" TAIL, NULL, 0 },
    { &mysql97, &mysql97, COLUMN(s_a, CK_INT, NULL), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` int NOT NULL,\n  `b` int DEFAULT NULL,\n  PRIMARY KEY (`a`),\n  KEY `k` ((`a` + 1)),\n  KEY `kb` (`b`)" FROM_TAIL "\n/*!50100 PARTITION BY RANGE (`a`)\n(PARTITION p0 VALUES LESS THAN (1) DATA DIRECTORY = '/x' ENGINE = InnoDB) */",
      HEAD "`a` int NOT NULL,\n  `b` int DEFAULT NULL,\n  PRIMARY KEY (`a`)" TAIL "\nPARTITION BY RANGE (`a`) (PARTITION p0 VALUES LESS THAN (1) ENGINE = InnoDB)", NULL, 2 },
    { &mysql97, &mysql97, COLUMN(s_a, CK_INT, NULL), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` int NOT NULL,\n  `b` int DEFAULT NULL,\n  PRIMARY KEY (`a`),\n  UNIQUE KEY `kb` (`a`,`b`),\n  CONSTRAINT `c` CHECK ((`b` > 0))" FROM_TAIL,
      HEAD "`a` int NOT NULL,\n  PRIMARY KEY (`a`)" TAIL, "[\"a\"]", 0 },
    { &mysql97, &maria, COLUMN(s_a, CK_INT, NULL), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` int NOT NULL,\n  `b` int,\n  KEY `k` ((`a` + 1))" FROM_TAIL, NULL, NULL, 0 },
    { &mysql97, &maria, COLUMN(s_a, CK_VECTOR, NULL), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` vector(3),\n  `b` int" FROM_TAIL, NULL, NULL, 0 },
    { &maria, &mysql97, COLUMN(s_a, CK_TEXT, s_general), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` text,\n  `b` int,\n  UNIQUE KEY `u` (`a`) USING HASH" FROM_TAIL, NULL, NULL, 0 },
    { &maria, &mysql97, COLUMN(s_a, CK_UUID, NULL), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` uuid,\n  `b` int" FROM_TAIL, NULL, NULL, 0 },
    { &maria, &mysql97, COLUMN(s_a, CK_INT, NULL), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` int,\n  `b` int" FROM_TAIL " WITH SYSTEM VERSIONING", NULL, NULL, 0 },
    { &mysql97, &mysql56, COLUMN(s_a, CK_INT, NULL), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` int DEFAULT ((1 + 2)),\n  `b` int GENERATED ALWAYS AS (`a`) VIRTUAL" FROM_TAIL, NULL, NULL, 0 },
    { &mysql97, &maria, COLUMN(s_a, CK_BINARY, NULL), COLUMN(s_b, CK_INT, NULL),
      FROM "`a` binary(16) DEFAULT (uuid_to_bin(uuid())),\n  `b` int" FROM_TAIL, NULL, NULL, 0 },
};
/* clang-format on */

static void check(const struct sample *s)
{
    struct column columns[2] = { s->a, s->b };
    bool selected[2] = { true, true };
    struct table t = { .db = s_shop,
                       .name = s_t,
                       .mapped_db = s_shop2,
                       .mapped_name = s_t,
                       .collation = s_general,
                       .columns = columns,
                       .column_count = 2,
                       .selected = selected };
    _cleanup_(json_putp)
    struct json_object *filter = NULL;
    struct create_result made = { 0 };
    struct notes notes = { 0 };
    struct err err = { 0 };

    if (s->filter != NULL)
        assert_int_equal(0, json_parse(s->filter, strlen(s->filter), 4, &filter, &err));
    if (create_table_text(&(struct create_job){ .text = s->text,
                                                .text_len = strlen(s->text),
                                                .table = &t,
                                                .columns = filter,
                                                .from = s->from,
                                                .to = s->to,
                                                .with_indexes = s->deferred == 0 },
                          &made, &notes, &err) < 0)
        fail_msg("%s: %s", s->text, err.message);
    if (s->expected == NULL) {
        assert_true(notes.refused > 0);
        assert_int_equal(-1, notes_check(&notes, &err));
        assert_int_equal(ERR_SCHEMA_CONVERT, err.code);
    } else {
        assert_int_equal(0, notes_check(&notes, &err));
        assert_string_equal(s->expected, made.sql);
        assert_int_equal(s->deferred, made.index_count);
    }
    create_result_done(&made);
    notes_done(&notes);
}

static void tables_are_rewritten_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        check(&samples[i]);
}

/* Text cut anywhere gives an error or a refusal, never a crash (run under ASan). */
static void cut_text_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        for (size_t len = 0; len < strlen(samples[i].text); len++) {
            struct column columns[2] = { samples[i].a, samples[i].b };
            bool selected[2] = { true, true };
            struct table t = { .db = s_shop,
                               .name = s_t,
                               .mapped_db = s_shop2,
                               .mapped_name = s_t,
                               .collation = s_general,
                               .columns = columns,
                               .column_count = 2,
                               .selected = selected };
            _cleanup_(freep)
            char *cut = strndup(samples[i].text, len);
            struct create_result made = { 0 };
            struct notes notes = { 0 };
            struct err err = { 0 };

            if (create_table_text(&(struct create_job){ .text = cut,
                                                        .text_len = len,
                                                        .table = &t,
                                                        .from = samples[i].from,
                                                        .to = samples[i].to },
                                  &made, &notes, &err) == 0)
                create_result_done(&made);
            notes_done(&notes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_rewritten_or_refused),
        cmocka_unit_test(cut_text_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
