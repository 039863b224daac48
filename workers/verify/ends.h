/*
 * What one comparing thread works with: a connection to each end, and the touch maps of the
 * incremental workers that read them (workers/touch.h).
 */
#ifndef WORKERS_VERIFY_ENDS_H
#define WORKERS_VERIFY_ENDS_H

#include "base/strbuf.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"
#include "workers/touch.h"
#include "workers/worker.h"

enum { ENDS_SQL_MAX = 16 * 1024 * 1024 };

struct ends {
    struct worker *w;
    struct conn *conns[END_MAX_]; /* NULL: to be opened */
    struct dialect dialects[END_MAX_];
    const char *maps[END_MAX_]; /* paths; NULL: nobody reads that end's binlog */
    struct touch *touch[END_MAX_];
    int64_t busy_us; /* how long servers have worked on what ends_ask() asked them */
};

/* ends_init(): `watch` is the assignment's section of that name; borrowed. */
void ends_init(struct ends *e, struct worker *w, struct json_object *watch);
/* ends_back(): changes are carried from the target to the source. ends_carried(): either way. */
bool ends_back(const struct ends *e);
bool ends_carried(const struct ends *e);
void ends_drop(struct ends *e); /* connections and maps; usable again */
/* ends_connect(): opens what is missing; not retried here. */
int ends_connect(struct ends *e, struct err *err);
/* ends_ask(): a statement to each end at once; buffered results. NULL: that end is not asked. */
int ends_ask(struct ends *e, const struct strbuf *const sql[END_MAX_],
             struct result ret[static END_MAX_], struct err *err);
/* ends_ask_both(): the same; `add` writes each end's statement. */
typedef void ends_add_fn(struct strbuf *sql, const void *ctx, enum end end);
int ends_ask_both(struct ends *e, ends_add_fn *add, const void *ctx,
                  struct result ret[static END_MAX_], struct err *err);
void ends_drop_results(struct result r[static END_MAX_]);

/* ---- the witness ---- */

/* What was applied at a moment, by each incremental worker that there is. */
struct moment {
    struct touch_state at[END_MAX_];
};
/* ends_moment(): 1; 0: an incremental worker that there should be has no map now. */
int ends_moment(struct ends *e, struct moment *ret, struct err *err);
/*
 * ends_read_on() - waits until each of those workers has read past where its server is now
 *
 * Returns 1; 0: not within `limit_ms`, or one began anew; STAGE_STOPPED is told as 0, too: ask
 * report_stopping().
 */
int ends_read_on(struct ends *e, const struct moment *since, int64_t limit_ms, struct err *err);
/* ends_busy(): some of them is behind, or waits for the other end: we are in the way. */
bool ends_busy(struct ends *e);
/* ends_position(): where this end's server is, as the API shows it; NULL: without a binlog. */
struct json_object *ends_position(struct ends *e, enum end end);

#endif
