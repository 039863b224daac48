#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/strbuf.h"
#include "base/util.h"

#include "base/banned.h"

int fs_read_all(const char *path, size_t max, char **ret, size_t *ret_len, struct err *err)
{
    _cleanup_(closep)
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(max);
    size_t len;

    if (fd < 0)
        return err_set_sys(err, ERR_IO, "open %s", path);
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0)
            return err_set_sys(err, ERR_IO, "read %s", path);
        if (n == 0)
            break;
        strbuf_add(&b, chunk, (size_t)n);
    }
    if (!strbuf_ok(&b))
        return err_set(err, ERR_IO, "%s is larger than %zu bytes", path, max);
    len = b.len;
    if (strbuf_take(&b, ret, err) < 0)
        return -1;
    *ret_len = len;
    return 0;
}

static int sync_parent(const char *path, struct err *err)
{
    char dir[PATH_MAX];
    char *slash;
    _cleanup_(closep)
    int fd = -1;

    (void)snprintf(dir, sizeof(dir), "%s", path);
    slash = strrchr(dir, '/');
    if (slash == NULL)
        (void)snprintf(dir, sizeof(dir), ".");
    else
        slash[slash == dir ? 1 : 0] = '\0';
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_set_sys(err, ERR_IO, "sync folder %s", dir);
    return 0;
}

int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
    char tmp[PATH_MAX];
    const char *from = data;
    _cleanup_(closep)
    int fd = -1;

    (void)snprintf(tmp, sizeof(tmp), "%s.tmp%d", path, (int)getpid());
    fd = open(tmp, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, mode);
    if (fd < 0)
        return err_set_sys(err, ERR_IO, "create %s", tmp);
    while (len > 0) {
        ssize_t n = write(fd, from, len);
        if (n < 0) {
            (void)unlink(tmp);
            return err_set_sys(err, ERR_IO, "write %s", tmp);
        }
        from += n;
        len -= (size_t)n;
    }
    if (fsync(fd) < 0 || rename(tmp, path) < 0) {
        (void)err_set_sys(err, ERR_IO, "write %s", path);
        (void)unlink(tmp);
        return -1;
    }
    return sync_parent(path, err);
}

int fs_mkdir(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part))
        return err_set(err, ERR_IO, "folder name is empty or too long");
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, mode) < 0 && errno != EEXIST)
            return err_set_sys(err, ERR_IO, "create folder %s", part);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int fs_remove_tree(const char *path, struct err *err)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        return err_set_sys(err, ERR_IO, "remove %s", path);
    return 0;
}

int fs_free_bytes(const char *path, uint64_t *ret, struct err *err)
{
    struct statvfs v;

    if (statvfs(path, &v) < 0)
        return err_set_sys(err, ERR_IO, "free space of %s", path);
    *ret = (uint64_t)v.f_bavail * v.f_frsize;
    return 0;
}
