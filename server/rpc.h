/* POST /: the signed form dialect of the SDK (oms-api.md 1.3 to 1.9) over the table of actions. */
#ifndef SERVER_RPC_H
#define SERVER_RPC_H

#include <microhttpd.h>

#include "api/api.h"
#include "api/auth.h"
#include "api/nonces.h"

struct rpc; /* one request */

/*
 * rpc_begin() - what can be refused before the body is kept: an unknown key above all
 *
 * @peer  the caller's address, for the limits
 * Errors: those of sign_read() and auth_key().
 */
int rpc_begin(struct auth *auth, struct MHD_Connection *conn, const char *peer, struct rpc **ret,
              struct err *err);
/* rpc_answer(): the signature over the whole request, then the action; always gives an answer. */
void rpc_answer(struct rpc *r, struct api *api, struct nonces *nonces, const char *body, size_t len,
                struct api_answer *ret);
void rpc_free(struct rpc *r);
DEFINE_CLEANUP(struct rpc, rpc_free)

#endif
