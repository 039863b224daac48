#include "api/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#include "base/banned.h"

struct csv {
    char *text; /* cells are cut out of it in place */
    char *at, *end;
    size_t line; /* of `at` */
    const char **cells;
    size_t count, cap;
};

int csv_open(const char *text, size_t len, struct csv **ret, struct err *err)
{
    _cleanup_(csv_closep)
    struct csv *c = calloc(1, sizeof(*c));

    if (c == NULL || (c->text = malloc(len + 1)) == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(c->text, text, len);
    c->text[len] = '\0';
    c->at = c->text;
    c->end = c->text + len;
    c->line = 1;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        c->at += 3;
    *ret = take_ptr(c);
    return 0;
}

void csv_close(struct csv *c)
{
    if (c == NULL)
        return;
    free(c->text);
    free(c->cells);
    free(c);
}

/* ---- reading ---- */

static bool begins_formula(char c)
{
    return c == '=' || c == '+' || c == '-' || c == '@' || c == '\t' || c == '\r';
}

/* A ' is ours when it stands before what we would put one before. */
static bool is_guarded(const char *text)
{
    return text[0] == '\'' && (begins_formula(text[1]) || text[1] == '\'');
}

static int add_cell(struct csv *c, const char *text, struct err *err)
{
    if (c->count == c->cap) {
        size_t cap = c->cap * 2 + 16;
        const char **grown = reallocarray(c->cells, cap, sizeof(*grown));
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        c->cells = grown;
        c->cap = cap;
    }
    c->cells[c->count++] = is_guarded(text) ? text + 1 : text;
    return 0;
}

/* Behind a cell: ',' another one follows, '\n' (or the end of the text) the record is complete,
 * 0: something else. Moves behind it; the cell's own end was noted before. */
static char behind(struct csv *c)
{
    if (c->at == c->end)
        return '\n';
    if (*c->at == ',') {
        c->at++;
        return ',';
    }
    if (*c->at == '\r' && c->at + 1 < c->end && c->at[1] == '\n')
        c->at++;
    if (*c->at != '\n')
        return 0;
    c->at++;
    c->line++;
    return '\n';
}

/* *ret_end is where its NUL goes, once what stands there has been looked at. */
static const char *quoted(struct csv *c, char **ret_start, char **ret_end)
{
    char *out = ++c->at;

    *ret_start = out;
    for (;; c->at++) {
        if (c->at == c->end)
            return "a quote that is not closed";
        if (*c->at == '"') {
            c->at++;
            if (c->at == c->end || *c->at != '"')
                break;
        }
        c->line += *c->at == '\n';
        *out++ = *c->at;
    }
    *ret_end = out;
    return NULL;
}

static const char *plain(struct csv *c, char **ret_start, char **ret_end)
{
    *ret_start = c->at;
    for (; c->at < c->end && *c->at != ',' && *c->at != '\n'; c->at++) {
        if (*c->at == '"')
            return "a quote in a cell that does not begin with one: such a cell is put in quotes, "
                   "and quotes in it are doubled";
        if (*c->at == '\r') {
            if (c->at + 1 < c->end && c->at[1] == '\n')
                break;
            return "a carriage return without a line feed outside of quotes";
        }
    }
    *ret_end = c->at;
    return NULL;
}

static const char *cell_problem(const char *text, const char *end)
{
    if (memchr(text, '\0', (size_t)(end - text)) != NULL)
        return "a NUL character";
    return utf8_valid(text, (size_t)(end - text)) ? NULL : "text that is not UTF-8";
}

/* One record's cells; NULL, or what is wrong. *ret_failed: memory is gone. */
static const char *read_record(struct csv *c, bool *ret_failed, struct err *err)
{
    for (;;) {
        char *start = NULL, *end = NULL, next;
        bool in_quotes = c->at < c->end && *c->at == '"';
        const char *problem = in_quotes ? quoted(c, &start, &end) : plain(c, &start, &end);

        if (problem == NULL)
            problem = cell_problem(start, end);
        if (problem != NULL)
            return problem;
        next = behind(c);
        if (next == 0)
            return "something behind a closing quote";
        *end = '\0';
        if (add_cell(c, start, err) < 0) {
            *ret_failed = true;
            return NULL;
        }
        if (next == '\n')
            return NULL;
    }
}

static void skip_line(struct csv *c)
{
    char *feed = memchr(c->at, '\n', (size_t)(c->end - c->at));

    c->line += feed != NULL;
    c->at = feed != NULL ? feed + 1 : c->end;
}

/* The end of an empty line, or NULL. */
static char *empty_line(const struct csv *c)
{
    if (*c->at == '\n')
        return c->at + 1;
    return *c->at == '\r' && c->at + 1 < c->end && c->at[1] == '\n' ? c->at + 2 : NULL;
}

int csv_next(struct csv *c, struct csv_record *ret, struct err *err)
{
    bool failed = false;

    while (c->at < c->end && empty_line(c) != NULL) {
        c->at = empty_line(c);
        c->line++;
    }
    if (c->at == c->end)
        return 0;
    c->count = 0;
    *ret = (struct csv_record){ .line = c->line };
    ret->problem = read_record(c, &failed, err);
    if (failed)
        return -1;
    if (ret->problem != NULL) {
        skip_line(c);
        return 1;
    }
    ret->cells = c->cells;
    ret->count = c->count;
    return 1;
}

/* ---- writing ---- */

void csv_cell(struct strbuf *to, const char *text, bool first)
{
    bool guard = begins_formula(text[0]) || is_guarded(text);

    if (!first)
        strbuf_addc(to, ',');
    if (strpbrk(text, ",\"\r\n") == NULL) {
        strbuf_adds(to, guard ? "'" : "");
        strbuf_adds(to, text);
        return;
    }
    strbuf_adds(to, guard ? "\"'" : "\"");
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"')
            strbuf_addc(to, '"');
        strbuf_addc(to, *p);
    }
    strbuf_addc(to, '"');
}

void csv_end(struct strbuf *to)
{
    strbuf_adds(to, "\r\n");
}
