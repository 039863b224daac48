/* The stream of one dump connection, made by hand: positions, gaps, rotations, heartbeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/log.h"
#include "workers/relay/pull.h"

#include "base/banned.h"

enum { EVENT_MAX = 512, ARTIFICIAL = 0x20 };

struct stream {
    char dir[64];
    struct relay_writer *writer;
    struct pull pull;
    uint8_t event[EVENT_MAX];
    size_t len;
};

static int setup(void **state)
{
    struct stream *s = calloc(1, sizeof(*s));
    struct relay_writer_options o = { .source_uuid = "source", .segment_bytes = 1 << 20 };
    struct binlog_pos end;
    struct err err = { 0 };

    assert_non_null(s);
    (void)snprintf(s->dir, sizeof(s->dir), "/tmp/pull_test.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    log_setup(LOG_ERROR, LOG_LOGFMT);
    o.dir = s->dir;
    assert_int_equal(relay_writer_open(&o, &s->writer, &end, &err), 0);
    s->pull.writer = s->writer;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct stream *s = *state;
    struct err err = { 0 };

    relay_writer_close(s->writer);
    (void)fs_remove_tree(s->dir, &err);
    free(s);
    return 0;
}

static struct binlog_pos at(const char *file, uint64_t offset)
{
    struct binlog_pos p = { .offset = offset };

    (void)snprintf(p.file, sizeof(p.file), "%s", file);
    return p;
}

static void put(struct stream *s, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        s->event[s->len++] = (uint8_t)(v >> (8 * i));
}

static void put_bytes(struct stream *s, const void *data, size_t len)
{
    memcpy(s->event + s->len, data, len);
    s->len += len;
}

/* A header; the length is filled in by send(). */
static void begin(struct stream *s, unsigned type, uint32_t next_pos, unsigned flags)
{
    s->len = 0;
    put(s, 1700000000, 4);
    put(s, type, 1);
    put(s, 7, 4);
    put(s, 0, 4);
    put(s, next_pos, 4);
    put(s, flags, 2);
}

static int send_event(struct stream *s, struct err *err)
{
    for (unsigned i = 0; i < 4; i++)
        s->event[9 + i] = (uint8_t)(s->len >> (8 * i));
    return pull_event(&s->pull, s->event, s->len, err);
}

static void must(struct stream *s, int want)
{
    struct err err = { 0 };
    int got = send_event(s, &err);

    if (got != want)
        fail_msg("%d: %s", got, err.message);
}

