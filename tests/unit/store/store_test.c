#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/ddl.h"
#include "store/reset.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void a_new_store_is_private_and_sound(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct stat st;

    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(store_check(f->store, &err));
}

static void opening_again_keeps_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(source_freep)
    struct source *s = NULL;
    char id[ID_MAX];

    (void)snprintf(id, sizeof(id), "%s", add_source(f->store, "a", "MYSQL"));
    store_close(f->store);
    f->store = NULL;
    assert_ok(store_open(f->path, &f->store, &err));
    assert_ok(store_source_get(f->store, id, false, &s, &err));
    assert_string_equal(s->name, "a");
}

static int64_t one_number(const char *path, const char *sql)
{
    _cleanup_(db_closep)
    struct db *h = NULL;
    _cleanup_(query_done)
    struct query q = { 0 };
    struct err err = { 0 };
    int64_t v;

    assert_ok(db_open(path, &h, &err));
    assert_ok(query_open(&q, h, sql, &err));
    assert_int_equal(query_step(&q, &err), 1);
    v = query_get_i64(&q, 0);
    query_done(&q);
    return v;
}

static void every_older_version_is_brought_up_to_date(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };

    for (int from = 0; from <= SCHEMA_VERSION; from++) {
        _cleanup_(store_closep)
        struct store *st = NULL;
        struct db *h = NULL;
        char path[160];

        (void)snprintf(path, sizeof(path), "%s/v%d.db", f->dir, from);
        assert_ok(db_open(path, &h, &err));
        assert_ok(db_schema(h, from, &err));
        db_close(h);
        assert_int_equal(one_number(path, "SELECT COUNT(*) FROM schema_version"), from);
        assert_ok(store_open(path, &st, &err));
        assert_int_equal(one_number(path, "SELECT COUNT(*) FROM schema_version"), SCHEMA_VERSION);
        (void)add_source(st, "works", "MYSQL");
        assert_ok(store_check(st, &err));
    }
}

/* What version 1 held is there in the newest, and the new kinds of row can refer to it. */
static void a_store_of_version_1_keeps_its_rows(void **state)
{
    static const char rows[] =
        "INSERT INTO source (id, name, type, host, port, user, password_sealed, created_at,"
        " modified_at) VALUES ('e_1', 's', 'MYSQL', 'h', 1, 'u', 'x', 5, 5);"
        "INSERT INTO project (id, name, type, owner, status, source_id, sink_id, config,"
        " created_at, modified_at) VALUES ('np_1', 'p', 'MIGRATION', 'admin', 'SUSPEND', 'e_1',"
        " 'e_1', '{\"a\":1}', 5, 5);"
        "INSERT INTO step (project_id, name, place, status)"
        " VALUES ('np_1', 'TRANSFER_INCR_LOG_PULL', 1, 'FINISHED');"
        "INSERT INTO event (project_id, at, level, event, message)"
        " VALUES ('np_1', 5, 'INFO', 'e', 'm')";
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(store_closep)
    struct store *st = NULL;
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *told = json_object_new_object();
    struct reset reset = { 0 };
    struct db *h = NULL;
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/old.db", f->dir);
    assert_ok(db_open(path, &h, &err));
    assert_ok(db_schema(h, 1, &err));
    assert_ok(db_exec(h, rows, &err));
    db_close(h);
    assert_ok(store_open(path, &st, &err));
    assert_ok(store_project_get(st, "np_1", &p, &err));
    assert_int_equal(p->status, PS_SUSPEND);
    assert_int_equal(json_get_i64(p->config, "a", 0), 1);
    json_add_str(told, "id", "b.1:4");
    json_add_str(told, "status", "PENDING");
    assert_ok(store_ddl_put(st, "np_1", told, &err));
    assert_int_equal(
        store_reset_request(st, "np_1", 1U << PS_SUSPEND, 1700000000, "ann", &reset, &err), 1);
    assert_ok(store_check(st, &err));
    assert_int_equal(one_number(path, "SELECT COUNT(*) FROM event"), 2);
    assert_int_equal(one_number(path, "SELECT COUNT(*) FROM ddl WHERE status = 'LEFT'"), 1);
}

