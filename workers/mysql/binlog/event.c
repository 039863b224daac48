#include "workers/mysql/binlog/event.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/num.h"
#include "base/strbuf.h"
#include "workers/mysql/binlog/gtid_codec.h"

#include "base/banned.h"

enum {
    CHECKSUM_LEN = 4,
    CHECKSUM_ALG_OFF = 0,
    CHECKSUM_ALG_CRC32 = 1,
    FLAG_IN_USE = 1,   /* of the FORMAT_DESCRIPTION in a file being written */
    FLAGS_OFFSET = 17, /* of the common header's flags */
    FDE_FIXED_LEN = 2 + 50 + 4 + 1,
    MARIADB_LEAST_EVENTS = 160, /* MariaDB numbers its own events from here on */
    FIRST_WITH_CHECKSUM = 50601,
    GTID_COMMIT_ORDER = 2, /* logical timestamp type of MySQL 5.7+ */
    MARIADB_FL_STANDALONE = 1,
    MARIADB_FL_GROUP_COMMIT_ID = 2,
    MARIADB_FL_PREPARED_XA = 64,
    XID_PART_MAX = 64, /* of its global and of its branch part (X/Open XA) */
};

/* The checksum's place is the end of the event; it covers all before it. */
static bool crc_fits(const uint8_t *data, size_t len)
{
    struct cursor c;
    uLong crc;

    if (len < EVENT_HEADER_LEN + CHECKSUM_LEN)
        return false;
    c = cursor_of(data + len - CHECKSUM_LEN, CHECKSUM_LEN);
    crc = crc32_z(crc32_z(0, NULL, 0), data, len - CHECKSUM_LEN);
    return crc == cursor_le(&c, CHECKSUM_LEN);
}

/* A FORMAT_DESCRIPTION is summed before its "in use" flag is set, which happens in place. */
static bool fde_crc_fits(const uint8_t *data, size_t len)
{
    uint8_t head[EVENT_HEADER_LEN];
    struct cursor c;
    uLong crc;

    if (len < EVENT_HEADER_LEN + CHECKSUM_LEN)
        return false;
    memcpy(head, data, sizeof(head));
    head[FLAGS_OFFSET] &= (uint8_t)~FLAG_IN_USE;
    c = cursor_of(data + len - CHECKSUM_LEN, CHECKSUM_LEN);
    crc = crc32_z(crc32_z(0, NULL, 0), head, sizeof(head));
    crc = crc32_z(crc, data + sizeof(head), len - sizeof(head) - CHECKSUM_LEN);
    return crc == cursor_le(&c, CHECKSUM_LEN);
}

/* "5.6.24-log" is 50624. */
static unsigned version_number(const char *text)
{
    unsigned part[3] = { 0 };
    unsigned i = 0;

    for (; *text != '\0' && i < 3; text++) {
        if (*text >= '0' && *text <= '9')
            part[i] = MIN(part[i] * 10 + (unsigned)(*text - '0'), 99U);
        else if (*text == '.')
            i++;
        else
            break;
    }
    return part[0] * 10000 + part[1] * 100 + part[2];
}

unsigned event_server_version(const struct binlog_format *f)
{
    return version_number(f->server_version);
}

/* Checksum length of a FORMAT_DESCRIPTION tells itself: the byte before the last four. */
static int fde_tail(const uint8_t *data, size_t len, size_t *ret_tail, bool *ret_checksum,
                    struct err *err)
{
    char version[51] = { 0 };
    uint8_t alg;

    *ret_tail = 0;
    *ret_checksum = false;
    if (len < EVENT_HEADER_LEN + FDE_FIXED_LEN)
        return err_set(err, ERR_BINLOG_MALFORMED, "format description of %zu bytes", len);
    memcpy(version, data + EVENT_HEADER_LEN + 2, sizeof(version) - 1);
    if (version_number(version) < FIRST_WITH_CHECKSUM)
        return 0;
    if (len < EVENT_HEADER_LEN + FDE_FIXED_LEN + 1 + CHECKSUM_LEN)
        return err_set(err, ERR_BINLOG_MALFORMED, "format description of %zu bytes", len);
    alg = data[len - CHECKSUM_LEN - 1];
    if (alg != CHECKSUM_ALG_OFF && alg != CHECKSUM_ALG_CRC32)
        return err_set(err, ERR_BINLOG_MALFORMED, "unknown checksum algorithm %u", alg);
    *ret_tail = CHECKSUM_LEN;
    *ret_checksum = alg == CHECKSUM_ALG_CRC32;
    return 0;
}

