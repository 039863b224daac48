/* Marks, masks and paths: what the first row event of a transaction says, in events made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "tables.h"
#include "workers/incr/mark.h"

#include "base/banned.h"

enum {
    EVENT_MAX = 1024,
    LANE_ID = 1,
    MASK_ID = 2,
    USER_ID = 3,
    CANARY_ID = 4,
    T_TINY = 1,
    T_SHORT = 2,
    T_LONG = 3,
    T_LONGLONG = 8,
    T_VARCHAR = 15
};

struct seen {
    struct group *group;
    struct plans *plans;
    struct catalog *catalog;
    uint64_t offset;
    bool refuse;
    unsigned rows, ends, origins, controls;
    struct group_info info;
    char control[64];
    uint64_t control_n;
};

/* ---- events ---- */

struct body {
    uint8_t at[EVENT_MAX];
    size_t len;
};

static void put(struct body *b, const void *data, size_t len)
{
    assert_true(b->len + len <= sizeof(b->at));
    memcpy(b->at + b->len, data, len);
    b->len += len;
}

static void put_n(struct body *b, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        put(b, &(uint8_t){ (uint8_t)(n >> (8 * i)) }, 1);
}

static void put_text(struct body *b, const char *text)
{
    put_n(b, strlen(text), 1);
    put(b, text, strlen(text));
}

static int send(struct seen *s, unsigned type, const struct body *b, struct err *err)
{
    uint8_t event[EVENT_HEADER_LEN + EVENT_MAX] = { 0 };
    size_t len = EVENT_HEADER_LEN + b->len;
    struct record r = { .kind = RECORD_EVENT,
                        .start = { .file = "bin.000001", .offset = s->offset },
                        .end = { .file = "bin.000001", .offset = s->offset + len },
                        .data = event,
                        .len = len };

    event[4] = (uint8_t)type;
    event[9] = (uint8_t)len;
    event[10] = (uint8_t)(len >> 8);
    memcpy(event + EVENT_HEADER_LEN, b->at, b->len);
    s->offset += len;
    *err = (struct err){ 0 };
    return group_feed(s->group, &r, err);
}

static void ok(struct seen *s, unsigned type, const struct body *b)
{
    struct err err;

    if (send(s, type, b, &err) < 0)
        fail_msg("%s", err.message);
}

static void query(struct seen *s, const char *sql)
{
    struct body b = { .len = 13 };

    b.at[8] = 1;
    put(&b, "d", 2);
    put(&b, sql, strlen(sql));
    ok(s, EV_QUERY, &b);
}

static void map(struct seen *s, unsigned id, const char *db, const char *table,
                const uint8_t *types, size_t count, const uint8_t *meta, size_t meta_len)
{
    struct body b = { .len = 0 };

    put_n(&b, id, 6);
    put_n(&b, 1, 2);
    put_text(&b, db);
    put_n(&b, 0, 1);
    put_text(&b, table);
    put_n(&b, 0, 1);
    put_n(&b, count, 1);
    put(&b, types, count);
    put_n(&b, meta_len, 1);
    put(&b, meta, meta_len);
    put_n(&b, 0, (count + 7) / 8);
    ok(s, EV_TABLE_MAP, &b);
}

static void lane_row(struct body *b, const char *task, const char *path)
{
    put_n(b, 0, 1); /* no NULL */
    put_text(b, task);
    put_n(b, 3, 2);
    put_n(b, 7, 8);
    put_n(b, 1, 1);
    put_n(b, 99, 8);
    put_n(b, 0, 2); /* applied: two bytes of length */
    put_text(b, path);
}

