/* Events of captured binlogs: headers, checksums, and the kinds that are no rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "sample.h"

#include "base/banned.h"

enum { TEXT_MAX = 1 << 16 };

struct seen {
    const char *server;
    struct binlog_format format;
    uint32_t next_pos;
    unsigned counts[256];
    char previous[512], last_gtid[128], rotate_to[128];
    unsigned creates, begins, standalone;
    bool has_sql_mode;
    unsigned inner[256];
};

static void note_gtid(struct seen *s, const struct event *e)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(TEXT_MAX);
    _cleanup_(gtid_set_freep)
    struct gtid_set *set = NULL;
    struct event_gtid g;
    struct err err = { 0 };

    assert_int_equal(event_gtid(&s->format, e, &g, &err), 0);
    assert_int_equal(gtid_set_parse("", g.gtid.mariadb, &set, &err), 0);
    assert_int_equal(gtid_set_add(set, &g.gtid), 0);
    gtid_set_text(set, &b);
    (void)snprintf(s->last_gtid, sizeof(s->last_gtid), "%s", strbuf_str(&b));
    s->standalone += g.standalone;
    if (strcmp(s->server, "mysql97") == 0)
        assert_true(g.sequence_number > 0 && g.last_committed < g.sequence_number);
}

static void note_query(struct seen *s, const struct event *e)
{
    struct event_query q;
    struct err err = { 0 };

    assert_int_equal(event_query(&s->format, e, &q, &err), 0);
    s->has_sql_mode = s->has_sql_mode || (q.has_sql_mode && q.charset_client != 0);
    s->begins += q.sql_len == 5 && memcmp(q.sql, "BEGIN", 5) == 0;
    if (q.sql_len > 12 && memcmp(q.sql, "CREATE TABLE", 12) == 0)
        s->creates++;
    event_query_done(&q);
}

static void note_previous(struct seen *s, const struct event *e)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(TEXT_MAX);
    _cleanup_(gtid_set_freep)
    struct gtid_set *set = NULL;
    struct err err = { 0 };

    assert_int_equal(event_previous_gtids(&s->format, e, &set, &err), 0);
    gtid_set_text(set, &b);
    (void)snprintf(s->previous, sizeof(s->previous), "%s", strbuf_str(&b));
}

static int count_inner(void *ctx, const void *data, size_t len, struct err *err)
{
    struct seen *s = ctx;
    struct event e;

    if (event_parse(&s->format, data, len, &e, err) < 0)
        return -1;
    s->inner[e.type]++;
    return 0;
}

static int look(void *ctx, const uint8_t *data, size_t len)
{
    struct seen *s = ctx;
    struct event_rotate rotate;
    struct err err = { 0 };
    struct event e;

    if (event_parse(&s->format, data, len, &e, &err) < 0)
        fail_msg("%s: %s", s->server, err.message);
    assert_int_equal(e.size, len);
    s->next_pos += e.size;
    assert_int_equal(e.next_pos, s->next_pos);
    s->counts[e.type]++;
    assert_string_not_equal(event_type_name(e.type), "unknown");
    switch (e.type) {
    case EV_FORMAT_DESCRIPTION:
        assert_int_equal(event_format_description(&e, &s->format, &err), 0);
        break;
    case EV_GTID:
    case EV_GTID_TAGGED:
    case EV_MARIA_GTID:
        note_gtid(s, &e);
        break;
    case EV_QUERY:
    case EV_MARIA_QUERY_COMPRESSED:
        note_query(s, &e);
        break;
    case EV_PREVIOUS_GTIDS:
    case EV_MARIA_GTID_LIST:
        note_previous(s, &e);
        break;
    case EV_ROTATE:
        assert_int_equal(event_rotate(&s->format, &e, &rotate, &err), 0);
        assert_int_equal(rotate.pos, 4);
        (void)snprintf(s->rotate_to, sizeof(s->rotate_to), "%s", rotate.file);
        break;
    case EV_TRANSACTION_PAYLOAD:
        assert_int_equal(event_payload_each(&s->format, &e, count_inner, s, &err), 0);
        break;
    default:
        break;
    }
    return 0;
}

static struct seen look_through(const char *server)
{
    struct sample *s = sample_load(server);
    struct seen seen = { .server = server, .next_pos = 4 };

    (void)sample_each(s, look, &seen);
    sample_free(s);
    assert_true(seen.format.known);
    assert_true(seen.format.checksum == (strcmp(server, "mysql56") != 0 || seen.format.checksum));
    return seen;
}

static void events_of_mariadb(void **state)
{
    struct seen s = look_through("mariadb");

    (void)state;
    assert_true(s.format.mariadb);
    assert_non_null(strstr(s.format.server_version, "MariaDB"));
    assert_string_equal(s.rotate_to, "bin.000003");
    assert_int_equal(s.counts[EV_MARIA_GTID_LIST], 1);
    assert_true(s.counts[EV_MARIA_QUERY_COMPRESSED] > 0);
    assert_true(s.counts[EV_MARIA_WRITE_ROWS_COMPRESSED_V1] > 0);
    assert_int_equal(s.creates, 11);
    assert_true(s.standalone >= s.creates);
    assert_true(s.has_sql_mode);
    assert_int_equal(strncmp(s.last_gtid, "0-77-", 5), 0);
}

static void events_of_mysql56(void **state)
{
    struct seen s = look_through("mysql56");

    (void)state;
    assert_false(s.format.mariadb);
    assert_int_equal(strncmp(s.format.server_version, "5.6.", 4), 0);
    assert_int_equal(s.counts[EV_PREVIOUS_GTIDS], 1);
    assert_true(s.counts[EV_GTID] > 0);
    assert_true(s.begins > 0);
    assert_int_equal(s.creates, 8);
    assert_true(s.has_sql_mode);
}

static void events_of_mysql97(void **state)
{
    struct seen s = look_through("mysql97");

    (void)state;
    assert_false(s.format.mariadb);
    assert_true(s.format.checksum);
    assert_int_equal(s.counts[EV_PREVIOUS_GTIDS], 1);
    assert_int_equal(s.counts[EV_GTID_TAGGED], 1);
    assert_int_equal(s.counts[EV_TRANSACTION_PAYLOAD], 1);
    assert_int_equal(s.inner[EV_QUERY], 1);
    assert_int_equal(s.inner[EV_XID], 1);
    assert_true(s.inner[EV_WRITE_ROWS] >= 2);
    assert_int_equal(s.counts[EV_PARTIAL_UPDATE_ROWS], 1);
}

/* A flipped bit anywhere is found, by the checksum or before it. */
static int flip(void *ctx, const uint8_t *data, size_t len)
{
    struct seen *s = ctx;
    struct err err = { 0 };
    struct event e;
    uint8_t *bent = malloc(len);

    assert_non_null(bent);
    for (size_t at = 0; s->format.known && at < len; at++) {
        memcpy(bent, data, len);
        bent[at] ^= (uint8_t)(1U << (at % 8));
        if (event_parse(&s->format, bent, len, &e, &err) == 0 && at != 17)
            fail_msg("byte %zu of a %s event", at, event_type_name(e.type));
    }
    free(bent);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut > 0 ? cut : 1);

        assert_non_null(part);
        memcpy(part, data, cut);
        assert_int_equal(event_parse(&s->format, part, cut, &e, &err), -1);
        assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
        free(part);
    }
    if (event_parse(&s->format, data, len, &e, &err) == 0 && e.type == EV_FORMAT_DESCRIPTION)
        (void)event_format_description(&e, &s->format, &err);
    return s->counts[0]++ == 40; /* enough of them */
}

