#include "api/objects_csv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/csv.h"
#include "api/mapping.h"
#include "base/json.h"
#include "base/map.h"

#include "base/banned.h"

enum { PATH_LEN = 200, PROBLEM_LEN = 400, SHOWN = 60 };

#define ROOT "transferMapping."

struct import {
    struct json_object *mapping;
    int at[OC_MAX_];       /* the cell of each column, -1: the file has none */
    size_t cells;          /* of the header */
    struct map *databases; /* "databases\1name" -> struct json_object of it (borrowed) */
    struct map *declared;  /* … that had a line of their own */
    struct map *lines;     /* path within the mapping -> line number as a pointer */
    struct faults *faults;
    size_t line;             /* that is being read */
    const char *const *cell; /* its cells */
};

static void import_done(struct import *im)
{
    json_putp(&im->mapping);
    map_free(im->databases);
    map_free(im->declared);
    map_free(im->lines);
}

static void fault(struct import *im, size_t line, const char *column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void fault(struct import *im, size_t line, const char *column, const char *fmt, ...)
{
    char field[128], problem[PROBLEM_LEN];
    va_list ap;

    (void)snprintf(field, sizeof(field), "line %zu%s%s", line, column != NULL ? ", " : "",
                   column != NULL ? column : "");
    va_start(ap, fmt);
    (void)vsnprintf(problem, sizeof(problem), fmt, ap);
    va_end(ap);
    faults_add(im->faults, field, "%s", problem);
}

/* ---- the header ---- */

static void read_header(struct import *im, const struct csv_record *r)
{
    for (int c = 0; c < OC_MAX_; c++)
        im->at[c] = -1;
    im->cells = r->count;
    for (size_t i = 0; i < r->count; i++) {
        int c = 0;
        while (c < OC_MAX_ && strcasecmp(objects_columns[c], r->cells[i]) != 0)
            c++;
        if (c == OC_MAX_)
            fault(im, r->line, NULL,
                  "\"%.*s\" is no column: the first line names the columns, with commas between",
                  SHOWN, r->cells[i]);
        else if (im->at[c] >= 0)
            fault(im, r->line, NULL, "column %s is there twice", objects_columns[c]);
        else
            im->at[c] = (int)i;
    }
    for (int c = OC_KIND; c <= OC_OBJECT; c++)
        if (im->at[c] < 0)
            fault(im, r->line, NULL, "column %s is required", objects_columns[c]);
}

static const char *cell(const struct import *im, enum objects_column c)
{
    return im->at[c] < 0 ? "" : im->cell[im->at[c]];
}

/* ---- lists ---- */

/* One element up to its semicolon, into `to`; *at moves behind it. NULL, or what is wrong. */
static const char *read_element(const char **at, struct strbuf *to)
{
    const char *p = *at;

    strbuf_reset(to);
    if (*p != '"') {
        size_t len = strcspn(p, ";");
        if (memchr(p, '"', len) != NULL)
            return "has a quote within an element: such an element is put in quotes, and quotes in "
                   "it are doubled";
        while (len > 0 && *p == ' ') {
            p++;
            len--;
        }
        *at = p + len;
        while (len > 0 && p[len - 1] == ' ')
            len--;
        strbuf_add(to, p, len);
        return len == 0 ? "has an empty element" : NULL;
    }
    for (p++; *p != '\0' && !(*p == '"' && p[1] != '"'); p++) {
        p += *p == '"';
        strbuf_addc(to, *p);
    }
    if (*p == '\0')
        return "has an element whose quote is not closed";
    *at = p + 1;
    return p[1] == '\0' || p[1] == ';' ? NULL : "has something behind an element's closing quote";
}

static int read_list(struct import *im, enum objects_column c, struct json_object *o,
                     const char *key, struct err *err)
{
    const char *at = cell(im, c), *problem = NULL;
    struct json_object *list = json_object_new_array();
    _cleanup_(strbuf_done)
    struct strbuf element = STRBUF(1024 * 1024);

    json_add(o, key, list);
    if (strcasecmp(at, "NONE") == 0)
        return 0;
    for (;;) {
        problem = read_element(&at, &element);
        if (problem != NULL || element.failed)
            break;
        json_object_array_add(list, json_object_new_string(strbuf_str(&element)));
        if (*at == '\0')
            return 0;
        at++;
    }
    if (problem == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    fault(im, im->line, objects_columns[c], "%s", problem);
    return 0;
}

/* ---- a line ---- */

static int note_line(struct import *im, const char *path, struct err *err)
{
    return map_set(im->lines, path, (void *)(uintptr_t)im->line) < 0
               ? err_set(err, ERR_NOMEM, "out of memory")
               : 0;
}

static struct json_object *list_of(struct json_object *o, const char *key)
{
    struct json_object *list = json_get_array(o, key);

    if (list == NULL) {
        list = json_object_new_array();
        json_add(o, key, list);
    }
    return list;
}

static void refuse_others(struct import *im, const struct objects_kind *kind)
{
    for (int c = OC_DATABASE; c < OC_MAX_; c++) {
        bool taken = kind->rule ? c == OC_OBJECT
                                : c == OC_DATABASE || c == OC_TARGET_DATABASE ||
                                      objects_key((enum objects_column)c, kind->list == NULL);
        if (!taken && *cell(im, (enum objects_column)c) != '\0')
            fault(im, im->line, objects_columns[c], "must be empty: it is not for kind %s",
                  kind->word);
    }
}

static int add_rule(struct import *im, const struct objects_kind *kind, struct err *err)
{
    struct json_object *list = list_of(im->mapping, kind->top);
    char path[PATH_LEN];

    if (*cell(im, OC_OBJECT) == '\0') {
        fault(im, im->line, objects_columns[OC_OBJECT], "is required: the rule, as shop.*");
        return 0;
    }
    (void)snprintf(path, sizeof(path), "%s[%zu]", kind->top, json_len(list));
    json_object_array_add(list, json_object_new_string(cell(im, OC_OBJECT)));
    return note_line(im, path, err);
}

/* The entry of this line's database, made at its first mention. */
static int find_database(struct import *im, const char *top, char *path, size_t size,
                         struct json_object **ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf key = STRBUF(1024 * 1024);
    struct json_object *list = list_of(im->mapping, top), *o;
    size_t i = 0;

    strbuf_addf(&key, "%s\1%s", top, cell(im, OC_DATABASE));
    if (strbuf_check(&key, err) < 0)
        return -1;
    /* its place in the list, from 1 */
    i = (size_t)(uintptr_t)map_get(im->databases, strbuf_str(&key));
    if (i > 0) {
        (void)snprintf(path, size, "%s[%zu]", top, i - 1);
        *ret = json_at(list, i - 1);
        return 0;
    }
    o = json_object_new_object();
    json_add_str(o, "name", cell(im, OC_DATABASE));
    json_object_array_add(list, o);
    if (map_set(im->databases, strbuf_str(&key), (void *)(uintptr_t)json_len(list)) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)snprintf(path, size, "%s[%zu]", top, json_len(list) - 1);
    *ret = o;
    return note_line(im, path, err);
}

static void set_target_database(struct import *im, struct json_object *db)
{
    const char *to = cell(im, OC_TARGET_DATABASE), *other = json_get_str(db, "mappedName", NULL);

    if (*to == '\0')
        return;
    if (other == NULL)
        json_add_str(db, "mappedName", to);
    else if (strcmp(other, to) != 0)
        fault(im, im->line, objects_columns[OC_TARGET_DATABASE],
              "is %.*s, and %.*s in a line before: a database has one target", SHOWN, to, SHOWN,
              other);
}

static int set_cells(struct import *im, struct json_object *o, bool database, struct err *err)
{
    for (int i = OC_OBJECT; i < OC_MAX_; i++) {
        enum objects_column c = (enum objects_column)i;
        const char *key = objects_key(c, database);

        if (key == NULL || c == OC_TARGET_DATABASE || *cell(im, c) == '\0')
            continue;
        if (!objects_is_list(c))
            json_add_str(o, key, cell(im, c));
        else if (read_list(im, c, o, key, err) < 0)
            return -1;
    }
    return 0;
}

static int add_database(struct import *im, struct json_object *db, const char *path,
                        struct err *err)
{
    if (map_get(im->declared, path) != NULL) {
        fault(im, im->line, objects_columns[OC_DATABASE], "%.*s has a line already", SHOWN,
              cell(im, OC_DATABASE));
        return 0;
    }
    if (map_set(im->declared, path, db) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (note_line(im, path, err) < 0)
        return -1;
    return set_cells(im, db, true, err);
}

static int add_object(struct import *im, const struct objects_kind *kind, struct err *err)
{
    char path[PATH_LEN], at[PATH_LEN + 40];
    struct json_object *db = NULL, *list, *o;

    if (*cell(im, OC_DATABASE) == '\0') {
        fault(im, im->line, objects_columns[OC_DATABASE], "is required");
        return 0;
    }
    if (find_database(im, kind->top, path, sizeof(path), &db, err) < 0)
        return -1;
    set_target_database(im, db);
    if (kind->list == NULL)
        return add_database(im, db, path, err);
    if (*cell(im, OC_OBJECT) == '\0') {
        fault(im, im->line, objects_columns[OC_OBJECT], "is required for kind %s", kind->word);
        return 0;
    }
    list = list_of(db, kind->list);
    o = json_object_new_object();
    (void)snprintf(at, sizeof(at), "%s.%s[%zu]", path, kind->list, json_len(list));
    json_object_array_add(list, o);
    if (note_line(im, at, err) < 0)
        return -1;
    return set_cells(im, o, false, err);
}

static int read_line(struct import *im, const struct csv_record *r, struct err *err)
{
    const struct objects_kind *kind = NULL;

    im->line = r->line;
    im->cell = r->cells;
    if (r->problem != NULL) {
        fault(im, r->line, NULL, "is no CSV: %s", r->problem);
        return 0;
    }
    if (r->count != im->cells) {
        fault(im, r->line, NULL, "has %zu cells, and the first line names %zu columns", r->count,
              im->cells);
        return 0;
    }
    for (size_t k = 0; k < objects_kinds_count; k++)
        if (strcasecmp(objects_kinds[k].word, cell(im, OC_KIND)) == 0)
            kind = &objects_kinds[k];
    if (kind == NULL) {
        fault(im, r->line, objects_columns[OC_KIND], "\"%.*s\" is not known", SHOWN,
              cell(im, OC_KIND));
        return 0;
    }
    refuse_others(im, kind);
    return kind->rule ? add_rule(im, kind, err) : add_object(im, kind, err);
}

/* ---- what the mapping as a whole lacks ---- */

/* "databases[0].tables[2].whereClause" -> the line of that table, and the column of the key. */
static void tell(struct import *im, const char *path, const char *problem)
{
    char at[PATH_LEN * 2];
    const char *key = NULL, *column = NULL;
    uintptr_t line = 0;

    if (strncmp(path, ROOT, strlen(ROOT)) == 0)
        path += strlen(ROOT);
    (void)snprintf(at, sizeof(at), "%s", path);
    while ((line = (uintptr_t)map_get(im->lines, at)) == 0 && *at != '\0') {
        char *dot = strrchr(at, '.'), *bracket = strrchr(at, '[');
        if (dot != NULL && (bracket == NULL || dot > bracket))
            key = path + (dot - at) + 1;
        *(dot != NULL && (bracket == NULL || dot > bracket) ? dot
          : bracket != NULL                                 ? bracket
                                                            : at) = '\0';
    }
    if (line == 0) {
        /* of no line: only where nothing else is wrong it is more than what follows from that */
        if (im->faults->count == 0)
            faults_add(im->faults, "csv", "%s %s", path, problem);
        return;
    }
    for (int c = 0; key != NULL && c < OC_MAX_; c++) {
        const char *of = objects_key((enum objects_column)c, strchr(at, '.') == NULL);
        if (of != NULL && strncmp(key, of, strlen(of)) == 0 &&
            (key[strlen(of)] == '\0' || key[strlen(of)] == '['))
            column = objects_columns[c];
    }
    if (column == NULL && strchr(at, '.') == NULL && strncmp(at, "databases", 9) == 0)
        column = objects_columns[OC_DATABASE];
    fault(im, line, column != NULL ? column : objects_columns[OC_OBJECT], "%s", problem);
}

static int check_whole(struct import *im, const char *control_schema, struct json_object **ret,
                       struct err *err)
{
    struct faults found = { .max = OBJECTS_FAULTS_MAX };
    _cleanup_(json_putp)
    struct json_object *clean = NULL;
    _cleanup_(json_putp)
    struct json_object *filled = NULL;
    int r = fields_read(mapping_fields, im->mapping, "transferMapping", &found, &clean, err);

    if (r == 0) {
        filled = json_clone(clean);
        r = filled == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                           : mapping_check(filled, control_schema, &found, err);
    }
    for (size_t i = 0; r == 0 && i < json_len(found.list); i++)
        tell(im, json_get_str(json_at(found.list, i), "field", ""),
             json_get_str(json_at(found.list, i), "problem", ""));
    if (r == 0 && found.count > 0 && im->faults->count == 0)
        faults_add(im->faults, "csv", "holds what can't be told of a line");
    faults_done(&found);
    if (r == 0)
        *ret = take_ptr(clean);
    return r;
}

static void set_mode(struct json_object *mapping)
{
    bool rules = json_get(mapping, "tableAndViewWhiteList") != NULL ||
                 json_get(mapping, "tableAndViewBlackList") != NULL;

    json_add_str(mapping, "mode", rules ? "WILDCARD" : "SPECIFIC");
}

static int read_all(struct import *im, struct csv *in, struct err *err)
{
    struct csv_record r;
    int got = csv_next(in, &r, err);

    if (got <= 0) {
        if (got == 0)
            faults_add(im->faults, "csv", "is empty: its first line names the columns");
        return got;
    }
    if (r.problem != NULL) {
        fault(im, r.line, NULL, "is no CSV: %s", r.problem);
        return 0;
    }
    read_header(im, &r);
    if (im->faults->count > 0) /* nothing below could be told from another */
        return 0;
    while ((got = csv_next(in, &r, err)) == 1)
        if (read_line(im, &r, err) < 0)
            return -1;
    return got < 0 ? -1 : 1;
}

int objects_import(const char *csv, size_t len, const char *control_schema, struct faults *faults,
                   struct json_object **ret, struct err *err)
{
    _cleanup_(import_done)
    struct import im = { .mapping = json_object_new_object(),
                         .databases = map_new(),
                         .declared = map_new(),
                         .lines = map_new(),
                         .faults = faults };
    _cleanup_(csv_closep)
    struct csv *in = NULL;
    _cleanup_(json_putp)
    struct json_object *clean = NULL;
    int got;

    *ret = NULL;
    faults->max = OBJECTS_FAULTS_MAX;
    if (im.databases == NULL || im.declared == NULL || im.lines == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (csv_open(csv, len, &in, err) < 0)
        return -1;
    got = read_all(&im, in, err);
    if (got <= 0)
        return got;
    set_mode(im.mapping);
    if (check_whole(&im, control_schema, &clean, err) < 0)
        return -1;
    if (faults->count == 0)
        *ret = take_ptr(clean);
    return 0;
}
