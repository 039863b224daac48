/* Requests to begin incremental at another time (ResetIncrStartTimestamp): who, when, done. */
#ifndef STORE_RESET_H
#define STORE_RESET_H

#include "base/id.h"
#include "store/store.h"

struct reset {
    char id[ID_MAX]; /* rs_…; "" : none waits */
    int64_t number;  /* the ticket a client gets; of store_reset_request() only */
    int64_t start_timestamp;
};

/*
 * store_reset_request() - the newest request of a project counts
 *
 * In one transaction: nothing unless the project is in one of `statuses` (bits 1U << PS_…) and its
 * copy, if it has one, is finished; the request; the finished log pull waits for its next start, so
 * that later steps wait for it; PENDING DDL statements are LEFT; an event in the history.
 * Returns 1 with *ret, 0 when the project is in another status, -1: ERR_STATE (the copy is not
 * finished, there is no incremental step), ERR_PROJECT_NOT_FOUND.
 */
int store_reset_request(struct store *st, const char *project_id, unsigned statuses,
                        int64_t start_timestamp, const char *user, struct reset *ret,
                        struct err *err);
/*
 * store_reset_withdraw() - takes back what waits, with an event: it goes on where it was
 *
 * What the log pull has carried out already, though it did not get to say so, stands. Returns 1,
 * 0 when nothing waits or the project is in none of `statuses`.
 */
int store_reset_withdraw(struct store *st, const char *project_id, unsigned statuses,
                         const char *user, struct err *err);
/* store_reset_waiting(): what the log pull still has to do; ret->id "" when there is nothing. */
int store_reset_waiting(struct store *st, const char *project_id, struct reset *ret,
                        struct err *err);
/* store_reset_done(): the log pull runs from there; one that is done already stays so. */
int store_reset_done(struct store *st, const char *project_id, const char *reset_id,
                     struct err *err);

#endif
