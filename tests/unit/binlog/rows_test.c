/* Rows of captured binlogs against what the servers themselves show. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "sample.h"

#include "base/banned.h"

enum { MAPS_MAX = 128, LINE_MAX_BYTES = 1 << 20 };

struct reading {
    const struct sample *s;
    struct binlog_format format;
    struct table_map *maps[MAPS_MAX];
    size_t map_count;
    size_t compared; /* rows */
    size_t updates, deletes;
    size_t partial_updates, partial_images;
    bool inside; /* a compressed transaction was seen */
};

static void add_value(struct strbuf *b, const struct value *v)
{
    switch (v->kind) {
    case V_ABSENT:
        strbuf_adds(b, "ABSENT");
        break;
    case V_NULL:
        strbuf_adds(b, "\\N");
        break;
    case V_INT:
        strbuf_addi(b, v->i);
        break;
    case V_UINT:
        strbuf_addu(b, v->u);
        break;
    case V_FLOAT:
        strbuf_addf(b, "%.6g", (double)v->f);
        break;
    case V_DOUBLE:
        strbuf_addf(b, "%.17g", v->d);
        break;
    case V_TEXT:
        strbuf_add(b, v->bytes, v->len);
        break;
    case V_BYTES:
        strbuf_add_hex(b, v->bytes, v->len);
        break;
    }
}

/* `text`: the server's, one value. Numbers may be written in another way there. */
static bool equal(const struct value *v, const char *text, size_t len)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(LINE_MAX_BYTES);
    char buf[64];

    add_value(&b, v);
    if (b.len == len && memcmp(strbuf_str(&b), text, len) == 0)
        return true;
    if (len >= sizeof(buf) || len == 0)
        return false;
    memcpy(buf, text, len);
    buf[len] = '\0';
    if (v->kind == V_FLOAT)
        return strtof(buf, NULL) == strtof(strbuf_str(&b), NULL);
    if (v->kind == V_DOUBLE)
        return strtod(buf, NULL) == v->d;
    return v->kind == V_UINT && strtoull(buf, NULL, 10) == v->u; /* zero-filled */
}

static void compare(struct reading *r, const struct table *t, const struct value *row)
{
    const char *line = sample_line(r->s, t->name, row[0].i);

    if (line == NULL)
        return; /* changed or deleted since */
    line = strchr(line, '\t') + 1;
    for (size_t i = 0; i < t->column_count; i++) {
        size_t len = strcspn(line, "\t");

        if (!equal(&row[i], line, len)) {
            _cleanup_(strbuf_done)
            struct strbuf b = STRBUF(LINE_MAX_BYTES);

            add_value(&b, &row[i]);
            fail_msg("%s %s.%s id=%" PRId64 ": decoded %s, the server shows %.*s", r->s->server,
                     t->name, t->columns[i].name, row[0].i, strbuf_str(&b), (int)len, line);
        }
        line += len + (line[len] == '\t');
    }
    assert_int_equal(*line, '\0');
    r->compared++;
}

static void take_map(struct reading *r, const struct event *e)
{
    struct table_map *m = NULL;
    struct err err = { 0 };
    struct table *t;

    if (table_map_parse(&r->format, e, &m, &err) < 0)
        fail_msg("%s: %s", r->s->server, err.message);
    t = sample_table(r->s, m->table);
    if (t != NULL && table_map_check(m, t, &err) < 0)
        fail_msg("%s: %s", r->s->server, err.message);
    for (size_t i = 0; i < r->map_count; i++) {
        if (r->maps[i]->table_id == m->table_id) {
            table_map_free(r->maps[i]);
            r->maps[i] = m;
            return;
        }
    }
    assert_true(r->map_count < MAPS_MAX);
    r->maps[r->map_count++] = m;
}

/* Of {"a": 1, "b": "0123456789"} only "$.a" is in the event. */
static void check_partial(struct reading *r, const struct value *after)
{
    static const char want[] = "{\"a\": 2, \"b\": \"0123456789\"}";

    r->partial_updates++;
    assert_int_equal(after[1].kind, V_TEXT);
    assert_int_equal(after[1].len, sizeof(want) - 1);
    assert_memory_equal(after[1].bytes, want, after[1].len);
}

