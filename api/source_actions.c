#include "api/source.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/names.h"
#include "api/view.h"
#include "base/json.h"

#include "base/banned.h"

/* clang-format off */
const char *const source_type_words[] = { "MYSQL", "MARIADB", "OB_MYSQL", "POLARDB_MYSQL",
    "MYSQL_PUBLIC=MYSQL", "POLARDB=POLARDB_MYSQL", "OB_MYSQL_CE=OB_MYSQL", "OB_MYSQL_TENANT=OB_MYSQL",
    "OB_MYSQL_VPC=OB_MYSQL", "OB_MYSQL_PUBLIC=OB_MYSQL", "DBP_OP_ROUTE=OB_MYSQL",
    "OB_ORACLE", "OB_ORACLE_TENANT", "OB_ORACLE_VPC", "ORACLE", "TIDB", "KAFKA", "ADB", "DATAHUB", "ROCKETMQ", "DB2_LUW",
    "POSTGRESQL", "IDB", NULL };

const char *source_check_host(const char *text)
{
    for (; *text != '\0'; text++)
        if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
              (*text >= '0' && *text <= '9') || strchr(".-_:", *text) != NULL))
            return "must be a host name or an IP address";
    return NULL;
}

const char *source_check_base64(const char *text)
{
    _cleanup_(secret_freep) struct secret *s = NULL;
    struct err err = { 0 };

    if (secret_from_base64(text, &s, &err) < 0)
        return "must be Base64 of the clear text";
    return memchr(secret_text(s), '\0', secret_len(s)) != NULL ? "must not hold a NUL character" : NULL;
}

/* Where it leads to, and as whom. Its kind and the rest stay: another kind of server is another source. */
const struct field update_source_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "ip", .alias = "host", .type = FT_STRING, .min = 1, .max = 255, .check = source_check_host },
    { .name = "port", .type = FT_INT, .min = 1, .max = 65535 },
    { .name = "userName", .type = FT_STRING, .min = 1, .max = 128, .check = name_check_line },
    { .name = "password", .type = FT_STRING, .flags = F_SECRET, .max = 4096, .check = source_check_base64 },
    { .name = "useSlave", .type = FT_BOOL, .fallback = "false" },
    { 0 },
};

const struct field list_source_fields[] = {
    { .name = "searchKey", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128 },
    { .name = "types", .type = FT_STRINGS, .max = 32, .values = source_type_words },
    PAGE_FIELDS,
    { 0 },
};

const struct field source_id_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { 0 },
};
/* clang-format on */

/* What is kept beside the columns of the row. Never anything marked F_SECRET. */
static struct json_object *extra_of(struct call *c, const struct field *table)
{
    static const char *const columns[] = { "name", "ip", "port", "userName", "type" };
    struct json_object *extra = json_object_new_object();

    for (const struct field *f = table; f->name != NULL; f++) {
        struct json_object *v = json_get(c->in, f->name);
        bool column = (f->flags & F_SECRET) != 0;
        for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
            column = column || strcmp(columns[i], f->name) == 0;
        if (!column && v != NULL)
            json_add(extra, f->name, json_object_get(v));
    }
    json_add_str(extra, "owner", c->who->name);
    return extra;
}

/* A password in Base64, sealed for this source. */
static int seal(struct call *c, const char *id, const char *base64, char **ret, struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *password = NULL;
    char about[ID_MAX + 16];

    (void)snprintf(about, sizeof(about), "source:%s", id);
    if (secret_from_base64(base64, &password, err) < 0)
        return -1;
    return box_seal(c->on->box, about, password, ret, err);
}

/* Sealed about the same as the master's password, so that the two can change places. */
static int add_slave(struct call *c, const char *id, const struct source_end *slave,
                     struct json_object *extra, struct err *err)
{
    struct json_object *o = json_object_new_object();
    _cleanup_(freep)
    char *sealed = NULL;

    json_add(extra, "slave", o);
    if (seal(c, id, slave->password, &sealed, err) < 0)
        return -1;
    json_add_str(o, "host", slave->host);
    json_add_i64(o, "port", slave->port);
    json_add_str(o, "user", slave->user);
    return json_add_str(o, "passwordSealed", sealed);
}

/*
 * No connectivity test here: it could hang, and every call answers within 3 s whatever the
 * databases do (oms-api.md 1.8). The precheck does it.
 */
