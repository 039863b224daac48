/*
 * FULL_VERIFIER: are both ends equal? Design: docs/verification.md. Reads only; what it has found
 * and how far it is goes up the channel, and comes back with the next assignment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/verify/project.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum {
    WAIT_MS = 250,
    PAUSE_FIRST_MS = 100,
    PAUSE_LAST_MS = 10 * 1000,
    WORKERS_DEFAULT = 4,
    BATCH_DEFAULT = 200,
    ROWS_DEFAULT = 1000,
    NOTE_MAX = 8 * 1024,
};

bool verify_leaving(struct verifier *f)
{
    bool failed;

    (void)pthread_mutex_lock(&f->v->lock);
    failed = f->v->failed;
    (void)pthread_mutex_unlock(&f->v->lock);
    return failed || report_stopping(f->v->w->report);
}

/* ---- which tables ---- */

static struct json_object *find(struct json_object *list, const struct table *t)
{
    for (size_t i = 0; i < json_len(list); i++)
        if (strcmp(json_get_str(json_at(list, i), "db", ""), t->db) == 0 &&
            strcmp(json_get_str(json_at(list, i), "table", ""), t->name) == 0)
            return json_at(list, i);
    return NULL;
}

/* What an earlier worker of this run had told. */
static void take_up(struct vtable *t, struct json_object *open)
{
    struct json_object *resume = json_get(open, "resume"), *rows = json_get_array(resume, "rows");

    if (resume == NULL)
        return;
    t->resume = json_object_get(resume);
    t->position = json_object_get(json_get(open, "position"));
    t->rows = json_object_new_array();
    t->begun = true;
    t->rows_cut = json_get_bool(open, "rowsCut", false);
    t->listed = (size_t)json_get_i64(resume, "listed", 0);
    t->counts = (struct counts){
        .source_only = (uint64_t)json_get_i64(open, "sourceOnly", 0),
        .target_only = (uint64_t)json_get_i64(open, "destOnly", 0),
        .mismatched = (uint64_t)json_get_i64(open, "mismatched", 0),
        .consistent = (uint64_t)json_get_i64(open, "consistent", 0),
        .undecided = (uint64_t)json_get_i64(resume, "undecided", 0),
    };
    for (unsigned end = 0; end < END_MAX_; end++)
        t->counts.rows[end] = json_object_get_uint64(json_at(rows, end));
}

