/*
 * INCR_VERIFIER, the continuous check: rows that incremental has changed are compared a little
 * later, at a bounded cost. Design: docs/verification.md, "Continuous check". Reads only.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/verify/settle.h"
#include "workers/verify/watch_priv.h"

#include "base/banned.h"

enum {
    TICK_MS = 100,
    DELAY_MS = 3000, /* a change has been applied by then, where nothing is wrong */
    REPORT_MS = 1000,
    SETTLE_MS = 5000,
    TRIES_MAX = 4,
    QUEUE_ROOM = 16384,
    TAKE_MAX = 1000,
    RING_READ_MAX = 8192,
    MAP_PATIENCE_MS = 30 * 1000, /* without a map nothing is checked; the step says so */
    PAUSE_FIRST_MS = 500,
    PAUSE_LAST_MS = 10 * 1000,
    STEADY_KEYS = 100, /* a second */
    NORMAL_KEYS = 400,
    FAST_KEYS = 2000,
    BUSY_SHARE = 10, /* while incremental is behind: a tenth of it */
};

struct watch {
    struct worker *w;
    struct ends ends;
    struct watch_tables tables;
    struct watch_queue *queue;
    struct watch_key *taken; /* TAKE_MAX */
    unsigned keys_per_s;
    double budget; /* keys that may be compared now */
    int64_t ticked_ms, reported_ms, started_ms;
    uint64_t generation, ddl_seq, from; /* of the map that is read, and how far */
    bool ready, has_map;
    struct {
        uint64_t checked, differing, undecided, left_out, sampled_out, lost;
    } counts;
};

/* ---- what is told ---- */

static void report(struct watch *c)
{
    struct json_object *o;
    int64_t now = clock_mono_ms();

    if (now - c->reported_ms < REPORT_MS)
        return;
    c->reported_ms = now;
    o = json_object_new_object();
    json_add_u64(o, "checkedRows", c->counts.checked);
    json_add_u64(o, "differingRows", c->counts.differing);
    json_add_u64(o, "undecidedRows", c->counts.undecided);
    json_add_u64(o, "leftOutRows", c->counts.left_out);
    json_add_u64(o, "sampledOutRows", c->counts.sampled_out);
    json_add_u64(o, "lostRows", c->counts.lost);
    json_add_u64(o, "waitingRows", watch_queue_count(c->queue));
    json_add_u64(o, "rowsPerSecondMost", c->keys_per_s);
    json_add_bool(o, "witness", c->has_map);
    report_progress(c->w->report, 100, o);
}

static void tell_ready(struct watch *c)
{
    bool late = clock_mono_ms() - c->started_ms > MAP_PATIENCE_MS;

    if (c->ready || (!c->has_map && !late))
        return;
    c->ready = true;
    log_info("verify", "watch_begins", "map=%d", c->has_map);
    report_ready(c->w->report);
}

/* Takes `row` over. */
static void tell_row(struct watch *c, const struct watch_table *t, struct json_object *row)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "t", "verify_row");
    json_add_str(o, "db", t->stored->db);
    json_add_str(o, "table", t->stored->name);
    json_add_str(o, "targetDb", t->stored->mapped_db);
    json_add_str(o, "targetTable", t->stored->mapped_name);
    json_add(o, "row", row);
    report_message(c->w->report, o);
}

/* ---- what has changed ---- */

static void put(struct watch *c, const struct watch_key *k)
{
    if (!watch_queue_put(c->queue, k))
        c->counts.sampled_out++;
}

static void read_ring(struct watch *c)
{
    struct touch *map = c->ends.touch[END_SOURCE];
    struct touch_change x;

    touch_keys_wanted(map, true);
    for (int i = 0; i < RING_READ_MAX && touch_change_next(map, &c->from, &c->counts.lost, &x) == 1;
         i++) {
        struct watch_key k = { .due_ms = clock_mono_ms() + DELAY_MS,
                               .table = x.table,
                               .len = x.key_len };

        memcpy(k.key, x.key, x.key_len);
        put(c, &k);
    }
}

