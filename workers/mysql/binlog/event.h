/*
 * Binlog events of MySQL 5.6–9.x and MariaDB 10.x/11.x, decoded from raw bytes over a bounded
 * cursor: whatever is malformed is an error, never a read past the end.
 * Sources: MySQL source documentation, libs/mysql/binlog/event ("Binlog Event"); MariaDB knowledge
 * base, "Replication Protocol / Event types".
 */
#ifndef WORKERS_MYSQL_BINLOG_EVENT_H
#define WORKERS_MYSQL_BINLOG_EVENT_H

#include <stdint.h>

#include "base/err.h"
#include "workers/mysql/binlog/gtid.h"

enum event_type {
    EV_UNKNOWN = 0,
    EV_START_V3 = 1,
    EV_QUERY = 2,
    EV_STOP = 3,
    EV_ROTATE = 4,
    EV_INTVAR = 5,
    EV_LOAD_V1 = 6,
    EV_SLAVE = 7,
    EV_CREATE_FILE = 8,
    EV_APPEND_BLOCK = 9,
    EV_EXEC_LOAD = 10,
    EV_DELETE_FILE = 11,
    EV_NEW_LOAD = 12,
    EV_RAND = 13,
    EV_USER_VAR = 14,
    EV_FORMAT_DESCRIPTION = 15,
    EV_XID = 16,
    EV_BEGIN_LOAD_QUERY = 17,
    EV_EXECUTE_LOAD_QUERY = 18,
    EV_TABLE_MAP = 19,
    EV_WRITE_ROWS_V1 = 23,
    EV_UPDATE_ROWS_V1 = 24,
    EV_DELETE_ROWS_V1 = 25,
    EV_INCIDENT = 26,
    EV_HEARTBEAT = 27,
    EV_IGNORABLE = 28,
    EV_ROWS_QUERY = 29,
    EV_WRITE_ROWS = 30,
    EV_UPDATE_ROWS = 31,
    EV_DELETE_ROWS = 32,
    EV_GTID = 33,
    EV_ANONYMOUS_GTID = 34,
    EV_PREVIOUS_GTIDS = 35,
    EV_TRANSACTION_CONTEXT = 36,
    EV_VIEW_CHANGE = 37,
    EV_XA_PREPARE = 38,
    EV_PARTIAL_UPDATE_ROWS = 39,
    EV_TRANSACTION_PAYLOAD = 40,
    EV_HEARTBEAT_V2 = 41,
    EV_GTID_TAGGED = 42,
    EV_MARIA_ANNOTATE = 160,
    EV_MARIA_BINLOG_CHECKPOINT = 161,
    EV_MARIA_GTID = 162,
    EV_MARIA_GTID_LIST = 163,
    EV_MARIA_START_ENCRYPTION = 164,
    EV_MARIA_QUERY_COMPRESSED = 165,
    EV_MARIA_WRITE_ROWS_COMPRESSED_V1 = 166,
    EV_MARIA_UPDATE_ROWS_COMPRESSED_V1 = 167,
    EV_MARIA_DELETE_ROWS_COMPRESSED_V1 = 168,
    EV_MARIA_WRITE_ROWS_COMPRESSED = 169,
    EV_MARIA_UPDATE_ROWS_COMPRESSED = 170,
    EV_MARIA_DELETE_ROWS_COMPRESSED = 171,
};
enum { EVENT_HEADER_LEN = 19, EVENT_FLAG_ARTIFICIAL = 0x20, EVENT_FLAG_IGNORABLE = 0x80 };

struct event {
    uint32_t timestamp;
    unsigned type; /* enum event_type, or a number we don't know */
    uint32_t server_id;
    uint32_t size; /* whole event, header and checksum included */
    uint32_t
        next_pos; /* log_pos: offset of the next event; 0 in artificial ones; wraps past 4 GiB */
    uint16_t flags;
    const uint8_t *body; /* behind the common header, without the checksum; borrowed */
    size_t body_len;
};

/* What the last FORMAT_DESCRIPTION event said. Zeroed: none seen yet. */
struct binlog_format {
    bool known, mariadb, checksum; /* checksum: CRC32 at the end of every event */
    char server_version[51];
    uint8_t post_header_len[256];
    unsigned post_header_count;
};

