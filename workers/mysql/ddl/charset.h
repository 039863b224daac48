/* Statement text of the binlog, which is in the client's character set, as UTF-8. */
#ifndef WORKERS_MYSQL_DDL_CHARSET_H
#define WORKERS_MYSQL_DDL_CHARSET_H

#include <stddef.h>

#include "base/err.h"

/*
 * charset_to_utf8() - converts with iconv(3)
 *
 * @charset  the server's name of it ("gbk"); utf8mb4, utf8mb3, utf8, ascii and binary are only
 *           checked, and bytes that are no UTF-8 are kept as they are where the whole is ASCII
 *           outside of quotes
 * @ret      the caller's (free()), NUL-terminated
 * Errors: ERR_DDL_UNPARSED for a set that iconv does not know or bytes that are none of it.
 */
int charset_to_utf8(const char *charset, const char *text, size_t len, char **ret, size_t *ret_len,
                    struct err *err);

#endif