/* The map, and the tables as they are since the last DDL. 1, 0 without a map, -1. */
static int look(struct watch *c, struct err *err)
{
    struct moment m;
    const struct touch_state *s = &m.at[END_SOURCE];
    int got = ends_moment(&c->ends, &m, err);

    c->has_map = got == 1;
    if (got <= 0)
        return got;
    if (s->generation != c->generation) { /* its numbers and its ring begin anew */
        c->generation = s->generation;
        c->from = 0;
        c->ddl_seq = UINT64_MAX;
    }
    if (s->ddl_seq != c->ddl_seq && s->applied >= s->ddl_seq) {
        if (watch_tables_load(&c->tables, &c->ends, err) < 0)
            return -1;
        c->ddl_seq = s->ddl_seq;
    }
    read_ring(c);
    return 1;
}

/* ---- comparing ---- */

/* `tried`: that nothing came of it is the row's fault, or its table's. */
static void again(struct watch *c, const struct watch_key *k, size_t count, bool tried)
{
    for (size_t i = 0; i < count; i++) {
        struct watch_key x = k[i];

        x.due_ms = clock_mono_ms() + DELAY_MS;
        x.tries = (uint16_t)(x.tries + tried);
        if (x.tries >= TRIES_MAX)
            c->counts.undecided++;
        else
            put(c, &x);
    }
}

static int judge(struct watch *c, const struct watch_table *t, const struct watch_key *k,
                 const struct suspect *s, struct err *err)
{
    const struct differing_table d = { { t->tables[END_SOURCE], t->tables[END_SINK] }, t->normals };
    struct json_object *row = NULL;
    int got;

    if (s->verdict == ROW_UNDECIDED) {
        again(c, k, 1, true);
        return 0;
    }
    c->counts.checked++;
    if (s->verdict == ROW_EQUAL)
        return 0;
    got = differing_document(&d, c->ends.conns, &s->key, &row, err);
    if (got == 1) {
        c->counts.differing++;
        tell_row(c, t, row);
    }
    return MIN(got, 0);
}

