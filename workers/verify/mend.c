/*
 * ApplyFullVerifyCorrections: chosen rows of the target become what the source has now.
 *
 * Why a newer change is never overwritten. Of a row R, with a = what incremental had applied:
 *   1. a is noted; 2. a transaction at the target begins with the mark of this worker and reads R
 *   there, locked; 3. R is read at the source, by a read that waits for whoever is changing it;
 *   4. R is written at the target: from here on it is locked there also where it was not before;
 *   5. the source's position p is asked, and the reader's getting past it awaited;
 *   6. R has no change in the touch map beyond a: commit. Else roll back, and again from 1.
 * A change of R at the source before p is in the map: had it been under way, 6 would not have held;
 * so it is in the row that was read at the target, and in the one read at the source. (It may be in
 * the binlog before others see it at the source: that is why 3 waits, or where the account may not
 * lock, comes a second after 1.) A change after p finds the
 * row as the source had it, and is applied after the commit, for the row is locked until then.
 * With a reverse direction the same holds of changes made at the target, with that direction's map:
 * what users changed there before 2 has arrived at the source, or else 6 does not hold.
 * The transaction's mark names the source as where it comes from: nothing travels back.
 *
 * Killed at any moment: what was committed is found equal by the next one, what was not is done
 * then.
 */
#include "workers/verify/mend.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "workers/mysql/control.h"
#include "workers/verify/settle.h"

#include "base/banned.h"

enum {
    BATCH_ROWS = 20,
    TRIES_MAX = 40, /* of a row that changes all the time */
    READ_ON_MS = 3000,
    BLIND_MAX_MS = 60 * 1000,
    LOCK_WAIT_S = 2, /* rows of the target are locked meanwhile */
    SEEN_MS = 1000,  /* between a commit's being in the binlog and its being seen, at most */
    PAUSE_FIRST_MS = 50,
    PAUSE_LAST_MS = 2000,
    RETRY_FIRST_MS = 200,
    RETRY_LAST_MS = 10 * 1000,
    STATEMENT_MAX = 320 * 1024 * 1024, /* bytes of a value take two digits each */
    PACKET_DEFAULT = 1024 * 1024,
    PACKET_RESERVE = 1024,
    REBUILD_MAX = 24 * 1024 * 1024,
    DUPLICATE_KEY = 1062,
    DUPLICATE_KEY_NAMED = 1586, /* ER_DUP_ENTRY_WITH_KEY_NAME */
};

/* ---- telling ---- */

static const char *state_name(enum mend_state s)
{
    return s == MEND_APPLIED ? "APPLIED" : s == MEND_EQUAL ? "EQUAL" : "FAILED";
}

static void tell_row(struct mend *m, const struct mend_row *row)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "t", "mend_row");
    json_add_str(o, "db", json_get_str(row->doc, "db", ""));
    json_add_str(o, "table", json_get_str(row->doc, "table", ""));
    json_add_str(o, "id", json_get_str(row->doc, "id", ""));
    json_add_str(o, "state", state_name(row->state));
    json_add_str(o, "message", row->message);
    report_message(m->w->report, o);
    log_info("mend", "row", "table=%s.%s id=%s state=%s", json_get_str(row->doc, "db", ""),
             json_get_str(row->doc, "table", ""), json_get_str(row->doc, "id", ""),
             state_name(row->state));
}

void mend_settle(struct mend *m, struct mend_row *row, enum mend_state state, const char *message)
{
    struct json_object *info;

    row->state = state;
    (void)snprintf(row->message, sizeof(row->message), "%s", message);
    tell_row(m, row);
    m->settled++;
    info = json_object_new_object();
    json_add_u64(info, "rows", m->count);
    json_add_u64(info, "settled", m->settled);
    report_progress(m->w->report, 100.0 * (double)m->settled / (double)m->count, info);
}

/* ---- one transaction ---- */

