/* What the relay holds beyond a checkpoint: the GTIDs of its whole transactions, and how many. */
#ifndef WORKERS_RELAY_PULLED_H
#define WORKERS_RELAY_PULLED_H

#include "workers/mysql/binlog/gtid.h"
#include "workers/mysql/control.h"

struct pulled {
    struct gtid_set *gtids; /* the checkpoint's, and those of every whole transaction behind it */
    uint64_t groups;        /* begun behind the checkpoint, whole or not: as incremental counts */
    bool anonymous;         /* some have no GTID: `gtids` does not tell everything */
};
void pulled_done(struct pulled *p);

/*
 * pulled_read() - reads the relay from the checkpoint to its end, as it is on disk
 *
 * @cp  its gtid_set must be known (not NULL)
 * Errors: relay_reader_open()'s and relay_reader_next()'s, ERR_BINLOG_….
 */
int pulled_read(const char *dir, const struct checkpoint *cp, bool mariadb, struct pulled *ret,
                struct err *err);

#endif
