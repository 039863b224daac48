/* What a DDL statement means for the project: judged on tables made by hand, no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "tables.h"
#include "workers/incr/ddl_outcome.h"

#include "base/banned.h"

static const struct column_of columns[] = { { "id", CK_INT, NULL, NULL, NULL },
                                            { "v", CK_INT, NULL, NULL, NULL } };

struct fixture {
    struct catalog *catalog;
    struct plans *plans;
    struct scope *scope;
    struct facts *facts;
    struct ddl_rules rules;
    struct ddl_shadow *shadows;
    size_t shadow_count;
    unsigned error_code; /* of the statements that are judged */
    struct ddl_statement *d;
    struct statement refs;
    struct ddl_outcome o;
};

static struct json_object *parsed(const char *text)
{
    struct json_object *o = NULL;
    struct err err = { 0 };

    assert_int_equal(json_parse(text, strlen(text), 16, &o, &err), 0);
    return o;
}

static struct facts *facts_of(void)
{
    struct facts *f = calloc(1, sizeof(*f));

    f->mariadb = true;
    f->version = 101119;
    f->charsets = map_new();
    f->collations = map_new();
    f->databases = map_new();
    f->server_collation = strdup("utf8mb4_general_ci");
    (void)map_set(f->charsets, "utf8mb4", strdup("utf8mb4_general_ci"));
    (void)map_set(f->collations, "45", strdup("utf8mb4_general_ci"));
    (void)facts_set_database(f, "d", "utf8mb4_general_ci");
    return f;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct json_object *mapping =
        parsed("{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"d\",\"mappedName\":\"d2\"},"
               "{\"name\":\"p\",\"mappedName\":\"p\",\"tables\":[{\"name\":\"only\","
               "\"mappedName\":\"one\"}]}]}");
    struct table *tables[3];
    struct err err = { 0 };

    for (size_t i = 0; i < 2; i++)
        tables[i] = table_of(i == 0 ? "a" : "b", columns, 2, 1);
    tables[2] = table_of("only", columns, 2, 1);
    free(tables[2]->db);
    free(tables[2]->mapped_db);
    free(tables[2]->mapped_name);
    tables[2]->db = strdup("p");
    tables[2]->mapped_db = strdup("p");
    tables[2]->mapped_name = strdup("one");
    for (unsigned i = 0; i < 3; i++) {
        tables[i]->number = i;
        for (size_t c = 0; c < 2; c++) {
            tables[i]->columns[c].type_text = strdup("int(11)");
            tables[i]->columns[c].data_type = strdup("int");
            tables[i]->columns[c].int_bytes = 4;
        }
        tables[i]->indexes[0].kind = strdup("BTREE");
        tables[i]->collation = strdup("utf8mb4_general_ci");
    }
    f->catalog = catalog_of(tables, 3);
    assert_int_equal(plans_new(f->catalog, false, &f->plans, &err), 0);
    assert_int_equal(scope_new(mapping, &f->scope, &err), 0);
    json_putp(&mapping);
    f->facts = facts_of();
    for (int i = 0; i < DDL_OTHER; i++)
        f->rules.carried[i] = true;
    f->rules.adapt_online = true;
    *state = f;
    return 0;
}

static void forget(struct fixture *f)
{
    ddl_outcome_done(&f->o);
    ddl_statement_free(f->d);
    f->d = NULL;
    statement_done(&f->refs);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    forget(f);
    ddl_shadows_free(f->shadows, f->shadow_count);
    plans_free(f->plans);
    catalog_free(f->catalog);
    scope_free(f->scope);
    facts_free(f->facts);
    free(f);
    return 0;
}

