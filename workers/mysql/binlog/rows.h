/* TABLE_MAP and row events: from bytes to typed values. */
#ifndef WORKERS_MYSQL_BINLOG_ROWS_H
#define WORKERS_MYSQL_BINLOG_ROWS_H

#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "workers/mysql/binlog/event.h"
#include "workers/mysql/catalog.h"

struct table_map {
    uint64_t table_id;
    char *db, *table;
    size_t column_count;
    uint8_t *types; /* MYSQL_TYPE_… as on the wire (real type for ENUM/SET in STRING) */
    uint16_t *meta;
    uint8_t *nullable;     /* bitmap */
    uint8_t *unsignedness; /* one byte a column: 0/1, or NULL when the metadata does not tell */
    char **names;          /* binlog_row_metadata=FULL, else NULL */
};
int table_map_parse(const struct binlog_format *f, const struct event *e, struct table_map **ret,
                    struct err *err);
void table_map_free(struct table_map *m);
DEFINE_CLEANUP(struct table_map, table_map_free)
/*
 * table_map_check() - does this event's table fit the catalog's?
 * Compares count, types with their metadata, signedness and names where told. The event may have
 * more columns at its end: the hidden ones of MariaDB's UNIQUE over long columns. Errors:
 * ERR_SCHEMA_MISMATCH naming table, column and both types.
 */
int table_map_check(const struct table_map *m, const struct table *t, struct err *err);

enum value_kind {
    V_ABSENT, /* not in this image: never taken for NULL */
    V_NULL,
    V_INT,    /* i */
    V_UINT,   /* u: unsigned integers, BIT, ENUM index, SET bits, YEAR */
    V_FLOAT,  /* f */
    V_DOUBLE, /* d */
    V_TEXT,  /* bytes, plain ASCII: DECIMAL, DATE, TIME, DATETIME, TIMESTAMP (UTC), UUID, INET; JSON
                (utf8mb4) */
    V_BYTES, /* bytes as the column holds them: CHAR … BLOB, GEOMETRY (SRID + WKB), VECTOR */
};
struct value {
    enum value_kind kind;
    union {
        int64_t i;
        uint64_t u;
        float f;
        double d;
    };
    const char *bytes;
    size_t len; /* V_TEXT, V_BYTES: borrowed from the event or the row buffer */
};

enum rows_kind { ROWS_INSERT, ROWS_UPDATE, ROWS_DELETE };
struct rows_flags {
    bool stmt_end, no_foreign_key_checks, relaxed_unique_checks;
};

/*
 * A row event being read. The before image is set for UPDATE and DELETE, the after image for
 * INSERT and UPDATE: arrays of map->column_count values, valid until the next rows_next().
 */
struct rows;
int rows_open(const struct binlog_format *f, const struct event *e, const struct table_map *m,
              const struct table *t, struct rows **ret,
              struct err *err); /* any ROWS event incl. v1, v2, MariaDB compressed */
void rows_close(struct rows *r);
DEFINE_CLEANUP(struct rows, rows_close)
uint64_t rows_table_id(const struct binlog_format *f, const struct event *e,
                       struct rows_flags *ret_flags); /* without a map; UINT64_MAX: malformed */
enum rows_kind rows_kind(const struct rows *r);
struct rows_flags rows_flags(const struct rows *r);
int rows_next(struct rows *r, const struct value **ret_before, const struct value **ret_after,
              struct err *err); /* 1, 0 end, -1 */

#endif
