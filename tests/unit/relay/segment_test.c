/* Relay segments: what is written comes back, whatever is cut, bent, full or begun anew. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "workers/relay/segment_file.h"

#include "base/banned.h"

enum {
    EVENT_LEN = 40,
    FORMAT_LEN = 60,
    FIRST = 4,
    TYPE_OFFSET = 4,
    TYPE_FORMAT = 15,
    TYPE_ROTATE = 4,
    TYPE_XID = 16,
};

struct fixture {
    char dir[64];
    uint8_t format[FORMAT_LEN];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/segment_test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    memset(f->format, 0x11, sizeof(f->format));
    f->format[TYPE_OFFSET] = TYPE_FORMAT;
    log_setup(LOG_ERROR, LOG_LOGFMT);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };

    (void)fs_remove_tree(f->dir, &err);
    free(f);
    return 0;
}

static struct binlog_pos at(const char *file, uint64_t offset)
{
    struct binlog_pos p = { .offset = offset };

    (void)snprintf(p.file, sizeof(p.file), "%s", file);
    return p;
}

static struct relay_writer *open_writer(const struct fixture *f, uint64_t segment_bytes,
                                        const struct binlog_pos *must_cover,
                                        struct binlog_pos *ret_end)
{
    struct relay_writer_options o = { .dir = f->dir,
                                      .source_uuid = "source",
                                      .segment_bytes = segment_bytes,
                                      .must_cover = must_cover };
    struct relay_writer *w = NULL;
    struct err err = { 0 };

    if (relay_writer_open(&o, &w, ret_end, &err) < 0)
        fail_msg("%s", err.message);
    return w;
}

/* Event number n: its bytes tell which one it is. */
static void make_event(uint8_t event[static EVENT_LEN], unsigned n)
{
    for (unsigned i = 0; i < EVENT_LEN; i++)
        event[i] = (uint8_t)(n + i);
    event[TYPE_OFFSET] = TYPE_XID;
    memcpy(event + 20, &n, sizeof(n));
}

static unsigned number_of(const struct record *r)
{
    unsigned n;

    assert_int_equal(r->len, EVENT_LEN);
    memcpy(&n, r->data + 20, sizeof(n));
    return n;
}

/* Events [from, to) of bin.000001, each EVENT_LEN long, the first at FIRST. */
static void write_events(struct relay_writer *w, unsigned from, unsigned to)
{
    uint8_t event[EVENT_LEN];
    struct err err = { 0 };

    for (unsigned n = from; n < to; n++) {
        struct binlog_pos start = at("bin.000001", FIRST + (uint64_t)n * EVENT_LEN);
        struct binlog_pos end = at("bin.000001", start.offset + EVENT_LEN);

        make_event(event, n);
        if (relay_writer_event(w, &start, &end, event, sizeof(event), &err) < 0)
            fail_msg("%s", err.message);
    }
    assert_int_equal(relay_writer_flush(w, false, &err), 0);
}

static struct relay_reader *open_reader(const struct fixture *f, struct binlog_pos from)
{
    struct relay_reader *r = NULL;
    struct err err = { 0 };

    if (relay_reader_open(f->dir, &from, &r, &err) < 0)
        fail_msg("%s", err.message);
    return r;
}

/* Reads the format and then exactly the events [from, to), contiguous. */
static void expect_events(const struct fixture *f, struct relay_reader *r, unsigned from,
                          unsigned to)
{
    struct err err = { 0 };
    struct record rec;
    unsigned n = from;

    while (relay_reader_next(r, &rec, &err) > 0) {
        if (rec.kind == RECORD_MARK)
            continue;
        if (rec.data[TYPE_OFFSET] == TYPE_FORMAT) {
            assert_int_equal(rec.len, FORMAT_LEN);
            assert_memory_equal(rec.data, f->format, FORMAT_LEN);
            assert_int_equal(binlog_pos_cmp(&rec.start, &rec.end), 0);
            continue;
        }
        assert_int_equal(number_of(&rec), n);
        assert_string_equal(rec.start.file, "bin.000001");
        assert_int_equal(rec.start.offset, FIRST + (uint64_t)n * EVENT_LEN);
        assert_int_equal(rec.end.offset, FIRST + (uint64_t)(n + 1) * EVENT_LEN);
        n++;
    }
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(n, to);
}

