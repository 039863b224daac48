#include "api/form.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"

#include "base/banned.h"

enum {
    PAIRS_MAX = 200 * 1000, /* a body holds more only to cost memory */
    PATH_MAX_PARTS = 16,    /* of "A.1.B.2.C" */
    PART_LEN = 128,
    PATH_LEN = 256,
    JSON_DEPTH_MAX = 32,
};

void form_done(struct form *f)
{
    free(f->pairs);
    free(f->texts);
    *f = (struct form){ 0 };
}

/* ------------------------------------------------------------------ decoding */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* In place; the length of what was decoded, -1 for a broken escape. */
static ssize_t decode(char *text, size_t len)
{
    size_t to = 0;

    for (size_t i = 0; i < len; i++) {
        int high, low;
        if (text[i] == '+') {
            text[to++] = ' ';
        } else if (text[i] != '%') {
            text[to++] = text[i];
        } else {
            high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            low = high < 0 ? -1 : hex_digit(text[i + 2]);
            if (low < 0)
                return -1;
            text[to++] = (char)(high * 16 + low);
            i += 2;
        }
    }
    text[to] = '\0';
    return (ssize_t)to;
}

/* `text` has one byte of room behind its end. */
static int decode_text(char *text, size_t len, const char *what, struct err *err)
{
    ssize_t n = decode(text, len);

    if (n < 0)
        return err_set(err, ERR_PARAM, "request body: a %s has a broken percent escape", what);
    if (memchr(text, '\0', (size_t)n) != NULL)
        return err_set(err, ERR_PARAM, "request body: a %s must not hold a NUL character", what);
    if (!utf8_valid(text, (size_t)n))
        return err_set(err, ERR_PARAM, "request body: a %s is not UTF-8", what);
    return 0;
}

static int add_pair(struct form *f, const char *name, const char *value, struct err *err)
{
    if (f->count == PAIRS_MAX)
        return err_set(err, ERR_PARAM, "request body: more than %d parameters", PAIRS_MAX);
    if (f->count == f->cap) {
        size_t cap = f->cap == 0 ? 32 : f->cap * 2;
        struct form_pair *more = reallocarray(f->pairs, cap, sizeof(*more));
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        f->pairs = more;
        f->cap = cap;
    }
    f->pairs[f->count++] = (struct form_pair){ name, value };
    return 0;
}

