#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/screen.h"

#include "base/banned.h"

enum { COLUMN_MAX = 48, CELL_MAX = 4096, COLUMNS_MAX = 16 };

/* Texts of servers and of other users must not be able to steer a terminal. */
static void harmless(char *line)
{
    for (char *p = line; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
}

void say(const char *fmt, ...)
{
    char line[4096];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    harmless(line);
    (void)puts(line);
}

int say_json(struct json_object *o)
{
    (void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                     JSON_C_TO_STRING_NOSLASHESCAPE));
    return ST_OK;
}

/* ------------------------------------------------------------------ tables */

static void cell(struct json_object *v, struct strbuf *to)
{
    switch (json_object_get_type(v)) {
    case json_type_null:
        strbuf_adds(to, "-");
        break;
    case json_type_boolean:
        strbuf_adds(to, json_object_get_boolean(v) ? "yes" : "no");
        break;
    case json_type_double:
        strbuf_addf(to, "%.1f", json_object_get_double(v));
        break;
    case json_type_array:
        for (size_t i = 0; i < json_len(v); i++) {
            struct json_object *o = json_at(v, i);
            strbuf_adds(to, i == 0 ? "" : ",");
            cell(json_get(o, "name") != NULL ? json_get(o, "name") : o, to);
        }
        if (json_len(v) == 0)
            strbuf_adds(to, "-");
        break;
    case json_type_string:
        strbuf_adds(to, json_object_get_string(v));
        break;
    default:
        strbuf_adds(to, json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN));
    }
    if (to->data != NULL)
        harmless(to->data);
}

static int width_of(const struct column *columns, size_t i, struct json_object *list, bool titles)
{
    int width = titles ? screen_width(columns[i].title) : 0;

    for (size_t k = 0; k < json_len(list); k++) {
        struct strbuf b = STRBUF(CELL_MAX);
        cell(cli_at(json_at(list, k), columns[i].key), &b);
        width = MAX(width, screen_width(strbuf_str(&b)));
        strbuf_done(&b);
    }
    return MIN(width, COLUMN_MAX);
}

static void add_cell(struct strbuf *line, const char *text, int width, bool last)
{
    strbuf_adds(line, text);
    for (int i = screen_width(text); !last && i < width + 2; i++)
        strbuf_addc(line, ' ');
}

void say_table(const struct column *columns, struct json_object *list)
{
    bool titles = isatty(STDOUT_FILENO) == 1 && json_len(list) > 0;
    int widths[COLUMNS_MAX] = { 0 };
    size_t count = 0;

    for (; columns[count].title != NULL && count < COLUMNS_MAX; count++)
        widths[count] = width_of(columns, count, list, titles);
    for (size_t row = titles ? 0 : 1; row <= json_len(list); row++) {
        struct strbuf line = STRBUF(COLUMNS_MAX * CELL_MAX);
        for (size_t i = 0; i < count; i++) {
            struct strbuf b = STRBUF(CELL_MAX);
            if (row == 0)
                strbuf_adds(&b, columns[i].title);
            else
                cell(cli_at(json_at(list, row - 1), columns[i].key), &b);
            add_cell(&line, strbuf_str(&b), widths[i], i + 1 == count);
            strbuf_done(&b);
        }
        (void)puts(strbuf_str(&line));
        strbuf_done(&line);
    }
}

/* ------------------------------------------------------------------ errors */

static void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *fmt, ...)
{
    char line[4096];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    harmless(line);
    (void)fprintf(stderr, "%s\n", line);
}

/* The daemon's own words: all faults, and its code even when this program does not know it. */
static void complain_refusal(struct json_object *answer, const struct err *err)
{
    struct json_object *detail = json_get(answer, "errorDetail");
    struct json_object *faults = json_get_array(json_get(detail, "extraContext"), "faults");
    const char *code = json_get_str(detail, "code", json_get_str(answer, "code", ""));

    if (json_len(faults) == 0)
        complain("causeway: %s (%s)", err->message, code);
    else
        complain("causeway: %.*s: %zu fault%s (%s)", (int)strcspn(err->message, ":"), err->message,
                 json_len(faults), json_len(faults) == 1 ? "" : "s", code);
    for (size_t i = 0; i < json_len(faults); i++)
        complain("  %s: %s", json_get_str(json_at(faults, i), "field", ""),
                 json_get_str(json_at(faults, i), "problem", ""));
}

int cli_fail(const struct cli *c, const struct err *err)
{
    struct json_object *refusal = client_refusal(c->client);
    bool of_ours = err->code == ERR_PARAM || err->code == ERR_IO || err->code == ERR_NOMEM;

    (void)fflush(stdout);
    if (refusal != NULL)
        complain_refusal(refusal, err);
    else
        complain("causeway: %s", err->message);
    if (*err->advice != '\0' || (refusal == NULL && !of_ours))
        complain("  %s", err_advice(err));
    if (err->code == ERR_CANCELLED && refusal == NULL)
        return ST_INTERRUPTED;
    if (refusal != NULL ? err->code == ERR_STOPPING : of_ours)
        return ST_TROUBLE;
    return ST_FAILED;
}

int cli_trouble(const struct cli *c, const struct err *err)
{
    int status = cli_fail(c, err);

    return status == ST_FAILED ? ST_TROUBLE : status;
}