static const struct ddl_outcome *judge(struct fixture *f, const char *sql)
{
    const struct ddl_world w = { .plans = f->plans,
                                 .scope = f->scope,
                                 .facts = f->facts,
                                 .shadows = f->shadows,
                                 .shadow_count = f->shadow_count,
                                 .control_schema = "oms",
                                 .rules = &f->rules,
                                 .next_number = 10 };
    const struct ddl_source from = { .sql = sql,
                                     .sql_len = strlen(sql),
                                     .default_db = "d",
                                     .mariadb = true,
                                     .version = 101119,
                                     .explicit_timestamps = true,
                                     .error_code = f->error_code };
    const struct statement_context c = { "d", 0, true, 101119 };
    struct err err = { 0 };

    forget(f);
    assert_int_equal(statement_parse(sql, strlen(sql), &c, &f->refs, &err), 0);
    if (ddl_parse(sql, strlen(sql), &c, &f->d, &err) < 0)
        fail_msg("%s: %s", sql, err.message);
    assert_int_equal(ddl_judge(&w, &from, f->d, &f->refs, &f->o, &err), 0);
    return &f->o;
}

/* The shadow documents that a statement left are there for the next one. */
static void keep_shadows(struct fixture *f)
{
    for (size_t i = 0; i < f->o.shadow_count; i++) {
        struct ddl_shadow *s = &f->o.shadows[i];
        for (size_t k = 0; k < f->shadow_count; k++) {
            if (strcmp(f->shadows[k].name, s->name) != 0)
                continue;
            free(f->shadows[k].db);
            free(f->shadows[k].name);
            json_putp(&f->shadows[k].doc);
            f->shadows[k] = f->shadows[--f->shadow_count];
        }
        if (s->doc == NULL)
            continue;
        f->shadows = realloc(f->shadows, (f->shadow_count + 1) * sizeof(*f->shadows));
        f->shadows[f->shadow_count++] = *s;
        *s = (struct ddl_shadow){ 0 };
    }
}

static const struct ddl_entry *changed(const struct ddl_outcome *o, const char *before)
{
    for (size_t i = 0; i < o->entry_count; i++) {
        const struct ddl_entry *e = o->entries[i];
        if (before == NULL ? e->before == NULL
                           : e->before != NULL && strcmp(e->before->name, before) == 0)
            return e;
    }
    return NULL;
}

static void concern(void **state)
{
    struct fixture *f = *state;

    assert_false(judge(f, "CREATE TABLE p.other (id INT)")->concerned);
    assert_false(judge(f, "ALTER TABLE p.other ADD x INT")->concerned);
    assert_false(judge(f, "DROP TABLE p.other, elsewhere.a")->concerned);
    assert_false(judge(f, "CREATE TABLE oms.x (id INT)")->concerned);
    assert_false(judge(f, "CREATE TABLE mysql.x (id INT)")->concerned);
    assert_false(judge(f, "CREATE TABLE IF NOT EXISTS a (id INT)")->concerned);
    assert_false(judge(f, "CREATE VIEW p.v AS SELECT 1")->concerned);
    assert_false(judge(f, "CREATE PROCEDURE p.x () SELECT 1")->concerned);
    assert_true(judge(f, "CREATE VIEW v AS SELECT 1")->concerned);
    assert_true(judge(f, "CREATE PROCEDURE x () SELECT 1")->concerned);
    assert_true(
        judge(f, "CREATE TRIGGER tr BEFORE INSERT ON a FOR EACH ROW SET NEW.v = 1")->track_only);
    assert_false(judge(f, "CREATE TRIGGER pt_osc_d_a_del AFTER DELETE ON a FOR EACH ROW SET @x = 1")
                     ->concerned);
}

