#include <pthread.h>

#include "store/db.h"
#include "store/event.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void what_is_added_comes_back(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct project *none = NULL;

    assert_ok(add_project(f->store, "admin", "shop", id, &err));
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_memory_equal(p->id, "np_", 3);
    assert_string_equal(p->name, "shop");
    assert_string_equal(p->owner, "admin");
    assert_string_equal(p->type, "MIGRATION");
    assert_int_equal(p->status, PS_INIT);
    assert_int_equal(p->started_at, 0);
    assert_non_null(p->config);
    assert_err(store_project_get(f->store, "np_'--", &none, &err), ERR_PROJECT_NOT_FOUND);
    assert_non_null(strstr(err.message, "GHANA-PROJECT000001"));
}

static void a_project_needs_its_sources(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char w[] = "x";
    _cleanup_(json_putp)
    struct json_object *config = json_object_new_object();
    struct project p = {
        .name = w, .type = w, .owner = w, .config = config, .source_id = "e_no", .sink_id = "e_no"
    };

    assert_err(store_project_add(f->store, &p, &err), ERR_SOURCE_NOT_FOUND);
}

static void names_are_unique_per_owner_and_free_once_deleted(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], other[ID_MAX];

    assert_ok(add_project(f->store, "admin", "shop", id, &err));
    assert_err(add_project(f->store, "admin", "shop", other, &err), ERR_NAME_TAKEN);
    assert_non_null(strstr(err.message, "shop"));
    assert_ok(add_project(f->store, "eve", "shop", other, &err));
    assert_int_equal(
        store_project_move(f->store, id, PS_INIT, PS_DELETED, "deleted by a user", &err), 1);
    assert_ok(add_project(f->store, "admin", "shop", other, &err));
}

static void a_move_compares_and_writes_history(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *events = NULL;

    assert_ok(add_project(f->store, "admin", "shop", id, &err));
    assert_int_equal(store_project_move(f->store, id, PS_RUNNING, PS_SUSPEND, "no", &err), 0);
    assert_int_equal(store_project_move(f->store, "np_none", PS_INIT, PS_RUNNING, "no", &err), 0);
    assert_int_equal(store_project_move(f->store, id, PS_INIT, PS_RUNNING, "go", &err), 1);
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_int_equal(p->status, PS_RUNNING);
    assert_true(p->started_at > 0);
    assert_int_equal(p->finished_at, 0);
    assert_int_equal(store_project_move(f->store, id, PS_RUNNING, PS_FINISHED, "all", &err), 1);
    project_free(take_ptr(p));
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_true(p->finished_at > 0);
    assert_ok(store_event_list(f->store, id, 0, 10, &events, NULL, &err));
    assert_int_equal(json_len(events), 3);
    assert_string_equal(json_get_str(json_at(events, 0), "message", ""),
                        "RUNNING -> FINISHED: all");
}

struct mover {
    struct fixture *f;
    const char *id;
    int won;
};

static void *move_once(void *arg)
{
    struct mover *m = arg;
    struct err err = { 0 };

    m->won = store_project_move(m->f->store, m->id, PS_INIT, PS_RUNNING, "race", &err);
    return NULL;
}