static void expect_first_is_format(const struct fixture *f, struct relay_reader *r)
{
    struct err err = { 0 };
    struct record rec;

    assert_int_equal(relay_reader_next(r, &rec, &err), 1);
    assert_int_equal(rec.kind, RECORD_EVENT);
    assert_int_equal(rec.len, FORMAT_LEN);
    assert_memory_equal(rec.data, f->format, FORMAT_LEN);
}

static void with_format(const struct fixture *f, struct relay_writer *w)
{
    struct err err = { 0 };

    assert_int_equal(relay_writer_format(w, f->format, FORMAT_LEN, &err), 0);
}

static long long size_of(const struct fixture *f, unsigned number)
{
    char path[SEGMENT_PATH_MAX];
    struct stat st;

    return stat(segment_path(f->dir, number, path), &st) < 0 ? -1 : (long long)st.st_size;
}

static unsigned count_segments(const struct fixture *f)
{
    unsigned *list;
    size_t count;
    struct err err = { 0 };

    assert_int_equal(segment_list(f->dir, &list, &count, &err), 0);
    free(list);
    return (unsigned)count;
}

/* ------------------------------------------------------------------------------------ tests */

static void what_is_written_comes_back(void **state)
{
    struct fixture *f = *state;
    struct binlog_pos end;
    struct relay_writer *w = open_writer(f, 1 << 20, NULL, &end);
    struct relay_reader *r;

    assert_string_equal(end.file, "");
    with_format(f, w);
    write_events(w, 0, 50);
    r = open_reader(f, at("", 0));
    expect_first_is_format(f, r);
    expect_events(f, r, 0, 50);
    write_events(w, 50, 60);
    expect_events(f, r, 50, 60);
    relay_reader_close(r);
    relay_writer_close(w);
    w = open_writer(f, 1 << 20, NULL, &end);
    assert_int_equal(end.offset, FIRST + 60 * EVENT_LEN);
    write_events(w, 60, 61);
    relay_writer_close(w);
}

static void a_reader_starts_in_the_middle_with_the_format(void **state)
{
    struct fixture *f = *state;
    struct binlog_pos end;
    struct relay_writer *w = open_writer(f, 700, NULL, &end); /* many small segments */

    with_format(f, w);
    write_events(w, 0, 100);
    assert_true(relay_writer_segments(w) > 5);
    assert_int_equal(relay_writer_segments(w), count_segments(f));
    for (unsigned from = 0; from < 100; from += 7) {
        struct relay_reader *r =
            open_reader(f, at("bin.000001", FIRST + (uint64_t)from * EVENT_LEN));

        expect_first_is_format(f, r);
        expect_events(f, r, from, 100);
        relay_reader_close(r);
    }
    relay_writer_close(w);
}

static void a_folder_without_segments_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct relay_reader *r = open_reader(f, at("bin.000001", FIRST + 3 * EVENT_LEN));
    struct relay_writer *w;
    struct binlog_pos end;
    struct err err = { 0 };
    struct record rec;

    assert_int_equal(relay_reader_next(r, &rec, &err), 0);
    assert_int_equal(relay_reader_wait(r, -1, 1, &err), 0);
    w = open_writer(f, 700, NULL, &end);
    with_format(f, w);
    write_events(w, 0, 30);
    expect_first_is_format(f, r);
    expect_events(f, r, 3, 30);
    relay_writer_close(w);
    relay_reader_close(r);
}

