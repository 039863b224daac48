#include "store/event.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void what_is_added_comes_back(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *extra = json_object_new_object();
    _cleanup_(source_freep)
    struct source *got = NULL;
    char name[] = "it's; DROP TABLE source --", type[] = "OB_MYSQL", host[] = "h", user[] = "u@t#c";
    char sealed[] = "c2VhbGVk";
    struct source s = { .id = "e_mine",
                        .name = name,
                        .type = type,
                        .host = host,
                        .port = 2883,
                        .user = user,
                        .password_sealed = sealed,
                        .extra = extra };

    json_add_str(extra, "tenant", "t");
    assert_ok(store_source_add(f->store, &s, &err));
    assert_string_equal(s.id, "e_mine"); /* the password is sealed about the id */
    assert_true(s.created_at > 0);
    assert_ok(store_source_get(f->store, s.id, false, &got, &err));
    assert_string_equal(got->name, name);
    assert_string_equal(got->type, "OB_MYSQL");
    assert_string_equal(got->host, "h");
    assert_int_equal(got->port, 2883);
    assert_string_equal(got->user, "u@t#c");
    assert_string_equal(got->password_sealed, sealed);
    assert_string_equal(json_get_str(got->extra, "tenant", ""), "t");
    assert_null(got->version);
    assert_int_equal(got->created_at, s.created_at);
}

static void an_unknown_id_is_told(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct source *got = NULL;

    assert_err(store_source_get(f->store, "e_none", true, &got, &err), ERR_SOURCE_NOT_FOUND);
    assert_err(store_source_delete(f->store, "e_none", &err), ERR_SOURCE_NOT_FOUND);
    assert_null(got);
}

static void a_name_is_unique_until_deleted(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], name[] = "Shop", w[] = "x";
    struct source s = { .name = name, .type = w, .host = w, .user = w, .password_sealed = w };
    _cleanup_(source_freep)
    struct source *got = NULL;

    (void)snprintf(id, sizeof(id), "%s", add_source(f->store, "Shop", "MYSQL"));
    assert_err(store_source_add(f->store, &s, &err), ERR_NAME_TAKEN);
    assert_non_null(strstr(err.message, "Shop"));
    name[0] = 's'; /* names are matched exactly */
    s.id[0] = '\0';
    assert_ok(store_source_add(f->store, &s, &err));
    assert_ok(store_source_delete(f->store, id, &err));
    assert_err(store_source_delete(f->store, id, &err), ERR_SOURCE_NOT_FOUND);
    assert_err(store_source_get(f->store, id, false, &got, &err), ERR_SOURCE_NOT_FOUND);
    assert_ok(store_source_get(f->store, id, true, &got, &err));
    name[0] = 'S';
    s.id[0] = '\0';
    assert_ok(store_source_add(f->store, &s, &err));
}

static void what_was_learnt_is_kept(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];
    _cleanup_(source_freep)
    struct source *got = NULL;

    (void)snprintf(id, sizeof(id), "%s", add_source(f->store, "a", "MYSQL"));
    assert_ok(store_source_learn(f->store, id, "10.11", "utf8mb4", NULL, &err));
    assert_ok(store_source_learn(f->store, id, NULL, NULL, "+08:00", &err));
    assert_ok(store_source_learn(f->store, "e_gone", "1", NULL, NULL, &err));
    assert_ok(store_source_get(f->store, id, false, &got, &err));
    assert_string_equal(got->version, "10.11");
    assert_string_equal(got->charset, "utf8mb4");
    assert_string_equal(got->timezone, "+08:00");
}

static void expect_list(struct store *st, const struct source_filter *f, int64_t total,
                        const char *names)
{
    struct source **list = NULL;
    size_t n = 0;
    int64_t all = -1;
    struct err err = { 0 };
    char got[1024] = "";

    assert_ok(store_source_list(st, f, &list, &n, &all, &err));
    for (size_t i = 0; i < n; i++) {
        size_t at = strlen(got);
        (void)snprintf(got + at, sizeof(got) - at, "%s%s", i > 0 ? "," : "", list[i]->name);
    }
    source_list_free(list, n);
    assert_string_equal(got, names);
    assert_int_equal(all, total);
}

