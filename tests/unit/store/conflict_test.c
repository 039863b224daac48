#include "store/conflict.h"
#include "store/event.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

#define STEP "INCR_TRANSFER"

static const struct conflict_limits roomy = { .most = 1000000, .keep_s = 86400 };

static struct json_object *record(int64_t seq, int64_t n, const char *kind, const char *decision)
{
    struct json_object *o = json_object_new_object();

    json_add_i64(o, "seq", seq);
    json_add_i64(o, "n", n);
    json_add_i64(o, "timestamp", 1700000000 + seq);
    json_add_str(o, "kind", kind);
    json_add_str(o, "decision", decision);
    json_add_str(o, "db", "shop");
    json_add_str(o, "table", seq % 2 == 0 ? "even" : "odd");
    json_add_str(o, "targetDb", "laden");
    json_add_str(o, "targetTable", seq % 2 == 0 ? "gerade" : "ungerade");
    return o;
}

/* Takes the record over. */
static void put(struct store *st, const char *id, const char *step, struct json_object *o,
                const struct conflict_limits *limits)
{
    _cleanup_(json_putp)
    struct json_object *list = json_object_new_array();
    struct err err = { 0 };

    json_object_array_add(list, o);
    assert_ok(store_conflict_put(st, id, step, list, limits, &err));
}

static int64_t matching(struct store *st, const char *id, struct conflict_filter f)
{
    struct json_object *list = NULL;
    int64_t total = -1;
    struct err err = { 0 };

    f.page = (struct page){ .number = 1, .size = 150 };
    assert_ok(store_conflict_list(st, id, &f, &list, &total, &err));
    assert_int_equal(json_len(list), MIN(total, 150));
    json_putp(&list);
    return total;
}

/* Of the only step: total, kept, or of a kind. */
static int64_t counted(struct store *st, const char *id, const char *kind, const char *key)
{
    struct step step = { .order = 1 }, *list = NULL;
    char name[] = STEP;
    size_t n = 0;
    int64_t v;
    struct err err = { 0 };

    step.name = name;
    assert_ok(store_step_plan(st, id, &step, 1, &err));
    assert_ok(store_step_list(st, id, &list, &n, &err));
    assert_int_equal(n, 1);
    v = kind != NULL ? json_get_i64(json_get(list[0].conflicts, "byKind"), kind, 0)
                     : json_get_i64(list[0].conflicts, key, -1);
    step_list_free(list, n);
    return v;
}

static void one_conflict_is_one_record(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct json_object *list = NULL;
    const struct conflict_filter any = { .page = { .number = 1, .size = 10 } };
    int64_t total = 0;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    put(f->store, id, STEP, record(7, 0, "INSERT_EXISTS", "FAILED"), &roomy);
    put(f->store, id, STEP, record(7, 1, "INSERT_EXISTS", "IGNORED"), &roomy);
    put(f->store, id, "REVERSE_INCR_TRANSFER", record(7, 0, "INSERT_EXISTS", "IGNORED"), &roomy);
    /* told again after a kill, and decided otherwise after the strategy was changed */
    put(f->store, id, STEP, record(7, 0, "INSERT_EXISTS", "FAILED"), &roomy);
    put(f->store, id, STEP, record(7, 0, "ROW_DIFFERS", "OVERWRITTEN"), &roomy);
    assert_int_equal(counted(f->store, id, NULL, "total"), 2);
    assert_int_equal(counted(f->store, id, NULL, "kept"), 2);
    assert_int_equal(counted(f->store, id, "INSERT_EXISTS", NULL), 1);
    assert_int_equal(counted(f->store, id, "ROW_DIFFERS", NULL), 1);
    assert_ok(store_conflict_list(f->store, id, &any, &list, &total, &err));
    assert_int_equal(total, 3);
    assert_string_equal(json_get_str(json_at(list, 0), "stepName", ""), "REVERSE_INCR_TRANSFER");
    assert_int_equal(json_get_i64(json_at(list, 1), "num", 0), 2);
    assert_int_equal(json_get_i64(json_at(list, 2), "num", 0), 1);
    assert_string_equal(json_get_str(json_at(list, 2), "decision", ""), "OVERWRITTEN");
    json_putp(&list);
    assert_ok(store_check(f->store, &err));
}

static void filters_find(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], other[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(add_project(f->store, "admin", "q", other, &err));
    for (int i = 1; i <= 10; i++)
        put(f->store, id, STEP,
            record(i, 0, i <= 4 ? "DELETE_MISSING" : "UPDATE_MISSING",
                   i == 1 ? "FAILED" : "IGNORED"),
            &roomy);
    put(f->store, other, STEP, record(1, 0, "DELETE_MISSING", "FAILED"), &roomy);
#define COUNT(...) matching(f->store, id, (struct conflict_filter){ __VA_ARGS__ })
    assert_int_equal(COUNT(.step = NULL), 10);
    assert_int_equal(COUNT(.step = "FULL_TRANSFER"), 0);
    assert_int_equal(COUNT(.kind = "DELETE_MISSING"), 4);
    assert_int_equal(COUNT(.kind = "DELETE_MISSING", .decision = "FAILED"), 1);
    assert_int_equal(COUNT(.table = "shop.even"), 5);
    assert_int_equal(COUNT(.table = "even"), 5);
    assert_int_equal(COUNT(.table = "laden.ungerade"), 5);
    assert_int_equal(COUNT(.table = "laden.even"), 0);
    assert_int_equal(COUNT(.since = 1700000003, .until = 1700000005), 3);
    assert_int_equal(COUNT(.until = 1700000001), 1);
#undef COUNT
}