static int checksum_error(const struct event *e, struct err *err)
{
    return err_set(err, ERR_BINLOG_CHECKSUM, "checksum of a %s event of %u bytes ending at %u",
                   event_type_name(e->type), e->size, e->next_pos);
}

/* How many bytes at the end are not content; verifies them. */
static int checked_tail(const struct binlog_format *f, const struct event *e, const uint8_t *data,
                        size_t len, size_t *ret_tail, struct err *err)
{
    bool checksum;

    if (e->type == EV_FORMAT_DESCRIPTION) {
        if (fde_tail(data, len, ret_tail, &checksum, err) < 0)
            return -1;
        return checksum && !fde_crc_fits(data, len) ? checksum_error(e, err) : 0;
    }
    if (!f->known) {
        /* the artificial ROTATE that opens a dump comes before anything tells whether it is summed
         */
        *ret_tail = crc_fits(data, len) ? CHECKSUM_LEN : 0;
        return 0;
    }
    *ret_tail = f->checksum ? CHECKSUM_LEN : 0;
    return f->checksum && !crc_fits(data, len) ? checksum_error(e, err) : 0;
}

int event_parse(const struct binlog_format *f, const void *data, size_t len, struct event *ret,
                struct err *err)
{
    struct cursor c = cursor_of(data, len);
    struct event e = { 0 };
    size_t tail = 0;

    e.timestamp = (uint32_t)cursor_le(&c, 4);
    e.type = (unsigned)cursor_le(&c, 1);
    e.server_id = (uint32_t)cursor_le(&c, 4);
    e.size = (uint32_t)cursor_le(&c, 4);
    e.next_pos = (uint32_t)cursor_le(&c, 4);
    e.flags = (uint16_t)cursor_le(&c, 2);
    if (c.bad || e.size != len)
        return err_set(err, ERR_BINLOG_MALFORMED, "event of type %u says %u bytes, has %zu", e.type,
                       e.size, len);
    if (checked_tail(f, &e, data, len, &tail, err) < 0)
        return -1;
    if (cursor_left(&c) < tail)
        return err_set(err, ERR_BINLOG_MALFORMED, "%s event of %zu bytes has no checksum",
                       event_type_name(e.type), len);
    e.body = c.p;
    e.body_len = cursor_left(&c) - tail;
    *ret = e;
    return 0;
}

int event_format_description(const struct event *e, struct binlog_format *ret, struct err *err)
{
    struct binlog_format f = { .known = true };
    const uint8_t *raw = e->body == NULL ? NULL : e->body - EVENT_HEADER_LEN;
    struct cursor c = cursor_of(e->body, e->body_len);
    const uint8_t *version, *lengths;
    size_t tail, count;
    unsigned binlog_version, header_len;

    if (e->type != EV_FORMAT_DESCRIPTION || raw == NULL)
        return err_set(err, ERR_BINLOG_MALFORMED, "not a format description");
    if (fde_tail(raw, e->size, &tail, &f.checksum, err) < 0)
        return -1;
    binlog_version = (unsigned)cursor_le(&c, 2);
    version = cursor_bytes(&c, 50);
    (void)cursor_le(&c, 4); /* when it was made */
    header_len = (unsigned)cursor_le(&c, 1);
    if (version == NULL || c.bad || binlog_version != 4 || header_len != EVENT_HEADER_LEN)
        return err_set(err, ERR_BINLOG_MALFORMED, "binlog version %u with headers of %u bytes",
                       binlog_version, header_len);
    memcpy(f.server_version, version, 50);
    count =
        cursor_left(&c) - (tail > 0 ? 1 : 0); /* the algorithm's byte stands behind the lengths */
    count = MIN(count, sizeof(f.post_header_len) - 1);
    lengths = cursor_bytes(&c, count);
    if (lengths == NULL)
        return err_set(err, ERR_BINLOG_MALFORMED, "format description of %u bytes", e->size);
    memcpy(f.post_header_len + 1, lengths, count); /* type 1 is the first */
    f.post_header_count = (unsigned)count;
    /* the version's text can be set by hand (--version), the number of events can't */
    f.mariadb = strstr(f.server_version, "MariaDB") != NULL || count >= MARIADB_LEAST_EVENTS;
    *ret = f;
    return 0;
}