static void files_change_with_and_without_a_rotate(void **state)
{
    static const struct {
        const char *start_file;
        uint64_t start;
        const char *end_file;
        uint64_t end;
        uint8_t type;
    } events[] = {
        { "bin.000001", 4, "bin.000001", 44, TYPE_XID },
        { "bin.000001", 44, "bin.000002", 4, TYPE_ROTATE },
        { "bin.000002", 4, "bin.000002", 44, TYPE_XID },
        { "bin.000003", 4, "bin.000003", 44, TYPE_XID }, /* the server crashed: no ROTATE */
        { "bin.000003", 5000000000, "bin.000003", 5000000040, TYPE_XID }, /* left out some */
    };
    struct fixture *f = *state;
    struct binlog_pos ends[1 + ARRAY_SIZE(events)];

    for (uint64_t segment = 300; segment < 100000;
         segment *= 100) { /* one an event, or all in one */
        struct relay_writer *w = open_writer(f, segment, NULL, &ends[0]);
        struct relay_reader *r;
        struct err err = { 0 };
        struct record rec;
        uint8_t event[EVENT_LEN];

        with_format(f, w);
        for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
            struct binlog_pos start = at(events[i].start_file, events[i].start);
            struct binlog_pos end = at(events[i].end_file, events[i].end);

            make_event(event, (unsigned)i);
            event[TYPE_OFFSET] = events[i].type;
            assert_int_equal(relay_writer_event(w, &start, &end, event, sizeof(event), &err), 0);
        }
        relay_writer_close(w);
        r = open_reader(f, at("", 0));
        expect_first_is_format(f, r);
        for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
            assert_int_equal(relay_reader_next(r, &rec, &err), 1);
            assert_int_equal(number_of(&rec), i);
            assert_string_equal(rec.start.file, events[i].start_file);
            assert_string_equal(rec.end.file, events[i].end_file);
            assert_int_equal(rec.start.offset, events[i].start);
            assert_int_equal(rec.end.offset, events[i].end);
        }
        assert_int_equal(relay_reader_next(r, &rec, &err), 0);
        relay_reader_close(r);
        w = open_writer(f, segment, NULL, &ends[0]);
        assert_string_equal(ends[0].file, "bin.000003");
        assert_int_equal(ends[0].offset, 5000000040);
        relay_writer_close(w);
        assert_int_equal(fs_remove_tree(f->dir, &err), 0);
    }
}

static void marks_tell_time_and_place(void **state)
{
    struct fixture *f = *state;
    struct binlog_pos end, further = at("bin.000001", 900);
    struct relay_writer *w = open_writer(f, 1 << 20, NULL, &end);
    struct relay_reader *r;
    struct err err = { 0 };
    struct record rec;

    with_format(f, w);
    further = at("bin.000001", FIRST);
    assert_int_equal(relay_writer_mark(w, &further, 111, &err), 0); /* before any event */
    write_events(w, 0, 1);
    further = at("bin.000001", 900); /* the source left out what we have */
    assert_int_equal(relay_writer_mark(w, &further, 222, &err), 0);
    relay_writer_close(w);
    r = open_reader(f, at("", 0));
    assert_int_equal(relay_reader_next(r, &rec, &err), 1);
    assert_int_equal(rec.kind, RECORD_MARK);
    assert_int_equal(rec.mark_us, 111);
    expect_first_is_format(f, r);
    assert_int_equal(relay_reader_next(r, &rec, &err), 1);
    assert_int_equal(number_of(&rec), 0);
    assert_int_equal(relay_reader_next(r, &rec, &err), 1);
    assert_int_equal(rec.kind, RECORD_MARK);
    assert_int_equal(rec.mark_us, 222);
    assert_int_equal(rec.end.offset, 900);
    relay_reader_close(r);
    w = open_writer(f, 1 << 20, NULL, &end);
    assert_int_equal(end.offset, 900);
    relay_writer_close(w);
}

static void copy_file(const char *from, const char *to, long long len)
{
    char *data;
    size_t size;
    struct err err = { 0 };
    FILE *out;

    assert_int_equal(fs_read_all(from, 1 << 20, &data, &size, &err), 0);
    out = fopen(to, "we");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, (size_t)len, out), len);
    assert_int_equal(fclose(out), 0);
    free(data);
}

