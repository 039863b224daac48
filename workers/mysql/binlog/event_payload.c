/* TRANSACTION_PAYLOAD: a transaction's events, compressed together (MySQL 8.0.20+). */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/num.h"
#include "base/strbuf.h"
#include "workers/mysql/binlog/event.h"

#include "base/banned.h"

/* Fields of the header: type, length and value, each a length-encoded integer (MySQL source,
 * codecs/binary.cpp, "Transaction_payload"). */
enum { PAYLOAD_END = 0, PAYLOAD_SIZE = 1, PAYLOAD_COMPRESSION = 2, PAYLOAD_PLAIN_SIZE = 3 };
enum { COMPRESSION_ZSTD = 0, COMPRESSION_NONE = 255 };
enum {
    EVENT_MAX = 1024 * 1024 * 1024, /* MySQL source: max_log_event_size */
    SIZE_OFFSET = 9,
    OUT_BYTES = 128 * 1024,
};

struct payload {
    struct binlog_format *format;
    int (*fn)(void *ctx, const void *data, size_t len, struct err *err);
    void *ctx;
    struct strbuf event; /* the event being put together */
};

static int payload_header(struct cursor *c, uint64_t *ret_compression)
{
    uint64_t size = UINT64_MAX;

    *ret_compression = COMPRESSION_NONE;
    for (;;) {
        uint64_t type = cursor_lenenc(c), len;
        struct cursor value;
        const uint8_t *at;

        if (c->bad)
            return -1;
        if (type == PAYLOAD_END)
            break;
        len = cursor_lenenc(c);
        at = c->bad || len > cursor_left(c) ? NULL : cursor_bytes(c, (size_t)len);
        if (at == NULL)
            return -1;
        value = cursor_of(at, (size_t)len);
        if (type == PAYLOAD_SIZE)
            size = cursor_lenenc(&value);
        else if (type == PAYLOAD_COMPRESSION)
            *ret_compression = cursor_lenenc(&value);
        if (value.bad)
            return -1;
    }
    return size == cursor_left(c) ? 0 : -1;
}

/* Length of the event being put together, or of its header while that is all we can ask for. */
static size_t event_want(const struct payload *p)
{
    struct cursor c;

    if (p->event.len < EVENT_HEADER_LEN)
        return EVENT_HEADER_LEN;
    c = cursor_of(p->event.data, p->event.len);
    (void)cursor_bytes(&c, SIZE_OFFSET);
    return (size_t)cursor_le(&c, 4);
}

static int hand_over(struct payload *p, struct err *err)
{
    bool checksum = p->format->checksum;
    int r;

    p->format->checksum = false;
    r = p->fn(p->ctx, p->event.data, p->event.len, err);
    p->format->checksum = checksum;
    return r;
}

/* Cuts `data` into events; a part of one waits for the next call. */
static int payload_feed(struct payload *p, const uint8_t *data, size_t len, struct err *err)
{
    while (len > 0) {
        size_t want = event_want(p), step = MIN(len, want - p->event.len);

        strbuf_add(&p->event, data, step);
        if (strbuf_check(&p->event, err) < 0)
            return -1;
        data += step;
        len -= step;
        if (p->event.len < EVENT_HEADER_LEN)
            continue;
        want = event_want(p);
        if (want < EVENT_HEADER_LEN || want > EVENT_MAX)
            return err_set(err, ERR_BINLOG_MALFORMED, "event of %zu bytes in a payload", want);
        if (p->event.len < want)
            continue;
        if (hand_over(p, err) < 0)
            return -1;
        strbuf_reset(&p->event);
    }
    return 0;
}

static void dctxp(ZSTD_DCtx **d)
{
    (void)ZSTD_freeDCtx(*d);
}

static int payload_zstd(struct payload *p, const uint8_t *data, size_t len, struct err *err)
{
    _cleanup_(dctxp)
    ZSTD_DCtx *d = ZSTD_createDCtx();
    _cleanup_(freep)
    uint8_t *out = malloc(OUT_BYTES);
    ZSTD_inBuffer in = { data, len, 0 };
    size_t left = 0;

    if (d == NULL || out == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (bool more = true; more;) {
        ZSTD_outBuffer to = { out, OUT_BYTES, 0 };

        left = ZSTD_decompressStream(d, &to, &in);
        if (ZSTD_isError(left))
            return err_set(err, ERR_BINLOG_MALFORMED, "transaction payload: %s",
                           ZSTD_getErrorName(left));
        if (payload_feed(p, out, to.pos, err) < 0)
            return -1;
        more = in.pos < in.size || to.pos == to.size;
    }
    if (left != 0)
        return err_set(err, ERR_BINLOG_MALFORMED, "transaction payload ends too early");
    return 0;
}

int event_payload_each(struct binlog_format *f, const struct event *e,
                       int (*fn)(void *ctx, const void *data, size_t len, struct err *err),
                       void *ctx, struct err *err)
{
    struct cursor c = cursor_of(e->body, e->body_len);
    struct payload p = { .format = f, .fn = fn, .ctx = ctx, .event = STRBUF(EVENT_MAX) };
    uint64_t compression;
    int r;

    if (e->type != EV_TRANSACTION_PAYLOAD || payload_header(&c, &compression) < 0)
        return err_set(err, ERR_BINLOG_MALFORMED, "damaged transaction payload of %u bytes",
                       e->size);
    if (compression == COMPRESSION_ZSTD)
        r = payload_zstd(&p, c.p, cursor_left(&c), err);
    else if (compression == COMPRESSION_NONE)
        r = payload_feed(&p, c.p, cursor_left(&c), err);
    else
        r = err_set(err, ERR_BINLOG_EVENT, "transaction payload of compression type %llu",
                    (unsigned long long)compression);
    if (r == 0 && p.event.len > 0)
        r = err_set(err, ERR_BINLOG_MALFORMED,
                    "transaction payload ends in the middle of an event");
    strbuf_done(&p.event);
    return r;
}