/* Keys of one table, at most SETTLE_MAX. 0, STAGE_STOPPED, -1. */
static int settle_some(struct watch *c, const struct watch_table *t, const struct watch_key *k,
                       size_t count, struct err *err)
{
    const struct differing_table d = { { t->tables[END_SOURCE], t->tables[END_SINK] }, t->normals };
    struct suspect suspects[SETTLE_MAX];
    const struct watch_key *of[SETTLE_MAX];
    size_t n = 0;
    int rc;

    for (size_t i = 0; i < count; i++) {
        of[n] = &k[i];
        if (watch_key_normal(t, &k[i], &suspects[n].key))
            n++;
        else
            c->counts.left_out++;
    }
    rc = settle(&c->ends, &d, suspects, n, SETTLE_MS, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = judge(c, t, of[i], &suspects[i], err);
    for (size_t i = 0; i < n; i++)
        row_key_done(&suspects[i].key);
    return rc;
}

/* What a structure that is just being changed answers; the next look knows it. */
static bool of_the_table(const struct err *err)
{
    return err->code == ERR_DB_QUERY || err->code == ERR_SCHEMA_MISMATCH ||
           err->code == ERR_TABLE_NOT_FOUND;
}

static int compare(struct watch *c, const struct watch_key *k, size_t count, struct err *err)
{
    struct watch_table *t = NULL;
    int rc = watch_table_find(&c->tables, k->table, &c->ends, &t, err);

    if (rc == 0) {
        c->counts.left_out += count;
        return 0;
    }
    if (rc == 1)
        rc = settle_some(c, t, k, count, err);
    if (rc == 0 || rc == STAGE_STOPPED)
        return rc;
    again(c, k, count, rc == WATCH_LATER || of_the_table(err));
    if (rc == WATCH_LATER)
        return 0;
    if (!of_the_table(err))
        return -1;
    log_err(LOG_INFO, "verify", "watch_again", err);
    err_reset(err);
    c->ddl_seq = UINT64_MAX; /* all tables anew */
    return 0;
}

static size_t same_table(const struct watch_key *k, size_t count)
{
    size_t n = 1;

    while (n < count && n < SETTLE_MAX && k[n].table == k->table)
        n++;
    return n;
}

static int compare_due(struct watch *c, struct err *err)
{
    size_t max = MIN((size_t)c->budget, (size_t)TAKE_MAX), n;
    size_t count = watch_queue_take(c->queue, clock_mono_ms(), c->taken, max);

    c->budget -= (double)count;
    for (size_t i = 0; i < count; i += n) {
        int rc;

        n = same_table(&c->taken[i], count - i);
        rc = compare(c, &c->taken[i], n, err);
        if (rc == 0)
            continue;
        again(c, &c->taken[i + n], count - i - n, false);
        return rc;
    }
    return 0;
}

/* ---- the loop ---- */

static void refill(struct watch *c)
{
    int64_t now = clock_mono_ms();
    double rate = ends_busy(&c->ends) ? (double)c->keys_per_s / BUSY_SHARE : c->keys_per_s;

    c->budget = MIN(c->budget + rate * (double)(now - c->ticked_ms) / 1000, rate);
    c->ticked_ms = now;
}

/* Until stopped, or an error. */
static int session(struct watch *c, struct err *err)
{
    if (ends_connect(&c->ends, err) < 0)
        return -1;
    for (;;) {
        int rc = look(c, err);

        if (rc < 0)
            return -1;
        tell_ready(c);
        refill(c);
        if (rc == 1 && (rc = compare_due(c, err)) != 0)
            return rc;
        report(c);
        if (report_sleep(c->w->report, TICK_MS))
            return STAGE_STOPPED;
    }
}

static int sessions(struct watch *c, struct err *err)
{
    int64_t retry_ms = (int64_t)c->w->task->retry_minutes * 60 * 1000, until = 0;
    int pause_ms = PAUSE_FIRST_MS;

    for (;;) {
        uint64_t checked = c->counts.checked;
        int rc = session(c, err);
        int64_t now = clock_mono_ms();

        if (rc >= 0 || !err_retryable(err))
            return rc;
        if (c->counts.checked > checked || until == 0) {
            until = now + retry_ms;
            pause_ms = PAUSE_FIRST_MS;
        }
        if (now >= until)
            return err_wrap(err, "given up after %d minutes", c->w->task->retry_minutes);
        log_err(LOG_WARN, "verify", "watch_session_failed", err);
        report_error(c->w->report, err, true);
        err_reset(err);
        ends_drop(&c->ends);
        if (report_sleep(c->w->report, pause_ms))
            return STAGE_STOPPED;
        pause_ms = MIN(pause_ms * 2, (int)PAUSE_LAST_MS);
    }
}

static unsigned rate_of(const char *mode)
{
    return strcmp(mode, "STEADY") == 0 ? STEADY_KEYS
           : strcmp(mode, "FAST") == 0 ? FAST_KEYS
                                       : NORMAL_KEYS;
}

int watch_run(struct worker *w, struct err *err)
{
    struct json_object *section = json_get(w->task->doc, "verify");
    struct watch c = { .w = w,
                       .keys_per_s = rate_of(json_get_str(section, "mode", "NORMAL")),
                       .started_ms = clock_mono_ms(),
                       .ticked_ms = clock_mono_ms(),
                       .ddl_seq = UINT64_MAX };
    int rc = watch_queue_new(QUEUE_ROOM, &c.queue, err);

    ends_init(&c.ends, w, json_get(section, "watch"));
    c.taken = calloc(TAKE_MAX, sizeof(*c.taken));
    if (rc == 0 && c.taken == NULL)
        rc = err_set(err, ERR_NOMEM, "no memory for keys");
    if (rc == 0 && c.ends.maps[END_SOURCE] == NULL)
        rc = err_set(err, ERR_FLOW, "the continuous check follows incremental, which is not there");
    if (rc == 0)
        rc = sessions(&c, err);
    if (c.ends.touch[END_SOURCE] != NULL)
        touch_keys_wanted(c.ends.touch[END_SOURCE], false);
    ends_drop(&c.ends);
    watch_tables_done(&c.tables);
    watch_queue_free(c.queue);
    free(c.taken);
    return rc;
}