static int add_table(struct verify *v, struct table **io, struct err *err)
{
    struct vtable *t = &v->tables[v->count];

    t->db = strdup((*io)->db);
    t->name = strdup((*io)->name);
    if (t->db == NULL || t->name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the tables");
    t->note.max = NOTE_MAX;
    t->weight = MAX((*io)->rows_estimate, (uint64_t)1);
    t->bytes = t->weight * MAX((*io)->avg_row_bytes, (uint64_t)1);
    take_up(t, find(json_get_array(v->section, "open"), *io));
    t->stored = *io;
    *io = calloc(1, sizeof(**io)); /* the catalog frees what it holds */
    v->count++;
    return *io == NULL ? err_set(err, ERR_NOMEM, "no memory for the tables") : 0;
}

static int by_size(const void *a, const void *b)
{
    const struct vtable *x = a, *y = b;

    return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0;
}

static int choose(struct verify *v, struct catalog *c, struct err *err)
{
    struct json_object *only = json_get_array(v->section, "tables");
    struct json_object *done = json_get_array(v->section, "done");

    v->tables = calloc(c->count + 1, sizeof(*v->tables));
    if (v->tables == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tables", c->count);
    for (size_t i = 0; i < c->count; i++) {
        if ((only != NULL && find(only, c->tables[i]) == NULL) || find(done, c->tables[i]) != NULL)
            continue;
        if (add_table(v, &c->tables[i], err) < 0)
            return -1;
    }
    qsort(v->tables, v->count, sizeof(*v->tables), by_size);
    return 0;
}

static int prepare_once(struct verify *v, struct err *err)
{
    struct ends e;
    _cleanup_(catalog_freep)
    struct catalog *c = NULL;
    int rc;

    ends_init(&e, v->w, NULL);
    rc = ends_connect(&e, err);
    if (rc == 0)
        rc = project_catalog(v->w->task, &e, v->scope, &c, err);
    ends_drop(&e);
    return rc == 0 ? choose(v, c, err) : rc;
}

/* ---- faults ---- */

static void fail(struct verify *v, const struct err *err)
{
    (void)pthread_mutex_lock(&v->lock);
    if (!v->failed)
        v->error = *err;
    v->failed = true;
    (void)pthread_mutex_unlock(&v->lock);
}

static int prepare(struct verify *v, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)v->w->task->retry_minutes * 60 * 1000;

    for (unsigned tries = 1; prepare_once(v, err) < 0; tries++) {
        if (!err_retryable(err) || clock_mono_ms() >= until)
            return -1;
        report_again(v->w->report, err);
        if (report_back_off(v->w->report, tries, PAUSE_FIRST_MS, PAUSE_LAST_MS))
            return STAGE_STOPPED;
        err_reset(err);
    }
    return 0;
}

/* ---- one thread ---- */

static struct vtable *take_table(struct verify *v)
{
    struct vtable *t = NULL;

    (void)pthread_mutex_lock(&v->lock);
    if (!v->failed && v->next < v->count)
        t = &v->tables[v->next++];
    (void)pthread_mutex_unlock(&v->lock);
    return t;
}

/* Errors of the connection end the step; those of a table are its result. */
static bool of_the_table(const struct err *err)
{
    return err->code != ERR_DB_AUTH && err->code != ERR_DB_CONNECT && err->code != ERR_NOMEM &&
           err->code != ERR_DB_UNSUPPORTED;
}

static void table_failed(struct verifier *f, struct vtable *t, const struct err *err)
{
    log_err(LOG_WARN, "verify", "table_failed", err);
    f->t = t;
    if (t->rows == NULL)
        t->rows = json_object_new_array();
    tell_table(f, TELL_ERROR, "RUNTIME_EXCEPTION", err->message);
    f->t = NULL;
}

/* False: leaving. */
static bool do_table(struct verifier *f, struct vtable *t)
{
    struct verify *v = f->v;
    int64_t until = clock_mono_ms() + (int64_t)v->w->task->retry_minutes * 60 * 1000;
    struct err err = { 0 };
    int rc;

    for (unsigned tries = 1;; tries++) {
        rc = ends_connect(&f->ends, &err);
        if (rc == 0)
            rc = table_verify(f, t, &err);
        if (rc >= 0)
            return rc == 0;
        if (!err_retryable(&err) || clock_mono_ms() >= until)
            break;
        log_err(LOG_WARN, "verify", "table_again", &err);
        report_again(v->w->report, &err);
        ends_drop(&f->ends);
        if (report_back_off(v->w->report, tries, PAUSE_FIRST_MS, PAUSE_LAST_MS) ||
            verify_leaving(f))
            return false;
        err_reset(&err);
    }
    if (!of_the_table(&err) || err_retryable(&err)) {
        fail(v, &err);
        return false;
    }
    ends_drop(&f->ends); /* whatever it was in the middle of */
    table_failed(f, t, &err);
    return true;
}

static void *verifier_main(void *arg)
{
    struct verifier *f = arg;
    struct vtable *t;

    while (!verify_leaving(f) && (t = take_table(f->v)) != NULL && do_table(f, t))
        ;
    ends_drop(&f->ends);
    (void)pthread_mutex_lock(&f->v->lock);
    f->v->running--;
    (void)pthread_cond_broadcast(&f->v->ended);
    (void)pthread_mutex_unlock(&f->v->lock);
    return NULL;
}

/* ---- all of them ---- */

static bool wait_threads(struct verify *v)
{
    struct timespec until;
    bool over;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)WAIT_MS * 1000 * 1000;
    until.tv_sec += until.tv_nsec / (1000 * 1000 * 1000);
    until.tv_nsec %= 1000 * 1000 * 1000;
    (void)pthread_mutex_lock(&v->lock);
    if (v->running > 0)
        (void)pthread_cond_timedwait(&v->ended, &v->lock, &until);
    over = v->running == 0;
    (void)pthread_mutex_unlock(&v->lock);
    return over;
}

