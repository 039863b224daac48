/* Projects and their steps. */
#ifndef STORE_PROJECT_H
#define STORE_PROJECT_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/store.h"

/* oms-api.md 3.2; only states that this version can reach. */
/* clang-format off */
#define PROJECT_STATUS_TABLE(X) \
    X(PS_INIT, "INIT") X(PS_RUNNING, "RUNNING") X(PS_SUSPEND, "SUSPEND") X(PS_FAILED, "FAILED") \
    X(PS_FINISHED, "FINISHED") X(PS_RELEASING, "RELEASING") X(PS_RELEASED, "RELEASED") X(PS_DELETED, "DELETED")
#define STEP_STATUS_TABLE(X) \
    X(SS_INIT, "INIT") X(SS_RUNNING, "RUNNING") X(SS_FAILED, "FAILED") X(SS_FINISHED, "FINISHED") \
    X(SS_SUSPEND, "SUSPEND") X(SS_MONITORING, "MONITORING")
/* clang-format on */

#define ENUM_(sym, text) sym,
enum project_status { PROJECT_STATUS_TABLE(ENUM_) PS_MAX_ };
enum step_status { STEP_STATUS_TABLE(ENUM_) SS_MAX_ };
#undef ENUM_

const char *project_status_text(enum project_status s);
bool project_status_parse(const char *text, enum project_status *ret);
const char *step_status_text(enum step_status s);

struct project {
    char id[ID_MAX]; /* np_… */
    char *name;
    char *type;  /* MIGRATION, SYNC */
    char *owner; /* user name */
    enum project_status status;
    char source_id[ID_MAX], sink_id[ID_MAX];
    struct json_object *config; /* the validated CreateProject body with defaults filled in */
    int64_t created_at, modified_at, started_at, finished_at; /* Unix s; 0: not yet */

    /* two ways (store/pair.h); set by whoever adds a reverse project: reverse, forward_id */
    bool reverse;
    char forward_id[ID_MAX]; /* of a reverse project; else "" */
    char reverse_id[ID_MAX]; /* the latest one that isn't deleted; "": there is none */
    /* objects that join (store/modify.h) */
    char parent_id[ID_MAX]; /* of a sub-project: the project that it joins; else "" */
    char modifying[16];     /* "MODIFYING", "MERGING" or "" */

    struct json_object *turn; /* as docs/channel.md "turn" tells it; NULL: not yet */

    struct json_object *labels; /* array of {id, name, creator, type, count}; NULL: none. To add:
                                 * array of ids */
    bool alarming;              /* an alert of it is on (store_project_alarm) */
    char *passed;               /* the last step behind which a person let it go on, or NULL */
};

struct step {
    char project_id[ID_MAX];
    int order;
    char *name; /* TRANSFER_PRECHECK, … */
    enum step_status status;
    double progress;           /* 0–100 */
    struct json_object *info;  /* stepInfo or NULL */
    struct json_object *error; /* json_from_err() plus failedTime (text), retrying; or NULL */
    int64_t checkpoint;        /* Unix s; 0: none */
    int64_t started_at, finished_at;
    struct json_object *conflicts; /* {total, kept, byKind: {KIND: total}}; read only */
};

void project_free(struct project *p);
DEFINE_CLEANUP(struct project, project_free)
void step_list_free(struct step *steps, size_t count);

/* store_project_add(): ERR_NAME_TAKEN (per owner, deleted ones aside), ERR_LIMIT. Sets id (unless
 * it has one), status, times. A reverse project only beside a forward one that is RUNNING and has
 * none that is not yet RELEASED or DELETED: ERR_STATE; the history of both says so. */
int store_project_add(struct store *st, struct project *p, struct err *err);
/* store_project_get(): ERR_PROJECT_NOT_FOUND. Finds deleted ones, too. */
int store_project_get(struct store *st, const char *id, struct project **ret,
                      struct err *err); /* ERR_PROJECT_NOT_FOUND; finds DELETED ones */
/* store_project_live(): the same, but a DELETED one is not found: for what a client names. */
int store_project_live(struct store *st, const char *id, struct project **ret, struct err *err);
/*
 * store_project_move() - from one status to another, by comparing
 * Returns 1 when moved, 0 when the status was no longer `from`, -1 on error. Keeps started_at and
 * finished_at, and writes the event (why) to the history in the same transaction. To RELEASING only
 * while its reverse project, if it has one, is RELEASED or DELETED: ERR_STATE.
 */
int store_project_move(struct store *st, const char *id, enum project_status from,
                       enum project_status to, const char *why, struct err *err);
/*
 * store_project_set_config() - replaces the configuration document
 *
 * @statuses  only while the project is in one of these (bits 1U << PS_…); 0: in any
 * @told      for the project's history, in the same transaction; NULL: no event
 * Returns 1, 0 when the project is in another status, -1: ERR_PROJECT_NOT_FOUND.
 */
int store_project_set_config(struct store *st, const char *id, unsigned statuses,
                             struct json_object *config, const char *told, struct err *err);

/* store_project_rename(): ERR_PROJECT_NOT_FOUND, ERR_NAME_TAKEN. Returns 1, 0 when the project is
 * in none of `statuses`. `told` as above. */