static void of_many_threads_one_wins(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *events = NULL;
    struct mover m[12];
    pthread_t t[12];
    char id[ID_MAX];
    int won = 0;

    assert_ok(add_project(f->store, "admin", "shop", id, &err));
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        m[i] = (struct mover){ .f = f, .id = id };
        assert_int_equal(pthread_create(&t[i], NULL, move_once, &m[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_true(m[i].won >= 0);
        won += m[i].won;
    }
    assert_int_equal(won, 1);
    assert_ok(store_event_list(f->store, id, 0, 100, &events, NULL, &err));
    assert_int_equal(json_len(events), 2);
}

static void expect_list(struct store *st, const struct project_filter *f, int64_t total,
                        const char *names)
{
    struct project **list = NULL;
    size_t n = 0;
    int64_t all = -1;
    struct err err = { 0 };
    char got[1024] = "";

    assert_ok(store_project_list(st, f, &list, &n, &all, &err));
    for (size_t i = 0; i < n; i++) {
        size_t at = strlen(got);
        (void)snprintf(got + at, sizeof(got) - at, "%s%s", i > 0 ? "," : "", list[i]->name);
    }
    project_list_free(list, n);
    assert_string_equal(got, names);
    assert_int_equal(all, total);
}

static void lists_search_filter_and_page(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    static const char *const mysql[] = { "MYSQL", NULL };
    static const char *const maria[] = { "MARIADB", NULL };
    char id[ID_MAX];
    /* clang-format off */
    const struct { struct project_filter f; int64_t total; const char *names; } cases[] = {
        { { .page = { 1, 10, false, true } }, 3, "p%1,p_2,px3" },
        { { .page = { 1, 10, true, false } }, 3, "px3,p_2,p%1" },
        { { .page = { 2, 2, false, true } }, 3, "px3" },
        { { .search = "%", .page = { 1, 10, false, true } }, 1, "p%1" },
        { { .search = "p_", .page = { 1, 10, false, true } }, 3, "p%1,p_2,px3" }, /* np_… ids */
        { { .search = "') OR 1=1 --", .page = { 1, 10, false, true } }, 0, "" },
        { { .type = "MIGRATION", .page = { 1, 10, false, true } }, 3, "p%1,p_2,px3" },
        { { .type = "SYNC", .page = { 1, 10, false, true } }, 0, "" },
        { { .statuses = 1U << PS_RUNNING, .page = { 1, 10, false, true } }, 1, "p_2" },
        { { .statuses = 1U << PS_DELETED, .page = { 1, 10, false, true } }, 1, "gone" },
        { { .source_types = mysql, .page = { 1, 10, false, true } }, 3, "p%1,p_2,px3" },
        { { .source_types = maria, .page = { 1, 10, false, true } }, 0, "" },
        { { .sink_types = maria, .page = { 1, 10, false, true } }, 3, "p%1,p_2,px3" },
    };
    /* clang-format on */

    assert_ok(add_project(f->store, "admin", "p%1", id, &err));
    assert_ok(add_project(f->store, "admin", "p_2", id, &err));
    assert_ok(store_project_move(f->store, id, PS_INIT, PS_RUNNING, "go", &err));
    assert_ok(add_project(f->store, "admin", "px3", id, &err));
    assert_ok(add_project(f->store, "admin", "gone", id, &err));
    assert_ok(store_project_move(f->store, id, PS_INIT, PS_DELETED, "go", &err));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_list(f->store, &cases[i].f, cases[i].total, cases[i].names);
}

static void a_list_leaves_the_objects_out(void **state)
{
    static const char text[] = "{\"name\":\"a\",\"transferMapping\":{\"mode\":\"SPECIFIC\","
                               "\"databases\":[{\"name\":\"d\"}]},\"importance\":\"LOW\"}";
    struct fixture *f = *state;
    struct project_filter all = { .page = { 1, 10, false, true } };
    struct project **list = NULL;
    _cleanup_(json_putp)
    struct json_object *config = NULL;
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct err err = { 0 };
    char id[ID_MAX];
    size_t n = 0;
    int64_t total = 0;

    assert_ok(add_project(f->store, "admin", "a", id, &err));
    assert_ok(json_parse(text, strlen(text), 16, &config, &err));
    assert_ok(store_project_set_config(f->store, id, 0, config, NULL, &err));
    assert_ok(store_project_list(f->store, &all, &list, &n, &total, &err));
    assert_int_equal(n, 1);
    assert_string_equal(json_text(json_get(list[0]->config, "transferMapping")),
                        "{\"mode\":\"SPECIFIC\"}");
    assert_string_equal(json_get_str(list[0]->config, "importance", ""), "LOW");
    project_list_free(list, n);
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_string_equal(json_text(p->config), text);
}

static void a_name_changes_in_some_statuses_only(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], other[ID_MAX];
    _cleanup_(project_freep)
    struct project *p = NULL;

    assert_ok(add_project(f->store, "admin", "a", id, &err));
    assert_ok(add_project(f->store, "admin", "b", other, &err));
    assert_err(store_project_rename(f->store, id, 1U << PS_INIT, "b", "why", &err), ERR_NAME_TAKEN);
    assert_int_equal(store_project_rename(f->store, id, 1U << PS_FAILED, "c", "why", &err), 0);
    assert_int_equal(store_project_rename(f->store, id, 1U << PS_INIT, "c", "why", &err), 1);
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_string_equal(p->name, "c");
    assert_string_equal(json_get_str(p->config, "name", ""), "c");
}

static void alarming_ones_are_told_apart_from_running_ones(void **state)
{
    struct fixture *f = *state;
    struct project_filter filter = { .alarming = true, .page = { 1, 10, false, true } };
    struct err err = { 0 };
    char a[ID_MAX], b[ID_MAX];

    assert_ok(add_project(f->store, "admin", "a", a, &err));
    assert_ok(add_project(f->store, "admin", "b", b, &err));
    assert_int_equal(store_project_alarm(f->store, a, true, &err), 1);
    assert_int_equal(store_project_alarm(f->store, a, true, &err), 0);
    expect_list(f->store, &filter, 0, ""); /* it does not run */
    assert_ok(store_project_move(f->store, a, PS_INIT, PS_RUNNING, "go", &err));
    assert_ok(store_project_move(f->store, b, PS_INIT, PS_RUNNING, "go", &err));
    expect_list(f->store, &filter, 1, "a");
    filter.statuses = 1U << PS_RUNNING;
    expect_list(f->store, &filter, 2, "a,b");
    assert_int_equal(store_project_alarm(f->store, a, false, &err), 1);
    filter.statuses = 0;
    expect_list(f->store, &filter, 0, "");
}

static void a_wait_is_passed_once_and_tickets_rise(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];
    _cleanup_(project_freep)
    struct project *p = NULL;
    int64_t first = 0, second = 0;

    assert_ok(add_project(f->store, "admin", "a", id, &err));
    assert_int_equal(store_project_pass(f->store, id, "STRUCT_TRANSFER", "u", &err), 0);
    assert_ok(store_project_move(f->store, id, PS_INIT, PS_RUNNING, "go", &err));
    assert_int_equal(store_project_pass(f->store, id, "STRUCT_TRANSFER", "u", &err), 1);
    assert_int_equal(store_project_pass(f->store, id, "STRUCT_TRANSFER", "u", &err), 0);
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_string_equal(p->passed, "STRUCT_TRANSFER");
    assert_ok(store_project_ticket(f->store, id, "UpdateStore", "u", "a = 1", &first, &err));
    assert_ok(store_project_ticket(f->store, id, "UpdateStore", "u", "a = 2", &second, &err));
    assert_true(first > 0 && second > first);
    assert_err(store_project_ticket(f->store, "np_no", "X", "u", "t", &first, &err),
               ERR_PROJECT_NOT_FOUND);
}

