/*
 * The control schema at the target: the transaction table, checkpoints and progress of the copy.
 * "Progress lives with the data": whatever says that this much is done is written in the same
 * transaction as the data it speaks of. Design and proof: docs/design.md, "Exactly once".
 *
 *   cw_lane        one row per task and lane: the transaction table. The first statement of every
 *                  transaction that writes data updates its lane's row WHERE epoch = mine; no row
 *                  matched means that another worker has taken over (ERR_EPOCH_STALE).
 *   cw_task        one row per task: its highest epoch, which never goes back
 *   cw_conn        one row per connection that may write for a task, so that a successor can kill
 * it cw_checkpoint  one row per task: the position up to which everything is applied, without gaps
 *   cw_project     one row per project: is the stored catalog whole, where did the copy end
 *   cw_schema      one row per table in scope: its catalog at incremental's checkpoint
 *   cw_ddl         statements that are being run at the target for a DDL of the source
 *   cw_shadow      tables of online schema change tools, kept out; cw_facts: struct facts
 *   cw_table       one row per copied table; cw_chunk: one row per chunk, planned then done
 *   cw_node, cw_link, cw_mask, cw_canary, cw_conflict, cw_remedy: two-way, docs/two-way.md
 *   cw_meta        version of this layout, and whether Causeway made the database itself
 * The columns are described beside their CREATE TABLE statements in control_layout.c.
 *
 * A task is "<project id>/<kind>", kind = relay, full, incr, schema. Lanes are numbered from 0.
 */
#ifndef WORKERS_MYSQL_CONTROL_H
#define WORKERS_MYSQL_CONTROL_H

#include "base/err.h"
#include "workers/mysql/binlog/position.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/conn.h"

enum {
    CONTROL_NODE_MAX = 17,      /* a node's id and a NUL */
    CONTROL_PATH_MAX = 256,     /* a path of such ids and a NUL: cw_lane.origin */
    CONTROL_APPLIED_MAX = 4096, /* bytes of a lane's list of applied transactions */
    CONTROL_LANES_MAX = 1024,
};

/*
 * control_ensure(): makes the schema and its tables where absent, or upgrades them. An account that
 * may not create databases is enough where the (empty) database exists. ERR_CONTROL_SCHEMA.
 */
int control_ensure(struct conn *c, const char *schema, struct err *err);

struct fence {
    const char *schema; /* borrowed */
    char task[ID_MAX + 16];
    uint64_t epoch;
    /* Path of its transactions where no other is given: the source's node. "": they hold nothing
     * but rows of the control schema. Set by who has taken the epoch. */
    char origin[CONTROL_PATH_MAX];
};
/*
 * control_take_epoch() - takes over a task: a new, higher epoch on all its lane rows (lanes 0 to
 * `lanes` - 1 are made where absent), in one transaction, which waits for what a predecessor has in
 * flight. The connections that the predecessor registered are killed before and after it, and it
 * returns when they are gone: nothing of the predecessor can write any more, DDL included.
 *
 * Errors: ERR_DB_RETRY when a lane row stayed locked for ten minutes; conn_exec's.
 */
int control_take_epoch(struct conn *c, const char *schema, const char *project_id, const char *kind,
                       unsigned lanes, struct fence *ret, struct err *err);
/*
 * control_register(): notes CONNECTION_ID() of `c` as belonging to this task and epoch, so that a
 * successor can kill it. A named lock of the session (GET_LOCK) proves that the number still means
 * this session; a server without such locks just has nothing to kill. Not while a transaction is
 * open. Errors: ERR_EPOCH_STALE.
 */
int control_register(struct conn *c, const struct fence *f, struct err *err);

/*
 * control_mark_sql() - appends the UPDATE of the lane's row: the first statement of a transaction
 *
 * @lwm      low-water mark: every source transaction up to this number is applied
 * @applied  encoded numbers beyond lwm that this lane has applied, this transaction included
 * @path     nodes that its rows have passed, joined by commas; NULL: the fence's origin
 * (full copy: lwm = a counter, applied empty). Must affect exactly one row: else ERR_EPOCH_STALE.
 */
void control_mark_sql(struct strbuf *sql, const struct fence *f, unsigned lane, uint64_t lwm,
                      const void *applied, size_t applied_len, const char *path);
/* control_begin(): BEGIN and the mark, executed and checked. */
int control_begin(struct conn *c, const struct fence *f, unsigned lane, uint64_t lwm,
                  const void *applied, size_t applied_len, struct err *err);
/* control_begin_keep(): as control_begin, but leaves what the lane says (lwm, applied) alone. */
int control_begin_keep(struct conn *c, const struct fence *f, unsigned lane, struct err *err);
/* control_check(): is this epoch still ours? For statements that can't be in a transaction (DDL).
 */
