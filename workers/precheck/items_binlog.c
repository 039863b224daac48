/* Items about the source's binlog. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/mysql/binlog/event.h"
#include "workers/precheck/precheck_priv.h"

#include "base/banned.h"

enum {
    RETENTION_WARN_S = 24 * 3600,
    DUMP_WAIT_MS = 10 * 1000,
    DUMP_HEARTBEAT_MS = 1000,
    OUR_SERVER_ID_BASE = 0x7C000000 /* far from what people give their servers */
};

int item_log_bin(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    (void)err;
    if (precheck_on(p, end, "log_bin"))
        return 0;
    if (precheck_on(p, end, "polar_log_bin") || precheck_on(p, end, "loose_polar_log_bin"))
        return 0;
    verdict_say(v, V_FAILED, "log_bin is OFF: changes can't be read");
    verdict_advise(v, p->ends[end].dialect.flavour == FLAVOUR_POLARDB
                          ? "Set loose_polar_log_bin = ON and restart the source."
                          : "Start the server with log_bin, binlog_format=ROW and a server_id.");
    return 0;
}

int item_format(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const char *format = precheck_var(p, end, "binlog_format");

    (void)err;
    verdict_say(v, V_PASSED, "binlog_format is %s",
                format == NULL ? "ROW (no such variable)" : format);
    if (format == NULL || strcasecmp(format, "ROW") == 0)
        return 0;
    verdict_say(v, V_FAILED, "statements can't be replayed exactly");
    verdict_advise(v, "SET GLOBAL binlog_format = 'ROW'; in its configuration too, and let "
                      "its applications connect again.");
    return 0;
}

int item_row_image(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const char *image = precheck_var(p, end, "binlog_row_image");

    (void)err;
    verdict_say(v, V_PASSED, "binlog_row_image is %s",
                image == NULL ? "FULL (no such variable)" : image);
    if (image != NULL && strcasecmp(image, "FULL") != 0) {
        verdict_say(v, V_FAILED, "rows in the binlog lack columns");
        verdict_advise(v, "SET GLOBAL binlog_row_image = 'FULL'; in its configuration too.");
    }
    return 0;
}

/* Seconds the binlog is kept; 0: for ever. */
static int64_t retention_s(const struct precheck *p, enum end end)
{
    int64_t seconds = precheck_number(p, end, "binlog_expire_logs_seconds", 0);
    const char *purge = precheck_var(p, end, "binlog_expire_logs_auto_purge");

    if (purge != NULL && !precheck_on(p, end, "binlog_expire_logs_auto_purge"))
        return 0;
    if (seconds > 0)
        return seconds;
    return precheck_number(p, end, "expire_logs_days", 0) * 24 * 3600;
}

int item_retention(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    int64_t s = retention_s(p, end);
    bool seconds = precheck_var(p, end, "binlog_expire_logs_seconds") != NULL;

    (void)err;
    if (s == 0) {
        verdict_say(v, V_PASSED, "the binlog is kept until someone purges it");
        return 0;
    }
    verdict_say(v, s < RETENTION_WARN_S ? V_WARNING : V_PASSED, "the binlog is kept for %lld hours",
                (long long)(s / 3600));
    if (seconds)
        verdict_advise(v, "SET GLOBAL binlog_expire_logs_seconds = 604800; keeps it for a week.");
    else
        verdict_advise(v, "SET GLOBAL expire_logs_days = 7; keeps it for a week.");
    return 0;
}

int item_server_id(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    int64_t ours = precheck_number(p, end, "server_id", 0);
    int64_t theirs = precheck_number(p, END_SINK, "server_id", 0);

    (void)err;
    verdict_say(v, V_PASSED, "server_id is %lld", (long long)ours);
    if (ours == 0) {
        verdict_say(v, V_FAILED, "a server without an id sends no binlog");
        verdict_advise(v, "SET GLOBAL server_id = <a number of its own>; there.");
    } else if (end == END_SOURCE && p->ends[END_SINK].conn != NULL && ours == theirs &&
               precheck_on(p, END_SINK, "log_bin") &&
               strcmp(p->ends[end].uuid, p->ends[END_SINK].uuid) != 0) {
        verdict_say(v, V_WARNING, "the target has the same server_id");
        verdict_advise(
            v, "SET GLOBAL server_id = <another number>; at the target, before the direction is "
               "ever reversed.");
    }
    return 0;
}

