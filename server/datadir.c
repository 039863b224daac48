#include "server/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "api/auth.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "store/account.h"

#include "base/banned.h"

enum { PASSWORD_LEN = 24 };

struct datadir {
    char path[PATH_MAX];
    int lock_fd;
};

/* The name of a file in the folder; the folder's own path leaves room for it. */
static const char *in_dir(const struct datadir *d, const char *name, char buf[static PATH_MAX])
{
    (void)snprintf(buf, PATH_MAX, "%.*s/%s", PATH_MAX - 64, d->path, name);
    return buf;
}

static int take_lock(struct datadir *d, struct err *err)
{
    char path[PATH_MAX];

    d->lock_fd = open(in_dir(d, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock_fd < 0)
        return err_set_sys(err, ERR_IO, "open %s", path);
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK) {
        (void)err_set_sys(err, ERR_IO, "lock %s", path);
        closep(&d->lock_fd);
        d->lock_fd = -1;
        return -1;
    }
    closep(&d->lock_fd);
    d->lock_fd = -1; /* not ours: datadir_close() must not touch what the other one has written */
    (void)err_set(err, ERR_CONFIG, "another causewayd already serves the data directory %s",
                  d->path);
    return err_advise(err, "Stop it first, or choose another --data-dir.");
}

/* A folder of ours holds secrets: nobody else may look into it. */
static int close_to_others(const struct datadir *d, struct err *err)
{
    struct stat st;

    if (stat(d->path, &st) < 0)
        return err_set_sys(err, ERR_IO, "look at %s", d->path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_IO, "%s is not a folder", d->path);
    if ((st.st_mode & 077) != 0 && chmod(d->path, 0700) < 0)
        return err_set_sys(err, ERR_IO, "set mode 0700 of %s", d->path);
    return 0;
}

int datadir_open(const char *path, struct datadir **ret, struct err *err)
{
    _cleanup_(datadir_closep)
    struct datadir *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->lock_fd = -1;
    if (strlen(path) >= PATH_MAX - 128)
        return err_set(err, ERR_CONFIG, "data_dir is too long");
    if (fs_mkdir(path, 0700, err) < 0)
        return -1;
    if (realpath(path, d->path) == NULL)
        return err_set_sys(err, ERR_IO, "find %s", path);
    if (close_to_others(d, err) < 0 || take_lock(d, err) < 0 || datadir_listen(d, NULL, err) < 0)
        return -1;
    *ret = take_ptr(d);
    return 0;
}

void datadir_close(struct datadir *d)
{
    struct err err = { 0 };

    if (d == NULL)
        return;
    if (d->lock_fd >= 0) {
        (void)datadir_listen(d, NULL, &err);
        (void)close(d->lock_fd);
    }
    free(d);
}

const char *datadir_path(const struct datadir *d)
{
    return d->path;
}

int datadir_listen(struct datadir *d, const char *address, struct err *err)
{
    char path[PATH_MAX], line[300];

    (void)in_dir(d, "listen", path);
    if (address == NULL) { /* also what a killed daemon has left */
        if (unlink(path) < 0 && errno != ENOENT)
            return err_set_sys(err, ERR_IO, "remove %s", path);
        return 0;
    }
    (void)snprintf(line, sizeof(line), "%s\n", address);
    return fs_write_atomic(path, line, strlen(line), 0600, err);
}

/* ------------------------------------------------------------------ the first start */

struct credentials {
    char password[PASSWORD_LEN + 1];
    char key_id[ID_MAX];
    char key_secret[KEY_SECRET_LEN + 1];
};

static void credentials_done(struct credentials *c)
{
    explicit_bzero(c, sizeof(*c));
}

static int write_credentials(const struct datadir *d, const struct credentials *c, struct err *err)
{
    char path[PATH_MAX];
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    const char *text;

    json_add_str(o, "username", "admin");
    json_add_str(o, "password", c->password);
    json_add_str(o, "accessKeyId", c->key_id);
    json_add_str(o, "accessKeySecret", c->key_secret);
    text = json_text(o);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)in_dir(d, "initial-credentials.json", path);
    return fs_write_atomic(path, text, strlen(text), 0600, err);
}

/*
 * The account is made last but for its key: a start cut off before it begins anew, and the file
 * that then lies there already is replaced.
 */
static int make_admin(const struct datadir *d, struct store *st, const struct box *box,
                      struct err *err)
{
    _cleanup_(credentials_done)
    struct credentials c = { 0 };
    _cleanup_(freep)
    char *sealed = NULL;
    char hash[SECRET_HASH_LEN];
    struct new_key key = { .id = c.key_id, .user = "admin", .description = "first start" };

    id_token(c.password, PASSWORD_LEN);
    if (secret_hash(c.password, hash, err) < 0 ||
        auth_new_key(box, c.key_id, c.key_secret, &sealed, err) < 0 ||
        write_credentials(d, &c, err) < 0)
        return err_wrap(err, "make the first account");
    key.secret_sealed = sealed;
    FAULT("server.account.before");
    if (store_user_add(st, "admin", hash, ROLE_ADMIN, err) < 0 || store_key_add(st, &key, err) < 0)
        return err_wrap(err, "make the first account");
    log_info("server", "account_made", "user=admin file=initial-credentials.json");
    return 0;
}

int datadir_store(struct datadir *d, struct store **ret_store, struct box **ret_box,
                  struct err *err)
{
    _cleanup_(store_closep)
    struct store *st = NULL;
    _cleanup_(box_closep)
    struct box *box = NULL;
    char path[PATH_MAX];
    int64_t users = 0;

    if (store_open(in_dir(d, "store.db", path), &st, err) < 0 ||
        store_user_count(st, &users, err) < 0)
        return -1;
    /* with a store in use a new key would only hide that the old one, and all secrets, are lost */
    if (box_open(in_dir(d, "key", path), users == 0, &box, err) < 0)
        return -1;
    if (users == 0 && make_admin(d, st, box, err) < 0)
        return -1;
    *ret_store = take_ptr(st);
    *ret_box = take_ptr(box);
    return 0;
}
