/* Nodes, paths and links: what keeps changes from going round (docs/two-way.md). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "workers/mysql/control.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

/* The id of this server, made by control_ensure(). 1; 0: no control schema, or the account may not
 * read it (""); -1. */
static int read_node(struct conn *c, const char *schema, char ret[static CONTROL_NODE_MAX],
                     struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    ret[0] = '\0';
    if (control_ask(c, schema, &r, err, "SELECT node FROM @cw_node WHERE one = 1") < 0) {
        if (err->code != ERR_TABLE_NOT_FOUND && err->code != ERR_DB_PRIVILEGE)
            return -1;
        err_reset(err);
        return 0;
    }
    got = result_next(&r, err);
    if (got <= 0)
        return got;
    if (strlen(result_str(&r, 0, "")) >= CONTROL_NODE_MAX || result_str(&r, 0, "")[0] == '\0')
        return err_set(err, ERR_CONTROL_SCHEMA, "%s.cw_node holds no id of a node", schema);
    (void)snprintf(ret, CONTROL_NODE_MAX, "%s", result_str(&r, 0, ""));
    return 1;
}

void control_node_of(const char *identity, char ret[static CONTROL_NODE_MAX])
{
    uint64_t h = hash_bytes(identity, strlen(identity), 0);

    (void)snprintf(ret, CONTROL_NODE_MAX, "~%08" PRIx32, (uint32_t)(h ^ h >> 32));
}

/* A MariaDB server has no id of its own, and many have the server id 1. */
static int ask_identity(struct conn *c, char ret[static CONTROL_IDENTITY_MAX], struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    char where[512];
    int got;

    if (conn_queryf(c, &r, err, "SELECT @@GLOBAL.server_uuid") == 0) {
        got = result_next(&r, err);
        if (got > 0)
            (void)snprintf(ret, CONTROL_IDENTITY_MAX, "%s", result_str(&r, 0, ""));
        return got < 0 ? -1 : 0;
    }
    if (conn_lost(err))
        return -1;
    err_reset(err);
    result_done(&r);
    r = (struct result){ 0 };
    if (conn_queryf(c, &r, err,
                    "SELECT @@GLOBAL.server_id, CONCAT_WS('|', @@GLOBAL.hostname, @@GLOBAL.port,"
                    " @@GLOBAL.datadir, @@GLOBAL.socket)") < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0)
        return got;
    (void)snprintf(where, sizeof(where), "%s", result_str(&r, 1, ""));
    (void)snprintf(ret, CONTROL_IDENTITY_MAX, "mariadb:%" PRIu64 ":%08" PRIx32,
                   result_u64(&r, 0, 0), (uint32_t)hash_bytes(where, strlen(where), 0));
    return 0;
}

int control_node_ask(struct conn *c, const char *schema, struct node_id *ret, struct err *err)
{
    if (ask_identity(c, ret->identity, err) < 0)
        return -1;
    control_node_of(ret->identity, ret->plain);
    return read_node(c, schema, ret->node, err) < 0 ? -1 : 0;
}

const char *control_node_name(const struct node_id *n)
{
    return n->node[0] != '\0' ? n->node : n->plain;
}

bool control_path_has(const char *path, const char *node)
{
    size_t len = strlen(node);

    while (len > 0 && *path != '\0') {
        size_t one = strcspn(path, ",");

        if (one == len && memcmp(path, node, len) == 0)
            return true;
        path += one + (path[one] == ',' ? 1 : 0);
    }
    return false;
}

bool control_path_join(const char *path, const char *node, char ret[static CONTROL_PATH_MAX])
{
    int n = snprintf(ret, CONTROL_PATH_MAX, "%s%s%s", path, path[0] != '\0' ? "," : "", node);

    return n >= 0 && n < CONTROL_PATH_MAX;
}

int control_link_put(struct conn *c, const struct fence *f, const char *source_node,
                     const char *source_id, struct err *err)
{
    uint64_t one = 0;
    int got = control_ask_u64(c, f->schema, &one, err,
                              "SELECT 1 FROM @cw_link WHERE task = %q AND source_node = %q"
                              " AND source_id = %q",
                              f->task, source_node, source_id);

    if (got != 0)
        return got < 0 ? -1 : 0;
    if (control_begin_keep(c, f, 0, err) < 0)
        return -1;
    got = control_exec(c, f->schema, NULL, err,
                       "REPLACE INTO @cw_link (task, source_node, source_id) VALUES (%q, %q, %q)",
                       f->task, source_node, source_id);
    return control_finish(c, got, err);
}