static int exec(struct mend *m, const char *sql, struct err *err)
{
    return conn_exec(m->ends.conns[END_SINK], sql, strlen(sql), NULL, err);
}

static bool is_duplicate(const struct err *err)
{
    return err->db_errno == DUPLICATE_KEY || err->db_errno == DUPLICATE_KEY_NAMED;
}

/* Errors of this row, not of the connection or the moment. */
static bool of_the_row(const struct err *err)
{
    return !conn_lost(err) && !err_retryable(err) && err->code != ERR_EPOCH_STALE &&
           err->code != ERR_CANCELLED && err->code != ERR_NOMEM;
}

/* Runs a statement of one row: 1; 0 when the server refuses it, and `row` says why; -1. */
static int run_statement(struct mend *m, struct mend_row *row, const struct strbuf *sql,
                         unsigned zeros, struct err *err)
{
    struct conn *c = m->ends.conns[END_SINK];
    /* MySQL takes such a number without a word */
    bool warns = m->ends.dialects[END_SINK].flavour == FLAVOUR_MARIADB;
    uint64_t affected = 0;

    if (!strbuf_ok(sql) || sql->len + PACKET_RESERVE > m->packet_max) {
        row->outcome = OUTCOME_REFUSED;
        (void)snprintf(row->message, sizeof(row->message),
                       "its statement is longer than the target's max_allowed_packet (%" PRIu64
                       " bytes), or than 320 MiB: bytes of binary values take two digits each",
                       (uint64_t)m->packet_max);
        return 0;
    }
    if (exec(m, "SAVEPOINT cw_mend", err) < 0)
        return -1;
    if (conn_exec(c, strbuf_str(sql), sql->len, &affected, err) == 0 &&
        conn_check_warnings(c, 0, warns ? zeros : 0, err) == 0)
        return 1;
    if (!of_the_row(err))
        return -1;
    row->outcome = is_duplicate(err) ? OUTCOME_DUPLICATE : OUTCOME_REFUSED;
    (void)snprintf(row->message, sizeof(row->message), "%.500s", err->message);
    err_reset(err);
    return exec(m, "ROLLBACK TO SAVEPOINT cw_mend", err);
}

static int read_locked(struct mend *m, struct mend_row *row, struct pair_read *p, struct err *err)
{
    struct reading *r = &row->table->reading;

    r->locks[END_SINK] = " FOR UPDATE";
    r->locks[END_SOURCE] = m->source_waits ? " LOCK IN SHARE MODE" : "";
    if (pair_read(r, m->ends.conns, &row->key, p, err) < 0)
        return -1;
    if (pair_equal(r, p)) {
        row->outcome = OUTCOME_EQUAL;
    } else if (p->message[0] != '\0') {
        row->outcome = OUTCOME_REFUSED;
        (void)snprintf(row->message, sizeof(row->message), "%s", p->message);
    } else {
        row->outcome = OUTCOME_WRITTEN;
    }
    return 0;
}

static int write_row(struct mend *m, struct mend_row *row, struct err *err)
{
    _cleanup_(pair_read_done)
    struct pair_read p = { 0 };
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX);
    char why[MESSAGE_MAX] = "";
    unsigned zeros = 0;
    int made;

    if (read_locked(m, row, &p, err) < 0)
        return -1;
    if (row->outcome != OUTCOME_WRITTEN)
        return 0;
    made = correction_sql(&row->table->reading, &p, m->to, &sql, &zeros, why, err);
    if (made < 0)
        return -1;
    if (made == 0) {
        row->outcome = OUTCOME_REFUSED;
        (void)snprintf(row->message, sizeof(row->message), "%s", why);
        return 0;
    }
    return MIN(run_statement(m, row, &sql, zeros, err), 0);
}

/* ---- rows that stand in each other's way ---- */