/* The newest segment cut at every byte: the reader waits there, the writer goes on from there. */
static void a_torn_tail_is_cut_off_at_every_byte(void **state)
{
    struct fixture *f = *state;
    char whole[SEGMENT_PATH_MAX], copy[SEGMENT_PATH_MAX];
    struct fixture torn = *f;
    struct binlog_pos end;
    struct relay_writer *w = open_writer(f, 1 << 20, NULL, &end);
    struct err err = { 0 };
    long long size;

    with_format(f, w);
    write_events(w, 0, 4);
    relay_writer_close(w);
    size = size_of(f, 1);
    (void)segment_path(f->dir, 1, whole);
    (void)snprintf(torn.dir, sizeof(torn.dir), "%.40s/torn", f->dir);
    for (long long len = 0; len < size; len++) {
        struct relay_reader *r;
        unsigned kept;

        assert_int_equal(fs_remove_tree(torn.dir, &err), 0);
        assert_int_equal(fs_mkdir(torn.dir, 0700, &err), 0);
        copy_file(whole, segment_path(torn.dir, 1, copy), len);
        r = open_reader(&torn, at("", 0));
        w = open_writer(&torn, 1 << 20, NULL, &end);
        kept = end.offset < FIRST ? 0 : (unsigned)((end.offset - FIRST) / EVENT_LEN);
        assert_true(kept < 4);
        expect_events(&torn, r, 0, kept);
        with_format(&torn, w);
        write_events(w, kept, 6);
        expect_events(&torn, r, kept, 6); /* the same reader, over the place of the cut */
        relay_reader_close(r);
        relay_writer_close(w);
        r = open_reader(&torn, at("", 0));
        expect_events(&torn, r, 0, 6);
        relay_reader_close(r);
    }
}

static void flip_byte(const char *path, long long offset)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t b;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &b, 1, offset), 1);
    b ^= 0x10;
    assert_int_equal(pwrite(fd, &b, 1, offset), 1);
    (void)close(fd);
}

/* A byte bent anywhere behind the header: noticed by the reader, cut there by the next writer. */
static void damage_is_found_and_pulled_again(void **state)
{
    struct fixture *f = *state;
    char path[SEGMENT_PATH_MAX];
    long long sizes[2];

    for (unsigned which = 1; which <= 2; which++) {
        for (long long offset = 90;; offset += 11) {
            struct binlog_pos end;
            struct relay_writer *w = open_writer(f, 400, NULL, &end);
            struct relay_reader *r;
            struct err err = { 0 };
            struct record rec;
            int got;

            with_format(f, w);
            write_events(w, 0, 20);
            relay_writer_close(w);
            sizes[0] = size_of(f, 1);
            sizes[1] = size_of(f, 2);
            assert_true(sizes[1] > 0 && count_segments(f) > 3);
            if (offset >= sizes[which - 1]) {
                assert_int_equal(fs_remove_tree(f->dir, &err), 0);
                break;
            }
            flip_byte(segment_path(f->dir, which, path), offset);
            r = open_reader(f, at("", 0));
            while ((got = relay_reader_next(r, &rec, &err)) > 0)
                ;
            assert_int_equal(got, -1);
            assert_int_equal(err.code, ERR_RELAY_CORRUPT);
            relay_reader_close(r);
            err_reset(&err);
            w = open_writer(f, 400, NULL, &end);
            assert_true(count_segments(f) <= which);
            assert_true(end.offset < FIRST + 20 * EVENT_LEN);
            with_format(f, w);
            write_events(w, end.file[0] == '\0' ? 0 : (unsigned)((end.offset - FIRST) / EVENT_LEN),
                         20);
            relay_writer_close(w);
            r = open_reader(f, at("", 0));
            expect_events(f, r, 0, 20);
            relay_reader_close(r);
            assert_int_equal(fs_remove_tree(f->dir, &err), 0);
        }
    }
}