static void must_fail(struct stream *s, const char *message)
{
    struct err err = { 0 };

    assert_int_equal(send_event(s, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
    if (strstr(err.message, message) == NULL)
        fail_msg("%s", err.message);
}

static void rotate(struct stream *s, const char *file, uint64_t offset, uint32_t next_pos)
{
    begin(s, EV_ROTATE, next_pos, next_pos == 0 ? ARTIFICIAL : 0);
    put(s, offset, 8);
    put_bytes(s, file, strlen(file));
}

static void format_of(struct stream *s, const char *server, uint32_t next_pos)
{
    char version[50] = { 0 };

    (void)snprintf(version, sizeof(version), "%s", server);
    begin(s, EV_FORMAT_DESCRIPTION, next_pos, 0);
    put(s, 4, 2);
    put_bytes(s, version, sizeof(version));
    put(s, 0, 4);
    put(s, 19, 1);
    for (unsigned i = 0; i < 42; i++)
        put(s, 8, 1);
    put(s, 0, 1); /* no checksum */
    put(s, 0, 4);
}

static void format(struct stream *s, uint32_t next_pos)
{
    format_of(s, "8.0.30", next_pos);
}

enum { FORMAT_LEN = 19 + 57 + 42 + 5, XID_LEN = 27, GTID_LEN = 19 + 25 };

static void xid(struct stream *s, uint64_t end)
{
    begin(s, EV_XID, (uint32_t)end, 0);
    put(s, 1, 8);
}

static void gtid(struct stream *s, uint64_t number, uint64_t end)
{
    uint8_t uuid[16] = { 0x11 };

    begin(s, EV_GTID, (uint32_t)end, 0);
    put(s, 1, 1);
    put_bytes(s, uuid, sizeof(uuid));
    put(s, number, 8);
}

static void heartbeat(struct stream *s, const char *file, uint32_t next_pos)
{
    begin(s, EV_HEARTBEAT, next_pos, 0);
    put_bytes(s, file, strlen(file));
}

/* A connection that asked for `from` and got there. */
static void connect_at(struct stream *s, struct binlog_pos from)
{
    struct binlog_pos ask;

    pull_start(&s->pull, &from, NULL, &ask);
    rotate(s, from.file, ask.offset, 0);
    must(s, PULL_EVENT);
    format(s, ask.offset == 4 ? 4 + FORMAT_LEN : 0);
    must(s, PULL_EVENT);
}

/* Every event that was stored, as "start-end" texts. */
static void expect_stored(struct stream *s, const char *const *want, size_t count)
{
    _cleanup_(relay_reader_closep)
    struct relay_reader *r = NULL;
    struct binlog_pos from = { 0 };
    struct err err = { 0 };
    struct record rec;
    size_t n = 0;

    assert_int_equal(relay_writer_flush(s->writer, false, &err), 0);
    assert_int_equal(relay_reader_open(s->dir, &from, &r, &err), 0);
    while (relay_reader_next(r, &rec, &err) > 0) {
        char text[320];

        if (rec.kind != RECORD_EVENT || binlog_pos_cmp(&rec.start, &rec.end) == 0)
            continue;
        (void)snprintf(text, sizeof(text), "%s:%llu-%s:%llu", rec.start.file,
                       (unsigned long long)rec.start.offset, rec.end.file,
                       (unsigned long long)rec.end.offset);
        if (n >= count)
            fail_msg("more than expected: %s", text);
        assert_string_equal(text, want[n++]);
    }
    assert_int_equal(n, count);
}

static void events_are_stored_where_they_stand(void **state)
{
    static const char *const want[] = { "bin.000001:1000-bin.000001:1027",
                                        "bin.000001:1027-bin.000002:4",
                                        "bin.000002:4-bin.000002:127",
                                        "bin.000002:127-bin.000002:154" };
    struct stream *s = *state;

    connect_at(s, at("bin.000001", 1000));
    xid(s, 1027);
    must(s, PULL_EVENT);
    rotate(s, "bin.000002", 4, 1027 + 37);
    must(s, PULL_EVENT);
    rotate(s, "bin.000002", 4, 0);
    must(s, PULL_EVENT);
    format(s, 4 + FORMAT_LEN);
    must(s, PULL_EVENT);
    xid(s, 4 + FORMAT_LEN + XID_LEN);
    must(s, PULL_EVENT);
    expect_stored(s, want, ARRAY_SIZE(want));
}

static void what_is_not_next_is_refused(void **state)
{
    struct stream *s = *state;

    connect_at(s, at("bin.000001", 1000));
    xid(s, 1027);
    must(s, PULL_EVENT);
    must_fail(s, "begins at 1000 where bin.000001:1027"); /* again */
    xid(s, 1027 + XID_LEN + 5);
    must_fail(s, "begins at 1032"); /* five bytes are missing */
    rotate(s, "bin.000001", 500, 0);
    must_fail(s, "went back");
    xid(s, 1027 + XID_LEN);
    must(s, PULL_EVENT);
}

static void another_place_than_asked_for_is_refused(void **state)
{
    struct stream *s = *state;
    struct binlog_pos from = at("bin.000003", 1000), ask;

    pull_start(&s->pull, &from, NULL, &ask);
    rotate(s, "bin.000004", 4, 0);
    must_fail(s, "asked for bin.000003:1000");
}

static void a_new_file_without_a_rotate_is_followed(void **state)
{
    static const char *const want[] = { "bin.000001:1000-bin.000001:1027",
                                        "bin.000002:4-bin.000002:127" };
    struct stream *s = *state;

    connect_at(s, at("bin.000001", 1000));
    xid(s, 1027);
    must(s, PULL_EVENT);
    rotate(s, "bin.000002", 4, 0); /* the server crashed between */
    must(s, PULL_EVENT);
    format(s, 4 + FORMAT_LEN);
    must(s, PULL_EVENT);
    expect_stored(s, want, ARRAY_SIZE(want));
}

/* What was stored last, as the writer tells it, when the connection was lost behind it. */
static struct relay_last stored_xid(struct stream *s, uint64_t end)
{
    connect_at(s, at("bin.000001", 1000));
    xid(s, end);
    must(s, PULL_EVENT);
    return *relay_writer_last(s->writer);
}

static void reconnect(struct stream *s, const struct relay_last *proof)
{
    struct binlog_pos from = pull_resume(&s->pull), ask;

    pull_start(&s->pull, &from, proof, &ask);
    assert_int_equal(ask.offset, 1000);
    rotate(s, "bin.000001", 1000, 0);
    must(s, PULL_EVENT);
    format(s, 0);
    must(s, PULL_EVENT);
}

static void the_last_event_is_asked_for_again(void **state)
{
    static const char *const want[] = { "bin.000001:1000-bin.000001:1027",
                                        "bin.000001:1027-bin.000001:1054" };
    struct stream *s = *state;
    struct relay_last proof = stored_xid(s, 1027);

    reconnect(s, &proof);
    assert_false(pull_proven(&s->pull));
    xid(s, 1027);
    must(s, PULL_EVENT); /* not stored again */
    assert_true(pull_proven(&s->pull));
    xid(s, 1054);
    must(s, PULL_EVENT);
    expect_stored(s, want, ARRAY_SIZE(want));
}

static void another_event_in_its_place_is_another_binlog(void **state)
{
    struct stream *s = *state;
    struct relay_last proof = stored_xid(s, 1027);
    struct err err = { 0 };

    reconnect(s, &proof);
    xid(s, 1027);
    s->event[0] ^= 1; /* a second later */
    assert_int_equal(send_event(s, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_RESET);
    assert_false(pull_proven(&s->pull));
}

static void in_a_later_era_files_begin_again(void **state)
{
    static const char *const want[] = { "bin.000009:1000-bin.000009:1027",
                                        "bin.000002:4-bin.000002:127",
                                        "bin.000002:500-bin.000002:527" };
    struct stream *s = *state;
    struct binlog_pos ask, other = { .era = 1 };
    struct err err = { 0 };

    connect_at(s, at("bin.000009", 1000));
    xid(s, 1027);
    must(s, PULL_EVENT);
    assert_int_equal(relay_writer_source(s->writer, "another", &err), 0);
    s->pull.pos = other;
    s->pull.from = (struct binlog_pos){ 0 };
    pull_start(&s->pull, &other, relay_writer_last(s->writer), &ask);
    assert_string_equal(ask.file, "");
    rotate(s, "bin.000002", 4, 0);
    must(s, PULL_EVENT);
    format(s, 4 + FORMAT_LEN);
    must(s, PULL_EVENT);
    xid(s, 527); /* by GTID: what we have is left out */
    must(s, PULL_EVENT);
    assert_int_equal(pull_resume(&s->pull).era, 1);
    expect_stored(s, want, ARRAY_SIZE(want));
}

static void mariadb_gtid(struct stream *s, uint64_t number, uint64_t end)
{
    begin(s, EV_MARIA_GTID, (uint32_t)end, 0);
    put(s, number, 8);
    put(s, 0, 4); /* domain */
    put(s, 0, 7);
}

/* A connection lost on the way is begun again by GTID, not at the head of the file it had got to.
 */
static void mariadb_stores_nothing_on_the_way(void **state)
{
    static const char *const want[] = { "bin.000003:700-bin.000003:738" };
    struct stream *s = *state;
    struct binlog_pos nowhere = { .era = 1 }, ask;

    pull_start(&s->pull, &nowhere, NULL, &ask);
    rotate(s, "bin.000002", 4, 0);
    must(s, PULL_EVENT);
    format_of(s, "10.11.11-MariaDB", 4 + FORMAT_LEN);
    must(s, PULL_EVENT);
    assert_string_equal(pull_resume(&s->pull).file, "");
    assert_int_equal(pull_resume(&s->pull).era, 1);
    rotate(s, "bin.000003", 4, 600);
    must(s, PULL_EVENT);
    rotate(s, "bin.000003", 4, 0);
    must(s, PULL_EVENT);
    format_of(s, "10.11.11-MariaDB", 4 + FORMAT_LEN);
    must(s, PULL_EVENT);
    mariadb_gtid(s, 9, 738);
    must(s, PULL_EVENT);
    assert_string_equal(pull_resume(&s->pull).file, "bin.000003");
    assert_int_equal(pull_resume(&s->pull).offset, 738);
    assert_int_equal(pull_resume(&s->pull).era, 1);
    expect_stored(s, want, ARRAY_SIZE(want));
}

static void a_heartbeat_where_we_are_means_idle(void **state)
{
    struct stream *s = *state;

    connect_at(s, at("bin.000001", 1000));
    heartbeat(s, "bin.000001", 1000);
    must(s, PULL_IDLE);
    heartbeat(s, "bin.000001", 0); /* past 4 GiB it does not tell */
    must(s, PULL_IDLE);
    xid(s, 1027);
    must(s, PULL_EVENT);
    heartbeat(s, "bin.000001", 5000); /* not there yet: no proof */
    must(s, PULL_EVENT);
}

static void by_gtid_what_is_left_out_is_no_gap(void **state)
{
    static const char *const want[] = { "bin.000009:4-bin.000009:127",
                                        "bin.000009:9000-bin.000009:9027" };
    struct stream *s = *state;
    struct binlog_pos nowhere = { 0 }, ask;

    pull_start(&s->pull, &nowhere, NULL, &ask);
    assert_string_equal(ask.file, "");
    rotate(s, "bin.000009", 4, 0);
    must(s, PULL_EVENT);
    format(s, 4 + FORMAT_LEN);
    must(s, PULL_EVENT);
    heartbeat(s, "bin.000009", 8000);
    must(s, PULL_EVENT);
    heartbeat(s, "bin.000009", 9000); /* still on its way */
    must(s, PULL_EVENT);
    heartbeat(s, "bin.000009", 9000); /* at the end */
    must(s, PULL_IDLE);
    assert_int_equal(s->pull.pos.offset, 9000);
    xid(s, 9027);
    must(s, PULL_EVENT);
    expect_stored(s, want, ARRAY_SIZE(want));
}

static void transactions_we_have_are_dropped_whole(void **state)
{
    static const char *const want[] = { "bin.000001:1000-bin.000001:1044",
                                        "bin.000001:1044-bin.000001:1071",
                                        "bin.000001:1142-bin.000001:1186",
                                        "bin.000001:1186-bin.000001:1213" };
    struct stream *s = *state;
    struct gtid_set *have = NULL;
    struct binlog_pos resume;
    struct err err = { 0 };
    uint64_t end = 1000;

    assert_int_equal(
        gtid_set_parse("11000000-0000-0000-0000-000000000000:1-5:7", false, &have, &err), 0);
    s->pull.have = have;
    connect_at(s, at("bin.000001", 1000));
    for (uint64_t number = 6; number <= 8; number++) {
        gtid(s, number, end += GTID_LEN);
        must(s, PULL_EVENT);
        resume = pull_resume(&s->pull);
        assert_int_equal(resume.offset, number == 7 ? 1071 : end);
        if (number == 7) { /* the connection is lost in the middle of it */
            connect_at(s, resume);
            gtid(s, number, end);
            must(s, PULL_EVENT);
        }
        xid(s, end += XID_LEN);
        must(s, PULL_EVENT);
    }
    expect_stored(s, want, ARRAY_SIZE(want));
    gtid_set_free(have);
}

static void past_4_gib_the_file_is_read_from_its_beginning(void **state)
{
    static const char *const want[] = { "bin.000001:4294967400-bin.000001:4294967427",
                                        "bin.000001:4294967427-bin.000001:4294967454" };
    const uint64_t far = (1ULL << 32) + 104;
    struct stream *s = *state;
    struct binlog_pos from = at("bin.000001", far), ask;

    pull_start(&s->pull, &from, NULL, &ask);
    assert_int_equal(ask.offset, 4);
    rotate(s, "bin.000001", 4, 0);
    must(s, PULL_EVENT);
    format(s, 4 + FORMAT_LEN);
    must(s, PULL_EVENT);
    assert_int_equal(pull_resume(&s->pull).offset, far);
    s->pull.pos.offset = far - XID_LEN; /* as if all before it had come */
    for (uint64_t end = far; end <= far + 2 * XID_LEN; end += XID_LEN) {
        xid(s, end);
        must(s, PULL_EVENT);
    }
    expect_stored(s, want, ARRAY_SIZE(want));
}

static void damaged_events_are_never_stored(void **state)
{
    struct stream *s = *state;
    struct err err = { 0 };

    connect_at(s, at("bin.000001", 1000));
    s->pull.format.checksum = true;
    xid(s, 1027);
    put(s, 0xdeadbeef, 4);
    assert_int_equal(send_event(s, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_CHECKSUM);
    expect_stored(s, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_are_stored_where_they_stand, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_next_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(another_place_than_asked_for_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_file_without_a_rotate_is_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(mariadb_stores_nothing_on_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_event_is_asked_for_again, setup, teardown),
        cmocka_unit_test_setup_teardown(another_event_in_its_place_is_another_binlog, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(in_a_later_era_files_begin_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_heartbeat_where_we_are_means_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(by_gtid_what_is_left_out_is_no_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_we_have_are_dropped_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(past_4_gib_the_file_is_read_from_its_beginning, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(damaged_events_are_never_stored, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
