#include "workers/mysql/binlog/rows.h"

#include <stdlib.h>
#include <string.h>

#include "workers/mysql/binlog/inflate.h"
#include "workers/mysql/binlog/row_value.h"

#include "base/banned.h"

enum {
    SHORT_ID_HEADER = 6, /* a post-header of six bytes has a table id of four */
    FLAG_STMT_END = 1,
    FLAG_NO_FOREIGN_KEYS = 2,
    FLAG_RELAXED_UNIQUE = 4,
    VALUE_OPTION_DIFFS = 1,
    VALUE_BYTES_MAX = 1024 * 1024 * 1024,
};
enum image { BEFORE, AFTER, IMAGES };

struct rows {
    const struct table_map *map;
    const struct table *table; /* NULL: as the event says */
    enum rows_kind kind;
    struct rows_flags flags;
    const uint8_t *present[IMAGES]; /* bitmaps: columns that are in the image */
    size_t present_count[IMAGES];
    struct cursor data;
    char *inflated;
    struct value *values[IMAGES];
    struct strbuf *texts[IMAGES]; /* a column's text, kept from row to row for its memory */
    bool partial;                 /* a column that matters is absent */
    size_t partial_column;
    bool json_diffs; /* after images may hold parts of JSON values (PARTIAL_UPDATE_ROWS) */
    size_t json_columns;
};

struct shape {
    enum rows_kind kind;
    bool v2, compressed, json_diffs;
};

