/* The frame of the precheck (precheck.c) and what its items (items_….c) are given. */
#ifndef WORKERS_PRECHECK_PRIV_H
#define WORKERS_PRECHECK_PRIV_H

#include "base/map.h"
#include "base/strbuf.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"
#include "workers/precheck/grants.h"
#include "workers/scope.h"
#include "workers/worker.h"

enum verdict_status { V_PASSED, V_WARNING, V_FAILED, V_SKIPPED };

struct verdict {
    enum verdict_status status; /* the worst that was said */
    struct strbuf message, advice;
};
/* verdict_say(): adds to the message; the status becomes the worse of both. */
void verdict_say(struct verdict *v, enum verdict_status s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void verdict_advise(struct verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* verdict_name(): one more name behind the message's start; after 20 only the number is kept. */
struct name_list {
    struct strbuf text;
    size_t count;
};
#define NAME_LIST                                                                                  \
    {                                                                                              \
        .text = STRBUF(16 * 1024)                                                                  \
    }
void names_add(struct name_list *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *names_text(struct name_list *l); /* "a, b and 17 more" */
void names_done(struct name_list *l);

struct end_state {
    struct conn *conn; /* NULL: not connected */
    struct dialect dialect;
    struct map *variables; /* SHOW GLOBAL VARIABLES: name -> text */
    struct grants *grants; /* NULL: could not be read */
    char *account;         /* CURRENT_USER() */
    char uuid[64];         /* server_uuid, or "mariadb:<server id>" */
};

struct precheck {
    struct worker *w;
    struct end_state ends[END_MAX_];
    struct scope *scope;
    struct catalog *cat;       /* NULL until RDB_TABLE_EXIST loaded it */
    struct map *target_tables; /* "db\1name" of base tables at the target */
    int64_t until_ms;          /* monotonic: the whole precheck ends here */
    bool load_tried;
};

enum {
    NEED_SOURCE = 1,
    NEED_SINK = 2,
    NEED_CATALOG = 4,
    NEED_SOURCE_GRANTS = 8,
    NEED_SINK_GRANTS = 16,
    WHEN_STRUCT = 1,
    WHEN_FULL = 2,
    WHEN_INCR = 4,
    WHEN_ANY = 7,
    WHEN_PAIR = 8, /* two directions at once */
    WHEN_BACK = 16 /* … or a way back later: the target will be read, the source written */
};

struct item {
    const char *check_type;
    enum end end;
    const char *name; /* without "Source-", "Destination-" */
    bool skippable;
    unsigned needs, when;
    /* An error it returns is a failed item, or the end's loss. */
    int (*run)(struct precheck *p, enum end end, struct verdict *v, struct err *err);
};

/* A server variable, NULL when it does not have it; var_on(): ON or 1. */
const char *precheck_var(const struct precheck *p, enum end e, const char *name);
bool precheck_on(const struct precheck *p, enum end e, const char *name);
int64_t precheck_number(const struct precheck *p, enum end e, const char *name, int64_t fallback);
bool precheck_late(const struct precheck *p);
bool precheck_target_has(const struct precheck *p, const struct table *t);

/* items_server.c */
int item_connect(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_version(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_charset(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_sql_mode(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_packet(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_time_zone(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_clock(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_read_only(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_local_infile(struct precheck *p, enum end end, struct verdict *v, struct err *err);
/* items_binlog.c */
int item_log_bin(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_format(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_row_image(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_retention(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_server_id(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_replica(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_filter(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_dump(struct precheck *p, enum end end, struct verdict *v, struct err *err);
/* items_priv.c */
int item_full_read(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_incr_read(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_struct_read(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_create(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_write(struct precheck *p, enum end end, struct verdict *v, struct err *err);
/* items_objects.c */
int item_schemas(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_tables(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_engine(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_keys(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_key_types(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_types(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_foreign(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_cascade(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_triggers(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_where(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_names(struct precheck *p, enum end end, struct verdict *v, struct err *err);
/* items_case.c */
int item_lower_case(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_case_sensitive(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_unique_names(struct precheck *p, enum end end, struct verdict *v, struct err *err);
/* items_target.c */
int item_target_tables(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_target_empty(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_cyclic(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_control(struct precheck *p, enum end end, struct verdict *v, struct err *err);
/* items_pair.c, items_probe.c */
int item_nodes(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_topology(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_markers(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_auto_increment(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_pair_keys(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_strategy(struct precheck *p, enum end end, struct verdict *v, struct err *err);
int item_loop_probe(struct precheck *p, enum end end, struct verdict *v, struct err *err);

#endif
