/* The report as one page of HTML that needs nothing else: no script, no other file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/verify_report.h"
#include "api/verify_view.h"
#include "base/clock.h"
#include "base/json.h"

#include "base/banned.h"

static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;"
    "color:#1d2733}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}"
    "table{border-collapse:collapse;width:100%;margin:.6em 0}"
    "th,td{border:1px solid #d5dbe1;padding:.3em .6em;text-align:left;vertical-align:top}"
    "th{background:#f2f5f8;font-weight:600}td.n{text-align:right}"
    "td.v{font-family:ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}"
    ".good{color:#16703c}.bad{color:#b3261e}.none{color:#7a8591}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f7f8fa;padding:.5em}";

/* Text between tags, or in an attribute. */
static void text(struct strbuf *to, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '&')
            strbuf_adds(to, "&amp;");
        else if (c == '<')
            strbuf_adds(to, "&lt;");
        else if (c == '>')
            strbuf_adds(to, "&gt;");
        else if (c == '"')
            strbuf_adds(to, "&quot;");
        else if (c == '\'')
            strbuf_adds(to, "&#39;");
        else if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
            strbuf_adds(to, "\xEF\xBF\xBD"); /* a control character has no place in HTML */
        else
            strbuf_addc(to, *s);
    }
}

static void cell(struct strbuf *to, const char *class, const char *s)
{
    strbuf_addf(to, "<td class=\"%s\">", class);
    text(to, s);
    strbuf_adds(to, "</td>");
}

static void number(struct strbuf *to, struct json_object *o, const char *key)
{
    strbuf_addf(to, "<td class=\"n\">%" PRId64 "</td>", json_get_i64(o, key, 0));
}

static bool is_equal(struct json_object *table)
{
    const char *result = json_get_str(table, "resultType", "");

    return strcmp(result, "CONSISTENT") == 0 || strcmp(result, "BOTH_EMPTY") == 0;
}

static void name(struct strbuf *to, struct json_object *table)
{
    text(to, json_get_str(table, "db", ""));
    strbuf_addc(to, '.');
    text(to, json_get_str(table, "table", ""));
    if (strcmp(json_get_str(table, "db", ""), json_get_str(table, "targetDb", "")) == 0 &&
        strcmp(json_get_str(table, "table", ""), json_get_str(table, "targetTable", "")) == 0)
        return;
    strbuf_adds(to, " → ");
    text(to, json_get_str(table, "targetDb", ""));
    strbuf_addc(to, '.');
    text(to, json_get_str(table, "targetTable", ""));
}

/* ---------------------------------------------------------------------- the head */

static void line(struct strbuf *to, const char *what, const char *value)
{
    strbuf_addf(to, "<tr><th>%s</th><td>", what);
    text(to, value);
    strbuf_adds(to, "</td></tr>\n");
}

static void time_line(struct strbuf *to, const char *what, int64_t unix_s)
{
    char time[CLOCK_TEXT_LEN], zoned[CLOCK_TEXT_LEN + 8];

    if (unix_s == 0)
        return;
    (void)snprintf(zoned, sizeof(zoned), "%s UTC", clock_text(unix_s, time));
    line(to, what, zoned);
}

static void verdict(struct strbuf *to, const struct report_head *h)
{
    const struct verify_counts *c = h->counts;
    bool done = h->run->id[0] != '\0' && h->run->state == VS_DONE;

    if (c->different > 0)
        strbuf_addf(to,
                    "<p class=\"bad\"><strong>%" PRId64 " of %" PRId64
                    " tables are not equal</strong>: %" PRId64 " rows only at the source, %" PRId64
                    " only at the target, %" PRId64 " with other values.</p>\n",
                    c->different, c->tables, c->source_only, c->dest_only, c->mismatched);
    else if (done)
        strbuf_addf(to,
                    "<p class=\"good\"><strong>All %" PRId64 " tables are equal</strong>: %" PRId64
                    " rows.</p>\n",
                    c->tables, c->rows);
    else
        strbuf_addf(to,
                    "<p><strong>Not through</strong>: of %" PRId64
                    " tables that were begun %" PRId64
                    " are compared, and no difference was found yet.</p>\n",
                    c->tables, c->done);
}

void report_html_head(struct strbuf *to, const struct report_head *h)
{
    strbuf_adds(to, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                    "<title>Verification of ");
    text(to, h->project_name);
    strbuf_addf(to, "</title><style>%s</style></head>\n<body><h1>Verification of ", style);
    text(to, h->project_name);
    strbuf_adds(to, "</h1>\n");
    verdict(to, h);
    strbuf_adds(to, "<table>\n");
    line(to, "Project", h->project_id);
    line(to, "Source", h->source);
    line(to, "Target", h->sink);
    time_line(to, "Started", h->run->started_at);
    time_line(to, "Ended", h->run->ended_at);
    time_line(to, "This report", h->made_at);
    strbuf_adds(to, "</table>\n<h2>Tables</h2>\n<table>\n<tr><th>Table</th><th>Result</th>"
                    "<th>Only at the source</th><th>Only at the target</th><th>Other values</th>"
                    "<th>Equal</th></tr>\n");
}

