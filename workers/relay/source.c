#include "workers/relay/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"

#include "base/banned.h"

enum {
    GTID_SQL_MAX = 64 * 1024 * 1024,
    SHOWN_MAX = 300, /* of a GTID set in a message */
    VISIBLE_TRIES = 4,
    VISIBLE_STEP_US = 500 * 1000,
};

static const char choices_lost[] =
    "Either point the data source at a server that has these transactions, or decide that the "
    "target keeps them: start the project anew, or compare the two ends (docs/positions.md).";
static const char choices_purged[] =
    "Point the data source at another server of the same history that still has them; "
    "ResetIncrStartTimestamp leaves them out and the ends differ; or start the project anew "
    "(docs/positions.md).";
static const char choices_reset[] =
    "What the source wrote in between can't be read any more. ResetIncrStartTimestamp goes on from "
    "a time and leaves it out; or start the project anew (docs/positions.md).";

/* ---- files ---- */

struct files {
    struct binlog_pos oldest, newest;
    bool found;
    uint64_t size; /* of ours */
};

/* 1 listed, 0 the account may not look, -1. */
static int list_files(struct conn *c, const struct binlog_pos *here, struct files *ret,
                      struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_queryf(c, &r, err, "SHOW BINARY LOGS") < 0) {
        if (err->code != ERR_DB_PRIVILEGE)
            return -1;
        err_reset(err);
        return 0;
    }
    while ((got = result_next(&r, err)) > 0) {
        struct binlog_pos p = { .era = here->era };

        (void)snprintf(p.file, sizeof(p.file), "%s", result_str(&r, 0, ""));
        if (ret->oldest.file[0] == '\0')
            ret->oldest = p;
        ret->newest = p;
        if (strcmp(p.file, here->file) == 0) {
            ret->found = true;
            ret->size = result_u64(&r, 1, 0);
        }
    }
    return got < 0 ? -1 : 1;
}

static int check_file(struct conn *c, const struct binlog_pos *here, struct err *err)
{
    struct files f = { 0 };
    int got = list_files(c, here, &f, err);

    if (got <= 0 || (f.found && f.size >= here->offset))
        return got < 0 ? -1 : 0;
    if (f.found) {
        (void)err_set(err, ERR_BINLOG_RESET,
                      "the source's binlog was begun anew or cut: %s has %" PRIu64
                      " bytes, and was read up to %" PRIu64,
                      here->file, f.size, here->offset);
        return err_advise(err, "%s", choices_reset);
    }
    if (f.oldest.file[0] != '\0' && binlog_pos_cmp(&f.oldest, here) > 0) {
        (void)err_set(err, ERR_BINLOG_PURGED,
                      "the source has purged %s, which is still needed from %" PRIu64
                      " on: its oldest file is %s",
                      here->file, here->offset, f.oldest.file);
        return err_advise(err, "%s", choices_purged);
    }
    (void)err_set(err, ERR_BINLOG_RESET,
                  "the source's binlog was begun anew (RESET MASTER?): its newest file is %s, and "
                  "%s was read up to %" PRIu64,
                  f.newest.file, here->file, here->offset);
    return err_advise(err, "%s", choices_reset);
}

/* ---- GTIDs ---- */

