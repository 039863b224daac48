#include "store/db.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/strbuf.h"

#include "base/banned.h"

enum {
    /*
     * Longer than a loaded disk takes for the commits of all who wait: an answer that is late is
     * better than a StartProject that failed. Below the minute after which callers hang up.
     */
    BUSY_WAIT_MS = 20000,
    BUSY_LOOK_MS = 20, /* the longest pause between two looks */
    STMT_CACHE = 256,  /* about as many statements as store/ has */
    JSON_DEPTH_MAX = 128,
    LIKE_MAX_BYTES = 4096,
};

struct cached {
    const char *sql; /* compared by address: every SQL text is a constant */
    sqlite3_stmt *st;
    bool busy;
};

struct db {
    sqlite3 *sq;
    int64_t wait_ms;       /* for other writers */
    int64_t wait_until_ms; /* of the wait that goes on */
    struct cached cache[STMT_CACHE];
};

static int fail(struct db *h, const char *what, struct err *err)
{
    int code = sqlite3_errcode(h->sq) & 0xff;

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return err_set(err, ERR_STORE_BUSY, "the store is busy: %s", what);
    if (code == SQLITE_NOMEM)
        return err_set(err, ERR_NOMEM, "out of memory in the store");
    return err_set(err, ERR_STORE, "the store failed: %s: %s", what, sqlite3_errmsg(h->sq));
}

/*
 * SQLite's own handler pauses longer and longer (up to 100 ms): with many short transactions going
 * on, the one that has waited longest looks least often. Here all look equally often.
 */
static int wait_for_others(void *context, int looks)
{
    struct db *h = context;
    int64_t now = clock_mono_ms();

    if (looks == 0)
        h->wait_until_ms = now + h->wait_ms;
    if (now >= h->wait_until_ms)
        return 0;
    (void)poll(NULL, 0, MIN(1 + looks, BUSY_LOOK_MS));
    return 1;
}

void db_wait_at_most(struct db *h, int64_t ms)
{
    h->wait_ms = ms;
}

int db_open(const char *path, struct db **ret, struct err *err)
{
    /* one thread uses a connection at a time (the pool's lock hands it over), so no mutex in it */
    static const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    /*
     * FULL: a status that was answered to a user survives a power cut. The small cache bounds the
     * daemon's memory however many threads have borrowed at once.
     */
    static const char setup[] = "PRAGMA journal_mode=WAL;"
                                "PRAGMA synchronous=FULL;"
                                "PRAGMA foreign_keys=ON;"
                                "PRAGMA trusted_schema=OFF;"
                                "PRAGMA temp_store=MEMORY;"
                                "PRAGMA cache_size=-1024;";
    _cleanup_(db_closep)
    struct db *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (sqlite3_open_v2(path, &h->sq, flags, NULL) != SQLITE_OK)
        return err_set(err, ERR_STORE, "open the store %s: %s", path,
                       h->sq != NULL ? sqlite3_errmsg(h->sq) : "out of memory");
    (void)sqlite3_extended_result_codes(h->sq, 1);
    h->wait_ms = BUSY_WAIT_MS;
    (void)sqlite3_busy_handler(h->sq, wait_for_others, h);
    if (db_exec(h, setup, err) < 0)
        return err_wrap(err, "open %s", path);
    *ret = take_ptr(h);
    return 0;
}

void db_close(struct db *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < STMT_CACHE; i++)
        (void)sqlite3_finalize(h->cache[i].st);
    (void)sqlite3_close(h->sq);
    free(h);
}

