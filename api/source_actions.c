#include "api/action.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/names.h"
#include "api/view.h"
#include "base/json.h"

#include "base/banned.h"

/* clang-format off */
static const char *const oceanbase_types[] = { "OB_MYSQL", "OB_MYSQL_CE=OB_MYSQL", "OB_MYSQL_TENANT=OB_MYSQL",
    "OB_MYSQL_VPC=OB_MYSQL", "OB_MYSQL_PUBLIC=OB_MYSQL", NULL };
static const char *const oceanbase_types_later[] = { "OB_ORACLE", "OB_ORACLE_TENANT", "OB_ORACLE_VPC", NULL };

/* Fields of both kinds of source. A path of a socket or a URL is no host. */
static const char *check_host(const char *text)
{
    for (; *text != '\0'; text++)
        if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
              (*text >= '0' && *text <= '9') || strchr(".-_:", *text) != NULL))
            return "must be a host name or an IP address";
    return NULL;
}

static const char *check_base64(const char *text)
{
    _cleanup_(secret_freep) struct secret *s = NULL;
    struct err err = { 0 };

    if (secret_from_base64(text, &s, &err) < 0)
        return "must be Base64 of the clear text";
    return memchr(secret_text(s), '\0', secret_len(s)) != NULL ? "must not hold a NUL character" : NULL;
}

#define SOURCE_FIELDS \
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 128, .check = name_check_plain }, \
    { .name = "ip", .alias = "host", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 255, .check = check_host }, \
    { .name = "port", .type = FT_INT, .flags = F_REQUIRED, .min = 1, .max = 65535 }, \
    { .name = "password", .type = FT_STRING, .flags = F_REQUIRED | F_SECRET, .max = 4096, .check = check_base64 }, \
    { .name = "schema", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 64, .check = name_check_object }, \
    { .name = "region", .type = FT_STRING, .max = 64, .check = name_check_line }, \
    { .name = "description", .type = FT_STRING, .max = 128, .check = name_check_line }, \
    { .name = "useSsl", .type = FT_BOOL, .fallback = "false" }

const struct field create_mysql_fields[] = {
    SOURCE_FIELDS,
    { .name = "userName", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 128, .check = name_check_line },
    { .name = "tryKeepHb", .type = FT_BOOL, .fallback = "false" },
    { 0 },
};

const struct field create_oceanbase_fields[] = {
    SOURCE_FIELDS,
    { .name = "type", .type = FT_STRING, .fallback = "\"OB_MYSQL\"", .values = oceanbase_types, .later = oceanbase_types_later },
    { .name = "userName", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 128, .check = name_check_line },
    { .name = "tenant", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 128, .check = name_check_plain },
    { .name = "cluster", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128, .check = name_check_plain },
    { .name = "ocpName", .type = FT_STRING, .max = 128, .check = name_check_line },
    { .name = "configUrl", .type = FT_STRING, .max = 1024, .check = name_check_line },
    { .name = "drcUserName", .type = FT_STRING, .max = 128, .check = name_check_line },
    { .name = "logProxyIp", .type = FT_STRING, .max = 255, .check = name_check_line },
    { .name = "logProxyPort", .type = FT_INT, .flags = F_NOT_EMPTY, .min = 1, .max = 65535 },
    { 0 },
};

/* Where it leads to, and as whom. Its kind and the rest stay: another kind of server is another source. */
const struct field update_source_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "ip", .alias = "host", .type = FT_STRING, .min = 1, .max = 255, .check = check_host },
    { .name = "port", .type = FT_INT, .min = 1, .max = 65535 },
    { .name = "userName", .type = FT_STRING, .min = 1, .max = 128, .check = name_check_line },
    { .name = "password", .type = FT_STRING, .flags = F_SECRET, .max = 4096, .check = check_base64 },
    { 0 },
};

const struct field list_source_fields[] = {
    { .name = "searchKey", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128 },
    { .name = "types", .type = FT_STRINGS, .max = 32 },
    PAGE_FIELDS,
    { 0 },
};

