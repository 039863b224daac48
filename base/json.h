/*
 * Reading and building json-c objects without repeating its conventions at each call.
 * Reading borrows: what a json_get… function returns lives as long as its parent.
 * Adding hands over: json_add() takes the reference of the value it is given.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/err.h"
#include "base/util.h"

static inline void json_putp(struct json_object **o)
{
    if (*o != NULL)
        (void)json_object_put(*o);
}

/* A member that is missing, of another type or null gives the default (NULL objects are allowed).
 */
const char *json_get_str(struct json_object *o, const char *key, const char *fallback);
int64_t json_get_i64(struct json_object *o, const char *key, int64_t fallback);
double json_get_double(struct json_object *o, const char *key, double fallback);
bool json_get_bool(struct json_object *o, const char *key, bool fallback);
struct json_object *json_get(struct json_object *o,
                             const char *key); /* any type; NULL: none or null */
/* json_get_array(): NULL when not an array; json_len() and json_at() accept NULL. */
struct json_object *json_get_array(struct json_object *o, const char *key);
size_t json_len(struct json_object *array);
struct json_object *json_at(struct json_object *array, size_t i);
const char *json_at_str(struct json_object *array, size_t i); /* NULL when not a string */

/* Adding; a NULL text adds a JSON null. Each returns 0 or -1 (out of memory). */
int json_add(struct json_object *o, const char *key, struct json_object *value);
int json_add_str(struct json_object *o, const char *key, const char *value);
int json_add_strn(struct json_object *o, const char *key, const char *value, size_t len);
int json_add_i64(struct json_object *o, const char *key, int64_t value);
int json_add_u64(struct json_object *o, const char *key, uint64_t value);
int json_add_double(struct json_object *o, const char *key, double value);
int json_add_bool(struct json_object *o, const char *key, bool value);
int json_add_null(struct json_object *o, const char *key);

/*
 * json_parse() - the whole of `text` is one JSON value, nested at most `depth` deep
 *
 * Errors: ERR_PARAM with the offset. *ret is the caller's (json_object_put).
 */
int json_parse(const char *text, size_t len, int depth, struct json_object **ret, struct err *err);
/* json_text(): plain text of `o`, borrowed from it. */
const char *json_text(struct json_object *o);
/* json_clone(): a deep copy, or NULL. */
struct json_object *json_clone(struct json_object *o);

/* An error as the channel and the store carry it, and back. */
struct json_object *json_from_err(const struct err *err);
void json_to_err(struct json_object *o, struct err *ret);

#endif
