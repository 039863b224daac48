/* Alerts, the alert level of a project, and the webhooks that alerts are sent to (docs/metrics.md).
 */
#include "api/action.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/view.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/alert.h"
#include "store/webhook.h"

#include "base/banned.h"

enum { SECRET_CHARS = 40, SECRET_LEAST = 16, SECRET_MOST = 256 };

#define TEXT_(sym, text, level) text,
static const char *const rule_words[] = { ALERT_RULE_TABLE(TEXT_) NULL };
#undef TEXT_

/* Whoever may list the webhooks sees their URLs: no credentials in them. */
static const char *check_url(const char *text)
{
    const char *host = strncasecmp(text, "https://", 8) == 0  ? text + 8
                       : strncasecmp(text, "http://", 7) == 0 ? text + 7
                                                              : NULL;
    size_t len = host != NULL ? strcspn(host, "/?#") : 0;

    if (host == NULL || len == 0)
        return "must be an http:// or https:// URL";
    if (memchr(host, '@', len) != NULL)
        return "must not hold a user or a password: the secret signs what is sent";
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return "must be printable ASCII without blanks: encode others as %XX";
    return strlen(text) >= WEBHOOK_URL_MAX ? "is too long" : NULL;
}

/* clang-format off */
const struct field list_alert_fields[] = {
    { .name = "projectId", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 39 },
    { .name = "firing", .type = FT_BOOL, .fallback = "false" },
    PAGE_NUMBER_FIELDS,
    { 0 },
};

const struct field create_webhook_fields[] = {
    { .name = "url", .type = FT_STRING, .flags = F_REQUIRED, .check = check_url },
    { .name = "secret", .type = FT_STRING, .flags = F_SECRET | F_NOT_EMPTY, .max = 1024 },
    { .name = "level", .type = FT_STRING, .flags = F_NOT_EMPTY, .fallback = "\"WARN\"", .values = (const char *const[]){ "WARN", "ERROR", NULL } },
    { .name = "rules", .type = FT_STRINGS, .max = ALERT_RULE_MAX_, .values = rule_words },
    { 0 },
};

const struct field webhook_id_fields[] = {
    { .name = "id", .alias = "webhookId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { 0 },
};
/* clang-format on */

int alert_list(struct call *c, struct err *err)
{
    const char *project = json_get_str(c->in, "projectId", NULL);
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(freep)
    struct alert *list = NULL;
    size_t count = 0;

    call_page(c);
    if ((project != NULL && store_project_live(c->on->store, project, &p, err) < 0) ||
        store_alert_list(c->on->store, project, json_get_bool(c->in, "firing", false), &c->page,
                         &list, &count, &c->total, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(c->data, view_alert(&list[i]));
    return 0;
}

/* ---------------------------------------------------------------------- webhooks */

/* The key that signs: the bytes that were given, or a text that is made and shown once. */
static int make_secret(struct call *c, struct secret **ret, bool *ret_made, struct err *err)
{
    const char *given = json_get_str(c->in, "secret", NULL);
    char text[SECRET_CHARS + 8] = "whsec_";

    *ret_made = given == NULL;
    if (given == NULL) {
        id_token(text + strlen(text), SECRET_CHARS);
        return secret_new(text, strlen(text), ret, err);
    }
    if (secret_from_base64(given, ret, err) < 0)
        return -1;
    if (secret_len(*ret) >= SECRET_LEAST && secret_len(*ret) <= SECRET_MOST)
        return 0;
    faults_add(&c->faults, "secret", "must be the Base64 of %d to %d bytes", (int)SECRET_LEAST,
               (int)SECRET_MOST);
    return faults_raise(&c->faults, err);
}

static int add(struct call *c, struct webhook *w, const struct secret *secret, struct err *err)
{
    char about[ID_MAX + 16];

    (void)snprintf(about, sizeof(about), "webhook:%s", id_new("wh_", w->id));
    w->url = strdup(json_get_str(c->in, "url", ""));
    w->level = strdup(json_get_str(c->in, "level", "WARN"));
    w->owner = strdup(c->who->name);
    w->rules = json_object_get(json_get_array(c->in, "rules"));
    w->created_at = clock_now_s();
    if (w->url == NULL || w->level == NULL || w->owner == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (box_seal(c->on->box, about, secret, &w->secret_sealed, err) < 0)
        return -1;
    return store_webhook_add(c->on->store, w, err);
}

int webhook_create(struct call *c, struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *secret = NULL;
    _cleanup_(webhook_done)
    struct webhook w = { 0 };
    bool made;

    if (make_secret(c, &secret, &made, err) < 0 || add(c, &w, secret, err) < 0)
        return -1;
    c->data = json_object_new_object();
    json_add_str(c->data, "id", w.id);
    json_add_str(c->data, "secret", made ? secret_text(secret) : NULL);
    return 0;
}

int webhook_list(struct call *c, struct err *err)
{
    struct webhook *list = NULL;
    size_t count = 0;

    if (store_webhook_list(c->on->store, &list, &count, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(c->data, view_webhook(&list[i]));
    webhook_list_free(list, count);
    return 0;
}

int webhook_delete(struct call *c, struct err *err)
{
    return store_webhook_delete(c->on->store, json_get_str(c->in, "id", ""), err);
}

int webhook_test(struct call *c, struct err *err)
{
    char delivery[ID_MAX];

    if (store_webhook_test(c->on->store, json_get_str(c->in, "id", ""), clock_now_ms(), delivery,
                           err) < 0)
        return -1;
    notify_wake(c->on->notify);
    c->data = json_object_new_object();
    json_add_str(c->data, "deliveryId", delivery);
    return 0;
}
