/*
 * States that were asked for and are not answered yet, by the row they are of (docs/two-way.md):
 * an answer ends the matter only when no change of that row has come by since it was asked.
 * Pure; one thread.
 */
#ifndef WORKERS_INCR_UNSETTLED_H
#define WORKERS_INCR_UNSETTLED_H

#include "workers/incr/depend.h"

struct unsettled;

struct unsettled *unsettled_new(void); /* NULL: out of memory */
void unsettled_free(struct unsettled *u);
DEFINE_CLEANUP(struct unsettled, unsettled_free)

/*
 * unsettled_put() - the state `id` of a row is asked for; it takes the place of an older one
 *
 * @k    what orders the row's changes; @row  names the row exactly
 * Returns 0 or -1: out of memory.
 */
int unsettled_put(struct unsettled *u, const struct dep_key *k, const char *row, const char *id);
/* unsettled_touch(): rows with these keys are changed. */
void unsettled_touch(struct unsettled *u, const struct dep_key *keys, size_t count);
/* unsettled_clear(): nothing is known any more; every answer is ANSWER_ASK_AGAIN. */
void unsettled_clear(struct unsettled *u);

enum answer {
    ANSWER_SETTLES,   /* and the row is forgotten */
    ANSWER_ASK_AGAIN, /* it was changed meanwhile, or nothing is known of this state */
    ANSWER_NOT_LAST,  /* a newer state of the row is on its way */
};
enum answer unsettled_answer(struct unsettled *u, const struct dep_key *k, const char *row,
                             const char *id);

#endif
