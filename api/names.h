/* What may be a name (oms-api.md 3.14). Each returns NULL or what is wrong, for `struct field`. */
#ifndef API_NAMES_H
#define API_NAMES_H

#include <stdbool.h>

const char *name_check_plain(const char *text);  /* of projects and data sources: no blanks */
const char *name_check_object(const char *text); /* of databases, tables and views */
const char *name_check_column(const char *text);
const char *name_check_control(const char *text); /* the control schema */
const char *name_check_line(const char *text);    /* free text without control characters */
const char *name_check_collation(const char *text);
bool name_is_system_schema(const char *db);

#endif
