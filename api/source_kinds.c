/* The actions that save a connection, one for each kind of source (oms-api.md 4.14). */
#include "api/source.h"

#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/json.h"
#include "base/num.h"

#include "base/banned.h"

/* ------------------------------------------------------------------ tables */

/* oms-api.md 3.14, of CreateOmsMysqlDataSource alone. */
static const char *check_cloud_name(const char *text)
{
    size_t len = strlen(text);

    for (const char *p = text; *p != '\0'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("_.-", *p) != NULL))
            return "must be letters, digits, _ . and - only";
    return len >= 2 ? NULL : "must be 2 to 128 characters long";
}

/* clang-format off */
static const char *const cloud_types[] = { "INTERNET", "VPC", "RDS", "PolarDB", "DG", NULL };
static const char *const oceanbase_types[] = { "OB_MYSQL", "OB_MYSQL_CE=OB_MYSQL", "OB_MYSQL_TENANT=OB_MYSQL",
    "OB_MYSQL_VPC=OB_MYSQL", "OB_MYSQL_PUBLIC=OB_MYSQL", NULL };
#define ORACLE_MODE "only tenants in MySQL mode are of the MySQL family"
static const char *const oceanbase_types_later[] = { "OB_ORACLE=" ORACLE_MODE, "OB_ORACLE_TENANT=" ORACLE_MODE,
    "OB_ORACLE_VPC=" ORACLE_MODE, "OB_ORACLE_CE=" ORACLE_MODE, NULL };

/* Required, but a type of the cloud without them has an error of its own (need_address). */
#define ADDRESS_FIELDS \
    { .name = "ip", .alias = "host", .type = FT_STRING, .flags = F_NOT_EMPTY, .min = 1, .max = 255, .check = source_check_host }, \
    { .name = "port", .type = FT_INT, .flags = F_NOT_EMPTY, .min = 1, .max = 65535 }
#define CLOUD_ID(field_name) \
    { .name = (field_name), .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128, .check = name_check_line }
#define SCHEMA_FIELD \
    { .name = "schema", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 64, .check = name_check_object }

const struct field create_mysql_fields[] = {
    SOURCE_NAME_FIELDS, ADDRESS_FIELDS, SCHEMA_FIELD,
    { .name = "type", .type = FT_STRING, .flags = F_NOT_EMPTY, .values = cloud_types },
    CLOUD_ID("vpcId"), CLOUD_ID("instanceId"), CLOUD_ID("dgInstanceId"),
    { .name = "tryKeepHb", .type = FT_BOOL, .fallback = "false" },
    { 0 },
};

const struct field create_oms_mysql_fields[] = {
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED, .max = 128, .check = check_cloud_name },
    SOURCE_SECRET("password"), SOURCE_USER, ADDRESS_FIELDS, SCHEMA_FIELD,
    { .name = "type", .type = FT_STRING, .flags = F_REQUIRED, .values = cloud_types },
    CLOUD_ID("vpcId"), CLOUD_ID("instanceId"),
    { .name = "dgInstanceId", .alias = "dgDatabaseId", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128, .check = name_check_line },
    { .name = "description", .type = FT_STRING, .flags = F_NOT_EMPTY, .min = 2, .max = 256, .check = name_check_line },
    { 0 },
};

static const char *const roles[] = { "MASTER", "SLAVE", NULL };

static const struct field pair_end_fields[] = {
    SOURCE_NAME_FIELDS, SCHEMA_FIELD,
    { .name = "ip", .alias = "host", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 255, .check = source_check_host },
    { .name = "port", .type = FT_INT, .flags = F_REQUIRED, .min = 1, .max = 65535 },
    { .name = "role", .type = FT_STRING, .flags = F_NOT_EMPTY, .values = roles },
    { .name = "tryKeepHb", .type = FT_BOOL, .fallback = "false" },
    { 0 },
};

const struct field create_pair_fields[] = {
    { .name = "master", .type = FT_OBJECT, .flags = F_REQUIRED, .fields = pair_end_fields },
    { .name = "slave", .type = FT_OBJECT, .flags = F_REQUIRED, .fields = pair_end_fields },
    { 0 },
};

/* Of the sys tenant's accounts nothing is used here, so the passwords are not kept. */
#define OCEANBASE_FIELDS \
    { .name = "configUrl", .type = FT_STRING, .max = 1024, .check = name_check_line }, \
    { .name = "drcUserName", .type = FT_STRING, .max = 128, .check = name_check_line }

const struct field create_oceanbase_fields[] = {
    SOURCE_NAME_FIELDS, ADDRESS_FIELDS, SCHEMA_FIELD, OCEANBASE_FIELDS,
    { .name = "type", .type = FT_STRING, .fallback = "\"OB_MYSQL\"", .values = oceanbase_types, .later = oceanbase_types_later },
    { .name = "tenant", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 128, .check = name_check_plain },
    { .name = "cluster", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128, .check = name_check_plain },
    { .name = "ocpName", .type = FT_STRING, .max = 128, .check = name_check_line },
    { .name = "logProxyIp", .type = FT_STRING, .max = 255, .check = name_check_line },
    { .name = "logProxyPort", .type = FT_INT, .flags = F_NOT_EMPTY, .min = 1, .max = 65535 },
    CLOUD_ID("vpcId"),
    { 0 },
};

const struct field create_odp_fields[] = {
    SOURCE_NAME_FIELDS, OCEANBASE_FIELDS,
    { .name = "obProxy", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 300 },
    { .name = "url", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 1024, .check = name_check_line },
    { .name = "route", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128, .check = name_check_line },
    CLOUD_ID("instanceId"), CLOUD_ID("middlewareInstanceId"),
    { 0 },
};

