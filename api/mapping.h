/* The objects of a project: transferMapping (oms-api.md 4.1) and its rules (3.15). */
#ifndef API_MAPPING_H
#define API_MAPPING_H

#include "api/fields.h"

extern const struct field mapping_fields[], mapping_database_fields[];

/*
 * mapping_check() - what the table can't say: which parts a mode needs, rules' syntax, row
 * filters, the same source twice, two sources for one target
 *
 * @mapping         as fields_read() gave it; missing mapped names are filled in
 * @control_schema  must not be a target database
 */
int mapping_check(struct json_object *mapping, const char *control_schema, struct faults *faults,
                  struct err *err);
/*
 * mapping_settle_case() - commonTransferConfig.nameCase (AS_SOURCE, LOWER, UPPER) into a mapping
 *
 * Names without a mappedName get it in that case, and the mapping says `nameCase` itself, for
 * workers to name whatever rules select. To be called before mapping_check(), which fills in the
 * names that are left. What mapping_invert() makes of it has no policy: it names the originals.
 */
void mapping_settle_case(struct json_object *mapping, const char *name_case);
/* mapping_rule_problem(): what is wrong with one rule, or NULL. Exclusions take no rename. */
const char *mapping_rule_problem(const char *rule, bool exclusion);

#endif
