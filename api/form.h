/*
 * The SDK's form dialect (oms-api.md 1.4, 1.5): application/x-www-form-urlencoded parameters, and
 * the JSON object they stand for. An object or a list is either JSON text in one parameter
 * ("Databases=[…]") or spread over several ("Databases.1.Name=a", lists count from 1).
 */
#ifndef API_FORM_H
#define API_FORM_H

#include <stddef.h>

#include "api/fields.h"
#include "base/util.h"

struct form_pair {
    const char *name, *value; /* decoded, UTF-8, no NUL */
};

struct form {
    struct form_pair *pairs;
    size_t count, cap;
    char *texts; /* what the pairs point into */
};

void form_done(struct form *f);
/*
 * form_parse() - decodes the parameters of a body ("a=b&c=d"; "+" and "%20" are blanks)
 *
 * Errors: ERR_PARAM for what is not UTF-8, a NUL, a broken escape or too many parameters.
 */
int form_parse(const char *text, size_t len, struct form *ret, struct err *err);

/*
 * form_to_json() - the object that the parameters stand for, as fields_read() takes it
 *
 * @table   what the action accepts: it tells which parameters hold JSON; names as spelled there
 * @query   parameters of the URL, which count as the body's; may be empty
 * @faults  gets parameters given twice and broken JSON
 * Returns -1 only when memory is gone.
 */
int form_to_json(const struct form *f, const struct form_pair *query, size_t query_count,
                 const struct field *table, struct faults *faults, struct json_object **ret,
                 struct err *err);

#endif
