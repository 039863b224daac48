/* Column types by their DATA_TYPE: one row each. And what only COLUMN_TYPE tells. Pure. */
#ifndef WORKERS_MYSQL_TYPES_H
#define WORKERS_MYSQL_TYPES_H

#include <json-c/json.h>

#include "workers/mysql/catalog.h"

/* type_kind(): CK_UNKNOWN for a type not in the table. *ret_int_bytes: 1 2 3 4 8, else 0. */
enum column_kind type_kind(const char *data_type, unsigned *ret_int_bytes);
const char *type_kind_name(enum column_kind kind); /* "INT", "VARCHAR", … */

/* type_width(): the first number in "(…)", as in "int(10) unsigned"; 0: none. */
unsigned type_width(const char *column_type);

/*
 * type_labels() - the labels of "enum('a','b')" or "set(…)" as an array of texts
 *
 * Quotes are doubled; NUL, newline, carriage return and backslash come with a backslash
 * (append_unescaped() in the servers' sql/unireg or sql_show). Any other escaped byte is itself.
 * Errors: ERR_DB_QUERY when the text is not of that form, ERR_NOMEM.
 */
int type_labels(const char *column_type, struct json_object **ret, struct err *err);

/*
 * type_enum_zero() - a text that an ENUM reads as number 0: zeros that are no label of either list
 *
 * Field_enum::store() of the servers takes a text of up to five characters that is no label for a
 * number. Either list may be NULL. @ret is empty when all five are labels.
 */
enum { TYPE_ENUM_ZERO_SIZE = 6 };
void type_enum_zero(struct json_object *labels, struct json_object *other,
                    char ret[static TYPE_ENUM_ZERO_SIZE]);

#endif
