#include <string.h>
#include <strings.h>

#include "api/account.h"
#include "api/auth.h"
#include "base/clock.h"
#include "base/json.h"

#include "base/banned.h"

enum { PASSWORD_MIN = 12, PASSWORD_MAX = 1024 };

const char *const account_roles[] = { "VIEWER", "OPERATOR", "ADMIN", NULL };

/* Fit for a log line, a URL and HTTP Basic, which ends a name at its first colon. */
const char *account_check_name(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              (p > text && strchr("._@-", *p) != NULL)))
            return "must be letters, digits and . _ @ -, and begin with a letter or digit";
    return NULL;
}

const char *account_check_base64(const char *text)
{
    _cleanup_(secret_freep)
    struct secret *s = NULL;
    struct err err = { 0 };

    if (secret_from_base64(text, &s, &err) < 0)
        return "must be Base64 of the clear text";
    return memchr(secret_text(s), '\0', secret_len(s)) != NULL ? "must not hold a NUL character"
                                                               : NULL;
}

void account_time(struct json_object *o, const char *key, int64_t at)
{
    char text[CLOCK_TEXT_LEN];

    json_add_str(o, key, at == 0 ? NULL : clock_text(at, text));
}

/* clang-format off */
#define NAME_FIELD_(required) \
    { .name = "username", .alias = "name", .type = FT_STRING, .flags = (required), .min = 1, .max = 64, .check = account_check_name }
#define PASSWORD_FIELD_(field, required) \
    { .name = (field), .type = FT_STRING, .flags = (required) | F_SECRET, .max = 2048, .check = account_check_base64 }

const struct field create_user_fields[] = {
    NAME_FIELD_(F_REQUIRED),
    PASSWORD_FIELD_("password", F_REQUIRED),
    { .name = "role", .type = FT_STRING, .flags = F_REQUIRED, .values = account_roles },
    { 0 },
};

const struct field list_user_fields[] = {
    PAGE_NUMBER_FIELDS,
    { 0 },
};

const struct field delete_user_fields[] = {
    NAME_FIELD_(F_REQUIRED),
    { 0 },
};

const struct field update_user_fields[] = {
    NAME_FIELD_(F_REQUIRED),
    PASSWORD_FIELD_("password", 0U),
    { .name = "role", .type = FT_STRING, .flags = F_NOT_EMPTY, .values = account_roles },
    { .name = "disabled", .type = FT_BOOL },
    { 0 },
};

const struct field change_password_fields[] = {
    PASSWORD_FIELD_("oldPassword", F_REQUIRED),
    PASSWORD_FIELD_("newPassword", F_REQUIRED),
    { 0 },
};
/* clang-format on */

static enum role role_in(struct json_object *in)
{
    const char *text = json_get_str(in, "role", "");

    for (size_t i = 0; account_roles[i] != NULL; i++)
        if (strcmp(account_roles[i], text) == 0)
            return (enum role)i;
    return ROLE_VIEWER;
}

/* The hash of a new password of the request, which has to be good enough for this user. */
static int new_hash(struct call *c, const char *field, const char *user,
                    char ret[static SECRET_HASH_LEN], struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *password = NULL;
    size_t len;

    if (secret_from_base64(json_get_str(c->in, field, ""), &password, err) < 0)
        return -1;
    len = text_length(secret_text(password));
    if (len < PASSWORD_MIN)
        faults_add(&c->faults, field, "must be at least %d characters long, this one has %zu",
                   (int)PASSWORD_MIN, len);
    else if (secret_len(password) > PASSWORD_MAX)
        faults_add(&c->faults, field, "must be at most %d bytes long", (int)PASSWORD_MAX);
    else if (strcasecmp(secret_text(password), user) == 0)
        faults_add(&c->faults, field, "must not be the user's name");
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    return auth_hash(c->on->auth, password, ret, err);
}

static struct json_object *view_user(const struct user *u)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "username", u->name);
    json_add_str(o, "role", role_text(u->role));
    json_add_bool(o, "disabled", u->disabled);
    account_time(o, "gmtCreate", u->created_at);
    account_time(o, "gmtModified", u->modified_at != 0 ? u->modified_at : u->created_at);
    account_time(o, "passwordChangedAt", u->password_at != 0 ? u->password_at : u->created_at);
    return o;
}

/* The user as it is now, as the answer. */
static int answer_user(struct call *c, const char *name, struct err *err)
{
    _cleanup_(user_done)
    struct user u = { 0 };
    int r;

    auth_changed(c->on->auth);
    r = store_user_get(c->on->store, name, &u, err);
    if (r < 0)
        return -1;
    c->data = r == 0 ? NULL : view_user(&u); /* deleted meanwhile */
    return 0;
}

int user_create(struct call *c, struct err *err)
{
    const char *name = json_get_str(c->in, "username", "");
    char hash[SECRET_HASH_LEN];

    if (new_hash(c, "password", name, hash, err) < 0 ||
        store_user_add(c->on->store, name, hash, role_in(c->in), err) < 0)
        return -1;
    return answer_user(c, name, err);
}

int user_list(struct call *c, struct err *err)
{
    _cleanup_(freep)
    struct user *list = NULL;
    size_t count = 0;

    call_page(c);
    if (store_user_list(c->on->store, &c->page, &list, &count, &c->total, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        (void)json_object_array_add(c->data, view_user(&list[i]));
    return 0;
}

int user_update(struct call *c, struct err *err)
{
    const char *name = json_get_str(c->in, "username", "");
    enum role role = role_in(c->in);
    bool disabled = json_get_bool(c->in, "disabled", false);
    bool has_password = json_get(c->in, "password") != NULL;
    char hash[SECRET_HASH_LEN];
    struct user_change change = {
        .role = json_get(c->in, "role") == NULL ? NULL : &role,
        .disabled = json_get(c->in, "disabled") == NULL ? NULL : &disabled,
        .password_hash = has_password ? hash : NULL,
    };

    if (change.role == NULL && change.disabled == NULL && !has_password)
        faults_add(&c->faults, "username",
                   "comes with nothing to change: send at least one of role, password and "
                   "disabled");
    if (faults_raise(&c->faults, err) < 0 ||
        (has_password && new_hash(c, "password", name, hash, err) < 0) ||
        store_user_update(c->on->store, name, &change, err) < 0)
        return -1;
    return answer_user(c, name, err);
}

int user_delete(struct call *c, struct err *err)
{
    if (store_user_delete(c->on->store, json_get_str(c->in, "username", ""), err) < 0)
        return -1;
    auth_changed(c->on->auth);
    return 0;
}

int user_change_password(struct call *c, struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *old = NULL;
    char hash[SECRET_HASH_LEN];
    const struct user_change change = { .password_hash = hash };
    struct err wrong = { 0 };

    if (secret_from_base64(json_get_str(c->in, "oldPassword", ""), &old, err) < 0 ||
        new_hash(c, "newPassword", c->who->name, hash, err) < 0)
        return -1;
    if (auth_check(c->on->auth, c->who->name, old, c->who->peer, &wrong) < 0) {
        if (wrong.code != ERR_UNAUTHORIZED) {
            *err = wrong;
            return -1;
        }
        /* not a 401: the credentials of this call are right */
        faults_add(&c->faults, "oldPassword", "is wrong, or there were too many wrong ones");
        return faults_raise(&c->faults, err);
    }
    if (store_user_update(c->on->store, c->who->name, &change, err) < 0)
        return -1;
    auth_changed(c->on->auth);
    return 0;
}
