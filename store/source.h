/* Data sources: saved connections. */
#ifndef STORE_SOURCE_H
#define STORE_SOURCE_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/store.h"

struct source {
    char id[ID_MAX]; /* e_… */
    char *name;
    char *type; /* MYSQL, MARIADB, OB_MYSQL, POLARDB_MYSQL */
    char *host;
    int port;
    char *user;                /* as sent to the server: user@tenant#cluster for OceanBase */
    char *password_sealed;     /* base/secret.h box, about "source:<id>" */
    struct json_object *extra; /* schema, tenant, cluster, useSsl, region, description, role, … */
    char *version, *charset, *timezone; /* learnt by a worker; NULL until then */
    int64_t created_at, modified_at;    /* Unix seconds */
};

void source_free(struct source *s);
DEFINE_CLEANUP(struct source, source_free)

/* store_source_add(): ERR_NAME_TAKEN, ERR_LIMIT. `s` stays the caller's; times are set in it, and
 * the id unless it has one: the password is sealed about the id, so a caller makes it first. */
int store_source_add(struct store *st, struct source *s, struct err *err);
/* store_source_get(): ERR_SOURCE_NOT_FOUND. Deleted ones are found with include_deleted: projects
 * go on using them. */
int store_source_get(struct store *st, const char *id, bool include_deleted, struct source **ret,
                     struct err *err);
/* store_source_usable(): as get, but of the deleted ones those that a project uses. */
int store_source_usable(struct store *st, const char *id, struct source **ret, struct err *err);
/* store_source_named(): those of `ids` (array of text) that there are, also deleted ones, with one
 * statement, in no order; freed by source_list_free(). */
int store_source_named(struct store *st, struct json_object *ids, struct source ***ret,
                       size_t *ret_count, struct err *err);
/* store_source_delete(): hides it from lists; projects that use it keep working (oms-api.md 4.14).
 */
int store_source_delete(struct store *st, const char *id, struct err *err);
/*
 * store_source_update() - where a saved connection leads to; NULL and 0 keep what is there
 *
 * Refused while a project that uses it is RUNNING: of its workers some would be on the one server,
 * some on the other. Deleted sources can be changed as long as a project uses them. What workers
 * had learnt of another host or port is forgotten. Writes an event (`by`, what changed, never the
 * password) to the history of each project that uses it, in the same transaction.
 * Errors: ERR_SOURCE_NOT_FOUND, ERR_IN_USE naming projects.
 */
struct source_change {
    const char *host, *user, *password_sealed;
    int port;
};
int store_source_update(struct store *st, const char *id, const struct source_change *change,
                        const char *by, struct err *err);
/*
 * store_source_use_slave() - the source's address and account change places with its slave's
 *
 * `extra.slave` is {host, port, user, passwordSealed}, sealed about the same. As an update in every
 * other way. Errors: also ERR_STATE: it has no slave.
 */
int store_source_use_slave(struct store *st, const char *id, const char *by, struct err *err);
int store_source_learn(struct store *st, const char *id, const char *version, const char *charset,
                       const char *timezone, struct err *err);

struct source_filter {
    const char *search;       /* part of name or id; NULL: all */
    const char *const *types; /* NULL-terminated; NULL: all */
    struct page page;
};
/* store_source_list(): *ret is an array of *ret_count, free each and the array (source_list_free).
 */
int store_source_list(struct store *st, const struct source_filter *f, struct source ***ret,
                      size_t *ret_count, int64_t *ret_total, struct err *err);
void source_list_free(struct source **list, size_t count);

#endif