int control_check(struct conn *c, const struct fence *f, struct err *err);

struct lane_row {
    unsigned lane;
    uint64_t epoch, lwm;
    unsigned char *applied;
    size_t applied_len;
};
int control_lanes(struct conn *c, const struct fence *f, struct lane_row **ret, size_t *ret_count,
                  struct err *err);
void lane_rows_free(struct lane_row *rows, size_t count);

/* Checkpoint of a task: kind "incr" holds the starting position from the moment the relay starts.
 */
struct checkpoint {
    uint64_t seq;          /* source transactions counted from the start of the project */
    struct binlog_pos pos; /* the next event to read starts here */
    char *gtid_set;        /* of the same moment, or NULL */
    char source_uuid[64];  /* server of `pos`: server_uuid, or "mariadb:<server id>" */
    int64_t source_ts;     /* Unix s of the last transaction before it */
};
void checkpoint_done(struct checkpoint *c);
/* control_checkpoint_get(): 1 found, 0 none, -1 error. */
int control_checkpoint_get(struct conn *c, const char *schema, const char *project_id,
                           const char *kind, struct checkpoint *ret, struct err *err);
/*
 * control_checkpoint_init(): the checkpoint of the project's task `kind` (the fence may be another
 * task's, lane 0 is used): written only when there is none yet; the stored one wins and is
 * returned.
 */
int control_checkpoint_init(struct conn *c, const struct fence *f, const char *kind,
                            struct checkpoint *io, struct err *err);
/* control_checkpoint_put(): in a fenced transaction of its own. */
int control_checkpoint_put(struct conn *c, const struct fence *f, unsigned lane,
                           const struct checkpoint *cp, struct err *err);

/*
 * control_last_applied(): the highest number that any lane of the task tells to be applied; 0 when
 * there is none. Read it when nobody applies.
 */
int control_last_applied(struct conn *c, const char *schema, const char *project_id,
                         const char *kind, uint64_t *ret, struct err *err);

/*
 * control_reset_put() - the project goes on elsewhere in the stream: in one fenced transaction the
 * checkpoint is replaced, the lanes' lists are emptied, the end of safe mode is moved, and `id` is
 * noted
 *
 * @f   of the task "incr", taken over by the caller
 * @cp  its seq must be no lower than control_last_applied()
 * control_reset_get(): the id of the last one: 1 found, 0 none (""), -1. Kept as the checkpoint of
 * a task "<project>/reset": where the reset began, its id in place of the source's identity.
 */
enum { CONTROL_RESET_ID_MAX = 64 };
int control_reset_put(struct conn *c, const struct fence *f, const char *id,
                      const struct checkpoint *cp, const struct binlog_pos *safe_end,
                      struct err *err);
int control_reset_get(struct conn *c, const char *schema, const char *project_id,
                      char ret[static CONTROL_RESET_ID_MAX], struct err *err);
/*
 * control_schema_forget(): the stored catalog, its tables' snapshot positions and everything about
 * DDL no longer count: control_schema_put() and control_facts_put() store them anew.
 */
int control_schema_forget(struct conn *c, const struct fence *f, const char *project_id,
                          struct err *err);

/*
 * The catalog at the starting position; written once (relay, or full where there is no relay): a
 * whole one that is there already stays. Tables are numbered in the order of the catalog.
 */
int control_schema_put(struct conn *c, const struct fence *f, const struct catalog *cat,
                       struct err *err);
int control_schema_get(struct conn *c, const char *schema, const char *project_id,
                       struct catalog **ret, struct err *err); /* 1 found, 0 none */

/*
 * DDL that is being carried (docs/ddl.md). Each statement for the target has a row before it is
 * run, so that a successor knows by the fingerprint whether it did. Numbered by the source's
 * transaction and a step within it.
 */
enum ddl_step_state { DDL_STEP_INTENT, DDL_STEP_DONE, DDL_STEP_FINISHED /* the whole statement */ };
struct ddl_step {
    uint64_t seq;
    unsigned step;
    enum ddl_step_state state;
    char *fingerprint, *sql;
};
void ddl_step_done(struct ddl_step *s);
/* control_ddl_get(): 1 found, 0 none, -1. */
int control_ddl_get(struct conn *c, const char *schema, const char *project_id, uint64_t seq,
                    unsigned step, struct ddl_step *ret, struct err *err);
/* control_ddl_put(): written or replaced, in a fenced transaction of its own. */
int control_ddl_put(struct conn *c, const struct fence *f, const struct ddl_step *s,
                    struct err *err);
/* control_ddl_mark(): into an open fenced transaction: this step is done. */
int control_ddl_mark(struct conn *c, const struct fence *f, uint64_t seq, unsigned step,
                     struct err *err);
