/* Shared by rewrite.c and from_list.c. */
#ifndef WORKERS_CONVERT_REWRITE_PRIV_H
#define WORKERS_CONVERT_REWRITE_PRIV_H

#include "workers/convert/rewrite.h"

struct rewriter {
    const struct rewrite_job *job;
    struct tokens t;
    struct strbuf out;
    size_t copied; /* bytes of the text already in `out` */
};

/* rewriter_copy_to(): everything up to token i as it stands, comments included. */
void rewriter_copy_to(struct rewriter *r, size_t i);
/* rewriter_skip(): token i is not copied. */
void rewriter_skip(struct rewriter *r, size_t i);
const struct renamed *rewriter_lookup(const struct rewriter *r, const char *db, const char *name);

/*
 * Where a query names its tables: FROM a JOIN b, (c, d). Only for a user's view (default_db);
 * else nothing is found. The caller asks for every token in order.
 */
enum { FROM_DEPTH_MAX = 256 };
struct from_list {
    struct rewriter *r;
    struct map *ctes; /* names that WITH gives */
    size_t depth;
    bool select[FROM_DEPTH_MAX]; /* a SELECT stands in these parentheses */
    bool from[FROM_DEPTH_MAX];   /* … and we are between its FROM and what ends it */
    bool expect;                 /* a table's name may come */
};

void from_list_init(struct from_list *f, struct rewriter *r, size_t from);
void from_list_done(struct from_list *f);
bool from_list_at_table(struct from_list *f, size_t i); /* is token i a table's name? */
/* from_list_name(): writes the unqualified name at i as the target's; false: left as it stands. */
bool from_list_name(struct from_list *f, size_t i);

#endif