const struct field source_id_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { 0 },
};
/* clang-format on */

/* What is kept beside the columns of the row. Never anything marked F_SECRET. */
static struct json_object *extra_of(struct json_object *in, const struct field *table)
{
    static const char *const columns[] = { "name", "ip", "port", "userName", "type" };
    struct json_object *extra = json_object_new_object();

    for (const struct field *f = table; f->name != NULL; f++) {
        struct json_object *v = json_get(in, f->name);
        bool column = (f->flags & F_SECRET) != 0;
        for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
            column = column || strcmp(columns[i], f->name) == 0;
        if (!column && v != NULL)
            json_add(extra, f->name, json_object_get(v));
    }
    return extra;
}

/* The password of the request, sealed for this source. */
static int seal(struct call *c, const char *id, char **ret, struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *password = NULL;
    char about[ID_MAX + 16];

    (void)snprintf(about, sizeof(about), "source:%s", id);
    if (secret_from_base64(json_get_str(c->in, "password", ""), &password, err) < 0)
        return -1;
    return box_seal(c->on->box, about, password, ret, err);
}

/*
 * No connectivity test here: it could hang, and every call answers within 3 s whatever the
 * databases do (oms-api.md 1.8). The precheck does it.
 */
static int create(struct call *c, const char *type, const char *user, const struct field *table,
                  struct err *err)
{
    _cleanup_(source_freep)
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)id_new("e_", s->id); /* the seal is bound to the id, so it is made here */
    s->name = strdup(json_get_str(c->in, "name", ""));
    s->type = strdup(type);
    s->host = strdup(json_get_str(c->in, "ip", ""));
    s->port = (int)json_get_i64(c->in, "port", 0);
    s->user = strdup(user);
    s->extra = extra_of(c->in, table);
    if (s->name == NULL || s->type == NULL || s->host == NULL || s->user == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (seal(c, s->id, &s->password_sealed, err) < 0 || store_source_add(c->on->store, s, err) < 0)
        return -1;
    c->data = json_object_new_string(s->id);
    return 0;
}

int source_create_mysql(struct call *c, struct err *err)
{
    return create(c, "MYSQL", json_get_str(c->in, "userName", ""), create_mysql_fields, err);
}

enum { USER_MAX = 512 };

/* OBProxy takes tenant and cluster as part of the user's name; `from` has them. */
static const char *oceanbase_user(const char *user, struct json_object *from,
                                  char buf[static USER_MAX])
{
    const char *cluster = json_get_str(from, "cluster", NULL);

    if (strchr(user, '@') != NULL)
        return user;
    (void)snprintf(buf, USER_MAX, "%s@%s%s%s", user, json_get_str(from, "tenant", ""),
                   cluster == NULL ? "" : "#", cluster == NULL ? "" : cluster);
    return buf;
}

int source_create_oceanbase(struct call *c, struct err *err)
{
    char full[USER_MAX];

    return create(c, "OB_MYSQL", oceanbase_user(json_get_str(c->in, "userName", ""), c->in, full),
                  create_oceanbase_fields, err);
}

int source_update(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    _cleanup_(source_freep)
    struct source *s = NULL;
    _cleanup_(freep)
    char *sealed = NULL;
    char full[USER_MAX];
    struct source_change change = { .host = json_get_str(c->in, "ip", NULL),
                                    .user = json_get_str(c->in, "userName", NULL),
                                    .port = (int)json_get_i64(c->in, "port", 0) };
    bool has_password = json_get(c->in, "password") != NULL;

    if (change.host == NULL && change.user == NULL && change.port == 0 && !has_password)
        faults_add(&c->faults, "id",
                   "comes with nothing to change: send at least one of ip, port, userName and "
                   "password");
    if (faults_raise(&c->faults, err) < 0 || store_source_usable(c->on->store, id, &s, err) < 0 ||
        (has_password && seal(c, s->id, &sealed, err) < 0))
        return -1;
    if (change.user != NULL && strcmp(s->type, "OB_MYSQL") == 0)
        change.user = oceanbase_user(change.user, s->extra, full);
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