int source_add(struct call *c, const struct source_end *end, const struct field *table,
               const struct source_end *slave, struct err *err)
{
    _cleanup_(source_freep)
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)id_new("e_", s->id); /* the seal is bound to the id, so it is made here */
    s->name = strdup(json_get_str(c->in, "name", ""));
    s->type = strdup(end->type);
    s->host = strdup(end->host);
    s->port = (int)end->port;
    s->user = strdup(end->user);
    s->extra = extra_of(c, table);
    if (s->name == NULL || s->type == NULL || s->host == NULL || s->user == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if ((slave != NULL && add_slave(c, s->id, slave, s->extra, err) < 0) ||
        seal(c, s->id, end->password, &s->password_sealed, err) < 0 ||
        store_source_add(c->on->store, s, err) < 0)
        return -1;
    c->data = json_object_new_string(s->id);
    return 0;
}

const char *source_tenant_user(const char *user, struct json_object *from,
                               char buf[static SOURCE_USER_MAX])
{
    const char *tenant = json_get_str(from, "tenant", NULL);
    const char *cluster = json_get_str(from, "cluster", NULL);

    if (tenant == NULL || strchr(user, '@') != NULL)
        return user;
    (void)snprintf(buf, SOURCE_USER_MAX, "%s@%s%s%s", user, tenant, cluster == NULL ? "" : "#",
                   cluster == NULL ? "" : cluster);
    return buf;
}

/* ------------------------------------------------------------------ changing */

static int use_slave(struct call *c, const struct source_change *change, bool has_password,
                     struct err *err)
{
    if (change->host != NULL || change->user != NULL || change->port != 0 || has_password)
        faults_add(&c->faults, "useSlave", "must come alone");
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    return store_source_use_slave(c->on->store, json_get_str(c->in, "id", ""), c->who->name, err);
}

int source_update(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    _cleanup_(source_freep)
    struct source *s = NULL;
    _cleanup_(freep)
    char *sealed = NULL;
    char full[SOURCE_USER_MAX];
    struct source_change change = { .host = json_get_str(c->in, "ip", NULL),
                                    .user = json_get_str(c->in, "userName", NULL),
                                    .port = (int)json_get_i64(c->in, "port", 0) };
    bool has_password = json_get(c->in, "password") != NULL;

    if (json_get_bool(c->in, "useSlave", false))
        return use_slave(c, &change, has_password, err);
    if (change.host == NULL && change.user == NULL && change.port == 0 && !has_password)
        faults_add(&c->faults, "id",
                   "comes with nothing to change: send at least one of ip, port, userName, "
                   "password and useSlave");
    if (faults_raise(&c->faults, err) < 0 || store_source_usable(c->on->store, id, &s, err) < 0 ||
        (has_password && seal(c, s->id, json_get_str(c->in, "password", ""), &sealed, err) < 0))
        return -1;
    if (change.user != NULL && strcmp(s->type, "OB_MYSQL") == 0)
        change.user = source_tenant_user(change.user, s->extra, full);
    change.password_sealed = sealed;
    return store_source_update(c->on->store, id, &change, c->who->name, err);
}

int source_list(struct call *c, struct err *err)
{
    struct source **list = NULL;
    size_t count = 0;
    const char **types = call_words(json_get_array(c->in, "types"));
    struct source_filter filter = { .search = json_get_str(c->in, "searchKey", NULL),
                                    .types = types };
    int r;

    call_page(c);
    filter.page = c->page;
    r = store_source_list(c->on->store, &filter, &list, &count, &c->total, err);
    free(types);
    if (r < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(c->data, view_source(list[i]));
    source_list_free(list, count);
    return 0;
}

int source_delete(struct call *c, struct err *err)
{
    return store_source_delete(c->on->store, json_get_str(c->in, "id", ""), err);
}

/* ------------------------------------------------------------------ regions */

/* The cloud has many; here is the one that this machine is in (oms-api.md 4.14). */
int region_list(struct call *c, struct err *err)
{
    struct json_object *o = json_object_new_object();

    (void)err;
    json_add_str(o, "id", "0");
    json_add_str(o, "region", c->on->region);
    json_add_str(o, "regionCn", c->on->region);
    json_add_null(o, "cmUrl"); /* there is no cluster manager apart from this API */
    json_add_str(o, "code", "0");
    json_add_null(o, "groupName");
    json_add_null(o, "gmtCreate");
    json_add_null(o, "gmtModified");
    c->data = json_object_new_array();
    json_object_array_add(c->data, o);
    return 0;
}