/* Whether a row made anew loses nothing: the target has no column but those that are carried. */
static bool all_carried(const struct mend_table *t)
{
    size_t own = 0;

    for (size_t i = 0; i < t->tables[END_SINK]->column_count; i++)
        own += !t->tables[END_SINK]->columns[i].generated;
    return own == t->reading.carry.count;
}

/* The row goes, and how it is made again is kept. */
static int take_out(struct mend *m, struct mend_row *row, struct strbuf *again, unsigned *ret_zeros,
                    struct err *err)
{
    _cleanup_(pair_read_done)
    struct pair_read p = { 0 };
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX);
    const struct reading *r = &row->table->reading;
    struct pair_read old;
    char why[MESSAGE_MAX] = "";
    unsigned none;
    int made = 1;

    if (read_locked(m, row, &p, err) < 0)
        return -1;
    if (row->outcome != OUTCOME_WRITTEN)
        return 0;
    if (p.there[END_SOURCE])
        made = correction_insert(r, &p.rows[END_SOURCE], 1, m->to, again, ret_zeros, why, err);
    if (made == 1 && p.there[END_SINK]) {
        old = p;
        old.there[END_SOURCE] = false;
        made = correction_sql(r, &old, m->to, &sql, &none, why, err);
        if (made == 1 && run_statement(m, row, &sql, 0, err) < 0)
            return -1;
    }
    if (made == 0) {
        row->outcome = OUTCOME_REFUSED;
        (void)snprintf(row->message, sizeof(row->message), "%s", why);
    }
    return MIN(made, 0);
}

/*
 * Rows whose unique values have changed places: no order of updates gets there. All of them are
 * taken out, then put in.
 */
static int write_anew(struct mend *m, struct mend_row **rows, size_t count, struct err *err)
{
    struct strbuf *again = calloc(count, sizeof(*again));
    unsigned *zeros = calloc(count, sizeof(*zeros));
    int rc = again == NULL || zeros == NULL
                 ? err_set(err, ERR_NOMEM, "no memory for %zu rows", count)
                 : 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        again[i].max = REBUILD_MAX / count;
        rc = take_out(m, rows[i], &again[i], &zeros[i], err);
    }
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (rows[i]->outcome == OUTCOME_WRITTEN && (again[i].len > 0 || !strbuf_ok(&again[i])))
            rc = MIN(run_statement(m, rows[i], &again[i], zeros[i], err), 0);
    /* one that could not be put in again must not be lost: none of it is done then */
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (rows[i]->outcome == OUTCOME_DUPLICATE || rows[i]->outcome == OUTCOME_REFUSED)
            rc = 1;
    for (size_t i = 0; again != NULL && i < count; i++)
        strbuf_done(&again[i]);
    free(again);
    free(zeros);
    return rc;
}

/* ---- proof and commit ---- */

static bool any_written(struct mend_row *const *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i]->outcome == OUTCOME_WRITTEN)
            return true;
    return false;
}

static void take_back(struct mend_row **rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i]->outcome == OUTCOME_WRITTEN)
            rows[i]->outcome = OUTCOME_AGAIN;
}

/* True when no change of any written row is under way; the others are marked. */
static bool all_quiet(struct mend *m, const struct moment *a, struct mend_row **rows, size_t count)
{
    bool quiet = true;

    for (size_t i = 0; i < count; i++) {
        struct mend_row *row = rows[i];

        if (row->outcome != OUTCOME_WRITTEN ||
            settle_quiet(&m->ends, &row->table->of, a, &row->key))
            continue;
        row->tries++;
        quiet = false;
    }
    return quiet;
}

/* Incremental tells nothing, or does not get on: that is no row's fault. */
static void note_sight(struct mend *m, bool seen)
{
    if (seen)
        m->blind_since = 0;
    else if (m->blind_since == 0)
        m->blind_since = clock_mono_ms();
}

/* Steps 5 and 6. 1: committed; 0: rolled back; -1. */
static int prove(struct mend *m, const struct moment *a, struct mend_row **rows, size_t count,
                 struct err *err)
{
    int got = ends_read_on(&m->ends, a, READ_ON_MS, err);

