/* LOAD DATA LOCAL from memory. No file of this machine is ever opened for a server. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <mysql.h>

#include "workers/mysql/conn_priv.h"

#include "base/banned.h"

enum {
    MYSQL_DUP_ENTRY = 1062,
    MYSQL_DUP_ENTRY_WITH_KEY_NAME = 1586,
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

/* Rounded decimals and cut dates are told as mere notes: they are losses all the same. */
static bool is_about_value(unsigned code)
{
    struct db_error e = { .number = code, .text = "", .phase = DB_SESSION };

    return dberr_code(&e) == ERR_VALUE;
}

static int raise_warning(struct conn *c, unsigned code, const char *text, uint64_t warnings,
                         struct err *err)
{
    struct db_error e = { .number = code, .text = text, .phase = DB_SESSION };

    (void)dberr_set(err, c->to, &e);
    err->code = ERR_VALUE; /* whatever it is called: the row is not what it was at the source */
    return err_wrap(err, "%" PRIu64 " warnings of a load, the first", warnings);
}

/*
 * Fails on the first warning that is not a duplicate key. SHOW WARNINGS holds max_error_count
 * (conn_setup.c) of them; when there are more, the rest is only known to be duplicates if there
 * are no more warnings than skipped rows, as each of those makes one.
 */
static int check_warnings(struct conn *c, uint64_t warnings, uint64_t skipped, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    uint64_t seen = 0;
    int got;

    if (conn_queryf(c, &r, err, "SHOW WARNINGS") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *level = result_str(&r, 0, "");
        int64_t code = result_i64(&r, 1, 0);

        seen++;
        if (code == MYSQL_DUP_ENTRY || code == MYSQL_DUP_ENTRY_WITH_KEY_NAME ||
            (strcasecmp(level, "Note") == 0 && !is_about_value((unsigned)code)))
            continue;
        return raise_warning(c, (unsigned)code, result_str(&r, 2, ""), warnings, err);
    }
    if (got < 0)
        return -1;
    if (seen < warnings && skipped < warnings)
        return err_set(err, ERR_VALUE,
                       "%s %s:%d: only %" PRIu64 " of %" PRIu64 " warnings of a load are known",
                       end_name(c->to->end), c->to->host, c->to->port, seen, warnings);
    return 0;
}

int conn_load(struct conn *c, const char *sql, size_t sql_len, const char *data, size_t data_len,
              uint64_t *ret_rows, uint64_t *ret_skipped, struct err *err)
{
    const char *info;
    uint64_t rows, skipped, warnings;
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
    warnings = info_number(info, "Warnings:");
    if (warnings > 0 && check_warnings(c, warnings, skipped, err) < 0)
        return -1;
    if (ret_rows != NULL)
        *ret_rows = rows;
    if (ret_skipped != NULL)
        *ret_skipped = skipped;
    return 0;
}
