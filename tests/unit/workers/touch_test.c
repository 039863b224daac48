/* The touch map: what one process writes the other reads, whenever either of them dies. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "workers/touch.h"

enum { KILLS = 40, RING = 8192, FOREVER_MS = 600000 };

static char path[64];

static int setup(void **state)
{
    static char dir[] = "/tmp/touch_XXXXXX";

    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/touched", dir);
    return 0;
}

static int teardown(void **state)
{
    char *slash = strrchr(path, '/');

    (void)state;
    (void)unlink(path);
    *slash = '\0';
    return rmdir(path);
}

static struct touch *create(void)
{
    struct touch *t = NULL;
    struct err err = { 0 };

    assert_int_equal(touch_create(path, 3, &t, &err), 0);
    return t;
}

static struct touch *open_it(void)
{
    struct touch *t = NULL;
    struct err err = { 0 };

    assert_int_equal(touch_open(path, &t, &err), 1);
    return t;
}

static struct binlog_pos at(uint64_t n)
{
    struct binlog_pos p = { .offset = n, .era = 3 };

    (void)snprintf(p.file, sizeof(p.file), "bin.%06llu", (unsigned long long)(n % 1000000));
    return p;
}

/* ---- the hash ---- */

static uint64_t text(const char *s)
{
    return touch_hash_text(7, s, strlen(s));
}