int store_project_rename(struct store *st, const char *id, unsigned statuses, const char *name,
                         const char *told, struct err *err);
/* store_project_alarm(): whether an alert of it is on; writes only what is new. Returns 1: it was.
 * A list's filter RUNNING_ALARMING and alarmStats show it. */
int store_project_alarm(struct store *st, const char *id, bool alarming, struct err *err);
/*
 * store_project_pass() - a person lets a RUNNING project go on behind this step
 *
 * Returns 1, 0 when it has been passed already or the project is not RUNNING. With an event.
 */
int store_project_pass(struct store *st, const char *id, const char *step, const char *user,
                       struct err *err);
/*
 * store_project_ticket() - a number for what a client asked to be changed, and an event of it
 *
 * The number stands in front of `told`. ERR_PROJECT_NOT_FOUND.
 */
int store_project_ticket(struct store *st, const char *id, const char *action, const char *user,
                         const char *told, int64_t *ret, struct err *err);

/* What a RUNNING project shows while its objects change: RUNNING_MODIFYING, RUNNING_MERGING. */
enum { PROJECT_MODIFYING = PS_MAX_, PROJECT_MERGING };
struct project_filter {
    const char *search; /* part of name or id */
    const char *type;
    unsigned statuses;               /* bit set of 1U << PS_… (PROJECT_…); 0: all but DELETED */
    bool with_subs;                  /* sub-projects, too (store/modify.h) */
    bool alarming;                   /* beside those of `statuses`: RUNNING ones with an alert */
    const char *const *label_ids;    /* with at least one of them; NULL-terminated or NULL */
    const char *const *source_types; /* NULL-terminated or NULL */
    const char *const *sink_types;
    struct page page;
};
/*
 * What a project's row has become, and what is shown with it: each number rises when one of them
 * changes. What was made of a project is still right as long as all of them are what they were
 * before its rows were read.
 */
struct project_version {
    char id[ID_MAX];
    int64_t own;          /* its row, steps, conflicts, alerts, labels, reverse project */
    int64_t source, sink; /* of its data sources */
    int64_t labels;       /* of its labels, summed */
};
/* store_project_version(): 1; 0: there is none, or it is DELETED; -1. */
int store_project_version(struct store *st, const char *id, struct project_version *ret,
                          struct err *err);
/* store_project_page(): one page, free(*ret) it, and how many there are on all. */
int store_project_page(struct store *st, const struct project_filter *f,
                       struct project_version **ret, size_t *ret_count, int64_t *ret_total,
                       struct err *err);
/* store_project_briefs(): the rows of these ids, in their order; of each configuration only what a
 * list shows (BRIEF_CONFIG). One that is gone is left out. */
int store_project_briefs(struct store *st, struct json_object *ids, struct project ***ret,
                         size_t *ret_count, struct err *err);
/* store_project_list(): a page and its rows. */
int store_project_list(struct store *st, const struct project_filter *f, struct project ***ret,
                       size_t *ret_count, int64_t *ret_total, struct err *err);
void project_list_free(struct project **list, size_t count);
/* store_project_ids(): ids of all projects in these statuses, for the flow after a restart. */
int store_project_ids(struct store *st, unsigned statuses, char (**ret)[ID_MAX], size_t *ret_count,
                      struct err *err);
/* store_project_uses_source(): how many projects not yet released use it. */
int store_project_uses_source(struct store *st, const char *source_id, int64_t *ret,
                              struct err *err);

/* Steps. A step is written by the flow only. */
/* store_step_plan(): makes the rows once; a second call changes nothing. */
int store_step_plan(struct store *st, const char *project_id, const struct step *steps,
                    size_t count, struct err *err);
/* store_step_list(): in their order. */
int store_step_list(struct store *st, const char *project_id, struct step **ret, size_t *ret_count,
                    struct err *err);
/*
 * store_step_page() - the steps of several projects with one statement: of ids[i] in ret[i]
 *
 * `ret` is zeroed by the caller, who frees each (step_rows_done), also after an error.
 */
struct step_rows {
    struct step *rows;
    size_t count;
};
void step_rows_done(struct step_rows *s);
int store_step_page(struct store *st, struct project *const *projects, size_t count,
                    struct step_rows *ret, struct err *err);
/*
 * store_step_move() - from one of a set of statuses (bits 1U << SS_…) to another, by comparing
 * Returns 1 when moved, 0 when it was in none of them, -1 on error. Sets the times; SS_RUNNING and
 * SS_FINISHED clear the error; SS_FINISHED and SS_MONITORING set progress 100.
 */
int store_step_move(struct store *st, const char *project_id, const char *name, unsigned from_set,
                    enum step_status to, struct err *err);
/* store_step_progress(): `info` NULL keeps the old one; clears a retrying error. This and the
 * checkpoint are told every second: they don't wait for the disk. */
int store_step_progress(struct store *st, const char *project_id, const char *name, double progress,
                        struct json_object *info, struct err *err);
int store_step_checkpoint(struct store *st, const char *project_id, const char *name, int64_t ts,
                          struct err *err);
/* store_step_error(): json_from_err() plus failedTime (clock_text) and retrying (bool). Never
 * changes the status. */
int store_step_error(struct store *st, const char *project_id, const char *name,
                     const struct err *what, bool retrying, struct err *err);

#endif
