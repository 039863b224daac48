/* The table of actions as one JSON document: openapi.yaml and the tests of bad input are held
 * against it. */
#include "api/api.h"

#include <stdio.h>
#include <string.h>

#include "api/action.h"
#include "base/json.h"

#include "base/banned.h"

static struct json_object *describe_fields(const struct field *table);

/* Words as clients may write them; {"spelling": "word"} of those that stand for another go into
 * `ret_synonyms`. */
static struct json_object *describe_words(const char *const *words, struct json_object *synonyms)
{
    struct json_object *list = json_object_new_array();

    for (; words != NULL && *words != NULL; words++) {
        const char *equals = strchr(*words, '=');
        char spelling[128];
        if (equals == NULL) {
            json_object_array_add(list, json_object_new_string(*words));
            continue;
        }
        (void)snprintf(spelling, sizeof(spelling), "%.*s", (int)(equals - *words), *words);
        json_add_str(synonyms, spelling, equals + 1);
    }
    return list;
}

static void describe_list_of_words(const struct field *f, struct json_object *o)
{
    struct json_object *synonyms = json_object_new_object(), *reasons = json_object_new_object();

    if (f->values != NULL) {
        json_add(o, "values", describe_words(f->values, synonyms));
        json_add(o, "synonyms", synonyms);
    } else {
        json_putp(&synonyms);
    }
    if (f->later != NULL) {
        struct json_object *words = describe_words(f->later, reasons);
        json_object_object_foreach(reasons, word, reason)
        {
            (void)reason;
            json_object_array_add(words, json_object_new_string(word));
        }
        json_add(o, "later", words);
    }
    json_putp(&reasons);
}

static struct json_object *describe_field(const struct field *f)
{
    static const char *const types[] = {
        [FT_STRING] = "string", [FT_INT] = "integer",     [FT_BOOL] = "boolean",
        [FT_OBJECT] = "object", [FT_STRINGS] = "strings", [FT_OBJECTS] = "objects"
    };
    struct json_object *o = json_object_new_object(), *fallback = NULL;
    struct err err = { 0 };

    json_add_str(o, "name", f->name);
    json_add_str(o, "type", types[f->type]);
    if (f->alias != NULL)
        json_add_str(o, "alias", f->alias);
    json_add_bool(o, "required", (f->flags & F_REQUIRED) != 0);
    json_add_bool(o, "secret", (f->flags & F_SECRET) != 0);
    json_add_bool(o, "onlyFalse", (f->flags & F_LATER_TRUE) != 0);
    json_add_bool(o, "emptyIsAbsent", (f->flags & F_NOT_EMPTY) != 0);
    json_add_bool(o, "checked", f->check != NULL || f->check_int != NULL);
    json_add_i64(o, "min", f->min);
    json_add_i64(o, "max", f->max);
    if (f->fallback != NULL &&
        json_parse(f->fallback, strlen(f->fallback), 4, &fallback, &err) == 0)
        json_add(o, "default", fallback);
    describe_list_of_words(f, o);
    if (f->fields != NULL)
        json_add(o, "fields", describe_fields(f->fields));
    return o;
}

static struct json_object *describe_fields(const struct field *table)
{
    struct json_object *list = json_object_new_array();

    for (const struct field *f = table; f != NULL && f->name != NULL; f++)
        json_object_array_add(list, describe_field(f));
    return list;
}

static struct json_object *describe_errors(void)
{
    struct json_object *list = json_object_new_array();

    for (int code = ERR_NONE + 1; code < ERR_MAX_; code++) {
        struct json_object *o = json_object_new_object();
        json_add_str(o, "symbol", err_symbol((enum err_code)code));
        json_add_str(o, "code", err_wire((enum err_code)code));
        json_object_array_add(list, o);
    }
    return list;
}

void api_describe_actions(FILE *to)
{
    struct json_object *all = json_object_new_object(), *list = json_object_new_array();

    for (size_t i = 0; i < actions_count; i++) {
        const struct action *a = &actions[i];
        struct json_object *o = json_object_new_object();
        json_add_str(o, "name", a->name);
        if (a->alias != NULL)
            json_add_str(o, "alias", a->alias);
        json_add_str(o, "role", role_text(a->least));
        json_add_bool(o, "writes", a->writes);
        json_add_bool(o, "supported", a->handler != NULL);
        json_add(o, "fields", describe_fields(a->request));
        json_object_array_add(list, o);
    }
    json_add(all, "actions", list);
    json_add(all, "errors", describe_errors());
    (void)fprintf(to, "%s\n", json_text(all));
    json_putp(&all);
}
