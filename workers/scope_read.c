/* Reading a transferMapping: scope_new(). Every fault is gathered before one error is raised. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "workers/scope_priv.h"

#include "base/banned.h"

enum { FAULTS_MAX_BYTES = 900 }; /* what an err's message holds */

/* Collects every fault of a mapping for one error. */
struct faults {
    struct strbuf text;
    bool param; /* something else than a thing not built */
    bool nomem;
};

static void fault(struct faults *f, bool param, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void fault(struct faults *f, bool param, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    f->param = f->param || param;
    strbuf_addf(&f->text, "%s%s", f->text.len > 0 ? "; " : "", line);
}

static char *copy_text(struct faults *f, const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);

    if (text != NULL && copy == NULL)
        f->nomem = true;
    return copy;
}

/* ---- reading the mapping ---- */

/* A member that is a text without a NUL in it: NULL when absent, a fault when it is anything else.
 */
static const char *read_text(struct faults *f, struct json_object *o, const char *key,
                             const char *where)
{
    struct json_object *v = json_get(o, key);
    const char *text;

    if (v == NULL)
        return NULL;
    text = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
    if (text == NULL || strlen(text) != (size_t)json_object_get_string_len(v)) {
        fault(f, true, "%s.%s is not a text", where, key);
        return NULL;
    }
    return text;
}

/* As read_text for a name of the server: 1 to 64 characters. */
static const char *read_name(struct faults *f, struct json_object *o, const char *key,
                             const char *where, const char *fallback)
{
    const char *name = read_text(f, o, key, where), *at;
    size_t letters = 0;

    if (name == NULL || name[0] == '\0') {
        if (fallback == NULL)
            fault(f, true, "%s.%s is missing", where, key);
        return fallback;
    }
    for (at = name; *at != '\0'; letters++)
        (void)scope_next_char(&at);
    if (letters > 64) {
        fault(f, true, "%s.%s is longer than 64 characters", where, key);
        return fallback;
    }
    return name;
}

/* The include list of columns: an array of names, none twice. A new reference, or NULL. */
static struct json_object *read_columns(struct faults *f, struct json_object *o, const char *where)
{
    struct json_object *list = json_get(o, "filterColumns");

    if (list == NULL || (json_object_is_type(list, json_type_array) && json_len(list) == 0))
        return NULL;
    if (!json_object_is_type(list, json_type_array)) {
        fault(f, true, "%s.filterColumns is not a list", where);
        return NULL;
    }
    for (size_t i = 0; i < json_len(list); i++) {
        const char *name = json_at_str(list, i);

        if (name == NULL || name[0] == '\0') {
            fault(f, true, "%s.filterColumns[%zu] is not a column name", where, i);
            return NULL;
        }
    }
    return json_object_get(list);
}

/* A list of words that count instead of the project's; a new reference, or NULL. An empty one is
 * none of them. */
static struct json_object *read_kinds(struct faults *f, struct json_object *o, const char *key,
                                      const char *where)
{
    struct json_object *list = json_get(o, key);

    if (list == NULL)
        return NULL;
    if (!json_object_is_type(list, json_type_array)) {
        fault(f, true, "%s.%s is not a list", where, key);
        return NULL;
    }
    for (size_t i = 0; i < json_len(list); i++) {
        if (json_at_str(list, i) == NULL) {
            fault(f, true, "%s.%s[%zu] is not a word", where, key, i);
            return NULL;
        }
    }
    return json_object_get(list);
}

/* Columns keep their names: a `columns` list that renames is refused rather than ignored. */
static void check_column_renames(struct faults *f, struct json_object *o, const char *where)
{
    struct json_object *list = json_get_array(o, "columns");

    for (size_t i = 0; i < json_len(list); i++) {
        const char *name = json_get_str(json_at(list, i), "columnName", "");
        const char *mapped = json_get_str(json_at(list, i), "mappedName", name);

        if (mapped[0] != '\0' && strcmp(name, mapped) != 0)
            fault(f, false, "%s.columns renames %.64s: renamed columns are not supported", where,
                  name);
    }
}

/* Where a list of tables or views goes. */
struct entry_list {
    enum scope_case name_case;
    struct entry **tail;
    struct map *by_name;
    const char *db, *mapped_db;
    enum scope_kind kind;
    bool selects;
};

