#include "store/pair.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"
#include "store/pair_in.h"

#include "base/banned.h"

/* The reverse project of ?1 that still lives; there is one at most (index project_reverse). */
#define LIVE_REVERSE                                                                               \
    "SELECT r.id, r.status FROM project r WHERE r.forward_id = ?1"                                 \
    " AND r.status NOT IN ('RELEASED', 'DELETED')"

/* Its id and status: 1; 0: there is none. */
static int live_reverse(struct db *h, const char *id, char ret_id[static ID_MAX],
                        char ret_status[static 32], struct err *err)
{
    static const char sql[] = LIVE_REVERSE;
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    r = query_step(&q, err);
    if (r <= 0)
        return r;
    (void)snprintf(ret_id, ID_MAX, "%s", query_peek_text(&q, 0));
    (void)snprintf(ret_status, 32, "%s", query_peek_text(&q, 1));
    return 1;
}

int pair_check_new(struct db *h, const char *forward_id, struct err *err)
{
    static const char sql[] = "SELECT status FROM project WHERE id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };
    char id[ID_MAX], status[32];
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, forward_id);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    if (r == 0 || strcmp(query_peek_text(&q, 0), "RUNNING") != 0)
        return err_set(err, ERR_STATE, "project %s is %s, no longer RUNNING", forward_id,
                       r == 0 ? "gone" : query_peek_text(&q, 0));
    r = live_reverse(h, forward_id, id, status, err);
    if (r == 0)
        return 0;
    if (r < 0)
        return -1;
    (void)err_set(err, ERR_STATE, "project %s has a reverse project already: %s, which is %s",
                  forward_id, id, status);
    return err_advise(err, "Use that one. Another can be made when it is RELEASED or DELETED.");
}

int pair_tell_new(struct db *h, const struct project *reverse, struct err *err)
{
    char message[512];

    (void)snprintf(message, sizeof(message), "%.128s configured the reverse project %s (%.200s)",
                   reverse->owner, reverse->id, reverse->name);
    return history_add(h, reverse->forward_id, "INFO", "reverse_configured", message, err);
}

int pair_check_release(struct db *h, const char *id, struct err *err)
{
    char reverse[ID_MAX], status[32];
    int r = live_reverse(h, id, reverse, status, err);

    if (r <= 0)
        return r;
    (void)err_set(err, ERR_STATE,
                  "can't release project %s before its reverse project %s, which is %s", id,
                  reverse, status);
    if (strcmp(status, "INIT") == 0)
        return err_advise(err, "DeleteProject %s first: it was never started.", reverse);
    return err_advise(err, "StopProject and ReleaseProject %s first.", reverse);
}

int store_pair_get(struct store *st, const char *project_id, struct pair *ret, struct err *err)
{
    static const char sql[] =
        "SELECT p.direction, p.forward_id, f.id, f.status FROM project p LEFT JOIN project f"
        " ON f.id = p.forward_id AND f.status NOT IN ('RELEASED', 'DELETED') WHERE p.id = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    char status[32] = "";
    int r;

    *ret = (struct pair){ 0 };
    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", project_id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    ret->reverse = strcmp(query_peek_text(&q, 0), "REVERSE") == 0;
    (void)snprintf(ret->forward_id, ID_MAX, "%s", query_peek_text(&q, 1));
    (void)snprintf(ret->peer_id, ID_MAX, "%s", query_peek_text(&q, 2));
    (void)snprintf(status, sizeof(status), "%s", query_peek_text(&q, 3));
    if (!ret->reverse && live_reverse(l.db, project_id, ret->peer_id, status, err) < 0)
        return -1;
    if (ret->peer_id[0] != '\0' && !project_status_parse(status, &ret->peer))
        return err_set(err, ERR_STORE, "project %s has an unknown status %s", ret->peer_id, status);
    return 0;
}

int store_pair_former(struct store *st, const char *forward_id, char ret[static ID_MAX],
                      struct err *err)
{
    static const char sql[] = "SELECT id FROM project WHERE forward_id = ?1"
                              " AND status IN ('RELEASED', 'DELETED') AND started_at IS NOT NULL"
                              " ORDER BY seq DESC LIMIT 1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, forward_id);
    r = query_step(&q, err);
    if (r > 0)
        (void)snprintf(ret, ID_MAX, "%s", query_peek_text(&q, 0));
    return r;
}

static int write_turn(struct db *h, const char *project_id, struct json_object *turn,
                      struct err *err)
{
    static const char sql[] = "UPDATE project SET turn = ?2 WHERE id = ?1 AND turn IS NOT ?2";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_json(&q, 2, turn);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

int store_turn_put(struct store *st, const char *project_id, struct json_object *turn,
                   struct err *err)
{
    char message[512];
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = write_turn(l.db, project_id, turn, err);
    if (r <= 0)
        return r;
    (void)snprintf(message, sizeof(message), "a reverse project will begin at %.255s:%lld",
                   json_get_str(turn, "file", ""), (long long)json_get_i64(turn, "pos", 0));
    if (history_add(l.db, project_id, "INFO", "turn_noted", message, err) < 0)
        return -1;
    FAULT("store.turn_put.before");
    return txn_commit(&t, err) < 0 ? -1 : 1;
}
