/*
 * Sets of GTIDs of both lineages: MySQL "uuid[:tag]:1-5:7,…" (MySQL manual, "GTID Sets"; tags 8.3+)
 * and MariaDB "domain-server-sequence,…" (one per domain: everything up to it).
 */
#ifndef WORKERS_MYSQL_BINLOG_GTID_H
#define WORKERS_MYSQL_BINLOG_GTID_H

#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"

struct gtid_set;

struct gtid { /* of one transaction */
    bool mariadb;
    bool anonymous;             /* MySQL without GTID */
    uint8_t uuid[16];           /* MySQL */
    char tag[33];               /* MySQL 8.3+, "" without */
    uint64_t number;            /* MySQL gno, MariaDB sequence */
    uint32_t domain, server_id; /* MariaDB */
};

int gtid_set_parse(const char *text, bool mariadb, struct gtid_set **ret,
                   struct err *err); /* "" is the empty set */
void gtid_set_free(struct gtid_set *s);
DEFINE_CLEANUP(struct gtid_set, gtid_set_free)
int gtid_set_add(struct gtid_set *s, const struct gtid *g); /* -1: out of memory */
bool gtid_set_has(const struct gtid_set *s, const struct gtid *g);
bool gtid_set_contains(const struct gtid_set *big, const struct gtid_set *small);
bool gtid_set_is_mariadb(const struct gtid_set *s);
void gtid_set_text(const struct gtid_set *s, struct strbuf *b); /* canonical text */
/* The binary form COM_BINLOG_DUMP_GTID carries (MySQL source, Gtid_set::encode). */
void gtid_set_encode(const struct gtid_set *s, struct strbuf *b);

#endif
