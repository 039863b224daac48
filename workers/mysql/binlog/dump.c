#include "workers/mysql/binlog/dump.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mysql.h>

#include <ma_pvio.h>

#include "base/num.h"
#include "workers/mysql/dberr.h"

#include "base/banned.h"

enum {
    COM_BINLOG_DUMP_GTID_ = 0x1e, /* not in libmariadb's list */
    FLAG_NON_BLOCK = 1,           /* BINLOG_DUMP_NON_BLOCK */
    FLAG_THROUGH_GTID = 4,        /* BINLOG_THROUGH_GTID */
    FLAG_SEND_ANNOTATE = 2,       /* MariaDB: else its events leave gaps in the positions */
    STATUS_OK = 0,
    STATUS_EOF = 0xfe,
    EOF_LEN_MAX = 8,
    ER_MASTER_FATAL_ERROR = 1236,
    ER_ACCESS_DENIED = 1045,
    ER_SPECIFIC_ACCESS_DENIED = 1227,
    ER_NO_BINARY_LOGGING = 1381,
    GTID_SET_MAX = 16 * 1024 * 1024,
    FIRST_OFFSET = 4, /* behind the magic number of every file */
};

struct dump {
    struct conn *conn;
    bool mariadb;
};

/* no statement: only precheck knows the account's own name */
static const char grant_advice[] = "The account needs REPLICATION SLAVE and REPLICATION CLIENT on "
                                   "*.*: docs/privileges.md.";

/* What the server says when it refuses or ends a dump; the number alone tells too little. */
static int refused(const struct dump *d, struct err *err)
{
    MYSQL *m = conn_raw(d->conn);
    const char *text = mysql_error(m);
    unsigned number = mysql_errno(m);
    /* clang-format off */
    static const struct {
        const char *text;
        enum err_code code;
        const char *advice;
    } fatal[] = {
        { "more GTIDs", ERR_GTID_ERRANT, NULL },      /* MySQL: Replica has more GTIDs than … */
        { "not in the master's binlog", ERR_GTID_ERRANT, NULL }, /* MariaDB */
        { "errant transactions", ERR_GTID_ERRANT, NULL },
        { "GTID state requested", ERR_GTID_PURGED, NULL }, /* MariaDB: Could not find GTID state … */
        { "MASTER_AUTO_POSITION", ERR_GTID_PURGED, NULL }, /* MySQL 5.6: … has purged binary logs */
        { "purged required binary logs", ERR_GTID_PURGED, NULL }, /* MySQL 8 */
        { "log file name", ERR_BINLOG_PURGED, NULL }, /* Could not find first log file name in … */
        { "purged", ERR_BINLOG_PURGED, NULL },
        { "not open", ERR_BINLOG_OFF, NULL },
        { "not configured", ERR_BINLOG_OFF, NULL },
        { "impossible position", ERR_BINLOG_RESET, NULL },
        { "requested master to start", ERR_BINLOG_RESET, NULL }, /* … from position > file size */
        { "requested source to start", ERR_BINLOG_RESET, NULL },
        { "same server", ERR_DB_LOST, NULL }, /* A replica with the same server_uuid/server_id … */
        { "truncated", ERR_DB_LOST, NULL },   /* read while it was being written */
    };
    /* clang-format on */

    if (number == ER_NO_BINARY_LOGGING)
        return err_set(err, ERR_BINLOG_OFF, "the source writes no binlog: %s", text);
    if (number == ER_MASTER_FATAL_ERROR) {
        for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
            if (strstr(text, fatal[i].text) == NULL)
                continue;
            (void)err_set(err, fatal[i].code, "the source's binlog can't be read: %s", text);
            err->db_errno = number;
            return fatal[i].advice != NULL ? err_advise(err, "%s", fatal[i].advice) : -1;
        }
    }
    (void)dberr_set(
        err, conn_endpoint(d->conn),
        &(struct db_error){
            .number = number, .text = text, .mariadb = d->mariadb, .phase = DB_SESSION });
    if (number == ER_ACCESS_DENIED || number == ER_SPECIFIC_ACCESS_DENIED)
        return err_advise(err, "%s", grant_advice);
    return err_wrap(err, "reading the binlog");
}

