/*
 * Does a JSON text stay what it is when MySQL reads it? Its numbers become 64-bit integers or
 * doubles: what a DECIMAL inside a document printed, or a number another server kept as text, may
 * not. Pure.
 */
#ifndef WORKERS_MYSQL_BINLOG_JSON_NUMBERS_H
#define WORKERS_MYSQL_BINLOG_JSON_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum json_strictness {
    JSON_SAME_TEXT, /* every number must print again as it stands there */
    JSON_SAME_VALUE /* must be the same number: 1.50 may become 1.5 */
};

/*
 * json_numbers_survive() - looks at the numbers of a JSON text
 *
 * @ret_at, @ret_len  the first number that does not survive; borrowed from `text`
 * What is no JSON is let through: the server that reads it says so.
 */
bool json_numbers_survive(const char *text, size_t len, enum json_strictness how,
                          const char **ret_at, size_t *ret_len);
/* json_number_error(): ERR_VALUE for such a number; @key tells the row. Always -1. */
int json_number_error(const char *db, const char *table, const char *column, const char *key,
                      const char *number, size_t len, struct err *err);

#endif
