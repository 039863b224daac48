#include "workers/mysql/dberr.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/banned.h"

enum said_by { ANY, MYSQL_ONLY, MARIADB_ONLY };

/*
 * Numbers: MySQL "Server Error Message Reference", MariaDB "Error Codes", libmariadb errmsg.h.
 * A row with a text applies only where the server's message holds it; the first row that fits wins.
 */
/* clang-format off */
static const struct rule {
    unsigned number;
    enum said_by by;
    enum err_code connecting, session;
    const char *text;
    const char *advice;
} rules[] = {
    /* who we are */
    { 1045, ANY, ERR_DB_AUTH, ERR_DB_PRIVILEGE, NULL, NULL },
    { 1044, ANY, ERR_DB_AUTH, ERR_DB_PRIVILEGE, NULL, NULL },
    { 1698, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL, NULL },
    { 1130, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL,
      "Create the account for the host the message names, or for '%'." },
    { 1251, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL, NULL },
    { 1524, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL, NULL },
    { 1820, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL, "The password has expired: set a new one." },
    { 1862, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL, "The password has expired: set a new one." },
    { 3118, MYSQL_ONLY, ERR_DB_AUTH, ERR_DB_AUTH, NULL, "Unlock the account." },
    { 4151, MARIADB_ONLY, ERR_DB_AUTH, ERR_DB_AUTH, NULL, "Unlock the account." },
    { 3159, MYSQL_ONLY, ERR_DB_AUTH, ERR_DB_AUTH, NULL,
      "The server takes encrypted connections only: set useSsl in the data source." },
    { 3159, MARIADB_ONLY, ERR_DB_AUTH, ERR_DB_AUTH, NULL,
      "The server takes encrypted connections only: set useSsl in the data source." },
    { 2049, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL, NULL },
    { 2059, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL,
      "Use an account with caching_sha2_password, mysql_native_password or ed25519." },
    { 2061, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL, NULL },
    { 5014, ANY, ERR_DB_AUTH, ERR_DB_AUTH, NULL,
      "Use an account with caching_sha2_password, mysql_native_password or ed25519." },
    /* no way to the server, or none for one more */
    { 2002, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, NULL },
    { 2003, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, NULL },
    { 2004, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, NULL },
    { 2005, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, "The host name is not known: correct it." },
    { 2026, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL,
      "The encrypted connection failed: does the server offer TLS? Else clear useSsl." },
    { 2007, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, "Is that a MySQL server? Check host and port." },
    { 2012, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, "Is that a MySQL server? Check host and port." },
    { 2027, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, "Is that a MySQL server? Check host and port." },
    { 2013, ANY, ERR_DB_CONNECT, ERR_DB_LOST, "initial communication packet",
      "Nothing spoke MySQL there in time: check host, port, firewall and that the server is up." },
    { 2013, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 2006, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 2014, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 2055, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1040, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, "Raise max_connections at the server." },
    { 1203, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, "Raise max_user_connections of the account." },
    { 1226, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, "Raise the account's resource limits." },
    { 1129, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, "FLUSH HOSTS at the server." },
    { 1135, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, NULL },
    { 1053, ANY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, NULL },
    { 3032, MYSQL_ONLY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, "SET GLOBAL offline_mode = OFF." },
    { 3168, MYSQL_ONLY, ERR_DB_CONNECT, ERR_DB_CONNECT, NULL, NULL },
    /* the connection is gone, or someone ended the statement: a new session is right for both */
    { 1317, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1927, MARIADB_ONLY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1969, MARIADB_ONLY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 3024, MYSQL_ONLY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 3169, MYSQL_ONLY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 4031, MYSQL_ONLY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1152, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1184, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1158, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1159, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1160, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1161, ANY, ERR_DB_CONNECT, ERR_DB_LOST, NULL, NULL },
    { 1153, ANY, ERR_DB_QUERY, ERR_DB_QUERY, NULL, "Raise max_allowed_packet at this server." },
    { 2020, ANY, ERR_DB_QUERY, ERR_DB_QUERY, NULL, "Raise max_allowed_packet at this server." },
    { 1665, ANY, ERR_DB_QUERY, ERR_DB_QUERY, NULL, "SET GLOBAL binlog_format = ROW at this server." },
    { 2008, ANY, ERR_NOMEM, ERR_NOMEM, NULL, NULL },
    /* try the transaction again */
    { 1205, ANY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 1213, ANY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 1020, ANY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 1206, ANY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 1412, ANY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 1613, ANY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 1614, ANY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 1615, ANY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 1689, ANY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 3101, MYSQL_ONLY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    { 3572, MYSQL_ONLY, ERR_DB_RETRY, ERR_DB_RETRY, NULL, NULL },
    /* read-only */
    { 1290, ANY, ERR_DB_READONLY, ERR_DB_READONLY, "read-only", NULL },
    { 1290, ANY, ERR_DB_READONLY, ERR_DB_READONLY, "read_only", NULL },
    { 1792, ANY, ERR_DB_READONLY, ERR_DB_READONLY, NULL, NULL },
    { 1836, ANY, ERR_DB_READONLY, ERR_DB_READONLY, NULL, NULL },
    { 1874, ANY, ERR_DB_READONLY, ERR_DB_READONLY, NULL, "InnoDB runs read-only." },
    /* out of space */
    { 1021, ANY, ERR_DB_FULL, ERR_DB_FULL, NULL, NULL },
    { 1114, ANY, ERR_DB_FULL, ERR_DB_FULL, NULL, NULL },
    { 28,   ANY, ERR_DB_FULL, ERR_DB_FULL, NULL, NULL },
    { 3,    ANY, ERR_DB_FULL, ERR_DB_FULL, "rrcode: 28", NULL },
    { 1026, ANY, ERR_DB_FULL, ERR_DB_FULL, "rrcode: 28", NULL },
    { 1030, ANY, ERR_DB_FULL, ERR_DB_FULL, "error 28", NULL },
    { 1180, ANY, ERR_DB_FULL, ERR_DB_FULL, "error 28", NULL },
    { 1030, ANY, ERR_DB_FULL, ERR_DB_FULL, "error 135", NULL }, /* HA_ERR_RECORD_FILE_FULL */
    /* may not */
    { 1095, ANY, ERR_DB_PRIVILEGE, ERR_DB_PRIVILEGE, NULL, NULL },
    { 1142, ANY, ERR_DB_PRIVILEGE, ERR_DB_PRIVILEGE, NULL, NULL },
    { 1143, ANY, ERR_DB_PRIVILEGE, ERR_DB_PRIVILEGE, NULL, NULL },
    { 1227, ANY, ERR_DB_PRIVILEGE, ERR_DB_PRIVILEGE, NULL, NULL },
    { 1370, ANY, ERR_DB_PRIVILEGE, ERR_DB_PRIVILEGE, NULL, NULL },
    { 1419, ANY, ERR_DB_PRIVILEGE, ERR_DB_PRIVILEGE, NULL,
      "SET GLOBAL log_bin_trust_function_creators = 1, or grant SUPER." },
    /* not there */
    { 1049, ANY, ERR_TABLE_NOT_FOUND, ERR_TABLE_NOT_FOUND, NULL, NULL },
    { 1051, ANY, ERR_TABLE_NOT_FOUND, ERR_TABLE_NOT_FOUND, NULL, NULL },
    { 1146, ANY, ERR_TABLE_NOT_FOUND, ERR_TABLE_NOT_FOUND, NULL, NULL },
    { 1932, ANY, ERR_TABLE_NOT_FOUND, ERR_TABLE_NOT_FOUND, NULL, NULL },
    /* the target's column does not take the value */
    { 1048, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1118, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1264, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1265, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1292, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1300, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1364, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1366, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1367, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1406, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1411, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1416, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1525, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 1690, ANY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 3140, MYSQL_ONLY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 3141, MYSQL_ONLY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 3144, MYSQL_ONLY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 3156, MYSQL_ONLY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 3157, MYSQL_ONLY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 3548, MYSQL_ONLY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 3643, MYSQL_ONLY, ERR_VALUE, ERR_VALUE, NULL, NULL },
    { 3819, MYSQL_ONLY, ERR_VALUE, ERR_VALUE, NULL, "Correct the row or drop the CHECK constraint." },
    { 4025, MARIADB_ONLY, ERR_VALUE, ERR_VALUE, NULL,
      "Correct the row or drop the CHECK constraint." },
    /* LOAD DATA LOCAL and what else a server may not have */
    { 1148, ANY, ERR_NOT_SUPPORTED, ERR_NOT_SUPPORTED, NULL, NULL },
    { 1235, ANY, ERR_NOT_SUPPORTED, ERR_NOT_SUPPORTED, NULL, NULL },
    { 3948, MYSQL_ONLY, ERR_NOT_SUPPORTED, ERR_NOT_SUPPORTED, NULL, "SET GLOBAL local_infile = ON." },
    { 3950, MYSQL_ONLY, ERR_NOT_SUPPORTED, ERR_NOT_SUPPORTED, NULL, NULL },
    { 4166, MARIADB_ONLY, ERR_NOT_SUPPORTED, ERR_NOT_SUPPORTED, NULL, "SET GLOBAL local_infile = ON." },
};
/* clang-format on */

static const struct rule *find_rule(const struct db_error *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        const struct rule *r = &rules[i];

        if (r->number != e->number || (r->by == MYSQL_ONLY && e->mariadb) ||
            (r->by == MARIADB_ONLY && !e->mariadb))
            continue;
        if (r->text == NULL || strstr(e->text, r->text) != NULL)
            return r;
    }
    return NULL;
}

