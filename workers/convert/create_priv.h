/* Pieces of a table's definition, made for SHOW CREATE's text (create.c) and for statements as
 * users write them (ddl_create.c, ddl_alter.c) by the same code. */
#ifndef WORKERS_CONVERT_CREATE_PRIV_H
#define WORKERS_CONVERT_CREATE_PRIV_H

#include "base/json.h"
#include "base/strbuf.h"
#include "workers/convert/create.h"
#include "workers/mysql/ddl/parse.h"
#include "workers/mysql/ddl/tokens.h"
#include "workers/mysql/mapping.h"

enum {
    OBJECT_MAX = 700, /* "table `db`.`name`, column `name`": names of 64 characters of 4 bytes */
    STATEMENT_MAX = 16 * 1024 * 1024
};

struct builder {
    const struct create_job *job;
    const struct tokens *t;
    struct notes *notes;
    struct strbuf items; /* "…,\n  …" */
    struct strbuf
        checks; /* CHECKs that columns had, for targets that take them at the table only */
    struct create_result *out;
    const char *engine;
    bool partitioned;
    bool user_text;   /* a user's statement: names without quotes, types in any spelling, … */
    bool by_selected; /* columns carried by table->selected, not by job->columns */
    bool implicit_timestamps; /* user_text: explicit_defaults_for_timestamp was OFF */
    const char *between;      /* what stands before each of `checks` */
    /* user_text: CHECKs without a name get the one that the source gives them, so that a later DROP
     * CONSTRAINT finds it; NULL: the target's own numbering is the same, or can't be told */
    const char *check_table;
    unsigned checks_unnamed; /* met so far, carried or not */
    /* user_text: writes a REFERENCES of a column; NULL: left out */
    void (*references)(struct builder *b, const char *column, size_t from, size_t to);
    void *context; /* of `references` */
    bool failed;
    char object[OBJECT_MAX];
};

void builder_object(struct builder *b, const char *what, const char *name);
bool builder_carried(const struct builder *b, const char *column); /* is this column created? */
/* builder_feature(): does the target have it? If not, notes it as its row says. */
bool builder_feature(struct builder *b, enum map_feature f);
/* builder_column_word(): does token i stand for a column of the table? Its position, or -1. */
int builder_column_word(const struct builder *b, size_t i);
/* builder_token(): token i; a user's column name gets quotes, since words that are reserved differ
 * between servers. */
void builder_token(struct builder *b, size_t i, struct strbuf *out);
/* builder_expression(): tokens [from, to), names of collations mapped, functions looked at. */
void builder_expression(struct builder *b, size_t from, size_t to, struct strbuf *out);
/* builder_names_carried(): false when [from, to) names a column that is left out. */
bool builder_names_carried(const struct builder *b, size_t from, size_t to);
void builder_add_item(struct builder *b, const struct strbuf *text);

void build_column(struct builder *b, size_t from, size_t to);
/* build_column_definition(): "`name` type …" of tokens [from, to), which begin with the type. */
void build_column_definition(struct builder *b, const struct column *col, size_t from, size_t to,
                             struct strbuf *out);
/* build_column_default(): " DEFAULT …" of what begins at `from`; returns the token behind it. */
size_t build_column_default(struct builder *b, const struct column *col, size_t from, size_t to,
                            struct strbuf *out);
/* build_check(): [CONSTRAINT name] CHECK (…) [NOT ENFORCED] into `out`, of the CHECK in [from, to);
 * false: left out. */
bool build_check(struct builder *b, const char *name, size_t from, size_t to, struct strbuf *out);

/* builder_check_name(): the name that the source gives a CHECK without one, or NULL. Once for each
 * of them, in their order. */
const char *builder_check_name(struct builder *b, char ret[static OBJECT_MAX]);

/* create_index.c */
void build_index(struct builder *b, size_t from, size_t to);
/* build_user_index(): "UNIQUE KEY `name` (…) …" of a parsed item; false: left out or refused. */
bool build_user_index(struct builder *b, const struct ddl_item *item, const char *name,
                      struct strbuf *out);
void check_long_unique(struct builder *b, const struct column *col);

/* One table option that begins at i, into `out`; returns the index behind it. */
size_t build_option(struct builder *b, size_t i, size_t to, struct strbuf *out);
/* build_default_collation(): " DEFAULT CHARSET=… COLLATE=…" of a collation of the source. */
void build_default_collation(struct builder *b, const char *collation, struct strbuf *out);
/* build_partitions(): tokens [from, to) with engines mapped, directories and tablespaces left out.
 */
void build_partitions(struct builder *b, size_t from, size_t to, struct strbuf *out);

#endif
