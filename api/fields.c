#include "api/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "base/strbuf.h"

#include "base/banned.h"

enum { PATH_LEN = 256, PROBLEM_LEN = 512, GIVEN_LEN = 64 };

static size_t listed(const struct faults *f)
{
    return f->max > 0 ? f->max : FAULTS_MAX;
}

void faults_done(struct faults *f)
{
    json_putp(&f->list);
    *f = (struct faults){ 0 };
}

static void add_fault(struct faults *f, const char *field, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
static void add_fault(struct faults *f, const char *field, const char *fmt, va_list ap)
{
    char problem[PROBLEM_LEN];
    struct json_object *o;

    f->count++;
    if (f->count > listed(f))
        return;
    (void)vsnprintf(problem, sizeof(problem), fmt, ap);
    if (f->list == NULL)
        f->list = json_object_new_array();
    o = json_object_new_object();
    json_add_str(o, "field", field);
    json_add_str(o, "problem", problem);
    json_object_array_add(f->list, o);
}

void faults_add(struct faults *f, const char *field, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_fault(f, field, fmt, ap);
    va_end(ap);
}

void faults_later(struct faults *f, const char *field, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_fault(f, field, fmt, ap);
    va_end(ap);
    f->later++;
}

int faults_raise(const struct faults *f, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(sizeof(err->message) * 64);

    if (f->count == 0)
        return 0;
    for (size_t i = 0; i < json_len(f->list); i++) {
        struct json_object *o = json_at(f->list, i);
        strbuf_addf(&text, "%s%s: %s", i == 0 ? "" : "; ", json_get_str(o, "field", ""),
                    json_get_str(o, "problem", ""));
    }
    if (f->count > listed(f))
        strbuf_addf(&text, "; and %zu more", f->count - listed(f));
    return err_set(err, f->later == f->count ? ERR_NOT_SUPPORTED : ERR_PARAM, "%s",
                   strbuf_str(&text));
}

size_t text_length(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

struct json_object *field_find(struct json_object *o, const char *name)
{
    struct json_object *found = NULL;

    if (o == NULL || !json_object_is_type(o, json_type_object))
        return NULL;
    json_object_object_foreach(o, key, value)
    {
        if (strcasecmp(key, name) == 0)
            found = value; /* the last one wins, as with equal keys */
    }
    return found;
}

static const char *join(char buf[static PATH_LEN], const char *path, const char *name)
{
    (void)snprintf(buf, PATH_LEN, "%s%s%s", path, *path == '\0' ? "" : ".", name);
    return buf;
}

/* ------------------------------------------------------------------ values */

/* The entry of the list that `text` spells, or NULL. */
static const char *entry_of(const char *const *words, const char *text)
{
    for (; words != NULL && *words != NULL; words++) {
        size_t len = strcspn(*words, "=");
        if (strlen(text) == len && strncasecmp(*words, text, len) == 0)
            return *words;
    }
    return NULL;
}

/* What stands behind the "=" of an entry, or NULL. */
static const char *behind(const char *entry)
{
    const char *equals = strchr(entry, '=');

    return equals == NULL ? NULL : equals + 1;
}

static void add_later_fault(const char *entry, const char *path, struct faults *faults)
{
    const char *reason = behind(entry);

    if (reason == NULL)
        faults_later(faults, path, "%s is not supported yet", entry);
    else
        faults_later(faults, path, "%.*s is not supported: %s", (int)strcspn(entry, "="), entry,
                     reason);
}

/* What was given, cut between two characters: an answer stays valid UTF-8. */
static const char *start_of(const char *text, char buf[static GIVEN_LEN])
{
    size_t len = strnlen(text, GIVEN_LEN - 1);

    while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    memcpy(buf, text, len);
    buf[len] = '\0';
    return buf;
}

static void add_word_fault(const struct field *f, const char *given, const char *path,
                           struct faults *faults)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(PROBLEM_LEN);
    char start[GIVEN_LEN];

    for (const char *const *w = f->values; *w != NULL; w++)
        if (strchr(*w, '=') == NULL)
            strbuf_addf(&text, "%s%s", text.len == 0 ? "" : ", ", *w);
    if (text.len == 0)
        faults_add(faults, path, "\"%s\" is not a known value", start_of(given, start));
    else
        faults_add(faults, path, "\"%s\" is not known: must be one of %s", start_of(given, start),
                   strbuf_str(&text));
}

/* Text of a field or of a list's element: NULL when it has a fault. */
static struct json_object *read_text(const struct field *f, const char *text, const char *path,
                                     struct faults *faults)
{
    const char *entry, *problem;

    if (f->values != NULL || f->later != NULL) {
        entry = entry_of(f->values, text);
        if (entry != NULL)
            return json_object_new_string(behind(entry) != NULL ? behind(entry) : entry);
        entry = entry_of(f->later, text);
        if (entry != NULL)
            add_later_fault(entry, path, faults);
        else
            add_word_fault(f, text, path, faults);
        return NULL;
    }
    problem = f->check == NULL ? NULL : f->check(text);
    if (problem != NULL) {
        faults_add(faults, path, "%s", problem);
        return NULL;
    }
    return json_object_new_string(text);
}

/* The value as text, if it may stand for one: numbers and booleans may. */
static const char *text_of(struct json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_string:
    case json_type_int:
    case json_type_double:
    case json_type_boolean:
        return json_object_get_string(v);
    case json_type_null:
    case json_type_object:
    case json_type_array:
        break;
    }
    return NULL;
}