enum err_code dberr_code(const struct db_error *e)
{
    const struct rule *r = find_rule(e);

    if (r != NULL)
        return e->phase == DB_CONNECTING ? r->connecting : r->session;
    return e->phase == DB_CONNECTING ? ERR_DB_CONNECT : ERR_DB_QUERY;
}

/* True when users' values begin at `at`: nothing from here on is shown. */
static bool values_begin(const char *at, size_t left)
{
    static const char *const words[] = { "VALUES", " WHERE ", " SET ", "x'", "'", "\"" };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        size_t len = strlen(words[i]);

        if (left >= len && strncasecmp(at, words[i], len) == 0)
            return true;
    }
    return false;
}

/* The statement's beginning up to the first value: values are users' data and may be secret. */
static void statement_start(const struct db_error *e, char *ret, size_t size)
{
    size_t n = 0, i;

    for (i = 0; e->sql != NULL && i < e->sql_len && n + 4 < size; i++) {
        if (values_begin(e->sql + i, e->sql_len - i))
            break;
        ret[n++] = e->sql[i];
    }
    if (e->sql != NULL && i < e->sql_len) {
        memcpy(ret + n, "...", 3);
        n += 3;
    }
    ret[n] = '\0';
}

/* Length of the UTF-8 character at `p`, 0 when there is none (RFC 3629, without surrogates' check).
 */
