/*
 * What was made of projects for clients, kept as text as long as it is right (struct
 * project_version): clients ask for the same projects over and over, and most of the time of a call
 * went into making the same text again. Bounded; losing an entry costs time only. Thread-safe.
 */
#ifndef API_PROJECT_CACHE_H
#define API_PROJECT_CACHE_H

#include <json-c/json.h>

#include "store/project.h"

/* The forms in which a project is shown: DescribeProject; in a list, with what belongs to it or
 * without. */
enum project_shape { SHAPE_WHOLE, SHAPE_LISTED, SHAPE_SHORT };

struct project_cache;

struct project_cache *project_cache_new(void); /* NULL: out of memory */
void project_cache_free(struct project_cache *c);
DEFINE_CLEANUP(struct project_cache, project_cache_free)

/*
 * project_cache_get() - NULL: it has to be made
 *
 * What comes back can only be written out as JSON, as a part of an answer: it has no members.
 */
struct json_object *project_cache_get(struct project_cache *c, const struct project_version *v,
                                      enum project_shape shape);
/*
 * project_cache_put() - keeps what was made
 *
 * @v            as it was before the rows were read
 * @until_ms     clock_mono_ms() until which it is right if nothing changes; INT64_MAX: for ever
 */
void project_cache_put(struct project_cache *c, const struct project_version *v,
                       enum project_shape shape, struct json_object *made, int64_t until_ms);

#endif
