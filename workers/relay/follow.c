/* Which server the stream comes from: docs/positions.md. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "workers/relay/pulled.h"
#include "workers/relay/relay_priv.h"
#include "workers/relay/source.h"

#include "base/banned.h"

enum { GTID_TEXT_MAX = 16 * 1024 * 1024, SHOWN_MAX = 300 };

static bool is_mariadb_uuid(const char *uuid)
{
    return strncmp(uuid, "mariadb:", strlen("mariadb:")) == 0;
}

/*
 * Within one MariaDB domain the order is the same everywhere, so nothing that we have comes again
 * behind the place where a dump began; with several, and with MySQL, it may.
 */
static bool may_come_again(const struct gtid_set *set)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(GTID_TEXT_MAX);

    if (!gtid_set_is_mariadb(set))
        return true;
    gtid_set_text(set, &text);
    return strchr(strbuf_str(&text), ',') != NULL;
}

static void leave_out(struct relay *r, struct gtid_set *set)
{
    if (r->have != r->began)
        gtid_set_free(r->have);
    r->have = set;
    r->pull.have = set != NULL && may_come_again(set) ? set : NULL;
}

int relay_follow_resume(struct relay *r, const struct binlog_pos *end, struct err *err)
{
    const char *uuid = relay_writer_uuid(r->writer);
    bool mariadb = is_mariadb_uuid(r->start.source_uuid);
    struct pulled p = { 0 };

    r->pull.pos = end->file[0] != '\0' ? *end : r->start.pos;
    (void)snprintf(r->uuid, sizeof(r->uuid), "%s",
                   uuid[0] != '\0' && end->file[0] != '\0' ? uuid : r->start.source_uuid);
    if (r->start.gtid_set != NULL && gtid_set_parse(r->start.gtid_set, mariadb, &r->began, err) < 0)
        return err_wrap(err, "GTID set of the checkpoint");
    if (r->pull.pos.era == 0) {
        leave_out(r, mariadb ? NULL : r->began);
        return 0;
    }
    if (r->start.gtid_set == NULL)
        return 0;
    if (pulled_read(r->dir, &r->start, mariadb, &p, err) < 0)
        return -1;
    leave_out(r, take_ptr(p.gtids));
    pulled_done(&p);
    return 0;
}

/* ---- another server ---- */

static int refuse(const struct relay *r, const char *uuid, const char *why, struct err *err)
{
    return err_set(err, ERR_SOURCE_CHANGED,
                   "the source is another server now (%s, it was %s), and %s", uuid, r->uuid, why);
}

/* What the control schema must say before the old server can be left. */
static int look_back(struct relay *r, struct conn *sink, const char *uuid, struct checkpoint *ret,
                     uint64_t *ret_applied, struct err *err)
{
    const struct task *t = r->task;
    struct binlog_pos copied = { 0 }, here = pull_resume(&r->pull);
    int got = control_copy_end_get(sink, t->control_schema, t->project_id, &copied, err);

    if (got < 0)
        return -1;
    if (got == 0 && t->do_full)
        return refuse(r, uuid, "the full copy has not ended: it has read from both", err);
    /* what is in the copy already is known by its place in the old server's binlog only */
    if (copied.file[0] != '\0' && copied.era == r->pull.pos.era &&
        binlog_pos_cmp(&copied, &here) > 0)
        return refuse(r, uuid, "the old one's binlog was not read up to where the copy ended", err);
    got = control_checkpoint_get(sink, t->control_schema, t->project_id, "incr", ret, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA, "the checkpoint of %s has gone", t->project_id);
    return control_last_applied(sink, t->control_schema, t->project_id, "incr", ret_applied, err);
}

/* Everything that we have, proven. */
static int take_stock(struct relay *r, struct conn *sink, const char *uuid, struct gtid_set **ret,
                      struct err *err)
{
    _cleanup_(checkpoint_done)
    struct checkpoint cp = { 0 };
    _cleanup_(pulled_done)
    struct pulled p = { 0 };
    uint64_t applied;

    if (look_back(r, sink, uuid, &cp, &applied, err) < 0)
        return -1;
    if (cp.gtid_set == NULL)
        return refuse(r, uuid, "the GTIDs of what was applied are not known", err);
    if (relay_writer_flush(r->writer, true, err) < 0 ||
        pulled_read(r->dir, &cp, is_mariadb_uuid(r->uuid), &p, err) < 0)
        return -1;
    if (p.anonymous)
        return refuse(r, uuid, "transactions without a GTID were read from the old one", err);
    if (applied > cp.seq + p.groups)
        return refuse(r, uuid,
                      "the relay was lost: the order of what is applied already can't be known",
                      err);
    *ret = take_ptr(p.gtids);
    return 0;
}

static void tell(struct relay *r, const char *uuid)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(GTID_TEXT_MAX);

    gtid_set_text(r->have, &text);
    log_warn("relay", "source_changed", "from=%s to=%s era=%u gtids=%.*s", r->uuid, uuid,
             r->pull.pos.era, SHOWN_MAX, strbuf_str(&text));
    report_event(r->w->report, "WARN", "source_changed",
                 "the source is another server now (%s, it was %s): it goes on there behind %.*s",
                 uuid, r->uuid, SHOWN_MAX, strbuf_str(&text));
}

static int go_on_at(struct relay *r, struct conn *source, const char *uuid, struct err *err)
{
    _cleanup_(conn_closep)
    struct conn *sink = NULL;
    _cleanup_(gtid_set_freep)
    struct gtid_set *ours = NULL;
    int got;

    if (is_mariadb_uuid(uuid) != is_mariadb_uuid(r->uuid))
        return refuse(r, uuid, "MySQL and MariaDB know each other's positions not at all", err);
    if (!r->dialect.gtid_mysql && !r->dialect.gtid_mariadb)
        return refuse(r, uuid, "without GTIDs its binlog positions mean nothing here", err);
    if (source_check_settings(source, err) < 0)
        return -1;
    got = conn_open_retry(&r->task->ends[END_SINK], &(struct conn_options){ 0 }, r->w->report,
                          r->task->retry_minutes, &sink, err);
    if (got != 0)
        return got;
    if (take_stock(r, sink, uuid, &ours, err) < 0 ||
        source_check_other(source, &r->dialect, ours, err) < 0)
        return -1;
    FAULT("relay.follow.before");
    if (relay_writer_source(r->writer, uuid, err) < 0)
        return -1;
    r->pull.pos = (struct binlog_pos){ .era = r->pull.pos.era + 1 };
    r->pull.from = r->pull.dropping = (struct binlog_pos){ 0 };
    leave_out(r, take_ptr(ours));
    tell(r, uuid);
    (void)snprintf(r->uuid, sizeof(r->uuid), "%s", uuid);
    return 0;
}

int relay_follow(struct relay *r, struct conn *source, struct err *err)
{
    struct binlog_pos here = pull_resume(&r->pull);
    char uuid[64];

    if (dump_source_uuid(source, &r->dialect, uuid, err) < 0)
        return -1;
    if (strcmp(uuid, r->uuid) != 0)
        return go_on_at(r, source, uuid, err);
    return source_check_same(source, &r->dialect, &here, here.file[0] == '\0' ? r->have : r->began,
                             err);
}
