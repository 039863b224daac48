/* The assignment of a worker (docs/channel.md), parsed once. Read-only afterwards. */
#ifndef WORKERS_TASK_H
#define WORKERS_TASK_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/id.h"
#include "base/secret.h"
#include "base/util.h"

enum end { END_SOURCE, END_SINK, END_MAX_ };
const char *end_name(enum end e);      /* "source", "sink": messages, channel */
const char *end_item_type(enum end e); /* "SOURCE", "DEST": precheck items */

struct endpoint {
    enum end end;
    char *id;   /* e_… */
    char *type; /* MYSQL, MARIADB, OB_MYSQL, POLARDB_MYSQL */
    char *host;
    int port;
    char *user;
    struct secret *password;
    bool use_ssl;
    char *schema; /* the only database of this source, or NULL */
};

struct task {
    char project_id[ID_MAX];
    char *step;     /* FULL_TRANSFER, … */
    char *kind;     /* precheck schema relay full index incr release */
    char *data_dir; /* this project's folder */
    struct endpoint ends[END_MAX_];
    char *control_schema;
    int retry_minutes; /* how long lost connections are retried */
    bool do_struct, do_full, do_incr, has_index_step;
    bool two_way;            /* the project is one of a pair: forward (activeActive) or reverse */
    bool reverse;            /* source, sink and mapping are exchanged already */
    char forward_id[ID_MAX]; /* reverse: the project that its positions come from; else "" */
    char peer_id[ID_MAX];    /* the other project of the pair; "": none yet */
    int lag_threshold_s;     /* incr: RUNNING becomes MONITORING at or below it */
    struct json_object *doc; /* the whole assignment without the secrets: mapping, configs */
};

/* task_parse(): takes the secrets out of `doc` and keeps the rest. Errors: ERR_CHANNEL. */
int task_parse(struct json_object *doc, struct task **ret, struct err *err);
void task_free(struct task *t);
DEFINE_CLEANUP(struct task, task_free)

/* Sections of the assignment, borrowed; never NULL when the daemon sent the document. */
struct json_object *task_mapping(const struct task *t);
struct json_object *task_struct_config(const struct task *t);
struct json_object *task_full_config(const struct task *t);
struct json_object *task_incr_config(const struct task *t);

/* What a person decided about a DDL statement at which the step had stopped (docs/ddl.md). */
enum ddl_decision { DDL_UNDECIDED, DDL_SKIP, DDL_REPLACE };
/*
 * task_ddl_decision() - of the statement `id` ("file:pos") with this text
 *
 * @statement  report_ddl_text(): after a failover or a reset binlog another one may stand at the id
 * @ret_sql    of DDL_REPLACE; borrowed
 */
enum ddl_decision task_ddl_decision(const struct task *t, const char *id, const char *statement,
                                    const char **ret_sql);

#endif
