/*
 * A worker's side of the channel: what it tells the daemon, and what the daemon tells it. A thread
 * of its own reads the channel; when the channel closes, the process ends at once (_exit): the
 * daemon is gone and whoever it starts next takes over at the target by epoch.
 * Every function is safe from any thread.
 */
#ifndef WORKERS_REPORT_H
#define WORKERS_REPORT_H

#include <stdint.h>

#include <json-c/json.h>

#include "base/chan.h"
#include "base/err.h"
#include "base/util.h"

struct report;

int report_new(struct chan *c, struct report **ret, struct err *err); /* takes over `c` */
int report_start(struct report *r, struct err *err); /* starts the reading thread */
void report_free(struct report *r);
DEFINE_CLEANUP(struct report, report_free)

/* True once the daemon asked us to stop: stop at the next commit. */
bool report_stopping(const struct report *r);
/* A descriptor that becomes readable at that moment, to poll beside others. Never read it. */
int report_stop_fd(const struct report *r);
/* report_sleep(): waits `ms` or until stopping; true when stopping. */
bool report_sleep(const struct report *r, int ms);
/* report_back_off(): waits before try number `tries` + 1: `first_ms`, twice as long with each try,
 * `most_ms` at last; true when stopping. */
bool report_back_off(const struct report *r, unsigned tries, int first_ms, int most_ms);

/* Limits in force now; 0: unlimited. */
uint64_t report_throttle_rps(const struct report *r);
uint64_t report_throttle_bps(const struct report *r);
void report_set_throttle(struct report *r, uint64_t rps, uint64_t bps); /* from the assignment */

/* `info`, `item`: taken over. Progress is sent at most once a second unless 100. */
void report_progress(struct report *r, double percent, struct json_object *info);
/*
 * report_metrics() - what was measured since the last call; about once a second
 *
 * @values  numbers by metric (docs/metrics.md); what could not be measured is left out; taken over
 * @state   of the relay (docs/channel.md); taken over; NULL: none
 */
void report_metrics(struct report *r, struct json_object *values, struct json_object *state);
void report_ready(struct report *r);
void report_checkpoint(struct report *r, int64_t unix_s, const char *file, uint64_t pos,
                       const char *gtid);
void report_item(struct report *r, struct json_object *item);
void report_event(struct report *r, const char *level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* What became of a DDL statement of the source (docs/channel.md). */
struct ddl_report {
    const char *id;    /* "file:pos" */
    int64_t timestamp; /* Unix s */
    const char *kind, *status, *message;
    const char *sql;
    size_t sql_len;                           /* is cut */
    struct json_object *objects, *target_sql; /* arrays of texts, borrowed; NULL: empty */
};
void report_ddl(struct report *r, const struct ddl_report *d);
/* report_converted(): what was made of an object of the source (docs/channel.md); `notes` may be
 * "". */
struct converted_report {
    const char *kind, *db, *name, *target_db, *target_name;
    const char *source, *sql, *notes; /* are cut at 64 KiB */
};
void report_converted(struct report *r, const struct converted_report *c);
/* report_ddl_text(): a statement as report_ddl() tells it: cut, other bytes than UTF-8's replaced.
 * Free it; NULL: out of memory. */
char *report_ddl_text(const char *sql, size_t len);
void report_endpoint(struct report *r, const char *end, const char *flavour, const char *version,
                     const char *charset, const char *zone);
/* report_message(): any other document of docs/channel.md, with its "t"; taken over. */
void report_message(struct report *r, struct json_object *m);
void report_error(struct report *r, const struct err *what, bool retrying);
/* report_again(): an error that is tried again by itself; told at most every 5 s, from whatever
 * thread. */
void report_again(struct report *r, const struct err *what);
void report_done(struct report *r, struct json_object *info);
/* report_take_drain(): the newest `drain` since the last call, the caller's; NULL: none. */
struct json_object *report_take_drain(struct report *r);
/* report_take_objects(): the newest `objects`, likewise (docs/object-changes.md). */
struct json_object *report_take_objects(struct report *r);
/* report_take_stored(): keys ([seq, n] each) of all `conflicts_stored` since the last call, the
 * caller's; NULL: none. */
struct json_object *report_take_stored(struct report *r);

#endif
