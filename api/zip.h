/*
 * A ZIP archive written as a stream: nothing is known of an entry's size before it ends, nothing
 * is ever gone back to. APPNOTE.TXT 6.3.10 of PKWARE: local headers with bit 3 set, DEFLATE, data
 * descriptors, central directory. Without ZIP64: less than 4 GiB in all, the caller sees to it.
 */
#ifndef API_ZIP_H
#define API_ZIP_H

#include <stdint.h>

#include "base/strbuf.h"
#include "base/util.h"

struct zip;

/* zip_new(): `to` (borrowed) gets the bytes; whoever reads them empties it. */
int zip_new(struct strbuf *to, struct zip **ret, struct err *err);
void zip_free(struct zip *z);
DEFINE_CLEANUP(struct zip, zip_free)

/* Between two zip_begin() any number of zip_add(); zip_end() once, at the end. */
int zip_begin(struct zip *z, const char *name, int64_t modified_unix_s, struct err *err);
int zip_add(struct zip *z, const void *data, size_t len, struct err *err);
int zip_end(struct zip *z, struct err *err);

#endif
