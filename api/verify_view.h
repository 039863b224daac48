/* Results of full verification in the shape of oms-api.md 4.13, and what we add to it. */
#ifndef API_VERIFY_VIEW_H
#define API_VERIFY_VIEW_H

#include <json-c/json.h>

/* verify_view_table(): an element of fullVerifyTableStatistics; `row` as store_verify_list(). */
struct json_object *verify_view_table(struct json_object *row);
/* verify_view_row(): an element of the list of inconsistencies; `row` as store_verify_rows(). */
struct json_object *verify_view_row(struct json_object *row);
/* verify_view_correction(): the statement; a comment that says so where it is too long to show. */
struct json_object *verify_view_correction(struct json_object *row);
/* verify_result_text(): what a result type means; "" of one that is unknown. Static. */
const char *verify_result_text(const char *result);

#endif