int event_rotate(const struct binlog_format *f, const struct event *e, struct event_rotate *ret,
                 struct err *err)
{
    struct cursor c = cursor_of(e->body, e->body_len);
    struct event_rotate r = { 0 };
    const uint8_t *name;
    size_t len;

    (void)f;
    r.pos = cursor_le(&c, 8);
    len = cursor_left(&c);
    name = cursor_bytes(&c, len);
    if (c.bad || len == 0 || len >= sizeof(r.file) || memchr(name, '\0', len) != NULL)
        return err_set(err, ERR_BINLOG_MALFORMED, "rotate event with a file name of %zu bytes",
                       len);
    memcpy(r.file, name, len);
    *ret = r;
    return 0;
}

/* X'…',X'…',number: how both servers write it in their binlogs. False: it is too long. */
static bool xid_text(struct cursor *c, uint32_t format, size_t gtrid_len, size_t bqual_len,
                     char ret[static XID_TEXT_MAX])
{
    struct strbuf b = STRBUF(XID_TEXT_MAX - 1);
    const uint8_t *at = gtrid_len <= XID_PART_MAX && bqual_len <= XID_PART_MAX
                            ? cursor_bytes(c, gtrid_len + bqual_len)
                            : NULL;
    bool ok;

    strbuf_adds(&b, "X'");
    for (size_t i = 0; at != NULL && i < gtrid_len + bqual_len; i++) {
        if (i == gtrid_len)
            strbuf_adds(&b, "',X'");
        strbuf_addf(&b, "%02x", at[i]);
    }
    if (bqual_len == 0)
        strbuf_adds(&b, "',X'");
    strbuf_addf(&b, "',%u", format);
    ok = at != NULL && strbuf_ok(&b);
    if (ok)
        memcpy(ret, b.data, b.len + 1);
    strbuf_done(&b);
    return ok;
}

bool event_xid_text(uint32_t format, size_t gtrid_len, size_t bqual_len, const void *data,
                    size_t len, char ret[static XID_TEXT_MAX])
{
    struct cursor c = cursor_of(data, len);

    return xid_text(&c, format, gtrid_len, bqual_len, ret);
}

int event_xa_prepare(const struct event *e, char ret_xid[static XID_TEXT_MAX], bool *ret_one_phase,
                     struct err *err)
{
    struct cursor c = cursor_of(e->body, e->body_len);
    bool one_phase = cursor_le(&c, 1) != 0;
    uint32_t format = (uint32_t)cursor_le(&c, 4);
    size_t gtrid_len = (size_t)cursor_le(&c, 4), bqual_len = (size_t)cursor_le(&c, 4);

    if (c.bad || !xid_text(&c, format, gtrid_len, bqual_len, ret_xid))
        return err_set(err, ERR_BINLOG_MALFORMED, "damaged XA_PREPARE event of %u bytes", e->size);
    *ret_one_phase = one_phase;
    return 0;
}

static int maria_gtid(const struct event *e, struct event_gtid *ret)
{
    struct cursor c = cursor_of(e->body, e->body_len);
    unsigned flags;

    ret->gtid.mariadb = true;
    ret->gtid.number = cursor_le(&c, 8);
    ret->gtid.domain = (uint32_t)cursor_le(&c, 4);
    ret->gtid.server_id = e->server_id;
    flags = (unsigned)cursor_le(&c, 1);
    ret->standalone = (flags & MARIADB_FL_STANDALONE) != 0;
    if ((flags & MARIADB_FL_GROUP_COMMIT_ID) != 0)
        (void)cursor_le(&c, 8);
    if ((flags & MARIADB_FL_PREPARED_XA) != 0) {
        uint32_t format = (uint32_t)cursor_le(&c, 4);
        size_t gtrid_len = (size_t)cursor_le(&c, 1), bqual_len = (size_t)cursor_le(&c, 1);

        if (!xid_text(&c, format, gtrid_len, bqual_len, ret->prepared_xid))
            return -1;
    }
    return c.bad ? -1 : 0;
}