    if (got < 0)
        return -1;
    note_sight(m, got == 1);
    if (got == 0) /* we may be in its way: next time with fewer rows */
        for (size_t i = 0; i < count; i++)
            rows[i]->tries += rows[i]->outcome == OUTCOME_WRITTEN;
    if (got == 0 || !all_quiet(m, a, rows, count)) {
        take_back(rows, count);
        return exec(m, "ROLLBACK", err) < 0 ? -1 : 0;
    }
    FAULT("mend.commit.before");
    if (exec(m, "COMMIT", err) < 0)
        return -1;
    FAULT("mend.commit.after");
    return 1;
}

/* Somebody else holds a row, or was faster: this once. */
static int not_now(struct mend *m, struct mend_row **rows, size_t count, struct err *err)
{
    if (err->code != ERR_DB_RETRY || conn_lost(err))
        return -1;
    log_err(LOG_INFO, "mend", "again", err);
    err_reset(err);
    for (size_t i = 0; i < count; i++) {
        rows[i]->outcome = OUTCOME_AGAIN;
        rows[i]->tries++;
    }
    return exec(m, "ROLLBACK", err);
}

/* Steps 2 to 4. 0, 1: rows in each other's way, of which one can't be written; -1. */
static int write_rows(struct mend *m, struct mend_row **rows, size_t count, bool anew,
                      struct err *err)
{
    if (control_begin_keep(m->ends.conns[END_SINK], &m->fence, 0, err) < 0)
        return -1;
    FAULT("mend.begin.after");
    if (anew)
        return write_anew(m, rows, count, err);
    for (size_t i = 0; i < count; i++)
        if (write_row(m, rows[i], err) < 0)
            return -1;
    return 0;
}

static bool gets_on(const struct ends *e, const struct moment *a, const struct moment *b)
{
    for (unsigned end = 0; end < END_MAX_; end++)
        if (e->maps[end] != NULL && (a->at[end].generation != b->at[end].generation ||
                                     binlog_pos_cmp(&a->at[end].read, &b->at[end].read) != 0))
            return true;
    return false;
}

/*
 * Nothing is locked while incremental is far behind: it would only be kept from catching up. 1 and
 * what is applied by now; 0: it does not get on, or stopping; -1.
 */
static int wait_caught_up(struct mend *m, struct moment *ret, struct err *err)
{
    struct moment before;
    int got = ends_moment(&m->ends, &before, err);

    while (got == 1 && (got = ends_read_on(&m->ends, &before, READ_ON_MS, err)) == 0 &&
           !report_stopping(m->w->report)) {
        struct moment now;

        got = ends_moment(&m->ends, &now, err);
        if (got == 1)
            got = gets_on(&m->ends, &before, &now);
        before = now;
    }
    if (got == 0)
        note_sight(m, false);
    return got == 1 ? ends_moment(&m->ends, ret, err) : got;
}

/* One transaction over these rows; their outcomes are set. */
static int transaction(struct mend *m, struct mend_row **rows, size_t count, bool anew,
                       struct err *err)
{
    struct moment a;
    int got = wait_caught_up(m, &a, err), rc;

