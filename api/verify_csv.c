/* The report as CSV: a line a table, and behind it a line for each value that differs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/csv.h"
#include "api/verify_report.h"
#include "base/json.h"

#include "base/banned.h"

enum { TEXT_MAX_BYTES = 1024 * 1024 };

/* clang-format off */
static const char *const columns[] = {
    "kind", "sourceSchema", "sourceTable", "destSchema", "destTable", "status", "resultType", "sourceOnly", "destOnly",
    "mismatched", "consistent", "position", "message", "rowId", "type", "key", "column", "sourceValue", "destValue",
    "state", "correction",
};
/* clang-format on */
enum { OF_TABLE = 13, COLUMNS = ARRAY_SIZE(columns) };

void report_csv_head(struct strbuf *to)
{
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
        csv_cell(to, columns[i], i == 0);
    csv_end(to);
}

static void add_names(struct strbuf *to, const char *kind, struct json_object *table)
{
    csv_cell(to, kind, true);
    csv_cell(to, json_get_str(table, "db", ""), false);
    csv_cell(to, json_get_str(table, "table", ""), false);
    csv_cell(to, json_get_str(table, "targetDb", ""), false);
    csv_cell(to, json_get_str(table, "targetTable", ""), false);
}

void report_csv_table(struct strbuf *to, struct json_object *table)
{
    static const char *const numbers[] = { "sourceOnly", "destOnly", "mismatched", "consistent" };
    struct json_object *position = json_get(table, "position");
    char number[32];

    add_names(to, "TABLE", table);
    csv_cell(to, json_get_str(table, "status", ""), false);
    csv_cell(to, json_get_str(table, "resultType", ""), false);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        (void)snprintf(number, sizeof(number), "%" PRId64, json_get_i64(table, numbers[i], 0));
        csv_cell(to, number, false);
    }
    csv_cell(to, position != NULL ? json_text(position) : "", false);
    csv_cell(to, json_get_str(table, "message", ""), false);
    for (size_t i = OF_TABLE; i < COLUMNS; i++)
        csv_cell(to, "", false);
    csv_end(to);
}

/* "id=7, region=EU" */
static void add_key(struct strbuf *to, struct json_object *key)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(TEXT_MAX_BYTES);

    for (size_t i = 0; i < json_len(key); i++)
        strbuf_addf(&text, "%s%s=%s", i > 0 ? ", " : "",
                    json_get_str(json_at(key, i), "columnName", ""),
                    json_get_str(json_at(key, i), "columnValue", "\\N"));
    csv_cell(to, strbuf_str(&text), false);
    to->failed = to->failed || text.failed;
}

/* Of the end that has the row NULL is \N; of the other one every cell is empty. */
static void add_value(struct strbuf *to, struct json_object *detail, const char *key, bool there)
{
    csv_cell(to, there ? json_get_str(detail, key, "\\N") : "", false);
}

static void add_line(struct strbuf *to, struct json_object *table, struct json_object *row,
                     struct json_object *detail)
{
    const char *type = json_get_str(row, "type", "");

    add_names(to, "ROW", table);
    for (size_t i = 5; i < OF_TABLE - 1; i++)
        csv_cell(to, "", false);
    csv_cell(to, json_get_str(row, "message", ""), false);
    csv_cell(to, json_get_str(row, "id", ""), false);
    csv_cell(to, type, false);
    add_key(to, json_get_array(row, "key"));
    csv_cell(to, json_get_str(detail, "columnName", ""), false);
    add_value(to, detail, "sourceValue", detail != NULL && strcmp(type, "IMAGE_ONLY") != 0);
    add_value(to, detail, "destValue", detail != NULL && strcmp(type, "MASTER_ONLY") != 0);
    csv_cell(to, json_get_str(row, "state", ""), false);
    csv_cell(to, json_get_str(row, "correction", ""), false);
    csv_end(to);
}

void report_csv_row(struct strbuf *to, struct json_object *table, struct json_object *row)
{
    struct json_object *details = json_get_array(row, "details");

    if (json_len(details) == 0)
        add_line(to, table, row, NULL);
    for (size_t i = 0; i < json_len(details); i++)
        add_line(to, table, row, json_at(details, i));
}