static bool has_nul(struct json_object *v)
{
    return json_object_is_type(v, json_type_string) &&
           strlen(json_object_get_string(v)) != (size_t)json_object_get_string_len(v);
}

static struct json_object *read_string(const struct field *f, struct json_object *v,
                                       const char *path, struct faults *faults)
{
    const char *text = text_of(v);
    size_t len;

    if (text == NULL) {
        faults_add(faults, path, "must be a text");
        return NULL;
    }
    if (has_nul(v)) {
        faults_add(faults, path, "must not hold a NUL character");
        return NULL;
    }
    len = text_length(text);
    if ((int64_t)len < f->min || (f->max > 0 && (int64_t)len > f->max)) {
        if (f->min > 0 && len == 0)
            faults_add(faults, path, "must not be empty");
        else
            faults_add(faults, path, "must be %lld to %lld characters long", (long long)f->min,
                       (long long)f->max);
        return NULL;
    }
    return read_text(f, text, path, faults);
}

static struct json_object *read_int(const struct field *f, struct json_object *v, const char *path,
                                    struct faults *faults)
{
    int64_t max = f->max == 0 ? INT64_MAX : f->max;
    const char *text = json_object_is_type(v, json_type_boolean) ? NULL : text_of(v);
    int64_t n;

    if (text == NULL || has_nul(v) || !num_parse_i64(text, INT64_MIN, INT64_MAX, &n)) {
        double d = json_object_is_type(v, json_type_double) ? json_object_get_double(v) : 0.5;
        if (!(d > -9e15 && d < 9e15) || d != (double)(int64_t)d) {
            faults_add(faults, path, "must be a whole number");
            return NULL;
        }
        n = (int64_t)d; /* 12.0: some clients know no other numbers */
    }
    if (n < f->min || n > max) {
        if (max == INT64_MAX)
            faults_add(faults, path, "must be at least %lld", (long long)f->min);
        else
            faults_add(faults, path, "must be from %lld to %lld", (long long)f->min,
                       (long long)max);
        return NULL;
    }
    if (f->check_int != NULL && f->check_int(n) != NULL) {
        faults_add(faults, path, "%s", f->check_int(n));
        return NULL;
    }
    return json_object_new_int64(n);
}

static struct json_object *read_bool(const struct field *f, struct json_object *v, const char *path,
                                     struct faults *faults)
{
    const char *text = text_of(v);
    bool on;

    if (text != NULL && !has_nul(v) && (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0))
        on = true;
    else if (text != NULL && !has_nul(v) &&
             (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0))
        on = false;
    else {
        faults_add(faults, path, "must be true or false");
        return NULL;
    }
    if (on && (f->flags & F_LATER_TRUE) != 0) {
        if (f->later != NULL)
            add_later_fault(f->later[0], path, faults);
        else
            faults_later(faults, path, "is not supported yet");
        return NULL;
    }
    return json_object_new_boolean(on);
}

/* ------------------------------------------------------------------ lists and objects */

static int read_object(const struct field *f, struct json_object *v, const char *path,
                       struct faults *faults, struct json_object **ret, struct err *err)
{
    if (!json_object_is_type(v, json_type_object)) {
        faults_add(faults, path, "must be an object");
        return 0;
    }
    return fields_read(f->fields, v, path, faults, ret, err);
}

static int read_element(const struct field *f, struct json_object *v, const char *path,
                        struct faults *faults, struct json_object *list, struct err *err)
{
    struct json_object *clean = NULL;

