/* Captured binlogs cut off or bent at any place: an error, never a crash, never another row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/util.h"
#include "sample.h"

#include "base/banned.h"

enum { MAGIC_LEN = 4, SIZE_OFFSET = 9, CHECKSUM_LEN = 4, MAPS_MAX = 64, BENT = 600, CUTS = 150 };

struct walk {
    struct binlog_format format;
    struct table_map *maps[MAPS_MAX];
    size_t map_count;
    bool unsummed; /* checksums are cut off: damage shows, if at all, in what is read */
    unsigned depth;
    unsigned rows;
};

static int take(struct walk *w, const uint8_t *data, size_t len, struct err *err);

static int inner(void *ctx, const void *data, size_t len, struct err *err)
{
    struct walk *w = ctx;
    int r;

    if (w->depth > 0)
        return err_set(err, ERR_BINLOG_MALFORMED, "a payload in a payload");
    w->depth++;
    r = take(w, data, len, err);
    w->depth--;
    return r;
}

static int take_rows(struct walk *w, const struct event *e, struct err *err)
{
    uint64_t id = rows_table_id(&w->format, e, NULL);
    const struct value *before, *after;
    struct rows *r = NULL;
    int got = 0;

    for (size_t i = w->map_count; i-- > 0;) {
        if (w->maps[i]->table_id != id)
            continue;
        if (rows_open(&w->format, e, w->maps[i], NULL, &r, err) < 0)
            return -1;
        while ((got = rows_next(r, &before, &after, err)) > 0)
            w->rows++;
        rows_close(r);
        return got < 0 && err->code != ERR_BINLOG_ROW_IMAGE ? -1 : 0; /* the captured have such */
    }
    return 0; /* of a table nobody asked for */
}

static int take_map(struct walk *w, const struct event *e, struct err *err)
{
    if (w->map_count == MAPS_MAX)
        return err_set(err, ERR_LIMIT, "more tables than the files have");
    if (table_map_parse(&w->format, e, &w->maps[w->map_count], err) < 0)
        return -1;
    w->map_count++;
    return 0;
}

static int take_query(struct walk *w, const struct event *e, struct err *err)
{
    struct event_query q;

    if (event_query(&w->format, e, &q, err) < 0)
        return -1;
    event_query_done(&q);
    return 0;
}

static bool is_rows(enum event_type type)
{
    return (type >= EV_WRITE_ROWS_V1 && type <= EV_DELETE_ROWS_V1) ||
           (type >= EV_WRITE_ROWS && type <= EV_DELETE_ROWS) || type == EV_PARTIAL_UPDATE_ROWS ||
           (type >= EV_MARIA_WRITE_ROWS_COMPRESSED_V1 && type <= EV_MARIA_DELETE_ROWS_COMPRESSED);
}

/* One event as the relay and the reader of transactions take it. */
static int take(struct walk *w, const uint8_t *data, size_t len, struct err *err)
{
    struct event_rotate rotate;
    struct event_gtid gtid;
    struct event e;
    int r;

    if (event_parse(&w->format, data, len, &e, err) < 0)
        return -1;
    if (e.type == EV_FORMAT_DESCRIPTION) {
        r = event_format_description(&e, &w->format, err);
        if (w->unsummed)
            w->format.checksum = false;
        return r;
    }
    if (e.type == EV_TABLE_MAP)
        return take_map(w, &e, err);
    if (e.type == EV_QUERY || e.type == EV_MARIA_QUERY_COMPRESSED)
        return take_query(w, &e, err);
    if (e.type == EV_TRANSACTION_PAYLOAD)
        return event_payload_each(&w->format, &e, inner, w, err);
    if (e.type == EV_ROTATE)
        return event_rotate(&w->format, &e, &rotate, err);
    if (e.type == EV_GTID || e.type == EV_ANONYMOUS_GTID || e.type == EV_GTID_TAGGED ||
        e.type == EV_MARIA_GTID)
        return event_gtid(&w->format, &e, &gtid, err);
    return is_rows(e.type) ? take_rows(w, &e, err) : 0;
}

/* A copy of exactly its size, so that a sanitizer sees the first byte behind it being read. */
static int take_copy(struct walk *w, const uint8_t *data, size_t len, struct err *err)
{
    _cleanup_(freep)
    uint8_t *copy = malloc(len);

    assert_non_null(copy);
    memcpy(copy, data, len);
    if (w->unsummed && w->format.known && len >= EVENT_HEADER_LEN + CHECKSUM_LEN) {
        len -= CHECKSUM_LEN;
        for (unsigned i = 0; i < 4; i++)
            copy[SIZE_OFFSET + i] = (uint8_t)(len >> (8 * i));
    }
    return take(w, copy, len, err);
}