/*
 * MariaDB takes the set from a variable (sql_repl.cc). Strict: a GTID that it does not have is an
 * error, not a place to guess at.
 */
static int connect_state(struct conn *c, const struct gtid_set *set, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(GTID_SET_MAX);

    strbuf_adds(&sql, "SET @slave_connect_state = '");
    gtid_set_text(set, &sql); /* digits, dashes and commas */
    strbuf_adds(&sql, "', @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0");
    if (strbuf_check(&sql, err) < 0)
        return -1;
    return conn_exec(c, strbuf_str(&sql), sql.len, NULL, err);
}

/* What a replica says about itself before it asks (MySQL source, rpl_replica.cc). */
static int announce(struct conn *c, const struct dump_options *o, bool mariadb, struct err *err)
{
    uint64_t period_ns = (uint64_t)o->heartbeat_ms * 1000000;

    if (conn_execf(c, err,
                   "SET @master_binlog_checksum = @@global.binlog_checksum,"
                   " @source_binlog_checksum = @@global.binlog_checksum,"
                   " @master_heartbeat_period = %llu, @source_heartbeat_period = %llu",
                   (unsigned long long)period_ns, (unsigned long long)period_ns) < 0)
        return -1;
    /* without it MariaDB replaces its own events by dummies, or refuses */
    if (!mariadb)
        return 0;
    if (conn_execf(c, err, "SET @mariadb_slave_capability = 4") < 0)
        return -1;
    return o->pos.file[0] == '\0' && o->gtids != NULL ? connect_state(c, o->gtids, err) : 0;
}

static void add_le(struct strbuf *b, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        strbuf_addc(b, (char)(v >> (8 * i) & 255));
}

static int command(struct dump *d, const struct dump_options *o, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf packet = STRBUF(GTID_SET_MAX), set = STRBUF(GTID_SET_MAX);
    bool by_gtid = o->pos.file[0] == '\0' && o->gtids != NULL && !gtid_set_is_mariadb(o->gtids);
    unsigned flags = (o->non_block ? FLAG_NON_BLOCK : 0) | (by_gtid ? FLAG_THROUGH_GTID : 0) |
                     (d->mariadb ? FLAG_SEND_ANNOTATE : 0);
    uint64_t offset = MAX(o->pos.offset, (uint64_t)FIRST_OFFSET);
    MYSQL *m = conn_raw(d->conn);
    unsigned number = COM_BINLOG_DUMP;

    if (by_gtid) {
        number = COM_BINLOG_DUMP_GTID_;
        gtid_set_encode(o->gtids, &set);
        add_le(&packet, flags, 2);
        add_le(&packet, o->server_id, 4);
        add_le(&packet, 0, 4); /* no file name: the server looks for it */
        add_le(&packet, FIRST_OFFSET, 8);
        add_le(&packet, set.len, 4);
        strbuf_add(&packet, strbuf_str(&set), set.len);
    } else {
        if (offset > UINT32_MAX)
            return err_set(err, ERR_PARAM, "a dump can't begin at offset %llu of %s",
                           (unsigned long long)offset, o->pos.file);
        add_le(&packet, offset, 4);
        add_le(&packet, flags, 2);
        add_le(&packet, o->server_id, 4);
        strbuf_adds(&packet, o->pos.file);
    }
    if (strbuf_check(&set, err) < 0 || strbuf_check(&packet, err) < 0)
        return -1;
    /* skip_check: the answer is a stream, not an OK packet */
    if (m->methods->db_command(m, (enum enum_server_command)number, packet.data, packet.len, 1,
                               NULL) != 0)
        return refused(d, err);
    return 0;
}

int dump_open(struct conn *c, const struct dialect *dialect, const struct dump_options *o,
              struct dump **ret, struct err *err)
{
    _cleanup_(dump_closep)
    struct dump *d = calloc(1, sizeof(*d));