static void add_entry(struct faults *f, struct entry_list *to, struct json_object *o,
                      const char *where)
{
    _cleanup_(scope_entry_freep)
    struct entry *e = calloc(1, sizeof(*e));
    const char *name = read_name(f, o, "name", where, NULL);
    const char *filter = read_text(f, o, "whereClause", where);
    char key[SCOPE_KEY_MAX], cased[SCOPE_NAME_MAX];

    if (name == NULL || e == NULL) {
        f->nomem = f->nomem || e == NULL;
        return;
    }
    if (scope_find_entry(to->by_name, to->kind, to->db, name, false) != NULL) {
        fault(f, true, "%s: %.64s.%.64s is listed twice", where, to->db, name);
        return;
    }
    check_column_renames(f, o, where);
    e->kind = to->kind;
    e->selects = to->selects;
    e->db = copy_text(f, to->db);
    e->name = copy_text(f, name);
    e->mapped_db = copy_text(f, to->mapped_db);
    e->mapped_name =
        copy_text(f, read_name(f, o, "mappedName", where, scope_cased(to->name_case, name, cased)));
    e->where =
        copy_text(f, filter != NULL && filter[strspn(filter, " \t\r\n")] != '\0' ? filter : NULL);
    e->columns = read_columns(f, o, where);
    e->records = read_kinds(f, o, "recordTypeWhiteList", where);
    e->ddl = read_kinds(f, o, "supportDDLTypes", where);
    if (f->nomem)
        return;
    e->same_key = map_get(to->by_name, scope_entry_key(to->kind, to->db, name, key));
    if (map_set(to->by_name, key, e) < 0) {
        f->nomem = true;
        return;
    }
    while (*to->tail != NULL)
        to->tail = &(*to->tail)->next;
    *to->tail = take_ptr(e);
}

static void add_entries(struct faults *f, struct entry_list *to, struct json_object *db,
                        const char *key, const char *where)
{
    struct json_object *list = json_get(db, key);
    char at[96];

    if (list == NULL)
        return;
    if (!json_object_is_type(list, json_type_array)) {
        fault(f, true, "%s.%s is not a list", where, key);
        return;
    }
    for (size_t i = 0; i < json_len(list); i++) {
        (void)snprintf(at, sizeof(at), "%s.%s[%zu]", where, key, i);
        add_entry(f, to, json_at(list, i), at);
    }
}

/* One of `databases` (white) or `databasesBlack`. */
static void add_db(struct scope *s, struct faults *f, bool white, struct json_object *o,
                   const char *where, struct db_entry **tail)
{
    struct map *by_db = white ? s->by_db : s->black_by_db;
    struct entry_list to = { .name_case = s->name_case,
                             .tail = white ? &s->entries : &s->black_entries,
                             .by_name = white ? s->by_name : s->black_by_name,
                             .selects = true };
    const char *name = read_name(f, o, "name", where, NULL), *mapped;
    struct db_entry *d;
    char key[SCOPE_KEY_MAX], cased[SCOPE_NAME_MAX];

    if (name == NULL)
        return;
    mapped = read_name(f, o, "mappedName", where, scope_cased(s->name_case, name, cased));
    if (white && (scope_is_system_db(name) || scope_is_system_db(mapped)))
        fault(f, true, "%s: %.64s is a system database", where,
              scope_is_system_db(name) ? name : mapped);
    if (scope_find_db(by_db, name, false) != NULL) {
        fault(f, true, "%s: database %.64s is listed twice", where, name);
        return;
    }
    d = calloc(1, sizeof(*d));
    if (d == NULL) {
        f->nomem = true;
        return;
    }
    *tail = d;
    d->name = copy_text(f, name);
    d->mapped = copy_text(f, mapped);
    d->records = read_kinds(f, o, "recordTypeWhiteList", where);
    d->ddl = read_kinds(f, o, "supportDDLTypes", where);
    d->partly =
        json_len(json_get_array(o, "tables")) > 0 || json_len(json_get_array(o, "views")) > 0;
    d->whole = !d->partly && (!s->wildcard || !white);
    d->same_key = map_get(by_db, scope_db_key(name, key));
    if (f->nomem || map_set(by_db, key, d) < 0) {
        f->nomem = true;
        return;
    }
    to.db = name;
    to.mapped_db = mapped;
    to.kind = SCOPE_TABLE;
    add_entries(f, &to, o, "tables", where);
    to.kind = SCOPE_VIEW;
    add_entries(f, &to, o, "views", where);
    to.selects = false;
    add_entries(f, &to, o, "specificViews", where);
    to.kind = SCOPE_TABLE;
    add_entries(f, &to, o, "specificTables", where);
}

static void add_dbs(struct scope *s, struct faults *f, struct json_object *mapping, const char *key,
                    bool white)
{
    struct db_entry **tail = white ? &s->dbs : &s->black_dbs;
    struct json_object *list = json_get(mapping, key);
    char at[64];

    if (list == NULL)
        return;
    if (!json_object_is_type(list, json_type_array)) {
        fault(f, true, "%s is not a list", key);
        return;
    }
    for (size_t i = 0; i < json_len(list); i++) {
        (void)snprintf(at, sizeof(at), "%s[%zu]", key, i);
        add_db(s, f, white, json_at(list, i), at, tail);
        while (*tail != NULL)
            tail = &(*tail)->next;
    }
}

