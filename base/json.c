#include "base/json.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

struct json_object *json_get(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (o == NULL || !json_object_is_type(o, json_type_object))
        return NULL;
    return json_object_object_get_ex(o, key, &v) ? v : NULL;
}

const char *json_get_str(struct json_object *o, const char *key, const char *fallback)
{
    struct json_object *v = json_get(o, key);

    return json_object_is_type(v, json_type_string) && v != NULL ? json_object_get_string(v)
                                                                 : fallback;
}

int64_t json_get_i64(struct json_object *o, const char *key, int64_t fallback)
{
    struct json_object *v = json_get(o, key);

    return v != NULL && json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : fallback;
}

double json_get_double(struct json_object *o, const char *key, double fallback)
{
    struct json_object *v = json_get(o, key);

    if (v == NULL)
        return fallback;
    if (json_object_is_type(v, json_type_double) || json_object_is_type(v, json_type_int))
        return json_object_get_double(v);
    return fallback;
}

bool json_get_bool(struct json_object *o, const char *key, bool fallback)
{
    struct json_object *v = json_get(o, key);

    return v != NULL && json_object_is_type(v, json_type_boolean) ? json_object_get_boolean(v) != 0
                                                                  : fallback;
}

struct json_object *json_get_array(struct json_object *o, const char *key)
{
    struct json_object *v = json_get(o, key);

    return v != NULL && json_object_is_type(v, json_type_array) ? v : NULL;
}

size_t json_len(struct json_object *array)
{
    return array == NULL ? 0 : json_object_array_length(array);
}

struct json_object *json_at(struct json_object *array, size_t i)
{
    return i < json_len(array) ? json_object_array_get_idx(array, i) : NULL;
}

const char *json_at_str(struct json_object *array, size_t i)
{
    struct json_object *v = json_at(array, i);

    return v != NULL && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

int json_add(struct json_object *o, const char *key, struct json_object *value)
{
    return json_object_object_add(o, key, value);
}

int json_add_str(struct json_object *o, const char *key, const char *value)
{
    return json_add(o, key, value == NULL ? NULL : json_object_new_string(value));
}

int json_add_strn(struct json_object *o, const char *key, const char *value, size_t len)
{
    return json_add(o, key, json_object_new_string_len(value, (int)len));
}

int json_add_i64(struct json_object *o, const char *key, int64_t value)
{
    return json_add(o, key, json_object_new_int64(value));
}

int json_add_u64(struct json_object *o, const char *key, uint64_t value)
{
    return json_add(o, key, json_object_new_uint64(value));
}

int json_add_double(struct json_object *o, const char *key, double value)
{
    return json_add(o, key, json_object_new_double(value));
}

int json_add_bool(struct json_object *o, const char *key, bool value)
{
    return json_add(o, key, json_object_new_boolean(value));
}

int json_add_null(struct json_object *o, const char *key)
{
    return json_add(o, key, NULL);
}

static void tokener_freep(struct json_tokener **t)
{
    if (*t != NULL)
        json_tokener_free(*t);
}

int json_parse(const char *text, size_t len, int depth, struct json_object **ret, struct err *err)
{
    _cleanup_(tokener_freep)
    struct json_tokener *t = json_tokener_new_ex(depth);
    struct json_object *o;
    enum json_tokener_error fault;

    if (t == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (len > (size_t)INT32_MAX)
        return err_set(err, ERR_PARAM, "JSON text is too long");
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    o = json_tokener_parse_ex(t, text, (int)len);
    fault = json_tokener_get_error(t);
    if (fault == json_tokener_continue && o == NULL) {
        /* a bare number or literal ends only at a character that can't belong to it */
        o = json_tokener_parse_ex(t, "", 1);
        fault = json_tokener_get_error(t);
        if (fault == json_tokener_success) {
            *ret = o;
            return 0;
        }
    }
    if (fault != json_tokener_success) {
        json_putp(&o);
        return err_set(err, ERR_PARAM, "not valid JSON at offset %zu: %s",
                       json_tokener_get_parse_end(t), json_tokener_error_desc(fault));
    }
    for (size_t i = json_tokener_get_parse_end(t); i < len; i++)
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0') {
            json_putp(&o);
            return err_set(err, ERR_PARAM, "not valid JSON: text after the value at offset %zu", i);
        }
    *ret = o;
    return 0;
}

const char *json_text(struct json_object *o)
{
    return json_object_to_json_string_ext(o,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

struct json_object *json_clone(struct json_object *o)
{
    struct json_object *copy = NULL;

    if (o == NULL || json_object_deep_copy(o, &copy, NULL) != 0)
        return NULL;
    return copy;
}

struct json_object *json_from_err(const struct err *err)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "symbol", err_symbol(err->code));
    json_add_str(o, "code", err_wire(err->code));
    json_add_str(o, "level", err_level(err->code));
    json_add_str(o, "message", err->message);
    json_add_str(o, "advice", err_advice(err));
    json_add_i64(o, "dbErrno", (int64_t)err->db_errno);
    json_add_i64(o, "sysErrno", err->sys_errno);
    return o;
}

void json_to_err(struct json_object *o, struct err *ret)
{
    enum err_code code =
        err_from_wire(json_get_str(o, "code", NULL), json_get_str(o, "symbol", NULL));

    (void)err_set(ret, code, "%s", json_get_str(o, "message", "no message"));
    (void)err_advise(ret, "%s", json_get_str(o, "advice", ""));
    ret->db_errno = (unsigned)json_get_i64(o, "dbErrno", 0);
    ret->sys_errno = (int)json_get_i64(o, "sysErrno", 0);
}