static int start_threads(struct verify *v, struct verifier *list, unsigned *ret, struct err *err)
{
    for (unsigned i = 0; i < v->threads; i++) {
        list[i].v = v;
        ends_init(&list[i].ends, v->w, json_get(v->section, "watch"));
        (void)pthread_mutex_lock(&v->lock);
        v->running++;
        (void)pthread_mutex_unlock(&v->lock);
        if (pthread_create(&list[i].thread, NULL, verifier_main, &list[i]) != 0) {
            (void)pthread_mutex_lock(&v->lock);
            v->running--;
            (void)pthread_mutex_unlock(&v->lock);
            return err_set(err, ERR_NOMEM, "only %u of %u threads could be started", i, v->threads);
        }
        *ret = i + 1;
    }
    return 0;
}

static int run_threads(struct verify *v, struct err *err)
{
    _cleanup_(freep)
    struct verifier *list = calloc(v->threads, sizeof(*list));
    unsigned started = 0;

    if (list == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %u threads", v->threads);
    v->last.at_ms = clock_mono_ms();
    if (start_threads(v, list, &started, err) < 0)
        fail(v, err);
    while (!wait_threads(v))
        tell_report(v, false);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(list[i].thread, NULL);
    if (v->failed) {
        *err = v->error;
        return -1;
    }
    for (size_t i = 0; i < v->count; i++)
        if (!v->tables[i].finished)
            return STAGE_STOPPED;
    return 0;
}

static enum verify_pace pace_of(const char *mode)
{
    return strcmp(mode, "STEADY") == 0 ? PACE_STEADY
           : strcmp(mode, "FAST") == 0 ? PACE_FAST
                                       : PACE_NORMAL;
}

static int setup(struct verify *v, struct err *err)
{
    pthread_condattr_t attr;

    v->section = json_get(v->w->task->doc, "verify");
    v->pace = pace_of(json_get_str(v->section, "mode", "NORMAL"));
    v->threads = (unsigned)MIN(MAX(json_get_i64(v->section, "workerNum", WORKERS_DEFAULT), 1),
                               (int64_t)VERIFY_THREADS_MAX);
    v->batch = (size_t)MAX(json_get_i64(v->section, "batchRows", BATCH_DEFAULT), 1);
    v->max_rows = (size_t)MAX(json_get_i64(v->section, "maxRows", ROWS_DEFAULT), 0);
    (void)pthread_mutex_init(&v->lock, NULL);
    (void)pthread_mutex_init(&v->slow, NULL);
    (void)pthread_mutex_init(&v->holding, NULL);
    (void)pthread_mutex_init(&v->listing, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&v->ended, &attr);
    (void)pthread_condattr_destroy(&attr);
    return scope_new(task_mapping(v->w->task), &v->scope, err);
}

static void vtable_done(struct vtable *t)
{
    free(t->db);
    free(t->name);
    table_free(t->stored);
    (void)json_object_put(t->position);
    (void)json_object_put(t->resume);
    (void)json_object_put(t->rows);
    strbuf_done(&t->note);
}

static void verify_done(struct verify *v)
{
    for (size_t i = 0; i < v->count; i++)
        vtable_done(&v->tables[i]);
    free(v->tables);
    scope_free(v->scope);
    (void)pthread_mutex_destroy(&v->lock);
    (void)pthread_mutex_destroy(&v->slow);
    (void)pthread_mutex_destroy(&v->holding);
    (void)pthread_mutex_destroy(&v->listing);
    (void)pthread_cond_destroy(&v->ended);
}

int verify_run(struct worker *w, struct err *err)
{
    struct verify v = { .w = w };
    int rc = setup(&v, err);

    if (rc == 0)
        rc = prepare(&v, err);
    if (rc == 0) {
        v.threads = (unsigned)MIN((size_t)v.threads, MAX(v.count, (size_t)1));
        rc = run_threads(&v, err);
    }
    if (rc == 0) {
        log_info("verify", "compared", "tables=%zu", v.count);
        tell_report(&v, true);
    }
    verify_done(&v);
    return rc == 0 ? STAGE_DONE : rc;
}
