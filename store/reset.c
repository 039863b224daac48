#include "store/reset.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "store/db.h"
#include "store/history.h"
#include "store/project.h"
#include "store/ticket.h"

#include "base/banned.h"

#define STEP_PULL "TRANSFER_INCR_LOG_PULL"
#define STEP_COPY "FULL_TRANSFER"

/* 1: the project may be reset; 0: its status is none of the set. */
static int check_project(struct db *h, const char *project_id, unsigned statuses, struct err *err)
{
    static const char sql[] =
        "SELECT p.status, (SELECT status FROM step WHERE project_id = p.id AND name = ?2),"
        " (SELECT COUNT(*) FROM step WHERE project_id = p.id AND name = ?3)"
        " FROM project p WHERE p.id = ?1 AND p.status <> 'DELETED'";
    _cleanup_(query_done)
    struct query q = { 0 };
    enum project_status status;
    const char *copy;
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, STEP_COPY);
    query_text(&q, 3, STEP_PULL);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    if (r == 0 || !project_status_parse(query_peek_text(&q, 0), &status))
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", project_id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    if (query_get_i64(&q, 2) == 0)
        return err_set(err, ERR_STATE, "project %s has no incremental step", project_id);
    if ((statuses & 1U << status) == 0)
        return 0;
    copy = query_peek_text(&q, 1);
    if (*copy != '\0' && strcmp(copy, "FINISHED") != 0) {
        (void)err_set(err, ERR_STATE,
                      "the copy of project %s is not finished (%s is %s): what changed since it "
                      "began would be lost",
                      project_id, STEP_COPY, copy);
        return err_advise(err, "Let the copy finish first, or release the project and start anew.");
    }
    return 1;
}

static int insert(struct db *h, const char *project_id, int64_t start_timestamp, const char *user,
                  const struct reset *ret, struct err *err)
{
    static const char sql[] =
        "INSERT INTO start_reset (id, project_id, start_timestamp, user, requested_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, ret->id);
    query_text(&q, 2, project_id);
    query_i64(&q, 3, start_timestamp);
    query_text(&q, 4, user);
    query_i64(&q, 5, clock_now_s());
    return query_run(&q, err);
}

/* A statement with one parameter, the project. */
static int run_for(struct db *h, const char *sql, const char *project_id, struct err *err)
{
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    return query_run(&q, err);
}

static int change(struct db *h, const char *project_id, int64_t start_timestamp, const char *user,
                  struct reset *ret, struct err *err)
{
    static const char older[] = "DELETE FROM start_reset WHERE project_id = ?1";
    static const char pull[] = "UPDATE step SET status = 'SUSPEND', finished_at = NULL"
                               " WHERE project_id = ?1 AND name = '" STEP_PULL "'"
                               " AND status = 'FINISHED'";
    static const char left[] = "UPDATE ddl SET status = 'LEFT'"
                               " WHERE project_id = ?1 AND status = 'PENDING'";
    char time[CLOCK_TEXT_LEN], message[512];

    (void)snprintf(message, sizeof(message),
                   "%.128s: at its next start incremental begins at %s UTC (%s)", user,
                   clock_text(start_timestamp, time), ret->id);
    if (run_for(h, older, project_id, err) < 0 ||
        ticket_add(h, project_id, "ResetIncrStartTimestamp", user, &ret->number, err) < 0 ||
        insert(h, project_id, start_timestamp, user, ret, err) < 0 ||
        run_for(h, pull, project_id, err) < 0 || run_for(h, left, project_id, err) < 0)
        return -1;
    return history_add(h, project_id, "WARN", "start_reset_requested", message, err);
}

int store_reset_request(struct store *st, const char *project_id, unsigned statuses,
                        int64_t start_timestamp, const char *user, struct reset *ret,
                        struct err *err)
{
    struct reset made = { .start_timestamp = start_timestamp };
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    (void)id_new("rs_", made.id);
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = check_project(l.db, project_id, statuses, err);
    if (r <= 0)
        return r;
    if (change(l.db, project_id, start_timestamp, user, &made, err) < 0)
        return -1;
    FAULT("store.reset_request.before");
    if (txn_commit(&t, err) < 0)
        return -1;
    *ret = made;
    return 1;
}

int store_reset_withdraw(struct store *st, const char *project_id, unsigned statuses,
                         const char *user, struct err *err)
{
    static const char sql[] = "DELETE FROM start_reset WHERE project_id = ?1 AND done_at IS NULL";
    char message[256];
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = check_project(l.db, project_id, statuses, err);
    if (r <= 0)
        return r;
    if (run_for(l.db, sql, project_id, err) < 0)
        return -1;
    if (db_changes(l.db) == 0)
        return 0;
    (void)snprintf(message, sizeof(message),
                   "%.128s: incremental goes on where it was, unless the log pull has told "
                   "position_reset",
                   user);
    if (history_add(l.db, project_id, "WARN", "start_reset_withdrawn", message, err) < 0)
        return -1;
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

int store_reset_waiting(struct store *st, const char *project_id, struct reset *ret,
                        struct err *err)
{
    static const char sql[] = "SELECT id, start_timestamp FROM start_reset"
                              " WHERE project_id = ?1 AND done_at IS NULL";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    *ret = (struct reset){ 0 };
    if (r == 0)
        return 0;
    (void)snprintf(ret->id, sizeof(ret->id), "%s", query_peek_text(&q, 0));
    ret->start_timestamp = query_get_i64(&q, 1);
    return 0;
}

int store_reset_done(struct store *st, const char *project_id, const char *reset_id,
                     struct err *err)
{
    /* by its id: a worker's word about an older request says nothing of a newer one */
    static const char sql[] = "UPDATE start_reset SET done_at = ?3"
                              " WHERE project_id = ?1 AND id = ?2 AND done_at IS NULL";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, reset_id);
    query_i64(&q, 3, clock_now_s());
    return query_run(&q, err);
}
