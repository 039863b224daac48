/* The session every connection gets: see conn.h for what and docs/design.md, "Values", for why. */
#include <string.h>

#include <mysql.h>

#include "workers/mysql/conn_priv.h"
#include "workers/mysql/dialect.h"

#include "base/banned.h"

enum { MYSQL_UNKNOWN_SYSTEM_VARIABLE = 1193, MYSQL_ACCESS_DENIED_SPECIFIC = 1227 };
enum { SQL_MAX_BYTES = 16 * 1024 };

/* migrated triggers do nothing in a session that carries this mark (schema/finish.c) */
#define APPLY_MARK "@causeway_apply=1"

enum known_to { TO_ALL, TO_MARIADB, TO_MYSQL };

/*
 * One row a variable. `since`: the first version that has it. Rows that are not `needed` are left
 * out where the server does not know them (OceanBase, forks).
 */
/* clang-format off */
static const struct setting {
    enum known_to to;
    unsigned since;
    bool needed;
    const char *sql;
} settings[] = {
    /* stores what it is given or fails: no zero into auto-increment, no date corrected, no value cut */
    { TO_ALL, 0, true,  "sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'" },
    { TO_ALL, 0, true,  "time_zone='+00:00'" },
    { TO_ALL, 0, true,  "character_set_client=utf8mb4" },
    { TO_ALL, 0, true,  "character_set_connection=utf8mb4" },
    { TO_ALL, 0, true,  "character_set_results=NULL" },
    { TO_ALL, 0, true,  "autocommit=1" },
    { TO_ALL, 0, true,  "foreign_key_checks=0" },
    { TO_ALL, 0, false, "unique_checks=1" },
    /* our own back-pressure may stop reading or writing for long */
    { TO_ALL, 0, false, "net_write_timeout=3600" },
    { TO_ALL, 0, false, "net_read_timeout=3600" },
    { TO_ALL, 0, false, "wait_timeout=86400" },
    { TO_ALL, 0, false, "innodb_lock_wait_timeout=20" },
    { TO_ALL, 0, false, "lock_wait_timeout=60" },
    /* an init_connect or a global setting of the site must not change what our statements do */
    { TO_ALL, 0, false, "sql_quote_show_create=1" },
    { TO_ALL, 0, false, "sql_safe_updates=0" },
    { TO_ALL, 0, false, "sql_big_selects=1" },
    { TO_ALL, 0, false, "sql_select_limit=18446744073709551615" },
    { TO_ALL, 0, false, "sql_auto_is_null=0" },
    { TO_ALL, 0, false, "completion_type=0" },
    { TO_ALL, 0, false, "group_concat_max_len=1048576" },
    { TO_ALL, 0, false, "sql_notes=1" }, /* a value cut or rounded is told as a note */
    { TO_ALL, 0, false, "max_error_count=65535" }, /* all warnings of a load: conn_load.c */
    { TO_MARIADB, 100200, false, "max_statement_time=0" },
    /* a row that the source took past its CHECK is there, and has to be here */
    { TO_MARIADB, 100200, false, "check_constraint_checks=0" },
    { TO_MARIADB, 100300, false, "idle_transaction_timeout=0" },
    /* the text of each statement once more in the binlog, which nobody asked us for */
    { TO_MARIADB, 100200, false, "binlog_annotate_row_events=0" },
    { TO_MARIADB, 101100, false, "system_versioning_insert_history=0" },
    { TO_MYSQL, 50708, false, "max_execution_time=0" },
    { TO_MYSQL, 80000, false, "information_schema_stats_expiry=0" },
};
/* clang-format on */

static bool applies(const struct setting *s, const struct dialect *d)
{
    bool mariadb = d->flavour == FLAVOUR_MARIADB;

    if (s->to == TO_MARIADB && !mariadb)
        return false;
    if (s->to == TO_MYSQL && mariadb)
        return false;
    return d->version >= s->since;
}

static int set_together(struct conn *c, const struct dialect *d, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX_BYTES);

    strbuf_adds(&sql, "SET " APPLY_MARK);
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
        if (applies(&settings[i], d))
            strbuf_addf(&sql, ", SESSION %s", settings[i].sql);
    if (strbuf_check(&sql, err) < 0)
        return -1;
    return conn_exec(c, strbuf_str(&sql), sql.len, NULL, err);
}

/* The slow way for a server that refused the whole: only what must be there is insisted on. */
static int set_one_by_one(struct conn *c, const struct dialect *d, struct err *err)
{
    if (conn_execf(c, err, "SET " APPLY_MARK) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        if (!applies(&settings[i], d) || conn_execf(c, err, "SET SESSION %s", settings[i].sql) == 0)
            continue;
        if (settings[i].needed || conn_lost(err))
            return -1;
        if (err->db_errno != MYSQL_UNKNOWN_SYSTEM_VARIABLE &&
            err->db_errno != MYSQL_ACCESS_DENIED_SPECIFIC)
            return -1;
    }
    return 0;
}

int conn_setup(struct conn *c, struct err *err)
{
    struct dialect d;

    if (dialect_parse_version(mysql_get_server_info(c->mysql), "", &d, err) < 0)
        return -1;
    if (set_together(c, &d, err) < 0) {
        if (err->db_errno != MYSQL_UNKNOWN_SYSTEM_VARIABLE &&
            err->db_errno != MYSQL_ACCESS_DENIED_SPECIFIC)
            return -1;
        if (set_one_by_one(c, &d, err) < 0)
            return -1;
        err_reset(err);
    }
    return conn_execf(c, err, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
}
