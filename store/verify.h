/*
 * Full verification (docs/verification.md): what was asked for, how far each table is and what was
 * found of it, and the rows that differ. One run a project counts; a run of some tables replaces
 * only what was known of those.
 */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/project.h"
#include "store/store.h"

enum {
    VERIFY_ROWS_PER_TABLE = 1000, /* differing rows that are kept; more are only counted */
    VERIFY_ROWS_PER_PROJECT = 20000,
    VERIFY_TABLES_PER_PROJECT = 100000,
};

/* ------------------------------------------------------------------ the run */

enum verify_state { VS_OPEN, VS_DONE, VS_FAILED, VS_SKIPPED };
struct verify_run {
    char id[ID_MAX]; /* vr_…; "": there has never been one */
    enum verify_state state;
    struct json_object *tables;   /* array of {db, table} at the source; NULL: all of the project */
    int64_t started_at, ended_at; /* Unix s */
};
void verify_run_done(struct verify_run *r);
/* store_verify_run(): the project's last run. */
int store_verify_run(struct store *st, const char *project_id, struct verify_run *ret,
                     struct err *err);

/* How a run is to begin. */
struct verify_ask {
    const char *step;           /* its step */
    int place;                  /* of the step, where the project has none yet */
    struct json_object *tables; /* as above */
    const char *user;           /* NULL: the project's own step */
};
/*
 * store_verify_begin() - a run: its step, INIT, and what was known of its tables goes
 *
 * A project that is FINISHED is RUNNING again. Without a user: only when there was no run yet.
 * Returns 1; 0: one is open, corrections are being applied, or the project is in another status.
 */
int store_verify_begin(struct store *st, const char *project_id, const struct verify_ask *ask,
                       struct err *err);
/* store_verify_reopen(): a FAILED run goes on. Returns 1, or 0: there is none. */
int store_verify_reopen(struct store *st, const char *project_id, const char *step,
                        struct err *err);

/* How an open run ends. */
struct verify_end {
    const char *step;
    enum verify_state state;
    bool stays;            /* DONE: the step stays RUNNING, with progress 100 */
    const struct err *why; /* FAILED */
    const char *user;      /* SKIPPED */
};
/*
 * store_verify_end() - the run, its step and an event with what was found: verify_done,
 * verify_differs, verify_failed or verify_skipped. Returns 1; 0: none is open.
 */
int store_verify_end(struct store *st, const char *project_id, const struct verify_end *e,
                     struct err *err);
/* store_verify_pause(): nobody works on it: tables that are RUNNING become SUSPEND. */
int store_verify_pause(struct store *st, const char *project_id, struct err *err);

/*
 * store_verify_unknown() - which of these tables the project can't have: an array of their places
 *
 * Known only where all of it was compared once, and neither DDL nor a change of its objects came
 * since; else the array is empty.
 */
int store_verify_unknown(struct store *st, const char *project_id, struct json_object *tables,
                         struct json_object **ret, struct err *err);

/* ------------------------------------------------------------------ tables */

/*
 * store_verify_table() - what a worker told of a table, one transaction (docs/channel.md)
 *
 * @run_id  what the worker works on; that of another run is not stored
 * @told    checked and in bounds: db, table, targetDb, targetTable, begin, status, resultType,
 *          message, sourceOnly, destOnly, mismatched, consistent, progress, position, resume, rows
 *          (verify_row documents), rowsCut, errors
 */
int store_verify_table(struct store *st, const char *project_id, const char *run_id,
                       struct json_object *told, struct err *err);
/*
 * store_verify_progress() - of the run's tables: done as [{db, table}], open with resume,
 * sourceOnly, destOnly, mismatched, consistent, position, rowsCut; both the caller's
 */
int store_verify_progress(struct store *st, const char *project_id, const char *run_id,
                          struct json_object **ret_done, struct json_object **ret_open,
                          struct err *err);

struct verify_filter {
    struct json_object *source_schemas, *dest_schemas, *statuses; /* arrays of texts; NULL: all */
    struct page page;
};
/* store_verify_list(): the tables by name, each an object with what was told but resume and rows,
 * and startedAt, endedAt (Unix s), rowsKept. */
int store_verify_list(struct store *st, const char *project_id, const struct verify_filter *f,
                      struct json_object **ret, int64_t *ret_total, struct err *err);
struct verify_counts {
    int64_t tables, done, consistent, different;      /* tables; different: known not to be equal */
    int64_t source_only, dest_only, mismatched, rows; /* rows; `rows` compared and equal */
};
/* store_verify_count(): over the tables of these schemas, whatever their status. */
int store_verify_count(struct store *st, const char *project_id, const struct verify_filter *f,
                       struct verify_counts *ret, struct err *err);

/* ------------------------------------------------------------------ rows that differ */

/* Which rows; all NULL: every one of the project. */
struct verify_rows {
    const char *schema, *table; /* at the source */
    struct json_object *ids;    /* array of texts, as listed */
    int64_t after;              /* only behind this number */
    struct page page;           /* size 0: up to `limit` from the beginning */
    int limit;
};
/*
 * store_verify_rows() - in the order in which they were found
 *
 * Each is its document with the store's own `id` ("vd_7"), and schema, table, destSchema,
 * destTable, state OPEN/APPLYING/APPLIED/EQUAL/FAILED, message, foundBy FULL/WATCH, number, at.
 */
int store_verify_rows(struct store *st, const char *project_id, const struct verify_rows *f,
                      struct json_object **ret, int64_t *ret_total, struct err *err);
/* store_verify_found(): a row that the continuous check has proven to differ; told {db, table,
 * targetDb, targetTable, row}; with an event `row_differs` once a minute at most. */
int store_verify_found(struct store *st, const char *project_id, struct json_object *told,
                       struct err *err);

/* ------------------------------------------------------------------ corrections */

/* store_verify_apply(): the chosen rows that are OPEN or FAILED become APPLYING; with an event.
 * Returns how many (0: none), -1. ERR_STATE while a run is open. */
int store_verify_apply(struct store *st, const char *project_id, const struct verify_rows *f,
                       const char *user, struct err *err);
int store_verify_applying(struct store *st, const char *project_id, bool *ret, struct err *err);
/* store_verify_mend_rows(): what a worker is to apply, `limit` of them: {id, db, table, type,
 * keyHex, count}. *ret_upto: number of the last one. */
int store_verify_mend_rows(struct store *st, const char *project_id, int limit,
                           struct json_object **ret, int64_t *ret_upto, struct err *err);
/* store_verify_mended(): told {db, table, id, state, message}; a row that is gone is fine. */
int store_verify_mended(struct store *st, const char *project_id, struct json_object *told,
                        struct err *err);
/* store_verify_mend_end(): rows up to `upto` that nothing was told of are OPEN again, because of
 * `why` (NULL: the worker ended well); with an event that counts what became of all. */
int store_verify_mend_end(struct store *st, const char *project_id, int64_t upto,
                          const struct err *why, struct err *err);

#endif
