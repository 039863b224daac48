/*
 * Row events that are kept beside the statements made of them: a transaction that meets other rows
 * at the target than it should is gone through once more, row by row (resolve.h).
 */
#ifndef WORKERS_INCR_IMAGE_H
#define WORKERS_INCR_IMAGE_H

#include "workers/incr/group.h"
#include "workers/incr/sqlwrite.h"

/* What most row events of a table have in common: counted, shared by the images kept of it. */
struct image_shape;
void image_shape_unref(struct image_shape *s);
DEFINE_CLEANUP(struct image_shape, image_shape_unref)

/* One row event, and what was decided of its rows when it was read. */
struct image {
    struct event event;
    const struct binlog_format *format;
    const struct table_map *map;
    struct image_shape *shape; /* holds these two; NULL: they are borrowed */
    struct table_plan *plan;
    struct row_mode mode;
    bool carry[3];           /* by enum rows_kind */
    const uint8_t *verdicts; /* FILTER_… a row; NULL: all match */
    size_t verdict_count;
    size_t first_stmt; /* how many statements its transaction had before it */
};

/*
 * image_copy() - owns all it points to but the plan
 *
 * @shape  the last one of this table, NULL at first: used again where it fits, else replaced. It
 *         holds a reference, and only one thread at a time may pass it; image_free() is free to
 *         happen in any.
 * NULL: out of memory.
 */
struct image *image_copy(const struct image *from, struct image_shape **shape);
void image_free(struct image *im);
DEFINE_CLEANUP(struct image, image_free)
size_t image_bytes(const struct image *im); /* but for its shape */

struct image_row {
    const struct value *before, *after; /* of what concerns the target; NULL: none */
    bool dropped;                       /* of a kind that is not carried: both are NULL */
    const struct value *was, *is;       /* the row at the source, carried or not; NULL: none */
};
/*
 * image_rows() - calls back for each row in order
 *
 * `fn` returns 0 or -1. Images are valid during the call. Errors: the decoder's and those of `fn`.
 */
typedef int image_row_fn(void *ctx, const struct image_row *row, struct err *err);
int image_rows(const struct image *im, image_row_fn *fn, void *ctx, struct err *err);

#endif
