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
/* ctx_ddl(): one statement at the target under the epoch; a refusal names `what`. */
int ctx_ddl(struct schema_ctx *c, const char *sql, const char *what, struct err *err);

/* What is done with normal indexes, by structTransferConfig. */
enum index_policy { INDEX_WITH_TABLE, INDEX_AFTER_COPY, INDEX_NONE };
enum index_policy schema_index_policy(const struct task *t);
bool schema_wants_triggers(const struct task *t);
bool schema_wants_events(const struct task *t);

/* schema_create_text(): SHOW CREATE TABLE of `t` and the target's statement of it. */
int schema_create_text(struct schema_ctx *c, const struct table *t, bool with_indexes,
                       struct create_result *ret, struct err *err);

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
