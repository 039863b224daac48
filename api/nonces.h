/*
 * Nonces of signed requests, so that none is taken twice. A request is only taken while its date is
 * within SIGN_SKEW_S of our clock, so a nonce is kept until its request would be too old anyway.
 * Bounded: a key whose set is full is refused until the oldest go; nothing is forgotten early. The
 * set is not stored: requests dated before this process began are refused instead. Thread-safe.
 */
#ifndef API_NONCES_H
#define API_NONCES_H

#include <stdint.h>

#include "base/err.h"
#include "base/util.h"

struct nonces;

enum { NONCES_MAX = 256 * 1024 }; /* of one key: 290 requests a second for 15 minutes, 8 MiB */

/* nonces_new(): `most` of one key; `since_s`: Unix time before which nothing is known. */
int nonces_new(size_t most, int64_t since_s, struct nonces **ret, struct err *err);
void nonces_free(struct nonces *n);
DEFINE_CLEANUP(struct nonces, nonces_free)

/*
 * nonces_use() - takes a nonce; only after the signature was found right
 *
 * @date_s  the request's own date, within SIGN_SKEW_S of now_s
 * Errors: ERR_SIGNATURE_REPLAY when it was used or could have been, ERR_NONCES_FULL, ERR_NOMEM.
 */
int nonces_use(struct nonces *n, const char *key_id, const char *nonce, int64_t date_s,
               int64_t now_s, struct err *err);

#endif