/* A replica that does not log what it applies has a binlog without its master's writes. */
int item_replica(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const struct dialect *d = &p->ends[end].dialect;
    bool logs =
        precheck_on(p, end, "log_slave_updates") || precheck_on(p, end, "log_replica_updates");
    const char *sql = d->flavour == FLAVOUR_MARIADB ? "SHOW ALL SLAVES STATUS"
                      : d->version >= 80022         ? "SHOW REPLICA STATUS"
                                                    : "SHOW SLAVE STATUS";
    _cleanup_(result_done)
    struct result r = { 0 };
    int rc;

    if (conn_query(p->ends[end].conn, sql, strlen(sql), &r, err) < 0) {
        if (conn_lost(err))
            return -1;
        err_reset(err);
        verdict_say(v, logs ? V_PASSED : V_WARNING,
                    "whether the server is a replica can't be seen%s",
                    logs ? "" : "; log_slave_updates is OFF");
        verdict_advise(
            v, "If it is a replica, start it with log_slave_updates=ON, or use its master.");
        return 0;
    }
    rc = result_next(&r, err);
    if (rc < 0)
        return -1;
    if (rc == 0) {
        verdict_say(v, V_PASSED, "the server is no replica");
    } else if (!logs) {
        verdict_say(v, V_FAILED,
                    "the server is a replica with log_slave_updates=OFF: what it replicates is "
                    "not in its binlog");
        verdict_advise(v, "Start it with log_slave_updates=ON, or use its master.");
    } else {
        verdict_say(v, V_PASSED, "the server is a replica and logs what it replicates");
    }
    if (!d->gtid_mysql && !d->gtid_mariadb) {
        verdict_say(v, V_WARNING,
                    "it has no GTIDs: when it fails over to another server, the project can't go "
                    "on there");
        verdict_advise(v, "Where a failover is possible, set gtid_mode = ON before the project "
                          "starts (docs/positions.md).");
    }
    return 0;
}

static bool list_has(const char *list, const char *name)
{
    size_t n = strlen(name);

    while (*list != '\0') {
        size_t len = strcspn(list, ",");

        if (len == n && strncmp(list, name, n) == 0)
            return true;
        list += len + (list[len] == ',');
    }
    return false;
}

static void filtered(struct precheck *p, const char *only, const char *without,
                     struct name_list *hidden)
{
    for (size_t i = 0; i < p->cat->count; i++) {
        const char *db = p->cat->tables[i]->db;
        bool seen = i > 0 && strcmp(db, p->cat->tables[i - 1]->db) == 0;

        if (!seen && ((only[0] != '\0' && !list_has(only, db)) || list_has(without, db)))
            names_add(hidden, "%s", db);
    }
}

int item_filter(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const char *sql = p->ends[end].dialect.binlog_status_sql;
    _cleanup_(result_done)
    struct result r = { 0 };
    struct name_list hidden = NAME_LIST;
    const char *only, *without;
    int rc;

    if (conn_query(p->ends[end].conn, sql, strlen(sql), &r, err) < 0 ||
        (rc = result_next(&r, err)) < 0)
        return -1;
    only = rc == 1 ? result_str(&r, result_column(&r, "Binlog_Do_DB"), "") : "";
    without = rc == 1 ? result_str(&r, result_column(&r, "Binlog_Ignore_DB"), "") : "";
    verdict_say(v, V_PASSED, "binlog_do_db '%s', binlog_ignore_db '%s'", only, without);
    if (p->cat != NULL)
        filtered(p, only, without, &hidden);
    if (hidden.count > 0) {
        verdict_say(v, V_FAILED, "these databases are kept out of the binlog: %s",
                    names_text(&hidden));
        verdict_advise(v,
                       "Start the source without binlog_do_db and binlog_ignore_db, or with these "
                       "databases in the binlog.");
    }
    names_done(&hidden);
    return 0;
}

/* Reads until something of the file itself comes: its format description, an event, a heartbeat. */
static int first_event(struct dump *d, struct verdict *v, struct err *err)
{
    int64_t until = clock_mono_ms() + DUMP_WAIT_MS;
    const uint8_t *data;
    size_t len;
    int rc;

    while ((rc = dump_next(d, &data, &len, err)) == 1) {
        unsigned type = len >= EVENT_HEADER_LEN ? data[4] : EV_UNKNOWN;

        if (type != EV_ROTATE && type != EV_UNKNOWN) {
            verdict_say(v, V_PASSED, "the binlog was opened and sent a %s event",
                        event_type_name(type));
            return 0;
        }
        if (clock_mono_ms() >= until)
            break;
    }
    return rc < 0 ? -1
                  : err_set(err, ERR_TIMEOUT,
                            "the source opened its binlog but sent nothing within %d s",
                            DUMP_WAIT_MS / 1000);
}

int item_dump(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const struct conn_options quick = { .timeout_s = DUMP_WAIT_MS / 1000 };
    struct dump_options o = { .server_id = OUR_SERVER_ID_BASE + ((uint32_t)getpid() & 0xFFFFFF),
                              .heartbeat_ms = DUMP_HEARTBEAT_MS };
    _cleanup_(freep)
    char *gtids = NULL;
    struct conn *c = NULL;
    struct dump *d = NULL;
    int rc;

    if (dump_source_position(p->ends[end].conn, &p->ends[end].dialect, &o.pos, &gtids, err) < 0)
        return -1;
    if (conn_open(&p->w->task->ends[end], &quick, &c, err) < 0)
        return err_wrap(err, "a second connection");
    if (dump_open(c, &p->ends[end].dialect, &o, &d, err) < 0)
        return -1;
    rc = first_event(d, v, err);
    dump_close(d);
    if (rc < 0 && conn_lost(err)) {
        struct err lost = *err;

        /* the item's own connection, not the end's: keep the end for the items behind it */
        return err_set(err, ERR_TIMEOUT, "the binlog can't be read: %s", lost.message);
    }
    return rc;
}
