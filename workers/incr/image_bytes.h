/* Kept row events as bytes, for transactions whose outcome comes later (xa.h). */
#ifndef WORKERS_INCR_IMAGE_BYTES_H
#define WORKERS_INCR_IMAGE_BYTES_H

#include "workers/incr/image.h"

/* image_put(): appends it; all but the plan, which its table map names. */
void image_put(struct strbuf *b, const struct image *im);
/*
 * image_take() - from those bytes
 *
 * @mem   free() it behind *ret's use, after an error, too
 * *ret borrows `data`; its plan is NULL; its map's names are NUL-terminated.
 * Returns 0, or -1 when the bytes are damaged or memory is gone.
 */
int image_take(const void *data, size_t len, struct image *ret, void **mem);

#endif