static void test_texts(void **state)
{
    char long_text[700];

    (void)state;
    assert_true(text("Abc  ") == text("aBC"));
    assert_true(text("a  b") != text("a b"));
    assert_true(text("") == text("   "));
    assert_true(text("M\xc3\xbcller") == text("m\xfcLLER")); /* utf8 and latin1 */
    assert_true(text("a \xc3\xbc") == text("a"));
    assert_true(text("abc") != text("abd"));
    memset(long_text, ' ', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = 'x';
    assert_true(touch_hash_text(7, long_text, sizeof(long_text)) !=
                touch_hash_text(7, long_text + 1, sizeof(long_text) - 1));
    assert_true(touch_hash_text(7, long_text, sizeof(long_text) - 1) == text(""));
    assert_true(touch_hash_bytes(7, "a\0\0", 3) == touch_hash_bytes(7, "a", 1));
    assert_true(touch_hash_bytes(7, "a ", 2) != touch_hash_bytes(7, "a", 1));
    assert_true(touch_hash_table("a", "bc") != touch_hash_table("ab", "c"));
    assert_true(touch_hash_table("Shop", "T") == touch_hash_table("shop", "t"));
}

static uint64_t value(enum column_kind kind, const char *charset, const char *s)
{
    struct column c = { .kind = kind };
    char name[16];

    (void)snprintf(name, sizeof(name), "%s", charset);
    c.charset = *charset == '\0' ? NULL : name;
    return touch_hash_value(7, &c, s, strlen(s));
}

static void test_values(void **state)
{
    (void)state;
    assert_true(touch_hash_i64(7, 42) == touch_hash_u64(7, 42));
    assert_true(value(CK_INT, "", "42") == touch_hash_i64(7, 42));
    assert_true(value(CK_INT, "", "00042") == touch_hash_i64(7, 42));
    assert_true(value(CK_INT, "", "42.00") == touch_hash_i64(7, 42));
    assert_true(value(CK_INT, "", "-9223372036854775808") == touch_hash_i64(7, INT64_MIN));
    assert_true(value(CK_INT, "", "18446744073709551615") == touch_hash_u64(7, UINT64_MAX));
    assert_true(value(CK_VARCHAR, "latin1", "Ab ") == text("ab"));
    assert_true(value(CK_VARBINARY, "", "Ab ") == touch_hash_bytes(7, "Ab ", 3));
    assert_true(value(CK_VARCHAR, "gbk", "Ab") == 7); /* left out */
    assert_true(value(CK_DATETIME, "", "2026-01-01 00:00:00") == 7);
}

/* ---- marks ---- */

static void test_marks(void **state)
{
    struct touch *w = create(), *r = open_it();
    uint64_t t = touch_hash_table("d", "t");

    (void)state;
    assert_int_equal(touch_row(r, 5), 0);
    touch_row_mark(w, 5, 10);
    touch_row_mark(w, 5, 9); /* an older one does not take it back */
    touch_row_mark(w, 5 + (1 << 20), 11);
    assert_int_equal(touch_row(r, 5), 11); /* one slot, looks changed as late as the later */
    assert_int_equal(touch_row(r, 6), 0);
    touch_related_mark(w, t, 20);
    assert_int_equal(touch_related(r, t), 20);
    touch_ddl_mark(w, t, 30);
    assert_int_equal(touch_ddl(r, t), 30);
    assert_int_equal(touch_ddl(r, t + 1), 0);
    touch_ddl_mark(w, 0, 31);
    assert_int_equal(touch_ddl(r, t + 1), 31);
    touch_all_mark(w, 40);
    assert_int_equal(touch_row(r, 6), 40);
    assert_int_equal(touch_related(r, t), 40);
    touch_free(r);
    touch_free(w);
}

static void test_without_a_map(void **state)
{
    struct binlog_pos p = at(1);

    (void)state;
    touch_row_mark(NULL, 1, 1);
    touch_related_mark(NULL, 1, 1);
    touch_all_mark(NULL, 1);
    touch_ddl_mark(NULL, 1, 1);
    touch_progress(NULL, &p, 1, 1, 1);
    touch_hold_tell(NULL, 1, &p);
    assert_int_equal(touch_hold_wanted(NULL).id, 0);
    assert_false(touch_keys_are_wanted(NULL));
    assert_false(touch_watched(NULL));
}

/* ---- state ---- */

static void test_state(void **state)
{
    struct touch *w = create(), *r = open_it();
    struct touch_state s;
    struct binlog_pos p = at(4711);

    (void)state;
    assert_true(touch_look(r, &s));
    assert_string_equal(s.read.file, "");
    assert_int_equal(s.read.era, 3);
    assert_true(touch_watched(w));
    touch_progress(w, &p, 8, 7, 1500);
    assert_true(touch_look(r, &s));
    assert_int_equal(binlog_pos_cmp(&s.read, &p), 0);
    assert_int_equal(s.read_seq, 8);
    assert_int_equal(s.applied, 7);
    assert_int_equal(s.lag_ms, 1500);
    assert_true(s.heard_ms > 0 && s.heard_ms <= clock_mono_ms());
    touch_free(r);
    touch_free(w);
}

static void test_replaced(void **state)
{
    struct touch *first = create(), *r = open_it(), *second, *r2;
    struct touch_state s, s2;

    (void)state;
    touch_row_mark(first, 1, 1);
    assert_true(touch_look(r, &s));
    second = create();
    assert_false(touch_look(r, &s2));
    assert_int_equal(touch_row(r, 1), 1); /* it can still be read */
    r2 = open_it();
    assert_true(touch_look(r2, &s2));
    assert_true(s.generation != s2.generation);
    assert_int_equal(touch_row(r2, 1), 0);
    touch_free(first);
    touch_free(second);
    assert_false(touch_look(r2, &s2)); /* nobody writes it any more */
    touch_free(r);
    touch_free(r2);
}

static void test_absent(void **state)
{
    struct touch *t = NULL;
    struct err err = { 0 };
    FILE *f;

    (void)state;
    (void)unlink(path);
    assert_int_equal(touch_open(path, &t, &err), 0);
    f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fputs("something else", f) < 0, 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(touch_open(path, &t, &err), 0); /* nobody writes it */
    touch_free(create());                            /* takes its place */
    assert_null(t);
}

static int status_of(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* What a disk that has no room answers when the file gets its blocks. */
static void test_no_room(void **state)
{
    struct stat before, after;
    int status;
    pid_t pid;

    (void)state;
    touch_free(create());
    assert_int_equal(stat(path, &before), 0);
    pid = fork();
    if (pid == 0) {
        const struct rlimit few = { 1 << 20, 1 << 20 };
        struct touch *t = NULL;
        struct err err = { 0 };
        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &few) < 0)
            _exit(2);
        _exit(touch_create(path, 0, &t, &err) == -1 && err.code == ERR_IO && t == NULL ? 0 : 1);
    }
    status = status_of(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino == after.st_ino);
}

