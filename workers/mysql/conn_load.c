/* LOAD DATA LOCAL from memory. No file of this machine is ever opened for a server. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mysql.h>

#include "workers/mysql/conn_priv.h"

#include "base/banned.h"

enum {
    WARNING_OVER_PACKET = 1301, /* ER_WARN_ALLOWED_PACKET_OVERFLOWED */
    WARNING_TRUNCATED = 1265,
};

/* The four functions of mysql_set_local_infile_handler(); `file` is the server's wish: ignored. */
static int load_init(void **ret, const char *file, void *userdata)
{
    struct load_source *s = userdata;

    (void)file;
    *ret = s;
    return s->data == NULL ? 1 : 0;
}

static int load_read(void *ptr, char *buf, unsigned len)
{
    struct load_source *s = ptr;
    size_t n = MIN(s->left, (size_t)MIN(len, 0x7fffffffU));

    memcpy(buf, s->data, n);
    s->data += n;
    s->left -= n;
    return (int)n;
}

static void load_end(void *ptr)
{
    (void)ptr;
}

static int load_error(void *ptr, char *text, unsigned size)
{
    (void)ptr;
    (void)snprintf(text, size, "the server asked for a local file that was not offered");
    return 2000; /* CR_UNKNOWN_ERROR */
}

void conn_load_install(struct conn *c)
{
    mysql_set_local_infile_handler(c->mysql, load_init, load_read, load_end, load_error, &c->load);
}

/* The number behind `label` in "Records: 3  Deleted: 0  Skipped: 1  Warnings: 1". */
static uint64_t info_number(const char *info, const char *label)
{
    const char *at = strstr(info, label);
    uint64_t v = 0;

    if (at == NULL)
        return 0;
    for (at += strlen(label); *at == ' '; at++)
        ;
    for (; *at >= '0' && *at <= '9'; at++)
        v = v * 10 + (uint64_t)(*at - '0');
    return v;
}

/* What says nothing about a value, though it is no mere note. */
static bool is_harmless(unsigned code)
{
    static const unsigned codes[] = {
        1062, 1586,             /* duplicate key: the row is counted as skipped */
        1287, 1681, 3135,       /* deprecated syntax */
        1592,                   /* "unsafe" for a binlog of statements */
        3719, 3720, 3778, 3779, /* deprecated character sets and collations */
    };

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* Rounded decimals and cut dates are told as mere notes: they are losses all the same. */
static bool is_about_value(const struct conn_warning *w)
{
    struct db_error e = { .number = w->code, .text = "", .phase = DB_SESSION };

    return !is_harmless(w->code) && (!w->note || dberr_code(&e) == ERR_VALUE);
}

/* As ERR_VALUE, whatever the server calls it. Always -1. */
static int raise_warning(const struct conn *c, const struct conn_warning *w, struct err *err)
{
    struct db_error e = { .number = w->code, .text = w->text, .phase = DB_SESSION };

    (void)dberr_set(err, c->to, &e);
    err->code = ERR_VALUE; /* whatever it is called: the row is not what it was at the source */
    return -1;
}

int conn_judge_warnings(struct conn *c, MYSQL_RES *res, uint64_t expected, uint64_t *ret_seen,
                        struct err *err)
{
    uint64_t truncated = 0;
    MYSQL_ROW row;
    int rc = 0;

    *ret_seen = 0;
    while ((row = mysql_fetch_row(res)) != NULL) {
        struct conn_warning w = { .text = row[2] != NULL ? row[2] : "" };

        (*ret_seen)++;
        w.note = row[0] != NULL && strcasecmp(row[0], "Note") == 0;
        w.code = row[1] != NULL ? (unsigned)strtoul(row[1], NULL, 10) : 0;
        if (rc < 0 || !is_about_value(&w) ||
            (w.code == WARNING_TRUNCATED && ++truncated <= expected))
            continue;
        rc = raise_warning(c, &w, err); /* the rest is read all the same */
    }
    if (mysql_errno(c->mysql) != 0)
        return conn_fail(c, NULL, 0, err);
    if (rc == 0 && truncated != expected)
        return err_set(err, ERR_VALUE,
                       "%s %s:%d: %" PRIu64
                       " empty values of ENUM were sent, the server noticed %" PRIu64,
                       end_name(c->to->end), c->to->host, c->to->port, expected, truncated);
    return rc;
}

/*
 * SHOW WARNINGS holds max_error_count (conn_setup.c) of them; when there are more, the rest is only
 * known to be duplicates if there are no more warnings than skipped rows, as each of those makes
 * one.
 */
static int read_warnings(struct conn *c, uint64_t warnings, uint64_t skipped, uint64_t expected,
                         struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    uint64_t seen = 0;

    if (conn_queryf(c, &r, err, "SHOW WARNINGS") < 0)
        return -1;
    if (r.columns < 3)
        return err_set(err, ERR_DB_QUERY, "SHOW WARNINGS gave %u columns", r.columns);
    if (conn_judge_warnings(c, r.res, expected, &seen, err) < 0)
        return err_wrap(err, "%" PRIu64 " warnings, among them", warnings);
    if (seen < warnings && skipped < warnings)
        return err_set(err, ERR_VALUE,
                       "%s %s:%d: only %" PRIu64 " of %" PRIu64 " warnings are known",
                       end_name(c->to->end), c->to->host, c->to->port, seen, warnings);
    return 0;
}

int conn_check_warnings(struct conn *c, uint64_t skipped, uint64_t expected, struct err *err)
{
    uint64_t warnings = mysql_warning_count(c->mysql);

    return warnings == 0 && expected == 0 ? 0 : read_warnings(c, warnings, skipped, expected, err);
}

int conn_check_whole(struct conn *c, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (mysql_warning_count(c->mysql) == 0)
        return 0;
    if (conn_queryf(c, &r, err, "SHOW WARNINGS") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        if (result_i64(&r, 1, 0) != WARNING_OVER_PACKET)
            continue;
        (void)err_set(err, ERR_VALUE, "%s %s:%d could not give a value in whole: %.300s",
                      end_name(c->to->end), c->to->host, c->to->port, result_str(&r, 2, ""));
        return err_advise(err, "Raise max_allowed_packet at that server above the longest value, "
                               "then resume.");
    }
    return got;
}

int conn_load(struct conn *c, const char *sql, size_t sql_len, const char *data, size_t data_len,
              uint64_t expected, uint64_t *ret_rows, uint64_t *ret_skipped, struct err *err)
{
    const char *info;
    uint64_t rows, skipped;
    int failed;

    if (!c->local_infile)
        return err_set(err, ERR_INTERNAL, "LOAD DATA LOCAL on a connection not opened for it");
    c->load = (struct load_source){ data != NULL ? data : "", data_len };
    failed = mysql_real_query(c->mysql, sql, sql_len);
    c->load = (struct load_source){ 0 };
    if (failed)
        return conn_fail(c, sql, sql_len, err);
    info = mysql_info(c->mysql);
    if (info == NULL)
        info = "";
    rows = info_number(info, "Records:");
    skipped = info_number(info, "Skipped:");
    if (conn_check_warnings(c, skipped, expected, err) < 0)
        return -1;
    if (ret_rows != NULL)
        *ret_rows = rows;
    if (ret_skipped != NULL)
        *ret_skipped = skipped;
    return 0;
}