/*
 * event_parse() - header, length and CRC32 checked
 *
 * With no format known yet only the ROTATE and FORMAT_DESCRIPTION that open a dump make sense: a
 * checksum that fits is then taken for one. Events out of a payload have none: give a copy of the
 * format with `checksum` false. Errors: ERR_BINLOG_MALFORMED, ERR_BINLOG_CHECKSUM.
 */
int event_parse(const struct binlog_format *f, const void *data, size_t len, struct event *ret,
                struct err *err);
int event_format_description(const struct event *e, struct binlog_format *ret, struct err *err);
unsigned event_server_version(const struct binlog_format *f); /* "10.11.3-MariaDB" -> 101103 */
struct event_rotate {
    uint64_t pos;
    char file[128];
};
int event_rotate(const struct binlog_format *f, const struct event *e, struct event_rotate *ret,
                 struct err *err);

enum { /* bits of flags2 (MySQL source, sql/query_options.h) */
       QUERY_NO_FOREIGN_KEY_CHECKS = 1 << 26,
       QUERY_RELAXED_UNIQUE_CHECKS = 1 << 27,
};

struct event_query {
    uint32_t thread_id;
    uint16_t error_code;
    const char *db;
    size_t db_len; /* default database */
    const char *sql;
    size_t sql_len; /* in charset_client */
    uint64_t sql_mode;
    bool has_sql_mode;
    uint32_t flags2; /* OPTION_… bits of the session, see below; valid with has_flags2 */
    bool has_flags2;
    /* Numbers of collations; 0: unknown. charset_client's set is what the text is written in. */
    uint16_t charset_client, collation_connection, collation_server;
    uint16_t utf8mb4_collation; /* default_collation_for_utf8mb4 (MySQL 8); 0: unknown */
    char time_zone[64]; /* of the session, "SYSTEM", "+02:00"; "": the event does not tell */
    /* MariaDB's binlog_alter_two_phase: 0, or which part of an ALTER this is; see below */
    uint8_t alter_part;
    int explicit_timestamps; /* explicit_defaults_for_timestamp: 0, 1; -1: not told */
    char *owned; /* decompressed text of MariaDB's compressed form, or NULL: event_query_done */
};
enum { /* MariaDB logs an ALTER when it begins, and again when it has ended */
       QUERY_ALTER_BEGINS = 2,
       QUERY_ALTER_ENDS = 4,
       QUERY_ALTER_FAILED = 8,
};
int event_query(const struct binlog_format *f, const struct event *e, struct event_query *ret,
                struct err *err);
void event_query_done(struct event_query *q);

enum { XID_TEXT_MAX = 320 }; /* "X'<128 digits>',X'<128 digits>',<number>" */

struct event_gtid {
    struct gtid gtid;
    bool standalone;                         /* MariaDB FL_STANDALONE: no COMMIT follows (DDL) */
    int64_t last_committed, sequence_number; /* MySQL 5.7+, else 0 */
    char prepared_xid[XID_TEXT_MAX];         /* MariaDB: what follows is an XA transaction up to its
                                                XA_PREPARE; else "" */
};
int event_gtid(const struct binlog_format *f, const struct event *e, struct event_gtid *ret,
               struct err *err);
/* event_xid_text(): how both servers write it in their binlogs; false: it is none. */
bool event_xid_text(uint32_t format, size_t gtrid_len, size_t bqual_len, const void *data,
                    size_t len, char ret[static XID_TEXT_MAX]);
/*
 * event_xa_prepare() - the end of a group whose outcome comes later, in a group of its own
 *
 * @ret_xid        as the servers' own XA START and XA COMMIT in the binlog have it
 * @ret_one_phase  no: it ends here and is committed
 */
int event_xa_prepare(const struct event *e, char ret_xid[static XID_TEXT_MAX], bool *ret_one_phase,
                     struct err *err);
int event_previous_gtids(const struct binlog_format *f, const struct event *e,
                         struct gtid_set **ret,
                         struct err *err); /* PREVIOUS_GTIDS or MariaDB's list */
const char *event_type_name(unsigned type);
/*
 * event_payload_each() - the events inside a TRANSACTION_PAYLOAD (zstd), one after another
 *
 * @f   of the stream; as long as fn runs it says that events have no checksum: those inside have
 * none
 * @fn  gets each raw event
 */
int event_payload_each(struct binlog_format *f, const struct event *e,
                       int (*fn)(void *ctx, const void *data, size_t len, struct err *err),
                       void *ctx, struct err *err);

#endif
