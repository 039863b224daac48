/*
 * A kept row event as bytes (image_bytes.h): what is read is written as bytes that read the same
 * again, its copy has the same rows, and as a row of the control schema (mark.h) it gives texts
 * that fit.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "workers/incr/image_bytes.h"
#include "workers/incr/mark.h"

#include "base/banned.h"

enum { BYTES_MAX = 1 << 20, TEXT_MAX = 32 };

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void put(struct strbuf *b, const struct image *im)
{
    image_put(b, im);
    must(strbuf_ok(b));
}

/* Bits and bytes that mean nothing are lost the first time; nothing is the second time. */
static void again(const struct image *im)
{
    struct strbuf first = STRBUF(BYTES_MAX), second = STRBUF(BYTES_MAX);
    struct image read;
    void *mem = NULL;

    put(&first, im);
    must(image_take(first.data, first.len, &read, &mem) == 0);
    put(&second, &read);
    must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    free(mem);
    strbuf_done(&first);
    strbuf_done(&second);
}

struct sum {
    size_t rows, bytes;
};

static size_t sum_of(const struct image *im, const struct value *row)
{
    size_t sum = 0;

    for (size_t i = 0; row != NULL && i < im->map->column_count; i++)
        if (row[i].kind == V_TEXT || row[i].kind == V_BYTES)
            for (size_t k = 0; k < row[i].len; k++) /* every byte is really there */
                sum += (unsigned char)row[i].bytes[k];
    return sum;
}

struct reader {
    const struct image *im;
    struct sum sum;
};

static int on_row(void *ctx, const struct image_row *row, struct err *err)
{
    struct reader *r = ctx;

    (void)err;
    must(!row->dropped || (row->before == NULL && row->after == NULL));
    r->sum.rows++;
    r->sum.bytes += sum_of(r->im, row->before) + sum_of(r->im, row->after);
    return 0;
}

/* The rows, by a table of as many columns. */
static int read_rows(struct image *im, struct sum *ret)
{
    static char name[] = "c", type[] = "t";
    struct table t = { .column_count = im->map->column_count };
    struct table_plan plan = { .t = &t };
    struct reader r = { .im = im };
    struct err err;
    int got;

    t.columns = calloc(t.column_count + 1, sizeof(*t.columns));
    must(t.columns != NULL);
    for (size_t i = 0; i < t.column_count; i++) {
        t.columns[i].name = name;
        t.columns[i].type_text = type;
        t.columns[i].is_unsigned = i % 2 == 1;
    }
    im->plan = &plan;
    got = image_rows(im, on_row, &r, &err);
    im->plan = NULL;
    free(t.columns);
    *ret = r.sum;
    return got;
}

static void copied(struct image *im)
{
    struct image_shape *shape = NULL;
    struct image *copy = image_copy(im, &shape), *second = image_copy(im, &shape);
    struct sum of, of_copy;

    must(copy != NULL && second != NULL && image_bytes(copy) == image_bytes(im));
    must(copy->shape == second->shape && second->shape == shape);
    image_free(second);
    image_shape_unref(shape);
    must(read_rows(im, &of) == read_rows(copy, &of_copy));
    must(of.rows == of_copy.rows && of.bytes == of_copy.bytes);
    image_free(copy);
}

static int on_control(void *ctx, const struct group_control *c, struct err *err)
{
    char text[TEXT_MAX];
    uint64_t n;

    (void)ctx;
    (void)err;
    for (size_t i = 0; i <= c->count; i++) {
        if (mark_text(c, i, text, sizeof(text)))
            must(i < c->count && strlen(text) < sizeof(text));
        if (mark_number(c, i, &n))
            must(i < c->count);
    }
    return 0;
}

static void marks(const struct image *im)
{
    const struct group_row_event e = { .event = &im->event, .format = im->format, .map = im->map };
    struct group_info info = { 0 };
    struct err err;

    for (unsigned t = MARK_LANE; t <= MARK_OTHER; t++) {
        (void)mark_rows(&e, (enum mark_table)t, &info, on_control, NULL, &err);
        memset(&info, 'x', sizeof(info));
        info.origin = ORIGIN_LOCAL;
        if (mark_origin(&e, (enum mark_table)t, &info, &err) == 0 && info.origin == ORIGIN_MARKED)
            must(memchr(info.path, '\0', sizeof(info.path)) != NULL &&
                 memchr(info.mark_task, '\0', sizeof(info.mark_task)) != NULL);
        must(info.origin != ORIGIN_MARKED || t == MARK_LANE);
        must((info.origin == ORIGIN_MASKED) == (t == MARK_MASK));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct image im;
    void *mem = NULL;

    if (image_take(data, len, &im, &mem) == 0) {
        again(&im);
        copied(&im);
        marks(&im);
    }
    free(mem);
    return 0;
}