void report_html_listed(struct strbuf *to, struct json_object *table)
{
    const char *result = json_get_str(table, "resultType", "");

    strbuf_adds(to, "<tr><td>");
    name(to, table);
    strbuf_addf(to, "</td><td class=\"%s\">", is_equal(table) ? "good" : "bad");
    text(to, result);
    strbuf_adds(to, ": ");
    text(to, verify_result_text(result));
    strbuf_adds(to, "</td>");
    number(to, table, "sourceOnly");
    number(to, table, "destOnly");
    number(to, table, "mismatched");
    number(to, table, "consistent");
    strbuf_adds(to, "</tr>\n");
}

void report_html_list_end(struct strbuf *to)
{
    strbuf_adds(to, "</table>\n");
}

/* ---------------------------------------------------------------------- a table */

bool report_html_has_section(struct json_object *table)
{
    return json_get_i64(table, "rowsKept", 0) > 0 || json_get(table, "position") != NULL ||
           json_len(json_get_array(table, "errors")) > 0 ||
           json_get_str(table, "message", "")[0] != '\0';
}

static void place(struct strbuf *to, const char *what, struct json_object *position)
{
    const char *gtid = json_get_str(position, "gtid", NULL);
    char pos[32];

    if (position == NULL)
        return;
    (void)snprintf(pos, sizeof(pos), ":%" PRId64, json_get_i64(position, "pos", 0));
    strbuf_addf(to, "<p>As of the %s's position ", what);
    text(to, json_get_str(position, "file", ""));
    text(to, pos);
    if (gtid != NULL && *gtid != '\0') {
        strbuf_adds(to, ", GTID ");
        text(to, gtid);
    }
    strbuf_adds(to, "</p>\n");
}

static void paragraph(struct strbuf *to, const char *s)
{
    if (*s == '\0')
        return;
    strbuf_adds(to, "<p>");
    text(to, s);
    strbuf_adds(to, "</p>\n");
}

void report_html_section(struct strbuf *to, struct json_object *table)
{
    struct json_object *position = json_get(table, "position");
    struct json_object *errors = json_get_array(table, "errors");

    strbuf_adds(to, "<h2>");
    name(to, table);
    strbuf_adds(to, "</h2>\n");
    place(to, "source", json_get(position, "source"));
    place(to, "target", json_get(position, "sink"));
    paragraph(to, json_get_str(table, "message", ""));
    for (size_t i = 0; i < json_len(errors); i++)
        paragraph(to, json_at_str(errors, i));
    if (json_get_i64(table, "rowsKept", 0) > 0)
        strbuf_adds(to, "<table>\n<tr><th>Row</th><th>Column</th><th>Source</th><th>Target</th>"
                        "</tr>\n");
}

static void value(struct strbuf *to, struct json_object *detail, const char *key, bool there)
{
    const char *s = json_get_str(detail, key, NULL);

    if (!there || detail == NULL)
        strbuf_adds(to, "<td class=\"none\">no row</td>");
    else if (s == NULL)
        strbuf_adds(to, "<td class=\"none\">NULL</td>");
    else
        cell(to, "v", s);
}

static void about(struct strbuf *to, struct json_object *row, size_t span)
{
    struct json_object *key = json_get_array(row, "key");
    const char *correction = json_get_str(row, "correction", NULL);

    strbuf_addf(to, "<td class=\"v\" rowspan=\"%zu\">", span);
    for (size_t i = 0; i < json_len(key); i++) {
        text(to, json_get_str(json_at(key, i), "columnName", ""));
        strbuf_adds(to, " = ");
        text(to, json_get_str(json_at(key, i), "columnValue", "NULL"));
        strbuf_addc(to, '\n');
    }
    text(to, json_get_str(row, "type", ""));
    if (json_get_i64(row, "count", 0) > 1)
        strbuf_addf(to, " × %" PRId64, json_get_i64(row, "count", 0));
    strbuf_adds(to, "\n");
    text(to, json_get_str(row, "state", ""));
    if (json_get_str(row, "message", "")[0] != '\0') {
        strbuf_adds(to, ": ");
        text(to, json_get_str(row, "message", ""));
    }
    if (correction != NULL) {
        strbuf_adds(to, "<details><summary>Correction</summary><pre>");
        text(to, correction);
        strbuf_adds(to, "</pre></details>");
    }
    strbuf_adds(to, "</td>");
}

void report_html_row(struct strbuf *to, struct json_object *row)
{
    struct json_object *details = json_get_array(row, "details");
    const char *type = json_get_str(row, "type", "");
    size_t count = MAX(json_len(details), (size_t)1);

    for (size_t i = 0; i < count; i++) {
        struct json_object *detail = json_at(details, i);
        strbuf_adds(to, "<tr>");
        if (i == 0)
            about(to, row, count);
        cell(to, "v", json_get_str(detail, "columnName", ""));
        value(to, detail, "sourceValue", strcmp(type, "IMAGE_ONLY") != 0);
        value(to, detail, "destValue", strcmp(type, "MASTER_ONLY") != 0);
        strbuf_adds(to, "</tr>\n");
    }
}

void report_html_section_end(struct strbuf *to, struct json_object *table)
{
    if (json_get_i64(table, "rowsKept", 0) > 0)
        strbuf_adds(to, "</table>\n");
    if (json_get_bool(table, "rowsCut", false))
        strbuf_adds(to, "<p>More rows differ than are listed; the numbers above are exact.</p>\n");
}

void report_html_end(struct strbuf *to)
{
    strbuf_adds(to, "</body></html>\n");
}
