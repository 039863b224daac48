#include "store/event.h"
#include "store/label.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void labels_are_unique_and_bounded(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], name[32];
    _cleanup_(json_putp)
    struct json_object *list = NULL;

    assert_ok(store_label_add(f->store, "shop", "admin", id, &err));
    assert_memory_equal(id, "l_", 2);
    assert_err(store_label_add(f->store, "shop", "eve", id, &err), ERR_NAME_TAKEN);
    for (int i = 1; i < LABELS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "l%d", i);
        assert_ok(store_label_add(f->store, name, "admin", id, &err));
    }
    assert_err(store_label_add(f->store, "more", "admin", id, &err), ERR_LIMIT);
    assert_ok(store_label_delete(f->store, id, &err));
    assert_ok(store_label_add(f->store, "more", "admin", id, &err));
    assert_ok(store_label_list(f->store, &list, &err));
    assert_int_equal(json_len(list), LABELS_MAX);
    assert_string_equal(json_get_str(json_at(list, 0), "name", ""), "shop");
    assert_string_equal(json_get_str(json_at(list, 0), "creator", ""), "admin");
    assert_err(store_label_delete(f->store, "l_no", &err), ERR_LABEL_NOT_FOUND);
}

static int64_t uses_of(struct store *st, const char *name)
{
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    struct err err = { 0 };

    assert_ok(store_label_list(st, &list, &err));
    for (size_t i = 0; i < json_len(list); i++)
        if (strcmp(json_get_str(json_at(list, i), "name", ""), name) == 0)
            return json_get_i64(json_at(list, i), "projects", -1);
    return -1;
}

/* Names of a project's labels, as "a,b". */
static const char *labels_of(struct store *st, const char *id)
{
    static char text[256];
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct err err = { 0 };

    text[0] = '\0';
    assert_ok(store_project_get(st, id, &p, &err));
    for (size_t i = 0; i < json_len(p->labels); i++) {
        size_t at = strlen(text);
        (void)snprintf(text + at, sizeof(text) - at, "%s%s", i > 0 ? "," : "",
                       json_get_str(json_at(p->labels, i), "name", "?"));
    }
    return text;
}

static struct json_object *ids_of(const char *const *ids, size_t count)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, json_object_new_string(ids[i]));
    return list;
}

static void a_project_is_given_labels_and_counts_follow(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char a[ID_MAX], b[ID_MAX], project[ID_MAX], other[ID_MAX];
    const char *const both[] = { b, a, a }, *const unknown[] = { a, "l_no" };
    _cleanup_(json_putp)
    struct json_object *two = NULL;
    _cleanup_(json_putp)
    struct json_object *bad = NULL;
    _cleanup_(json_putp)
    struct json_object *events = NULL;

    assert_ok(store_label_add(f->store, "a", "admin", a, &err));
    assert_ok(store_label_add(f->store, "b", "admin", b, &err));
    two = ids_of(both, 3);
    bad = ids_of(unknown, 2);
    assert_ok(add_project(f->store, "admin", "p", project, &err));
    assert_ok(add_project(f->store, "admin", "q", other, &err));
    assert_string_equal(labels_of(f->store, project), "");
    assert_ok(store_label_set(f->store, project, two, "eve", &err));
    assert_ok(store_label_set(f->store, other, two, "eve", &err));
    assert_string_equal(labels_of(f->store, project), "a,b");
    assert_int_equal(uses_of(f->store, "a"), 2);
    assert_err(store_label_set(f->store, project, bad, "eve", &err), ERR_LABEL_NOT_FOUND);
    assert_string_equal(labels_of(f->store, project), "a,b");
    assert_err(store_label_set(f->store, "np_no", two, "eve", &err), ERR_PROJECT_NOT_FOUND);
    assert_ok(store_label_delete(f->store, b, &err));
    assert_string_equal(labels_of(f->store, project), "a");
    assert_ok(store_label_set(f->store, project, NULL, "eve", &err));
    assert_string_equal(labels_of(f->store, project), "");
    assert_int_equal(uses_of(f->store, "a"), 1);
    assert_ok(store_project_move(f->store, other, PS_INIT, PS_DELETED, "gone", &err));
    assert_int_equal(uses_of(f->store, "a"), 0);
    assert_ok(store_event_list(f->store, project, 0, 10, &events, NULL, &err));
    assert_string_equal(json_get_str(json_at(events, 0), "event", ""), "labels_changed");
    assert_string_equal(json_get_str(json_at(events, 0), "message", ""),
                        "eve: labels are now none");
}

static void projects_are_found_by_label(void **state)
{
    static char a[ID_MAX];
    static const char *const wanted[] = { a, NULL };
    struct fixture *f = *state;
    struct project_filter filter = { .label_ids = wanted, .page = { 1, 10, false, true } };
    struct project **list = NULL;
    struct err err = { 0 };
    char p[ID_MAX], q[ID_MAX], x[] = "x";
    _cleanup_(json_putp)
    struct json_object *ids = NULL;
    _cleanup_(freep)
    char(*found)[ID_MAX] = NULL;
    struct project with = { .name = x, .type = x, .owner = x };
    _cleanup_(json_putp)
    struct json_object *config = json_object_new_object();
    size_t n = 0;
    int64_t total = 0;

    assert_ok(store_label_add(f->store, "a", "admin", a, &err));
    ids = ids_of(wanted, 1);
    assert_ok(add_project(f->store, "admin", "p", p, &err));
    assert_ok(add_project(f->store, "admin", "q", q, &err));
    assert_ok(store_label_set(f->store, q, ids, "admin", &err));
    (void)snprintf(with.source_id, ID_MAX, "%s", add_source(f->store, "s", "MYSQL"));
    (void)snprintf(with.sink_id, ID_MAX, "%s", with.source_id);
    with.config = config;
    with.labels = ids; /* given with the project */
    assert_ok(store_project_add(f->store, &with, &err));
    assert_ok(store_project_list(f->store, &filter, &list, &n, &total, &err));
    assert_int_equal(n, 2);
    assert_int_equal(total, 2);
    assert_string_equal(list[0]->id, q);
    project_list_free(list, n);
    assert_ok(store_project_move(f->store, q, PS_INIT, PS_RUNNING, "go", &err));
    assert_ok(store_label_projects(f->store, a, PS_INIT, &found, &n, &err));
    assert_int_equal(n, 1);
    assert_string_equal(found[0], with.id);
    assert_err(store_label_projects(f->store, "l_no", PS_INIT, &found, &n, &err),
               ERR_LABEL_NOT_FOUND);
    (void)snprintf(a, sizeof(a), "l_no"); /* the filter's word */
    assert_ok(store_project_list(f->store, &filter, &list, &n, &total, &err));
    assert_int_equal(total, 0);
    project_list_free(list, n);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(labels_are_unique_and_bounded),
        TEST(a_project_is_given_labels_and_counts_follow),
        TEST(projects_are_found_by_label),
    };

    return cmocka_run_group_tests_name("store/label", tests, NULL, NULL);
}
