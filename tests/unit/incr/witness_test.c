/* Rows are known by the same number from an event and from what a server answers; what cascades. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tables.h"
#include "workers/incr/witness.h"

enum { COLUMNS = 3 };
static char path[64];

struct world {
    struct catalog *catalog;
    struct plans *plans;
};

static struct world world_of(struct table **tables, size_t n)
{
    struct world w = { catalog_of(tables, n), NULL };
    struct err err = { 0 };

    assert_int_equal(plans_new(w.catalog, false, &w.plans, &err), 0);
    return w;
}

static void world_done(struct world *w)
{
    plans_free(w->plans);
    catalog_free(w->catalog);
}

/* ---- hashes ---- */

static uint64_t of_event(enum column_kind kind, const char *charset, struct value v)
{
    const struct column_of columns[] = { { "id", CK_INT, NULL, NULL, NULL },
                                         { "k", kind, charset, "any", NULL } };
    struct table *t = table_of("t", columns, 2, 2);
    struct world w = world_of(&t, 1);
    const struct value row[] = { v_int(7), v };
    uint64_t h = 0;

    assert_true(witness_hash(plans_find(w.plans, "d", "t"), row, NULL, &h));
    world_done(&w);
    return h;
}

static uint64_t of_text(enum column_kind kind, const char *charset, const char *s, size_t len)
{
    struct column id = { .kind = CK_INT }, k = { .kind = kind };
    char name[16];
    uint64_t h = touch_hash_value(touch_hash_table("d", "t"), &id, "7", 1);

    (void)snprintf(name, sizeof(name), "%s", charset != NULL ? charset : "");
    k.charset = charset != NULL ? name : NULL;
    return touch_hash_value(h, &k, s, len);
}

#define T(s) (s), sizeof(s) - 1
#define B(s) v_bytes((s), sizeof(s) - 1)

