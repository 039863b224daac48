/* Random identifiers: a prefix and a short base-36 token ("np_4w3akd81mz0q"). */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stddef.h>

enum { ID_MAX = 40 };

/* id_new(): `prefix` and 12 random characters (62 bits) into `buf`; returns `buf`. */
const char *id_new(const char *prefix, char buf[static ID_MAX]);
/* id_token(): `len` random characters of [0-9A-Za-z] and a NUL: passwords and access keys. */
void id_token(char *buf, size_t len);

#endif
