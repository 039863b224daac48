#include <stdio.h>
#include <string.h>

#include "api/account.h"
#include "api/auth.h"
#include "api/names.h"
#include "base/json.h"

#include "base/banned.h"

/* clang-format off */
#define KEY_FIELD_ \
    { .name = "accessKeyId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 }
#define OWNER_FIELD_ \
    { .name = "username", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 64, .check = account_check_name }
#define ABOUT_FIELD_ \
    { .name = "description", .type = FT_STRING, .max = 128, .check = name_check_line }

const struct field create_key_fields[] = {
    OWNER_FIELD_,
    ABOUT_FIELD_,
    { 0 },
};

const struct field list_key_fields[] = {
    OWNER_FIELD_,
    PAGE_NUMBER_FIELDS,
    { 0 },
};

const struct field update_key_fields[] = {
    KEY_FIELD_,
    ABOUT_FIELD_,
    { .name = "disabled", .type = FT_BOOL },
    { 0 },
};

const struct field delete_key_fields[] = {
    KEY_FIELD_,
    { 0 },
};
/* clang-format on */

/* Whose keys the caller may touch: NULL: of all. */
static const char *reach(const struct call *c)
{
    return c->who->role == ROLE_ADMIN ? NULL : c->who->name;
}

/* The user that the request names; other users' keys are an ADMIN's matter. */
static int owner_in(const struct call *c, const char *none, const char **ret, struct err *err)
{
    *ret = json_get_str(c->in, "username", none);
    if (c->who->role == ROLE_ADMIN || *ret == NULL || strcmp(*ret, c->who->name) == 0)
        return 0;
    return err_set(err, ERR_FORBIDDEN, "access keys of other users need the role ADMIN");
}

/* What is told only once. */
struct fresh {
    char id[ID_MAX];
    char secret[KEY_SECRET_LEN + 1];
};

static void fresh_done(struct fresh *f)
{
    explicit_bzero(f, sizeof(*f));
}

static struct json_object *view_key(const struct access_key *k)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "accessKeyId", k->id);
    json_add_str(o, "username", k->user);
    json_add_str(o, "description", k->description);
    json_add_bool(o, "disabled", k->disabled);
    json_add_str(o, "createdBy", k->created_by);
    account_time(o, "gmtCreate", k->created_at);
    account_time(o, "lastUsedAt", k->last_used_at);
    return o;
}

int key_create(struct call *c, struct err *err)
{
    _cleanup_(fresh_done)
    struct fresh f = { 0 };
    _cleanup_(freep)
    char *sealed = NULL;
    struct new_key key = { .description = json_get_str(c->in, "description", ""),
                           .created_by = c->who->name };

    if (owner_in(c, c->who->name, &key.user, err) < 0 ||
        auth_new_key(c->on->box, f.id, f.secret, &sealed, err) < 0)
        return -1;
    key.id = f.id;
    key.secret_sealed = sealed;
    if (store_key_add(c->on->store, &key, err) < 0)
        return -1;
    c->data = json_object_new_object();
    json_add_str(c->data, "accessKeyId", f.id);
    json_add_str(c->data, "accessKeySecret", f.secret);
    json_add_str(c->data, "username", key.user);
    return 0;
}

int key_list(struct call *c, struct err *err)
{
    struct access_key *list = NULL;
    size_t count = 0;
    const char *user;

    call_page(c);
    auth_tick(c->on->auth); /* uses that the store does not know of yet */
    if (owner_in(c, reach(c), &user, err) < 0 ||
        store_key_list(c->on->store, user, &c->page, &list, &count, &c->total, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        (void)json_object_array_add(c->data, view_key(&list[i]));
    key_list_free(list, count);
    return 0;
}

int key_update(struct call *c, struct err *err)
{
    const char *about = json_get_str(c->in, "description", NULL);
    bool disabled = json_get_bool(c->in, "disabled", false);
    bool has = json_get(c->in, "disabled") != NULL;

    if (about == NULL && !has)
        faults_add(&c->faults, "accessKeyId",
                   "comes with nothing to change: send description or disabled");
    if (faults_raise(&c->faults, err) < 0 ||
        store_key_update(c->on->store, json_get_str(c->in, "accessKeyId", ""), reach(c), about,
                         has ? &disabled : NULL, err) < 0)
        return -1;
    auth_changed(c->on->auth);
    return 0;
}

int key_delete(struct call *c, struct err *err)
{
    if (store_key_delete(c->on->store, json_get_str(c->in, "accessKeyId", ""), reach(c), err) < 0)
        return -1;
    auth_changed(c->on->auth);
    return 0;
}
