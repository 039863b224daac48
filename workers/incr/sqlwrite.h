/*
 * Row images as SQL for the target: literals that give a column exactly the value it had, and the
 * statements around them. Text goes into transactions (txn.h); no server is asked.
 */
#ifndef WORKERS_INCR_SQLWRITE_H
#define WORKERS_INCR_SQLWRITE_H

#include "workers/incr/plan.h"
#include "workers/incr/txn.h"
#include "workers/mysql/binlog/rows.h"
#include "workers/mysql/dialect.h"

struct sqlwriter {
    bool json_type; /* the target has a JSON type: text compared with it is cast */
    bool cascades;  /* foreign keys act at the target as they did at the source (their rows are not
                       logged) */
};

/* How a row change is to be written. */
struct row_mode {
    bool safe;      /* may be in the target already */
    bool loose;     /* some kinds of change are left out: rows may be there, or not, for good */
    bool row_check; /* the row must be exactly the before image */
    bool whole_row; /* UPDATE: every column is set, and the row may have any content */
    bool fk_checks; /* the session at the source had them on */
    uint64_t pos;   /* of the event, for messages */
};

/* sql_literal(): column `c` of the table. Errors: ERR_VALUE, ERR_BINLOG_ROW_IMAGE. */
int sql_literal(struct strbuf *b, const struct table_plan *p, size_t c, const struct value *v,
                struct err *err);

/* Images are arrays of the table's column_count values. */
int sqlwrite_insert(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                    const struct row_mode *m, const struct value *after, struct err *err);
int sqlwrite_update(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                    const struct row_mode *m, const struct value *before, const struct value *after,
                    struct err *err);
int sqlwrite_delete(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                    const struct row_mode *m, const struct value *before, struct err *err);

/* sqlwrite_key(): "`a`=1 AND `b`=2" of the key that identifies a row; the table has one. */
int sqlwrite_key(struct strbuf *b, const struct table_plan *p, const struct value *row,
                 struct err *err);
/*
 * sqlwrite_exact() - the row is this image, each carried column by its bytes and not by its
 * collation; joined by AND, never empty
 */
int sqlwrite_exact(const struct sqlwriter *w, struct strbuf *b, const struct table_plan *p,
                   const struct value *row, struct err *err);

bool sql_valid_utf8(const char *text, size_t n); /* well-formed, to the last byte */
bool value_equal(const struct value *a, const struct value *b);

#endif