static size_t char_len(const unsigned char *p)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (p[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* Messages go into JSON: bytes of users' data that are no UTF-8, or cut in the middle, become '?'.
 */
static void tidy(char *text)
{
    unsigned char *p = (unsigned char *)text;

    while (*p != '\0') {
        size_t len = char_len(p);

        if (len == 0)
            *p = '?';
        p += len == 0 ? 1 : len;
    }
}

/*
 * "INSERT command denied to user 'u'@'h' for table 't'" and "you need (at least one of) the SUPER
 * privilege(s)" name what is missing: say so.
 */
static void advise_grant(struct err *err, const struct db_error *e)
{
    static const char need[] = "you need (at least one of) the ";
    const char *at, *end;

    if ((at = strstr(e->text, need)) != NULL) {
        at += sizeof(need) - 1;
        end = strstr(at, " privilege");
        if (end != NULL)
            (void)err_advise(err, "The account needs %.*s on *.* (one of them is enough).",
                             (int)(end - at), at);
        return;
    }
    at = strstr(e->text, " command denied");
    if (at != NULL) /* the server names the client's host, not the account's: no statement to run */
        (void)err_advise(err, "The account needs %.*s on the object named: docs/privileges.md.",
                         (int)(at - e->text), e->text);
}

int dberr_set(struct err *err, const struct endpoint *at, const struct db_error *e)
{
    const struct rule *r = find_rule(e);
    enum err_code code = dberr_code(e);
    char start[128];

    if (e->phase == DB_CONNECTING)
        (void)err_set(err, code, "%s %s:%d: cannot connect: %s (%u)", end_name(at->end), at->host,
                      at->port, e->text, e->number);
    else {
        statement_start(e, start, sizeof(start));
        (void)err_set(err, code, "%s %s:%d: %s (%u)%s%s", end_name(at->end), at->host, at->port,
                      e->text, e->number, start[0] != '\0' ? ", in: " : "", start);
    }
    tidy(err->message);
    err->db_errno = e->number;
    if (r != NULL && r->advice != NULL)
        (void)err_advise(err, "%s", r->advice);
    else if (code == ERR_DB_PRIVILEGE)
        advise_grant(err, e);
    tidy(err->advice);
    return -1;
}
