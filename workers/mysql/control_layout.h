/* The tables of the control schema; for control.c only. */
#ifndef WORKERS_MYSQL_CONTROL_LAYOUT_H
#define WORKERS_MYSQL_CONTROL_LAYOUT_H

#include <stddef.h>

enum { CONTROL_LAYOUT = 4 }; /* cw_meta's "layout": raised with every change below */

struct layout_table {
    const char *name;
    const char *create; /* for control_exec() */
    /* DELETE of a chunk of a project's rows: %q the project, twice; NULL: not of projects, and no
     * reason to keep the schema. */
    const char *clear;
};
extern const struct layout_table layout_tables[];
extern const size_t layout_table_count;

#endif
