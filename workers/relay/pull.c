#include "workers/relay/pull.h"

#include <string.h>

#include "base/fault.h"

#include "base/banned.h"

enum { FIRST_OFFSET = 4 };

static bool is_before(const struct relay_last *l, const struct binlog_pos *from)
{
    return l != NULL && l->len > 0 && l->start.era == from->era &&
           strcmp(l->start.file, from->file) == 0 && l->start.offset < from->offset;
}

void pull_start(struct pull *p, const struct binlog_pos *from, const struct relay_last *proof,
                struct binlog_pos *ret_ask)
{
    p->from = *from;
    p->proof = is_before(proof, from) ? *proof : (struct relay_last){ 0 };
    *ret_ask = p->proof.len > 0 ? p->proof.start : *from;
    if (ret_ask->offset > UINT32_MAX)
        ret_ask->offset = FIRST_OFFSET;
    if (from->file[0] != '\0' && ret_ask->offset < FIRST_OFFSET)
        ret_ask->offset = FIRST_OFFSET;
    p->pos = *ret_ask;
    p->format = (struct binlog_format){ 0 };
    p->by_gtid = p->skipping = from->file[0] == '\0';
    p->after_format = false;
    p->dropping = (struct binlog_pos){ 0 };
    p->quiet_at = (struct binlog_pos){ 0 };
    p->live = false;
}

bool pull_proven(const struct pull *p)
{
    return p->proof.len == 0;
}

struct binlog_pos pull_resume(const struct pull *p)
{
    if (p->skipping && p->format.mariadb)
        return (struct binlog_pos){ .era = p->pos.era }; /* where it is, what we have may follow */
    if (p->dropping.file[0] != '\0')
        return p->dropping; /* from its GTID on: the rest of it would not be recognised */
    /* on the way to where we had got to, that is where we are */
    return binlog_pos_cmp(&p->from, &p->pos) > 0 ? p->from : p->pos;
}

/* Made up by the dump thread: tells us something, stands nowhere in the file. */
static bool is_artificial(const struct event *e)
{
    return (e->flags & EVENT_FLAG_ARTIFICIAL) != 0 || e->next_pos == 0;
}

static int unexpected(const struct pull *p, const struct event *e, uint64_t start, struct err *err)
{
    return err_set(err, ERR_BINLOG_MALFORMED,
                   "the source sent a %s event that begins at %llu where %s:%llu was expected",
                   event_type_name(e->type), (unsigned long long)start, p->pos.file,
                   (unsigned long long)p->pos.offset);
}

/* Offsets in event headers are the low 32 bits; the first one at or past `after` is meant. */
static uint64_t whole_offset(uint32_t low, uint64_t after)
{
    uint64_t offset = (after & ~(uint64_t)UINT32_MAX) | low;

    return offset < after ? offset + ((uint64_t)1 << 32) : offset;
}

/* Where the event stands. 0, or -1 when it is not the next one. */
static int place(const struct pull *p, const struct event *e, struct binlog_pos *ret_start,
                 struct binlog_pos *ret_end, struct err *err)
{
    uint64_t end = whole_offset(e->next_pos, p->pos.offset + e->size), start = end - e->size;

    if (p->pos.file[0] == '\0')
        return err_set(err, ERR_BINLOG_MALFORMED, "a %s event before the name of its file",
                       event_type_name(e->type));
    /*
     * Left out by the server, so no loss: transactions we said we have, and MariaDB's
     * START_ENCRYPTION, which follows the FORMAT_DESCRIPTION of an encrypted file.
     */
    if (start != p->pos.offset && !p->by_gtid && !p->after_format)
        return unexpected(p, e, (uint64_t)e->next_pos - e->size, err);
    *ret_start = *ret_end = p->pos;
    ret_start->offset = start;
    ret_end->offset = end;
    return 0;
}

/*
 * A dump by GTIDs leaves out what we have; one by file, after a lost connection, does not, and
 * transactions that we have may still stand behind the first one that we had not
 * (binlog_order_commits=OFF, a replica's own order, MariaDB's domains). So they are dropped here,
 * whole.
 */
static int note_group(struct pull *p, const struct event *e, const struct binlog_pos *start,
                      struct err *err)
{
    struct event_gtid g;

    switch (e->type) {
    case EV_GTID:
    case EV_GTID_TAGGED:
    case EV_MARIA_GTID:
        if (event_gtid(&p->format, e, &g, err) < 0)
            return -1;
        if (p->have != NULL && gtid_set_has(p->have, &g.gtid)) {
            p->dropping = *start;
            return 0;
        }
        break;
    case EV_ANONYMOUS_GTID:
    case EV_FORMAT_DESCRIPTION:
    case EV_PREVIOUS_GTIDS:
    case EV_ROTATE:
    case EV_STOP:
        break;
    default:
        return 0;
    }
    p->dropping = (struct binlog_pos){ 0 };
    return 0;
}

/* Is this the event that was there when we stopped reading? A binlog begun anew is not read on. */
static int prove(struct pull *p, const struct binlog_pos *start, const void *data, size_t len,
                 struct err *err)
{
    struct relay_last now;

