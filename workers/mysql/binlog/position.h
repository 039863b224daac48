/* File and offset in a server's binlog. Comparable within one server only (docs/design.md,
 * "Position"). */
#ifndef WORKERS_MYSQL_BINLOG_POSITION_H
#define WORKERS_MYSQL_BINLOG_POSITION_H

#include <stdint.h>

enum { BINLOG_FILE_MAX = 128 };

struct binlog_pos {
    char file[BINLOG_FILE_MAX]; /* "" : unknown yet (start by GTID set) */
    uint64_t offset;
};

/* <0, 0, >0. Files are ordered by the number after their last dot; "" is before everything. */
int binlog_pos_cmp(const struct binlog_pos *a, const struct binlog_pos *b);

#endif