static void the_steps_of_a_page_come_with_one_call(void **state)
{
    struct fixture *f = *state;
    struct project_filter all = { .page = { 1, 10, false, true } };
    char one[] = "TRANSFER_PRECHECK", two[] = "FULL_TRANSFER";
    const struct step steps[] = { { .name = one, .order = 1 }, { .name = two, .order = 2 } };
    struct step_rows rows[2] = { 0 };
    struct project **list = NULL;
    struct err err = { 0 };
    char a[ID_MAX], b[ID_MAX];
    size_t n = 0;
    int64_t total = 0;

    assert_ok(add_project(f->store, "admin", "a", a, &err));
    assert_ok(add_project(f->store, "admin", "b", b, &err));
    assert_ok(store_step_plan(f->store, a, steps, 2, &err));
    assert_ok(store_step_plan(f->store, b, steps, 1, &err));
    assert_ok(store_project_list(f->store, &all, &list, &n, &total, &err));
    assert_int_equal(n, 2);
    assert_ok(store_step_page(f->store, list, n, rows, &err));
    assert_int_equal(rows[0].count, 2);
    assert_string_equal(rows[0].rows[1].name, two);
    assert_int_equal(rows[1].count, 1);
    assert_string_equal(rows[1].rows[0].project_id, b);
    step_rows_done(&rows[0]);
    step_rows_done(&rows[1]);
    project_list_free(list, n);
}

static void ids_by_status_and_uses_of_a_source(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char a[ID_MAX], b[ID_MAX];
    _cleanup_(freep)
    char(*ids)[ID_MAX] = NULL;
    _cleanup_(project_freep)
    struct project *p = NULL;
    size_t n = 0;
    int64_t uses = -1;

    assert_ok(add_project(f->store, "admin", "a", a, &err));
    assert_ok(add_project(f->store, "admin", "b", b, &err));
    assert_ok(store_project_move(f->store, b, PS_INIT, PS_RUNNING, "go", &err));
    assert_ok(store_project_ids(f->store, 1U << PS_RUNNING, &ids, &n, &err));
    assert_int_equal(n, 1);
    assert_string_equal(ids[0], b);
    assert_ok(store_project_get(f->store, a, &p, &err));
    assert_ok(store_project_uses_source(f->store, p->sink_id, &uses, &err));
    assert_int_equal(uses, 1);
    assert_ok(store_project_move(f->store, a, PS_INIT, PS_DELETED, "go", &err));
    assert_ok(store_project_uses_source(f->store, p->sink_id, &uses, &err));
    assert_int_equal(uses, 0);
}

