/*
 * What a DDL statement of the source means for the project (docs/ddl.md): which tables change, join
 * and leave, what is to be run at the target, what a person should know. Pure: ddl_judge() reads,
 * ddl.c acts on it.
 */
#ifndef WORKERS_INCR_DDL_OUTCOME_H
#define WORKERS_INCR_DDL_OUTCOME_H

#include <json-c/json.h>

#include "workers/convert/ddl.h"
#include "workers/incr/plan.h"
#include "workers/mysql/control.h"
#include "workers/mysql/ddl/evolve.h"
#include "workers/scope.h"

/* supportDDLTypes, recordTypeWhiteList and adaptOnlineDdl of incrTransferConfig. */
struct ddl_rules {
    bool carried[DDL_OTHER + 1];
    bool adapt_online;
};
void ddl_rules_read(struct json_object *incr_config, struct ddl_rules *ret);

/* ddl_sql_mode_text(): the bits of an event as the list of words, e.g. "ANSI_QUOTES,…". */
enum { DDL_SQL_MODE_MAX = 1024 };
void ddl_sql_mode_text(uint64_t bits, bool mariadb, char ret[static DDL_SQL_MODE_MAX]);

/* A statement with what its meaning depends on. */
struct ddl_source {
    const char *sql, *default_db;
    size_t sql_len;
    uint64_t sql_mode;
    bool mariadb, explicit_timestamps;
    unsigned version;
    const char *utf8mb4_collation; /* or NULL */
    const char *server_collation;  /* of the session, or NULL */
    unsigned error_code;           /* of the source's server; 0: it did not fail */
};

/* What it is judged against; all borrowed. */
struct ddl_world {
    const struct plans *plans;
    const struct scope *scope;
    const struct facts *facts;
    const struct ddl_shadow *shadows;
    size_t shadow_count;
    const char *control_schema;
    const struct ddl_rules *rules;
    struct binlog_pos pos;      /* of the statement's transaction */
    struct binlog_pos safe_end; /* where the copy ended; file "": no copy */
    unsigned next_number;       /* of a table that joins */
};

struct ddl_entry {
    const struct table_plan *plan; /* NULL: a table that joins */
    const struct table *before;    /* as it is in the catalog */
    const struct table *now;       /* NULL: it leaves */
    bool renamed;
    bool reload; /* how it is now is not known: ask the source */
};

enum ddl_object_kind { DDL_O_TABLE, DDL_O_DATABASE, DDL_O_FUNCTION, DDL_O_PROCEDURE };
struct ddl_object { /* at the target */
    enum ddl_object_kind kind;
    char *db, *name;
};

/* One conversion, or a statement that is ready. */
struct ddl_action {
    const struct ddl_statement *statement; /* NULL: sql */
    struct ddl_statement *owned;
    struct ddl_target *targets; /* as many as the statement has names; texts in `texts` */
    const struct table *before, *after;
    char *default_db;
    uint64_t sql_mode;
    char *sql;
    bool carried;                 /* its object's kinds, or the project's, have this one */
    struct ddl_object objects[2]; /* what the statement changes: their structure tells if it ran */
    size_t object_count;
};

struct ddl_tell {
    const char *level, *event;
    char *text;
};

struct ddl_outcome {
    bool concerned;  /* false: nothing of the project */
    bool quiet;      /* kept track of, nothing to be told */
    bool track_only; /* a kind that is never carried */
    enum ddl_kind kind;
    enum ddl_kind listed_as;    /* the kind that decides whether it is carried */
    bool carried;               /* at least one action, or there is none to carry */
    bool half_done;             /* it failed at the source: when it is skipped, nothing changes */
    char *pending;              /* why it can't go on, or NULL */
    bool can_skip;              /* … and a person may say that it is to be left out */
    struct ddl_entry **entries; /* tables looked at: changed where now is not before */
    size_t entry_count;
    struct ddl_action *actions;
    size_t action_count;
    struct ddl_shadow *shadows; /* changed ones */
    size_t shadow_count;
    bool facts_changed;
    char *facts_db, *facts_collation; /* collation NULL: the database is dropped */
    struct ddl_tell *tells;
    size_t tell_count;
    struct json_object *objects; /* "db.name" */
    struct table **made;         /* owns all new tables; a taken one is NULL */
    size_t made_count;
    unsigned next_number;
    bool failed; /* out of memory; sticks */
};
void ddl_outcome_done(struct ddl_outcome *o);
/* ddl_outcome_take(): `e` is `t` from now on, under its number. Takes it over. -1: no memory. */
int ddl_outcome_take(struct ddl_outcome *o, struct ddl_entry *e, struct table *t);
void ddl_outcome_name(struct ddl_outcome *o, const char *db, const char *name); /* in `objects` */
/* ddl_outcome_reload(): what was done to this table is not known. */
void ddl_outcome_reload(struct ddl_outcome *o, const struct plans *plans, const char *db,
                        const char *name);

/*
 * ddl_judge() - `d` of `from` in this world
 *
 * @d     gets if_exists where it failed at the source for a name that was not there
 * @refs  of the same statement, for kinds that ddl_parse() takes no names of
 * Errors: ERR_NOMEM only; whatever else is wrong is `pending`.
 */
int ddl_judge(const struct ddl_world *w, const struct ddl_source *from, struct ddl_statement *d,
              const struct statement *refs, struct ddl_outcome *ret, struct err *err);
