/*
 * Two limits: wrong credentials per caller and name, and requests per account. Both are token
 * buckets in memory: a restart forgives. Thread-safe.
 */
#ifndef API_LIMITS_H
#define API_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/util.h"

struct limits;

/* limits_new(): `per_second` requests of one account, `burst` at once; 0 per second: no limit. */
int limits_new(int64_t per_second, int64_t burst, struct limits **ret, struct err *err);
void limits_free(struct limits *l);
DEFINE_CLEANUP(struct limits, limits_free)

/*
 * limits_may_try(): false when this caller has sent too many wrong credentials for this name: ten
 * cost nothing, then one is forgiven each second. limits_tried() tells how a try went.
 */
bool limits_may_try(struct limits *l, const char *peer, const char *name);
void limits_tried(struct limits *l, const char *peer, const char *name, bool right);

/* limits_take(): one request of the account; false: it has to wait, a second at most. */
bool limits_take(struct limits *l, const char *account);

#endif