/* ---- holds ---- */

static void test_hold(void **state)
{
    struct touch *w = create(), *r = open_it();
    struct touch_hold h = { .id = 99, .until = true, .pos = at(5) }, got;
    struct binlog_pos p = at(5), told;

    (void)state;
    assert_int_equal(touch_hold_wanted(w).id, 0);
    touch_hold_ask(r, &h, FOREVER_MS);
    got = touch_hold_wanted(w);
    assert_int_equal(got.id, 99);
    assert_true(got.until);
    assert_int_equal(binlog_pos_cmp(&got.pos, &p), 0);
    assert_false(touch_held(r, 99, &told));
    touch_hold_tell(w, 99, &p);
    assert_true(touch_held(r, 99, &told));
    assert_int_equal(binlog_pos_cmp(&told, &p), 0);
    assert_false(touch_held(r, 98, &told));
    touch_hold_tell(w, 99, NULL);
    assert_false(touch_held(r, 99, &told));
    touch_hold_ask(r, &h, 0); /* lapses at once */
    assert_int_equal(touch_hold_wanted(w).id, 0);
    touch_hold_ask(r, &h, FOREVER_MS);
    assert_int_equal(touch_hold_wanted(w).id, 99);
    touch_hold_ask(r, &(struct touch_hold){ 0 }, FOREVER_MS);
    assert_int_equal(touch_hold_wanted(w).id, 0);
    touch_hold_tell(w, 99, &p);
    touch_free(w);
    assert_false(touch_held(r, 99, &told)); /* whoever comes next does not know of it */
    touch_free(r);
}

/* ---- keys ---- */

static struct touch_change change(uint64_t n)
{
    struct touch_change c = { .seq = n, .at_ms = (int64_t)n, .table = 7 };

    c.key_len = (uint16_t)(n % (TOUCH_KEY_MAX + 1));
    memset(c.key, (int)(n & 0xff), c.key_len);
    return c;
}

static void test_ring(void **state)
{
    struct touch *w = create(), *r = open_it();
    struct touch_change c;
    uint64_t from = 0, lost = 0;

    (void)state;
    assert_false(touch_keys_are_wanted(w));
    touch_keys_wanted(r, true);
    assert_true(touch_keys_are_wanted(w));
    touch_keys_wanted(r, false);
    assert_false(touch_keys_are_wanted(w));
    assert_int_equal(touch_change_next(r, &from, &lost, &c), 0);
    for (uint64_t n = 0; n < RING + 10; n++) {
        const struct touch_change one = change(n);
        touch_change_put(w, &one);
    }
    for (uint64_t n = 10; n < RING + 10; n++) {
        const struct touch_change want = change(n);
        assert_int_equal(touch_change_next(r, &from, &lost, &c), 1);
        assert_int_equal(c.seq, n);
        assert_int_equal(c.key_len, want.key_len);
        assert_memory_equal(c.key, want.key, want.key_len);
    }
    assert_int_equal(lost, 10);
    assert_int_equal(touch_change_next(r, &from, &lost, &c), 0);
    c.key_len = TOUCH_KEY_MAX + 1;
    touch_change_put(w, &c);
    assert_int_equal(touch_change_next(r, &from, &lost, &c), 0);
    assert_int_equal(lost, 11);
    touch_keys_wanted(r, true);
    touch_free(r);
    touch_free(w);
    w = create();
    assert_true(touch_keys_are_wanted(w)); /* whoever wants them has not looked here yet */
    touch_keys_wanted(w, false);
    touch_free(w);
    w = create();
    assert_false(touch_keys_are_wanted(w));
    touch_free(w);
}

