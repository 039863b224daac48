/*
 * Changes of a running project's objects (oms-api.md 3.12, 4.16; docs/object-changes.md): one
 * record for what joins, one for what leaves. A project has one open record that is being worked on
 * at most; others wait as PENDING, in the order of their numbers.
 */
#ifndef STORE_MODIFY_H
#define STORE_MODIFY_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/project.h"

/* clang-format off */
#define MODIFY_STATUS_TABLE(X) \
    X(MS_PENDING, "PENDING") X(MS_CANCEL, "CANCEL") X(MS_MODIFYING, "MODIFYING") X(MS_RUNNING, "RUNNING") \
    X(MS_TERMINATED, "TERMINATED") X(MS_MERGING, "MERGING") X(MS_SUCCESS, "SUCCESS") X(MS_FAILED, "FAILED")
/* clang-format on */
#define ENUM_(sym, text) sym,
enum modify_status { MODIFY_STATUS_TABLE(ENUM_) MS_MAX_ };
#undef ENUM_
const char *modify_status_text(enum modify_status s);

enum { MODIFY_NOWHERE = -1 };

struct modify {
    int64_t id;
    char project_id[ID_MAX];
    char sub_id[ID_MAX]; /* the sub-project; "": none yet, or objects leave */
    bool increase;       /* objects join; else they leave */
    enum modify_status status;
    struct json_object *mapping; /* the project's transferMapping afterwards */
    struct json_object *part;    /* transferMapping of what joins or leaves */
    struct json_object *error;   /* json_from_err() or NULL */
    char *user;
    /* numbers of the last transaction that has been applied at both ends of the hand-over, while
     * they wait there; MODIFY_NOWHERE: not told yet */
    int64_t held, sub_held;
    int64_t created_at, modified_at; /* Unix s */
};
void modify_free(struct modify *m);
DEFINE_CLEANUP(struct modify, modify_free)
void modify_list_free(struct modify **list, size_t count);

/*
 * store_modify_add() - one record or two, PENDING, while the project is in one of `statuses` (bits
 * 1U << PS_…) and has no open record
 *
 * Sets their ids. In INIT there is nothing to be moved: the mapping is replaced by that of the last
 * one, and they are SUCCESS. Returns 1, 0 (another status), -1: ERR_STATE for an open record.
 */
int store_modify_add(struct store *st, struct modify *const *list, size_t count, unsigned statuses,
                     struct err *err);
/* store_modify_get(): ERR_PARAM for an unknown number. */
int store_modify_get(struct store *st, int64_t id, struct modify **ret, struct err *err);
/* store_modify_list(): the newest first, 1,000 at most. */
int store_modify_list(struct store *st, const char *project_id, struct modify ***ret,
                      size_t *ret_count, struct err *err);
/* store_modify_open(): the one that is worked on or has failed, else the first PENDING. 1, 0, -1.
 * A sub-project's: its own. */
int store_modify_open(struct store *st, const char *project_id, struct modify **ret,
                      struct err *err);
/*
 * store_modify_move() - from one of `from` (bits 1U << MS_…) to another
 *
 * The project shows it (RUNNING_MODIFYING, RUNNING_MERGING); `why` is kept as errorDetail. With
 * TERMINATED the sub-project, if there is one, is RELEASING in the same transaction. What was told
 * of held workers is forgotten. Returns 1, 0: it was in none of them, -1.
 */
int store_modify_move(struct store *st, int64_t id, unsigned from, enum modify_status to,
                      const struct err *why, struct err *err);
/* store_modify_begin(): PENDING -> RUNNING, with the sub-project, which is RUNNING, and its steps.
 * Sets sub->id. 1, 0, -1. */
int store_modify_begin(struct store *st, int64_t id, struct project *sub, const struct step *steps,
                       size_t count, struct err *err);
/* store_modify_retry(): FAILED -> where it was begun, its sub-project with it. 1, 0: not FAILED. */
int store_modify_retry(struct store *st, int64_t id, struct err *err);
/* store_modify_held(): of the open record of a project, or of the sub-project. 1: it was news. */
int store_modify_held(struct store *st, const char *project_id, int64_t seq, struct err *err);
/* store_modify_forget_held(): they have to tell it anew. */
int store_modify_forget_held(struct store *st, int64_t id, struct err *err);
/* store_modify_done(): -> SUCCESS: the project has the new mapping, the sub-project is RELEASING.
 */
int store_modify_done(struct store *st, const struct modify *m, struct err *err);
/* store_modify_in_force(): number of the last record that took effect at the target; 0: none. */
int store_modify_in_force(struct store *st, const char *project_id, int64_t *ret, struct err *err);
/* store_modify_abandon(): the project is being released: open records end, its sub-projects are
 * RELEASING. */
int store_modify_abandon(struct store *st, const char *project_id, struct err *err);
/* store_modify_children(): sub-projects that are not yet RELEASED or DELETED. */
int store_modify_children(struct store *st, const char *project_id, char (**ret)[ID_MAX],
                          size_t *ret_count, struct err *err);
/*
 * store_modify_taken() - another project that writes to one of these tables at the same target
 *
 * @tables  "db\1table" each; @dbs  their databases: another project may have a whole one
 * Returns 1 with its id, 0, -1.
 */
int store_modify_taken(struct store *st, const char *project_id, const char *sink_id,
                       struct json_object *tables, struct json_object *dbs, char ret[static ID_MAX],
                       struct err *err);

#endif
