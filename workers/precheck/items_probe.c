/*
 * LOOP_PROBE: the proof that a transaction's mark is the first row event that a reader of this
 * end's binlog sees of it. Written and read as the workers do.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/mysql/binlog/peek.h"
#include "workers/mysql/control.h"
#include "workers/mysql/control_sql.h"
#include "workers/precheck/precheck_priv.h"

#include "base/banned.h"

enum {
    WAIT_MS = 10 * 1000,
    HEARTBEAT_MS = 1000,
    SERVER_ID_BASE = 0x7D000000 /* item_dump()'s is another */
};

struct reader {
    const char *schema, *task;
    bool marked; /* of the transaction being read: its first row event is of cw_lane */
    bool found, proven;
};

static int is_ours(const struct reader *r, const struct peek_row *row, struct err *err)
{
    _cleanup_(rows_closep)
    struct rows *rows = NULL;
    const struct value *before, *after;
    int got = rows_open(row->format, row->event, row->map, NULL, &rows, err);

    if (got == 0)
        got = rows_next(rows, &before, &after, err);
    if (got <= 0 || rows_kind(rows) == ROWS_DELETE || row->map->column_count == 0)
        return got < 0 ? -1 : 0;
    return after[0].kind == V_BYTES && after[0].len == strlen(r->task) &&
           memcmp(after[0].bytes, r->task, after[0].len) == 0;
}

static int on_row(void *ctx, const struct peek_row *row, struct err *err)
{
    struct reader *r = ctx;
    bool control = strcasecmp(row->map->db, r->schema) == 0;
    int got;

    if (row->first)
        r->marked = control && strcasecmp(row->map->table, "cw_lane") == 0;
    if (!control || strcasecmp(row->map->table, "cw_canary") != 0)
        return 0;
    got = is_ours(r, row, err);
    if (got == 1) {
        r->found = true;
        r->proven = r->marked;
    }
    return got < 0 ? -1 : 0;
}

static int write_probe(struct precheck *p, enum end end, struct fence *f, struct err *err)
{
    const struct task *t = p->w->task;
    struct conn *c = p->ends[end].conn;
    int got;

    if (control_ensure(c, t->control_schema, err) < 0 ||
        control_take_epoch(c, t->control_schema, t->project_id, "probe", 1, f, err) < 0)
        return -1;
    (void)snprintf(f->origin, sizeof(f->origin), "~probe");
    if (control_begin(c, f, 0, 0, NULL, 0, err) < 0)
        return -1;
    got = control_exec(c, f->schema, NULL, err,
                       "INSERT INTO @cw_canary (task, n, at) VALUES (%q, 1, %i)"
                       " ON DUPLICATE KEY UPDATE n = n + 1, at = VALUES(at)",
                       f->task, clock_now_s());
    return control_finish(c, got, err);
}

/*
 * A project that is never started is never released, so its probe goes at once. What can't be
 * removed (the server is gone, another precheck of the project has taken over) is left to release.
 */
static void remove_probe(struct conn *c, const struct fence *f)
{
    static const char *const statements[] = { "DELETE FROM @cw_canary WHERE task = %q",
                                              "DELETE FROM @cw_lane WHERE task = %q",
                                              "DELETE FROM @cw_conn WHERE task = %q",
                                              "DELETE FROM @cw_task WHERE task = %q" };
    struct err left = { 0 };
    int got = 0;

    if (f->task[0] == '\0' || control_begin(c, f, 0, 0, NULL, 0, &left) < 0)
        return;
    for (size_t i = 0; got == 0 && i < ARRAY_SIZE(statements); i++)
        got = control_exec(c, f->schema, NULL, &left, statements[i], f->task);
    if (control_finish(c, got, &left) < 0)
        log_err(LOG_WARN, "precheck", "probe_left", &left);
}

static int read_probe(struct reader *r, struct dump *d, struct err *err)
{
    int64_t until = clock_mono_ms() + WAIT_MS;
    _cleanup_(peek_freep)
    struct peek *peek = NULL;
    const uint8_t *data;
    size_t len;
    int got = 1;

    if (peek_new(on_row, r, &peek, err) < 0)
        return -1;
    while (!r->found && clock_mono_ms() < until && (got = dump_next(d, &data, &len, err)) == 1)
        if (peek_event(peek, data, len, err) < 0)
            return -1;
    return got < 0 ? -1 : 0;
}

static int probe(struct precheck *p, enum end end, struct reader *r, struct fence *f,
                 struct err *err)
{
    const struct conn_options quick = { .timeout_s = WAIT_MS / 1000 };
    struct dump_options o = { .server_id = SERVER_ID_BASE + ((uint32_t)getpid() & 0xFFFFFF),
                              .heartbeat_ms = HEARTBEAT_MS };
    _cleanup_(freep)
    char *gtids = NULL;
    _cleanup_(dump_closep)
    struct dump *d = NULL;
    struct conn *c = NULL;

    if (dump_source_position(p->ends[end].conn, &p->ends[end].dialect, &o.pos, &gtids, err) < 0 ||
        write_probe(p, end, f, err) < 0)
        return -1;
    if (conn_open(&p->w->task->ends[end], &quick, &c, err) < 0)
        return err_wrap(err, "a second connection");
    if (dump_open(c, &p->ends[end].dialect, &o, &d, err) < 0)
        return -1;
    return read_probe(r, d, err);
}

int item_loop_probe(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct fence f = { 0 };
    struct reader r = { .schema = p->w->task->control_schema, .task = f.task };
    int got = probe(p, end, &r, &f, err);

    remove_probe(p->ends[end].conn, &f);
    if (got < 0 && f.task[0] != '\0' && conn_lost(err)) {
        struct err lost = *err;

        return err_set(err, ERR_TIMEOUT, "the binlog can't be read: %s", lost.message);
    }
    if (got < 0)
        return -1;
    if (r.proven) {
        verdict_say(v, V_PASSED,
                    "a probe was written, and its mark was the first row event of it "
                    "in the binlog");
        return 0;
    }
    verdict_say(v, V_FAILED,
                r.found ? "the probe came by without its mark in front of it"
                        : "the probe that was written is not in the binlog");
    verdict_advise(v,
                   "Changes would go round for ever. Is %s kept out of the binlog "
                   "(binlog_do_db, binlog_ignore_db, sql_log_bin), or its rows changed by a "
                   "trigger or a proxy?",
                   p->w->task->control_schema);
    return 0;
}