static void a_configuration_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];
    _cleanup_(json_putp)
    struct json_object *config = json_object_new_object();
    _cleanup_(project_freep)
    struct project *p = NULL;

    assert_ok(add_project(f->store, "admin", "a", id, &err));
    json_add_str(config, "name", "quote \" and ' and \xc3\xa4");
    assert_ok(store_project_set_config(f->store, id, 0, config, NULL, &err));
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_string_equal(json_get_str(p->config, "name", ""), "quote \" and ' and \xc3\xa4");
    assert_err(store_project_set_config(f->store, "np_no", 0, config, NULL, &err),
               ERR_PROJECT_NOT_FOUND);
}

/* Fills up by SQL: ten thousand calls would be ten thousand syncs. */
static void the_number_of_projects_is_limited(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];
    struct db *h = NULL;

    assert_ok(add_project(f->store, "admin", "first", id, &err));
    assert_ok(db_open(f->path, &h, &err));
    assert_ok(db_exec(h,
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                      " WHERE i < 9998) INSERT INTO project (id, name, type, owner, status,"
                      " source_id, sink_id, config, created_at, modified_at)"
                      " SELECT 'np_' || i, 'n' || i, 'SYNC', 'o', 'INIT', source_id, sink_id,"
                      " '{}', 0, 0 FROM n, project WHERE name = 'first'",
                      &err));
    db_close(h);
    assert_ok(add_project(f->store, "admin", "last", id, &err));
    assert_err(add_project(f->store, "admin", "more", id, &err), ERR_LIMIT);
}

static void a_configuration_is_changed_by_comparing(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *config = json_object_new_object();
    _cleanup_(json_putp)
    struct json_object *events = NULL;
    _cleanup_(project_freep)
    struct project *p = NULL;
    char id[ID_MAX];

    json_add_i64(config, "new", 1);
    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_int_equal(
        store_project_set_config(f->store, id, 1U << PS_SUSPEND, config, "never", &err), 0);
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_null(json_get(p->config, "new"));
    assert_int_equal(store_project_set_config(f->store, id, 1U << PS_SUSPEND | 1U << PS_INIT,
                                              config, "ann: new = 1", &err),
                     1);
    assert_ok(store_event_list(f->store, id, 0, 10, &events, NULL, &err));
    assert_int_equal(json_len(events), 2); /* with project_created */
    assert_string_equal(json_get_str(json_at(events, 0), "event", ""), "config_changed");
    assert_string_equal(json_get_str(json_at(events, 0), "message", ""), "ann: new = 1");
}

static void version_is_other(struct store *st, struct project_version *v)
{
    struct project_version now;
    struct err err = { 0 };

    assert_int_equal(store_project_version(st, v->id, &now, &err), 1);
    if (now.own == v->own && now.source == v->source && now.sink == v->sink &&
        now.labels == v->labels)
        fail_msg("the version is the same");
    *v = now;
}

/* Whatever a client sees of a project: a change of it that went unnoticed would be shown too late.
 */