/* ddl_concerns(): may this statement touch the project at all? Cheap, too often rather than too
 * rarely true. 1, 0, -1. */
int ddl_concerns(const struct ddl_world *w, const struct statement *refs, struct err *err);

/* ---- for ddl_judge.c, ddl_tables.c and ddl_shadow.c ---- */

struct ddl_judge {
    const struct ddl_world *w;
    const struct ddl_source *from;
    const struct ddl_statement *d;
    struct evolve_context evolve;
    struct ddl_outcome *o;
};

void outcome_pending(struct ddl_outcome *o, bool can_skip, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void outcome_tell(struct ddl_outcome *o, const char *level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void outcome_concern(struct ddl_outcome *o, const char *db, const char *name);
char *outcome_text(struct ddl_outcome *o, const char *text); /* a copy; NULL sets `failed` */
/* outcome_entry(): the table of that name as it is by now, or NULL. */
struct ddl_entry *outcome_entry(struct ddl_judge *j, const char *db, const char *name);
/* outcome_leaving(): one that no name was looked up of yet leaves. */
struct ddl_entry *outcome_leaving(struct ddl_judge *j, const struct table_plan *p);
struct ddl_entry *outcome_join(struct ddl_judge *j, struct table *t);           /* takes it over */
void outcome_change(struct ddl_judge *j, struct ddl_entry *e, struct table *t); /* takes it over */
struct table *outcome_copy(struct ddl_judge *j, const struct table *t); /* owned by the outcome */
struct ddl_action *outcome_action(struct ddl_judge *j, const struct ddl_statement *d, bool carried);
void action_target(struct ddl_judge *j, struct ddl_action *a, size_t i, const char *db,
                   const char *name);
void action_object(struct ddl_judge *j, struct ddl_action *a, enum ddl_object_kind kind,
                   const char *db, const char *name);
/* outcome_shadow(): its document is `doc` from now on, NULL: gone. Takes it over. */
void outcome_shadow(struct ddl_judge *j, const char *db, const char *name, struct json_object *doc);
/*
 * ddl_carries() - whether a statement listed as outcome.listed_as is carried for this object
 *
 * By its own supportDDLTypes or its database's; else by the project's. Names of the source, as they
 * were before the statement; ddl_carries_list(): `own` is such a list, or NULL.
 */
bool ddl_carries(const struct ddl_judge *j, enum scope_kind kind, const char *db, const char *name);
bool ddl_carries_list(const struct ddl_judge *j, struct json_object *own);
bool ddl_same_name(const struct ddl_world *w, const char *a, const char *b);
const struct ddl_item *ddl_item_of(const struct ddl_statement *d, enum item_kind kind);
/* ddl_unsure_value(): does an added column get values that differ from server to server? */
bool ddl_unsure_value(const struct ddl_statement *d, const struct table *before, bool clock_differs,
                      const char **ret_what);

/* ddl_tables.c */
int judge_create_table(struct ddl_judge *j, struct err *err);
int judge_alter_table(struct ddl_judge *j, struct err *err);
int judge_drop_table(struct ddl_judge *j, struct err *err);
int judge_rename_table(struct ddl_judge *j, struct err *err);
int judge_truncate_table(struct ddl_judge *j, struct err *err);
int judge_alter_entry(struct ddl_judge *j, const struct ddl_statement *d, struct ddl_entry *e,
                      const struct evolve_context *c, struct err *err);

/* ddl_foreign.c: `was` is called `to` now; columns of `parent` are called as `d` says; `t`, which
 * was called `was`. */
void foreign_parent_renamed(struct ddl_judge *j, const struct table *was,
                            const struct ddl_name *to);
void foreign_columns_renamed(struct ddl_judge *j, const struct ddl_statement *d,
                             const struct table *parent);
void foreign_names_follow(struct ddl_judge *j, struct table *t, const char *was);

/* ddl_failed.c: a statement that the source logged with an error: it may be done in part. */
enum failed_as { FAILED_NOT, FAILED_DROP, FAILED_REPLACE, FAILED_UNKNOWN };
/* failed_as(): FAILED_DROP: what was there of its names is gone; FAILED_REPLACE: CREATE OR REPLACE
 * dropped the old table and made no new one. */
enum failed_as failed_as(const struct ddl_source *from, const struct ddl_statement *d);
void judge_replaced_away(struct ddl_judge *j);
/* judge_half_done(): as j->o says it would concern the project, a person has to look. */
void judge_half_done(struct ddl_judge *j);

/* ddl_shadow.c: tables of gh-ost and pt-online-schema-change. */
enum shadow_role { SHADOW_NONE, SHADOW_NEW, SHADOW_OTHER /* change log, sentry, old table */ };
/* shadow_role(): what `name` is to a table called `base`. Pure text. */
enum shadow_role shadow_role(const char *name, const char *base);
struct json_object *shadow_find(struct ddl_judge *j, const char *db, const char *name);
/* 1: it is one, and dealt with; 0: not. */
int shadow_created(struct ddl_judge *j, struct err *err);
int shadow_altered(struct ddl_judge *j, struct json_object *doc, struct err *err);
/* shadow_swap(): `e` gets the structure of its shadow table `doc`, called `name`. */
int shadow_swap(struct ddl_judge *j, struct ddl_entry *e, const struct ddl_name *name,
                struct json_object *doc, struct err *err);
bool shadow_is_of(const struct ddl_world *w, struct json_object *doc, const char *name);

#endif
