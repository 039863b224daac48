/* A hash map from text to pointer. Not thread-safe; keys are copied; values are the caller's. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

struct map;

struct map *map_new(void); /* NULL when memory is gone */
void map_free(struct map *m);
DEFINE_CLEANUP(struct map, map_free)

void *map_get(const struct map *m, const char *key);      /* NULL: not there */
int map_set(struct map *m, const char *key, void *value); /* replaces; -1: out of memory */
size_t map_count(const struct map *m);
/* map_next(): iterates in no order: start with *pos = 0; false at the end. No set meanwhile. */
bool map_next(const struct map *m, size_t *pos, const char **ret_key, void **ret_value);

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed); /* FNV-1a with a final mix */

#endif