static void tables_join_and_leave(void **state)
{
    struct fixture *f = *state;
    const struct ddl_outcome *o = judge(f, "CREATE TABLE n (id INT PRIMARY KEY, v INT)");

    if (o->pending != NULL)
        fail_msg("%s", o->pending);
    assert_non_null(changed(o, NULL));
    assert_string_equal(changed(o, NULL)->now->mapped_db, "d2");
    assert_int_equal(changed(o, NULL)->now->number, 10);
    assert_int_equal(o->next_number, 11);
    o = judge(f, "CREATE TABLE n LIKE a");
    assert_int_equal(changed(o, NULL)->now->column_count, 2);
    o = judge(f, "CREATE TABLE n LIKE p.unknown");
    assert_non_null(o->pending);
    assert_false(o->can_skip);
    o = judge(f, "DROP TABLE a, p.unknown, b");
    assert_null(changed(o, "a")->now);
    assert_null(changed(o, "b")->now);
    assert_int_equal(o->action_count, 2);
    o = judge(f, "DROP DATABASE d");
    assert_null(changed(o, "a")->now);
    assert_null(changed(o, "only"));
    assert_true(o->facts_changed);
    assert_null(o->facts_collation);
}

static void alters(void **state)
{
    struct fixture *f = *state;
    const struct ddl_outcome *o = judge(f, "ALTER TABLE a ADD COLUMN w INT AFTER id");

    assert_null(o->pending);
    assert_int_equal(changed(o, "a")->now->column_count, 3);
    assert_string_equal(changed(o, "a")->now->columns[1].name, "w");
    assert_string_equal(o->actions[0].targets[0].db, "d2");
    assert_ptr_equal(o->actions[0].after, changed(o, "a")->now);
    o = judge(f, "ALTER TABLE a DROP COLUMN nope");
    assert_non_null(o->pending);
    assert_false(o->can_skip);
    assert_true(changed(o, "a")->reload);
    o = judge(f, "ALTER TABLE a ADD u CHAR(36) DEFAULT (UUID())");
    assert_non_null(o->pending);
    assert_true(o->can_skip);
    o = judge(f, "ALTER TABLE a ADD ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP");
    assert_null(o->pending);
    o = judge(f, "ALTER TABLE a EXCHANGE PARTITION p1 WITH TABLE p.other");
    assert_non_null(o->pending);
    o = judge(f, "ALTER TABLE p.other EXCHANGE PARTITION p1 WITH TABLE a");
    assert_non_null(o->pending);
    f->rules.carried[DDL_ALTER_TABLE] = false;
    o = judge(f, "ALTER TABLE a ADD COLUMN w INT");
    assert_false(o->carried);
    assert_int_equal(changed(o, "a")->now->column_count, 3);
}

static void renames(void **state)
{
    struct fixture *f = *state;
    const struct ddl_outcome *o = judge(f, "RENAME TABLE a TO c");

    assert_string_equal(changed(o, "a")->now->name, "c");
    assert_string_equal(o->actions[0].sql, "RENAME TABLE `d2`.`a` TO `d2`.`c`");
    /* a ring needs a name of ours */
    o = judge(f, "RENAME TABLE a TO t, b TO a, t TO b");
    assert_null(o->pending);
    assert_string_equal(changed(o, "a")->now->name, "b");
    assert_string_equal(changed(o, "b")->now->name, "a");
    assert_int_equal(o->action_count, 3);
    /* by way of a name that no rule selects */
    o = judge(f, "RENAME TABLE a TO p.t, b TO a, p.t TO b");
    assert_null(o->pending);
    assert_string_equal(changed(o, "a")->now->name, "b");
    o = judge(f, "RENAME TABLE a TO p.away");
    assert_null(changed(o, "a")->now);
    assert_int_equal(o->action_count, 0);
    o = judge(f, "RENAME TABLE p.other TO n");
    assert_non_null(o->pending);
    assert_true(o->can_skip);
    o = judge(f, "ALTER TABLE a RENAME TO c, ADD COLUMN w INT");
    assert_string_equal(changed(o, "a")->now->name, "c");
    assert_int_equal(changed(o, "a")->now->column_count, 3);
    assert_int_equal(o->action_count, 2);
    f->rules.carried[DDL_RENAME_TABLE] = false;
    o = judge(f, "RENAME TABLE a TO c");
    assert_string_equal(changed(o, "a")->now->name, "c");
    assert_string_equal(changed(o, "a")->now->mapped_name, "a");
    assert_int_equal(o->action_count, 0);
}

