/* Everything up to the first chunk: catalogs of both ends, checks, the epoch, what was done before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "workers/full/ledger.h"
#include "workers/full/queue.h"
#include "workers/full/target.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum {
    BATCH_BYTES_MAX = 4 * 1024 * 1024,
    BATCH_BYTES_MIN = 1024 * 1024,
    MEMORY_MIB = 64, /* of all threads together, where nothing is said */
    THREADS_SPARE = 2,
    BULK_SINCE = 100500, /* the oldest MariaDB that is still maintained */
};

/* ---- configuration ---- */

static unsigned threads_of_mode(const char *mode)
{
    if (strcasecmp(mode, "STEADY") == 0)
        return 4;
    return strcasecmp(mode, "FAST") == 0 ? 16 : 8;
}

/*
 * As many threads as the larger number asks for, so that reading and writing overlap; how many of
 * them read or write at a time is held to each number by permits.
 */
static void configure(struct copy *c)
{
    struct json_object *config = task_full_config(c->w->task);
    unsigned by_mode = threads_of_mode(json_get_str(config, "fullTransferSpeedMode", "NORMAL"));
    int64_t readers = json_get_i64(config, "readWorkerNum", 0);
    int64_t writers = json_get_i64(config, "writeWorkerNum", 0);

    c->readers = readers > 0 ? (unsigned)MIN(readers, (int64_t)COPY_THREADS_MAX) : by_mode;
    c->writers = writers > 0 ? (unsigned)MIN(writers, (int64_t)COPY_THREADS_MAX) : by_mode;
    c->threads = MAX(c->readers, c->writers);
    c->threads_given = readers > 0 || writers > 0;
    c->keep_existing = json_get_bool(config, "allowDestTableNotEmpty", false);
    c->truncate_keyless =
        c->keep_existing && json_get_bool(config, "nonePkUkTruncateDstTable", false);
}

static int ask_number(struct conn *c, const char *sql, uint64_t fallback, uint64_t *ret,
                      struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;

    *ret = fallback;
    if (conn_value(c, sql, &text, err) < 0)
        return -1;
    if (text != NULL)
        (void)num_parse_u64(text, UINT64_MAX, ret);
    return 0;
}

/*
 * The target's processors; 0: not known. MariaDB tells them as the default of a variable; a target
 * on this machine has this machine's.
 */
static unsigned target_processors(const struct copy *c, struct conn *dst)
{
    const char *host = c->w->task->ends[END_SINK].host;
    long here = sysconf(_SC_NPROCESSORS_ONLN);
    struct err ignored = { 0 };
    uint64_t told = 0;

    if (c->dst_dialect.flavour == FLAVOUR_MARIADB &&
        ask_number(dst, "SELECT @@global.thread_pool_size", 0, &told, &ignored) == 0 && told > 0)
        return (unsigned)MIN(told, (uint64_t)COPY_THREADS_MAX);
    if (strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0)
        return (unsigned)MIN(MAX(here, 0L), (long)COPY_THREADS_MAX);
    return 0;
}

/*
 * More connections than processors wait for each other's latches: 8 on two cost the target a
 * quarter more than 4 (docs/performance.md). A few more than processors hide commits and the
 * network. Numbers that somebody gave stay as they are.
 */
static void settle_threads(struct copy *c, struct conn *dst)
{
    struct json_object *config = task_full_config(c->w->task);
    size_t memory = (size_t)json_get_i64(config, "memoryMiB", MEMORY_MIB) * 1024 * 1024;
    bool fast = strcasecmp(json_get_str(config, "fullTransferSpeedMode", ""), "FAST") == 0;
    unsigned processors = c->threads_given ? 0 : target_processors(c, dst);

    if (processors > 0)
        c->threads = c->readers = c->writers =
            MIN(c->threads, (processors + THREADS_SPARE) * (fast ? 2 : 1));
    permits_init(&c->reading, c->readers);
    permits_init(&c->writing, c->writers);
    c->batch_bytes =
        MIN(MAX(memory / c->threads, (size_t)BATCH_BYTES_MIN), (size_t)BATCH_BYTES_MAX);
}

