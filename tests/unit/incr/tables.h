/* Tables and values made by hand, for the tests of this folder. */
#ifndef TESTS_UNIT_INCR_TABLES_H
#define TESTS_UNIT_INCR_TABLES_H

#include <stdlib.h>
#include <string.h>

#include "workers/incr/plan.h"
#include "workers/mysql/binlog/rows.h"

struct column_of {
    const char *name;
    enum column_kind kind;
    const char *charset, *collation;
    const char *labels; /* JSON array */
};

static inline char *dup_or_null(const char *s)
{
    return s != NULL ? strdup(s) : NULL;
}

/* A table d.name with these columns; the first `key` of them are its primary key. */
static inline struct table *table_of(const char *name, const struct column_of *columns, size_t n,
                                     unsigned key)
{
    struct table *t = calloc(1, sizeof(*t));

    t->db = strdup("d");
    t->name = strdup(name);
    t->mapped_db = strdup("d2");
    t->mapped_name = strdup(name);
    t->engine = strdup("InnoDB");
    t->columns = calloc(n, sizeof(*t->columns));
    t->selected = calloc(n, sizeof(*t->selected));
    t->column_count = n;
    t->key = -1;
    for (size_t i = 0; i < n; i++) {
        struct column *c = &t->columns[i];
        c->name = strdup(columns[i].name);
        c->kind = columns[i].kind;
        c->charset = dup_or_null(columns[i].charset);
        c->collation = dup_or_null(columns[i].collation);
        if (columns[i].labels != NULL)
            c->labels = json_tokener_parse(columns[i].labels);
        t->selected[i] = true;
    }
    if (key > 0) {
        t->key = 0;
        t->index_count = 1;
        t->indexes = calloc(1, sizeof(*t->indexes));
        t->indexes[0] = (struct index){ .name = strdup("PRIMARY"),
                                        .unique = true,
                                        .primary = true,
                                        .usable_key = true,
                                        .column_count = key,
                                        .columns = calloc(key, sizeof(unsigned)),
                                        .prefix = calloc(key, sizeof(unsigned)) };
        for (unsigned i = 0; i < key; i++)
            t->indexes[0].columns[i] = i;
    }
    return t;
}

static inline struct catalog *catalog_of(struct table **tables, size_t n)
{
    struct catalog *c = calloc(1, sizeof(*c));

    c->tables = calloc(n, sizeof(struct table *));
    memcpy(c->tables, tables, n * sizeof(struct table *));
    c->count = n;
    c->by_name = map_new();
    return c;
}

static inline struct value v_int(int64_t i)
{
    return (struct value){ .kind = V_INT, .i = i };
}
static inline struct value v_uint(uint64_t u)
{
    return (struct value){ .kind = V_UINT, .u = u };
}
static inline struct value v_text(const char *s)
{
    return (struct value){ .kind = V_TEXT, .bytes = s, .len = strlen(s) };
}
static inline struct value v_bytes(const char *s, size_t n)
{
    return (struct value){ .kind = V_BYTES, .bytes = s, .len = n };
}
static inline struct value v_null(void)
{
    return (struct value){ .kind = V_NULL };
}

#endif
