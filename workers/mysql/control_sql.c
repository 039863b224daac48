#include "workers/mysql/control_sql.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { TABLE_NAME_MAX = 32 };

/* `at` stands behind the @; returns where the name ends. */
static const char *add_table(struct strbuf *b, const char *schema, const char *at)
{
    char name[TABLE_NAME_MAX];
    size_t len = 0;

    while (islower((unsigned char)at[len]) || at[len] == '_')
        len++;
    assert(len > 0 && len < sizeof(name));
    memcpy(name, at, len);
    name[len] = '\0';
    sql_table(b, schema, name);
    return at + len;
}

static void add_value(struct strbuf *b, char kind, va_list *args)
{
    const char *text;
    const void *data;

    switch (kind) {
    case 'q':
        text = va_arg(*args, const char *);
        if (text == NULL)
            strbuf_adds(b, "NULL");
        else
            sql_string(b, text);
        break;
    case 'u':
        strbuf_addu(b, va_arg(*args, uint64_t));
        break;
    case 'i':
        strbuf_addi(b, va_arg(*args, int64_t));
        break;
    case 'b':
        data = va_arg(*args, const void *);
        sql_bytes(b, data, va_arg(*args, size_t));
        break;
    default:
        assert(!"unknown placeholder");
        b->failed = true; /* without assertions: no statement rather than another one */
    }
}

static void add_all(struct strbuf *b, const char *schema, const char *fmt, va_list *args)
{
    while (*fmt != '\0') {
        size_t plain = strcspn(fmt, "@%");

        strbuf_add(b, fmt, plain);
        fmt += plain;
        if (*fmt == '@') {
            fmt = add_table(b, schema, fmt + 1);
        } else if (*fmt == '%') {
            add_value(b, fmt[1], args);
            fmt += 2;
        }
    }
}

void control_sql_add(struct strbuf *b, const char *schema, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add_all(b, schema, fmt, &args);
    va_end(args);
}

int control_exec_text(struct conn *c, const struct strbuf *b, uint64_t *ret_affected,
                      struct err *err)
{
    if (strbuf_check(b, err) < 0)
        return -1;
    return conn_exec(c, strbuf_str(b), b->len, ret_affected, err);
}

int control_exec(struct conn *c, const char *schema, uint64_t *ret_affected, struct err *err,
                 const char *fmt, ...)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(CONTROL_SQL_MAX);
    va_list args;

    va_start(args, fmt);
    add_all(&b, schema, fmt, &args);
    va_end(args);
    return control_exec_text(c, &b, ret_affected, err);
}

static int ask(struct conn *c, const struct strbuf *b, struct result *ret, struct err *err)
{
    if (strbuf_check(b, err) < 0)
        return -1;
    return conn_query(c, strbuf_str(b), b->len, ret, err);
}

int control_ask(struct conn *c, const char *schema, struct result *ret, struct err *err,
                const char *fmt, ...)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(CONTROL_SQL_MAX);
    va_list args;

    va_start(args, fmt);
    add_all(&b, schema, fmt, &args);
    va_end(args);
    return ask(c, &b, ret, err);
}

int control_ask_u64(struct conn *c, const char *schema, uint64_t *ret, struct err *err,
                    const char *fmt, ...)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(CONTROL_SQL_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    va_list args;
    int got;

    va_start(args, fmt);
    add_all(&b, schema, fmt, &args);
    va_end(args);
    if (ask(c, &b, &r, err) < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0 || r.row[0] == NULL)
        return got < 0 ? -1 : 0;
    *ret = result_u64(&r, 0, 0);
    return 1;
}

int control_commit(struct conn *c, struct err *err)
{
    return conn_exec(c, "COMMIT", strlen("COMMIT"), NULL, err);
}

void control_rollback(struct conn *c)
{
    struct err ignored = { 0 };

    (void)conn_exec(c, "ROLLBACK", strlen("ROLLBACK"), NULL, &ignored);
}