    if (f->type == FT_OBJECTS) {
        if (read_object(f, v, path, faults, &clean, err) < 0)
            return -1;
    } else if (text_of(v) == NULL || has_nul(v)) {
        faults_add(faults, path, "must be a text");
    } else {
        clean = read_text(f, text_of(v), path, faults);
    }
    if (clean != NULL && json_object_array_add(list, clean) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static int read_list(const struct field *f, struct json_object *v, const char *path,
                     struct faults *faults, struct json_object **ret, struct err *err)
{
    bool is_list = json_object_is_type(v, json_type_array);
    size_t count = is_list ? json_len(v) : 1; /* one value may stand for a list of one */
    _cleanup_(json_putp)
    struct json_object *list = json_object_new_array();

    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if ((int64_t)count < f->min || (f->max > 0 && (int64_t)count > f->max)) {
        if ((int64_t)count < f->min)
            faults_add(faults, path, "must have at least %lld element%s", (long long)f->min,
                       f->min == 1 ? "" : "s");
        else
            faults_add(faults, path, "must have at most %lld elements", (long long)f->max);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        char at[PATH_LEN + 24];
        struct json_object *element = is_list ? json_at(v, i) : v;
        (void)snprintf(at, sizeof(at), "%s[%zu]", path, i);
        if (element == NULL)
            faults_add(faults, at, "must not be null");
        else if (read_element(f, element, at, faults, list, err) < 0)
            return -1;
    }
    *ret = take_ptr(list);
    return 0;
}

static int read_value(const struct field *f, struct json_object *v, const char *path,
                      struct faults *faults, struct json_object **ret, struct err *err)
{
    switch (f->type) {
    case FT_STRING:
        *ret = read_string(f, v, path, faults);
        return 0;
    case FT_INT:
        *ret = read_int(f, v, path, faults);
        return 0;
    case FT_BOOL:
        *ret = read_bool(f, v, path, faults);
        return 0;
    case FT_OBJECT:
        return read_object(f, v, path, faults, ret, err);
    case FT_STRINGS:
    case FT_OBJECTS:
        return read_list(f, v, path, faults, ret, err);
    }
    return err_set(err, ERR_INTERNAL, "field %s has an unknown type", path);
}

static struct json_object *given(const struct field *f, struct json_object *in)
{
    struct json_object *v = field_find(in, f->name);

    if (v == NULL && f->alias != NULL)
        v = field_find(in, f->alias);
    if (v != NULL && (f->flags & F_NOT_EMPTY) != 0 && json_object_is_type(v, json_type_string) &&
        json_object_get_string_len(v) == 0)
        v = NULL;
    return v;
}

static int read_field(const struct field *f, struct json_object *in, const char *path,
                      struct faults *faults, struct json_object *out, struct err *err)
{
    char at[PATH_LEN];
    struct json_object *v = given(f, in), *clean = NULL;

    (void)join(at, path, f->name);
    if (v != NULL) {
        if (read_value(f, v, at, faults, &clean, err) < 0)
            return -1;
    } else if ((f->flags & F_REQUIRED) != 0) {
        faults_add(faults, at, "is required");
    } else if ((f->flags & F_DEFAULTS) != 0) {
        if (fields_read(f->fields, NULL, at, faults, &clean, err) < 0)
            return -1;
    } else if (f->fallback != NULL &&
               json_parse(f->fallback, strlen(f->fallback), 4, &clean, err) < 0) {
        return err_wrap(err, "default of %s", at);
    }
    if (clean != NULL && json_add(out, f->name, clean) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static void log_unknown(const struct field *table, struct json_object *in, const char *path)
{
    json_object_object_foreach(in, key, value)
    {
        const struct field *f = table;
        (void)value;
        while (f->name != NULL && strcasecmp(f->name, key) != 0 &&
               (f->alias == NULL || strcasecmp(f->alias, key) != 0))
            f++;
        if (f->name == NULL) {
            char where[PATH_LEN], quoted[LOG_QUOTED_MAX];
            log_debug("api", "field_ignored", "field=%s", log_q(join(where, path, key), quoted));
        }
    }
}

int fields_read(const struct field *table, struct json_object *in, const char *path,
                struct faults *faults, struct json_object **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *out = json_object_new_object();

    if (out == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (const struct field *f = table; f->name != NULL; f++)
        if (read_field(f, in, path, faults, out, err) < 0)
            return -1;
    if (in != NULL)
        log_unknown(table, in, path);
    *ret = take_ptr(out);
    return 0;
}
