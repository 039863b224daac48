#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "store/db.h"

#include "base/banned.h"

enum { IDLE_MAX = 8 }; /* connections kept; more may be out at once, they are closed on return */

struct store {
    char *path;
    pthread_mutex_t lock; /* guards idle, idle_count */
    struct db *idle[IDLE_MAX];
    size_t idle_count;
};

/* The database and, by SQLite's rule, its -wal and -shm files are for this user only. */
static int make_private(const char *path, struct err *err)
{
    _cleanup_(closep)
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_set_sys(err, ERR_STORE, "open the store %s", path);
    return 0;
}

int store_open(const char *path, struct store **ret, struct err *err)
{
    _cleanup_(store_closep)
    struct store *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    /* its counters of memory are behind one lock for all threads; refused, and fine, later on */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)pthread_mutex_init(&s->lock, NULL);
    s->path = strdup(path);
    if (s->path == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (make_private(path, err) < 0 || db_open(path, &s->idle[0], err) < 0)
        return -1;
    s->idle_count = 1;
    if (db_schema(s->idle[0], SCHEMA_VERSION, err) < 0)
        return -1;
    *ret = take_ptr(s);
    return 0;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->idle_count; i++)
        db_close(s->idle[i]);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
}

int store_borrow(struct store *s, struct lease *ret, struct err *err)
{
    struct db *h = NULL;

    (void)pthread_mutex_lock(&s->lock);
    if (s->idle_count > 0)
        h = s->idle[--s->idle_count];
    (void)pthread_mutex_unlock(&s->lock);
    if (h == NULL && db_open(s->path, &h, err) < 0)
        return -1;
    *ret = (struct lease){ .store = s, .db = h };
    return 0;
}

int store_borrow_relaxed(struct store *s, struct lease *ret, struct err *err)
{
    if (store_borrow(s, ret, err) < 0)
        return -1;
    ret->relaxed = true;
    return db_exec(ret->db, "PRAGMA synchronous=NORMAL", err);
}

void store_return(struct lease *l)
{
    struct db *h = take_ptr(l->db);
    struct err ignored = { 0 };

    if (h == NULL)
        return;
    /* as the next borrower expects it, or not at all */
    if (l->relaxed && db_exec(h, "PRAGMA synchronous=FULL", &ignored) < 0) {
        db_close(h);
        return;
    }
    (void)pthread_mutex_lock(&l->store->lock);
    if (l->store->idle_count < IDLE_MAX)
        l->store->idle[l->store->idle_count++] = take_ptr(h);
    (void)pthread_mutex_unlock(&l->store->lock);
    db_close(h);
}

int store_check(struct store *s, struct err *err)
{
    static const char integrity[] = "PRAGMA integrity_check(1)";
    static const char keys[] = "PRAGMA foreign_key_check";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    _cleanup_(query_done)
    struct query k = { 0 };
    int r;

    if (store_borrow(s, &l, err) < 0 || query_open(&q, l.db, integrity, err) < 0)
        return -1;
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    if (r == 0 || strcmp(query_peek_text(&q, 0), "ok") != 0)
        return err_set(err, ERR_STORE, "the store is damaged: %s", query_peek_text(&q, 0));
    if (query_open(&k, l.db, keys, err) < 0)
        return -1;
    r = query_step(&k, err);
    if (r > 0)
        return err_set(err, ERR_STORE, "the store is damaged: a row of %s refers to nothing",
                       query_peek_text(&k, 0));
    return r;
}