static void take_rows(struct reading *r, const struct event *e)
{
    _cleanup_(rows_closep)
    struct rows *rows = NULL;
    const struct table_map *m = NULL;
    const struct value *before, *after;
    const struct table *t;
    struct err err = { 0 };
    int got;

    for (size_t i = 0; i < r->map_count; i++)
        if (r->maps[i]->table_id == rows_table_id(&r->format, e, NULL))
            m = r->maps[i];
    assert_non_null(m);
    t = sample_table(r->s, m->table);
    assert_non_null(t);
    assert_int_equal(rows_open(&r->format, e, m, t, &rows, &err), 0);
    while ((got = rows_next(rows, &before, &after, &err)) > 0) {
        r->updates += before != NULL && after != NULL;
        if (e->type == EV_PARTIAL_UPDATE_ROWS)
            check_partial(r, after);
        r->deletes += after == NULL;
        if (before == NULL && strcmp(t->columns[0].name, "id") == 0)
            compare(r, t, after);
    }
    if (got < 0) {
        assert_int_equal(err.code, ERR_BINLOG_ROW_IMAGE);
        r->partial_images++;
    }
}

static int take_event(void *ctx, const uint8_t *data, size_t len);

static int take_inner(void *ctx, const void *data, size_t len, struct err *err)
{
    struct reading *r = ctx;

    (void)err;
    r->inside = true;
    (void)take_event(r, data, len);
    return 0;
}

static int take_event(void *ctx, const uint8_t *data, size_t len)
{
    struct reading *r = ctx;
    struct err err = { 0 };
    struct event e;

    if (event_parse(&r->format, data, len, &e, &err) < 0)
        fail_msg("%s: %s", r->s->server, err.message);
    switch (e.type) {
    case EV_FORMAT_DESCRIPTION:
        assert_int_equal(event_format_description(&e, &r->format, &err), 0);
        break;
    case EV_TABLE_MAP:
        take_map(r, &e);
        break;
    case EV_TRANSACTION_PAYLOAD:
        if (event_payload_each(&r->format, &e, take_inner, r, &err) < 0)
            fail_msg("%s: %s", r->s->server, err.message);
        break;
    case EV_WRITE_ROWS_V1:
    case EV_UPDATE_ROWS_V1:
    case EV_DELETE_ROWS_V1:
    case EV_WRITE_ROWS:
    case EV_UPDATE_ROWS:
    case EV_DELETE_ROWS:
    case EV_PARTIAL_UPDATE_ROWS:
    case EV_MARIA_WRITE_ROWS_COMPRESSED_V1:
    case EV_MARIA_UPDATE_ROWS_COMPRESSED_V1:
    case EV_MARIA_DELETE_ROWS_COMPRESSED_V1:
        take_rows(r, &e);
        break;
    default:
        break;
    }
    return 0;
}

static struct reading read_sample(const char *server)
{
    struct sample *s = sample_load(server);
    struct reading r = { .s = s };

    (void)sample_each(s, take_event, &r);
    for (size_t i = 0; i < r.map_count; i++)
        table_map_free(r.maps[i]);
    sample_free(s);
    return r;
}

static void rows_are_what_mariadb_shows(void **state)
{
    struct reading r = read_sample("mariadb");

    (void)state;
    assert_int_equal(r.compared, 40);
    assert_int_equal(r.updates, 1);
    assert_int_equal(r.deletes, 1);
}

static void rows_are_what_mysql56_shows(void **state)
{
    struct reading r = read_sample("mysql56");

    (void)state;
    assert_int_equal(r.compared, 29);
    assert_int_equal(r.updates, 1);
    assert_int_equal(r.deletes, 1);
}

static void rows_are_what_mysql97_shows(void **state)
{
    struct reading r = read_sample("mysql97");

    (void)state;
    assert_int_equal(r.compared, 54);
    assert_true(r.inside);
    assert_int_equal(r.partial_updates, 1);
    assert_int_equal(r.partial_images, 1);
}

/* ---------------------------------------------------------------- the table against its map */

struct mismatch {
    const char *table;
    void (*bend)(struct table *t);
    const char *column; /* named in the message */
};

static void fewer_columns(struct table *t)
{
    t->column_count--;
}
static void other_int(struct table *t)
{
    t->columns[1].int_bytes = 2;
}
static void other_sign(struct table *t)
{
    t->columns[1].is_unsigned = true;
}
static void other_scale(struct table *t)
{
    t->columns[4].scale = 3;
}
static void other_fraction(struct table *t)
{
    t->columns[4].fraction = 3;
}
static void other_width(struct table *t)
{
    t->columns[3].octets += 4;
}
static void other_blob(struct table *t)
{
    t->columns[10].data_type[0] = 'x';
}
static void other_kind(struct table *t)
{
    t->columns[1].kind = CK_DATE;
}
static void other_name(struct table *t)
{
    t->columns[2].name[0] = 'Q';
}

struct search {
    const char *table;
    struct binlog_format format;
    struct table_map *map;
};

