/*
 * Rogue writers: who else changes the project's tables at the target of a one-way project? A thread
 * follows the target's binlog from now on, leaves out what is marked, and counts the rest. It takes
 * a tenth of a core at most, and changes nothing when it can't read.
 */
#ifndef WORKERS_INCR_ROGUE_H
#define WORKERS_INCR_ROGUE_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/util.h"
#include "workers/mysql/catalog.h"
#include "workers/worker.h"

struct rogues;

int rogues_new(struct worker *w, struct rogues **ret, struct err *err);
void rogues_free(struct rogues *x);
DEFINE_CLEANUP(struct rogues, rogues_free)
/* rogues_tables(): which tables count, by their names at the target. The first time it starts. */
int rogues_tables(struct rogues *x, const struct catalog *cat, struct err *err);
/* rogues_add_info(): stepInfo.rogueWriters, when there are any. */
void rogues_add_info(struct rogues *x, struct json_object *info);

#endif
