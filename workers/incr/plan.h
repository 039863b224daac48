/*
 * What the incremental worker knows of each table in scope before the first row comes: how its
 * values are written, which keys order its transactions, what foreign keys hang on it.
 */
#ifndef WORKERS_INCR_PLAN_H
#define WORKERS_INCR_PLAN_H

#include "base/err.h"
#include "base/util.h"
#include "workers/mysql/binlog/position.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/dialect.h"
#include "workers/mysql/types.h"
#include "workers/scope.h"
#include "workers/touch.h"

/* How a column's value becomes a literal: decided once a column. */
enum literal {
    LIT_NUMBER,  /* integers, BIT, YEAR, DECIMAL's digits */
    LIT_REAL,    /* FLOAT, DOUBLE: 17 digits and an exponent */
    LIT_QUOTED,  /* dates and times, UUID, INET: ASCII text */
    LIT_UTF8,    /* text in utf8mb3 or utf8mb4 */
    LIT_ASCII,   /* another set whose bytes below 0x80 are ASCII: plain when it has no other */
    LIT_CHARSET, /* any other set: introducer and hex digits */
    LIT_BINARY,  /* bytes */
    LIT_JSON,    /* text for a JSON column */
    LIT_ENUM,
    LIT_SET,
};

/* How values of a key column are compared: what may differ and still be equal there. */
enum fold {
    FOLD_EXACT,   /* numbers, dates, bytes */
    FOLD_BYTES,   /* text under a binary collation: blanks at the end may not count */
    FOLD_COARSE,  /* text under a collation whose ASCII part we know: case, i=j=y, u=v=w, blanks */
    FOLD_UNKNOWN, /* takes the whole index */
};

struct unique_key {
    const struct index *index;
    uint32_t number;   /* of the dependency tracker */
    bool always_whole; /* expressions, generated columns: the row does not tell its value */
    enum fold *folds;  /* per column of the index */
};

enum { FOLD_COLUMNS_MAX = 64 };

struct table_plan;
struct child {
    struct table_plan *plan;
    const struct foreign_key *fk;
};

struct table_plan {
    const struct table *t;
    bool keyless;
    bool related;            /* has foreign keys, or is referenced, within the project */
    uint32_t shared_number;  /* keyless or related: one number of the tracker orders it */
    struct unique_key *keys; /* of tables that are neither */
    size_t key_count;
    struct child *children; /* tables whose foreign keys refer to this one */
    size_t child_count;
    enum literal *literals;     /* per column */
    const char **charset_names; /* per column: for an introducer, or NULL */
    bool *same_charset;         /* per column: text in the same character set at the target */
    bool *target_json;          /* per column: of type JSON at the target */
    char (*enum_zeros)[TYPE_ENUM_ZERO_SIZE]; /* per column: what an ENUM at the target reads as
                                                number 0; "": it is none there */
    char *insert_prefix, *replace_prefix;    /* up to and with "VALUES " */
    size_t insert_prefix_len, replace_prefix_len;
    struct binlog_pos skip_until; /* events before it are in the copy (tables without a key) */
    bool filtered;                /* has a row filter */
    bool carry[3];                /* by enum rows_kind: which changes are carried */
    bool folds;                   /* changes of its rows may be folded: fold.h */
    bool loose;                   /* some kind is not: rows may be missing or there already */
    uint64_t inserts, updates, deletes; /* counted since the session began */
    struct image_shape *shape;          /* of the row events kept last (image.h) */
    uint64_t touch_table;               /* witness.h: touch_hash_table() … */
    enum touch_as *touch_as;            /* … per column of its key; NULL: keyless */
    uint64_t touch_spread[2]; /* transaction whose cascades were marked: of updates, of deletes */
};

struct plans {
    struct table_plan *tables;
    size_t count;
    size_t tracker_numbers; /* how many numbers the dependency tracker needs */
    struct map *by_name;
    bool fold_case;
};

/* plans_new(): borrows the catalog. `fold_case`: lower_case_table_names of the source is not 0. */
int plans_new(const struct catalog *c, bool fold_case, struct plans **ret, struct err *err);
void plans_free(struct plans *p);
DEFINE_CLEANUP(struct plans, plans_free)
struct table_plan *plans_find(const struct plans *p, const char *db, const char *name);
/*
 * plans_target_column() - what a column is at the target, where that matters: JSON is compared as
 * such; an ENUM takes number 0, the empty value of a text that was no label
 *
 * @data_type, @column_type, @charset  as information_schema.COLUMNS has them
 */
int plans_target_column(struct plans *p, const char *mapped_db, const char *mapped_name,
                        const char *column, const char *data_type, const char *column_type,
                        const char *charset, struct err *err);
/*
 * plans_kinds() - which kinds of changes are carried of each table
 *
 * @project  recordTypeWhiteList; NULL or without a DML kind: all. A table's own list, or its
 *           database's, counts instead of it, and none in it are none. Until then: all
 * Errors: ERR_NOMEM.
 */
int plans_kinds(struct plans *p, const struct scope *s, struct json_object *project,
                struct err *err);
/* plan_rolls_back(): whether a ROLLBACK takes rows of the table back. */
bool plan_rolls_back(const struct table_plan *p);
bool plans_has_db(const struct plans *p, const char *db);

#endif