static void a_newer_version_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct db *h = NULL;
    struct store *st = NULL;

    assert_ok(db_open(f->path, &h, &err));
    assert_ok(db_exec(h, "INSERT INTO schema_version VALUES (99, 0)", &err));
    db_close(h);
    assert_err(store_open(f->path, &st, &err), ERR_STORE);
    assert_non_null(strstr(err.message, "99"));
}

static void a_file_that_is_no_store_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct store *st = NULL;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/junk.db", f->dir);
    assert_ok(fs_write_atomic(path, "this is not a database at all, not one", 38, 0600, &err));
    assert_err(store_open(path, &st, &err), ERR_STORE);
    (void)snprintf(path, sizeof(path), "%s/none/x.db", f->dir);
    assert_err(store_open(path, &st, &err), ERR_STORE);
}

static void a_connection_has_the_safe_settings(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(one_number(f->path, "PRAGMA synchronous"), 2);
    assert_int_equal(one_number(f->path, "PRAGMA foreign_keys"), 1);
    assert_int_equal(one_number(f->path, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"),
                     1);
    assert_int_equal(
        one_number(f->path, "SELECT COUNT(*) FROM pragma_table_list"
                            " WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'sqlite_%'"),
        0);
}

/* The pool's only connection; the fixture's store has no more. */
static void wait_at_most(struct store *store, int64_t ms)
{
    struct err err = { 0 };
    _cleanup_(store_return)
    struct lease l = { 0 };

    assert_ok(store_borrow(store, &l, &err));
    db_wait_at_most(l.db, ms);
}

static void a_locked_store_is_busy_not_broken(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(db_closep)
    struct db *h = NULL;
    _cleanup_(txn_done)
    struct txn t = { 0 };
    char none[] = "x";
    struct source s = {
        .name = none, .type = none, .host = none, .user = none, .password_sealed = none
    };

    wait_at_most(f->store, 200);
    assert_ok(db_open(f->path, &h, &err));
    assert_ok(txn_begin(&t, h, &err));
    assert_err(store_source_add(f->store, &s, &err), ERR_STORE_BUSY);
    assert_true(err_retryable(&err));
    txn_done(&t);
    assert_ok(store_source_add(f->store, &s, &err));
}

struct holder {
    struct txn txn;
    int64_t until_ms;
};

static void *hold_on(void *context)
{
    struct holder *o = context;

    while (clock_mono_ms() < o->until_ms)
        (void)poll(NULL, 0, 10);
    txn_done(&o->txn);
    return NULL;
}

/* A commit on a loaded disk takes seconds: nobody may get an error for that. */
static void a_writer_waits_for_one_that_is_slow(void **state)
{
    enum { SLOW_MS = 4000 };
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(db_closep)
    struct db *h = NULL;
    struct holder o = { .until_ms = clock_mono_ms() + SLOW_MS };
    pthread_t thread;

    assert_ok(db_open(f->path, &h, &err));
    assert_ok(txn_begin(&o.txn, h, &err));
    assert_int_equal(pthread_create(&thread, NULL, hold_on, &o), 0);
    (void)add_source(f->store, "late", "MYSQL");
    assert_true(clock_mono_ms() >= o.until_ms);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void more_connections_than_the_pool_keeps(void **state)
{
    struct fixture *f = *state;
    struct lease l[20] = { 0 };
    struct err err = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(l); i++)
        assert_ok(store_borrow(f->store, &l[i], &err));
    for (size_t i = 0; i < ARRAY_SIZE(l); i++)
        store_return(&l[i]);
    assert_ok(store_check(f->store, &err));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_new_store_is_private_and_sound),          TEST(opening_again_keeps_what_is_there),
        TEST(every_older_version_is_brought_up_to_date), TEST(a_newer_version_is_refused),
        TEST(a_file_that_is_no_store_is_refused),        TEST(a_connection_has_the_safe_settings),
        TEST(a_store_of_version_1_keeps_its_rows),       TEST(a_locked_store_is_busy_not_broken),
        TEST(a_writer_waits_for_one_that_is_slow),       TEST(more_connections_than_the_pool_keeps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
