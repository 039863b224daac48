/* The first line of a relay segment: bent, of an older version, of a later one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/log.h"
#include "workers/relay/segment_file.h"

#include "base/banned.h"

enum { EVENT_LEN = 40, EVENTS = 5, FIRST = 4, TYPE_OFFSET = 4, TYPE_XID = 16, FILE_MAX = 1 << 20 };

struct fixture {
    char dir[64];
    char path[SEGMENT_PATH_MAX];
    char *file; /* the only segment, as it was written */
    size_t len, header_len;
};

static struct binlog_pos at(uint64_t offset)
{
    struct binlog_pos p = { .offset = offset };

    (void)snprintf(p.file, sizeof(p.file), "bin.000001");
    return p;
}

static struct relay_writer *open_writer(const struct fixture *f, struct binlog_pos *ret_end)
{
    struct relay_writer_options o = { .dir = f->dir, .source_uuid = "s", .segment_bytes = 1 << 20 };
    struct relay_writer *w = NULL;
    struct err err = { 0 };

    if (relay_writer_open(&o, &w, ret_end, &err) < 0)
        fail_msg("%s", err.message);
    return w;
}

static void write_events(struct relay_writer *w, unsigned from, unsigned to)
{
    struct err err = { 0 };

    for (unsigned n = from; n < to; n++) {
        uint8_t event[EVENT_LEN] = { (uint8_t)n };
        struct binlog_pos start = at(FIRST + (uint64_t)n * EVENT_LEN);
        struct binlog_pos end = at(start.offset + EVENT_LEN);

        event[TYPE_OFFSET] = TYPE_XID;
        assert_int_equal(relay_writer_event(w, &start, &end, event, sizeof(event), &err), 0);
    }
    assert_int_equal(relay_writer_flush(w, false, &err), 0);
}

/* Reads all there is: how many events, each the next of those written; -1 with an error. */
static int count_events(const struct fixture *f, struct err *err)
{
    struct binlog_pos from = { 0 };
    struct relay_reader *r = NULL;
    struct record rec;
    int n = 0, got;

    if (relay_reader_open(f->dir, &from, &r, err) < 0)
        return -1;
    while ((got = relay_reader_next(r, &rec, err)) > 0) {
        if (rec.kind != RECORD_EVENT)
            continue;
        assert_int_equal(rec.data[0], n);
        assert_string_equal(rec.start.file, "bin.000001");
        assert_int_equal(rec.start.offset, FIRST + (uint64_t)n * EVENT_LEN);
        n++;
    }
    relay_reader_close(r);
    return got < 0 ? -1 : n;
}

static void put(const struct fixture *f, const char *header, size_t header_len)
{
    FILE *out = fopen(f->path, "we");

    assert_non_null(out);
    assert_int_equal(fwrite(header, 1, header_len, out), header_len);
    assert_int_equal(fwrite(f->file + f->header_len, 1, f->len - f->header_len, out),
                     f->len - f->header_len);
    assert_int_equal(fclose(out), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = { 0 };
    struct binlog_pos end;
    struct relay_writer *w;

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/header_test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    log_setup(LOG_ERROR, LOG_LOGFMT);
    (void)segment_path(f->dir, 1, f->path);
    w = open_writer(f, &end);
    write_events(w, 0, EVENTS);
    relay_writer_close(w);
    assert_int_equal(fs_read_all(f->path, FILE_MAX, &f->file, &f->len, &err), 0);
    f->header_len = (size_t)((const char *)memchr(f->file, '\n', f->len) - f->file) + 1;
    assert_int_equal(count_events(f, &err), EVENTS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };

    (void)fs_remove_tree(f->dir, &err);
    free(f->file);
    free(f);
    return 0;
}

/* Nothing is read behind it, and the next writer begins anew. */
static void a_bent_header_is_noticed_at_every_bit(void **state)
{
    struct fixture *f = *state;
    char header[SEGMENT_HEADER_MAX];

    assert_true(f->header_len > 40 && f->header_len < sizeof(header));
    memcpy(header, f->file, f->header_len);
    for (size_t bit = 0; bit < f->header_len * 8; bit++) {
        struct err err = { 0 };
        struct binlog_pos end;
        struct relay_writer *w;
        int got;

        header[bit / 8] = (char)(header[bit / 8] ^ (1 << bit % 8));
        put(f, header, f->header_len);
        header[bit / 8] = (char)(header[bit / 8] ^ (1 << bit % 8));
        got = count_events(f, &err);
        if (got > 0)
            fail_msg("bit %zu of %.*s: read all the same", bit, (int)f->header_len, f->file);
        if (got < 0)
            assert_int_equal(err.code, ERR_RELAY_CORRUPT);
        err_reset(&err);
        w = open_writer(f, &end);
        assert_string_equal(end.file, "");
        write_events(w, 0, EVENTS);
        relay_writer_close(w);
        assert_int_equal(count_events(f, &err), EVENTS);
        assert_int_equal(fs_remove_tree(f->dir, &err), 0);
        assert_int_equal(fs_mkdir(f->dir, 0700, &err), 0);
    }
}

/* As it was before there was a checksum: read, and written on. */
static void version_1_is_read_to_its_end(void **state)
{
    static const char header[] = "{\"v\":1,\"uuid\":\"s\",\"file\":\"bin.000001\",\"pos\":4}\n";
    struct fixture *f = *state;
    struct err err = { 0 };
    struct binlog_pos end;
    struct relay_writer *w;

    put(f, header, strlen(header));
    assert_int_equal(count_events(f, &err), EVENTS);
    w = open_writer(f, &end);
    assert_int_equal(end.offset, FIRST + EVENTS * EVENT_LEN);
    write_events(w, EVENTS, EVENTS + 3);
    relay_writer_close(w);
    assert_int_equal(count_events(f, &err), EVENTS + 3);
}

static void a_later_version_is_refused(void **state)
{
    static const char *const headers[] = {
        "{\"v\":3,\"uuid\":\"s\",\"file\":\"bin.000001\",\"pos\":4}\n",
        "{\"uuid\":\"s\",\"file\":\"bin.000001\",\"pos\":4}\n",
        "{\"v\":2,\"uuid\":\"s\",\"file\":\"bin.000001\",\"pos\":4}\n",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        struct err err = { 0 };

        put(f, headers[i], strlen(headers[i]));
        assert_int_equal(count_events(f, &err), -1);
        assert_int_equal(err.code, ERR_RELAY_CORRUPT);
        err_reset(&err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_bent_header_is_noticed_at_every_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(version_1_is_read_to_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_version_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
