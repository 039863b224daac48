/*
 * The binlog dump: COM_BINLOG_DUMP / COM_BINLOG_DUMP_GTID over libmariadb's connection, raw packets
 * back (see ../shared/servers.md, "Reading the binlog through libmariadb").
 */
#ifndef WORKERS_MYSQL_BINLOG_DUMP_H
#define WORKERS_MYSQL_BINLOG_DUMP_H

#include "base/err.h"
#include "workers/mysql/binlog/gtid.h"
#include "workers/mysql/binlog/position.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"

struct dump;
struct dump_options {
    struct binlog_pos pos;        /* start here … */
    const struct gtid_set *gtids; /* … or, when pos.file is "", after these */
    uint32_t server_id;           /* ours, unlike any in the topology */
    unsigned heartbeat_ms;        /* the source sends a heartbeat after so much silence */
    bool non_block;               /* end (EOF) at the end of the binlog instead of waiting */
};
/*
 * dump_open() - announces us as a replica and sends the dump command
 *
 * Takes over the connection, on failure too. Open it with a timeout_s of several heartbeats: then
 * a half-open connection is noticed. The server's refusal comes with the first dump_next().
 * Errors: ERR_BINLOG_PURGED, ERR_BINLOG_RESET (the file does not reach the position),
 * ERR_GTID_PURGED, ERR_GTID_ERRANT (the server lacks transactions that it should have),
 * ERR_BINLOG_OFF, ERR_DB_PRIVILEGE, ERR_DB_LOST; ERR_PARAM for an offset past 4 GiB, which
 * COM_BINLOG_DUMP can't express.
 */
int dump_open(struct conn *c, const struct dialect *d, const struct dump_options *o,
              struct dump **ret, struct err *err);
void dump_close(struct dump *d);
DEFINE_CLEANUP(struct dump, dump_close)
/* dump_next(): the next raw event, borrowed until the next call: 1, 0 at EOF (non_block), -1. */
int dump_next(struct dump *d, const uint8_t **ret, size_t *ret_len, struct err *err);
/* dump_pending(): true while the next event, or a part of it, has already arrived here. */
bool dump_pending(const struct dump *d);
/* dump_wait(): true when something arrived; false when the time is up or `stop_fd` is readable. */
bool dump_wait(const struct dump *d, int stop_fd, int timeout_ms);
/* Where the source is now: file, offset, and GTID set text (caller frees; NULL without GTIDs).
 * ERR_BINLOG_OFF. */
int dump_source_position(struct conn *c, const struct dialect *d, struct binlog_pos *ret,
                         char **ret_gtids, struct err *err);
/* dump_source_uuid(): server_uuid, or "mariadb:<server_id>". */
int dump_source_uuid(struct conn *c, const struct dialect *d, char ret[static 64], struct err *err);

#endif