static int64_t events(struct store *st, const char *id, const char *word, char *ret_text,
                      size_t max)
{
    struct json_object *list = NULL;
    int64_t n = 0;
    struct err err = { 0 };

    assert_ok(store_event_list(st, id, 0, 1000, &list, NULL, &err));
    for (size_t i = 0; i < json_len(list); i++)
        if (strcmp(json_get_str(json_at(list, i), "event", ""), word) == 0) {
            (void)snprintf(ret_text, max, "%s", json_get_str(json_at(list, i), "message", ""));
            n++;
        }
    json_putp(&list);
    return n;
}

static void the_oldest_go_at_the_ceiling_and_it_is_told_once(void **state)
{
    static const struct conflict_limits ten = { .most = 10, .keep_s = 86400 };
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], text[512] = "";

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    for (int i = 1; i <= 10; i++)
        put(f->store, id, STEP, record(i, 0, "DELETE_MISSING", "IGNORED"), &ten);
    assert_int_equal(events(f->store, id, "conflicts_cut", text, sizeof(text)), 0);
    for (int i = 11; i <= 25; i++)
        put(f->store, id, STEP, record(i, 0, "DELETE_MISSING", "IGNORED"), &ten);
    assert_int_equal(events(f->store, id, "conflicts_cut", text, sizeof(text)), 1);
    assert_string_equal(text,
                        "conflict records beyond the newest 10 are removed: 10 of 11 are kept");
    assert_int_equal(counted(f->store, id, NULL, "total"), 25);
    assert_int_equal(counted(f->store, id, NULL, "kept"), 10);
    assert_int_equal(matching(f->store, id, (struct conflict_filter){ .until = 1700000000 + 15 }),
                     0);
    assert_int_equal(matching(f->store, id, (struct conflict_filter){ .since = 1700000000 + 16 }),
                     10);
}

static void what_is_too_old_goes(void **state)
{
    static const struct conflict_limits over = { .most = 10, .keep_s = -1 };
    static const struct conflict_limits passed = { .most = 10, .keep_s = 1 };
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], text[512] = "";

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    put(f->store, id, STEP, record(1, 0, "DELETE_MISSING", "IGNORED"), &roomy);
    assert_ok(store_conflict_prune(f->store, &roomy, &err));
    assert_ok(store_conflict_prune(f->store, &over, &err)); /* no bound at all */
    assert_int_equal(matching(f->store, id, (struct conflict_filter){ 0 }), 1);
    for (int i = 0; i < 40 && matching(f->store, id, (struct conflict_filter){ 0 }) > 0; i++) {
        assert_ok(store_conflict_prune(f->store, &passed, &err));
        (void)usleep(100000);
    }
    assert_int_equal(matching(f->store, id, (struct conflict_filter){ 0 }), 0);
    assert_int_equal(counted(f->store, id, NULL, "total"), 1);
    assert_int_equal(counted(f->store, id, NULL, "kept"), 0);
    assert_int_equal(events(f->store, id, "conflicts_cut", text, sizeof(text)), 1);
}

static void files_hold_what_their_sizes_say(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *list = json_object_new_array();
    struct json_object *files = NULL;
    _cleanup_(strbuf_done)
    struct strbuf lines = STRBUF(64 * 1024 * 1024);
    int64_t sizes[2] = { 0 }, count[2] = { 0 };
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(store_conflict_files(f->store, id, STEP, &files, &err));
    assert_int_equal(json_len(files), 0);
    json_putp(&files);
    for (int i = 1; i <= CONFLICTS_A_FILE + 250; i++)
        json_object_array_add(list, record(i, 0, "DELETE_MISSING", "IGNORED"));
    assert_ok(store_conflict_put(f->store, id, STEP, list, &roomy, &err));
    for (int file = 0; file < 2; file++) {
        int64_t num = 0;
        int r;
        while ((r = store_conflict_lines(f->store, id, STEP, file + 1, &num, &lines, &err)) > 0)
            count[file] += r;
        assert_int_equal(r, 0);
        assert_ok(strbuf_check(&lines, &err));
        sizes[file] = (int64_t)lines.len - (file == 1 ? sizes[0] : 0);
    }
    assert_ok(store_conflict_files(f->store, id, STEP, &files, &err));
    assert_int_equal(json_len(files), 2);
    for (int file = 0; file < 2; file++) {
        struct json_object *o = json_at(files, (size_t)file);
        assert_int_equal(json_get_i64(o, "number", 0), file + 1);
        assert_int_equal(json_get_i64(o, "bytes", 0), sizes[file]);
        assert_int_equal(json_get_i64(o, "records", 0), count[file]);
    }
    assert_int_equal(count[0], CONFLICTS_A_FILE);
    assert_int_equal(count[1], 250);
    json_putp(&files);
}

static void a_project_that_is_not_there_is_told(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *list = json_object_new_array();
    struct err err = { 0 };

    json_object_array_add(list, record(1, 0, "DELETE_MISSING", "IGNORED"));
    assert_err(store_conflict_put(f->store, "np_0", STEP, list, &roomy, &err),
               ERR_PROJECT_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_conflict_is_one_record),
        TEST(filters_find),
        TEST(the_oldest_go_at_the_ceiling_and_it_is_told_once),
        TEST(what_is_too_old_goes),
        TEST(files_hold_what_their_sizes_say),
        TEST(a_project_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