/* Kinds of single objects count instead of the project's. */
static void kinds_of_objects(void **state)
{
    struct fixture *f = *state;
    struct json_object *mapping = parsed(
        "{\"databases\":[{\"name\":\"d\",\"mappedName\":\"d2\",\"supportDDLTypes\":[\"DROP_TABLE\","
        "\"CREATE_PROCEDURE\"],\"tables\":[{\"name\":\"a\",\"supportDDLTypes\":[\"ALTER_TABLE\"]},"
        "{\"name\":\"b\"}],\"views\":[{\"name\":\"v\",\"supportDDLTypes\":[\"DROP_VIEW\"]},{"
        "\"name\":"
        "\"x\"}]},{\"name\":\"p\",\"tables\":[{\"name\":\"only\"}]}]}");
    const struct ddl_outcome *o;
    struct err err = { 0 };

    scope_free(f->scope);
    assert_int_equal(scope_new(mapping, &f->scope, &err), 0);
    json_putp(&mapping);
    assert_true(judge(f, "ALTER TABLE a ADD w INT")->carried);
    assert_false(judge(f, "ALTER TABLE b ADD w INT")->carried);
    assert_true(judge(f, "ALTER TABLE p.only ADD w INT")->carried); /* the project's: all */
    f->rules.carried[DDL_ALTER_TABLE] = false;
    assert_true(judge(f, "ALTER TABLE a ADD w INT")->carried);
    assert_false(judge(f, "ALTER TABLE p.only ADD w INT")->carried);
    assert_false(judge(f, "CREATE INDEX i ON a (id)")->carried);
    /* tracked all the same */
    o = judge(f, "ALTER TABLE b ADD w INT");
    assert_int_equal(changed(o, "b")->now->column_count, 3);
    /* each name goes by its own kinds */
    o = judge(f, "DROP TABLE a, b");
    assert_true(o->carried);
    assert_int_equal(o->action_count, 2);
    assert_false(o->actions[0].carried);
    assert_true(o->actions[1].carried);
    assert_null(changed(o, "a")->now);
    o = judge(f, "DROP VIEW v, x");
    assert_true(o->carried && o->actions[0].carried && !o->actions[1].carried);
    assert_false(judge(f, "DROP VIEW x")->carried);
    assert_false(judge(f, "TRUNCATE TABLE a")->carried);
}

/* b points at a, by a name of InnoDB's own. */
static void point(struct table *child, const char *parent)
{
    child->fks = calloc(1, sizeof(*child->fks));
    child->fk_count = 1;
    child->fks[0] = (struct foreign_key){ .name = strdup("b_ibfk_1"),
                                          .ref_db = strdup("d"),
                                          .ref_table = strdup(parent),
                                          .on_delete = strdup("RESTRICT"),
                                          .on_update = strdup("RESTRICT"),
                                          .columns = calloc(1, sizeof(char *)),
                                          .ref_columns = calloc(1, sizeof(char *)),
                                          .column_count = 1 };
    child->fks[0].columns[0] = strdup("v");
    child->fks[0].ref_columns[0] = strdup("id");
}