static int mysql_gtid(const struct event *e, struct event_gtid *ret)
{
    struct cursor c = cursor_of(e->body, e->body_len);
    const uint8_t *uuid;

    (void)cursor_le(&c, 1); /* flags: may have statement-based changes */
    uuid = cursor_bytes(&c, sizeof(ret->gtid.uuid));
    if (uuid != NULL)
        memcpy(ret->gtid.uuid, uuid, sizeof(ret->gtid.uuid));
    ret->gtid.number = cursor_le(&c, 8);
    ret->gtid.anonymous = e->type == EV_ANONYMOUS_GTID;
    if (!c.bad && cursor_left(&c) >= 17 && cursor_le(&c, 1) == GTID_COMMIT_ORDER) {
        ret->last_committed = (int64_t)cursor_le(&c, 8);
        ret->sequence_number = (int64_t)cursor_le(&c, 8);
    }
    return c.bad ? -1 : 0;
}

/*
 * GTID_TAGGED is a message of MySQL's serialization library: version, size, the last field that
 * must be understood, then numbered fields (Gtid_event::define_fields). Those behind number 5 are
 * commit times and lengths that nothing here needs.
 */
static int tagged_gtid(const struct event *e, struct event_gtid *ret)
{
    struct cursor c = cursor_of(e->body, e->body_len);
    bool more = true;

    (void)cursor_mysql_varlen(&c); /* version of the serialization, 0 */
    (void)cursor_mysql_varlen(&c); /* size */
    (void)cursor_mysql_varlen(&c); /* last non-ignorable field */
    while (more && !c.bad && cursor_left(&c) > 0) {
        switch (cursor_mysql_varlen(&c)) {
        case 0:
            (void)cursor_mysql_varlen(&c); /* flags */
            break;
        case 1: /* an array of numbers, each of variable length */
            for (unsigned i = 0; i < sizeof(ret->gtid.uuid); i++)
                ret->gtid.uuid[i] = (uint8_t)cursor_mysql_varlen(&c);
            break;
        case 2:
            ret->gtid.number = (uint64_t)cursor_mysql_varlen_signed(&c);
            break;
        case 3:
            if (!cursor_mysql_tag(&c, ret->gtid.tag))
                return -1;
            break;
        case 4:
            ret->last_committed = cursor_mysql_varlen_signed(&c);
            break;
        case 5:
            ret->sequence_number = cursor_mysql_varlen_signed(&c);
            break;
        default:
            more = false;
            break;
        }
    }
    return c.bad ? -1 : 0;
}

int event_gtid(const struct binlog_format *f, const struct event *e, struct event_gtid *ret,
               struct err *err)
{
    struct event_gtid g = { 0 };
    int r = -1;

    (void)f;
    switch (e->type) {
    case EV_GTID:
    case EV_ANONYMOUS_GTID:
        r = mysql_gtid(e, &g);
        break;
    case EV_GTID_TAGGED:
        r = tagged_gtid(e, &g);
        break;
    case EV_MARIA_GTID:
        r = maria_gtid(e, &g);
        break;
    default:
        break;
    }
    if (r < 0 || (!g.gtid.anonymous && (g.gtid.number == 0 || g.gtid.number >= INT64_MAX)))
        return err_set(err, ERR_BINLOG_MALFORMED, "damaged %s event of %u bytes",
                       event_type_name(e->type), e->size);
    *ret = g;
    return 0;
}

