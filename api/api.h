/*
 * The actions over one table (actions.c), in two dialects: JSON of POST /api/v2 and the SDK's form
 * of POST / (oms-api.md 1.1). The transport gives an action's name, an authenticated account and
 * the body; what comes back is the whole answer. Thread-safe. Nothing here opens a connection to a
 * user's database: every call ends at once.
 */
#ifndef API_API_H
#define API_API_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "api/form.h"
#include "base/err.h"
#include "base/id.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "flow/flow.h"
#include "store/account.h"
#include "store/store.h"

struct api;
struct auth;
struct audit;

struct api_options { /* all borrowed */
    struct store *store;
    struct flow *flow;
    const struct box *box;
    struct auth *auth;
    struct audit *audit;
    struct notify *notify; /* or NULL */
    const char *host;      /* of this machine, as components show it; NULL: 127.0.0.1 */
    const char *region;    /* the one that there is; NULL: "default" */
};

/* Who calls, from where: made by auth.h, for both dialects. */
struct account {
    char name[USER_NAME_MAX];
    enum role role;
    char peer[64];         /* address */
    char key_id[ID_MAX];   /* the access key that signed; empty: by password */
    uint64_t as_of, proof; /* when and by what this was found right: auth_again() */
};

enum dialect { DIALECT_OMS, DIALECT_RPC };

struct api_request { /* all borrowed */
    enum dialect dialect;
    const char *action;
    const struct account *who;
    const char *body; /* OMS: JSON text, or nothing */
    size_t len;
    const struct form *form; /* RPC: the body's parameters, and those of the URL that are not the
                                protocol's own */
    const struct form_pair *query;
    size_t query_count;
};

/* An answer that is a file: read until it ends, then done(). Any thread, one at a time. */
struct api_stream {
    const char *type; /* of HTTP; static */
    char file_name[ID_MAX + 16];
    ssize_t (*read)(void *ctx, char *buf, size_t max); /* 0: its end; -1: it breaks off */
    void (*done)(void *ctx);
    void *ctx;
};

struct api_answer {
    int status;        /* of HTTP */
    int retry_after_s; /* 0: no advice of that kind */
    char *text;        /* JSON; free() it */
    size_t len;
    struct api_stream stream; /* instead of a text when it has read(); then done() is yours */
};

int api_new(const struct api_options *o, struct api **ret, struct err *err);
void api_free(struct api *api);
DEFINE_CLEANUP(struct api, api_free)

/* api_call(): always gives an answer; text is NULL only when memory is gone. */
void api_call(struct api *api, const struct api_request *rq, struct api_answer *ret);
/* api_refuse(): the envelope of an error outside of any action (no credentials, too large, …). */
void api_refuse(enum dialect dialect, const struct err *err, struct api_answer *ret);

/* api_metrics(): counters of all actions in the Prometheus text format. */
void api_metrics(struct api *api, struct strbuf *to);
/* api_list_actions(): one line an action: name, least role, "supported" or "not-supported". */
void api_list_actions(FILE *to);
/*
 * api_describe_actions(): the table with every field (type, bounds, words, default) and all error
 * codes as one JSON document, for tests that hold openapi.yaml and the daemon against it.
 */
void api_describe_actions(FILE *to);

#endif
