/* The tracker on small tables: what test_evolve.py holds against servers, for builds without any.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "workers/mysql/ddl/evolve.h"

#include "base/banned.h"

static const char facts_text[] =
    "{\"mariadb\":false,\"version\":90700,"
    "\"charsets\":{\"utf8mb4\":\"utf8mb4_0900_ai_ci\",\"latin1\":\"latin1_swedish_ci\","
    "\"utf8mb3\":\"utf8mb3_general_ci\",\"binary\":\"binary\"},"
    "\"collations\":{\"255\":\"utf8mb4_0900_ai_ci\",\"8\":\"latin1_swedish_ci\","
    "\"47\":\"latin1_bin\",\"33\":\"utf8mb3_general_ci\",\"63\":\"binary\"},"
    "\"databases\":{\"d\":\"latin1_swedish_ci\"}}";

struct setup {
    struct facts *facts;
    struct evolve_context c;
};

static int setup(void **state)
{
    struct setup *s = calloc(1, sizeof(*s));
    struct json_object *o = NULL;
    struct err err = { 0 };

    assert_non_null(s);
    assert_int_equal(json_parse(facts_text, sizeof(facts_text) - 1, 8, &o, &err), 0);
    assert_int_equal(facts_from_json(o, &s->facts, &err), 0);
    (void)json_object_put(o);
    s->c.facts = s->facts;
    s->c.explicit_timestamps = true;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct setup *s = *state;

    facts_free(s->facts);
    free(s);
    return 0;
}

/* After `sql`: the new table, or NULL and the error's code. */
static struct table *after(struct setup *s, const struct table *before, const char *sql,
                           enum err_code *ret_code)
{
    struct statement_context c = { "d", 0, s->facts->mariadb, s->facts->version };
    struct ddl_statement *statement = NULL;
    struct table *t = NULL;
    struct err err = { 0 };

    if (ddl_parse(sql, strlen(sql), &c, &statement, &err) < 0)
        fail_msg("%s: %s", sql, err.message);
    if (statement->kind == DDL_CREATE_TABLE)
        (void)evolve_create(statement, before, &s->c, &t, &err);
    else
        (void)evolve_alter(statement, before, &s->c, &t, &err);
    ddl_statement_free(statement);
    if (ret_code != NULL)
        *ret_code = err.code;
    else if (t == NULL)
        fail_msg("%s: %s", sql, err.message);
    return t;
}

/* "a int; b varchar(3)? latin1_bin | PRIMARY(a) u(b:2)*": ? nullable, - not selected, * the key */
static void describe(const struct table *t, struct strbuf *b)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];

        strbuf_addf(b, "%s%s %s%s%s", i > 0 ? "; " : "", c->name, c->type_text,
                    c->nullable ? "?" : "", t->selected[i] ? "" : "-");
        if (c->collation != NULL)
            strbuf_addf(b, " %s", c->collation);
    }
    strbuf_adds(b, " |");
    for (size_t i = 0; i < t->index_count; i++) {
        const struct index *x = &t->indexes[i];

        strbuf_addf(b, " %s%s(", x->unique ? "!" : "", x->name);
        for (size_t k = 0; k < x->column_count; k++) {
            strbuf_addf(b, "%s%s", k > 0 ? "," : "", t->columns[x->columns[k]].name);
            if (x->prefix[k] > 0)
                strbuf_addf(b, ":%u", x->prefix[k]);
        }
        strbuf_addf(b, ")%s", t->key == (int)i ? "*" : "");
    }
}

static void expect(const struct table *t, const char *want)
{
    struct strbuf b = STRBUF(8192);

    describe(t, &b);
    assert_string_equal(strbuf_str(&b), want);
    strbuf_done(&b);
}

static const char created[] =
    "CREATE TABLE t (a INT UNSIGNED, b VARCHAR(10) COLLATE latin1_bin NOT NULL, c TEXT, UNIQUE (b),"
    " KEY (c(5)), KEY k (b(3), a), PRIMARY KEY (a))";