    if (p->proof.len == 0 || binlog_pos_cmp(start, &p->proof.start) < 0)
        return 0;
    now = relay_last_of(start, data, len);
    if (binlog_pos_cmp(start, &p->proof.start) != 0 || now.len != p->proof.len ||
        memcmp(now.bytes, p->proof.bytes, now.len) != 0)
        return err_set(err, ERR_BINLOG_RESET,
                       "the source's binlog holds another event at %s:%llu than when it was read",
                       p->proof.start.file, (unsigned long long)p->proof.start.offset);
    p->proof.len = 0;
    return 0;
}

/*
 * Before the first transaction that MariaDB sends by GTID nothing is stored: by the position of a
 * file's head we would go on with transactions that we have. (MySQL's are known by `have`.)
 */
static bool is_on_the_way(struct pull *p, const struct event *e)
{
    if (e->type == EV_MARIA_GTID)
        p->skipping = false;
    return p->skipping && p->format.mariadb;
}

static int store(struct pull *p, const struct event *e, const void *data, size_t len,
                 struct err *err)
{
    struct binlog_pos start, end;

    if (place(p, e, &start, &end, err) < 0 || prove(p, &start, data, len, err) < 0)
        return -1;
    if (e->type == EV_ROTATE) {
        struct event_rotate r;

        if (event_rotate(&p->format, e, &r, err) < 0)
            return -1;
        memcpy(end.file, r.file, sizeof(end.file));
        end.offset = r.pos;
    }
    if (note_group(p, e, &start, err) < 0)
        return -1;
    if (is_on_the_way(p, e)) {
        if (e->type == EV_FORMAT_DESCRIPTION && relay_writer_format(p->writer, data, len, err) < 0)
            return -1;
    } else if (p->dropping.file[0] == '\0' && binlog_pos_cmp(&start, &p->from) >= 0) {
        FAULT("relay.event.before");
        if (relay_writer_event(p->writer, &start, &end, data, len, err) < 0)
            return -1;
        p->last_timestamp = e->timestamp;
    }
    p->after_format = e->type == EV_FORMAT_DESCRIPTION;
    p->pos = end;
    return 0;
}

/* Opens a dump, and every file after the first: names what the next events stand in. */
static int artificial_rotate(struct pull *p, const struct event *e, struct err *err)
{
    struct event_rotate r;
    struct binlog_pos to = { .era = p->pos.era };

    if (event_rotate(&p->format, e, &r, err) < 0)
        return -1;
    memcpy(to.file, r.file, sizeof(to.file));
    to.offset = r.pos;
    if (p->pos.file[0] != '\0' && binlog_pos_cmp(&to, &p->pos) < 0)
        return err_set(err, ERR_BINLOG_MALFORMED, "the source went back from %s:%llu to %s:%llu",
                       p->pos.file, (unsigned long long)p->pos.offset, to.file,
                       (unsigned long long)to.offset);
    if (!p->live && p->pos.file[0] != '\0' && binlog_pos_cmp(&to, &p->pos) != 0)
        return err_set(err, ERR_BINLOG_MALFORMED, "asked for %s:%llu, the source begins at %s:%llu",
                       p->pos.file, (unsigned long long)p->pos.offset, to.file,
                       (unsigned long long)to.offset);
    p->pos = to;
    return 0;
}

static int format_description(struct pull *p, const struct event *e, const void *data, size_t len,
                              struct err *err)
{
    if (event_format_description(e, &p->format, err) < 0)
        return -1;
    p->live = true;
    if (is_artificial(e) || p->pos.offset > FIRST_OFFSET)
        return relay_writer_format(p->writer, data, len, err);
    return store(p, e, data, len, err);
}

/*
 * The source has nothing more. Its position is ours, or further when it left out what we have: then
 * two heartbeats at the same place prove that it is not still on its way.
 */
static int heartbeat(struct pull *p, const struct event *e)
{
    struct binlog_pos at = p->pos;

    p->live = true;
    if (e->type == EV_HEARTBEAT && e->next_pos != 0) /* 0: past 4 GiB, told elsewhere */
        at.offset = whole_offset(e->next_pos, p->pos.offset);
    if (p->by_gtid && binlog_pos_cmp(&at, &p->pos) > 0) {
        bool still = binlog_pos_cmp(&at, &p->quiet_at) == 0;

        p->quiet_at = at;
        if (!still)
            return PULL_EVENT;
        p->pos = at;
    }
    if (e->next_pos != 0 && binlog_pos_cmp(&at, &p->pos) == 0)
        p->skipping = false; /* it has gone past all that we have, and there is no more */
    return binlog_pos_cmp(&at, &p->pos) == 0 ? PULL_IDLE : PULL_EVENT;
}

int pull_event(struct pull *p, const void *data, size_t len, struct err *err)
{
    struct event e;

    if (event_parse(&p->format, data, len, &e, err) < 0)
        return -1;
    if (e.type == EV_HEARTBEAT || e.type == EV_HEARTBEAT_V2)
        return heartbeat(p, &e);
    if (e.type == EV_ROTATE && is_artificial(&e))
        return artificial_rotate(p, &e, err) < 0 ? -1 : PULL_EVENT;
    if (e.type == EV_FORMAT_DESCRIPTION)
        return format_description(p, &e, data, len, err) < 0 ? -1 : PULL_EVENT;
    if (is_artificial(&e))
        return PULL_EVENT; /* MariaDB's GTID_LIST of where a dump begins */
    p->live = true;
    return store(p, &e, data, len, err) < 0 ? -1 : PULL_EVENT;
}
