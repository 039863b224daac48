/*
 * The check of a row filter (whereClause, oms-api.md 4.1). It becomes part of SQL statements, so
 * only what is clearly one condition over the columns of one row passes: literals, columns,
 * operators and functions that depend on nothing but their arguments. No subquery, comment,
 * statement end, variable, placeholder or prefix of another table.
 */
#ifndef API_WHERECLAUSE_H
#define API_WHERECLAUSE_H

#include <stdbool.h>
#include <stddef.h>

enum { WHERE_MAX_BYTES = 8 * 1024, WHERE_PROBLEM_LEN = 200 };

/* where_check(): true, or false with the reason in `problem`. */
bool where_check(const char *text, char problem[static WHERE_PROBLEM_LEN]);

#endif