/* What of ours the server has not executed, and what of the purged we have not. Free both. */
static int mysql_differences(struct conn *c, const struct gtid_set *ours, char **ret_lost,
                             char **ret_purged, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf set = STRBUF(GTID_SQL_MAX), sql = STRBUF(GTID_SQL_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };

    gtid_set_text(ours, &set); /* hexadecimal digits, dashes, colons, commas, lower-case tags */
    strbuf_addf(&sql, "SELECT GTID_SUBTRACT('%s', @@GLOBAL.gtid_executed),", strbuf_str(&set));
    strbuf_addf(&sql, " GTID_SUBTRACT(@@GLOBAL.gtid_purged, '%s')", strbuf_str(&set));
    if (strbuf_check(&set, err) < 0 || strbuf_check(&sql, err) < 0)
        return -1;
    if (conn_query(c, strbuf_str(&sql), sql.len, &r, err) < 0 || result_next(&r, err) < 0)
        return err_wrap(err, "compare GTID sets");
    *ret_lost = strdup(result_str(&r, 0, ""));
    *ret_purged = strdup(result_str(&r, 1, ""));
    return *ret_lost == NULL || *ret_purged == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

/* MariaDB: *ret_lost is what it has in place of ours, "" when that is enough. */
static int mariadb_differences(struct conn *c, const struct gtid_set *ours, char **ret_lost,
                               struct err *err)
{
    _cleanup_(gtid_set_freep)
    struct gtid_set *theirs = NULL;
    _cleanup_(freep)
    char *text = NULL;

    if (conn_value(c, "SELECT @@GLOBAL.gtid_binlog_pos", &text, err) < 0 ||
        gtid_set_parse(text != NULL ? text : "", true, &theirs, err) < 0)
        return -1;
    *ret_lost = gtid_set_contains(theirs, ours) ? strdup("") : take_ptr(text);
    return *ret_lost == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static bool yes(const struct result *r, const char *column)
{
    int at = result_column(r, column);

    return at >= 0 && strcasecmp(result_str(r, at, ""), "Yes") == 0;
}

/* A replica whose applier runs may get what it lacks yet. */
static bool is_applying(struct conn *c, const struct dialect *d)
{
    const char *sql = d->flavour == FLAVOUR_MARIADB ? "SHOW ALL SLAVES STATUS"
                      : d->version >= 80022         ? "SHOW REPLICA STATUS"
                                                    : "SHOW SLAVE STATUS";
    _cleanup_(result_done)
    struct result r = { 0 };
    struct err ignored = { 0 };

    if (conn_query(c, sql, strlen(sql), &r, &ignored) < 0)
        return false;
    while (result_next(&r, &ignored) > 0)
        if (yes(&r, "Slave_SQL_Running") || yes(&r, "Replica_SQL_Running"))
            return true;
    return false;
}

static int behind(const char *lost, const struct dialect *d, struct err *err)
{
    return err_set(err, ERR_SOURCE_BEHIND,
                   "the source is another server now, a replica that has not applied yet what was "
                   "read from the old one (%s %.*s)",
                   d->gtid_mysql ? "it lacks" : "it is at", SHOWN_MAX, lost);
}

static int errant(const char *lost, const struct gtid_set *ours, const struct dialect *d,
                  struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf set = STRBUF(GTID_SQL_MAX);

    if (d->gtid_mysql) {
        (void)err_set(err, ERR_GTID_ERRANT,
                      "the source is another server now, and transactions that were read from the "
                      "old one are not in its history: %.*s",
                      SHOWN_MAX, lost);
    } else {
        gtid_set_text(ours, &set);
        (void)err_set(err, ERR_GTID_ERRANT,
                      "the source is another server now, and transactions that were read from the "
                      "old one are not in its binlog: it is at %.*s, we are at %.*s",
                      SHOWN_MAX, lost, SHOWN_MAX, strbuf_str(&set));
    }
    return err_advise(err, "%s", choices_lost);
}

static int purged(const char *missing, struct err *err)
{
    (void)err_set(err, ERR_GTID_PURGED,
                  "the source has purged transactions from its binlog that are still needed: %.*s",
                  SHOWN_MAX, missing);
    return err_advise(err, "%s", choices_purged);
}

int source_check_other(struct conn *c, const struct dialect *d, const struct gtid_set *ours,
                       struct err *err)
{
    _cleanup_(freep)
    char *lost = NULL;
    _cleanup_(freep)
    char *missing = NULL;
    bool applying = is_applying(c, d); /* asked first: it may have caught up in between */

    if (d->gtid_mysql ? mysql_differences(c, ours, &lost, &missing, err) < 0
                      : mariadb_differences(c, ours, &lost, err) < 0)
        return -1;
    if (lost[0] != '\0')
        return applying ? behind(lost, d, err) : errant(lost, ours, d, err);
    return missing != NULL && missing[0] != '\0' ? purged(missing, err) : 0;
}

/*
 * A server that does not know what we got from it is not the one it was. It tells of a transaction
 * in its binlog before it counts it as executed, so it is asked again before this is believed.
 */
static int check_history(struct conn *c, const struct dialect *d, const struct binlog_pos *here,
                         const struct gtid_set *gtids, struct err *err)
{
    for (int i = 0;; i++) {
        _cleanup_(freep)
        char *lost = NULL;
        _cleanup_(freep)
        char *missing = NULL;

        if (d->gtid_mysql ? mysql_differences(c, gtids, &lost, &missing, err) < 0
                          : mariadb_differences(c, gtids, &lost, err) < 0)
            return -1;
        if (lost[0] == '\0')
            return here->file[0] == '\0' && missing != NULL && missing[0] != '\0'
                       ? purged(missing, err)
                       : 0;
        if (i == VISIBLE_TRIES) {
            (void)err_set(err, ERR_BINLOG_RESET,
                          "the source's binlog was begun anew (RESET MASTER?): transactions that "
                          "were read from it are not in its history (%s %.*s)",
                          d->gtid_mysql ? "it lacks" : "it is at", SHOWN_MAX, lost);
            return err_advise(err, "%s", choices_reset);
        }
        (void)usleep(VISIBLE_STEP_US);
    }
}

int source_check_same(struct conn *c, const struct dialect *d, const struct binlog_pos *here,
                      const struct gtid_set *gtids, struct err *err)
{
    if (here->file[0] != '\0' && check_file(c, here, err) < 0)
        return -1;
    return gtids != NULL && (d->gtid_mysql || d->gtid_mariadb)
               ? check_history(c, d, here, gtids, err)
               : 0;
}

/* ---- settings ---- */

int source_check_settings(struct conn *c, struct err *err)
{
    static const struct {
        const char *name, *value;
    } wanted[] = { { "binlog_format", "ROW" }, { "binlog_row_image", "FULL" } };
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_queryf(c, &r, err,
                    "SHOW GLOBAL VARIABLES WHERE Variable_name IN"
                    " ('binlog_format', 'binlog_row_image')") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *name = result_str(&r, 0, ""), *value = result_str(&r, 1, "");

        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
            if (strcasecmp(name, wanted[i].name) != 0 || strcasecmp(value, wanted[i].value) == 0)
                continue;
            (void)err_set(err, ERR_SOURCE_CHANGED,
                          "the source is another server now, and its %s is %s: its binlog does not "
                          "hold whole rows",
                          name, value);
            return err_advise(err,
                              "SET GLOBAL %s = '%s'; there, in its configuration too, let its "
                              "applications and its replication connect again, then resume.",
                              name, wanted[i].value);
        }
    }
    return got;
}