    if (d == NULL) {
        conn_close(c);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    d->conn = c;
    d->mariadb = dialect->flavour == FLAVOUR_MARIADB;
    if (announce(c, o, d->mariadb, err) < 0 || command(d, o, err) < 0)
        return -1;
    *ret = take_ptr(d);
    return 0;
}

void dump_close(struct dump *d)
{
    if (d == NULL)
        return;
    conn_close(d->conn);
    free(d);
}

int dump_next(struct dump *d, const uint8_t **ret, size_t *ret_len, struct err *err)
{
    MYSQL *m = conn_raw(d->conn);
    unsigned long len = mysql_net_read_packet(m);
    const uint8_t *at = m->net.read_pos;

    if (len == packet_error || len == (unsigned long)-1)
        return refused(d, err);
    if (len == 0)
        return err_set(err, ERR_BINLOG_MALFORMED, "an empty packet in the binlog stream");
    if (at[0] == STATUS_EOF && len <= EOF_LEN_MAX)
        return 0;
    if (at[0] != STATUS_OK)
        return err_set(err, ERR_BINLOG_MALFORMED, "a packet of status %u in the binlog stream",
                       at[0]);
    *ret = at + 1;
    *ret_len = (size_t)len - 1;
    return 1;
}

bool dump_wait(const struct dump *d, int stop_fd, int timeout_ms)
{
    MYSQL *m = conn_raw(d->conn);
    const MARIADB_PVIO *io = m->net.pvio;
    struct pollfd p[] = { { .fd = mysql_get_socket(m), .events = POLLIN },
                          { .fd = stop_fd, .events = POLLIN } };

    if (io != NULL && io->cache != NULL && io->cache_pos < io->cache + io->cache_size)
        return true;
    return poll(p, ARRAY_SIZE(p), timeout_ms) > 0 && p[0].revents != 0;
}

bool dump_pending(const struct dump *d)
{
    return dump_wait(d, -1, 0);
}

static int binlog_off(struct err *err)
{
    return err_set(err, ERR_BINLOG_OFF, "the source writes no binlog (log_bin is off)");
}

static void cut_newlines(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++)
        if (*from != '\n' && *from != '\r')
            *to++ = *from;
    *to = '\0';
}

int dump_source_position(struct conn *c, const struct dialect *d, struct binlog_pos *ret,
                         char **ret_gtids, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    _cleanup_(freep)
    char *gtids = NULL;
    struct binlog_pos pos = { 0 };
    int got;

    if (conn_query(c, d->binlog_status_sql, strlen(d->binlog_status_sql), &r, err) < 0)
        return err->code == ERR_DB_PRIVILEGE ? err_advise(err, "%s", grant_advice) : -1;
    got = result_next(&r, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return binlog_off(err);
    if ((size_t)snprintf(pos.file, sizeof(pos.file), "%s",
                         result_str(&r, result_column(&r, "File"), "")) >= sizeof(pos.file) ||
        pos.file[0] == '\0')
        return err_set(err, ERR_DB_UNSUPPORTED, "%s names no file", d->binlog_status_sql);
    pos.offset = result_u64(&r, result_column(&r, "Position"), 0);
    if (d->gtid_mysql && conn_value(c, "SELECT @@GLOBAL.gtid_executed", &gtids, err) < 0)
        return -1;
    if (d->gtid_mariadb && conn_value(c, "SELECT @@GLOBAL.gtid_binlog_pos", &gtids, err) < 0)
        return -1;
    if (gtids != NULL)
        cut_newlines(gtids);
    *ret = pos;
    if (ret_gtids != NULL)
        *ret_gtids = take_ptr(gtids);
    return 0;
}

int dump_source_uuid(struct conn *c, const struct dialect *d, char ret[static 64], struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;
    bool mariadb = d->flavour == FLAVOUR_MARIADB;
    const char *sql = mariadb ? "SELECT @@GLOBAL.server_id" : "SELECT @@GLOBAL.server_uuid";

    if (conn_value(c, sql, &text, err) < 0)
        return -1;
    if (text == NULL || text[0] == '\0' || strlen(text) > 63 - strlen("mariadb:"))
        return err_set(err, ERR_DB_UNSUPPORTED, "the source tells no identity (%s)", sql);
    (void)snprintf(ret, 64, "%s%s", mariadb ? "mariadb:" : "", text);
    return 0;
}