static void foreign_keys_follow(void **state)
{
    struct fixture *f = *state;
    const struct foreign_key *fk;
    const struct ddl_outcome *o;

    point(f->catalog->tables[1], "a");
    o = judge(f, "RENAME TABLE a TO c");
    assert_null(o->pending);
    fk = &changed(o, "b")->now->fks[0];
    assert_string_equal(fk->ref_table, "c");
    assert_string_equal(fk->name, "b_ibfk_1");
    assert_int_equal(o->action_count, 1);
    /* it is followed out of the project, too */
    o = judge(f, "RENAME TABLE a TO p.away");
    assert_string_equal(changed(o, "b")->now->fks[0].ref_db, "p");
    assert_string_equal(changed(o, "b")->now->fks[0].ref_table, "away");
    o = judge(f, "RENAME TABLE a TO t, b TO a, t TO b");
    assert_string_equal(changed(o, "b")->now->name, "a");
    assert_string_equal(changed(o, "b")->now->fks[0].ref_table, "b");
    assert_string_equal(changed(o, "b")->now->fks[0].name, "a_ibfk_1");
    o = judge(f, "ALTER TABLE a CHANGE id key_id INT NOT NULL, RENAME TO c");
    assert_string_equal(changed(o, "b")->now->fks[0].ref_table, "c");
    assert_string_equal(changed(o, "b")->now->fks[0].ref_columns[0], "key_id");
    /* the server keeps the name of a parent that is gone */
    o = judge(f, "DROP TABLE a");
    assert_null(changed(o, "b"));
}

static void failed_half_way(void **state)
{
    struct fixture *f = *state;
    const struct ddl_outcome *o;

    f->error_code = 1051;
    o = judge(f, "DROP TABLE a, not_there, p.unknown");
    assert_null(o->pending);
    assert_null(changed(o, "a")->now);
    assert_true(f->d->if_exists);
    f->error_code = 4092;
    assert_null(judge(f, "DROP VIEW v, v2")->pending);
    assert_true(f->d->if_exists);
    f->error_code = 1113;
    o = judge(f, "CREATE OR REPLACE TABLE a (id INT)");
    assert_null(o->pending);
    assert_null(changed(o, "a")->now);
    assert_null(changed(o, NULL));
    assert_string_equal(o->actions[0].sql, "DROP TABLE IF EXISTS `d2`.`a`");
    assert_false(judge(f, "CREATE OR REPLACE TABLE n (id INT)")->concerned);
    assert_false(judge(f, "ALTER TABLE p.other ADD x INT")->concerned);
    f->error_code = 1317; /* killed: anything may have been done */
    o = judge(f, "CREATE OR REPLACE TABLE a (id INT)");
    assert_non_null(strstr(o->pending, "1317"));
    assert_true(o->can_skip);
    o = judge(f, "DROP TABLE a, b");
    assert_non_null(o->pending);
    assert_ptr_equal(changed(o, "a")->now, changed(o, "a")->before);
    assert_true(changed(o, "b")->reload);
    f->error_code = 1217; /* a foreign key was in the way of one of them */
    o = judge(f, "DROP TABLE a, b");
    assert_non_null(o->pending);
    assert_true(o->half_done);
    assert_int_equal(o->action_count, 0);
    o = judge(f, "ALTER TABLE a ADD w INT");
    assert_non_null(o->pending);
    assert_int_equal(changed(o, "a")->now->column_count, 2);
}

static void shadow_names(void **state)
{
    (void)state;
    assert_int_equal(shadow_role("_t_gho", "t"), SHADOW_NEW);
    assert_int_equal(shadow_role("_t_ghc", "t"), SHADOW_OTHER);
    assert_int_equal(shadow_role("_t_del", "t"), SHADOW_OTHER);
    assert_int_equal(shadow_role("_t_20240131120000_del", "t"), SHADOW_OTHER);
    assert_int_equal(shadow_role("_t_2024013112000_del", "t"), SHADOW_NONE);
    assert_int_equal(shadow_role("_t_new", "t"), SHADOW_NEW);
    assert_int_equal(shadow_role("____t_new", "t"), SHADOW_NEW);
    assert_int_equal(shadow_role("__t_new", "_t"), SHADOW_NEW);
    assert_int_equal(shadow_role("_t_old", "t"), SHADOW_OTHER);
    assert_int_equal(shadow_role("t_new", "t"), SHADOW_NONE);
    assert_int_equal(shadow_role("__t_gho", "t"), SHADOW_NONE);
    assert_int_equal(shadow_role("_t_newer", "t"), SHADOW_NONE);
    assert_int_equal(shadow_role("", "t"), SHADOW_NONE);
}