static void lists_search_filter_and_page(void **state)
{
    struct fixture *f = *state;
    static const char *const maria[] = { "MARIADB", NULL };
    static const char *const both[] = { "MARIADB", "MYSQL", NULL };
    static const char *const odd[] = { "MYSQL') OR 1=1 --", NULL };
    static const char *const none[] = { NULL };
    /* clang-format off */
    const struct { struct source_filter f; int64_t total; const char *names; } cases[] = {
        { { .page = { 1, 10, false, true } }, 5, "a%b,a_b,aXb,c\\d,it's" },
        { { .page = { 1, 10, false, false } }, 5, "it's,c\\d,aXb,a_b,a%b" },
        { { .page = { 1, 2, false, true } }, 5, "a%b,a_b" },
        { { .page = { 3, 2, false, true } }, 5, "it's" },
        { { .page = { 4, 2, false, true } }, 5, "" },
        { { .page = { 0, 0, false, true } }, 5, "a%b" },      /* out of bounds: put within */
        { { .page = { -1, -1, true, true } }, 5, "a%b" },
        { { .search = "%", .page = { 1, 10, false, true } }, 1, "a%b" },
        { { .search = "a_b", .page = { 1, 10, false, true } }, 1, "a_b" },
        { { .search = "\\", .page = { 1, 10, false, true } }, 1, "c\\d" },
        { { .search = "'", .page = { 1, 10, false, true } }, 1, "it's" },
        { { .search = "' OR '1'='1", .page = { 1, 10, false, true } }, 0, "" },
        { { .search = "e_", .page = { 1, 10, false, true } }, 5, "a%b,a_b,aXb,c\\d,it's" }, /* ids */
        { { .types = maria, .page = { 1, 10, false, true } }, 1, "it's" },
        { { .types = both, .page = { 1, 10, false, true } }, 5, "a%b,a_b,aXb,c\\d,it's" },
        { { .types = odd, .page = { 1, 10, false, true } }, 0, "" },
        { { .types = none, .page = { 1, 10, false, true } }, 5, "a%b,a_b,aXb,c\\d,it's" },
    };
    /* clang-format on */

    (void)add_source(f->store, "a%b", "MYSQL");
    (void)add_source(f->store, "a_b", "MYSQL");
    (void)add_source(f->store, "aXb", "MYSQL");
    (void)add_source(f->store, "c\\d", "MYSQL");
    (void)add_source(f->store, "it's", "MARIADB");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_list(f->store, &cases[i].f, cases[i].total, cases[i].names);
}

static void a_search_text_has_a_limit(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char text[8192];
    struct source_filter filter = { .search = text, .page = { 1, 10, false, true } };
    struct source **list = NULL;
    size_t n = 0;
    int64_t total = 0;

    memset(text, '%', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_err(store_source_list(f->store, &filter, &list, &n, &total, &err), ERR_PARAM);
}

static void a_change_is_told_to_the_projects_that_use_it(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(source_freep)
    struct source *s = NULL;
    _cleanup_(json_putp)
    struct json_object *events = NULL;
    const struct source_change host = { .host = "db2.example" };
    const struct source_change rest = { .user = "v", .password_sealed = "sealed-2", .port = 3307 };
    const char *text;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_ok(store_source_learn(f->store, p->source_id, "8.0", "utf8mb4", "UTC", &err));
    assert_ok(store_source_update(f->store, p->source_id, &rest, "ann", &err));
    assert_ok(store_source_update(f->store, p->source_id, &host, "ann", &err));
    assert_ok(store_source_get(f->store, p->source_id, false, &s, &err));
    assert_string_equal(s->host, "db2.example");
    assert_string_equal(s->user, "v");
    assert_int_equal(s->port, 3307);
    assert_string_equal(s->password_sealed, "sealed-2");
    assert_null(s->version); /* of the other server */
    assert_ok(store_event_list(f->store, id, 0, 2, &events, NULL, &err));
    text = json_get_str(json_at(events, 0), "message", "");
    assert_string_equal(json_get_str(json_at(events, 0), "event", ""), "source_changed");
    assert_non_null(strstr(text, "ann changed"));
    assert_non_null(strstr(text, "db.example:3307 user v -> db2.example:3307 user v"));
    assert_null(strstr(text, "password"));
    text = json_get_str(json_at(events, 1), "message", "");
    assert_non_null(strstr(text, "another password"));
    assert_null(strstr(text, "sealed-2"));
    assert_err(store_source_update(f->store, "e_no", &host, "ann", &err), ERR_SOURCE_NOT_FOUND);
}

static void a_source_in_use_is_changed_only_at_rest(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(source_freep)
    struct source *s = NULL;
    const struct source_change change = { .host = "other" };
    const char *unused;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_int_equal(store_project_move(f->store, id, PS_INIT, PS_RUNNING, "", &err), 1);
    assert_err(store_source_update(f->store, p->sink_id, &change, "ann", &err), ERR_IN_USE);
    assert_non_null(strstr(err.message, id));
    assert_ok(store_source_get(f->store, p->sink_id, false, &s, &err));
    assert_string_equal(s->host, "db.example");
    /* deleted, it goes on as long as a project uses it */
    assert_int_equal(store_project_move(f->store, id, PS_RUNNING, PS_FAILED, "", &err), 1);
    assert_ok(store_source_delete(f->store, p->sink_id, &err));
    assert_ok(store_source_update(f->store, p->sink_id, &change, "ann", &err));
    unused = add_source(f->store, "unused", "MYSQL");
    assert_ok(store_source_delete(f->store, unused, &err));
    assert_err(store_source_update(f->store, unused, &change, "ann", &err), ERR_SOURCE_NOT_FOUND);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(what_is_added_comes_back),
        TEST(an_unknown_id_is_told),
        TEST(a_name_is_unique_until_deleted),
        TEST(what_was_learnt_is_kept),
        TEST(a_change_is_told_to_the_projects_that_use_it),
        TEST(a_source_in_use_is_changed_only_at_rest),
        TEST(lists_search_filter_and_page),
        TEST(a_search_text_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