static bool shape_of(unsigned type, struct shape *ret)
{
    static const struct {
        unsigned type;
        struct shape shape;
    } shapes[] = {
        { EV_WRITE_ROWS_V1, { ROWS_INSERT, false, false, false } },
        { EV_UPDATE_ROWS_V1, { ROWS_UPDATE, false, false, false } },
        { EV_DELETE_ROWS_V1, { ROWS_DELETE, false, false, false } },
        { EV_WRITE_ROWS, { ROWS_INSERT, true, false, false } },
        { EV_UPDATE_ROWS, { ROWS_UPDATE, true, false, false } },
        { EV_DELETE_ROWS, { ROWS_DELETE, true, false, false } },
        { EV_PARTIAL_UPDATE_ROWS, { ROWS_UPDATE, true, false, true } },
        { EV_MARIA_WRITE_ROWS_COMPRESSED_V1, { ROWS_INSERT, false, true, false } },
        { EV_MARIA_UPDATE_ROWS_COMPRESSED_V1, { ROWS_UPDATE, false, true, false } },
        { EV_MARIA_DELETE_ROWS_COMPRESSED_V1, { ROWS_DELETE, false, true, false } },
        { EV_MARIA_WRITE_ROWS_COMPRESSED, { ROWS_INSERT, true, true, false } },
        { EV_MARIA_UPDATE_ROWS_COMPRESSED, { ROWS_UPDATE, true, true, false } },
        { EV_MARIA_DELETE_ROWS_COMPRESSED, { ROWS_DELETE, true, true, false } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
        if (shapes[i].type == type) {
            *ret = shapes[i].shape;
            return true;
        }
    }
    return false;
}

static uint64_t take_id(const struct binlog_format *f, unsigned type, struct cursor *c,
                        struct rows_flags *ret_flags)
{
    bool short_id = type < f->post_header_count + 1U && f->post_header_len[type] == SHORT_ID_HEADER;
    uint64_t id = cursor_le(c, short_id ? 4 : 6);
    unsigned flags = (unsigned)cursor_le(c, 2);

    *ret_flags = (struct rows_flags){ .stmt_end = (flags & FLAG_STMT_END) != 0,
                                      .no_foreign_key_checks = (flags & FLAG_NO_FOREIGN_KEYS) != 0,
                                      .relaxed_unique_checks = (flags & FLAG_RELAXED_UNIQUE) != 0 };
    return c->bad ? UINT64_MAX : id;
}

uint64_t rows_table_id(const struct binlog_format *f, const struct event *e,
                       struct rows_flags *ret_flags)
{
    struct cursor c = cursor_of(e->body, e->body_len);
    struct rows_flags flags;
    uint64_t id = take_id(f, e->type, &c, &flags);

    if (ret_flags != NULL)
        *ret_flags = flags;
    return id;
}

static bool bit(const uint8_t *map, size_t i)
{
    return (map[i / 8] >> (i % 8) & 1) != 0;
}

static int malformed(const struct event *e, const struct table_map *m, const char *what,
                     struct err *err)
{
    return err_set(err, ERR_BINLOG_MALFORMED, "%s event of %u bytes for %s.%s: %s",
                   event_type_name(e->type), e->size, m->db, m->table, what);
}

static bool has_image(const struct rows *r, enum image image)
{
    return r->kind == ROWS_UPDATE || (r->kind == ROWS_INSERT) == (image == AFTER);
}

static int alloc_images(struct rows *r, struct err *err)
{
    size_t n = r->map->column_count;
    size_t room = n > 0 ? n : 1; /* calloc(0) may answer NULL, which would be taken for no memory */

    for (enum image i = BEFORE; i < IMAGES; i++) {
        if (!has_image(r, i))
            continue;
        r->values[i] = calloc(room, sizeof(*r->values[i]));
        r->texts[i] = calloc(room, sizeof(*r->texts[i]));
        if (r->values[i] == NULL || r->texts[i] == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        for (size_t k = 0; k < n; k++)
            r->texts[i][k] = (struct strbuf)STRBUF(VALUE_BYTES_MAX);
    }
    return 0;
}

/* NULL: read without a catalog, or hidden from it (table_map_check lets such pass). */
static const struct column *column_of(const struct rows *r, size_t i)
{
    return r->table != NULL && i < r->table->column_count ? &r->table->columns[i] : NULL;
}

/* Which columns the images hold. Generated ones may be missing: nobody carries them. */
static int take_bitmaps(struct rows *r, struct cursor *c)
{
    size_t n = r->map->column_count;

    for (enum image i = BEFORE; i < IMAGES; i++) {
        if (!has_image(r, i))
            continue;
        r->present[i] = cursor_bytes(c, (n + 7) / 8);
        if (r->present[i] == NULL)
            return -1;
        for (size_t k = 0; k < n; k++) {
            if (bit(r->present[i], k)) {
                r->present_count[i]++;
            } else if (!r->partial && (column_of(r, k) == NULL || !column_of(r, k)->generated)) {
                r->partial = true;
                r->partial_column = k;
            }
        }
    }
    return 0;
}

/* Header, bitmaps and the place where the rows begin. */
static int rows_head(struct rows *r, const struct binlog_format *f, const struct event *e,
                     const struct shape *s, struct err *err)
{
    struct cursor c = cursor_of(e->body, e->body_len);
    uint64_t id = take_id(f, e->type, &c, &r->flags);
    size_t inflated_len;

    if (s->v2) {
        uint64_t extra =
            cursor_le(&c, 2); /* its own two bytes included; partition numbers and such */

        if (extra < 2 || extra - 2 > cursor_left(&c))
            return malformed(e, r->map, "extra data", err);
        (void)cursor_bytes(&c, (size_t)extra - 2);
    }
    if (id != r->map->table_id || cursor_lenenc(&c) != r->map->column_count || c.bad)
        return malformed(e, r->map, "does not belong to the table's map", err);
    if (take_bitmaps(r, &c) < 0)
        return malformed(e, r->map, "column bitmaps", err);
    r->data = c;
    if (!s->compressed)
        return 0;
    if (binlog_inflate(c.p, cursor_left(&c), &r->inflated, &inflated_len, err) < 0)
        return err_wrap(err, "rows of %s.%s", r->map->db, r->map->table);
    r->data = cursor_of(r->inflated, inflated_len);
    return 0;
}

int rows_open(const struct binlog_format *f, const struct event *e, const struct table_map *m,
              const struct table *t, struct rows **ret, struct err *err)
{
    _cleanup_(rows_closep)
    struct rows *r = NULL;
    struct shape s;

    if (!shape_of(e->type, &s))
        return malformed(e, m, "no row event", err);
    if (t != NULL && t->column_count != m->column_count && table_map_check(m, t, err) < 0)
        return -1;
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->map = m;
    r->table = t;
    r->kind = s.kind;
    r->json_diffs = s.json_diffs;
    for (size_t i = 0; i < m->column_count; i++)
        r->json_columns += m->types[i] == WT_JSON;
    if (rows_head(r, f, e, &s, err) < 0 || alloc_images(r, err) < 0)
        return -1;
    *ret = take_ptr(r);
    return 0;
}

void rows_close(struct rows *r)
{
    if (r == NULL)
        return;
    for (enum image i = BEFORE; i < IMAGES; i++) {
        for (size_t k = 0; r->texts[i] != NULL && k < r->map->column_count; k++)
            strbuf_done(&r->texts[i][k]);
        free(r->texts[i]);
        free(r->values[i]);
    }
    free(r->inflated);
    free(r);
}

enum rows_kind rows_kind(const struct rows *r)
{
    return r->kind;
}

struct rows_flags rows_flags(const struct rows *r)
{
    return r->flags;
}

static int value_error(const struct rows *r, size_t column, struct err *err)
{
    const struct column *col = column_of(r, column);
    const char *name = col != NULL ? col->name : "";

    return err_wrap(err, "%s.%s column %zu %s", r->map->db, r->map->table, column + 1, name);
}

/*
 * In front of an after image that may hold diffs: whether it does, and a bit for each JSON column
 * of the table, in the image or not (MySQL source, rows_event.h, "value_options"). NULL: none does.
 */
static int take_diff_bits(struct rows *r, enum image image, const uint8_t **ret, struct err *err)
{
    uint64_t options;

    *ret = NULL;
    if (!r->json_diffs || image != AFTER)
        return 0;
    options = cursor_lenenc(&r->data);
    if (!r->data.bad && options > VALUE_OPTION_DIFFS)
        return err_set(err, ERR_BINLOG_EVENT, "%s.%s: unknown value options 0x%llx", r->map->db,
                       r->map->table, (unsigned long long)options);
    if (options == VALUE_OPTION_DIFFS)
        *ret = cursor_bytes(&r->data, (r->json_columns + 7) / 8);
    return 0;
}

/* Column `i`, which is in the image and not NULL. */
static int take_value(struct rows *r, enum image image, size_t i, bool diff, struct err *err)
{
    const struct table_map *m = r->map;
    const struct column *col = column_of(r, i);
    bool is_unsigned =
        col != NULL ? col->is_unsigned : m->unsignedness != NULL && m->unsignedness[i] != 0;
    struct value *v = &r->values[image][i];
    struct strbuf *text = &r->texts[image][i];
    int got = diff ? row_value_json_diff(&r->data, m->meta[i], &r->values[BEFORE][i], text, v, err)
                   : row_value(&r->data, m->types[i], m->meta[i], col, is_unsigned, text, v, err);

    return got < 0 ? value_error(r, i, err) : 0;
}

static int take_image(struct rows *r, enum image image, struct err *err)
{
    const struct table_map *m = r->map;
    const uint8_t *diffs, *nulls;
    size_t nth = 0, nth_json = 0;

    if (take_diff_bits(r, image, &diffs, err) < 0)
        return -1;
    nulls = cursor_bytes(&r->data, (r->present_count[image] + 7) / 8);
    if (nulls == NULL || r->present_count[image] == 0)
        return err_set(err, ERR_BINLOG_MALFORMED, "row of %s.%s ends too early", m->db, m->table);
    for (size_t i = 0; i < m->column_count; i++) {
        bool diff = diffs != NULL && m->types[i] == WT_JSON && bit(diffs, nth_json++);
        struct value *v = &r->values[image][i];

        if (!bit(r->present[image], i))
            *v = (struct value){ .kind = V_ABSENT };
        else if (bit(nulls, nth++))
            *v = (struct value){ .kind = V_NULL };
        else if (take_value(r, image, i, diff, err) < 0)
            return -1;
    }
    return 0;
}

int rows_next(struct rows *r, const struct value **ret_before, const struct value **ret_after,
              struct err *err)
{
    *ret_before = *ret_after = NULL;
    if (cursor_left(&r->data) == 0)
        return 0;
    if (r->partial) {
        const struct column *col = column_of(r, r->partial_column);

        return err_set(err, ERR_BINLOG_ROW_IMAGE, "%s.%s: column %zu %s is not in the row image",
                       r->map->db, r->map->table, r->partial_column + 1,
                       col != NULL ? col->name : "");
    }
    for (enum image i = BEFORE; i < IMAGES; i++)
        if (has_image(r, i) && take_image(r, i, err) < 0)
            return -1;
    *ret_before = r->values[BEFORE];
    *ret_after = r->values[AFTER];
    return 1;
}
