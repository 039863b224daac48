/*
 * What the event decoder needs of GTIDs beyond gtid.h: the binary forms, and the variable-length
 * integers of MySQL's serialization library (MySQL source, libs/mysql/serialization/readme.md).
 */
#ifndef WORKERS_MYSQL_BINLOG_GTID_CODEC_H
#define WORKERS_MYSQL_BINLOG_GTID_CODEC_H

#include "base/num.h"
#include "workers/mysql/binlog/gtid.h"

struct gtid_set *gtid_set_new(bool mariadb); /* empty; NULL: out of memory */
/* gtid_set_add_range(): g.number up to, not including, `end`; -1: out of memory. */
int gtid_set_add_range(struct gtid_set *s, const struct gtid *g, uint64_t end);
/* gtid_set_decode(): what gtid_set_encode() makes, both encodings. ERR_BINLOG_MALFORMED. */
int gtid_set_decode(const void *data, size_t len, struct gtid_set **ret, struct err *err);

/* One to nine bytes: trailing ones of the first tell how many more follow. */
uint64_t cursor_mysql_varlen(struct cursor *c);
int64_t cursor_mysql_varlen_signed(struct cursor *c);
/* cursor_mysql_tag(): a string of at most 32 bytes, NUL-terminated into `tag`; false: malformed. */
bool cursor_mysql_tag(struct cursor *c, char tag[static 33]);

#endif
