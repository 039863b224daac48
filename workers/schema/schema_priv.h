/* One run over both ends: shared by schema.c (STRUCT_TRANSFER) and finish.c (INDEX_TRANSFER). */
#ifndef WORKERS_SCHEMA_PRIV_H
#define WORKERS_SCHEMA_PRIV_H

#include "base/map.h"
#include "workers/convert/create.h"
#include "workers/convert/notes.h"
#include "workers/convert/rewrite.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/control.h"
#include "workers/mysql/dialect.h"
#include "workers/scope.h"
#include "workers/worker.h"

enum object_kind { OBJ_VIEW, OBJ_FUNCTION, OBJ_PROCEDURE, OBJ_TRIGGER, OBJ_EVENT, OBJ_SEQUENCE };

struct object {
    enum object_kind kind;
    char *db, *name;
    char *mapped_db, *mapped_name;
    char *table; /* OBJ_TRIGGER: mapped name of its table */
    char *text;  /* SHOW CREATE … */
    char *sql_mode, *time_zone;
    char *client;    /* the character set that its author's client spoke */
    char *collation; /* collation_connection of its making; once listed, the target's name of it */
    bool done;
    char *failure; /* OBJ_VIEW: why the last try failed */
};

struct objects {
    struct object *list;
    size_t count, cap;
};

struct database {
    char *name, *mapped; /* mapped NULL: nothing of it has a place of its own */
    char *collation;
    bool whole;
};

struct schema_ctx {
    struct worker *w;
    struct conn *src, *dst;
    struct dialect from, to;
    struct scope *scope;
    struct catalog *cat;
    struct fence fence;
    struct map *collations; /* the target's, lower case */
    struct map *overrides;  /* collationMapping, see map_override() */
    struct map *names;      /* struct renamed, for references in views and routines */
    struct map *check_names;
    struct map *existing; /* "db\1name" of the target's tables and views, see ctx_existing */
    struct database *dbs;
    size_t db_count;
    char *sql_mode; /* of our session at the target */
    struct notes notes;
};

/* ctx_open(): both ends, catalog, control schema, epoch. 0, STAGE_STOPPED or -1. */
int ctx_open(struct schema_ctx *c, struct worker *w, struct err *err);
void ctx_close(struct schema_ctx *c);

/*
 * schema_with_retries() - runs `fn` over a fresh context until it ends or fails for good
 *
 * All that `fn` does can be done again: a lost connection starts it anew.
 */
int schema_with_retries(struct worker *w, int (*fn)(struct schema_ctx *c, struct err *err),
                        struct err *err);

enum { CTX_NONE = 0, CTX_TABLE = 1, CTX_VIEW = 2 };
int ctx_existing(const struct schema_ctx *c, const char *db, const char *name);
/* ctx_ddl(): one statement at the target under the epoch; a refusal names `what`. ctx_ddl_on():
 * over another connection to it, from any thread. */
int ctx_ddl(struct schema_ctx *c, const char *sql, const char *what, struct err *err);
int ctx_ddl_on(const struct schema_ctx *c, struct conn *dst, const char *sql, const char *what,
               struct err *err);

/*
 * What is done with normal indexes, by structTransferConfig. AUTO: large tables that the project
 * creates get them when their rows are there, the others with the table.
 */
enum index_policy { INDEX_WITH_TABLE, INDEX_AFTER_COPY, INDEX_AUTO, INDEX_NONE };
enum index_policy schema_index_policy(const struct task *t);
bool schema_wants_triggers(const struct task *t);
bool schema_wants_events(const struct task *t);

/* schema_create_text(): SHOW CREATE TABLE of `t` and the target's statement of it. */
int schema_create_text(struct schema_ctx *c, const struct table *t, enum index_policy policy,
                       struct create_result *ret, struct err *err);

/*
 * indexes.c: normal indexes that are made when the rows are there
 *
 * indexes_can_wait(): is this table worth it, under INDEX_AUTO? indexes_put_off(): takes the empty
 * table's indexes away, after noting that it is one of ours. indexes_make(): what is missing of all
 * tables that wait, several at a time; `done` is called from any thread. 0, STAGE_STOPPED, -1.
 */
bool indexes_can_wait(const struct table *t, const struct create_result *made);
int indexes_note(struct schema_ctx *c, const struct table *t, struct err *err);
void indexes_drop_text(struct strbuf *sql, const struct table *t, const struct create_result *made);
struct indexes_calls {
    void *ctx;
    void (*planned)(void *ctx, size_t tables);
    void (*done)(void *ctx, size_t indexes); /* one more table */
};
int indexes_make(struct schema_ctx *c, const struct indexes_calls *calls, struct err *err);
/* schema_names(): of what a table at the target has, lower case. `sql_head` ends before WHERE. */
int schema_names(struct schema_ctx *c, const char *sql_head, const struct table *t, struct map *ret,
                 struct err *err);
bool schema_has_name(const struct map *have, const char *name);
/* schema_tell_more(): what completes a table after the copy. */
void schema_tell_more(const struct schema_ctx *c, const struct table *t, const char *kind,
                      const char *name, const char *sql);

/* objects.c: what there is beside tables, of the kinds in scope; with their text. */
int objects_views(struct schema_ctx *c, struct objects *ret, struct err *err);
int objects_routines(struct schema_ctx *c, struct objects *ret, struct err *err);
int objects_events(struct schema_ctx *c, struct objects *ret, struct err *err);
int objects_triggers(struct schema_ctx *c, struct objects *ret, struct err *err);
/* objects_uncarried(): sequences in scope, into the notes. */
int objects_uncarried(struct schema_ctx *c, struct err *err);
void objects_done(struct objects *o);
/* object_create(): the statement for the target, run with the session the object was made in. */
int object_create(struct schema_ctx *c, const struct object *o, struct err *err);
const char *object_kind_name(enum object_kind k);

/* compare.c: does the target's table fit? Differences go to the notes as refused. */
int compare_table(struct schema_ctx *c, const struct table *t, struct err *err);
int compare_view(struct schema_ctx *c, const struct object *o, struct err *err);

#endif
