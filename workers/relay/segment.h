/*
 * Relay segments: the source's binlog on local disk, one writer (relay worker), one reader
 * (incremental worker), different processes.
 *
 * <dir>/relay.<8 digits>: a header line (JSON: version, source uuid, file, pos at its start; the
 * file with its era, see position.h; CRC-32C of these), then records:
 *   u32 length of the payload, u8 kind, u64 source offset behind it, u32 CRC-32C of the payload,
 *   u32 CRC-32C of the 17 bytes before; the payload. Integers are little-endian.
 * Kinds: EVENT (a raw event as received, checksum included), MARK (the source's wall clock at which
 * the relay had everything so far), FORMAT (a copy of the FORMAT_DESCRIPTION in force: every
 * segment begins with one), FILE (a new binlog file begins without a ROTATE before it), ROTATE (an
 * EVENT behind which the next file begins). A torn record at the end of the newest segment is cut
 * off by the writer; damage that a reader finds is noted in <dir>/damage, and the next writer cuts
 * there, so that it is pulled again. Readers watch <dir> with inotify.
 *
 * All of a segment is of one era. Where the next segment is of a later one, the source has failed
 * over: what was open at the end of the old era was never completed anywhere, and stays as it is,
 * so that the same bytes give the same numbers for ever.
 */
#ifndef WORKERS_RELAY_SEGMENT_H
#define WORKERS_RELAY_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/util.h"
#include "workers/mysql/binlog/position.h"

enum record_kind {
    RECORD_EVENT = 1,
    RECORD_MARK = 2,
    RECORD_ERA = 3, /* what follows is of another server; start, end: where it begins there */
};

struct record {
    enum record_kind kind;
    /*
     * Of the event at the source, and behind it. A FORMAT_DESCRIPTION whose start equals its end is
     * a copy: it tells how to read what follows and nothing else (no new file, no lost
     * transaction).
     */
    struct binlog_pos start;
    struct binlog_pos end;
    const uint8_t *data; /* RECORD_EVENT: borrowed until the next call */
    size_t len;
    const char *source_uuid; /* RECORD_ERA: of the server; borrowed until the next call */
    int64_t
        mark_us; /* RECORD_MARK: source's wall clock (µs) when the relay had everything so far */
};

/* ------------------------------------------------------------------------------------ writer */

struct relay_writer;

struct relay_writer_options {
    const char *dir;
    const char *source_uuid; /* of the server that `must_cover` belongs to */
    uint64_t segment_bytes;  /* a new segment after so much, at an event boundary */
    uint64_t max_bytes;      /* of all segments; 0: only `reserve_bytes` counts */
    uint64_t reserve_bytes;  /* of the disk stay free; 0: don't look */
    /*
     * What is there must be of this source and cover this position, or it is removed and begun
     * anew; NULL or file "": anything that begins with this source, or in a later era, goes on.
     */
    const struct binlog_pos *must_cover;
};

/*
 * relay_writer_open() - goes on behind the last whole record
 *
 * @ret_end  where that is; file "" when there is nothing
 * Waits up to 30 s for another writer in the same folder to end. Errors: ERR_RELAY_IO.
 */
int relay_writer_open(const struct relay_writer_options *o, struct relay_writer **ret,
                      struct binlog_pos *ret_end, struct err *err);
void relay_writer_close(struct relay_writer *w); /* flushes */
DEFINE_CLEANUP(struct relay_writer, relay_writer_close)

/* relay_writer_uuid(): of the server that the end belongs to; "" when there is nothing. */
const char *relay_writer_uuid(const struct relay_writer *w);
/*
 * relay_writer_source() - what is written next comes from another server, in a later era
 *
 * Nothing is on disk of it before the first event or mark.
 */
int relay_writer_source(struct relay_writer *w, const char *uuid, struct err *err);

/* The last event, as much of it as tells whether the source still has it. */
enum { RELAY_LAST_BYTES = 48 };
struct relay_last {
    struct binlog_pos start;
    size_t len; /* of `bytes`; 0: not known */
    uint8_t bytes[RELAY_LAST_BYTES];
};
/* relay_last_of(): of an event; not known for those that a server does not send alike each time. */
struct relay_last relay_last_of(const struct binlog_pos *start, const void *data, size_t len);
const struct relay_last *relay_writer_last(const struct relay_writer *w);

/*
 * relay_writer_event() - one event, buffered; relay_writer_flush() makes it visible
 *
 * @end  in another file than `start` for the ROTATE at the end of a file only
 * On ERR_RELAY_FULL and ERR_RELAY_IO the event was not taken: call again when there is room.
 */
int relay_writer_event(struct relay_writer *w, const struct binlog_pos *start,
                       const struct binlog_pos *end, const void *data, size_t len, struct err *err);
/* relay_writer_format(): the FORMAT_DESCRIPTION of what follows, when it is not an event itself. */
int relay_writer_format(struct relay_writer *w, const void *data, size_t len, struct err *err);
/* relay_writer_mark(): at `source_us` (the source's clock) there was nothing more behind `at`. */
int relay_writer_mark(struct relay_writer *w, const struct binlog_pos *at, int64_t source_us,
                      struct err *err);
int relay_writer_flush(struct relay_writer *w, bool sync, struct err *err);
uint64_t relay_writer_bytes(const struct relay_writer *w); /* on disk, all segments */
unsigned relay_writer_segments(const struct relay_writer *w);
/*
 * relay_writer_purge() - removes whole segments that end before `keep_from` and were written to
 * last more than `older_than_s` seconds ago; never the newest
 */
int relay_writer_purge(struct relay_writer *w, const struct binlog_pos *keep_from,
                       int64_t older_than_s, uint64_t *ret_freed, struct err *err);

/* ------------------------------------------------------------------------------------ reader */

struct relay_reader;

/*
 * relay_reader_open() - at `from` (file "": the very beginning)
 *
 * The first record is the FORMAT_DESCRIPTION in force, then everything that starts at or behind
 * `from`, with a RECORD_ERA before what is of a later era. A folder that has no segment yet is
 * waited for. Errors: ERR_BINLOG_PURGED when what is there begins behind `from`, ERR_RELAY_IO.
 */
int relay_reader_open(const char *dir, const struct binlog_pos *from, struct relay_reader **ret,
                      struct err *err);
void relay_reader_close(struct relay_reader *r);
DEFINE_CLEANUP(struct relay_reader, relay_reader_close)
/* relay_reader_next(): 1 a record; 0 nothing more for now; -1 with ERR_RELAY_CORRUPT, ERR_RELAY_IO,
 * ERR_BINLOG_PURGED. */
int relay_reader_next(struct relay_reader *r, struct record *ret, struct err *err);
/* relay_reader_wait(): until more may be there, `stop_fd` (or -1) is readable or the time is up. */
int relay_reader_wait(struct relay_reader *r, int stop_fd, int timeout_ms, struct err *err);

#endif
