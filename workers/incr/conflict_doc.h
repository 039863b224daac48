/* The record of one conflict as a document: cw_conflict.doc, the channel's `conflict` message. */
#ifndef WORKERS_INCR_CONFLICT_DOC_H
#define WORKERS_INCR_CONFLICT_DOC_H

#include <json-c/json.h>

#include "workers/incr/resolve_judge.h"
#include "workers/incr/target.h"
#include "workers/incr/txn.h"

struct conflict {
    const struct txn *txn;
    uint32_t n;   /* row within it, from 1 */
    uint64_t pos; /* of the event, in the transaction's file */
    enum conflict_kind kind;
    enum conflict_strategy strategy;
    const struct table_plan *plan;
    const struct value *before, *after; /* NULL: none */
    const struct target *target;
    const struct met_rows *own, *others; /* rows of the target as they were met */
    const char *target_pos;
};

/* conflict_doc(): the caller's; NULL: out of memory. Long values are cut. */
struct json_object *conflict_doc(const struct conflict *c);
/* conflict_key_text(): "id=7, name=x" for messages; cut. */
void conflict_key_text(const struct conflict *c, struct strbuf *b);

#endif