static void a_flipped_bit_is_found(void **state)
{
    struct sample *s = sample_load("mysql97");
    struct seen seen = { .server = "mysql97" };

    (void)state;
    (void)sample_each(s, flip, &seen);
    sample_free(s);
}

static void before_the_format_a_fitting_checksum_is_one(void **state)
{
    /* an artificial ROTATE to "bin.000001":4, without a checksum */
    static const uint8_t plain[] = { 0, 0,   0,   0,   4,    77,  0,   0,   0,   37,  0,  0, 0,
                                     0, 0,   0,   0,   0x20, 0,   4,   0,   0,   0,   0,  0, 0,
                                     0, 'b', 'i', 'n', '.',  '0', '0', '0', '0', '0', '1' };
    /* the same with one */
    static const uint8_t sum[] = { 0xa9, 0x1a, 0x79, 0x42 };
    uint8_t summed[sizeof(plain) + sizeof(sum)];
    struct binlog_format none = { 0 };
    struct event_rotate r;
    struct err err = { 0 };
    struct event e;

    (void)state;
    assert_int_equal(event_parse(&none, plain, sizeof(plain), &e, &err), 0);
    assert_int_equal(event_rotate(&none, &e, &r, &err), 0);
    assert_string_equal(r.file, "bin.000001");
    memcpy(summed, plain, sizeof(plain));
    summed[9] = sizeof(summed);
    memcpy(summed + sizeof(plain), sum, sizeof(sum));
    assert_int_equal(event_parse(&none, summed, sizeof(summed), &e, &err), 0);
    assert_int_equal(event_rotate(&none, &e, &r, &err), 0);
    assert_string_equal(r.file, "bin.000001");
}

static int refuse(void *ctx, const void *data, size_t len, struct err *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    return err_set(err, ERR_CANCELLED, "enough");
}

/* Payloads that are cut, bent or lie about their length; and a reader that has had enough. */
static int bend_payload(void *ctx, const uint8_t *data, size_t len)
{
    struct seen *s = ctx;
    struct err err = { 0 };
    struct event e;

    assert_int_equal(event_parse(&s->format, data, len, &e, &err), 0);
    if (e.type == EV_FORMAT_DESCRIPTION)
        (void)event_format_description(&e, &s->format, &err);
    if (e.type != EV_TRANSACTION_PAYLOAD)
        return 0;
    assert_int_equal(event_payload_each(&s->format, &e, refuse, NULL, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    for (size_t at = 0; at < e.body_len; at++) {
        uint8_t *bent = malloc(e.body_len);
        struct event b = e;

        assert_non_null(bent);
        memcpy(bent, e.body, e.body_len);
        b.body = bent;
        b.body_len = at;
        assert_int_equal(event_payload_each(&s->format, &b, count_inner, s, &err), -1);
        bent[at] ^= 0x55;
        b.body_len = e.body_len;
        (void)event_payload_each(&s->format, &b, count_inner, s, &err);
        free(bent);
    }
    return 1;
}

static void damaged_payloads_are_errors(void **state)
{
    struct sample *s = sample_load("mysql97");
    struct seen seen = { .server = "mysql97" };

    (void)state;
    assert_int_equal(sample_each(s, bend_payload, &seen), 1);
    sample_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_of_mariadb),
        cmocka_unit_test(events_of_mysql56),
        cmocka_unit_test(events_of_mysql97),
        cmocka_unit_test(a_flipped_bit_is_found),
        cmocka_unit_test(before_the_format_a_fitting_checksum_is_one),
        cmocka_unit_test(damaged_payloads_are_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