/* @columns  of the images: 0x7f all seven, 0x3f without origin */
static int lane(struct seen *s, const char *schema, const char *task, const char *path,
                unsigned columns, struct err *err)
{
    static const uint8_t types[] = { T_VARCHAR,  T_SHORT,   T_LONGLONG, T_TINY,
                                     T_LONGLONG, T_VARCHAR, T_VARCHAR };
    static const uint8_t meta[] = { 64, 0, 0, 16, 255, 0 };
    struct body b = { .len = 0 };

    map(s, LANE_ID, schema, "cw_lane", types, sizeof(types), meta, sizeof(meta));
    put_n(&b, LANE_ID, 6);
    put_n(&b, 1, 2);
    put_n(&b, 7, 1);
    put_n(&b, columns, 1);
    put_n(&b, columns, 1);
    for (int image = 0; image < 2; image++) {
        size_t before = b.len;

        lane_row(&b, task, path);
        if (columns == 0x3f)
            b.len -= strlen(path) + 1;
        assert_true(b.len > before);
    }
    return send(s, EV_UPDATE_ROWS_V1, &b, err);
}

static void mark(struct seen *s, const char *path)
{
    struct err err;

    if (lane(s, "oms", "np_other/incr", path, 0x7f, &err) < 0)
        fail_msg("%s", err.message);
}

static int user_row(struct seen *s, struct err *err)
{
    static const uint8_t types[] = { T_LONG };
    struct body b = { .len = 0 };

    map(s, USER_ID, "d", "t", types, 1, (const uint8_t *)"", 0);
    put_n(&b, USER_ID, 6);
    put_n(&b, 1, 2);
    put_n(&b, 1, 1);
    put_n(&b, 1, 1);
    put_n(&b, 0, 1);
    put_n(&b, 42, 4);
    return send(s, EV_WRITE_ROWS_V1, &b, err);
}

static void user(struct seen *s)
{
    struct err err;

    if (user_row(s, &err) < 0)
        fail_msg("%s", err.message);
}

static void masked(struct seen *s)
{
    static const uint8_t types[] = { T_SHORT, T_LONGLONG };
    struct body b = { .len = 0 };

    map(s, MASK_ID, "oms", "cw_mask", types, 2, (const uint8_t *)"", 0);
    put_n(&b, MASK_ID, 6);
    put_n(&b, 1, 2);
    put_n(&b, 2, 1);
    put_n(&b, 3, 1);
    put_n(&b, 0, 1);
    put_n(&b, 5, 2);
    put_n(&b, 0, 8);
    ok(s, EV_WRITE_ROWS_V1, &b);
}

static void canary(struct seen *s, const char *task, uint64_t n)
{
    static const uint8_t types[] = { T_VARCHAR, T_LONGLONG, T_LONGLONG };
    static const uint8_t meta[] = { 64, 0 };
    struct body b = { .len = 0 };

    map(s, CANARY_ID, "oms", "cw_canary", types, 3, meta, 2);
    put_n(&b, CANARY_ID, 6);
    put_n(&b, 1, 2);
    put_n(&b, 3, 1);
    put_n(&b, 7, 1);
    put_n(&b, 0, 1);
    put_text(&b, task);
    put_n(&b, n, 8);
    put_n(&b, 1700000000, 8);
    ok(s, EV_WRITE_ROWS_V1, &b);
}

/* ---- the reader ---- */

static int on_begin(void *ctx, const struct group_info *g, struct err *err)
{
    struct seen *s = ctx;

    (void)err;
    assert_int_equal(g->origin, ORIGIN_LOCAL);
    assert_string_equal(g->path, "");
    s->rows = s->origins = s->controls = 0;
    return 0;
}

static int on_rows(void *ctx, const struct group_row_event *e, struct err *err)
{
    struct seen *s = ctx;

    (void)e;
    (void)err;
    assert_int_equal(s->origins, 1); /* told before */
    s->rows++;
    return 0;
}

static int on_savepoint(void *ctx, enum statement_kind kind, const char *name, struct err *err)
{
    (void)ctx;
    (void)kind;
    (void)name;
    (void)err;
    return 0;
}

static int on_statement(void *ctx, const struct group_statement *st, struct err *err)
{
    (void)ctx;
    (void)st;
    (void)err;
    return 0;
}