    if (got < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        rows[i]->outcome = OUTCOME_AGAIN;
    if (got == 0)
        return 0;
    if (!m->source_waits && report_sleep(m->w->report, SEEN_MS))
        return 0;
    rc = write_rows(m, rows, count, anew, err);
    if (rc < 0)
        return not_now(m, rows, count, err);
    FAULT("mend.write.after");
    if (rc == 0 && any_written(rows, count))
        return MIN(prove(m, &a, rows, count, err), 0);
    for (size_t i = 0; i < count && rc == 1; i++)
        if (rows[i]->outcome == OUTCOME_WRITTEN) {
            rows[i]->outcome = OUTCOME_REFUSED;
            (void)snprintf(rows[i]->message, sizeof(rows[i]->message),
                           "another row that it stands in the way of could not be written");
        }
    return exec(m, "ROLLBACK", err);
}

/* What a transaction has left of these rows. */
static void take_outcomes(struct mend *m, struct mend_row **rows, size_t count, bool anew)
{
    char message[MEND_MESSAGE_MAX];

    for (size_t i = 0; i < count; i++) {
        struct mend_row *row = rows[i];

        (void)snprintf(message, sizeof(message), "%s", row->message);
        if (row->outcome == OUTCOME_WRITTEN)
            mend_settle(m, row, MEND_APPLIED, "");
        else if (row->outcome == OUTCOME_EQUAL)
            mend_settle(m, row, MEND_EQUAL, "");
        else if (row->outcome == OUTCOME_DUPLICATE && !anew && all_carried(row->table))
            row->state = MEND_IN_THE_WAY;
        else if (row->outcome == OUTCOME_REFUSED || row->outcome == OUTCOME_DUPLICATE)
            mend_settle(m, row, MEND_FAILED, message);
        else if (row->tries >= TRIES_MAX)
            mend_settle(m, row, MEND_FAILED,
                        "it was changed all the time: nothing was written; apply it again");
        else if (m->blind_since != 0 && clock_mono_ms() - m->blind_since > BLIND_MAX_MS)
            mend_settle(m, row, MEND_FAILED,
                        "incremental does not run, or does not get on, so that nobody knows "
                        "whether a change of it is on its way: nothing was written");
    }
}

/* ---- all rows ---- */

/*
 * The next rows of that state. One that was in anybody's way is tried alone, behind all others;
 * those that are in each other's way all together.
 */
static size_t choose(struct mend *m, enum mend_state state, struct mend_row **ret, size_t most)
{
    struct mend_row *least = NULL;
    size_t n = 0;

    for (size_t i = 0; i < m->count && n < most; i++) {
        struct mend_row *row = &m->rows[i];

        if (row->state != state)
            continue;
        if (row->tries == 0 || state == MEND_IN_THE_WAY)
            ret[n++] = row;
        else if (least == NULL || row->tries < least->tries)
            least = row;
    }
    if (n == 0 && least != NULL)
        ret[n++] = least;
    return n;
}

/* True: stopping. */
static bool rest(struct mend *m, struct mend_row *const *rows, size_t count)
{
    unsigned tries = m->blind_since != 0;

    for (size_t i = 0; i < count; i++)
        if (rows[i]->state == MEND_OPEN || rows[i]->state == MEND_IN_THE_WAY)
            tries = MAX(tries, rows[i]->tries);
    if (tries == 0)
        return report_stopping(m->w->report);
    return report_back_off(m->w->report, tries, PAUSE_FIRST_MS, PAUSE_LAST_MS);
}

/* 0, STAGE_STOPPED, -1. */
static int mend_rows(struct mend *m, enum mend_state state, struct err *err)
{
    bool anew = state == MEND_IN_THE_WAY;
    size_t most = anew ? m->count : BATCH_ROWS, n;
    _cleanup_(freep)
    struct mend_row **rows = calloc(most + 1, sizeof(struct mend_row *));

    if (rows == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu rows", most);
    while ((n = choose(m, state, rows, most)) > 0) {
        if (transaction(m, rows, n, anew, err) < 0)
            return -1;
        take_outcomes(m, rows, n, anew);
        if (rest(m, rows, n))
            return STAGE_STOPPED;
    }
    return 0;
}

static bool source_denied(const struct err *err)
{
    return err->code == ERR_DB_PRIVILEGE;
}

/* A server that is sent more ends the connection. */
static int ask_packet(struct mend *m, struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;

    if (conn_value(m->ends.conns[END_SINK], "SELECT @@max_allowed_packet", &text, err) < 0)
        return -1;
    m->packet_max = PACKET_DEFAULT;
    if (text != NULL)
        (void)num_parse_u64(text, UINT64_MAX, &m->packet_max);
    return 0;
}

static int take_over(struct mend *m, struct err *err)
{
    const struct task *t = m->w->task;
    struct conn *sink = m->ends.conns[END_SINK];
    struct node_id node = { 0 };

    if (control_ensure(sink, t->control_schema, err) < 0 ||
        control_take_epoch(sink, t->control_schema, t->project_id, "verify", 1, &m->fence, err) <
            0 ||
        control_register(sink, &m->fence, err) < 0 ||
        control_node_ask(m->ends.conns[END_SOURCE], t->control_schema, &node, err) < 0)
        return -1;
    (void)snprintf(m->fence.origin, sizeof(m->fence.origin), "%s", control_node_name(&node));
    m->to = correction_of(sink);
    if (ask_packet(m, err) < 0)
        return -1;
    for (unsigned end = 0; end < END_MAX_; end++)
        if (conn_execf(m->ends.conns[end], err, "SET SESSION innodb_lock_wait_timeout = %d",
                       LOCK_WAIT_S) < 0)
            return -1;
    return 0;
}

static int session(struct mend *m, struct err *err)
{
    int rc = ends_connect(&m->ends, err);

    if (rc == 0)
        rc = take_over(m, err);
    if (rc == 0)
        rc = mend_tables(m, err);
    if (rc == 0)
        rc = mend_rows(m, MEND_OPEN, err);
    if (rc == 0)
        rc = mend_rows(m, MEND_IN_THE_WAY, err);
    return rc;
}

static int sessions(struct mend *m, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)m->w->task->retry_minutes * 60 * 1000;
    int ms = RETRY_FIRST_MS, rc;

    while ((rc = session(m, err)) < 0) {
        bool denied = source_denied(err) && m->source_waits;

        ends_drop(&m->ends);
        mend_tables_drop(m);
        if (denied) { /* FOR SHARE takes more than SELECT on some servers */
            log_err(LOG_INFO, "mend", "source_not_locked", err);
            m->source_waits = false;
            err_reset(err);
            continue;
        }
        if (!err_retryable(err) || clock_mono_ms() >= until)
            return -1;
        report_error(m->w->report, err, true);
        if (report_sleep(m->w->report, ms))
            return STAGE_STOPPED;
        ms = MIN(ms * 2, (int)RETRY_LAST_MS);
        err_reset(err);
    }
    return rc;
}

static bool goes_first(const struct mend_row *row)
{
    return strcmp(json_get_str(row->doc, "type", ""), "IMAGE_ONLY") == 0;
}

/* Rows to be removed first: others may need their unique values. */
static int take_rows(struct mend *m, struct err *err)
{
    struct json_object *section = json_get(m->w->task->doc, "verify");
    struct json_object *list = json_get_array(json_get(section, "mend"), "rows");

    m->rows = calloc(json_len(list) + 1, sizeof(*m->rows));
    if (m->rows == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu rows", json_len(list));
    for (unsigned removed = 0; removed < 2; removed++)
        for (size_t i = 0; i < json_len(list); i++) {
            struct mend_row row = { .doc = json_at(list, i) };

            if (goes_first(&row) == (removed == 0))
                m->rows[m->count++] = row;
        }
    ends_init(&m->ends, m->w, json_get(section, "watch"));
    return 0;
}

int mend_run(struct worker *w, struct err *err)
{
    struct mend m = { .w = w, .source_waits = true };
    int rc = take_rows(&m, err);

    if (rc == 0 && m.count > 0)
        rc = sessions(&m, err);
    mend_tables_drop(&m);
    ends_drop(&m.ends);
    for (size_t i = 0; m.rows != NULL && i < m.count; i++)
        row_key_done(&m.rows[i].key);
    free(m.rows);
    return rc == 0 ? STAGE_DONE : rc;
}
