/* Shared by create.c (items, options, partitions) and create_column.c. */
#ifndef WORKERS_SCHEMA_CREATE_PRIV_H
#define WORKERS_SCHEMA_CREATE_PRIV_H

#include "base/json.h"
#include "base/strbuf.h"
#include "workers/mysql/ddl/tokens.h"
#include "workers/mysql/mapping.h"
#include "workers/convert/create.h"

enum {
    OBJECT_MAX = 700
}; /* "table `db`.`name`, column `name`": names of 64 characters of 4 bytes */

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
    bool failed;
    char object[OBJECT_MAX];
};

void builder_object(struct builder *b, const char *what, const char *name);
bool builder_carried(const struct builder *b, const char *column); /* is this column created? */
/* builder_feature(): does the target have it? If not, notes it as its row says. */
bool builder_feature(struct builder *b, enum map_feature f);
/* builder_expression(): tokens [from, to), names of collations mapped, functions looked at. */
void builder_expression(struct builder *b, size_t from, size_t to, struct strbuf *out);
void build_column(struct builder *b, size_t from, size_t to);

#endif
