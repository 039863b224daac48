/*
 * CSV as RFC 4180 has it: comma, double quotes, CRLF or LF. UTF-8, with or without a byte order
 * mark. Beyond it: a cell that a spreadsheet would take for a formula (it begins with = + - @, a
 * tab or a carriage return) has a ' in front of it, which reading takes away again; so has one that
 * begins with such a '.
 */
#ifndef API_CSV_H
#define API_CSV_H

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"

struct csv;

struct csv_record {
    size_t line; /* where it begins, from 1 */
    const char *const *cells;
    size_t count;
    const char *problem; /* it is not well formed; then there are no cells */
};

/* csv_open(): copies the text. ERR_NOMEM. */
int csv_open(const char *text, size_t len, struct csv **ret, struct err *err);
void csv_close(struct csv *c);
DEFINE_CLEANUP(struct csv, csv_close)
/*
 * csv_next() - the next record; empty lines are none
 *
 * @ret  borrowed until the next call
 * 1, 0 at the end, -1: ERR_NOMEM. After a malformed record it goes on at the next line.
 */
int csv_next(struct csv *c, struct csv_record *ret, struct err *err);

/* csv_cell(): adds one cell, with a comma in front unless it is the first; csv_end(): the line's
 * end. */
void csv_cell(struct strbuf *to, const char *text, bool first);
void csv_end(struct strbuf *to);

#endif