static void another_source_or_a_hole_begins_anew(void **state)
{
    static const struct {
        const char *uuid;
        uint64_t need;
        bool kept;
    } cases[] = {
        { "source", FIRST + 10 * EVENT_LEN, true },
        { "source", FIRST + 20 * EVENT_LEN, true },
        { "source", FIRST + 21 * EVENT_LEN, false },
        { "other", FIRST + 10 * EVENT_LEN, false },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct binlog_pos need = at("bin.000001", cases[i].need), end;
        struct relay_writer_options o = {
            .dir = f->dir, .source_uuid = cases[i].uuid, .segment_bytes = 400, .must_cover = &need
        };
        struct relay_writer *w = open_writer(f, 400, NULL, &end);
        struct relay_reader *r;
        struct err err = { 0 };
        unsigned segments;

        with_format(f, w);
        write_events(w, 0, 20);
        segments = relay_writer_segments(w);
        r = open_reader(f, at("", 0));
        expect_events(f, r, 0, 20);
        relay_writer_close(w);
        assert_int_equal(relay_writer_open(&o, &w, &end, &err), 0);
        assert_true((end.file[0] != '\0') == cases[i].kept);
        if (!cases[i].kept) {
            assert_int_equal(relay_writer_segments(w), 0);
            with_format(f, w);
            write_events(w, 15, 25);
            assert_int_equal(size_of(f, segments), -1); /* the numbers go on */
            assert_true(size_of(f, segments + 1) > 0);
            expect_events(f, r, 20, 25); /* and a reader finds on, without what it had */
        }
        relay_reader_close(r);
        relay_writer_close(w);
        assert_int_equal(fs_remove_tree(f->dir, &err), 0);
    }
}

