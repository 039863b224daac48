/*
 * The audit: who wrote what, from where, with what result. An event is stored before the write
 * begins and gets its result before the answer is given, so no write is without one, whenever the
 * daemon is killed. Refused calls change nothing and cost an attacker nothing: those alike share
 * one event a minute, the first stored at once, the number of the others within seconds.
 *
 * Thread-safe. Texts of requests come in only as targets, from fields that hold names and ids.
 */
#ifndef API_AUDIT_H
#define API_AUDIT_H

#include "base/util.h"
#include "store/audit.h"

struct audit;

struct audit_options {
    struct store *store; /* borrowed */
    int64_t keep;        /* events */
    int64_t keep_s;      /* seconds */
};

int audit_new(const struct audit_options *o, struct audit **ret, struct err *err);
void audit_free(struct audit *a); /* stores what is left */
DEFINE_CLEANUP(struct audit, audit_free)

/* audit_begin(): before a write; refuse it when this fails. *ret_seq is for audit_end(). */
int audit_begin(struct audit *a, const struct audit_event *e, int64_t *ret_seq, struct err *err);
/* audit_end(): a failure is logged: the write has happened, its event stays AUDIT_STARTED. */
void audit_end(struct audit *a, int64_t seq, const char *target, const char *target_name,
               const char *result);
/* audit_refused(): a call that did nothing. */
void audit_refused(struct audit *a, const struct audit_event *e);
/* audit_flush(): stores the numbers of repeated refusals; ListAuditEvents does it first. */
void audit_flush(struct audit *a);
/* audit_tick(): flush, and deletes what is too old or too much; for a timer, each second or so. */
void audit_tick(struct audit *a);

#endif
