#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "base/util.h"

#include "base/banned.h"

struct err_row {
    const char *symbol;
    const char *wire;
    const char *level;
    bool retry;
    const char *advice;
};

static const struct err_row rows[ERR_MAX_] = { [ERR_NONE] = { "ERR_NONE", "", "", false, "" },
#define ERR_ROW_(sym, wire, level, retry, advice) [sym] = { #sym, wire, level, retry, advice },
                                               ERR_TABLE(ERR_ROW_)
#undef ERR_ROW_
};

static const struct err_row *row_of(enum err_code code)
{
    return &rows[(unsigned)code < ERR_MAX_ ? code : ERR_INTERNAL];
}

/*
 * One line only: a newline inside a message would break logfmt and the channel's readers. And UTF-8
 * only, because messages stand in JSON: what a "%.64s" or the end of the buffer has cut is not.
 */
static void flatten(char *s)
{
    size_t len = strlen(s);

    for (size_t i = 0; i < len;) {
        size_t n = utf8_length((const unsigned char *)s + i, len - i);
        if (n == 0)
            s[i] = '?';
        else if ((unsigned char)s[i] < 0x20)
            s[i] = ' ';
        i += MAX(n, (size_t)1);
    }
}

static void err_fill(struct err *err, enum err_code code, const char *file, int line,
                     const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));
static void err_fill(struct err *err, enum err_code code, const char *file, int line,
                     const char *fmt, va_list ap)
{
    err->code = code;
    err->sys_errno = 0;
    err->db_errno = 0;
    err->file = file;
    err->line = line;
    err->advice[0] = '\0';
    (void)vsnprintf(err->message, sizeof(err->message), fmt, ap);
    flatten(err->message);
}

int err_set_at(struct err *err, enum err_code code, const char *file, int line, const char *fmt,
               ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_fill(err, code, file, line, fmt, ap);
    va_end(ap);
    return -1;
}

int err_set_sys_at(struct err *err, enum err_code code, const char *file, int line, const char *fmt,
                   ...)
{
    int saved = errno;
    char text[128];
    size_t used;
    va_list ap;

    va_start(ap, fmt);
    err_fill(err, code, file, line, fmt, ap);
    va_end(ap);
    err->sys_errno = saved;
    used = strlen(err->message);
    (void)snprintf(err->message + used, sizeof(err->message) - used, ": %s",
                   strerror_r(saved, text, sizeof(text)));
    return -1;
}

int err_advise(struct err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(err->advice, sizeof(err->advice), fmt, ap);
    va_end(ap);
    flatten(err->advice);
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char front[512];
    char old[sizeof(err->message)];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(front, sizeof(front), fmt, ap);
    va_end(ap);
    flatten(front);
    memcpy(old, err->message, sizeof(old));
    (void)snprintf(err->message, sizeof(err->message), "%s: %.*s", front,
                   (int)(sizeof(err->message) - sizeof(front) - 3), old);
    return -1;
}

void err_reset(struct err *err)
{
    memset(err, 0, sizeof(*err));
}

const char *err_wire(enum err_code code)
{
    return row_of(code)->wire;
}

const char *err_level(enum err_code code)
{
    return row_of(code)->level;
}

const char *err_symbol(enum err_code code)
{
    return row_of(code)->symbol;
}

bool err_retryable(const struct err *err)
{
    return row_of(err->code)->retry;
}

const char *err_advice(const struct err *err)
{
    return err->advice[0] != '\0' ? err->advice : row_of(err->code)->advice;
}

enum err_code err_from_wire(const char *wire, const char *symbol)
{
    for (unsigned i = 1; symbol != NULL && i < ERR_MAX_; i++)
        if (strcmp(rows[i].symbol, symbol) == 0)
            return (enum err_code)i;
    for (unsigned i = 1; wire != NULL && i < ERR_MAX_; i++)
        if (strcmp(rows[i].wire, wire) == 0)
            return (enum err_code)i;
    return ERR_INTERNAL;
}
