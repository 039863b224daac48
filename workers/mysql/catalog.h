/*
 * Tables as the server describes them: columns, keys, foreign keys. Read from information_schema,
 * kept as a value, stored as JSON in the control schema so that the incremental decoder has the
 * columns as they were at the starting position.
 */
#ifndef WORKERS_MYSQL_CATALOG_H
#define WORKERS_MYSQL_CATALOG_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/map.h"
#include "base/util.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"
#include "workers/scope.h"

/* What a column's values need on their way; one row each in the type table (types.h). */
enum column_kind {
    CK_INT, /* TINYINT … BIGINT, BOOL */
    CK_DECIMAL,
    CK_FLOAT,
    CK_DOUBLE,
    CK_BIT,
    CK_CHAR,
    CK_VARCHAR,
    CK_TEXT, /* with a character set */
    CK_BINARY,
    CK_VARBINARY,
    CK_BLOB,
    CK_ENUM,
    CK_SET,
    CK_DATE,
    CK_TIME,
    CK_DATETIME,
    CK_TIMESTAMP,
    CK_YEAR,
    CK_JSON, /* MySQL's JSON type; MariaDB's is CK_TEXT */
    CK_GEOMETRY,
    CK_VECTOR,
    CK_UUID,
    CK_INET4,
    CK_INET6,
    CK_UNKNOWN
};

struct column {
    char *name;
    char *type_text; /* COLUMN_TYPE: "int(10) unsigned", "enum('a','b')" */
    char *data_type; /* DATA_TYPE: "int" */
    enum column_kind kind;
    bool is_unsigned, nullable, generated, invisible, auto_increment;
    bool binary_collation;     /* *_bin, binary, none: equal means byte for byte; most *_bin ignore
                                  trailing blanks (PAD SPACE) */
    char *charset, *collation; /* NULL when it has none */
    unsigned length; /* CHARACTER_MAXIMUM_LENGTH / display width; bytes for binary, characters for
                        char */
    unsigned octets; /* CHARACTER_OCTET_LENGTH (capped), 0 if none */
    unsigned precision, scale;  /* DECIMAL; BIT: precision = bits */
    unsigned fraction;          /* DATETIME_PRECISION, 0–6 */
    unsigned int_bytes;         /* CK_INT: 1 2 3 4 8 */
    struct json_object *labels; /* ENUM, SET: array of label texts (utf8mb4) or NULL */
};

struct index {
    char *name; /* "PRIMARY" */
    bool unique, primary;
    bool usable_key; /* unique and every column NOT NULL: identifies a row */
    bool functional; /* has an expression part: its columns don't tell its key */
    char *kind;      /* BTREE FULLTEXT SPATIAL HASH */
    size_t column_count;
    unsigned *columns; /* positions into table->columns */
    unsigned *prefix;  /* prefix length in characters/bytes, 0: whole */
};

struct foreign_key {
    char *name, *ref_db, *ref_table;
    char *on_delete, *on_update; /* "CASCADE", "RESTRICT", … */
    size_t column_count;
    char **columns, **ref_columns;
};

struct table {
    char *db, *name;
    char *engine, *collation, *create_options;
    char *mapped_db, *mapped_name; /* at the other end */
    char *where;                   /* row filter or NULL */
    struct column *columns;
    size_t column_count; /* in ordinal order, generated and invisible ones too */
    bool *selected;      /* per column: carried (filterColumns; generated ones never are) */
    struct index *indexes;
    size_t index_count; /* PRIMARY first */
    struct foreign_key *fks;
    size_t fk_count;
    int key; /* index that identifies a row (PRIMARY, else a usable_key), -1: none */
    uint64_t rows_estimate, data_bytes, avg_row_bytes;
    bool partitioned;
    unsigned number; /* of its row in cw_schema, when it came from there */
};

void table_free(struct table *t);
DEFINE_CLEANUP(struct table, table_free)
int table_column(const struct table *t, const char *name); /* index ignoring case, -1 */
bool table_rolls_back(const struct table *t); /* whether a ROLLBACK takes rows of it back */

/* catalog_table(): ERR_TABLE_NOT_FOUND. mapped_* are the table's own names until the scope sets
 * them. */
int catalog_table(struct conn *c, const struct dialect *d, const char *db, const char *name,
                  struct table **ret, struct err *err);

/*
 * table_apply_object(): what the scope says of it: mapped names, row filter, columns. Errors:
 * ERR_PARAM for a filterColumns entry that is no column, or that leaves out a key column.
 */
int table_apply_object(struct table *t, const struct scope_object *o, struct err *err);

/* A set of tables in scope. */
struct catalog {
    struct table **tables;
    size_t count;
    struct map *by_name; /* "db\1name" -> struct table, source names */
};
void catalog_free(struct catalog *c);
DEFINE_CLEANUP(struct catalog, catalog_free)
struct table *catalog_find(const struct catalog *c, const char *db, const char *name);
/*
 * catalog_load() - all base tables in scope, in few queries whatever their number
 *
 * Applies renames, filters, column lists and the scope's category (scope_set_category()). The
 * caller says scope_fold_case() first where the server folds names. Sorted by database and name.
 * Errors: ERR_TABLE_NOT_FOUND naming every table listed one by one that is not there; ERR_PARAM
 * for a filterColumns entry that is no column, or that leaves out a key column; ERR_NOT_SUPPORTED
 * when two tables would become one.
 */
int catalog_load(struct conn *c, const struct dialect *d, const struct scope *s,
                 struct catalog **ret, struct err *err);

/* catalog_load_overlapping(): the same, also with tables that would become one at the target. */
int catalog_load_overlapping(struct conn *c, const struct dialect *d, const struct scope *s,
                             struct catalog **ret, struct err *err);

/* To and from the JSON kept in the control schema (one table a document). */
struct json_object *table_to_json(const struct table *t);
int table_from_json(struct json_object *o, struct table **ret, struct err *err);

#endif
