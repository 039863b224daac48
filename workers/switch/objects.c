/* PROCESS_DATABASE_OBJECTS: counters above the source's, and what was put off until now. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/sqltext.h"
#include "workers/switch/switch_priv.h"

#include "base/banned.h"

enum { SQL_MAX = 8192 };

/* The next AUTO_INCREMENT value of a table; 0: it has none. */
static int next_value(struct switcher *s, enum end end, const char *db, const char *name,
                      uint64_t *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    strbuf_adds(&sql, "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = ");
    sql_string(&sql, db);
    strbuf_adds(&sql, " AND TABLE_NAME = ");
    sql_string(&sql, name);
    if (strbuf_check(&sql, err) < 0 ||
        conn_query(s->ends[end], strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    got = result_next(&r, err);
    *ret = got > 0 ? result_u64(&r, 0, 0) : 0;
    return got < 0 ? -1 : 0;
}

/* 1 raised, 0 it was high enough, -1. */
static int raise_one(struct switcher *s, const struct table *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);
    uint64_t source, target;

    if (next_value(s, END_SOURCE, t->db, t->name, &source, err) < 0 ||
        next_value(s, END_SINK, t->mapped_db, t->mapped_name, &target, err) < 0)
        return -1;
    if (source <= target)
        return 0;
    strbuf_adds(&sql, "ALTER TABLE ");
    sql_table(&sql, t->mapped_db, t->mapped_name);
    strbuf_addf(&sql, " AUTO_INCREMENT = %" PRIu64, source);
    if (strbuf_check(&sql, err) < 0)
        return -1;
    FAULT("switch.counter.before");
    return conn_exec(s->ends[END_SINK], strbuf_str(&sql), sql.len, NULL, err) < 0 ? -1 : 1;
}

static bool counts(const struct table *t)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (t->columns[i].auto_increment)
            return true;
    return false;
}

static int raise_counters(struct switcher *s, size_t *ret_raised, struct err *err)
{
    const struct task *t = s->task;
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    struct err ignored = { 0 };

    if (control_schema_get(s->ends[END_SINK], t->control_schema, t->project_id, &cat, err) < 0)
        return -1;
    /* MySQL 8 shows figures of a day ago otherwise; others don't know the variable */
    for (unsigned i = 0; i < END_MAX_; i++)
        (void)conn_execf(s->ends[i], &ignored, "SET SESSION information_schema_stats_expiry = 0");
    for (size_t i = 0; cat != NULL && i < cat->count; i++) {
        int got = counts(cat->tables[i]) ? raise_one(s, cat->tables[i], err) : 0;

        if (got < 0)
            return -1;
        *ret_raised += (size_t)got;
        if (report_stopping(s->w->report))
            return STAGE_STOPPED;
    }
    return 0;
}

int switch_objects(struct switcher *s, struct err *err)
{
    struct json_object *detail;
    size_t raised = 0;
    int got = raise_counters(s, &raised, err);

    if (got == 0 && s->task->do_struct)
        got = schema_finish_run(s->w, err);
    if (got != 0)
        return got;
    detail = json_object_new_object();
    json_add_i64(detail, "autoIncrementRaised", (int64_t)raised);
    json_add_bool(detail, "structure", s->task->do_struct);
    switch_say(s, true, detail, NULL, "AUTO_INCREMENT raised on %zu tables%s", raised,
               s->task->do_struct ? "; indexes, foreign keys and triggers of the project are made"
                                  : "");
    return 0;
}
