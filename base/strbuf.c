#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#include "base/banned.h"

enum { FIRST_CAP = 128 };

void strbuf_done(struct strbuf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

void strbuf_reset(struct strbuf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data != NULL)
        b->data[0] = '\0';
}

char *strbuf_reserve(struct strbuf *b, size_t extra)
{
    size_t need, cap;
    char *grown;

    if (b->failed)
        return NULL;
    if (__builtin_add_overflow(b->len, extra, &need) || need > b->max) {
        b->failed = true;
        return NULL;
    }
    if (need + 1 <= b->cap)
        return b->data + b->len;
    cap = MAX(b->cap, (size_t)FIRST_CAP);
    while (cap < need + 1)
        cap += cap / 2;
    grown = realloc(b->data, cap);
    if (grown == NULL) {
        b->failed = true;
        return NULL;
    }
    b->data = grown;
    b->cap = cap;
    return b->data + b->len;
}

void strbuf_add(struct strbuf *b, const void *data, size_t len)
{
    char *to = strbuf_reserve(b, len);

    if (to == NULL)
        return;
    if (len > 0)
        memcpy(to, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *text)
{
    strbuf_add(b, text, strlen(text));
}

void strbuf_addc(struct strbuf *b, char c)
{
    strbuf_add(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;
    char *to;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    to = n < 0 ? NULL : strbuf_reserve(b, (size_t)n);
    if (to != NULL) {
        (void)vsnprintf(to, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    } else {
        b->failed = true;
    }
    va_end(again);
}

void strbuf_addu(struct strbuf *b, uint64_t v)
{
    char text[20];
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    strbuf_add(b, text + at, sizeof(text) - at);
}

void strbuf_addi(struct strbuf *b, int64_t v)
{
    if (v < 0)
        strbuf_addc(b, '-');
    strbuf_addu(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void strbuf_add_hex(struct strbuf *b, const void *data, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    const unsigned char *from = data;
    size_t twice;
    char *to;

    if (!size_mul(len, 2, &twice)) {
        b->failed = true;
        return;
    }
    to = strbuf_reserve(b, twice);
    if (to == NULL)
        return;
    for (size_t i = 0; i < len; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 15];
    }
    b->len += twice;
    b->data[b->len] = '\0';
}

void strbuf_truncate(struct strbuf *b, size_t len)
{
    if (len < b->len) {
        b->len = len;
        b->data[len] = '\0';
    }
}

int strbuf_check(const struct strbuf *b, struct err *err)
{
    if (b->failed)
        return err_set(err, ERR_NOMEM, "a text grew past %zu bytes or memory is gone", b->max);
    return 0;
}

int strbuf_take(struct strbuf *b, char **ret, struct err *err)
{
    char *text;

    if (strbuf_check(b, err) < 0)
        return -1;
    if (b->data == NULL && strbuf_reserve(b, 1) == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    text = b->data;
    text[b->len] = '\0';
    b->data = NULL;
    b->len = b->cap = 0;
    *ret = text;
    return 0;
}
