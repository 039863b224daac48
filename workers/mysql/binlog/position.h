/*
 * File and offset in a server's binlog, with the era they belong to: a project that goes on at
 * another server begins a new era, for file numbers start again there (docs/design.md, "Position").
 *
 * As text, wherever positions are stored: "bin.000007" in era 0, "bin.000007@2" in era 2. What is
 * behind a server's last dot is digits only, so the suffix can't be part of a name of its own.
 */
#ifndef WORKERS_MYSQL_BINLOG_POSITION_H
#define WORKERS_MYSQL_BINLOG_POSITION_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BINLOG_FILE_MAX = 128,
    BINLOG_FILE_TEXT_MAX = BINLOG_FILE_MAX + 12, /* with "@4294967295" */
};

struct binlog_pos {
    char file[BINLOG_FILE_MAX]; /* "" : unknown yet (start by GTID set) */
    uint64_t offset;
    unsigned era; /* 0: the server the project began at */
};

/*
 * binlog_pos_cmp() - <0, 0, >0. By era, then by the number after the file's last dot, then by
 * offset. A position without a file is before everything, whatever its era.
 */
int binlog_pos_cmp(const struct binlog_pos *a, const struct binlog_pos *b);

/* binlog_file_text(): file and era of `p` as they are stored; returns `buf`. */
const char *binlog_file_text(const struct binlog_pos *p, char buf[static BINLOG_FILE_TEXT_MAX]);
/* binlog_file_parse(): the reverse, into p->file and p->era; false (file ""): not such a text. */
bool binlog_file_parse(const char *text, struct binlog_pos *p);

#endif
