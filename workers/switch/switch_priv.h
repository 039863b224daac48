/* What the phases of the switch worker share. */
#ifndef WORKERS_SWITCH_SWITCH_PRIV_H
#define WORKERS_SWITCH_SWITCH_PRIV_H

#include <json-c/json.h>

#include "workers/incr/scan.h"
#include "workers/mysql/control.h"
#include "workers/mysql/dialect.h"
#include "workers/scope.h"
#include "workers/worker.h"

struct switcher {
    struct worker *w;
    const struct task *task;
    struct json_object *doc; /* the assignment's section "switch", borrowed */
    const char *reverse_id;  /* under which the reverse direction's rows are, at the source */
    const char *reverse_dir; /* its folder */
    struct conn *ends[END_MAX_];
    struct dialect dialects[END_MAX_];
    struct scope *scopes[END_MAX_]; /* of what is read at that end: forward's, the reverse's */
};

/*
 * switch_say() - message, and what counts when the phase is done (docs/channel.md, "switch")
 *
 * @detail, @position  taken over; NULL: none
 */
void switch_say(struct switcher *s, bool final, struct json_object *detail,
                struct json_object *position, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* A server's position, with its GTID set and identity; json_of_…: the caller's. */
struct server_position {
    struct binlog_pos pos;
    char *gtids; /* or NULL */
    char uuid[64];
};
void server_position_done(struct server_position *p);
int switch_position(struct switcher *s, enum end end, struct server_position *ret, struct err *err);
struct json_object *switch_position_json(const struct server_position *p);
/* switch_noted(): one of the assignment's positions; false: it is not there. */
bool switch_noted(const struct switcher *s, const char *which, struct binlog_pos *ret);

/*
 * switch_scan() - transactions on the project's objects at an end between two positions, read from
 * the log pull of that end
 */
int switch_scan(struct switcher *s, enum end end, const struct binlog_pos *from,
                const struct binlog_pos *to, struct scan_found *ret, struct err *err);

/* The phases: 0 done, STAGE_STOPPED, -1. */
int switch_precheck(struct switcher *s, struct err *err);
int switch_stop_writes(struct switcher *s, struct err *err);
int switch_drain(struct switcher *s, struct err *err);
int switch_stop_forward(struct switcher *s, struct err *err);
int switch_objects(struct switcher *s, struct err *err);
int switch_abort_check(struct switcher *s, struct err *err);
int switch_abort(struct switcher *s, struct err *err);

#endif
