#include "workers/touch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"

#include "base/banned.h"

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "two processes share these words");

#define TOUCH_MAGIC 0x3130686375745743U /* "CWtuch01" */

enum {
    ROWS = 1 << 20, /* 8 MiB: with 10,000 rows a second under way one row in 100 shares its slot */
    TABLES = 1 << 12,
    RING = 1 << 13,
    PATH_MAX_LEN = 4096,
    PATH_TAIL = 8, /* ".new" */
    FILE_WORDS = BINLOG_FILE_MAX / 8,
    POS_WORDS = FILE_WORDS + 2,
    BOARD_WORDS = 24, /* the last one: a sum of the others */
    KEY_WORDS = TOUCH_KEY_MAX / 8,
    CHANGE_WORDS = KEY_WORDS + 3,
    BOARD_TRIES = 1000,
    KEYS_LEASE_MS = 10000,
    LOOKED_MS = 3000,
};

typedef _Atomic uint64_t word;

/*
 * One document of one writer: the copy that `turn` names is whole, the other one may be half
 * written, by a process that is gone, too.
 */
struct board {
    word turn;
    word copies[2][BOARD_WORDS];
};

struct ring_slot {
    word stamp; /* 2n + 1: entry n is being written, 2n + 2: it is there */
    word words[CHANGE_WORDS];
};

struct touch_map {
    uint64_t magic, size, generation;
    word all, ddl_all, ddl_newest;
    word looked_ms, keys_until_ms; /* monotonic; of the verifier */
    word hold_asked;               /* there may be one on the board */
    struct board state, hold, told;
    word ring_head;
    word related[TABLES], ddl[TABLES];
    word rows[ROWS];
    struct ring_slot ring[RING];
};

struct touch {
    struct touch_map *map;
    int fd; /* the writer's is locked: so it is seen when it dies */
    dev_t dev;
    ino_t ino;
    char path[PATH_MAX_LEN];
};

/* ---- words ---- */

static uint64_t get(const word *w)
{
    return atomic_load_explicit(w, memory_order_relaxed);
}

static void set(word *w, uint64_t v)
{
    atomic_store_explicit(w, v, memory_order_relaxed);
}

/* One process writes: no compare and exchange. */
static void raise(word *w, uint64_t v)
{
    if (get(w) < v)
        set(w, v);
}

static uint64_t board_sum(const uint64_t w[static BOARD_WORDS])
{
    uint64_t h = TOUCH_MAGIC;

    for (size_t i = 0; i + 1 < BOARD_WORDS; i++)
        h = touch_hash_u64(h, w[i]);
    return h;
}

static void board_put(struct board *b, uint64_t w[static BOARD_WORDS])
{
    uint64_t turn = get(&b->turn);
    word *copy = b->copies[(turn + 1) & 1];

    w[BOARD_WORDS - 1] = board_sum(w);
    atomic_thread_fence(memory_order_release); /* whoever sees a word below sees this turn */
    for (size_t i = 0; i < BOARD_WORDS; i++)
        set(&copy[i], w[i]);
    atomic_store_explicit(&b->turn, turn + 1, memory_order_release);
}

/* False: nothing is on it; or two have written at the same time, and one will again. */
static bool board_get(const struct board *b, uint64_t ret[static BOARD_WORDS])
{
    for (unsigned tries = 0; tries < BOARD_TRIES; tries++) {
        uint64_t turn = atomic_load_explicit(&b->turn, memory_order_acquire);

        if (turn == 0)
            return false;
        for (size_t i = 0; i < BOARD_WORDS; i++)
            ret[i] = get(&b->copies[turn & 1][i]);
        atomic_thread_fence(memory_order_acquire);
        if (get(&b->turn) == turn)
            return ret[BOARD_WORDS - 1] == board_sum(ret);
    }
    return false;
}

static void pos_to(const struct binlog_pos *p, uint64_t w[static POS_WORDS])
{
    memset(w, 0, FILE_WORDS * sizeof(*w));
    memcpy(w, p->file, strnlen(p->file, sizeof(p->file) - 1));
    w[FILE_WORDS] = p->offset;
    w[FILE_WORDS + 1] = p->era;
}

static void pos_from(const uint64_t w[static POS_WORDS], struct binlog_pos *ret)
{
    memcpy(ret->file, w, sizeof(ret->file));
    ret->file[sizeof(ret->file) - 1] = '\0';
    ret->offset = w[FILE_WORDS];
    ret->era = (unsigned)w[FILE_WORDS + 1];
}

