/* Files: whole reads, atomic writes, folders. All errors are ERR_IO. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

int fs_read_all(const char *path, size_t max, char **ret, size_t *ret_len, struct err *err);
/* fs_write_atomic(): to a temporary file beside it, fsync, rename, fsync of the folder. */
int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err);
int fs_mkdir(const char *path, mode_t mode, struct err *err); /* with parents; existing is fine */
int fs_remove_tree(const char *path, struct err *err);        /* absent is fine */
int fs_free_bytes(const char *path, uint64_t *ret, struct err *err);

#endif
