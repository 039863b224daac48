#include "workers/incr/image.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "workers/incr/filter.h"

#include "base/banned.h"

struct image_shape {
    atomic_size_t refs;
    struct binlog_format format;
    struct table_map map; /* its arrays are behind it; no names: compared when the event came */
};

/* One block of memory for a struct and everything it points to. */
struct block {
    char *at;
};

static void *put(struct block *b, const void *data, size_t len)
{
    char *to = b->at;

    if (len > 0)
        memcpy(to, data, len);
    b->at += len;
    return to;
}

static char *put_text(struct block *b, const char *text)
{
    return put(b, text, strlen(text) + 1);
}

static size_t bitmap_bytes(size_t columns)
{
    return (columns + 7) / 8;
}

/* ---- shapes ---- */

static struct image_shape *shape_new(const struct binlog_format *f, const struct table_map *m)
{
    size_t n = m->column_count;
    struct image_shape *s = malloc(sizeof(*s) + n * sizeof(*m->meta) + 2 * n + bitmap_bytes(n) +
                                   strlen(m->db) + strlen(m->table) + 2);
    struct block b;

    if (s == NULL)
        return NULL;
    atomic_init(&s->refs, 1);
    s->format = *f;
    s->map = *m;
    b.at = (char *)(s + 1);
    s->map.meta = put(&b, m->meta, n * sizeof(*m->meta)); /* first: it is aligned there */
    s->map.types = put(&b, m->types, n);
    s->map.nullable = put(&b, m->nullable, bitmap_bytes(n));
    if (m->unsignedness != NULL)
        s->map.unsignedness = put(&b, m->unsignedness, n);
    s->map.db = put_text(&b, m->db);
    s->map.table = put_text(&b, m->table);
    s->map.names = NULL;
    return s;
}

static bool same_format(const struct binlog_format *a, const struct binlog_format *b)
{
    return a->known == b->known && a->mariadb == b->mariadb && a->checksum == b->checksum &&
           a->post_header_count == b->post_header_count &&
           strcmp(a->server_version, b->server_version) == 0 &&
           memcmp(a->post_header_len, b->post_header_len, sizeof(a->post_header_len)) == 0;
}

static bool same_map(const struct table_map *a, const struct table_map *b)
{
    size_t n = a->column_count;

    return n == b->column_count && a->table_id == b->table_id &&
           memcmp(a->types, b->types, n) == 0 &&
           memcmp(a->meta, b->meta, n * sizeof(*a->meta)) == 0 &&
           memcmp(a->nullable, b->nullable, bitmap_bytes(n)) == 0 &&
           (a->unsignedness == NULL) == (b->unsignedness == NULL) &&
           (a->unsignedness == NULL || memcmp(a->unsignedness, b->unsignedness, n) == 0) &&
           strcmp(a->db, b->db) == 0 && strcmp(a->table, b->table) == 0;
}

static struct image_shape *shape_ref(struct image_shape **last, const struct image *im)
{
    struct image_shape *s = *last;

    if (s == NULL || !same_format(&s->format, im->format) || !same_map(&s->map, im->map)) {
        s = shape_new(im->format, im->map);
        if (s == NULL)
            return NULL;
        image_shape_unref(*last);
        *last = s;
    }
    (void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void image_shape_unref(struct image_shape *s)
{
    if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        free(s);
}

/* ---- images ---- */

size_t image_bytes(const struct image *im)
{
    return sizeof(*im) + im->event.body_len + (im->verdicts != NULL ? im->verdict_count : 0);
}

struct image *image_copy(const struct image *from, struct image_shape **shape)
{
    struct image_shape *s = shape_ref(shape, from);
    struct image *im = s != NULL ? malloc(image_bytes(from)) : NULL;
    struct block b;

    if (im == NULL) {
        image_shape_unref(s);
        return NULL;
    }
    *im = *from;
    im->shape = s;
    im->format = &s->format;
    im->map = &s->map;
    b.at = (char *)(im + 1);
    im->event.body = put(&b, from->event.body, from->event.body_len);
    if (from->verdicts != NULL)
        im->verdicts = put(&b, from->verdicts, from->verdict_count);
    return im;
}

void image_free(struct image *im)
{
    if (im == NULL)
        return;
    image_shape_unref(im->shape);
    free(im);
}

static struct image_row row_of(const struct image *im, enum rows_kind kind, size_t n,
                               const struct value *before, const struct value *after)
{
    uint8_t verdict = im->verdicts == NULL    ? FILTER_BEFORE | FILTER_AFTER
                      : n < im->verdict_count ? im->verdicts[n]
                                              : 0;

    struct image_row r = { .was = kind == ROWS_INSERT ? NULL : before,
                           .is = kind == ROWS_DELETE ? NULL : after };

    r.dropped = !im->carry[kind];
    if (!r.dropped) {
        r.before = (verdict & FILTER_BEFORE) == 0 ? NULL : r.was;
        r.after = (verdict & FILTER_AFTER) == 0 ? NULL : r.is;
    }
    return r;
}

int image_rows(const struct image *im, image_row_fn *fn, void *ctx, struct err *err)
{
    _cleanup_(rows_closep)
    struct rows *rows = NULL;
    const struct value *before, *after;
    int got;

    if (rows_open(im->format, &im->event, im->map, im->plan->t, &rows, err) < 0)
        return -1;
    for (size_t n = 0; (got = rows_next(rows, &before, &after, err)) == 1; n++) {
        struct image_row row = row_of(im, rows_kind(rows), n, before, after);
        if (fn(ctx, &row, err) < 0)
            return -1;
    }
    return got;
}