static void test_event_and_text(void **state)
{
    const struct {
        enum column_kind kind;
        const char *charset;
        struct value v;
        const char *text;
        size_t len;
    } cases[] = {
        { CK_INT, NULL, v_int(-42), T("-42") },
        { CK_INT, NULL, v_int(INT64_MIN), T("-9223372036854775808") },
        { CK_INT, NULL, v_uint(UINT64_MAX), T("18446744073709551615") },
        { CK_INT, NULL, v_uint(42), T("0000000042") },
        { CK_CHAR, "utf8mb4", B("Abc"), T("Abc") },
        { CK_VARCHAR, "latin1", B("M\xfcLler  "), T("M\xc3\xbcLler  ") }, /* its normal form */
        { CK_VARCHAR, "ascii", B(""), T("") },
        { CK_VARCHAR, "gbk", B("\xc4\x41"), T("anything") },
        { CK_VARCHAR, "utf16", B("\0a"), T("a") },
        { CK_BINARY, NULL, B("\1\2"), T("\1\2\0\0") },
        { CK_VARBINARY, NULL, B("A b "), T("A b ") },
        { CK_DATETIME, NULL, v_text("2026-01-02 03:04:05"), T("2026-01-02 03:04:05.000") },
        { CK_DECIMAL, NULL, v_text("1.50"), T("1.5") },
        { CK_UUID, NULL, v_text("c0ffee00-0000-0000-0000-000000000000"), T("C0FFEE") },
        { CK_YEAR, NULL, v_uint(2026), T("2026") },
        { CK_ENUM, "utf8mb4", v_uint(2), T("label") },
        { CK_SET, "utf8mb4", v_uint(3), T("a,b") },
        { CK_BIT, NULL, v_uint(3), T("\3") },
        { CK_DOUBLE, NULL, { .kind = V_DOUBLE, .d = 0.5 }, T("0.5") },
        { CK_FLOAT, NULL, { .kind = V_FLOAT, .f = 0.5F }, T("0.5") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t event = of_event(cases[i].kind, cases[i].charset, cases[i].v);
        uint64_t text = of_text(cases[i].kind, cases[i].charset, cases[i].text, cases[i].len);
        if (event != text)
            fail_msg("case %zu: %s", i, cases[i].text);
    }
    assert_true(of_event(CK_INT, NULL, v_int(1)) != of_event(CK_INT, NULL, v_int(2)));
    assert_true(of_event(CK_CHAR, "ascii", B("a")) != of_event(CK_CHAR, "ascii", B("b")));
}

/* binlog_row_image=MINIMAL: an after image lacks what did not change. */
static void test_lacking(void **state)
{
    const struct column_of columns[] = { { "a", CK_INT, NULL, NULL, NULL },
                                         { "b", CK_INT, NULL, NULL, NULL } };
    struct table *t = table_of("t", columns, 2, 2);
    struct world w = world_of(&t, 1);
    const struct table_plan *p = plans_find(w.plans, "d", "t");
    const struct value before[] = { v_int(1), v_int(2) };
    const struct value after[] = { { .kind = V_ABSENT }, v_int(3) };
    const struct value whole[] = { v_int(1), v_int(3) };
    uint64_t a = 0, b = 0;

    (void)state;
    assert_true(witness_hash(p, after, before, &a));
    assert_true(witness_hash(p, whole, NULL, &b));
    assert_true(a == b);
    assert_false(witness_hash(p, after, NULL, &a));
    world_done(&w);
}

/* ---- marks ---- */

static struct table *child_of(const char *name, const char *parent, const char *on_delete,
                              const char *on_update)
{
    const struct column_of columns[] = { { "id", CK_INT, NULL, NULL, NULL },
                                         { "p", CK_INT, NULL, NULL, NULL },
                                         { "v", CK_INT, NULL, NULL, NULL } };
    struct table *t = table_of(name, columns, COLUMNS, 1);
    struct foreign_key *fk;

    if (parent == NULL)
        return t;
    t->fks = fk = calloc(1, sizeof(*fk));
    t->fk_count = 1;
    *fk = (struct foreign_key){ .name = strdup("f"),
                                .ref_db = strdup("d"),
                                .ref_table = strdup(parent),
                                .on_delete = strdup(on_delete),
                                .on_update = strdup(on_update),
                                .column_count = 1,
                                .columns = calloc(1, sizeof(char *)),
                                .ref_columns = calloc(1, sizeof(char *)) };
    fk->columns[0] = strdup("p");
    fk->ref_columns[0] = strdup("id");
    return t;
}

/* top <- middle (CASCADE) <- low (SET NULL, CASCADE) <- low2 (RESTRICT); self refers to itself */
static struct world family(void)
{
    struct table *tables[] = { child_of("top", NULL, NULL, NULL),
                               child_of("middle", "top", "CASCADE", "RESTRICT"),
                               child_of("low", "middle", "SET NULL", "CASCADE"),
                               child_of("low2", "low", "RESTRICT", "NO ACTION"),
                               child_of("self", "self", "CASCADE", "CASCADE") };

    return world_of(tables, ARRAY_SIZE(tables));
}

static uint64_t related(const struct touch *t, const char *name)
{
    return touch_related(t, touch_hash_table("d", name));
}

static void test_cascades(void **state)
{
    struct world w = family();
    struct witness wit = { .cascades = true };
    struct err err = { 0 };
    const struct value one[] = { v_int(1), v_int(1), v_int(1) };
    const struct value other[] = { v_int(1), v_int(2), v_int(2) };
    const struct value moved[] = { v_int(2), v_int(1), v_int(1) };
    struct table_plan *top = plans_find(w.plans, "d", "top");
    struct table_plan *middle = plans_find(w.plans, "d", "middle");
    struct table_plan *self = plans_find(w.plans, "d", "self");

    (void)state;
    assert_int_equal(touch_create(path, 0, &wit.map, &err), 0);
    witness_row(&wit, top, 1, NULL, one);
    witness_row(&wit, top, 2, one, other);
    witness_row(&wit, top, 3, one, moved); /* RESTRICT: nothing refers to it */
    assert_int_equal(related(wit.map, "middle"), 0);
    witness_row(&wit, top, 4, one, NULL);
    assert_int_equal(related(wit.map, "middle"), 4);
    assert_int_equal(related(wit.map, "low"), 4);
    assert_int_equal(related(wit.map, "low2"), 0);
    witness_row(&wit, middle, 5, one, moved);
    assert_int_equal(related(wit.map, "middle"), 4);
    assert_int_equal(related(wit.map, "low"), 5);
    assert_int_equal(related(wit.map, "low2"), 0);
    witness_row(&wit, self, 6, one, NULL); /* ends */
    assert_int_equal(related(wit.map, "self"), 6);
    assert_int_equal(related(wit.map, "top"), 0);
    wit.cascades = false; /* the source logs them */
    witness_row(&wit, top, 7, one, NULL);
    assert_int_equal(related(wit.map, "middle"), 4);
    touch_free(wit.map);
    (void)remove(path);
    world_done(&w);
}

static void test_keyless(void **state)
{
    const struct column_of columns[] = { { "a", CK_INT, NULL, NULL, NULL } };
    struct table *t = table_of("t", columns, 1, 0);
    struct world w = world_of(&t, 1);
    struct table_plan *p = plans_find(w.plans, "d", "t");
    struct witness wit = { .cascades = true };
    struct err err = { 0 };
    const struct value row[] = { v_int(1) };

    (void)state;
    assert_int_equal(touch_create(path, 0, &wit.map, &err), 0);
    witness_row(&wit, p, 3, NULL, row);
    assert_int_equal(touch_row(wit.map, touch_hash_table("d", "t")), 3);
    touch_keys_wanted(wit.map, true);
    witness_changed(&wit, p, 3, NULL, row); /* a row of it has no name */
    assert_int_equal(
        touch_change_next(wit.map, &(uint64_t){ 0 }, &(uint64_t){ 0 }, &(struct touch_change){ 0 }),
        0);
    touch_free(wit.map);
    (void)remove(path);
    world_done(&w);
}

/* ---- keys ---- */

static void check_key(enum column_kind kind, struct value v, const char *text, size_t len)
{
    const struct column_of columns[] = { { "k", kind, NULL, NULL, NULL } };
    struct table *t = table_of("t", columns, 1, 1);
    struct world w;
    struct witness wit = { 0 };
    struct err err = { 0 };
    struct touch_change c = { 0 };
    uint64_t from = 0, lost = 0;

    t->number = 9;
    t->columns[0].length = 4;
    w = world_of(&t, 1);
    assert_int_equal(touch_create(path, 0, &wit.map, &err), 0);
    touch_keys_wanted(wit.map, true);
    witness_changed(&wit, plans_find(w.plans, "d", "t"), 3, NULL, &v);
    if (text == NULL) {
        assert_int_equal(touch_change_next(wit.map, &from, &lost, &c), 0);
        assert_int_equal(lost, 1);
    } else {
        assert_int_equal(touch_change_next(wit.map, &from, &lost, &c), 1);
        assert_int_equal(c.table, 9);
        assert_int_equal(c.seq, 3);
        assert_int_equal(c.key_len, len + 4);
        assert_int_equal(c.key[0] | c.key[1] << 8, len);
        assert_memory_equal(c.key + 4, text, len);
    }
    touch_free(wit.map);
    (void)remove(path);
    world_done(&w);
}

static void test_keys(void **state)
{
    char long_text[TOUCH_KEY_MAX];

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    check_key(CK_INT, v_int(-5), T("-5"));
    check_key(CK_INT, v_uint(UINT64_MAX), T("18446744073709551615"));
    check_key(CK_YEAR, v_uint(0), T("0000"));
    check_key(CK_VARCHAR, B("a b"), T("a b"));
    check_key(CK_VARCHAR, B(""), T(""));
    check_key(CK_BINARY, B("\1"), T("\1\0\0\0"));
    check_key(CK_DATE, v_text("2026-01-02"), T("2026-01-02"));
    check_key(CK_VARCHAR, v_bytes(long_text, sizeof(long_text) - 4), long_text,
              sizeof(long_text) - 4);
    check_key(CK_VARCHAR, v_bytes(long_text, sizeof(long_text) - 3), NULL, 0);
    check_key(CK_BIT, v_uint(1), NULL, 0);
    check_key(CK_DOUBLE, (struct value){ .kind = V_DOUBLE, .d = 1 }, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_and_text), cmocka_unit_test(test_lacking),
        cmocka_unit_test(test_cascades),       cmocka_unit_test(test_keyless),
        cmocka_unit_test(test_keys),
    };

    (void)snprintf(path, sizeof(path), "/tmp/witness_test_%d", (int)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
