/*
 * Folding: the row changes of a batch become fewer and larger statements. Several changes of one
 * row are one, and rows of one kind of change go into one statement, which the target parses and
 * opens its table for once.
 *
 * What the plain statements check stays checked: a row that is changed or deleted must be there, a
 * row that is inserted must not. So an insert is never folded with a delete that follows it. Where
 * a change can't join what is held of its table, the caller takes that first: the order of changes
 * of a row, and with it the outcome, is that of the plain statements. (Other unique keys: a value
 * that moves between rows of a batch may meet itself; that is an error of the server, and the batch
 * is applied by plain statements.) Pure; one thread.
 */
#ifndef WORKERS_INCR_FOLD_H
#define WORKERS_INCR_FOLD_H

#include "base/err.h"
#include "base/util.h"
#include "workers/incr/txn.h"
#include "workers/mysql/dialect.h"

/* How the target takes the values of many rows: none: a statement for each row. */
enum fold_lists { FOLD_ROWS, FOLD_VALUES, FOLD_VALUES_ROW };
enum fold_lists fold_lists_of(const struct dialect *sink);

struct folder;
/* fold_new(): @text_max: a statement that is longer takes no further row. NULL: out of memory. */
struct folder *fold_new(enum fold_lists lists, size_t text_max);
void fold_free(struct folder *f);
DEFINE_CLEANUP(struct folder, fold_free)
void fold_reset(struct folder *f);

/*
 * fold_row() - holds row `n` (from 0) of a statement whose `folds` is set
 *
 * Its text must live until it is taken. Returns 1, or 0: what is held of its table has to be taken
 * first, then it is held. -1: ERR_NOMEM.
 */
int fold_row(struct folder *f, const struct txn *t, const struct stmt *s, size_t n,
             struct err *err);

/* A statement made of held rows; valid during the call. */
struct folded {
    const struct table_plan *plan;
    enum stmt_kind kind; /* STMT_INSERT or STMT_CHANGE */
    const char *text;
    size_t len;
    uint32_t rows; /* how many it must affect */
};
typedef int fold_fn(void *ctx, const struct folded *s, struct err *err);
/* fold_take(): what is held of the table (NULL: of all), in as few statements as possible. */
int fold_take(struct folder *f, const struct table_plan *p, fold_fn *fn, void *ctx,
              struct err *err);

#endif