/* ---- two processes ---- */

/* Everything it writes carries one number, so that a mixture of two is seen. */
static void write_on(struct touch *t)
{
    for (uint64_t n = 1;; n++) {
        struct binlog_pos p = at(n);
        const struct touch_change c = change(n);

        touch_row_mark(t, n * 0x9e3779b97f4a7c15U, n);
        touch_change_put(t, &c);
        touch_progress(t, &p, n, n, (int64_t)n);
        touch_hold_tell(t, n, &p);
    }
}

static void check_state(const struct touch *r, const struct touch_state *s)
{
    struct binlog_pos p = at(s->applied), told;

    if (s->applied == 0)
        return;
    assert_int_equal(s->read_seq, s->applied);
    assert_int_equal(s->lag_ms, s->applied);
    assert_int_equal(binlog_pos_cmp(&s->read, &p), 0);
    assert_true(touch_row(r, s->applied * 0x9e3779b97f4a7c15U) >= s->applied); /* marked before */
    (void)touch_held(r, s->applied, &told);
}

static uint64_t check_changes(const struct touch *r, uint64_t *io, uint64_t *io_lost)
{
    struct touch_change c;
    uint64_t n = 0;

    while (n < 100 && touch_change_next(r, io, io_lost, &c) == 1) {
        const struct touch_change want = change(c.seq);
        assert_int_equal(c.key_len, want.key_len);
        assert_memory_equal(c.key, want.key, want.key_len);
        n++;
    }
    return n;
}

static void test_writer_killed(void **state)
{
    uint64_t seen = 0;

    (void)state;
    for (int i = 0; i < KILLS; i++) {
        struct touch *r = NULL;
        struct err err = { 0 };
        struct touch_state s;
        uint64_t from = 0, lost = 0;
        pid_t pid = fork();

        if (pid == 0) {
            struct touch *w = NULL;
            if (touch_create(path, 3, &w, &err) == 0)
                write_on(w);
            _exit(1);
        }
        while (touch_open(path, &r, &err) == 0) /* not before it is whole */
            ;
        for (int k = 0; k < 50 + i; k++) {
            assert_true(touch_look(r, &s));
            check_state(r, &s);
            seen += check_changes(r, &from, &lost);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_true(WIFSIGNALED(status_of(pid)));
        assert_false(touch_look(r, &s));
        (void)check_changes(r, &from, &lost);
        touch_free(r);
    }
    assert_true(seen > 0);
}

static void ask_on(struct touch *t)
{
    for (uint64_t n = 1;; n++)
        touch_hold_ask(t, &(struct touch_hold){ .id = n, .until = true, .pos = at(n) }, FOREVER_MS);
}

static void test_asker_killed(void **state)
{
    struct touch *w = create();

    (void)state;
    for (int i = 0; i < KILLS; i++) {
        uint64_t last = 0;
        pid_t pid = fork();

        if (pid == 0) {
            struct touch *r = NULL;
            struct err err = { 0 };
            if (touch_open(path, &r, &err) == 1)
                ask_on(r);
            _exit(1);
        }
        for (int k = 0; k < 2000; k++) {
            struct touch_hold h = touch_hold_wanted(w);
            struct binlog_pos p = at(h.id);
            if (h.id != 0)
                assert_int_equal(binlog_pos_cmp(&h.pos, &p), 0);
            last = h.id != 0 ? h.id : last;
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_true(WIFSIGNALED(status_of(pid)));
        (void)last;
    }
    assert_true(touch_hold_wanted(w).id != 0);
    touch_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),         cmocka_unit_test(test_values),
        cmocka_unit_test(test_marks),         cmocka_unit_test(test_without_a_map),
        cmocka_unit_test(test_state),         cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_absent),        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_hold),          cmocka_unit_test(test_ring),
        cmocka_unit_test(test_writer_killed), cmocka_unit_test(test_asker_killed),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
