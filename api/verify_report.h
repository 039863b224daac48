/*
 * The report of full verification (docs/verification.md), piece by piece as it is sent: CSV for a
 * spreadsheet, HTML for a person. `table` and `row` as store_verify_list() and store_verify_rows()
 * give them.
 */
#ifndef API_VERIFY_REPORT_H
#define API_VERIFY_REPORT_H

#include "base/strbuf.h"
#include "store/verify.h"

/* What stands above everything. */
struct report_head {
    const char *project_id, *project_name, *source, *sink; /* ends as "name (host:port)" */
    const struct verify_run *run;
    const struct verify_counts *counts;
    int64_t made_at; /* Unix s */
};

void report_csv_head(struct strbuf *to);
void report_csv_table(struct strbuf *to, struct json_object *table);
void report_csv_row(struct strbuf *to, struct json_object *table, struct json_object *row);

/* First the head, each table for the list, list_end, then each table with its rows. */
void report_html_head(struct strbuf *to, const struct report_head *h);
void report_html_listed(struct strbuf *to, struct json_object *table);
void report_html_list_end(struct strbuf *to);
bool report_html_has_section(struct json_object *table);
void report_html_section(struct strbuf *to, struct json_object *table);
void report_html_row(struct strbuf *to, struct json_object *row);
void report_html_section_end(struct strbuf *to, struct json_object *table);
void report_html_end(struct strbuf *to);

#endif
