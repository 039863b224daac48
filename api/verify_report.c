/* DownloadFullVerifyReport: made while it is sent, a few rows at a time. */
#include "api/verify_report.h"

#include <stdio.h>
#include <string.h>

#include "api/action.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "store/source.h"

#include "base/banned.h"

enum { TABLES_AT_ONCE = 100, ROWS_AT_ONCE = 50, PIECE_MAX = 128 * 1024 * 1024, END_LEN = 512 };

/* clang-format off */
static const char *const formats[] = { "HTML", "CSV", NULL };
const struct field verify_report_fields[] = {
    { .name = "projectId", .alias = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "format", .type = FT_STRING, .fallback = "\"HTML\"", .values = formats },
    { 0 },
};
/* clang-format on */

enum phase { HEAD, LIST, TABLES, ROWS, END };

struct maker {
    struct store *store;
    char project_id[ID_MAX];
    struct project *project;
    char ends[2][END_LEN];
    bool html;
    enum phase phase;
    struct json_object *page; /* of tables; those from number * TABLES_AT_ONCE on */
    int number;
    size_t at;     /* of the page */
    int64_t after; /* the last row of the table */
    struct strbuf out;
    size_t taken;
};

static void maker_free(void *ctx)
{
    struct maker *m = ctx;

    if (m == NULL)
        return;
    project_free(m->project);
    json_putp(&m->page);
    strbuf_done(&m->out);
    free(m);
}

static void maker_freep(struct maker **m)
{
    maker_free(*m);
}

/* The next table; 0: there is none. */
static int next_table(struct maker *m, struct json_object **ret, struct err *err)
{
    struct verify_filter f = { .page = { .size = TABLES_AT_ONCE } };
    int64_t total = 0;

    if (m->page == NULL || (m->at == json_len(m->page) && m->at == TABLES_AT_ONCE)) {
        json_putp(&m->page);
        m->page = NULL;
        f.page.number = ++m->number;
        m->at = 0;
        if (store_verify_list(m->store, m->project_id, &f, &m->page, &total, err) < 0)
            return -1;
    }
    *ret = json_at(m->page, m->at);
    return *ret != NULL;
}

static void from_the_first(struct maker *m, enum phase phase)
{
    json_putp(&m->page);
    m->page = NULL;
    m->number = 0;
    m->at = 0;
    m->phase = phase;
}

static int make_head(struct maker *m, struct err *err)
{
    _cleanup_(verify_run_done)
    struct verify_run run = { 0 };
    struct verify_counts counts = { 0 };
    struct report_head h = { .project_id = m->project_id,
                             .project_name = m->project->name,
                             .source = m->ends[0],
                             .sink = m->ends[1],
                             .run = &run,
                             .counts = &counts,
                             .made_at = clock_now_s() };

    from_the_first(m, m->html ? LIST : TABLES);
    if (!m->html) {
        report_csv_head(&m->out);
        return 0;
    }
    if (store_verify_run(m->store, m->project_id, &run, err) < 0 ||
        store_verify_count(m->store, m->project_id, NULL, &counts, err) < 0)
        return -1;
    report_html_head(&m->out, &h);
    return 0;
}

static int make_listed(struct maker *m, struct err *err)
{
    struct json_object *table = NULL;
    int r = next_table(m, &table, err);

    if (r < 0)
        return -1;
    if (r > 0) {
        report_html_listed(&m->out, table);
        m->at++;
        return 0;
    }
    report_html_list_end(&m->out);
    from_the_first(m, TABLES);
    return 0;
}

static int make_table(struct maker *m, struct err *err)
{
    struct json_object *table = NULL;
    int r = next_table(m, &table, err);

    if (r < 0)
        return -1;
    if (r == 0) {
        m->phase = END;
        if (m->html)
            report_html_end(&m->out);
        return 0;
    }
    if (m->html && !report_html_has_section(table)) {
        m->at++;
        return 0;
    }
    if (m->html)
        report_html_section(&m->out, table);
    else
        report_csv_table(&m->out, table);
    m->after = 0;
    m->phase = ROWS;
    return 0;
}