const struct field create_polardb_fields[] = {
    SOURCE_NAME_FIELDS, ADDRESS_FIELDS, SCHEMA_FIELD,
    { .name = "intranetAddr", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 300 },
    { 0 },
};
/* clang-format on */

/* ------------------------------------------------------------------ addresses */

static struct source_end end_of(struct json_object *in, const char *type)
{
    return (struct source_end){ .type = type,
                                .host = json_get_str(in, "ip", ""),
                                .port = json_get_i64(in, "port", 0),
                                .user = json_get_str(in, "userName", ""),
                                .password = json_get_str(in, "password", "") };
}

static void need_address(struct call *c)
{
    static const char *const fields[] = { "ip", "port" };
    const char *type = json_get_str(c->in, "type", "");
    bool by_id = strcmp(type, "RDS") == 0 || strcmp(type, "PolarDB") == 0 ||
                 strcmp(type, "DG") == 0 || strcmp(type, "VPC") == 0;

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (json_get(c->in, fields[i]) != NULL)
            continue;
        if (by_id)
            faults_later(&c->faults, fields[i],
                         "type %s without it is not supported: the cloud's instance ids and "
                         "gateways lead nowhere from here, send ip and port",
                         type);
        else
            faults_add(&c->faults, fields[i], "is required");
    }
}

/* "host:port" or "[v6]:port". `host` gets the former. */
static bool split_address(const char *text, char host[static 256], int64_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);

    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len == 0 || len > 255 || !num_parse_i64(colon + 1, 1, 65535, ret_port))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    return source_check_host(host) == NULL;
}

/* ------------------------------------------------------------------ MySQL */

int source_create_mysql(struct call *c, struct err *err)
{
    struct source_end end = end_of(c->in, "MYSQL");

    need_address(c);
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    return source_add(c, &end, create_mysql_fields, NULL, err);
}

int source_create_oms_mysql(struct call *c, struct err *err)
{
    struct source_end end = end_of(c->in, "MYSQL");
    struct json_object *id;

    need_address(c);
    if (faults_raise(&c->faults, err) < 0 ||
        source_add(c, &end, create_oms_mysql_fields, NULL, err) < 0)
        return -1;
    id = c->data;
    c->data = json_object_new_object();
    json_add(c->data, "endpointId", id);
    return 0;
}

static void check_pair(struct call *c, struct json_object *master, struct json_object *slave)
{
    if (strcmp(json_get_str(master, "name", ""), json_get_str(slave, "name", "")) != 0)
        faults_add(&c->faults, "slave.name", "must be the same as master.name");
    if (strcmp(json_get_str(master, "role", "MASTER"), "MASTER") != 0)
        faults_add(&c->faults, "master.role", "must be MASTER");
    if (strcmp(json_get_str(slave, "role", "SLAVE"), "SLAVE") != 0)
        faults_add(&c->faults, "slave.role", "must be SLAVE");
    if (strcmp(json_get_str(master, "ip", ""), json_get_str(slave, "ip", "")) == 0 &&
        json_get_i64(master, "port", 0) == json_get_i64(slave, "port", 0))
        faults_add(&c->faults, "slave.ip", "is the master's address");
}

/*
 * Decision: everything reads from the master. The slave is kept as where to go when the master is
 * gone: UpdateDataSource with useSlave exchanges the two.
 */
int source_create_pair(struct call *c, struct err *err)
{
    struct json_object *master = json_get(c->in, "master"), *slave = json_get(c->in, "slave");
    struct source_end first = end_of(master, "MYSQL"), second = end_of(slave, "MYSQL");
    struct json_object *request = c->in;
    int r;

    check_pair(c, master, slave);
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    json_object_object_del(master, "role");
    c->in = master;
    r = source_add(c, &first, pair_end_fields, &second, err);
    c->in = request;
    return r;
}

/* ------------------------------------------------------------------ OceanBase, PolarDB */

int source_create_oceanbase(struct call *c, struct err *err)
{
    struct source_end end = end_of(c->in, "OB_MYSQL");
    char full[SOURCE_USER_MAX];

    need_address(c);
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    end.user = source_tenant_user(end.user, c->in, full);
    return source_add(c, &end, create_oceanbase_fields, NULL, err);
}

int source_create_odp(struct call *c, struct err *err)
{
    struct source_end end = end_of(c->in, "OB_MYSQL");
    const char *proxy = json_get_str(c->in, "obProxy", NULL);
    char host[256];

    if (proxy == NULL)
        faults_later(&c->faults, "obProxy",
                     "a source without it is not supported: the address can't be asked of the "
                     "console of ODP, send ip:port of an OBProxy");
    else if (!split_address(proxy, host, &end.port))
        faults_add(&c->faults, "obProxy", "must be ip:port");
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    end.host = host;
    return source_add(c, &end, create_odp_fields, NULL, err);
}

int source_create_polardb(struct call *c, struct err *err)
{
    struct source_end end = end_of(c->in, "POLARDB_MYSQL");
    const char *address = json_get_str(c->in, "intranetAddr", NULL);
    char host[256];

    if (address == NULL)
        need_address(c);
    else if (!split_address(address, host, &end.port))
        faults_add(&c->faults, "intranetAddr", "must be host:port");
    else
        end.host = host;
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    return source_add(c, &end, create_polardb_fields, NULL, err);
}