static int find_map(void *ctx, const uint8_t *data, size_t len)
{
    struct search *f = ctx;
    struct err err = { 0 };
    struct event e;

    assert_int_equal(event_parse(&f->format, data, len, &e, &err), 0);
    if (e.type == EV_FORMAT_DESCRIPTION)
        assert_int_equal(event_format_description(&e, &f->format, &err), 0);
    if (e.type != EV_TABLE_MAP)
        return 0;
    assert_int_equal(table_map_parse(&f->format, &e, &f->map, &err), 0);
    if (strcmp(f->map->table, f->table) == 0)
        return 1;
    table_map_free(f->map);
    return 0;
}

static void a_table_that_does_not_fit_is_refused_by_name(void **state)
{
    static const struct mismatch cases[] = {
        { "ints", fewer_columns, "columns" }, { "ints", other_int, "(a)" },
        { "ints", other_sign, "(a)" },        { "ints", other_name, "(Q)" },
        { "ints", other_kind, "(a)" },        { "decs", other_scale, "(d)" },
        { "temps", other_fraction, "(t2)" },  { "strs", other_width, "(vc)" },
        { "strs", other_blob, "(tt)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sample *s = sample_load("mysql97");
        struct search f = { .table = cases[i].table };
        struct table *t = sample_table(s, cases[i].table);
        struct err err = { 0 };

        assert_int_equal(sample_each(s, find_map, &f), 1);
        assert_int_equal(table_map_check(f.map, t, &err), 0);
        cases[i].bend(t);
        assert_int_equal(table_map_check(f.map, t, &err), -1);
        assert_int_equal(err.code, ERR_SCHEMA_MISMATCH);
        assert_non_null(strstr(err.message, cases[i].table));
        if (strstr(err.message, cases[i].column) == NULL)
            fail_msg("%s", err.message);
        if (cases[i].bend == fewer_columns)
            t->column_count++; /* for its free */
        table_map_free(f.map);
        sample_free(s);
    }
}

/* Cut at the front and bent at every byte: an error or other values, never a read past the end. */
static int bend_event(void *ctx, const uint8_t *data, size_t len)
{
    struct reading *r = ctx;
    struct binlog_format plain;
    struct err err = { 0 };
    struct event e;

    assert_int_equal(event_parse(&r->format, data, len, &e, &err), 0);
    if (e.type == EV_FORMAT_DESCRIPTION)
        return event_format_description(&e, &r->format, &err);
    if (e.type == EV_TABLE_MAP)
        take_map(r, &e);
    if (e.type != EV_TABLE_MAP && (e.type < EV_WRITE_ROWS_V1 || r->map_count == 0))
        return 0;
    plain = r->format;
    plain.checksum = false;
    for (size_t at = 0; at < e.body_len; at++) {
        uint8_t *bent = malloc(e.body_len); /* exact, so that ASan sees a byte too far */
        struct event b = e;

        assert_non_null(bent);
        memcpy(bent, e.body, e.body_len);
        bent[at] ^= (uint8_t)(1 + at * 37);
        for (unsigned cut = 0; cut < 2; cut++) {
            struct table_map *m = NULL;
            struct rows *rows = NULL;
            const struct value *v1, *v2;

            b.body = cut ? bent + at : bent; /* cut: the tail, so that the end is the block's */
            b.body_len = cut ? e.body_len - at : e.body_len;
            if (e.type == EV_TABLE_MAP) {
                if (table_map_parse(&plain, &b, &m, &err) == 0)
                    table_map_free(m);
                continue;
            }
            m = r->maps[r->map_count - 1];
            if (rows_open(&plain, &b, m, sample_table(r->s, m->table), &rows, &err) == 0)
                while (rows_next(rows, &v1, &v2, &err) > 0)
                    ;
            rows_close(rows);
        }
        free(bent);
    }
    return 0;
}

static void bent_events_never_read_too_far(void **state)
{
    static const char *const servers[] = { "mariadb", "mysql56", "mysql97" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        struct sample *s = sample_load(servers[i]);
        struct reading r = { .s = s };

        assert_int_equal(sample_each(s, bend_event, &r), 0);
        for (size_t k = 0; k < r.map_count; k++)
            table_map_free(r.maps[k]);
        sample_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_what_mariadb_shows),
        cmocka_unit_test(rows_are_what_mysql56_shows),
        cmocka_unit_test(rows_are_what_mysql97_shows),
        cmocka_unit_test(a_table_that_does_not_fit_is_refused_by_name),
        cmocka_unit_test(bent_events_never_read_too_far),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
