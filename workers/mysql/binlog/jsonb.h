/*
 * MySQL's binary JSON (MySQL source, sql-common/json_binary.h) as the text the server prints.
 * Temporal and decimal values inside print as the server's own text does; other opaque values as
 * "base64:type<n>:…".
 */
#ifndef WORKERS_MYSQL_BINLOG_JSONB_H
#define WORKERS_MYSQL_BINLOG_JSONB_H

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"

/* jsonb_text(): appends the text of the document. ERR_BINLOG_MALFORMED, ERR_NOMEM. */
int jsonb_text(const void *data, size_t len, struct strbuf *b, struct err *err);
/* jsonb_add_string(): a string of a document, quoted and escaped as the server does. */
void jsonb_add_string(struct strbuf *b, const void *text, size_t len);
/* jsonb_add_double(): a number as the server prints it in a document. False: not finite. */
bool jsonb_add_double(struct strbuf *b, double d);

#endif