/* ---- rules ---- */

static bool has_wildcard(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}
/* The first `stop` outside of [ ], or NULL. A `[` that is never closed opens nothing. */
static char *find_outside(char *text, char stop)
{
    for (char *p = text; *p != '\0'; p++) {
        if (*p == stop)
            return p;
        if (*p == '[') {
            char *end = p[1] == '\0' ? NULL : strchr(p + 1 + (p[1] == '!') + 1, ']');

            if (end != NULL)
                p = end;
        }
    }
    return NULL;
}

/* Says what is wrong with a pattern, or NULL. */
static const char *pattern_fault(const char *pattern)
{
    if (pattern[0] == '\0')
        return "a side of the dot is empty";
    for (const char *p = pattern; *p != '\0'; p++) {
        const char *end;

        if (*p == '[') {
            const char *set = p + 1;

            if (*set == '!')
                set++;
            end = *set == '\0' ? NULL : strchr(set + 1, ']');
            if (end == NULL || *set == ']')
                return "a [ has no ] or nothing inside";
            p = end;
        } else if (*p == ']') {
            return "a ] has no [";
        }
    }
    return NULL;
}

/* Splits "a.b" in place; NULL when there is no dot. */
static char *split_dot(char *text)
{
    char *dot = find_outside(text, '.');

    if (dot != NULL)
        *dot++ = '\0';
    return dot;
}

/*
 * What stands behind `=`. A side that is `*`, or the same pattern again, keeps the names; else it
 * is one name, and then what it replaces must be one name too: else several would become one.
 */
static const char *mapping_fault(struct rule *r, char *db, char *object, bool cased,
                                 struct faults *f, bool *ret_param)
{
    bool keep_db = strcmp(db, "*") == 0 || strcmp(db, r->db) == 0;
    bool keep_object = strcmp(object, "*") == 0 || strcmp(object, r->object) == 0;

    *ret_param = true;
    if ((!keep_db && has_wildcard(db)) || (!keep_object && has_wildcard(object)))
        return "behind = a wildcard is only allowed as a whole *";
    if (!keep_db && scope_is_system_db(db))
        return "the target is a system database";
    *ret_param = false;
    if (!keep_object && has_wildcard(r->object))
        return "several tables into one is not supported";
    if (!keep_db && has_wildcard(r->db))
        return "several databases into one is not supported";
    if (!keep_object && has_wildcard(r->db) && !keep_db)
        return "several tables into one is not supported";
    /* one name that is said again is meant as it is written */
    r->mapped_db = copy_text(f, keep_db && (!cased || has_wildcard(db)) ? NULL : db);
    r->mapped_name = copy_text(f, keep_object && (!cased || has_wildcard(object)) ? NULL : object);
    return NULL;
}

/* Reads one rule; NULL, or what is wrong with it. */
static const char *parse_rule(char *text, bool white, bool cased, struct rule *r, struct faults *f,
                              bool *ret_param)
{
    char *mapped = find_outside(text, '='), *object, *mapped_object;
    const char *wrong;

    *ret_param = true;
    if (mapped != NULL)
        *mapped++ = '\0';
    object = split_dot(text);
    if (object == NULL)
        return "it is not <database>.<object>";
    if ((wrong = pattern_fault(text)) != NULL || (wrong = pattern_fault(object)) != NULL)
        return wrong;
    r->db = copy_text(f, text);
    r->object = copy_text(f, object);
    if (f->nomem || mapped == NULL)
        return NULL;
    if (!white)
        return "an exclusion renames nothing";
    mapped_object = split_dot(mapped);
    if (mapped_object == NULL || mapped[0] == '\0' || mapped_object[0] == '\0')
        return "behind = must stand <database>.<object>";
    return mapping_fault(r, mapped, mapped_object, cased, f, ret_param);
}

static bool has_outer_blank(const char *text)
{
    static const char blanks[] = " \t\r\n";
    size_t len = strlen(text);

    return len > 0 && (strchr(blanks, text[0]) != NULL || strchr(blanks, text[len - 1]) != NULL);
}

