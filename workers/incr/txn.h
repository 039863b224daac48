/*
 * One source transaction on its way to a lane: its statements as SQL text, the keys that order it,
 * where it stood in the source's binlog.
 */
#ifndef WORKERS_INCR_TXN_H
#define WORKERS_INCR_TXN_H

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "workers/incr/depend.h"
#include "workers/incr/plan.h"
#include "workers/mysql/binlog/gtid.h"
#include "workers/mysql/binlog/position.h"

enum {
    STMT_ROWS_MAX = 500,              /* rows in one INSERT */
    TXN_TEXT_MAX = 1024 * 1024 * 1024 /* a row can't be longer than max_allowed_packet's maximum */
};

enum stmt_kind { STMT_INSERT, STMT_REPLACE, STMT_CHANGE };

struct stmt {
    enum stmt_kind kind;
    bool any_count; /* may find nothing (safe mode) */
    bool fk_checks;
    bool own_tables; /* of a table whose rows a ROLLBACK TO takes back */
    const struct table_plan *plan;
    size_t off, len;     /* in the transaction's text */
    size_t prefix_len;   /* INSERT, REPLACE: what two of them have in common */
    size_t where;        /* STMT_CHANGE: its condition, from off on; 0: none to be shown */
    uint32_t rows;       /* how many it must affect */
    uint32_t enum_zeros; /* ENUM values written as number 0: MariaDB warns of each */
    uint64_t pos;        /* offset of the event in the binlog, for messages */
    bool folds;          /* its rows may be folded (fold.h): their literals are noted */
    uint64_t set;        /* then, of an UPDATE: bit c: it sets column c; 0: DELETE or INSERT */
    size_t first_lit, lit_count;
};

/*
 * Where a literal of a statement that folds stands in the text. INSERT: of the carried columns, row
 * by row; UPDATE: of the columns that are set, then of the key's; DELETE: of the key's.
 */
struct lit {
    size_t off;
    uint32_t len;
    bool alone; /* in a list of values the server might give it another type than it has here */
};

struct savepoint {
    char *name;
    size_t stmts, images; /* how many there were before it */
};

struct txn {
    struct txn *next;
    uint64_t seq;
    struct binlog_pos start;
    const char *path; /* of its mark at the target; the session's (pair.h), equal ones are one
                         pointer; NULL: the fence's origin */
    struct strbuf text;
    struct stmt *stmts;
    size_t stmt_count, stmt_cap;
    struct lit *lits;
    size_t lit_count, lit_cap;
    size_t row_count;
    struct dep_key *keys;
    size_t key_count, key_cap;
    struct savepoint *savepoints;
    size_t savepoint_count;
    struct image **images; /* the row events it came from (image.h) */
    size_t image_count, image_cap, image_bytes;
    bool no_images;           /* they are not kept: it is streamed */
    struct remedy_ask **asks; /* of the other direction (remedy.h) */
    size_t ask_count;
    struct gtid gtid;
    bool has_gtid;
    struct dep_wait wait;
    size_t insert_max; /* an INSERT that is longer takes no further row */
};

/* txn_new(): NULL: out of memory. */
struct txn *txn_new(uint64_t seq, const struct binlog_pos *start, size_t insert_max);
void txn_free(struct txn *t);
DEFINE_CLEANUP(struct txn, txn_free)
size_t txn_bytes(const struct txn *t); /* memory it holds, about */

/* txn_stmt_begin(): text is then added to t->text; txn_stmt_end() closes it. */
int txn_stmt_begin(struct txn *t, const struct stmt *s, struct err *err);
int txn_stmt_end(struct txn *t, struct err *err);
/* txn_lit(): of the last statement: its text goes from `off` to the end. */
int txn_lit(struct txn *t, size_t off, bool alone, struct err *err);
/* txn_insert_goes_on(): true when a further row may be added to the last statement (", (…)"). */
bool txn_insert_goes_on(const struct txn *t, const struct stmt *like);
/* txn_keep(): a copy of a row event whose statements follow. */
struct image;
int txn_keep(struct txn *t, const struct image *im, struct err *err);
/* txn_ask(): takes `a` over. */
struct remedy_ask;
int txn_ask(struct txn *t, struct remedy_ask *a, struct err *err);
/* txn_key(): repetitions of late are left out. */
int txn_key(struct txn *t, const struct dep_key *k, struct err *err);
/* txn_forget(): the statements have been sent (very large transactions). */
void txn_forget(struct txn *t);

int txn_savepoint(struct txn *t, const char *name, struct err *err);
/*
 * txn_rollback_to() - statements since that savepoint go, but for those of tables that don't roll
 * back
 *
 * Returns 1 when there was such a savepoint and the statements are all here, 0 when it is not
 * known.
 */
int txn_rollback_to(struct txn *t, const char *name);
/* txn_rollback(): as above, for all of it. */
void txn_rollback(struct txn *t);

#endif
