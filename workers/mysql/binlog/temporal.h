/*
 * Dates, times and decimals of the binlog and of binary JSON as text, exactly as the servers print
 * them. Layouts: MySQL source, mysys/my_time.cc (…_packed_from_binary) and strings/decimal.cc.
 */
#ifndef WORKERS_MYSQL_BINLOG_TEMPORAL_H
#define WORKERS_MYSQL_BINLOG_TEMPORAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/num.h"
#include "base/strbuf.h"

/* Every function returns false when the bytes are no such value; digits = 0 to 6 of a second. */

/* A packed value is what the server's TIME_…_packed() functions make: microseconds in 24 bits. */
bool temporal_packed_datetime(struct strbuf *b, int64_t packed, unsigned digits);
bool temporal_packed_date(struct strbuf *b, int64_t packed);
bool temporal_packed_time(struct strbuf *b, int64_t packed, unsigned digits);

/* Column values at the cursor, which moves behind them. */
bool temporal_date(struct strbuf *b, struct cursor *c);
bool temporal_time_old(struct strbuf *b, struct cursor *c);
bool temporal_time2(struct strbuf *b, struct cursor *c, unsigned digits);
bool temporal_datetime_old(struct strbuf *b, struct cursor *c);
bool temporal_datetime2(struct strbuf *b, struct cursor *c, unsigned digits);
bool temporal_timestamp_old(struct strbuf *b, struct cursor *c);               /* UTC */
bool temporal_timestamp2(struct strbuf *b, struct cursor *c, unsigned digits); /* UTC */
/*
 * With a fraction of 1 to 6 digits, as MariaDB writes them with mysql56_temporal_format=OFF
 * (MariaDB source, field.cc, Field_…_hires). TIMESTAMP in UTC.
 */
bool temporal_time_hires(struct strbuf *b, struct cursor *c, unsigned digits);
bool temporal_datetime_hires(struct strbuf *b, struct cursor *c, unsigned digits);
bool temporal_timestamp_hires(struct strbuf *b, struct cursor *c, unsigned digits);

/* decimal_text(): the binary DECIMAL(precision, scale) at the cursor. */
bool decimal_text(struct strbuf *b, struct cursor *c, unsigned precision, unsigned scale);

#endif