/* ---- the file ---- */

static struct touch *touch_new(const char *path)
{
    struct touch *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->fd = -1;
    (void)snprintf(t->path, sizeof(t->path), "%s", path);
    return t;
}

void touch_free(struct touch *t)
{
    if (t == NULL)
        return;
    if (t->map != NULL)
        (void)munmap(t->map, sizeof(*t->map));
    closep(&t->fd);
    free(t);
}

static int failed(const struct touch *t, const char *what, struct err *err)
{
    return err_set(err, ERR_IO, "%s %s: %s", what, t->path, strerror(errno));
}

static int map_file(struct touch *t, struct err *err)
{
    struct stat st;
    void *at;

    if (fstat(t->fd, &st) < 0)
        return failed(t, "look at", err);
    if ((uint64_t)st.st_size != sizeof(struct touch_map))
        return err_set(err, ERR_IO, "%s has %lld bytes instead of %zu", t->path,
                       (long long)st.st_size, sizeof(struct touch_map));
    t->dev = st.st_dev;
    t->ino = st.st_ino;
    at = mmap(NULL, sizeof(struct touch_map), PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
    if (at == MAP_FAILED)
        return failed(t, "map", err);
    t->map = at;
    return 0;
}

/* All its blocks are taken now: a disk that is full later must not be met by a write to memory. */
static int allocate(struct touch *t, struct err *err)
{
    int got = posix_fallocate(t->fd, 0, sizeof(struct touch_map));

    if (got == 0)
        return 0;
    errno = got;
    return failed(t, "allocate", err);
}

/* Who wants to know of keys will see the new file a little later: what changes meanwhile counts. */
static void inherit(struct touch *t)
{
    _cleanup_(closep)
    int fd = open(t->path, O_RDONLY | O_CLOEXEC);
    const off_t at = (off_t)offsetof(struct touch_map, keys_until_ms);
    uint64_t magic = 0, until = 0;

    if (fd >= 0 && pread(fd, &magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
        magic == TOUCH_MAGIC && pread(fd, &until, sizeof(until), at) == (ssize_t)sizeof(until))
        set(&t->map->keys_until_ms, until);
}

static int fill(struct touch *t, const char *temp, unsigned era, struct err *err)
{
    if (allocate(t, err) < 0 || map_file(t, err) < 0)
        return -1;
    /* Of this file alone: nobody waits for it. */
    if (flock(t->fd, LOCK_EX | LOCK_NB) < 0)
        return failed(t, "lock", err);
    if (getrandom(&t->map->generation, sizeof(t->map->generation), 0) !=
        (ssize_t)sizeof(t->map->generation))
        return failed(t, "name", err);
    t->map->generation |= 1; /* never 0 */
    t->map->size = sizeof(*t->map);
    t->map->magic = TOUCH_MAGIC;
    inherit(t);
    touch_progress(t, &(struct binlog_pos){ .era = era }, 0, 0, 0);
    FAULT("touch.create.before");
    return rename(temp, t->path) < 0 ? failed(t, "put in place", err) : 0;
}

int touch_create(const char *path, unsigned era, struct touch **ret, struct err *err)
{
    _cleanup_(touch_freep)
    struct touch *t = touch_new(path);
    char temp[PATH_MAX_LEN + PATH_TAIL];

    if (t == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the touch map");
    (void)snprintf(temp, sizeof(temp), "%s.new", path);
    /* Of one that was killed here; or of one that is not dead yet, and keeps its own. */
    (void)unlink(temp);
    t->fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (t->fd < 0)
        return failed(t, "create", err);
    if (fill(t, temp, era, err) < 0) {
        (void)unlink(temp);
        return -1;
    }
    *ret = take_ptr(t);
    return 0;
}

/* A lock that can be had is nobody's: its holder's descriptors are closed. */
static bool is_alive(const struct touch *t)
{
    if (flock(t->fd, LOCK_SH | LOCK_NB) < 0)
        return errno == EWOULDBLOCK;
    (void)flock(t->fd, LOCK_UN);
    return false;
}

int touch_open(const char *path, struct touch **ret, struct err *err)
{
    _cleanup_(touch_freep)
    struct touch *t = touch_new(path);

    if (t == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the touch map");
    t->fd = open(path, O_RDWR | O_CLOEXEC);
    if (t->fd < 0)
        return errno == ENOENT ? 0 : failed(t, "open", err);
    if (!is_alive(t))
        return 0;
    if (map_file(t, err) < 0)
        return -1;
    if (t->map->magic != TOUCH_MAGIC || t->map->size != sizeof(*t->map))
        return err_set(err, ERR_IO, "%s is no touch map", path);
    *ret = take_ptr(t);
    return 1;
}

/* ---- the incremental worker ---- */

void touch_row_mark(struct touch *t, uint64_t hash, uint64_t seq)
{
    if (t != NULL)
        raise(&t->map->rows[hash % ROWS], seq);
}

void touch_related_mark(struct touch *t, uint64_t table, uint64_t seq)
{
    if (t != NULL)
        raise(&t->map->related[table % TABLES], seq);
}

void touch_all_mark(struct touch *t, uint64_t seq)
{
    if (t != NULL)
        raise(&t->map->all, seq);
}

void touch_ddl_mark(struct touch *t, uint64_t table, uint64_t seq)
{
    if (t == NULL)
        return;
    raise(table == 0 ? &t->map->ddl_all : &t->map->ddl[table % TABLES], seq);
    raise(&t->map->ddl_newest, seq);
}

enum { W_READ_SEQ = POS_WORDS, W_APPLIED, W_LAG, W_HEARD };

void touch_progress(struct touch *t, const struct binlog_pos *read, uint64_t read_seq,
                    uint64_t applied, int64_t lag_ms)
{
    uint64_t w[BOARD_WORDS] = { 0 };

    if (t == NULL)
        return;
    pos_to(read, w);
    w[W_READ_SEQ] = read_seq;
    w[W_APPLIED] = applied;
    w[W_LAG] = (uint64_t)lag_ms;
    w[W_HEARD] = (uint64_t)clock_mono_ms();
    board_put(&t->map->state, w);
}

bool touch_watched(const struct touch *t)
{
    return t != NULL && (int64_t)get(&t->map->looked_ms) + LOOKED_MS > clock_mono_ms();
}

enum { W_HOLD_ID = POS_WORDS, W_HOLD_UNTIL, W_HOLD_LEASE };

struct touch_hold touch_hold_wanted(const struct touch *t)
{
    struct touch_hold h = { 0 };
    uint64_t w[BOARD_WORDS];

    if (t == NULL || get(&t->map->hold_asked) == 0 || !board_get(&t->map->hold, w) ||
        (int64_t)w[W_HOLD_LEASE] <= clock_mono_ms())
        return h;
    h.id = w[W_HOLD_ID];
    h.until = w[W_HOLD_UNTIL] != 0;
    pos_from(w, &h.pos);
    return h;
}

enum { W_TOLD_ID = POS_WORDS, W_TOLD_STANDS };

void touch_hold_tell(struct touch *t, uint64_t id, const struct binlog_pos *pos)
{
    uint64_t w[BOARD_WORDS] = { 0 };

    if (t == NULL)
        return;
    if (pos != NULL)
        pos_to(pos, w);
    w[W_TOLD_ID] = id;
    w[W_TOLD_STANDS] = pos != NULL;
    board_put(&t->map->told, w);
    /* What is applied next must not be seen before it is seen that the hold is over. */
    atomic_thread_fence(memory_order_seq_cst);
}

/* ---- the verifier ---- */

/* The file is still the one of that name, and its writer lives. */
static bool is_current(const struct touch *t)
{
    struct stat st;

    return stat(t->path, &st) == 0 && st.st_ino == t->ino && st.st_dev == t->dev && is_alive(t);
}

bool touch_look(const struct touch *t, struct touch_state *ret)
{
    uint64_t w[BOARD_WORDS];

    if (!is_current(t))
        return false;
    set(&t->map->looked_ms, (uint64_t)clock_mono_ms());
    *ret = (struct touch_state){ .generation = t->map->generation };
    if (!board_get(&t->map->state, w))
        return true; /* a position before everything */
    pos_from(w, &ret->read);
    ret->read_seq = w[W_READ_SEQ];
    ret->applied = w[W_APPLIED];
    ret->lag_ms = (int64_t)w[W_LAG];
    ret->heard_ms = (int64_t)w[W_HEARD];
    ret->ddl_seq = MAX(get(&t->map->ddl_newest), get(&t->map->ddl_all));
    return true;
}

uint64_t touch_row(const struct touch *t, uint64_t hash)
{
    return MAX(get(&t->map->rows[hash % ROWS]), get(&t->map->all));
}

uint64_t touch_related(const struct touch *t, uint64_t table)
{
    return MAX(get(&t->map->related[table % TABLES]), get(&t->map->all));
}

uint64_t touch_ddl(const struct touch *t, uint64_t table)
{
    return MAX(get(&t->map->ddl[table % TABLES]), get(&t->map->ddl_all));
}

void touch_hold_ask(struct touch *t, const struct touch_hold *h, int lease_ms)
{
    uint64_t w[BOARD_WORDS] = { 0 };

    pos_to(&h->pos, w);
    w[W_HOLD_ID] = h->id;
    w[W_HOLD_UNTIL] = h->until;
    w[W_HOLD_LEASE] = (uint64_t)(clock_mono_ms() + lease_ms);
    board_put(&t->map->hold, w);
    atomic_store_explicit(&t->map->hold_asked, h->id != 0, memory_order_release);
    set(&t->map->looked_ms, (uint64_t)clock_mono_ms());
}

bool touch_held(const struct touch *t, uint64_t id, struct binlog_pos *ret)
{
    uint64_t w[BOARD_WORDS];

    if (id == 0 || !board_get(&t->map->told, w) || w[W_TOLD_ID] != id || w[W_TOLD_STANDS] == 0 ||
        !is_current(t))
        return false;
    pos_from(w, ret);
    return true;
}

/* ---- keys ---- */

void touch_keys_wanted(struct touch *t, bool yes)
{
    set(&t->map->keys_until_ms, yes ? (uint64_t)(clock_mono_ms() + KEYS_LEASE_MS) : 0);
}

bool touch_keys_are_wanted(const struct touch *t)
{
    int64_t until = t != NULL ? (int64_t)get(&t->map->keys_until_ms) : 0;

    return until != 0 && until > clock_mono_ms();
}

enum { W_SEQ, W_AT, W_TABLE, W_KEY };

void touch_change_put(struct touch *t, const struct touch_change *c)
{
    uint64_t n = get(&t->map->ring_head), w[CHANGE_WORDS] = { 0 };
    struct ring_slot *s = &t->map->ring[n % RING];

    w[W_SEQ] = c->seq;
    w[W_AT] = (uint64_t)c->at_ms;
    w[W_TABLE] = (uint64_t)c->table << 16 | c->key_len;
    memcpy(&w[W_KEY], c->key, MIN(c->key_len, (uint16_t)TOUCH_KEY_MAX));
    set(&s->stamp, 2 * n + 1);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < CHANGE_WORDS; i++)
        set(&s->words[i], w[i]);
    atomic_store_explicit(&s->stamp, 2 * n + 2, memory_order_release);
    atomic_store_explicit(&t->map->ring_head, n + 1, memory_order_release);
}

static bool read_slot(const struct ring_slot *s, uint64_t n, struct touch_change *ret)
{
    uint64_t w[CHANGE_WORDS];

    if (atomic_load_explicit(&s->stamp, memory_order_acquire) != 2 * n + 2)
        return false;
    for (size_t i = 0; i < CHANGE_WORDS; i++)
        w[i] = get(&s->words[i]);
    atomic_thread_fence(memory_order_acquire);
    if (get(&s->stamp) != 2 * n + 2)
        return false;
    *ret = (struct touch_change){ .seq = w[W_SEQ],
                                  .at_ms = (int64_t)w[W_AT],
                                  .table = (unsigned)(w[W_TABLE] >> 16),
                                  .key_len = (uint16_t)(w[W_TABLE] & 0xffff) };
    memcpy(ret->key, &w[W_KEY], TOUCH_KEY_MAX);
    return ret->key_len <= TOUCH_KEY_MAX;
}

int touch_change_next(const struct touch *t, uint64_t *io, uint64_t *io_lost,
                      struct touch_change *ret)
{
    uint64_t head = atomic_load_explicit(&t->map->ring_head, memory_order_acquire);

    *io = MIN(*io, head); /* of another generation */
    if (head - *io > RING) {
        *io_lost += head - *io - RING;
        *io = head - RING;
    }
    while (*io < head) {
        uint64_t n = (*io)++;
        if (read_slot(&t->map->ring[n % RING], n, ret))
            return 1;
        ++*io_lost;
    }
    return 0;
}
