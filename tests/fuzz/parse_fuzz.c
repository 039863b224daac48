/*
 * DDL as a binlog brings it, through the parser and the tracker: CREATE TABLE makes a table, ALTER
 * changes a fixed one. Bits of the first byte are flavour, version and sql_mode. Whatever comes in
 * ends with a table whose keys point at its columns, or with an error that says something.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "workers/mysql/ddl/evolve.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 16 * 1024, MARIADB = 1, OLD = 2, ANSI = 4, NO_BACKSLASH = 8, IMPLICIT = 16 };

static const char facts_text[] =
    "{\"charsets\":{\"utf8mb4\":\"utf8mb4_0900_ai_ci\",\"utf8mb3\":\"utf8mb3_general_ci\","
    "\"latin1\":\"latin1_swedish_ci\",\"ucs2\":\"ucs2_general_ci\",\"binary\":\"binary\"},"
    "\"collations\":{\"255\":\"utf8mb4_0900_ai_ci\",\"33\":\"utf8mb3_general_ci\","
    "\"8\":\"latin1_swedish_ci\",\"47\":\"latin1_bin\",\"35\":\"ucs2_general_ci\","
    "\"46\":\"utf8mb4_bin\",\"63\":\"binary\"},\"databases\":{\"d\":\"latin1_swedish_ci\"}}";
static const char table_text[] =
    "CREATE TABLE t (a INT NOT NULL AUTO_INCREMENT, b VARCHAR(20) DEFAULT 'x', c TEXT, d ENUM('x','"
    "y'), e TIMESTAMP, f INT AS (a + 1), PRIMARY KEY (a), UNIQUE (b), KEY k (b(3), d), KEY (c(9)),"
    " FOREIGN KEY (f) REFERENCES p (x))";

static struct facts *make_facts(unsigned flags)
{
    struct json_object *o = NULL;
    struct facts *f = NULL;
    struct err err = { 0 };

    if (json_parse(facts_text, sizeof(facts_text) - 1, 8, &o, &err) < 0 ||
        facts_from_json(o, &f, &err) < 0)
        abort();
    (void)json_object_put(o);
    f->mariadb = (flags & MARIADB) != 0;
    f->version = f->mariadb ? 101119 : (flags & OLD) != 0 ? 50624 : 90700;
    return f;
}

static void check_table(const struct table *t)
{
    struct json_object *o = table_to_json(t);
    struct table *back = NULL;
    struct err err = { 0 };

    if (o == NULL || t->column_count == 0)
        abort();
    for (size_t i = 0; i < t->index_count; i++)
        for (size_t k = 0; k < t->indexes[i].column_count; k++)
            if (t->indexes[i].columns[k] >= t->column_count)
                abort();
    if (table_from_json(o, &back, &err) < 0) /* what we store we can read */
        abort();
    table_free(back);
    (void)json_object_put(o);
}

static void evolve(const struct ddl_statement *s, const struct table *fixed,
                   const struct evolve_context *c)
{
    struct table *t = NULL;
    struct err err = { 0 };
    int rc;

    if (s->kind == DDL_CREATE_TABLE)
        rc = evolve_create(s, s->like.name != NULL ? fixed : NULL, c, &t, &err);
    else
        rc = evolve_alter(s, fixed, c, &t, &err);
    if (rc == 0)
        check_table(t);
    else if (err.code == ERR_NONE || err.message[0] == '\0')
        abort();
    table_free(t);
}

static struct ddl_statement *parse(const char *text, size_t len, unsigned flags)
{
    struct statement_context c = {
        .default_db = "d",
        .sql_mode = ((flags & ANSI) != 0 ? SQL_MODE_ANSI_QUOTES : 0u) |
                    ((flags & NO_BACKSLASH) != 0 ? SQL_MODE_NO_BACKSLASH_ESCAPES : 0u),
        .mariadb = (flags & MARIADB) != 0,
        .version = (flags & OLD) != 0 ? 50624 : 0,
    };
    struct ddl_statement *s = NULL;
    struct err err = { 0 };

    if (ddl_parse(text, len, &c, &s, &err) < 0 && err.code != ERR_DDL_UNPARSED)
        abort();
    return s;
}

static void run(const char *text, size_t len, unsigned flags)
{
    struct ddl_statement *s = parse(text, len, flags), *make;
    struct evolve_context c = { .sql_mode = (flags & NO_BACKSLASH) != 0
                                                ? SQL_MODE_NO_BACKSLASH_ESCAPES
                                                : 0u,
                                .explicit_timestamps = (flags & IMPLICIT) == 0 };
    struct table *fixed = NULL;
    struct facts *f;
    struct err err = { 0 };

    if (s == NULL)
        return;
    if (s->kind == DDL_CREATE_TABLE || s->kind == DDL_ALTER_TABLE || s->kind == DDL_CREATE_INDEX ||
        s->kind == DDL_DROP_INDEX) {
        f = make_facts(flags);
        make = parse(table_text, sizeof(table_text) - 1, flags & ~(unsigned)(ANSI | NO_BACKSLASH));
        c.facts = f;
        if (make == NULL || evolve_create(make, NULL, &c, &fixed, &err) < 0)
            abort();
        evolve(s, fixed, &c);
        table_free(fixed);
        ddl_statement_free(make);
        facts_free(f);
    }
    ddl_statement_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact;

    if (size < 1 || size > TEXT_MAX)
        return 0;
    exact = malloc(size); /* without a NUL behind: ASan sees who reads it */
    if (exact == NULL)
        return 0;
    memcpy(exact, data + 1, size - 1);
    run(exact, size - 1, data[0]);
    free(exact);
    return 0;
}