static int on_end(void *ctx, bool commit, const struct binlog_pos *end, int64_t ts, struct err *err)
{
    struct seen *s = ctx;

    (void)commit;
    (void)end;
    (void)ts;
    (void)err;
    s->ends++;
    return 0;
}

static int on_xa(void *ctx, enum group_xa what, const char *xid, struct err *err)
{
    (void)ctx;
    (void)what;
    (void)xid;
    (void)err;
    return 0;
}

static int on_origin(void *ctx, const struct group_info *g, struct err *err)
{
    struct seen *s = ctx;

    (void)err;
    s->origins++;
    s->info = *g;
    return s->refuse ? 1 : 0;
}

static int on_control(void *ctx, const struct group_control *c, struct err *err)
{
    struct seen *s = ctx;

    (void)err;
    s->controls++;
    s->info = *c->info;
    assert_string_equal(c->table, "cw_canary");
    assert_true(mark_text(c, 0, s->control, sizeof(s->control)));
    assert_true(mark_number(c, 1, &s->control_n));
    assert_false(mark_number(c, 0, &s->control_n));
    assert_false(mark_text(c, 9, s->control, sizeof(s->control)));
    return 0;
}

static const struct group_ops ops = { on_begin, on_rows, on_savepoint, on_statement,
                                      on_end,   on_xa,   on_origin,    on_control };

static int setup(void **state)
{
    static const struct column_of columns[] = { { "id", CK_INT, NULL, NULL, NULL } };
    static struct seen s;
    struct table *t = table_of("t", columns, 1, 1);
    struct body fde = { .len = 57 };
    struct err err = { 0 };

    t->columns[0].type_text = strdup("int(11)");
    t->columns[0].data_type = strdup("int");
    t->columns[0].int_bytes = 4;
    s = (struct seen){ .catalog = catalog_of(&t, 1), .offset = 4 };
    assert_int_equal(plans_new(s.catalog, false, &s.plans, &err), 0);
    assert_int_equal(group_new(s.plans, &ops, &s, 0, &s.group, &err), 0);
    group_set_control(s.group, "oms");
    fde.at[0] = 4;
    memcpy(fde.at + 2, "9.7.0", 5);
    fde.at[56] = EVENT_HEADER_LEN;
    for (int i = 0; i < 171; i++)
        put_n(&fde, 8, 1);
    put_n(&fde, 0, 5);
    ok(&s, EV_FORMAT_DESCRIPTION, &fde);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct seen *s = *state;

    group_free(s->group);
    plans_free(s->plans);
    table_free(s->catalog->tables[0]);
    map_free(s->catalog->by_name);
    free(s->catalog->tables);
    free(s->catalog);
    return 0;
}

/* ---- tests ---- */

static void who_wrote_it(void **state)
{
    struct seen *s = *state;

    query(s, "BEGIN");
    user(s);
    assert_int_equal(s->info.origin, ORIGIN_LOCAL);
    mark(s, "aaaaaaaa"); /* too late: anybody's first row event is what counts */
    user(s);
    query(s, "COMMIT");
    assert_int_equal(s->info.origin, ORIGIN_LOCAL);
    assert_int_equal(s->rows, 2);

    query(s, "BEGIN");
    mark(s, "aaaaaaaa,bbbbbbbb");
    user(s);
    user(s);
    query(s, "COMMIT");
    assert_int_equal(s->info.origin, ORIGIN_MARKED);
    assert_string_equal(s->info.path, "aaaaaaaa,bbbbbbbb");
    assert_string_equal(s->info.mark_task, "np_other/incr");
    assert_int_equal(s->rows, 2);
    assert_int_equal(s->origins, 1);

    query(s, "BEGIN"); /* nothing of the one before is left */
    user(s);
    query(s, "COMMIT");
    assert_int_equal(s->info.origin, ORIGIN_LOCAL);
    assert_string_equal(s->info.path, "");

    query(s, "BEGIN");
    masked(s);
    user(s);
    query(s, "COMMIT");
    assert_int_equal(s->info.origin, ORIGIN_MASKED);
    assert_int_equal(s->ends, 4);
}