/* clang-format off */
static const struct { const char *sql, *want; } alters[] = {
    { "ALTER TABLE t ADD d BOOL FIRST, MODIFY a BIGINT AFTER b",
      "d tinyint(1)?; b varchar(10) latin1_bin; a bigint; c text? latin1_swedish_ci | !PRIMARY(a)* !b(b) c(c:5) k(b:3,a)" },
    { "ALTER TABLE t CHANGE b c VARCHAR(2), CHANGE c b INT UNSIGNED, DROP KEY c",
      "a int unsigned; c varchar(2)? latin1_swedish_ci; b int unsigned? | !PRIMARY(a)* !b(c) k(c,a)" },
    { "ALTER TABLE t RENAME COLUMN b TO c, RENAME COLUMN c TO b",
      "a int unsigned; c varchar(10) latin1_bin; b text? latin1_swedish_ci | !PRIMARY(a)* !b(c) c(b:5) k(c:3,a)" },
    { "ALTER TABLE t DROP PRIMARY KEY, DROP c",
      "a int unsigned; b varchar(10) latin1_bin | !b(b)* k(b:3,a)" },
    { "ALTER TABLE t DROP b", "a int unsigned; c text? latin1_swedish_ci | !PRIMARY(a)* c(c:5) k(a)" },
    { "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
      "a int unsigned; b varchar(10) utf8mb4_0900_ai_ci; c mediumtext? utf8mb4_0900_ai_ci | !PRIMARY(a)* !b(b) c(c:5) k(b:3,a)" },
    { "ALTER TABLE t ADD g INT AS (a + 1), ADD e ENUM('x','y''z') CHARACTER SET utf8, ADD UNIQUE (a)",
      "a int unsigned; b varchar(10) latin1_bin; c text? latin1_swedish_ci; g int?-; e enum('x','y''z')? utf8mb3_general_ci | !PRIMARY(a)* !a(a) !b(b) c(c:5) k(b:3,a)" },
    { "CREATE UNIQUE INDEX i ON t (b, a)",
      "a int unsigned; b varchar(10) latin1_bin; c text? latin1_swedish_ci | !PRIMARY(a)* !b(b) c(c:5) !i(b,a) k(b:3,a)" },
    { "DROP INDEX `PRIMARY` ON t", "a int unsigned; b varchar(10) latin1_bin; c text? latin1_swedish_ci | !b(b)* c(c:5) k(b:3,a)" },
    { "ALTER TABLE t FORCE, RENAME TO u", "a int unsigned; b varchar(10) latin1_bin; c text? latin1_swedish_ci | !PRIMARY(a)* !b(b) c(c:5) k(b:3,a)" },
};
static const struct { const char *sql; enum err_code code; } refusals[] = {
    { "ALTER TABLE t DROP x", ERR_SCHEMA_MISMATCH },
    { "ALTER TABLE t MODIFY x INT", ERR_SCHEMA_MISMATCH },
    { "ALTER TABLE t ADD d INT AFTER x", ERR_SCHEMA_MISMATCH },
    { "ALTER TABLE t DROP KEY x", ERR_SCHEMA_MISMATCH },
    { "ALTER TABLE t ADD KEY (x)", ERR_SCHEMA_MISMATCH },
    { "ALTER TABLE t ADD x FROBNICATE", ERR_DDL_UNPARSED },
    { "ALTER TABLE t ADD x INT FROBNICATE", ERR_DDL_UNPARSED },
    { "ALTER TABLE t ADD x INT ADD y INT", ERR_DDL_UNPARSED },
    { "ALTER TABLE t ADD x CHAR(3) CHARACTER SET klingon", ERR_NOT_SUPPORTED },
    { "ALTER TABLE t ADD x CHAR(3) COLLATE klingon_ci", ERR_NOT_SUPPORTED },
    { "ALTER TABLE t ADD SYSTEM VERSIONING", ERR_NOT_SUPPORTED },
    { "CREATE TABLE n SELECT 1", ERR_NOT_SUPPORTED },
    { "CREATE TABLE unknown_db.n (a CHAR(3))", ERR_NOT_SUPPORTED },
};
/* clang-format on */

static void tables_follow_their_statements(void **state)
{
    struct table *t = after(*state, NULL, created, NULL);

    expect(t, "a int unsigned; b varchar(10) latin1_bin; c text? latin1_swedish_ci |"
              " !PRIMARY(a)* !b(b) c(c:5) k(b:3,a)");
    for (size_t i = 0; i < sizeof(alters) / sizeof(alters[0]); i++) {
        struct table *next = after(*state, t, alters[i].sql, NULL);

        expect(next, alters[i].want);
        table_free(next);
    }
    table_free(t);
}

static void what_is_not_certain_is_refused(void **state)
{
    struct table *t = after(*state, NULL, created, NULL);

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        enum err_code code;

        if (after(*state, t, refusals[i].sql, &code) != NULL || code != refusals[i].code)
            fail_msg("%s: %s", refusals[i].sql, err_symbol(code));
    }
    table_free(t);
}

static void what_the_project_made_of_a_table_stays(void **state)
{
    struct table *t = after(*state, NULL, created, NULL), *next;

    free(t->mapped_name);
    t->mapped_name = strdup("other");
    t->where = strdup("a > 1");
    t->selected[2] = false; /* left out on purpose: then new ones are too */
    next = after(*state, t, "ALTER TABLE t MODIFY c LONGTEXT FIRST, ADD x INT", NULL);
    assert_string_equal(next->mapped_name, "other");
    assert_string_equal(next->where, "a > 1");
    expect(next, "c longtext?- latin1_swedish_ci; a int unsigned; b varchar(10) latin1_bin; x int?-"
                 " | !PRIMARY(a)* !b(b) c(c:5) k(b:3,a)");
    table_free(next);
    next = after(*state, t, "CREATE TABLE n LIKE t", NULL); /* of the other nothing but structure */
    assert_string_equal(next->mapped_name, "n");
    assert_null(next->where);
    assert_true(next->selected[2]);
    table_free(next);
    table_free(t);
}

static void timestamps_go_by_the_setting(void **state)
{
    struct setup *s = *state;
    struct table *t;

    s->c.explicit_timestamps = false;
    t = after(s, NULL, "CREATE TABLE t (a TIMESTAMP, b TIMESTAMP NULL)", NULL);
    expect(t, "a timestamp; b timestamp? |");
    table_free(t);
    s->c.explicit_timestamps = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_follow_their_statements),
        cmocka_unit_test(what_is_not_certain_is_refused),
        cmocka_unit_test(what_the_project_made_of_a_table_stays),
        cmocka_unit_test(timestamps_go_by_the_setting),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
