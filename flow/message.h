/* What comes up the channel (docs/channel.md, "Up"): checked, then stored. */
#ifndef FLOW_MESSAGE_H
#define FLOW_MESSAGE_H

#include <json-c/json.h>

#include "base/err.h"
#include "flow/feed.h"
#include "store/store.h"

/*
 * message_take() - one document from the worker of `feed`
 *
 * @ret_changed  a step's status changed: look at the project again
 * Errors: ERR_CHANNEL when it is malformed or too much of it; the store's when it matters and
 * could not be stored.
 */
int message_take(struct store *st, struct feed *feed, struct json_object *doc, bool *ret_changed,
                 struct err *err);

/* message_cut(): a text of at most `max` bytes, never cut within a character. */
struct json_object *message_cut(const char *text, size_t max);

#endif