int control_ddl_forget(struct conn *c, const struct fence *f, uint64_t seq, unsigned step,
                       struct err *err); /* the server refused it: it did not run */

struct ddl_shadow {
    char *db, *name;
    struct json_object *doc; /* NULL: is removed */
};
void ddl_shadows_free(struct ddl_shadow *s, size_t count);
int control_shadows_get(struct conn *c, const char *schema, const char *project_id,
                        struct ddl_shadow **ret, size_t *ret_count, struct err *err);

/* control_facts_*: facts_to_json(). put: over what is there. get: 1 found, 0 none, -1. */
int control_facts_put(struct conn *c, const struct fence *f, struct json_object *facts,
                      struct err *err);
int control_facts_get(struct conn *c, const char *schema, const char *project_id,
                      struct json_object **ret, struct err *err);
/* control_next_table(): a number that neither cw_schema nor cw_table has. */
int control_next_table(struct conn *c, const char *schema, const char *project_id, unsigned *ret,
                       struct err *err);

/* What a DDL statement of the source leaves, stored in one fenced transaction. */
struct ddl_commit {
    const struct checkpoint *cp; /* behind it; in the middle of a transaction: before that */
    uint64_t seq;      /* of the statement's transaction: steps of it and of older ones go */
    unsigned finished; /* not 0: rows of its transaction follow: kept as this DDL_STEP_FINISHED */
    const struct table *const *put; /* documents, new or changed, by table.number */
    size_t put_count;
    const unsigned *gone; /* numbers of tables that left */
    size_t gone_count;
    struct json_object *facts; /* NULL: as they are */
    const struct ddl_shadow *shadows;
    size_t shadow_count;
};
int control_ddl_commit(struct conn *c, const struct fence *f, const struct ddl_commit *what,
                       struct err *err);

/*
 * Where the copy ended: incremental applies in safe mode up to here. The row also says that the
 * copy is finished; `end` is NULL (and read back with an empty file) where no binlog is used.
 */
int control_copy_end_put(struct conn *c, const struct fence *f, const struct binlog_pos *end,
                         struct err *err);
int control_copy_end_get(struct conn *c, const char *schema, const char *project_id,
                         struct binlog_pos *ret, struct err *err); /* 1, 0, -1 */

/*
 * control_snapshot_positions(): tables that were copied in one consistent snapshot (those without a
 * key). Events of such a table that start before `pos` are in the copy: skip exactly those.
 */
struct snapshot_position {
    char *db, *name; /* at the source, when the copy began */
    unsigned number; /* the table's in cw_schema: it may have been renamed since */
    struct binlog_pos pos;
};
int control_snapshot_positions(struct conn *c, const char *schema, const char *project_id,
                               struct snapshot_position **ret, size_t *ret_count, struct err *err);
void snapshot_positions_free(struct snapshot_position *p, size_t count);

/* ---- two-way: control_pair.c ---- */

/*
 * Behind a project's id: what is noted under it is where a reverse project is to begin, at the
 * target of the forward one: checkpoint of kind "incr", catalog, facts.
 */
#define CONTROL_TURN "~"

/* control_node_of(): "~" and 8 digits out of a server's identity: a node without control schema. */
void control_node_of(const char *identity, char ret[static CONTROL_NODE_MAX]);
enum { CONTROL_IDENTITY_MAX = 64 };
/* What a server is known by where it is not named as a node. */
struct node_id {
    char node[CONTROL_NODE_MAX];         /* of cw_node; "": none there, or not readable */
    char plain[CONTROL_NODE_MAX];        /* control_node_of() its identity */
    char identity[CONTROL_IDENTITY_MAX]; /* server_uuid; MariaDB: server id, host, port, folder */
};
/* control_node_ask(): who the server of `c` is. */
int control_node_ask(struct conn *c, const char *schema, struct node_id *ret, struct err *err);
/* control_node_name(): what paths call it. */
const char *control_node_name(const struct node_id *n);
/* control_path_has(): is `node` one of the path's? */
bool control_path_has(const char *path, const char *node);
/* control_path_join(): path, comma, node into `ret`; false: no room. */
bool control_path_join(const char *path, const char *node, char ret[static CONTROL_PATH_MAX]);
/* control_link_put(): what this task reads from, in a fenced transaction of its own if changed. */
int control_link_put(struct conn *c, const struct fence *f, const char *source_node,
                     const char *source_id, struct err *err);

/*
 * control_release(): removes every row of the project, in chunks, and the schema itself when no
 * project is left in it (the database only where Causeway made it and nothing else is inside).
 * Nothing there is fine. The project's workers must have ended.
 */
int control_release(struct conn *c, const char *schema, const char *project_id, struct err *err);

#endif
