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

bool value_equal(const struct value *a, const struct value *b);

#endif
