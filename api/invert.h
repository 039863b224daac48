/* The objects of a reverse project: those of its forward one, with the names exchanged. */
#ifndef API_INVERT_H
#define API_INVERT_H

#include <json-c/json.h>

#include "api/fields.h"

/*
 * mapping_invert() - a mapping whose source is this one's target
 *
 * Everything that can't go both ways is a fault with its reason: two objects into one, row
 * filters, column lists, rules whose renames have no inverse.
 *
 * @mapping  as mapping_check() left it, without faults; not changed
 * @ret      the caller's; NULL when there were faults
 * Returns -1 only when memory is gone.
 */
int mapping_invert(struct json_object *mapping, struct faults *faults, struct json_object **ret,
                   struct err *err);

#endif