int copy_new(struct worker *w, struct copy **ret, struct err *err)
{
    _cleanup_(copy_freep)
    struct copy *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a copy");
    c->w = w;
    configure(c);
    c->throttle = throttle_new(w->report);
    if (c->throttle == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a copy");
    if (queue_new(c, &c->queue, err) < 0)
        return -1;
    *ret = take_ptr(c);
    return 0;
}

void copy_free(struct copy *c)
{
    if (c == NULL)
        return;
    queue_free(c->queue);
    throttle_free(c->throttle);
    if (c->batch_bytes > 0) { /* settle_threads() */
        permits_done(&c->reading);
        permits_done(&c->writing);
    }
    for (size_t i = 0; i < c->count; i++) {
        carry_done(&c->tables[i].carry);
        bound_done(&c->tables[i].last);
        bound_done(&c->tables[i].max);
    }
    free(c->tables);
    catalog_free(c->catalog);
    catalog_free(c->target);
    free(c);
}

/* ---- catalogs ---- */

static int load_catalog(struct copy *c, struct conn *src, struct err *err)
{
    _cleanup_(scope_freep)
    struct scope *scope = NULL;

    if (scope_new(task_mapping(c->w->task), &scope, err) < 0)
        return -1;
    scope_fold_case(scope, c->src_dialect.lower_case_table_names != 0);
    return catalog_load(src, &c->src_dialect, scope, &c->catalog, err);
}

/*
 * With incremental the relay has stored the catalog of the starting position, before which the copy
 * must not begin: what is written between the two would be in neither.
 */
static int check_start(struct copy *c, struct conn *src, struct conn *dst, struct err *err)
{
    _cleanup_(checkpoint_done)
    struct checkpoint start = { 0 };
    int got;

    if (!c->w->task->do_incr)
        return copy_source_is(c, "", src, err);
    got = control_checkpoint_get(dst, c->fence.schema, c->w->task->project_id, "incr", &start, err);
    if (got < 0)
        return -1;
    return got == 1
               ? copy_source_is(c, start.source_uuid, src, err)
               : err_set(err, ERR_FLOW,
                         "the copy can't begin: the log pull has not noted its starting position");
}

static int get_catalog(struct copy *c, struct conn *src, struct conn *dst, struct err *err)
{
    const char *project = c->w->task->project_id;
    int got;

    if (check_start(c, src, dst, err) < 0)
        return -1;
    got = control_schema_get(dst, c->fence.schema, project, &c->catalog, err);
    if (got != 0)
        return got < 0 ? -1 : 0;
    if (load_catalog(c, src, err) < 0)
        return -1;
    return control_schema_put(dst, &c->fence, c->catalog, err);
}

static int make_tables(struct copy *c, struct err *err)
{
    c->tables = calloc(c->catalog->count + 1, sizeof(*c->tables));
    if (c->tables == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tables", c->catalog->count);
    c->count = c->catalog->count;
    for (size_t i = 0; i < c->count; i++) {
        struct copy_table *t = &c->tables[i];

        t->no = (unsigned)i;
        t->src = c->catalog->tables[i];
        t->keyless = t->src->key < 0;
        t->giant = t->src->avg_row_bytes > GIANT_ROW_BYTES / 8;
        t->no_bulk = t->giant;
        key_plan_of(t->src, &t->key);
    }
    return 0;
}

/* ---- the target server ---- */

static int learn_target(struct copy *c, struct conn *dst, struct err *err)
{
    uint64_t allowed;

    if (ask_number(dst, "SELECT @@max_allowed_packet", 1024 * 1024, &c->max_packet, err) < 0 ||
        ask_number(dst, "SELECT @@global.local_infile", 0, &allowed, err) < 0)
        return -1;
    c->load_allowed = allowed == 1;
    c->bulk_allowed = c->dst_dialect.flavour == FLAVOUR_MARIADB &&
                      c->dst_dialect.version >= BULK_SINCE && conn_bulk_able(dst);
    log_info("full", "target", "bulk=%d load_data=%d max_allowed_packet=%" PRIu64, c->bulk_allowed,
             allowed == 1, c->max_packet);
    return 0;
}

/* Takes the project over; 1: nothing is left to do. */
static int take_over(struct copy *c, struct conn *dst, struct err *err)
{
    struct task *t = c->w->task;
    struct binlog_pos end;
    int got;

    if (dialect_detect(dst, &c->dst_dialect, err) < 0 ||
        control_ensure(dst, t->control_schema, err) < 0)
        return -1;
    settle_threads(c, dst);
    got = control_copy_end_get(dst, t->control_schema, t->project_id, &end, err);
    if (got != 0)
        return got;
    if (control_take_epoch(dst, t->control_schema, t->project_id, "full", c->threads, &c->fence,
                           err) < 0)
        return -1;
    return control_register(dst, &c->fence, err);
}

/* Which tables are new, and what of the others is done. */
static int read_ledger(struct copy *c, struct conn *dst, struct err *err)
{
    if (ledger_load_tables(c, dst, err) < 0 || target_check_empty(c, dst, err) < 0 ||
        ledger_add_tables(c, dst, err) < 0 || ledger_load_chunks(c, dst, err) < 0)
        return -1;
    return queue_open(c->queue, err);
}

int copy_prepare(struct copy *c, struct err *err)
{
    _cleanup_(conn_closep)
    struct conn *src = NULL, *dst = NULL;
    struct node_id node = { 0 };
    int got;

    if (copy_open(c, END_SINK, &dst, err) < 0)
        return -1;
    got = take_over(c, dst, err);
    if (got != 0) {
        c->finished = got > 0;
        return got < 0 ? -1 : 0;
    }
    if (copy_open(c, END_SOURCE, &src, err) < 0 || dialect_detect(src, &c->src_dialect, err) < 0 ||
        get_catalog(c, src, dst, err) < 0 || make_tables(c, err) < 0 ||
        learn_target(c, dst, err) < 0 || target_check_tables(c, dst, err) < 0 ||
        read_ledger(c, dst, err) < 0)
        return -1;
    /* Rows of the copy come from there, as those of the stream do. */
    if (control_node_ask(src, c->w->task->control_schema, &node, err) < 0)
        return -1;
    (void)snprintf(c->fence.origin, sizeof(c->fence.origin), "%s", control_node_name(&node));
    log_info("full", "prepared", "tables=%zu threads=%u readers=%u writers=%u", c->count,
             c->threads, c->readers, c->writers);
    return 0;
}