/* One event at the head of bin.000001 of another server. */
static void write_in_era(struct relay_writer *w, unsigned era, unsigned n)
{
    struct binlog_pos start = at("bin.000001", FIRST), end = at("bin.000001", FIRST + EVENT_LEN);
    uint8_t event[EVENT_LEN];
    struct err err = { 0 };

    start.era = end.era = era;
    make_event(event, n);
    if (relay_writer_event(w, &start, &end, event, sizeof(event), &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(relay_writer_flush(w, false, &err), 0);
}

static void expect_era(struct relay_reader *r, unsigned era, const char *uuid)
{
    struct err err = { 0 };
    struct record rec;

    assert_int_equal(relay_reader_next(r, &rec, &err), 1);
    assert_int_equal(rec.kind, RECORD_ERA);
    assert_int_equal(rec.start.era, era);
    assert_string_equal(rec.start.file, "bin.000001");
    assert_string_equal(rec.source_uuid, uuid);
}

static void expect_one(const struct fixture *f, struct relay_reader *r, unsigned era, unsigned n)
{
    struct err err = { 0 };
    struct record rec;

    expect_first_is_format(f, r);
    assert_int_equal(relay_reader_next(r, &rec, &err), 1);
    assert_int_equal(number_of(&rec), n);
    assert_int_equal(rec.start.era, era);
    assert_int_equal(rec.end.era, era);
}

static void another_server_begins_an_era(void **state)
{
    struct fixture *f = *state;
    struct binlog_pos end, need = at("bin.000001", FIRST + 5 * EVENT_LEN);
    struct relay_writer *w = open_writer(f, 1 << 20, NULL, &end);
    struct relay_reader *r;
    struct err err = { 0 };

    with_format(f, w);
    write_events(w, 0, 10);
    r = open_reader(f, at("", 0));
    expect_events(f, r, 0, 10);
    assert_int_equal(relay_writer_source(w, "second", &err), 0);
    f->format[20] ^= 1;
    with_format(f, w);
    write_in_era(w, 1, 77);
    expect_era(r, 1, "second");
    expect_one(f, r, 1, 77);
    relay_reader_close(r);
    relay_writer_close(w);

    /* goes on in the last era while what is needed is in the first */
    w = open_writer(f, 1 << 20, &need, &end);
    assert_string_equal(relay_writer_uuid(w), "second");
    assert_int_equal(end.era, 1);
    assert_int_equal(end.offset, FIRST + EVENT_LEN);
    assert_int_equal(relay_writer_last(w)->start.offset, FIRST);
    assert_int_equal(relay_writer_source(w, "third", &err), 0);
    with_format(f, w);
    write_in_era(w, 2, 78);
    relay_writer_close(w);

    /* a reader that begins in the middle is told, too */
    end.offset = FIRST + EVENT_LEN;
    r = open_reader(f, end);
    expect_era(r, 2, "third");
    expect_one(f, r, 2, 78);
    relay_reader_close(r);

    /* of a server that is not the one of the position nothing is used */
    need.era = 1;
    need.offset = FIRST;
    w = open_writer(f, 1 << 20, &need, &end); /* "source" is not era 1's */
    assert_string_equal(end.file, "");
    assert_int_equal(relay_writer_segments(w), 0);
    relay_writer_close(w);
}

static void nothing_of_the_first_server_is_an_era_all_the_same(void **state)
{
    struct fixture *f = *state;
    struct binlog_pos end, need = at("", 0);
    struct relay_writer *w = open_writer(f, 1 << 20, &need, &end);
    struct relay_reader *r;
    struct err err = { 0 };

    assert_int_equal(relay_writer_source(w, "second", &err), 0);
    with_format(f, w);
    write_in_era(w, 1, 5);
    relay_writer_close(w);
    w = open_writer(f, 1 << 20, &need, &end);
    assert_int_equal(end.era, 1);
    relay_writer_close(w);
    r = open_reader(f, need);
    expect_era(r, 1, "second");
    expect_one(f, r, 1, 5);
    relay_reader_close(r);
}

static void a_reader_too_far_back_is_told(void **state)
{
    struct fixture *f = *state;
    struct binlog_pos end, from = at("bin.000001", FIRST);
    struct relay_writer *w = open_writer(f, 1 << 20, NULL, &end);
    struct relay_reader *r = NULL;
    struct err err = { 0 };

    with_format(f, w);
    write_events(w, 5, 9);
    assert_int_equal(relay_reader_open(f->dir, &from, &r, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_PURGED);
    relay_writer_close(w);
}

static void purging_keeps_what_is_needed_or_young(void **state)
{
    struct fixture *f = *state;
    struct binlog_pos end, none = at("", 0), applied = at("bin.000001", FIRST + 50 * EVENT_LEN);
    struct relay_writer *w = open_writer(f, 400, NULL, &end);
    struct relay_reader *r;
    struct err err = { 0 };
    char path[SEGMENT_PATH_MAX];
    uint64_t freed, before;
    struct utimbuf old = { .actime = clock_now_s() - 7200, .modtime = clock_now_s() - 7200 };

    with_format(f, w);
    write_events(w, 0, 100);
    before = relay_writer_bytes(w);
    assert_int_equal(relay_writer_purge(w, &none, 0, &freed, &err), 0);
    assert_int_equal(freed, 0);
    assert_int_equal(relay_writer_purge(w, &applied, 3600, &freed, &err), 0);
    assert_int_equal(freed, 0); /* all young */
    assert_int_equal(utime(segment_path(f->dir, 1, path), &old), 0);
    assert_int_equal(relay_writer_purge(w, &applied, 3600, &freed, &err), 0);
    assert_true(freed > 0);
    assert_int_equal(size_of(f, 1), -1);
    assert_true(size_of(f, 2) > 0);
    assert_int_equal(relay_writer_bytes(w), before - freed);
    assert_int_equal(relay_writer_purge(w, &applied, 0, &freed, &err), 0);
    r = open_reader(f, applied); /* still there */
    expect_events(f, r, 50, 100);
    relay_reader_close(r);
    applied = at("bin.000001", FIRST + 100 * EVENT_LEN);
    assert_int_equal(relay_writer_purge(w, &applied, 0, &freed, &err), 0);
    assert_int_equal(relay_writer_segments(w), 1); /* never the newest */
    assert_int_equal(count_segments(f), 1);
    relay_writer_close(w);
}

static void a_full_relay_takes_nothing_and_goes_on(void **state)
{
    struct fixture *f = *state;
    struct relay_writer_options o = {
        .dir = f->dir, .source_uuid = "source", .segment_bytes = 400, .max_bytes = 2000
    };
    struct binlog_pos end, applied;
    struct relay_writer *w = NULL;
    struct relay_reader *r;
    struct err err = { 0 };
    uint8_t event[EVENT_LEN];
    unsigned n = 0, full = 0;
    uint64_t freed;

    assert_int_equal(relay_writer_open(&o, &w, &end, &err), 0);
    with_format(f, w);
    r = open_reader(f, at("", 0));
    while (n < 200) {
        struct binlog_pos start = at("bin.000001", FIRST + (uint64_t)n * EVENT_LEN);

        end = at("bin.000001", start.offset + EVENT_LEN);
        make_event(event, n);
        if (relay_writer_event(w, &start, &end, event, sizeof(event), &err) == 0) {
            n++;
            continue;
        }
        assert_int_equal(err.code, ERR_RELAY_FULL);
        assert_true(err_retryable(&err));
        assert_true(relay_writer_bytes(w) <= 2000);
        full++;
        assert_int_equal(relay_writer_flush(w, false, &err), 0);
        expect_events(f, r, (unsigned)(full == 1 ? 0 : (applied.offset - FIRST) / EVENT_LEN), n);
        applied = start;
        assert_int_equal(relay_writer_purge(w, &applied, 0, &freed, &err), 0);
        assert_true(freed > 0);
    }
    assert_true(full > 3);
    relay_reader_close(r);
    relay_writer_close(w);
}

/* A folder on a file system of no room: nothing half-written stays. */
static void a_large_event_is_whole_or_not_there(void **state)
{
    enum { LARGE = 3 << 20 };
    struct fixture *f = *state;
    struct binlog_pos end, start = at("bin.000001", FIRST);
    struct relay_writer *w = open_writer(f, 1 << 20, NULL, &end);
    struct relay_reader *r;
    struct err err = { 0 };
    struct record rec;
    uint8_t *event = malloc(LARGE);

    assert_non_null(event);
    memset(event, 0x5a, LARGE);
    event[TYPE_OFFSET] = TYPE_XID;
    with_format(f, w);
    for (unsigned i = 0; i < 3; i++) {
        end = at("bin.000001", start.offset + LARGE);
        assert_int_equal(relay_writer_event(w, &start, &end, event, LARGE, &err), 0);
        start = end;
    }
    assert_int_equal(relay_writer_segments(w), 3);
    r = open_reader(f, at("", 0));
    expect_first_is_format(f, r);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(relay_reader_next(r, &rec, &err), 1);
        assert_int_equal(rec.len, LARGE);
        assert_memory_equal(rec.data, event, LARGE);
    }
    relay_reader_close(r);
    relay_writer_close(w);
    free(event);
}

struct tail {
    const struct fixture *f;
    unsigned count;
};

static void *follow(void *arg)
{
    struct tail *t = arg;
    struct relay_reader *r = open_reader(t->f, at("", 0));
    int64_t until = clock_mono_ms() + 20000;
    struct err err = { 0 };
    struct record rec;
    unsigned n = 0;

    while (n < t->count && clock_mono_ms() < until) {
        int got = relay_reader_next(r, &rec, &err);

        if (got < 0)
            fail_msg("%s", err.message);
        if (got == 0) {
            assert_int_equal(relay_reader_wait(r, -1, 5000, &err), 0);
            continue;
        }
        if (rec.kind == RECORD_EVENT && rec.data[TYPE_OFFSET] != TYPE_FORMAT)
            assert_int_equal(number_of(&rec), n++);
    }
    relay_reader_close(r);
    t->count = n;
    return NULL;
}

static void a_reader_follows_a_writer(void **state)
{
    enum { COUNT = 20000 };
    struct fixture *f = *state;
    struct tail t = { .f = f, .count = COUNT };
    struct binlog_pos end;
    struct relay_writer *w = open_writer(f, 20000, NULL, &end);
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, follow, &t), 0);
    with_format(f, w);
    for (unsigned n = 0; n < COUNT; n += 40) {
        write_events(w, n, n + 40);
        if (n % 4000 == 0) { /* as if the relay worker were killed and started again */
            relay_writer_close(w);
            w = open_writer(f, 20000, NULL, &end);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(t.count, COUNT);
    relay_writer_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_starts_in_the_middle_with_the_format, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_folder_without_segments_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(files_change_with_and_without_a_rotate, setup, teardown),
        cmocka_unit_test_setup_teardown(marks_tell_time_and_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_tail_is_cut_off_at_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found_and_pulled_again, setup, teardown),
        cmocka_unit_test_setup_teardown(another_source_or_a_hole_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(another_server_begins_an_era, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_of_the_first_server_is_an_era_all_the_same, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_reader_too_far_back_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(purging_keeps_what_is_needed_or_young, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_relay_takes_nothing_and_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_event_is_whole_or_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_follows_a_writer, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
