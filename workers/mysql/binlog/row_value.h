/* One value of a row event: from its bytes to a struct value. Internal to this folder. */
#ifndef WORKERS_MYSQL_BINLOG_ROW_VALUE_H
#define WORKERS_MYSQL_BINLOG_ROW_VALUE_H

#include "base/num.h"
#include "workers/mysql/binlog/rows.h"

/* Column types as a TABLE_MAP event carries them (MySQL source, field_types.h; MariaDB's own). */
enum wire_type {
    WT_DECIMAL = 0,
    WT_TINY = 1,
    WT_SHORT = 2,
    WT_LONG = 3,
    WT_FLOAT = 4,
    WT_DOUBLE = 5,
    WT_NULL = 6,
    WT_TIMESTAMP = 7,
    WT_LONGLONG = 8,
    WT_INT24 = 9,
    WT_DATE = 10,
    WT_TIME = 11,
    WT_DATETIME = 12,
    WT_YEAR = 13,
    WT_NEWDATE = 14,
    WT_VARCHAR = 15,
    WT_BIT = 16,
    WT_TIMESTAMP2 = 17,
    WT_DATETIME2 = 18,
    WT_TIME2 = 19,
    WT_TYPED_ARRAY = 20,
    WT_BLOB_COMPRESSED = 140,
    WT_VARCHAR_COMPRESSED = 141,
    WT_VECTOR = 242,
    WT_JSON = 245,
    WT_NEWDECIMAL = 246,
    WT_ENUM = 247,
    WT_SET = 248,
    WT_TINY_BLOB = 249,
    WT_MEDIUM_BLOB = 250,
    WT_LONG_BLOB = 251,
    WT_BLOB = 252,
    WT_VAR_STRING = 253,
    WT_STRING = 254,
    WT_GEOMETRY = 255,
};

const char *wire_type_name(unsigned type);
bool wire_type_numeric(unsigned type); /* has a bit in the SIGNEDNESS metadata; YEAR too */

/*
 * row_value() - reads the value of a column that is present and not NULL
 *
 * @meta        as struct table_map holds it
 * @col         the catalog's column, or NULL: then BINARY is not padded, UUID and INET stay bytes
 * @is_unsigned of integer types
 * @text        holds what `ret` borrows when it is not the event's own bytes; reset first
 * Errors: ERR_BINLOG_MALFORMED, ERR_NOT_SUPPORTED, ERR_NOMEM, without the column's name.
 */
int row_value(struct cursor *c, unsigned type, uint16_t meta, const struct column *col,
              bool is_unsigned, struct strbuf *text, struct value *ret, struct err *err);

/*
 * row_value_json_diff() - a JSON value of which the event holds only what changed
 *
 * @before  the value of the before image; ERR_BINLOG_ROW_IMAGE when it is not in it
 */
int row_value_json_diff(struct cursor *c, uint16_t meta, const struct value *before,
                        struct strbuf *text, struct value *ret, struct err *err);

#endif