int db_exec(struct db *h, const char *sql, struct err *err)
{
    if (sqlite3_exec(h->sq, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail(h, "execute", err);
    return 0;
}

int64_t db_changes(const struct db *h)
{
    return sqlite3_changes64(h->sq);
}

/* The cached statement of this text, or the slot to keep it in; NULL: the cache is full or busy. */
static struct cached *slot_of(struct db *h, const char *sql)
{
    for (size_t i = 0; i < STMT_CACHE; i++) {
        struct cached *c = &h->cache[i];
        if (c->sql == sql)
            return c->busy ? NULL : c;
        if (c->sql == NULL)
            return c;
    }
    return NULL;
}

int query_open(struct query *q, struct db *h, const char *sql, struct err *err)
{
    struct cached *slot = slot_of(h, sql);
    sqlite3_stmt *st = slot != NULL ? slot->st : NULL;

    if (st == NULL &&
        sqlite3_prepare_v3(h->sq, sql, -1, slot != NULL ? SQLITE_PREPARE_PERSISTENT : 0, &st,
                           NULL) != SQLITE_OK)
        return fail(h, "prepare", err);
    if (slot != NULL)
        *slot = (struct cached){ .sql = sql, .st = st, .busy = true };
    *q = (struct query){ .db = h, .st = st, .cached = slot != NULL };
    return 0;
}

void query_done(struct query *q)
{
    if (q->st == NULL)
        return;
    if (!q->cached) {
        (void)sqlite3_finalize(q->st);
        q->st = NULL;
        return;
    }
    (void)sqlite3_reset(q->st);
    (void)sqlite3_clear_bindings(q->st);
    for (size_t i = 0; i < STMT_CACHE; i++)
        if (q->db->cache[i].st == q->st)
            q->db->cache[i].busy = false;
    q->st = NULL;
}

static void stick(struct query *q, int rc)
{
    if (q->rc == SQLITE_OK)
        q->rc = rc;
}

void query_text(struct query *q, int at, const char *text)
{
    stick(q, text == NULL ? sqlite3_bind_null(q->st, at)
                          : sqlite3_bind_text(q->st, at, text, -1, SQLITE_STATIC));
}

void query_i64(struct query *q, int at, int64_t v)
{
    stick(q, sqlite3_bind_int64(q->st, at, v));
}

void query_double(struct query *q, int at, double v)
{
    stick(q, sqlite3_bind_double(q->st, at, v));
}

void query_json(struct query *q, int at, struct json_object *o)
{
    /* copied: json-c keeps only one text an object, and two threads may write the same one out */
    stick(q, o == NULL ? sqlite3_bind_null(q->st, at)
                       : sqlite3_bind_text(q->st, at, json_text(o), -1, SQLITE_TRANSIENT));
}

int query_step(struct query *q, struct err *err)
{
    int rc;

    if (q->rc != SQLITE_OK)
        return err_set(err, q->rc == SQLITE_NOMEM ? ERR_NOMEM : ERR_STORE,
                       "the store failed: bind: %s", sqlite3_errstr(q->rc));
    rc = sqlite3_step(q->st);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    q->rc = rc;
    return fail(q->db, "step", err);
}

int query_run(struct query *q, struct err *err)
{
    return query_step(q, err) < 0 ? -1 : 0;
}

bool query_is_unique(const struct query *q)
{
    return q->rc == SQLITE_CONSTRAINT_UNIQUE || q->rc == SQLITE_CONSTRAINT_PRIMARYKEY;
}

bool query_is_foreign(const struct query *q)
{
    return q->rc == SQLITE_CONSTRAINT_FOREIGNKEY;
}

int query_get_text(struct query *q, int at, char **ret, struct err *err)
{
    const unsigned char *text = sqlite3_column_text(q->st, at);
    char *copy;

    if (text == NULL) {
        *ret = NULL;
        return 0;
    }
    copy = strdup((const char *)text);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = copy;
    return 0;
}

int query_get_json(struct query *q, int at, struct json_object **ret, struct err *err)
{
    const unsigned char *text = sqlite3_column_text(q->st, at);

    if (text == NULL) {
        *ret = NULL;
        return 0;
    }
    if (json_parse((const char *)text, (size_t)sqlite3_column_bytes(q->st, at), JSON_DEPTH_MAX, ret,
                   err) < 0) {
        err->code = ERR_STORE;
        return err_wrap(err, "a document in the store");
    }
    return 0;
}

int64_t query_get_i64(struct query *q, int at)
{
    return sqlite3_column_int64(q->st, at);
}

const char *query_peek_text(struct query *q, int at)
{
    const unsigned char *text = sqlite3_column_text(q->st, at);

    return text != NULL ? (const char *)text : "";
}

double query_get_double(struct query *q, int at)
{
    return sqlite3_column_double(q->st, at);
}

int query_count(struct query *q, int64_t *ret, struct err *err)
{
    int r = query_step(q, err);

    if (r > 0)
        *ret = query_get_i64(q, 0);
    return r < 0 ? -1 : 0;
}

int query_list(struct query *q,
               int (*read)(struct query *q, struct json_object **ret, struct err *err),
               struct json_object **ret_array, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *list = json_object_new_array();
    int r;

    while ((r = query_step(q, err)) > 0) {
        struct json_object *item = NULL;

        if (read(q, &item, err) < 0)
            return -1;
        if (json_object_array_add(list, item) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (r == 0)
        *ret_array = take_ptr(list);
    return r;
}

int query_get_ids(struct query *q, char (**ret)[ID_MAX], size_t *ret_count, struct err *err)
{
    _cleanup_(freep)
    char(*ids)[ID_MAX] = NULL;
    size_t n = 0, room = 0;
    int r;

    while ((r = query_step(q, err)) > 0) {
        if (n == room) {
            char(*more)[ID_MAX] = realloc(ids, (room * 2 + 16) * sizeof(*ids));
            if (more == NULL)
                return err_set(err, ERR_NOMEM, "out of memory");
            ids = more;
            room = room * 2 + 16;
        }
        (void)snprintf(ids[n++], ID_MAX, "%s", query_peek_text(q, 0));
    }
    if (r < 0)
        return -1;
    *ret = take_ptr(ids);
    *ret_count = n;
    return 0;
}

int txn_begin(struct txn *t, struct db *h, struct err *err)
{
    /* IMMEDIATE: a transaction that begins as a reader can't wait when it turns writer */
    if (db_exec(h, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    t->db = h;
    return 0;
}

int txn_commit(struct txn *t, struct err *err)
{
    if (db_exec(t->db, "COMMIT", err) < 0)
        return -1; /* txn_done() rolls back */
    t->db = NULL;
    return 0;
}

void txn_done(struct txn *t)
{
    struct err ignored = { 0 };

    /* after some errors (disk full) SQLite has rolled back by itself */
    if (t->db != NULL && sqlite3_get_autocommit(t->db->sq) == 0)
        (void)db_exec(t->db, "ROLLBACK", &ignored);
    t->db = NULL;
}

int db_like(const char *text, char **ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(LIKE_MAX_BYTES);

    if (text == NULL) {
        *ret = NULL;
        return 0;
    }
    strbuf_addc(&b, '%');
    for (; *text != '\0'; text++) {
        if (strchr("%_\\", *text) != NULL)
            strbuf_addc(&b, '\\');
        strbuf_addc(&b, *text);
    }
    strbuf_addc(&b, '%');
    if (!strbuf_ok(&b))
        return err_set(err, ERR_PARAM, "the search text is too long");
    return strbuf_take(&b, ret, err);
}

struct json_object *db_text_list(const char *const *list)
{
    struct json_object *o;

    if (list == NULL || list[0] == NULL)
        return NULL;
    o = json_object_new_array();
    for (; o != NULL && *list != NULL; list++)
        (void)json_object_array_add(o, json_object_new_string(*list));
    return o;
}

int64_t db_limit(const struct page *p)
{
    return MIN(MAX(p->size, 1), PAGE_SIZE_MAX);
}

int64_t db_offset(const struct page *p)
{
    return (MAX(p->number, 1) - (int64_t)1) * db_limit(p);
}
