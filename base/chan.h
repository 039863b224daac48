/*
 * The channel between daemon and worker: JSON documents, one a line, over a stream socket.
 * The messages themselves are described in docs/channel.md.
 */
#ifndef BASE_CHAN_H
#define BASE_CHAN_H

#include <stdbool.h>

#include <json-c/json.h>

#include "base/err.h"
#include "base/util.h"

enum { CHAN_LINE_MAX = 64 * 1024 * 1024 }; /* an assignment names every object of its project */

struct chan;

/* chan_new(): takes over `fd` (closed by chan_free), which may be blocking or not. */
int chan_new(int fd, struct chan **ret, struct err *err);
void chan_free(struct chan *c);
DEFINE_CLEANUP(struct chan, chan_free)
int chan_fd(const struct chan *c);

/*
 * chan_send() - one document up or down; safe from several threads
 *
 * Borrows `o`. On a non-blocking fd it waits for room up to 5 s: a peer that does not read for so
 * long is as good as gone. Errors: ERR_CHANNEL.
 */
int chan_send(struct chan *c, struct json_object *o, struct err *err);

/*
 * chan_recv() - the next document
 *
 * Returns 1 with *ret (the caller's), 0 when the other side has closed, -1 with ERR_CHANNEL.
 * A blocking fd waits. A non-blocking fd with nothing to read returns 1 and *ret NULL.
 */
int chan_recv(struct chan *c, struct json_object **ret, struct err *err);

#endif
