/* Requests: bodies out of options, pages of lists, passwords, names instead of ids. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/prompt.h"

#include "base/banned.h"

enum { INPUT_MAX = 64 * 1024 * 1024, PAGE = 150, DEPTH = 64, NEAR_SHOWN = 5 };

/* ------------------------------------------------------------------ bodies */

int cli_read(const char *path, char **ret, struct err *err)
{
    size_t len;

    return fs_read_all(strcmp(path, "-") == 0 ? "/dev/stdin" : path, INPUT_MAX, ret, &len, err);
}

int cli_read_json(const char *path, struct json_object **ret, struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;

    if (cli_read(path, &text, err) < 0)
        return -1;
    if (json_parse(text, strlen(text), DEPTH, ret, err) < 0)
        return err_wrap(err, "%s", path);
    return 0;
}

int cli_text(const char *argument, char **ret, struct err *err)
{
    if (*argument == '@' || strcmp(argument, "-") == 0)
        return cli_read(*argument == '@' ? argument + 1 : argument, ret, err);
    *ret = strdup(argument);
    return *ret == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int cli_set(struct json_object *o, const char *path, struct json_object *value, struct err *err)
{
    char key[128];

    for (;;) {
        size_t len = strcspn(path, ".");
        struct json_object *inner;
        (void)snprintf(key, sizeof(key), "%.*s", (int)len, path);
        if (path[len] == '\0')
            break;
        inner = json_get(o, key);
        if (inner == NULL) {
            inner = json_object_new_object();
            json_add(o, key, inner);
        }
        if (!json_object_is_type(inner, json_type_object)) {
            json_object_put(value);
            return err_set(err, ERR_PARAM, "%s is no object", key);
        }
        o = inner;
        path += len + 1;
    }
    json_add(o, key, value);
    return 0;
}

struct json_object *cli_at(struct json_object *o, const char *path)
{
    char key[128];

    while (o != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        (void)snprintf(key, sizeof(key), "%.*s", (int)len, path);
        o = json_object_is_type(o, json_type_object) ? json_get(o, key) : NULL;
        path += path[len] == '.' ? len + 1 : len;
    }
    return o;
}

/* One given value in the shape that the body has it. */
static int value_of(struct cli *c, const struct given *g, struct json_object **ret, struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;
    int64_t number = 0;

    switch (g->param->type) {
    case P_FLAG:
        *ret = json_object_new_boolean(*g->param->key != '!');
        return 0;
    case P_INT:
        (void)num_parse_i64(g->value, 0, INT64_MAX, &number);
        *ret = json_object_new_int64(number);
        return 0;
    case P_JSON:
        if (cli_text(g->value, &text, err) < 0)
            return -1;
        if (json_parse(text, strlen(text), DEPTH, ret, err) < 0)
            return err_wrap(err, "%s", g->param->name);
        return 0;
    case P_PROJECT:
    case P_SOURCE:
    case P_LABEL:
        if (cli_resolve(c, g->param->type, g->value, &text, err) < 0)
            return -1;
        *ret = json_object_new_string(text);
        return 0;
    case P_TEXT:
    case P_FILE:
        break;
    }
    *ret = json_object_new_string(g->value);
    return 0;
}

static int add_given(struct cli *c, struct json_object *body, const struct given *g,
                     struct err *err)
{
    const char *key = g->param->key;
    struct json_object *value = NULL, *list;

    if (key == NULL)
        return 0;
    if (value_of(c, g, &value, err) < 0)
        return -1;
    key += *key == '!';
    if ((g->param->flags & PARAM_REPEAT) == 0)
        return cli_set(body, key, value, err);
    list = cli_at(body, key);
    if (list == NULL) {
        list = json_object_new_array();
        if (cli_set(body, key, list, err) < 0)
            return -1;
    }
    json_object_array_add(list, value);
    return 0;
}

int cli_body(struct cli *c, struct json_object **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();

    for (size_t i = 0; i < c->args.count; i++)
        if (add_given(c, body, &c->args.list[i], err) < 0)
            return -1;
    if (cli_add_password(c, body, err) < 0)
        return -1;
    *ret = take_ptr(body);
    return 0;
}

int cli_add_password(struct cli *c, struct json_object *body, struct err *err)
{
    const struct args *a = &c->args;
    const char *whose = args_get(a, "--user");
    struct prompt ask = { .file = args_get(a, "--password-file"),
                          .from_stdin = args_has(a, "--password-stdin"),
                          .twice = a->command->secret == SECRET_NEW };
    _cleanup_(secret_freep)
    struct secret *password = NULL;
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(64 * 1024);

    if (a->command->secret == SECRET_NONE ||
        (a->command->secret == SECRET_ON_REQUEST && ask.file == NULL && !ask.from_stdin &&
         !args_has(a, "--password")))
        return 0;
    whose = whose != NULL ? whose : args_get(a, "USER");
    ask.whose = whose != NULL ? whose : "the account";
    if (prompt_password(&ask, &password, err) < 0)
        return -1;
    base64_add(&text, secret_text(password), secret_len(password));
    json_add_str(body, "password", strbuf_str(&text));
    if (text.data != NULL)
        explicit_bzero(text.data, text.len);
    return 0;
}

/* ------------------------------------------------------------------ calls */

int cli_ask(struct cli *c, const char *action, struct json_object *body, struct json_object **ret,
            struct err *err)
{
    return client_data(c->client, action, body == NULL ? "{}" : json_text(body), ret, err);
}

int cli_ask_id(struct cli *c, const char *action, const char *key, const char *id,
               struct json_object **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();

    json_add_str(body, key, id);
    return cli_ask(c, action, body, ret, err);
}

int cli_list(struct cli *c, const char *action, struct json_object *body, size_t limit,
             struct json_object **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *ask = body != NULL ? json_object_get(body) : json_object_new_object();
    _cleanup_(json_putp)
    struct json_object *all = json_object_new_array();
    size_t last = 0;

    json_add_i64(ask, "pageSize", PAGE);
    if (json_get(ask, "order") == NULL)
        json_add_str(ask, "order", "asc");
    for (int page = 1;; page++) {
        _cleanup_(json_putp)
        struct json_object *data = NULL;
        json_add_i64(ask, "pageNumber", page);
        if (cli_ask(c, action, ask, &data, err) < 0)
            return -1;
        for (size_t i = 0; i < json_len(data) && (limit == 0 || json_len(all) < limit); i++)
            json_object_array_add(all, json_object_get(json_at(data, i)));
        /* a list without pages answers all of it, whatever page is asked for */
        if (json_len(data) != PAGE || (limit > 0 && json_len(all) >= limit) ||
            json_len(all) == last)
            break;
        last = json_len(all);
    }
    *ret = take_ptr(all);
    return 0;
}

/* ------------------------------------------------------------------ names */

static const struct kind {
    enum param_type type;
    enum err_code unknown;
    const char *noun, *prefix, *action;
} kinds[] = {
    { P_PROJECT, ERR_PROJECT_NOT_FOUND, "project", "np_", "ListProjects" },
    { P_SOURCE, ERR_SOURCE_NOT_FOUND, "data source", "e_", "ListDataSource" },
    { P_LABEL, ERR_STATE, "label", "l_", "ListAllLabels" },
};

static int out_of_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

static void add_candidate(struct strbuf *b, struct json_object *o)
{
    strbuf_addf(b, "%s%s (%s)", b->len > 0 ? ", " : "", json_get_str(o, "name", ""),
                json_get_str(o, "id", ""));
}

/* The one that is called so. `all` is what a search by the text found. */
static int choose(const struct kind *k, const char *text, struct json_object *all, char **ret,
                  struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf same = STRBUF(512);
    _cleanup_(strbuf_done)
    struct strbuf near = STRBUF(512);
    struct json_object *found = NULL;
    size_t exact = 0, others = 0;

    for (size_t i = 0; i < json_len(all); i++) {
        struct json_object *o = json_at(all, i);
        const char *name = json_get_str(o, "name", "");
        if (strcmp(name, text) == 0) {
            found = o;
            exact++;
            add_candidate(&same, o);
        } else if (strcasestr(name, text) != NULL && others++ < NEAR_SHOWN) {
            add_candidate(&near, o);
        }
    }
    if (exact == 1) {
        *ret = strdup(json_get_str(found, "id", ""));
        return *ret != NULL ? 0 : out_of_memory(err);
    }
    if (exact > 1) {
        (void)err_set(err, ERR_STATE, "several %ss are called %s", k->noun, text);
        return err_advise(err, "Say which by its id: %s.", strbuf_str(&same));
    }
    (void)err_set(err, k->unknown, "no %s is called %s", k->noun, text);
    if (near.len > 0)
        return err_advise(err, "Near: %s.", strbuf_str(&near));
    return err_advise(err, "causeway %s list shows them.",
                      k->type == P_SOURCE ? "source" : k->noun);
}

int cli_resolve(struct cli *c, enum param_type type, const char *text, char **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();
    _cleanup_(json_putp)
    struct json_object *all = NULL;
    const struct kind *k = kinds;

    while (k->type != type)
        k++;
    if (strncmp(text, k->prefix, strlen(k->prefix)) == 0) {
        *ret = strdup(text);
        return *ret != NULL ? 0 : out_of_memory(err);
    }
    if (*text == '\0')
        return err_set(err, ERR_PARAM, "a %s must not be empty", k->noun);
    json_add_str(body, "searchKey", text);
    json_add_bool(body, "needRelatedInfo", false);
    if (cli_list(c, k->action, body, 0, &all, err) < 0)
        return -1;
    return choose(k, text, all, ret, err);
}

int cli_project(struct cli *c, char **ret, struct err *err)
{
    return cli_resolve(c, P_PROJECT, args_get(&c->args, "PROJECT"), ret, err);
}

static int resolve_member(struct cli *c, struct json_object *body, const char *key, struct err *err)
{
    const char *text = json_get_str(body, key, NULL);
    _cleanup_(freep)
    char *id = NULL;

    if (text == NULL || *text == '\0')
        return 0; /* what is missing, the daemon tells with all the rest */
    if (cli_resolve(c, P_SOURCE, text, &id, err) < 0)
        return err_wrap(err, "%s", key);
    return json_add_str(body, key, id);
}

int cli_resolve_body(struct cli *c, struct json_object *body, struct err *err)
{
    struct json_object *labels = json_get_array(body, "labelIds");

    if (!json_object_is_type(body, json_type_object))
        return err_set(err, ERR_PARAM, "the body is no JSON object");
    for (size_t i = 0; i < json_len(labels); i++) {
        _cleanup_(freep)
        char *id = NULL;
        if (json_at_str(labels, i) == NULL)
            continue;
        if (cli_resolve(c, P_LABEL, json_at_str(labels, i), &id, err) < 0)
            return err_wrap(err, "labelIds");
        json_object_array_put_idx(labels, i, json_object_new_string(id));
    }
    if (resolve_member(c, body, "sourceEndpointId", err) < 0)
        return -1;
    return resolve_member(c, body, "sinkEndpointId", err);
}

int cli_download(struct cli *c, const char *action, struct json_object *body, const char *file)
{
    _cleanup_(json_putp)
    struct json_object *told = NULL;
    struct err err = { 0 };
    int64_t bytes = 0;

    if (client_download(c->client, action, json_text(body), file, &bytes, &err) < 0)
        return cli_fail(c, &err);
    if (!c->json) {
        say("%s: %lld bytes", file, (long long)bytes);
        return ST_OK;
    }
    told = json_object_new_object();
    json_add_str(told, "file", file);
    json_add_i64(told, "bytes", bytes);
    return say_json(told);
}
