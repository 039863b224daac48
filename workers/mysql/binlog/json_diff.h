/*
 * The JSON diffs of a PARTIAL_UPDATE_ROWS event, applied to the text of the old document (MySQL
 * source, sql/json_diff.h "Json_diff_vector", sql/json_diff.cc apply_json_diffs()).
 */
#ifndef WORKERS_MYSQL_BINLOG_JSON_DIFF_H
#define WORKERS_MYSQL_BINLOG_JSON_DIFF_H

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"

/*
 * json_diff_apply() - the new document's text, as the server prints it
 *
 * @diffs   as they are in the event, without the length in front
 * @before  the old document as jsonb_text() wrote it: keys in the server's order, ", " and ": "
 *          between things; bytes from elsewhere make an error, nothing worse
 * @out     gets the text; emptied first
 * Errors: ERR_BINLOG_MALFORMED for damaged diffs and for those that do not fit the document,
 * ERR_NOMEM.
 */
int json_diff_apply(const void *diffs, size_t len, const char *before, size_t before_len,
                    struct strbuf *out, struct err *err);

#endif
