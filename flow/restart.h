/* When a worker that died starts again, and when it has died too often. No clock, no process. */
#ifndef FLOW_RESTART_H
#define FLOW_RESTART_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RESTART_FIRST_MS = 200,
    RESTART_MAX_MS = 10000,
    RESTART_DEATHS = 5, /* quick deaths within … */
    RESTART_WITHIN_MS = 120000,
};

struct restart {
    int backoff_ms;                 /* before the next start; 0: none yet */
    int64_t deaths[RESTART_DEATHS]; /* times of the last quick deaths, a ring */
    unsigned death_count;
};

/* restart_delay(): ms to wait now: 200, 400, … 10000. */
int restart_delay(struct restart *r);
void restart_progressed(struct restart *r); /* it got somewhere: the delay begins anew */
/* restart_too_often(): notes a quick death at `now_ms`; true when there were too many. */
bool restart_too_often(struct restart *r, int64_t now_ms);
/* restart_own_making(): whether a wait status without `done` or an error is the worker's own
 * doing (docs/channel.md, "Exit"), and not a signal from outside. */
bool restart_own_making(int wait_status);

#endif