/*
 * The whole file. The lengths of events are those of the undamaged file: a server sends each in a
 * packet of its own, so that damage to a length does not move what follows.
 */
static int walk(const struct sample *s, const uint8_t *bytes, size_t len, bool unsummed,
                unsigned *ret_rows, struct err *err)
{
    struct walk w = { .unsummed = unsummed };
    int r = 0;

    for (size_t at = MAGIC_LEN; at < len && r == 0;) {
        struct cursor c = cursor_of((const uint8_t *)s->binlog + at + SIZE_OFFSET, 4);
        size_t size = (size_t)cursor_le(&c, 4);

        r = take_copy(&w, bytes + at, MIN(size, len - at), err);
        at += size;
    }
    for (size_t i = 0; i < w.map_count; i++)
        table_map_free(w.maps[i]);
    *ret_rows = w.rows;
    return r;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 33;
}

static bool at_event_start(const struct sample *s, size_t place)
{
    size_t at = MAGIC_LEN;

    while (at < place) {
        struct cursor c = cursor_of((const uint8_t *)s->binlog + at + SIZE_OFFSET, 4);

        at += (size_t)cursor_le(&c, 4);
    }
    return at == place;
}

static void expect_refused(const struct sample *s, const char *what, size_t place, int r,
                           const struct err *err)
{
    if (r == 0)
        fail_msg("%s: %s at byte %zu was not noticed", s->server, what, place);
    if (err->code != ERR_BINLOG_CHECKSUM && err->code != ERR_BINLOG_MALFORMED &&
        err->code != ERR_BINLOG_EVENT)
        fail_msg("%s: %s at byte %zu: %s", s->server, what, place, err->message);
}

static void cut(const struct sample *s, unsigned rows)
{
    const uint8_t *file = (const uint8_t *)s->binlog;
    uint64_t random = 17;

    for (unsigned n = 0; n < CUTS; n++) {
        size_t place = MAGIC_LEN + 1 + next_random(&random) % (s->binlog_len - MAGIC_LEN - 1);
        struct err err = { 0 };
        unsigned got;
        int r = walk(s, file, place, false, &got, &err);

        assert_true(got <= rows);
        if (at_event_start(s, place))
            assert_int_equal(r, 0);
        else
            expect_refused(s, "a cut", place, r, &err);
        err_reset(&err);
        (void)walk(s, file, place, true, &got, &err);
        err_reset(&err);
    }
}

static void bend(const struct sample *s, unsigned rows)
{
    _cleanup_(freep)
    uint8_t *bent = malloc(s->binlog_len);
    uint64_t random = 18;

    assert_non_null(bent);
    memcpy(bent, s->binlog, s->binlog_len);
    for (unsigned n = 0; n < BENT; n++) {
        size_t place = MAGIC_LEN + next_random(&random) % (s->binlog_len - MAGIC_LEN);
        uint8_t bit = (uint8_t)(1U << next_random(&random) % 8);
        struct err err = { 0 };
        unsigned got;

        bent[place] ^= bit;
        expect_refused(s, "a bent bit", place, walk(s, bent, s->binlog_len, false, &got, &err),
                       &err);
        assert_true(got <= rows);
        err_reset(&err);
        (void)walk(s, bent, s->binlog_len, true, &got, &err); /* any end but a crash */
        err_reset(&err);
        bent[place] ^= bit;
    }
}

static void damaged(const char *server)
{
    struct sample *s = sample_load(server);
    struct err err = { 0 };
    unsigned rows, unsummed;

    if (walk(s, (const uint8_t *)s->binlog, s->binlog_len, false, &rows, &err) < 0 ||
        walk(s, (const uint8_t *)s->binlog, s->binlog_len, true, &unsummed, &err) < 0)
        fail_msg("%s, undamaged: %s", server, err.message);
    if (rows < 20 || rows != unsummed)
        fail_msg("%s: %u rows, %u without checksums", server, rows, unsummed);
    cut(s, rows);
    bend(s, rows);
    sample_free(s);
}

static void of_mariadb(void **state)
{
    (void)state;
    damaged("mariadb");
}

static void of_mysql56(void **state)
{
    (void)state;
    damaged("mysql56");
}

static void of_mysql97(void **state)
{
    (void)state;
    damaged("mysql97");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_mariadb),
        cmocka_unit_test(of_mysql56),
        cmocka_unit_test(of_mysql97),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
