/*
 * MariaDB's array binding: COM_STMT_BULK_EXECUTE, one prepared statement for many rows. The library
 * would want an array of pointers a column and copy each value once more; the packet is written by
 * the caller instead. Format: https://mariadb.com/kb/en/com_stmt_bulk_execute/
 */
#include <string.h>

#include <mysql.h>

#include "workers/mysql/conn_priv.h"

#include "base/banned.h"

enum {
    COM_STMT_BULK = 0xfa,
    SEND_TYPES = 128, /* the only flag: types of the parameters follow */
    TYPE_BLOB = 0xfc, /* bytes in no character set: the server does not convert them */
    FIXED_HEAD = 6,   /* statement id, flags */
    CAPABILITIES_SHIFT = 32,
    ER_UNKNOWN_COM = 1047,
    ER_UNSUPPORTED_PS = 1295,
};

bool conn_bulk_able(const struct conn *c)
{
    unsigned long extended = 0;

    return mariadb_connection(c->mysql) &&
           mariadb_get_infov(c->mysql, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES,
                             &extended) == 0 &&
           (extended & (MARIADB_CLIENT_STMT_BULK_OPERATIONS >> CAPABILITIES_SHIFT)) != 0;
}

size_t conn_bulk_head(size_t columns)
{
    return FIXED_HEAD + 2 * columns;
}

void conn_bulk_drop(struct conn *c)
{
    if (c->bulk.stmt != NULL)
        (void)mysql_stmt_close(c->bulk.stmt);
    free(c->bulk.sql);
    c->bulk = (struct bulk_statement){ 0 };
}

static int bulk_fail(struct conn *c, const char *sql, size_t len, struct err *err)
{
    unsigned number = mysql_errno(c->mysql);

    (void)conn_fail(c, sql, len, err);
    if (number == ER_UNKNOWN_COM || number == ER_UNSUPPORTED_PS)
        err->code = ERR_NOT_SUPPORTED;
    return -1;
}

/* The statement prepared last stays with the connection: batches of one table follow each other. */
static int prepare(struct conn *c, const char *sql, struct err *err)
{
    size_t len = strlen(sql);

    if (c->bulk.sql != NULL && strcmp(c->bulk.sql, sql) == 0)
        return 0;
    conn_bulk_drop(c);
    c->bulk.stmt = mysql_stmt_init(c->mysql);
    if (c->bulk.stmt == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a statement");
    if (mysql_stmt_prepare(c->bulk.stmt, sql, len) != 0) {
        (void)bulk_fail(c, sql, len, err);
        conn_bulk_drop(c);
        return -1;
    }
    c->bulk.sql = strdup(sql);
    return c->bulk.sql != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for a statement");
}

static void fill_head(char *packet, unsigned long id, size_t columns)
{
    unsigned char *to = (unsigned char *)packet;

    for (unsigned i = 0; i < 4; i++)
        *to++ = (unsigned char)(id >> (8 * i));
    *to++ = SEND_TYPES;
    *to++ = 0;
    for (size_t i = 0; i < columns; i++) {
        *to++ = TYPE_BLOB;
        *to++ = 0;
    }
}

int conn_bulk(struct conn *c, const char *sql, size_t columns, char *packet, size_t len,
              uint64_t *ret_affected, struct err *err)
{
    if (prepare(c, sql, err) < 0)
        return -1;
    fill_head(packet, c->bulk.stmt->stmt_id, columns);
    if (c->mysql->methods->db_command(c->mysql, (enum enum_server_command)COM_STMT_BULK, packet,
                                      len, 1, NULL) != 0 ||
        c->mysql->methods->db_read_query_result(c->mysql) != 0)
        return bulk_fail(c, sql, strlen(sql), err);
    *ret_affected = mysql_affected_rows(c->mysql);
    return conn_check_warnings(c, 0, 0, err);
}
