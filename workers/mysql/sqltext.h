/* SQL text for users' databases: names and strings are quoted here and nowhere else. */
#ifndef WORKERS_MYSQL_SQLTEXT_H
#define WORKERS_MYSQL_SQLTEXT_H

#include "base/strbuf.h"

void sql_name(struct strbuf *b, const char *name);                  /* `na``me` */
void sql_table(struct strbuf *b, const char *db, const char *name); /* `db`.`name` */
void sql_string(struct strbuf *b, const char *text); /* 'te\'xt', NUL-terminated utf8mb4 */
void sql_bytes(struct strbuf *b, const void *data, size_t len); /* x'…' ('' when empty) */
/* sql_quoted_bytes(): '…' with backslash escapes; bytes as they are. For data in the session's own
 * charset or _binary. */
void sql_quoted_bytes(struct strbuf *b, const void *data, size_t len);
/* SQL_NAME_F: a quoted name for conn_execf: sql_name_text(name, buf) -> buf */
enum { SQL_NAME_MAX = 64 * 4 * 2 + 3 };
const char *sql_name_text(const char *name, char buf[static SQL_NAME_MAX]);

#endif