static void each_change_of_what_is_shown_raises_the_version(void **state)
{
    static const char *const changes[] = {
        "UPDATE project SET name = 'other'",
        "UPDATE project SET config = json_set(config, '$.x', 1)",
        "UPDATE project SET status = 'RUNNING'",
        "UPDATE project SET modifying = 'MERGING'",
        "UPDATE project SET passed = 'FULL_TRANSFER'",
        "INSERT INTO step (project_id, name, place, status) SELECT id, 'X', 9, 'INIT' FROM project",
        "UPDATE step SET progress = 12.5 WHERE name = 'X'",
        "UPDATE step SET info = '{}' WHERE name = 'X'",
        "DELETE FROM step WHERE name = 'X'",
        "UPDATE source SET host = 'elsewhere' WHERE id = (SELECT source_id FROM project)",
        "UPDATE source SET version = '9.7' WHERE id = (SELECT sink_id FROM project)",
        "INSERT INTO label (id, name, creator, created_at) VALUES ('l_1', 'a', 'u', 1);"
        "INSERT INTO project_label SELECT id, (SELECT seq FROM label) FROM project",
        "UPDATE label SET projects = 7",
        "DELETE FROM label",
        "INSERT INTO conflict_count SELECT id, 'INCR_TRANSFER', 'ROW_DIFFERS', 1, 1 FROM project",
        "UPDATE conflict_count SET total = 2",
        "DELETE FROM conflict_count",
        "INSERT INTO alert (id, project_id, rule, subject, level, message, fired_at, sent_at, sent)"
        " SELECT 'al_1', id, 'LAG', '', 'WARN', 'm', 1, 1, 1 FROM project",
        "UPDATE alert SET resolved_at = 2",
        "DELETE FROM alert",
        "UPDATE project SET turn = '{}'",
    };
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];
    struct project_version v;
    struct project_version *page = NULL;
    size_t n = 0;
    int64_t total = 0;
    struct project_filter all = { .page = { 1, 10, false, true } };

    assert_ok(add_project(f->store, "admin", "a", id, &err));
    assert_int_equal(store_project_version(f->store, id, &v, &err), 1);
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        _cleanup_(store_return)
        struct lease l = { 0 };

        assert_ok(store_borrow(f->store, &l, &err));
        if (db_exec(l.db, changes[i], &err) < 0)
            fail_msg("%s: %s", changes[i], err.message);
        print_message("%s\n", changes[i]);
        version_is_other(f->store, &v);
    }
    assert_ok(store_project_page(f->store, &all, &page, &n, &total, &err));
    assert_int_equal(n, 1);
    assert_int_equal(total, 1);
    assert_memory_equal(&page[0].own, &v.own, sizeof(v.own));
    free(page);
    assert_int_equal(store_project_version(f->store, "np_no", &v, &err), 0);
}

/* The counts that lists give by status are what counting gives, whatever becomes of projects. */
static void counts_by_status_are_right(void **state)
{
    static const char *const changes[] = {
        "UPDATE project SET status = 'RUNNING' WHERE name IN ('p1', 'p2', 'p3')",
        "UPDATE project SET modifying = 'MODIFYING' WHERE name = 'p1'",
        "UPDATE project SET parent_id = (SELECT id FROM project WHERE name = 'p1') WHERE name = "
        "'p2'",
        "UPDATE project SET status = 'FAILED' WHERE name = 'p1'",
        "UPDATE project SET modifying = NULL",
        "UPDATE project SET status = 'DELETED' WHERE name = 'p3'",
        "DELETE FROM project WHERE name = 'p3'",
    };
    static const char wrong[] =
        "SELECT COUNT(*) FROM (SELECT shown, sub, n FROM project_count WHERE n <> 0 EXCEPT"
        " SELECT CASE WHEN status = 'RUNNING' AND modifying IS NOT NULL THEN 'RUNNING_' || "
        "modifying"
        " ELSE status END, parent_id IS NOT NULL, COUNT(*) FROM project GROUP BY 1, 2)";
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], name[8];

    for (int i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof(name), "p%d", i);
        assert_ok(add_project(f->store, "admin", name, id, &err));
    }
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        _cleanup_(store_return)
        struct lease l = { 0 };
        _cleanup_(query_done)
        struct query q = { 0 };
        int64_t n = -1;

        assert_ok(store_borrow(f->store, &l, &err));
        if (db_exec(l.db, changes[i], &err) < 0)
            fail_msg("%s: %s", changes[i], err.message);
        assert_ok(query_open(&q, l.db, wrong, &err));
        assert_ok(query_count(&q, &n, &err));
        assert_int_equal(n, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_configuration_is_changed_by_comparing),
        TEST(what_is_added_comes_back),
        TEST(a_project_needs_its_sources),
        TEST(names_are_unique_per_owner_and_free_once_deleted),
        TEST(a_move_compares_and_writes_history),
        TEST(of_many_threads_one_wins),
        TEST(lists_search_filter_and_page),
        TEST(a_list_leaves_the_objects_out),
        TEST(a_name_changes_in_some_statuses_only),
        TEST(alarming_ones_are_told_apart_from_running_ones),
        TEST(a_wait_is_passed_once_and_tickets_rise),
        TEST(the_steps_of_a_page_come_with_one_call),
        TEST(ids_by_status_and_uses_of_a_source),
        TEST(a_configuration_is_replaced),
        TEST(the_number_of_projects_is_limited),
        TEST(each_change_of_what_is_shown_raises_the_version),
        TEST(counts_by_status_are_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
