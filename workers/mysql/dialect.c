#include "workers/mysql/dialect.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    OLDEST_MYSQL = 50600,
    OLDEST_MARIADB = 100200,
};

const char *flavour_name(enum flavour f)
{
    switch (f) {
    case FLAVOUR_MYSQL:
        return "MySQL";
    case FLAVOUR_MARIADB:
        return "MariaDB";
    case FLAVOUR_OCEANBASE:
        return "OceanBase";
    case FLAVOUR_POLARDB:
        return "PolarDB";
    }
    return "unknown";
}

/* "10.11.19-…" -> 101119. False when the text does not begin with three numbers below 100. */
static bool parse_numbers(const char *text, unsigned *ret)
{
    unsigned part[3] = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(part); i++) {
        if (!isdigit((unsigned char)*text))
            return false;
        for (; isdigit((unsigned char)*text); text++) {
            part[i] = part[i] * 10 + (unsigned)(*text - '0');
            if (part[i] > 99)
                return false;
        }
        if (i + 1 < ARRAY_SIZE(part) && *text++ != '.')
            return false;
    }
    *ret = part[0] * 10000 + part[1] * 100 + part[2];
    return true;
}

static enum flavour guess_flavour(const char *version, const char *comment)
{
    if (strcasestr(version, "oceanbase") != NULL || strcasestr(comment, "oceanbase") != NULL)
        return FLAVOUR_OCEANBASE;
    if (strcasestr(version, "polardb") != NULL || strcasestr(comment, "polardb") != NULL)
        return FLAVOUR_POLARDB;
    if (strcasestr(version, "mariadb") != NULL || strcasestr(comment, "mariadb") != NULL)
        return FLAVOUR_MARIADB;
    return FLAVOUR_MYSQL;
}

static void set_abilities(struct dialect *d)
{
    bool mariadb = d->flavour == FLAVOUR_MARIADB;

    d->gtid_mariadb = mariadb;
    d->snapshot_position = mariadb;
    d->statement_timeout_mariadb = mariadb;
    d->json_type = !mariadb && d->version >= 50700;
    d->show_create_generated = mariadb || d->version >= 50700;
    d->check_constraints = mariadb || d->version >= 80016;
    d->invisible_columns = mariadb ? d->version >= 100300 : d->version >= 80023;
    /* SHOW MASTER STATUS is gone in MySQL 8.4; the new words exist since 8.2.0 */
    d->binlog_status_sql =
        !mariadb && d->version >= 80200 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
    d->cascades_logged = !mariadb && d->version >= 90600;
}

int dialect_parse_version(const char *version, const char *comment, struct dialect *ret,
                          struct err *err)
{
    /* MariaDB 10 puts 5.5.5- in front for replicas that know one digit only (CONC-…, "RPL hack") */
    static const char hack[] = "5.5.5-";
    struct dialect d = { 0 };
    const char *numbers = version;
    unsigned oldest;

    d.flavour = guess_flavour(version, comment);
    if (strncmp(version, hack, sizeof(hack) - 1) == 0 &&
        isdigit((unsigned char)version[sizeof(hack) - 1])) {
        numbers = version + sizeof(hack) - 1;
        d.flavour = FLAVOUR_MARIADB;
    }
    if (!parse_numbers(numbers, &d.version))
        return err_set(err, ERR_DB_UNSUPPORTED, "the server's version is not understood: %.90s",
                       version);
    (void)snprintf(d.version_text, sizeof(d.version_text), "%s", version);
    oldest = d.flavour == FLAVOUR_MARIADB ? OLDEST_MARIADB : OLDEST_MYSQL;
    if (d.version < oldest)
        return err_set(err, ERR_DB_UNSUPPORTED, "%s %.90s is too old; the oldest is %u.%u",
                       flavour_name(d.flavour), version, oldest / 10000, oldest / 100 % 100);
    set_abilities(&d);
    *ret = d;
    return 0;
}

static bool is_on(const char *value)
{
    return value != NULL && (strcasecmp(value, "ON") == 0 || strcmp(value, "1") == 0);
}

/*
 * The variables that tell flavours apart or change what a server does. SHOW VARIABLES leaves out
 * what it doesn't know, where SELECT @@name would fail.
 */
static int read_variables(struct conn *c, struct dialect *d, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_queryf(c, &r, err,
                    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('gtid_mode',"
                    "'lower_case_table_names','polardb_version','innodb_native_foreign_keys')") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *name = result_str(&r, 0, "");
        const char *value = result_str(&r, 1, "");

        if (strcasecmp(name, "gtid_mode") == 0)
            d->gtid_mysql = d->flavour != FLAVOUR_MARIADB && is_on(value);
        else if (strcasecmp(name, "lower_case_table_names") == 0)
            d->lower_case_table_names = (int)result_i64(&r, 1, 0);
        else if (strcasecmp(name, "polardb_version") == 0 && d->flavour == FLAVOUR_MYSQL)
            d->flavour = FLAVOUR_POLARDB;
        else if (strcasecmp(name, "innodb_native_foreign_keys") == 0 && is_on(value))
            d->cascades_logged = false;
    }
    return got;
}

int dialect_detect(struct conn *c, struct dialect *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct dialect d = { 0 };
    int got;

    if (conn_queryf(c, &r, err, "SELECT VERSION(), @@version_comment") < 0)
        return -1;
    got = result_next(&r, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_DB_UNSUPPORTED, "the server does not tell its version");
    if (dialect_parse_version(result_str(&r, 0, ""), result_str(&r, 1, ""), &d, err) < 0)
        return -1;
    result_done(&r);
    if (read_variables(c, &d, err) < 0)
        return -1;
    *ret = d;
    return 0;
}

int dialect_collations(struct conn *c, struct map **ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    _cleanup_(map_freep)
    struct map *names = map_new();
    struct err first = { 0 };
    int got;

    if (names == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the collations");
    /* MariaDB from 10.10 on has collations whose full name is only in this column. */
    if (conn_queryf(c, &r, &first,
                    "SELECT LOWER(FULL_COLLATION_NAME) FROM"
                    " information_schema.COLLATION_CHARACTER_SET_APPLICABILITY") < 0) {
        if (conn_lost(&first)) {
            *err = first;
            return -1;
        }
        if (conn_queryf(c, &r, err,
                        "SELECT LOWER(COLLATION_NAME) FROM information_schema.COLLATIONS") < 0)
            return -1;
    }
    while ((got = result_next(&r, err)) == 1) {
        if (r.row[0] != NULL && map_set(names, r.row[0], names) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the collations");
    }
    if (got < 0)
        return -1;
    *ret = take_ptr(names);
    return 0;
}
