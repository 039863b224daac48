/* MariaDB's log_bin_compress: one header byte, the length in big-endian order, a zlib stream. */
#ifndef WORKERS_MYSQL_BINLOG_INFLATE_H
#define WORKERS_MYSQL_BINLOG_INFLATE_H

#include <stddef.h>

#include "base/err.h"

/*
 * binlog_inflate() - expands what binlog_buf_compress() of the MariaDB source makes
 *
 * @ret      the caller's (free()), NUL-terminated behind *ret_len bytes
 * Errors: ERR_BINLOG_MALFORMED, ERR_NOMEM.
 */
int binlog_inflate(const void *data, size_t len, char **ret, size_t *ret_len, struct err *err);

#endif