int form_parse(const char *text, size_t len, struct form *ret, struct err *err)
{
    _cleanup_(form_done)
    struct form f = { 0 };
    char *at, *end;

    f.texts = malloc(len + 1);
    if (f.texts == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (len > 0)
        memcpy(f.texts, text, len);
    f.texts[len] = '\0';
    for (at = f.texts; at < f.texts + len; at = end + 1) {
        char *equals;
        end = memchr(at, '&', (size_t)(f.texts + len - at));
        if (end == NULL)
            end = f.texts + len;
        if (end == at)
            continue;
        equals = memchr(at, '=', (size_t)(end - at));
        /* the byte behind each part, a separator or the end, takes its NUL */
        if (decode_text(at, (size_t)((equals != NULL ? equals : end) - at), "parameter's name",
                        err) < 0 ||
            (equals != NULL &&
             decode_text(equals + 1, (size_t)(end - equals - 1), "parameter's value", err) < 0) ||
            add_pair(&f, at, equals != NULL ? equals + 1 : "", err) < 0)
            return -1;
    }
    *ret = f;
    f = (struct form){ 0 };
    return 0;
}

/* ------------------------------------------------------------------ the tree of names */

static const struct field *row_of(const struct field *table, const char *name)
{
    for (const struct field *f = table; f != NULL && f->name != NULL; f++)
        if (strcasecmp(f->name, name) == 0 || (f->alias != NULL && strcasecmp(f->alias, name) == 0))
            return f;
    return NULL;
}

static bool is_object(struct json_object *o)
{
    return json_object_is_type(o, json_type_object);
}

/* The next part of "A.1.B" into `part`; NULL behind the last one or when it is too long. */
static const char *next_part(const char *name, char part[static PART_LEN])
{
    size_t len = strcspn(name, ".");

    if (len == 0 || len >= PART_LEN)
        return NULL;
    memcpy(part, name, len);
    part[len] = '\0';
    return name[len] == '.' ? name + len + 1 : name + len;
}

/*
 * Puts one parameter into the tree: names of objects at every dot, text at the leaves. Names are
 * spelled as in the tables as far as those know them, so that "ID" and "Id" are one.
 */
static int put(struct json_object *tree, const struct form_pair *p, const struct field *table,
               struct faults *faults, struct err *err)
{
    struct json_object *at = tree;
    const char *rest = p->name;
    char part[PART_LEN];

    for (int i = 0; i < PATH_MAX_PARTS; i++) {
        const struct field *f;
        struct json_object *there = NULL;
        bool last;

        rest = next_part(rest, part);
        if (rest == NULL)
            break;
        last = *rest == '\0';
        f = row_of(table, part);
        if (f != NULL)
            (void)snprintf(part, sizeof(part), "%s", f->name);
        if (json_object_object_get_ex(at, part, &there) && (last || !is_object(there))) {
            faults_add(faults, strlen(p->name) < PATH_LEN ? p->name : part, "is given twice");
            return 0;
        }
        if (last)
            return json_add_str(at, part, p->value) < 0 ? err_set(err, ERR_NOMEM, "out of memory")
                                                        : 0;
        if (there == NULL) {
            there = json_object_new_object();
            if (there == NULL || json_add(at, part, there) < 0)
                return err_set(err, ERR_NOMEM, "out of memory");
        }
        /* the number of an element is no name: its fields are those of the list */
        if (f != NULL || part[strspn(part, "0123456789")] != '\0')
            table = f == NULL ? NULL : f->fields;
        at = there;
    }
    if (strlen(p->name) < PATH_LEN)
        faults_add(faults, p->name, "is not a parameter's name");
    else
        faults_add(faults, "", "a parameter's name has more than %d characters", PATH_LEN);
    return 0;
}

/* ------------------------------------------------------------------ from texts to values */

struct reading {
    struct faults *faults;
    struct err *err;
};

static struct json_object *value_of(struct reading *r, struct json_object *node,
                                    const struct field *f, const char *path);

static const char *join(char buf[static PATH_LEN], const char *path, const char *name)
{
    (void)snprintf(buf, PATH_LEN, "%s%s%s", path, *path == '\0' ? "" : ".", name);
    return buf;
}

static bool is_list_type(const struct field *f)
{
    return f->type == FT_STRINGS || f->type == FT_OBJECTS;
}

/* JSON text in a parameter. Text that is none stays as it is where text may stand. */
static struct json_object *from_text(struct reading *r, struct json_object *node,
                                     const struct field *f, const char *path)
{
    const char *text = json_object_get_string(node);
    size_t len = (size_t)json_object_get_string_len(node), blank = strspn(text, " \t\r\n");
    bool looks = text[blank] == '{' || text[blank] == '[';
    struct json_object *o = NULL;
    struct err err = { 0 };

    if (f != NULL && f->type != FT_OBJECT && !is_list_type(f))
        return json_object_get(node);
    if (f != NULL && (text[blank] == '\0' || strcmp(text + blank, "null") == 0))
        return NULL; /* absent */
    if (!looks)
        return json_object_get(node); /* one text may stand for a list of one */
    if (json_parse(text, len, JSON_DEPTH_MAX, &o, &err) == 0)
        return o;
    if (f == NULL)
        return json_object_get(node); /* of no meaning to the action, or its handler's business */
    faults_add(r->faults, path, "is %s", err.message);
    return NULL;
}

static bool all_numbers(struct json_object *node)
{
    json_object_object_foreach(node, key, value)
    {
        (void)value;
        if (strspn(key, "0123456789") != strlen(key) || strlen(key) > 9)
            return false;
    }
    return json_object_object_length(node) > 0;
}

struct element {
    int64_t at;
    struct json_object *node;
};

static int by_number(const void *a, const void *b)
{
    int64_t x = ((const struct element *)a)->at, y = ((const struct element *)b)->at;

    return (x > y) - (x < y);
}

/* A.1, A.2, …: in the order of their numbers; a number left out is nobody's. */
static struct json_object *from_numbers(struct reading *r, struct json_object *node,
                                        const struct field *f, const char *path)
{
    size_t count = (size_t)json_object_object_length(node), n = 0;
    _cleanup_(freep)
    struct element *all = calloc(count, sizeof(*all));
    struct json_object *list = json_object_new_array();
    struct field element = { .type = FT_STRING };

    if (f != NULL && f->type == FT_OBJECTS)
        element = (struct field){ .type = FT_OBJECT, .fields = f->fields };
    if (all == NULL || list == NULL) {
        json_putp(&list);
        (void)err_set(r->err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    json_object_object_foreach(node, key, value)
    {
        (void)num_parse_i64(key, 0, INT32_MAX, &all[n].at);
        all[n++].node = value;
    }
    qsort(all, count, sizeof(*all), by_number);
    for (size_t i = 0; i < count; i++) {
        char at[PATH_LEN + 24];
        struct json_object *v;
        (void)snprintf(at, sizeof(at), "%s[%zu]", path, i);
        v = value_of(r, all[i].node, f == NULL ? NULL : &element, at);
        if (v != NULL)
            json_object_array_add(list, v);
    }
    return list;
}

static struct json_object *from_names(struct reading *r, struct json_object *node,
                                      const struct field *table, const char *path)
{
    struct json_object *out = json_object_new_object();
    char at[PATH_LEN];

    if (out == NULL) {
        (void)err_set(r->err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    json_object_object_foreach(node, key, value)
    {
        struct json_object *v = value_of(r, value, row_of(table, key), join(at, path, key));
        if (v != NULL)
            (void)json_add(out, key, v);
    }
    return out;
}

/* What a node of the tree stands for; NULL: absent. Bounded by PATH_MAX_PARTS. */
// NOLINTNEXTLINE(misc-no-recursion)
static struct json_object *value_of(struct reading *r, struct json_object *node,
                                    const struct field *f, const char *path)
{
    if (!is_object(node))
        return from_text(r, node, f, path);
    if (all_numbers(node) && (f == NULL || is_list_type(f)))
        return from_numbers(r, node, f, path);
    return from_names(r, node, f == NULL ? NULL : f->fields, path);
}

int form_to_json(const struct form *f, const struct form_pair *query, size_t query_count,
                 const struct field *table, struct faults *faults, struct json_object **ret,
                 struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *tree = json_object_new_object();
    struct reading r = { faults, err };

    if (tree == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < query_count; i++)
        if (put(tree, &query[i], table, faults, err) < 0)
            return -1;
    for (size_t i = 0; i < f->count; i++)
        if (put(tree, &f->pairs[i], table, faults, err) < 0)
            return -1;
    err->code = ERR_NONE;
    *ret = from_names(&r, tree, table, "");
    if (err->code != ERR_NONE)
        json_putp(ret);
    return err->code != ERR_NONE ? -1 : 0;
}