static void unwanted_rows_are_not_given(void **state)
{
    struct seen *s = *state;

    s->refuse = true;
    query(s, "BEGIN");
    mark(s, "aaaaaaaa");
    user(s);
    canary(s, "np_1/canary", 5); /* the control schema's are, all the same */
    user(s);
    query(s, "COMMIT");
    assert_int_equal(s->rows, 0);
    assert_int_equal(s->origins, 1);
    assert_int_equal(s->controls, 1);
    assert_string_equal(s->control, "np_1/canary");
    assert_int_equal(s->control_n, 5);
    assert_int_equal(s->ends, 1);
}

static void a_probe_tells_its_mark(void **state)
{
    struct seen *s = *state;

    query(s, "BEGIN");
    mark(s, "tttttttt");
    canary(s, "np_1/canary", 1);
    query(s, "COMMIT");
    assert_int_equal(s->info.origin, ORIGIN_MARKED);
    query(s, "BEGIN");
    canary(s, "np_1/canary", 2);
    query(s, "COMMIT");
    assert_int_equal(s->info.origin, ORIGIN_LOCAL);
    assert_int_equal(s->origins, 0); /* it has no row to be carried */
}

static void a_mark_of_another_schema_is_none(void **state)
{
    struct seen *s = *state;
    struct err err;

    query(s, "BEGIN");
    assert_int_equal(lane(s, "oms2", "np_other/incr", "aaaaaaaa", 0x7f, &err), 0);
    user(s);
    query(s, "COMMIT");
    assert_int_equal(s->info.origin, ORIGIN_LOCAL);
}

/* Without its path a mark can't be read: told when there are rows to be judged by it, not before.
 */
static void a_mark_without_its_path(void **state)
{
    struct seen *s = *state;
    struct err err;

    query(s, "BEGIN");
    assert_int_equal(lane(s, "oms", "np_other/incr", "aaaaaaaa", 0x3f, &err), 0);
    query(s, "COMMIT");
    query(s, "BEGIN");
    assert_int_equal(lane(s, "oms", "np_other/incr", "aaaaaaaa", 0x3f, &err), 0);
    assert_int_equal(user_row(s, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_ROW_IMAGE);
    assert_int_equal(s->rows, 0);
}

static void paths(void **state)
{
    char path[CONTROL_PATH_MAX], node[CONTROL_NODE_MAX], other[CONTROL_NODE_MAX];

    (void)state;
    assert_true(control_path_has("a,bb,c", "a"));
    assert_true(control_path_has("a,bb,c", "bb"));
    assert_true(control_path_has("a,bb,c", "c"));
    assert_false(control_path_has("a,bb,c", "b"));
    assert_false(control_path_has("a,bb,c", "bbb"));
    assert_false(control_path_has("a,bb,c", "a,bb"));
    assert_false(control_path_has("", ""));
    assert_false(control_path_has("a,,c", ""));
    assert_true(control_path_join("", "node", path));
    assert_string_equal(path, "node");
    assert_true(control_path_join("a,b", "node", path));
    assert_string_equal(path, "a,b,node");
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_false(control_path_join(path, "node", (char[CONTROL_PATH_MAX]){ 0 }));
    control_node_of("mariadb:1:0000abcd", node);
    control_node_of("mariadb:2:0000abcd", other);
    assert_int_equal(strlen(node), 9);
    assert_int_equal(node[0], '~');
    assert_string_not_equal(node, other);
}

int main(void)
{
#define EACH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(who_wrote_it),
        EACH(unwanted_rows_are_not_given),
        EACH(a_probe_tells_its_mark),
        EACH(a_mark_of_another_schema_is_none),
        EACH(a_mark_without_its_path),
        cmocka_unit_test(paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
