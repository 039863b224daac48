/* One segment file, read record by record: what writer and reader share. Internal to relay/. */
#ifndef WORKERS_RELAY_SEGMENT_FILE_H
#define WORKERS_RELAY_SEGMENT_FILE_H

#include "workers/relay/crc32c.h"
#include "workers/relay/segment.h"

enum raw_kind {
    RAW_EVENT = 1,  /* payload: the event */
    RAW_MARK = 2,   /* i64 µs */
    RAW_FORMAT = 3, /* a FORMAT_DESCRIPTION event */
    RAW_FILE = 4,   /* the name; the record's offset is where it begins */
    RAW_ROTATE = 5, /* u64 start, u8 length and name of the next file, the event */
};
enum {
    SEGMENT_VERSION = 2, /* of the header; 1 is the same without "crc" */
    RECORD_HEAD_LEN = 21,
    SEGMENT_UUID_MAX = 64,
    SEGMENT_PATH_MAX = 4096,
    SEGMENT_HEADER_MAX = 2048,
    PAYLOAD_MAX = 1024 * 1024 * 1024 + 1024, /* the largest event and a ROTATE's extra */
};

struct segment_header {
    char uuid[SEGMENT_UUID_MAX];
    struct binlog_pos start;
};

struct segment_file {
    int fd;
    unsigned number;
    struct segment_header header;
    uint64_t record_at;    /* offset in the segment of the record last returned, or of the next */
    uint64_t next_at;      /* … of the next one */
    struct binlog_pos pos; /* at the source, behind the record last returned */
    uint8_t *buf;
    size_t cap, have, at; /* buf[at … have) is what was read from next_at on */
    const struct crc32c *crc;
};

struct raw_record {
    enum raw_kind kind;
    struct binlog_pos start, end;
    const uint8_t *data; /* the event, or a MARK's and a FILE's payload */
    size_t len;
};

/* segment_path(): "<dir>/relay.00000001" into `buf`; returns `buf`. */
const char *segment_path(const char *dir, unsigned number, char buf[static SEGMENT_PATH_MAX]);
/* segment_list(): the numbers there are, ascending; *ret is the caller's (free()). */
int segment_list(const char *dir, unsigned **ret, size_t *ret_count, struct err *err);

/* segment_header_sum(): CRC-32C of what a header says, its "crc". */
uint32_t segment_header_sum(const char *uuid, const char *file, uint64_t pos);
/* segment_file_open(): 1 opened, 0 not there or its header is not whole yet, -1. */
int segment_file_open(struct segment_file *f, const char *dir, unsigned number,
                      const struct crc32c *crc, struct err *err);
void segment_file_done(struct segment_file *f);
/*
 * segment_file_next() - the next record
 *
 * Returns 1; 0 when no whole record follows (f->next_at is where one would begin; what was read of
 * a torn one is forgotten); -1 with ERR_RELAY_CORRUPT (damage at f->next_at) or ERR_RELAY_IO.
 */
int segment_file_next(struct segment_file *f, struct raw_record *ret, struct err *err);
/* segment_header_of(): the header alone; as segment_file_open. */
int segment_header_of(const char *dir, unsigned number, struct segment_header *ret,
                      struct err *err);

/* Where a reader found damage: "<number> <offset>" in <dir>/damage. */
void segment_damage_note(const char *dir, unsigned number, uint64_t offset);
bool segment_damage_get(const char *dir, unsigned *ret_number, uint64_t *ret_offset);
void segment_damage_clear(const char *dir);

#endif
