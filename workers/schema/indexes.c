/*
 * Normal indexes that are made when the rows are there, by sorting: one ALTER a table, the largest
 * first, several tables at a time. All of it can be done again after any interruption: what a table
 * has is asked before.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "workers/mysql/control_sql.h"
#include "workers/mysql/sqltext.h"
#include "workers/schema/schema_priv.h"

#include "base/banned.h"

enum {
    ER_DUP_KEYNAME = 1061,
    NAME_LIST_MAX = 4 * 1024 * 1024,
    LATER_BYTES =
        8 * 1024 * 1024, /* below, a second and a third DDL cost more than sorting saves */
    AT_A_TIME = 4,
};

struct job {
    const struct table *table;
    char *sql;
    size_t added;
};

struct making {
    struct schema_ctx *c;
    const struct indexes_calls *calls;
    struct job *jobs; /* largest table first */
    size_t count;
    pthread_mutex_t lock; /* guards everything below, and the calls */
    size_t next;
    bool failed;
    struct err err;
};

/* ---- what is there --------------------------------------------------------------------------- */

int schema_names(struct schema_ctx *c, const char *sql_head, const struct table *t, struct map *ret,
                 struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    _cleanup_(result_done)
    struct result r = { 0 };
    int rc;

    strbuf_adds(&sql, sql_head);
    strbuf_adds(&sql, " WHERE TABLE_SCHEMA = ");
    sql_string(&sql, t->mapped_db);
    strbuf_adds(&sql, " AND TABLE_NAME = ");
    sql_string(&sql, t->mapped_name);
    if (conn_query(c->dst, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1)
        if (map_set(ret, result_str(&r, 0, ""), c) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

static void lower(char *s)
{
    for (; *s != '\0'; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + 'a' - 'A');
}

bool schema_has_name(const struct map *have, const char *name)
{
    _cleanup_(freep)
    char *key = strdup(name);

    if (key == NULL)
        return false;
    lower(key);
    return map_get(have, key) != NULL;
}

void schema_tell_more(const struct schema_ctx *c, const struct table *t, const char *kind,
                      const char *name, const char *sql)
{
    report_converted(c->w->report, &(struct converted_report){ .kind = kind,
                                                               .db = t->db,
                                                               .name = name,
                                                               .target_db = t->mapped_db,
                                                               .target_name = t->mapped_name,
                                                               .source = "",
                                                               .sql = sql,
                                                               .notes = "" });
}

/* ---- putting off ----------------------------------------------------------------------------- */

bool indexes_can_wait(const struct table *t, const struct create_result *made)
{
    return made->index_count > 0 && t->data_bytes >= LATER_BYTES;
}

/* Before the table is made: a table that has no row here was there before us. */
int indexes_note(struct schema_ctx *c, const struct table *t, struct err *err)
{
    return control_exec(c->dst, c->fence.schema, NULL, err,
                        "INSERT IGNORE INTO @cw_index (project, db, name) VALUES (%q, %q, %q)",
                        c->w->task->project_id, t->db, t->name);
}

void indexes_drop_text(struct strbuf *sql, const struct table *t, const struct create_result *made)
{
    strbuf_adds(sql, "ALTER TABLE ");
    sql_table(sql, t->mapped_db, t->mapped_name);
    for (size_t i = 0; i < made->index_count; i++) {
        strbuf_adds(sql, i > 0 ? ", DROP KEY " : " DROP KEY ");
        sql_name(sql, made->indexes[i].name);
    }
}

/* ---- planning -------------------------------------------------------------------------------- */

/* "db\1name" at the source of those that wait under INDEX_AUTO. */
static int load_waiting(struct schema_ctx *c, struct map *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (control_ask(c->dst, c->fence.schema, &r, err,
                    "SELECT CONCAT(db, '\1', name) FROM @cw_index WHERE project = %q",
                    c->w->task->project_id) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1)
        if (map_set(ret, result_str(&r, 0, ""), c) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    return got;
}

static bool is_waiting(const struct map *waiting, const struct table *t)
{
    char key[SCOPE_NAME_MAX * 2 + 2];

    (void)snprintf(key, sizeof(key), "%s\1%s", t->db, t->name);
    return map_get(waiting, key) != NULL;
}

static size_t alter_text(struct strbuf *sql, const struct table *t,
                         const struct create_result *made, const struct map *have)
{
    size_t added = 0;

    strbuf_adds(sql, "ALTER TABLE ");
    sql_table(sql, t->mapped_db, t->mapped_name);
    for (size_t i = 0; i < made->index_count; i++) {
        if (schema_has_name(have, made->indexes[i].name))
            continue;
        strbuf_addf(sql, "%s ADD %s", added > 0 ? "," : "", made->indexes[i].definition);
        added++;
    }
    return added;
}

static int plan_table(struct making *m, const struct table *t, struct err *err)
{
    _cleanup_(map_freep)
    struct map *have = map_new();
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(NAME_LIST_MAX);
    struct create_result made = { 0 };
    struct job *job = &m->jobs[m->count];

    if (have == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (schema_names(m->c, "SELECT DISTINCT LOWER(INDEX_NAME) FROM information_schema.STATISTICS",
                     t, have, err) < 0 ||
        schema_create_text(m->c, t, INDEX_AFTER_COPY, &made, err) < 0)
        return -1;
    *job = (struct job){ .table = t, .added = alter_text(&sql, t, &made, have) };
    create_result_done(&made);
    if (job->added == 0)
        return 0;
    if (strbuf_check(&sql, err) < 0)
        return -1;
    job->sql = strdup(strbuf_str(&sql));
    if (job->sql == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->count++;
    return 0;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = ((const struct job *)a)->table->data_bytes,
             y = ((const struct job *)b)->table->data_bytes;

    return x > y ? -1 : x < y;
}

static int plan(struct making *m, struct err *err)
{
    enum index_policy policy = schema_index_policy(m->c->w->task);
    const struct catalog *cat = m->c->cat;
    _cleanup_(map_freep)
    struct map *waiting = map_new();

    m->jobs = calloc(cat->count + 1, sizeof(*m->jobs));
    if (m->jobs == NULL || waiting == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (policy == INDEX_AUTO && load_waiting(m->c, waiting, err) < 0)
        return -1;
    for (size_t i = 0; i < cat->count; i++) {
        if (report_stopping(m->c->w->report))
            return STAGE_STOPPED;
        if ((policy == INDEX_AFTER_COPY ||
             (policy == INDEX_AUTO && is_waiting(waiting, cat->tables[i]))) &&
            plan_table(m, cat->tables[i], err) < 0)
            return -1;
    }
    qsort(m->jobs, m->count, sizeof(*m->jobs), by_size);
    return 0;
}

/* ---- making ---------------------------------------------------------------------------------- */

static struct job *take(struct making *m)
{
    struct job *job = NULL;

    (void)pthread_mutex_lock(&m->lock);
    if (!m->failed && m->next < m->count && !report_stopping(m->c->w->report))
        job = &m->jobs[m->next++];
    (void)pthread_mutex_unlock(&m->lock);
    return job;
}

static void fail(struct making *m, const struct err *err)
{
    (void)pthread_mutex_lock(&m->lock);
    if (!m->failed)
        m->err = *err;
    m->failed = true;
    (void)pthread_mutex_unlock(&m->lock);
}

static int make(struct making *m, struct conn *dst, const struct job *job, struct err *err)
{
    char what[700];

    (void)snprintf(what, sizeof(what), "indexes of %s.%s", job->table->mapped_db,
                   job->table->mapped_name);
    FAULT("schema.index.before");
    if (ctx_ddl_on(m->c, dst, job->sql, what, err) < 0) {
        /* a predecessor's statement got through after all: what is missing is asked again */
        if (err->db_errno == ER_DUP_KEYNAME)
            err->code = ERR_DB_RETRY;
        return -1;
    }
    schema_tell_more(m->c, job->table, "INDEXES", job->table->name, job->sql);
    (void)pthread_mutex_lock(&m->lock);
    m->calls->done(m->calls->ctx, job->added);
    (void)pthread_mutex_unlock(&m->lock);
    return 0;
}

/* A connection of its own, which a successor may kill like any other. */
static int open_sink(struct making *m, struct conn **ret, struct err *err)
{
    static const struct conn_options plain = { 0 };

    if (conn_open(&m->c->w->task->ends[END_SINK], &plain, ret, err) < 0 ||
        control_register(*ret, &m->c->fence, err) < 0)
        return -1;
    conn_set_timeout(*ret, 0);
    return conn_execf(*ret, err, "SET SESSION foreign_key_checks = 0");
}

static void *making_main(void *arg)
{
    struct making *m = arg;
    _cleanup_(conn_closep)
    struct conn *dst = NULL;
    struct err err = { 0 };
    int rc = open_sink(m, &dst, &err);

    for (const struct job *job; rc == 0 && (job = take(m)) != NULL;)
        rc = make(m, dst, job, &err);
    if (rc < 0)
        fail(m, &err);
    return NULL;
}

static int make_all(struct making *m, struct err *err)
{
    size_t want = MIN(m->count, (size_t)AT_A_TIME), started = 0;
    pthread_t threads[AT_A_TIME];

    while (started < want && pthread_create(&threads[started], NULL, making_main, m) == 0)
        started++;
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    if (started == 0 && want > 0)
        return err_set(err, ERR_NOMEM, "no thread could be started");
    if (m->failed) {
        *err = m->err;
        return -1;
    }
    return m->next < m->count ? STAGE_STOPPED : 0;
}

int indexes_make(struct schema_ctx *c, const struct indexes_calls *calls, struct err *err)
{
    struct making m = { .c = c, .calls = calls };
    int rc = plan(&m, err);

    (void)pthread_mutex_init(&m.lock, NULL);
    if (rc == 0) {
        calls->planned(calls->ctx, m.count);
        rc = make_all(&m, err);
    }
    (void)pthread_mutex_destroy(&m.lock);
    for (size_t i = 0; m.jobs != NULL && i < m.count; i++)
        free(m.jobs[i].sql);
    free(m.jobs);
    return rc;
}
