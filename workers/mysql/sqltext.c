#include "workers/mysql/sqltext.h"

#include <string.h>

#include "base/banned.h"

/* Adds `text` with every `quote` doubled: the form of names, and the shortest right one. */
static void add_doubled(struct strbuf *b, const char *text, char quote)
{
    const char *at;

    while ((at = strchr(text, quote)) != NULL) {
        strbuf_add(b, text, (size_t)(at - text) + 1);
        strbuf_addc(b, quote);
        text = at + 1;
    }
    strbuf_adds(b, text);
}

void sql_name(struct strbuf *b, const char *name)
{
    strbuf_addc(b, '`');
    add_doubled(b, name, '`');
    strbuf_addc(b, '`');
}

void sql_table(struct strbuf *b, const char *db, const char *name)
{
    sql_name(b, db);
    strbuf_addc(b, '.');
    sql_name(b, name);
}

/* The letter that stands behind a backslash for this byte, or 0 when it needs none. */
static char escape_of(unsigned char c)
{
    switch (c) {
    case '\0':
        return '0';
    case '\n': /* not needed by any server, but keeps a statement one line in their logs */
        return 'n';
    case '\r':
        return 'r';
    case '\\':
        return '\\';
    case '\'':
        return '\'';
    case 0x1a: /* Ctrl-Z, end of file for old clients on Windows */
        return 'Z';
    default:
        return 0;
    }
}

void sql_quoted_bytes(struct strbuf *b, const void *data, size_t len)
{
    const unsigned char *from = data;
    size_t room;
    char *to, *start;

    /* Worst case first, so that the loop needs no check: this is the hot path of the appliers. */
    if (__builtin_mul_overflow(len, (size_t)2, &room) || room > SIZE_MAX - 2) {
        b->failed = true;
        return;
    }
    start = to = strbuf_reserve(b, room + 2);
    if (to == NULL)
        return;
    *to++ = '\'';
    for (size_t i = 0; i < len; i++) {
        char escape = escape_of(from[i]);

        if (escape != 0) {
            *to++ = '\\';
            *to++ = escape;
        } else {
            *to++ = (char)from[i];
        }
    }
    *to++ = '\'';
    *to = '\0';
    b->len += (size_t)(to - start);
}

void sql_string(struct strbuf *b, const char *text)
{
    sql_quoted_bytes(b, text, strlen(text));
}

void sql_bytes(struct strbuf *b, const void *data, size_t len)
{
    if (len ==
        0) { /* x'' is an error in old grammars' hex form 0x; '' is the same value everywhere */
        strbuf_adds(b, "''");
        return;
    }
    strbuf_adds(b, "x'");
    strbuf_add_hex(b, data, len);
    strbuf_addc(b, '\'');
}

const char *sql_name_text(const char *name, char buf[static SQL_NAME_MAX])
{
    char *to = buf;
    const char *end = buf + SQL_NAME_MAX - 2; /* room for the closing quote and the NUL */

    *to++ = '`';
    for (; *name != '\0' && to + 1 < end; name++) {
        if (*name == '`')
            *to++ = '`';
        *to++ = *name;
    }
    *to++ = '`';
    *to = '\0';
    return buf;
}
