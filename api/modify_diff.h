/*
 * What a new selection of objects adds to a project's and what it takes away
 * (docs/object-changes.md). Pure: two transferMappings in, mappings out.
 */
#ifndef API_MODIFY_DIFF_H
#define API_MODIFY_DIFF_H

#include "api/fields.h"

struct modify_diff {
    struct json_object *added;   /* transferMapping of what joins; NULL: nothing does */
    struct json_object *removed; /* of what leaves, as far as it can be named; NULL: nothing does */
    struct json_object *kept;    /* the project's mapping once it has left */
};
void modify_diff_done(struct modify_diff *d);

/*
 * modify_diff() - from `now` to `next`, both validated (mapping_check()) and of one mode
 *
 * Renames, row filters and columns of an object that stays are faults, by name; so is a selection
 * of which nothing stays. In WILDCARD mode rules are compared as texts: what changes is known when
 * the source is asked.
 */
int modify_diff(struct json_object *now, struct json_object *next, struct faults *faults,
                struct modify_diff *ret, struct err *err);
/* modify_targets(): "db\1table" of all objects that are named one by one, and "db" of databases. */
int modify_targets(struct json_object *mapping, struct json_object **ret_tables,
                   struct json_object **ret_dbs, struct err *err);

#endif