static void online_tools(void **state)
{
    struct fixture *f = *state;
    const struct ddl_outcome *o = judge(f, "CREATE TABLE _a_gho LIKE a");

    assert_true(o->quiet);
    assert_int_equal(o->shadow_count, 1);
    assert_int_equal(o->action_count, 0);
    keep_shadows(f);
    o = judge(f, "ALTER TABLE _a_gho ADD COLUMN w INT, DROP COLUMN v");
    assert_true(o->quiet);
    keep_shadows(f);
    assert_false(judge(f, "CREATE TABLE _b_new_other (id INT)")->quiet);
    o = judge(f, "RENAME TABLE a TO _a_del, _a_gho TO a");
    assert_null(o->pending);
    assert_int_equal(o->action_count, 1);
    assert_string_equal(o->actions[0].targets[0].name, "a");
    assert_string_equal(changed(o, "a")->now->name, "a");
    assert_string_equal(changed(o, "a")->now->columns[1].name, "w");
    assert_int_equal(o->listed_as, DDL_ALTER_TABLE);
    assert_null(o->shadows[0].doc);
    /* a shadow that was changed behind our back */
    json_add(f->shadows[0].doc, "alters", json_object_new_array());
    o = judge(f, "RENAME TABLE a TO _a_del, _a_gho TO a");
    assert_non_null(o->pending);
    assert_false(o->can_skip);
    /* pt-online-schema-change's drop_swap */
    assert_non_null(judge(f, "DROP TABLE a")->pending);
    f->rules.adapt_online = false;
    o = judge(f, "CREATE TABLE _b_gho LIKE b");
    assert_non_null(changed(o, NULL));
}

static void sql_modes(void **state)
{
    char text[DDL_SQL_MODE_MAX];

    (void)state;
    ddl_sql_mode_text(0, true, text);
    assert_string_equal(text, "");
    ddl_sql_mode_text(SQL_MODE_ANSI_QUOTES | SQL_MODE_NO_BACKSLASH_ESCAPES, false, text);
    assert_string_equal(text, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES");
    ddl_sql_mode_text(0x40200000, false, text);
    assert_string_equal(text, "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION");
    ddl_sql_mode_text(1ULL << 32, false, text);
    assert_string_equal(text, "TIME_TRUNCATE_FRACTIONAL");
    ddl_sql_mode_text(UINT64_MAX, true, text);
    assert_non_null(strstr(text, "TIME_ROUND_FRACTIONAL"));
}

static void rules(void **state)
{
    struct ddl_rules r;
    struct json_object *o = parsed("{\"recordTypeWhiteList\":[\"INSERT\",\"ddl\"]}");

    (void)state;
    ddl_rules_read(o, &r);
    assert_true(r.carried[DDL_DROP_DATABASE]);
    assert_false(r.carried[DDL_OTHER]);
    assert_true(r.adapt_online);
    json_putp(&o);
    o = parsed("{\"recordTypeWhiteList\":[\"DDL\"],\"supportDDLTypes\":[\"ALTER_TABLE\"],"
               "\"adaptOnlineDdl\":false}");
    ddl_rules_read(o, &r);
    assert_true(r.carried[DDL_ALTER_TABLE]);
    assert_false(r.carried[DDL_DROP_TABLE]);
    assert_false(r.adapt_online);
    json_putp(&o);
    ddl_rules_read(NULL, &r);
    assert_false(r.carried[DDL_ALTER_TABLE]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(concern, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_join_and_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(alters, setup, teardown),
        cmocka_unit_test_setup_teardown(renames, setup, teardown),
        cmocka_unit_test_setup_teardown(kinds_of_objects, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_keys_follow, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_half_way, setup, teardown),
        cmocka_unit_test(shadow_names),
        cmocka_unit_test_setup_teardown(online_tools, setup, teardown),
        cmocka_unit_test(sql_modes),
        cmocka_unit_test(rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