static int maria_gtid_list(const struct event *e, struct gtid_set **ret, struct err *err)
{
    _cleanup_(gtid_set_freep)
    struct gtid_set *s = gtid_set_new(true);
    struct cursor c = cursor_of(e->body, e->body_len);
    uint32_t count = (uint32_t)cursor_le(&c, 4) & 0x0fffffff; /* above: flags */

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (count > cursor_left(&c) / 16)
        return err_set(err, ERR_BINLOG_MALFORMED, "GTID list of %u in %u bytes", count, e->size);
    for (; count > 0; count--) {
        struct gtid g = { .mariadb = true };

        g.domain = (uint32_t)cursor_le(&c, 4);
        g.server_id = (uint32_t)cursor_le(&c, 4);
        g.number = cursor_le(&c, 8);
        if (gtid_set_add(s, &g) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ret = take_ptr(s);
    return 0;
}

int event_previous_gtids(const struct binlog_format *f, const struct event *e,
                         struct gtid_set **ret, struct err *err)
{
    (void)f;
    if (e->type == EV_MARIA_GTID_LIST)
        return maria_gtid_list(e, ret, err);
    if (e->type != EV_PREVIOUS_GTIDS)
        return err_set(err, ERR_BINLOG_MALFORMED, "%s is no set of GTIDs",
                       event_type_name(e->type));
    return gtid_set_decode(e->body, e->body_len, ret, err);
}

/* clang-format off */
static const char *const type_names[256] = {
    [EV_UNKNOWN] = "UNKNOWN",
    [EV_START_V3] = "START_V3",
    [EV_QUERY] = "QUERY",
    [EV_STOP] = "STOP",
    [EV_ROTATE] = "ROTATE",
    [EV_INTVAR] = "INTVAR",
    [EV_LOAD_V1] = "LOAD",
    [EV_SLAVE] = "SLAVE",
    [EV_CREATE_FILE] = "CREATE_FILE",
    [EV_APPEND_BLOCK] = "APPEND_BLOCK",
    [EV_EXEC_LOAD] = "EXEC_LOAD",
    [EV_DELETE_FILE] = "DELETE_FILE",
    [EV_NEW_LOAD] = "NEW_LOAD",
    [EV_RAND] = "RAND",
    [EV_USER_VAR] = "USER_VAR",
    [EV_FORMAT_DESCRIPTION] = "FORMAT_DESCRIPTION",
    [EV_XID] = "XID",
    [EV_BEGIN_LOAD_QUERY] = "BEGIN_LOAD_QUERY",
    [EV_EXECUTE_LOAD_QUERY] = "EXECUTE_LOAD_QUERY",
    [EV_TABLE_MAP] = "TABLE_MAP",
    [EV_WRITE_ROWS_V1] = "WRITE_ROWS_V1",
    [EV_UPDATE_ROWS_V1] = "UPDATE_ROWS_V1",
    [EV_DELETE_ROWS_V1] = "DELETE_ROWS_V1",
    [EV_INCIDENT] = "INCIDENT",
    [EV_HEARTBEAT] = "HEARTBEAT",
    [EV_IGNORABLE] = "IGNORABLE",
    [EV_ROWS_QUERY] = "ROWS_QUERY",
    [EV_WRITE_ROWS] = "WRITE_ROWS",
    [EV_UPDATE_ROWS] = "UPDATE_ROWS",
    [EV_DELETE_ROWS] = "DELETE_ROWS",
    [EV_GTID] = "GTID",
    [EV_ANONYMOUS_GTID] = "ANONYMOUS_GTID",
    [EV_PREVIOUS_GTIDS] = "PREVIOUS_GTIDS",
    [EV_TRANSACTION_CONTEXT] = "TRANSACTION_CONTEXT",
    [EV_VIEW_CHANGE] = "VIEW_CHANGE",
    [EV_XA_PREPARE] = "XA_PREPARE",
    [EV_PARTIAL_UPDATE_ROWS] = "PARTIAL_UPDATE_ROWS",
    [EV_TRANSACTION_PAYLOAD] = "TRANSACTION_PAYLOAD",
    [EV_HEARTBEAT_V2] = "HEARTBEAT_V2",
    [EV_GTID_TAGGED] = "GTID_TAGGED",
    [EV_MARIA_ANNOTATE] = "ANNOTATE_ROWS",
    [EV_MARIA_BINLOG_CHECKPOINT] = "BINLOG_CHECKPOINT",
    [EV_MARIA_GTID] = "GTID (MariaDB)",
    [EV_MARIA_GTID_LIST] = "GTID_LIST",
    [EV_MARIA_START_ENCRYPTION] = "START_ENCRYPTION",
    [EV_MARIA_QUERY_COMPRESSED] = "QUERY_COMPRESSED",
    [EV_MARIA_WRITE_ROWS_COMPRESSED_V1] = "WRITE_ROWS_COMPRESSED_V1",
    [EV_MARIA_UPDATE_ROWS_COMPRESSED_V1] = "UPDATE_ROWS_COMPRESSED_V1",
    [EV_MARIA_DELETE_ROWS_COMPRESSED_V1] = "DELETE_ROWS_COMPRESSED_V1",
    [EV_MARIA_WRITE_ROWS_COMPRESSED] = "WRITE_ROWS_COMPRESSED",
    [EV_MARIA_UPDATE_ROWS_COMPRESSED] = "UPDATE_ROWS_COMPRESSED",
    [EV_MARIA_DELETE_ROWS_COMPRESSED] = "DELETE_ROWS_COMPRESSED",
};
/* clang-format on */

const char *event_type_name(unsigned type)
{
    const char *name = type < ARRAY_SIZE(type_names) ? type_names[type] : NULL;

    return name != NULL ? name : "unknown";
}