static void add_rule(const struct scope *s, struct faults *f, struct json_object *list, size_t i,
                     const char *key, bool white, struct rule **tail)
{
    _cleanup_(scope_rule_freep)
    struct rule *r = calloc(1, sizeof(*r));
    _cleanup_(freep)
    char *text = NULL;
    const char *from = json_at_str(list, i), *wrong;
    bool param = true;

    if (from == NULL || strlen(from) != (size_t)json_object_get_string_len(json_at(list, i))) {
        fault(f, true, "%s[%zu] is not a text", key, i);
        return;
    }
    if (has_outer_blank(from)) {
        fault(f, true, "%s[%zu] \"%.100s\": no blanks around a rule", key, i, from);
        return;
    }
    text = copy_text(f, from);
    if (r == NULL || text == NULL) {
        f->nomem = true;
        return;
    }
    wrong = parse_rule(text, white, s->name_case != SCOPE_CASE_SOURCE, r, f, &param);
    if (wrong != NULL)
        fault(f, param, "%s[%zu] \"%.100s\": %s", key, i, from, wrong);
    else if (!f->nomem)
        *tail = take_ptr(r);
}

static void add_rules(const struct scope *s, struct faults *f, struct json_object *mapping,
                      const char *key, bool white, struct rule **tail)
{
    struct json_object *list = json_get(mapping, key);

    if (list == NULL)
        return;
    if (!json_object_is_type(list, json_type_array)) {
        fault(f, true, "%s is not a list", key);
        return;
    }
    for (size_t i = 0; i < json_len(list); i++) {
        add_rule(s, f, list, i, key, white, tail);
        if (*tail != NULL)
            tail = &(*tail)->next;
    }
}

/* ---- the whole ---- */

static void read_mode(struct scope *s, struct faults *f, struct json_object *mapping)
{
    bool has_rules = json_len(json_get_array(mapping, "tableAndViewWhiteList")) > 0;
    const char *mode = read_text(f, mapping, "mode", "transferMapping");

    s->wildcard = mode == NULL ? has_rules : strcasecmp(mode, "WILDCARD") == 0;
    if (mode != NULL && strcasecmp(mode, "COMPLEX") == 0)
        fault(f, false, "mode COMPLEX is not supported");
    else if (mode != NULL && !s->wildcard && strcasecmp(mode, "SPECIFIC") != 0)
        fault(f, true, "mode %.32s is neither SPECIFIC nor WILDCARD", mode);
}

static void read_name_case(struct scope *s, struct faults *f, struct json_object *mapping)
{
    static const char *const words[] = { [SCOPE_CASE_SOURCE] = "AS_SOURCE",
                                         [SCOPE_CASE_LOWER] = "LOWER",
                                         [SCOPE_CASE_UPPER] = "UPPER" };
    const char *word = read_text(f, mapping, "nameCase", "transferMapping");

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (word == NULL || strcasecmp(word, words[i]) == 0) {
            s->name_case = (enum scope_case)i;
            return;
        }
    }
    fault(f, true, "nameCase %.32s is not known", word);
}

static bool selects_nothing(const struct scope *s)
{
    const struct entry *e = s->entries;

    if (!s->wildcard)
        return s->dbs == NULL;
    while (e != NULL && !e->selects)
        e = e->next;
    return s->white == NULL && e == NULL;
}

static int raise_faults(struct faults *f, struct err *err)
{
    if (f->nomem)
        return err_set(err, ERR_NOMEM, "no memory for the objects' mapping");
    if (f->text.len == 0 && !f->text.failed)
        return 0;
    return err_set(err, f->param ? ERR_PARAM : ERR_NOT_SUPPORTED, "transferMapping: %s%s",
                   strbuf_str(&f->text), f->text.failed ? "; and more" : "");
}

int scope_new(struct json_object *mapping, struct scope **ret, struct err *err)
{
    _cleanup_(scope_freep)
    struct scope *s = calloc(1, sizeof(*s));
    struct faults f = { .text = STRBUF(FAULTS_MAX_BYTES) };
    int rc;

    if (s == NULL || (s->by_name = map_new()) == NULL || (s->by_db = map_new()) == NULL ||
        (s->black_by_name = map_new()) == NULL || (s->black_by_db = map_new()) == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the objects' mapping");
    if (!json_object_is_type(mapping, json_type_object))
        return err_set(err, ERR_PARAM, "transferMapping is not an object");
    read_mode(s, &f, mapping);
    read_name_case(s, &f, mapping);
    add_dbs(s, &f, mapping, "databases", true);
    if (s->wildcard) {
        add_dbs(s, &f, mapping, "databasesBlack", false);
        add_rules(s, &f, mapping, "tableAndViewWhiteList", true, &s->white);
        add_rules(s, &f, mapping, "tableAndViewBlackList", false, &s->black);
    }
    if (f.text.len == 0 && selects_nothing(s))
        fault(&f, true, "%s selects nothing", s->wildcard ? "tableAndViewWhiteList" : "databases");
    rc = raise_faults(&f, err);
    strbuf_done(&f.text);
    if (rc < 0)
        return -1;
    if (json_get(mapping, "minus") != NULL &&
        scope_new(json_get(mapping, "minus"), &s->minus, err) < 0)
        return -1;
    *ret = take_ptr(s);
    return 0;
}