static int make_rows(struct maker *m, struct err *err)
{
    struct json_object *table = json_at(m->page, m->at);
    const struct verify_rows f = { .schema = json_get_str(table, "db", ""),
                                   .table = json_get_str(table, "table", ""),
                                   .after = m->after,
                                   .limit = ROWS_AT_ONCE };
    _cleanup_(json_putp)
    struct json_object *rows = NULL;

    /* what has come since the table was read has no place in its section */
    if (json_get_i64(table, "rowsKept", 0) > 0 &&
        store_verify_rows(m->store, m->project_id, &f, &rows, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < json_len(rows); i++) {
        struct json_object *row = json_at(rows, i);
        m->after = json_get_i64(row, "number", 0);
        if (m->html)
            report_html_row(&m->out, row);
        else
            report_csv_row(&m->out, table, row);
    }
    if (json_len(rows) == ROWS_AT_ONCE)
        return 0;
    if (m->html)
        report_html_section_end(&m->out, table);
    m->at++;
    m->phase = TABLES;
    return 0;
}

static int make(struct maker *m, struct err *err)
{
    static int (*const makers[])(struct maker * m, struct err * err) = {
        [HEAD] = make_head, [LIST] = make_listed, [TABLES] = make_table, [ROWS] = make_rows
    };

    return makers[m->phase](m, err) < 0 ? -1 : strbuf_check(&m->out, err);
}

static ssize_t report_read(void *ctx, char *buf, size_t max)
{
    struct maker *m = ctx;
    struct err err = { 0 };
    size_t n;

    while (m->taken == m->out.len) {
        if (m->phase == END && m->out.len == 0)
            return 0;
        strbuf_reset(&m->out);
        m->taken = 0;
        if (m->phase != END && make(m, &err) < 0) {
            log_err(LOG_ERROR, "api", "download_broken", &err);
            return -1;
        }
    }
    n = MIN(max, m->out.len - m->taken);
    (void)memcpy(buf, m->out.data + m->taken, n);
    m->taken += n;
    return (ssize_t)n;
}

/* "name (host:port)"; a data source that is gone for good is its id. */
static int name_end(struct call *c, const char *id, char ret[static END_LEN], struct err *err)
{
    _cleanup_(source_freep)
    struct source *s = NULL;

    (void)snprintf(ret, END_LEN, "%s", id);
    if (store_source_get(c->on->store, id, true, &s, err) < 0) {
        if (err->code != ERR_SOURCE_NOT_FOUND)
            return -1;
        err_reset(err);
        return 0;
    }
    (void)snprintf(ret, END_LEN, "%.200s (%.200s:%d)", s->name, s->host, s->port);
    return 0;
}

int verify_download(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "projectId", "");
    _cleanup_(maker_freep)
    struct maker *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->store = c->on->store;
    m->out.max = PIECE_MAX;
    m->html = strcmp(json_get_str(c->in, "format", "HTML"), "HTML") == 0;
    (void)snprintf(m->project_id, sizeof(m->project_id), "%s", id);
    if (store_project_live(c->on->store, id, &m->project, err) < 0 ||
        name_end(c, m->project->source_id, m->ends[0], err) < 0 ||
        name_end(c, m->project->sink_id, m->ends[1], err) < 0)
        return -1;
    c->stream.type = m->html ? "text/html; charset=utf-8" : "text/csv; charset=utf-8";
    (void)snprintf(c->stream.file_name, sizeof(c->stream.file_name), "%s.%s", id,
                   m->html ? "html" : "csv");
    c->stream.read = report_read;
    c->stream.done = maker_free;
    c->stream.ctx = take_ptr(m);
    return 0;
}
