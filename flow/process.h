/*
 * One worker process: started with everything said, its channel, its end. Everything here is
 * non-blocking and for the flow's thread only.
 */
#ifndef FLOW_PROCESS_H
#define FLOW_PROCESS_H

#include <json-c/json.h>
#include <sys/types.h>

#include "base/chan.h"
#include "base/err.h"
#include "base/strbuf.h"

struct process {
    pid_t pid;         /* 0: none */
    int pidfd;         /* -1: none */
    struct chan *chan; /* for reading; NULL once it has ended */
    struct strbuf out; /* not yet written; holds secrets until then */
    size_t out_done;
};

/*
 * process_start() - posix_spawn of `path` with argv {"causeway-worker", project_id, step}
 *
 * Its channel is descriptor 3, stdin /dev/null, stdout and stderr ours; an environment of PATH and
 * LANG, default signals, empty mask, a process group of its own, no other descriptor.
 * Errors: ERR_WORKER_DIED.
 */
int process_start(struct process *p, const char *path, const char *project_id, const char *step,
                  struct err *err);
/* process_send(): queues one document (borrowed) and writes what goes. ERR_CHANNEL, ERR_NOMEM. */
int process_send(struct process *p, struct json_object *o, struct err *err);
/* process_flush(): goes on writing; 1 all is out, 0 the socket is full, -1 ERR_CHANNEL. */
int process_flush(struct process *p, struct err *err);
void process_signal(const struct process *p, int sig); /* to its whole group */
void process_close_channel(struct process *p);
/* process_reap(): 1 with the wait status when it has ended, 0 when it lives. */
int process_reap(struct process *p, int *ret_status);
/* process_done(): frees; a process that still lives is killed and waited for. */
void process_done(struct process *p);

/* process_ending(): "exit status 3", "signal 11 (Segmentation fault)". */
enum { ENDING_MAX = 80 };
const char *process_ending(int wait_status, char buf[static ENDING_MAX]);

#endif
