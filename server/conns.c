#include "server/conns.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#include "base/banned.h"

enum {
    LOOK_MS = 250,
    ANSWER_S = 3600, /* a download of gigabytes over a slow line; the library closes a dead one */
    CROWDED_MS =
        1000 /* when most places are taken: so long a connection may be without a request */
};

enum phase { PH_HEAD, PH_BODY, PH_ANSWER, PH_IDLE };

struct conn {
    struct conn *next, *prev;
    int fd;
    enum phase phase;
    int64_t since_ms; /* of the phase */
    bool ended;       /* shut down; the library will close it */
};

struct conns {
    struct conns_options on;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    struct conn all; /* ring; new ones at its end, so oldest first */
    unsigned count;
};

static int64_t limit_ms(const struct conns *c, const struct conn *n, bool crowded)
{
    switch (n->phase) {
    case PH_HEAD:
        return crowded ? CROWDED_MS : (int64_t)c->on.head_s * 1000;
    case PH_IDLE:
        return crowded ? CROWDED_MS : (int64_t)(c->on.idle_s + c->on.head_s) * 1000;
    case PH_BODY:
        return (int64_t)c->on.total_s * 1000;
    case PH_ANSWER:
        break;
    }
    return (int64_t)ANSWER_S * 1000;
}

/* The descriptor is the library's and open: conns_notify() takes a closing one off under the lock.
 */
static void look(struct conns *c)
{
    static const char *const names[] = { "head", "body", "answer", "idle" };
    int64_t now = clock_mono_ms();
    bool crowded = c->count > c->on.max / 4 * 3;

    for (struct conn *n = c->all.next; n != &c->all; n = n->next) {
        if (n->ended || now - n->since_ms < limit_ms(c, n, crowded))
            continue;
        n->ended = true;
        log_debug("http", "too_slow", "phase=%s ms=%lld", names[n->phase],
                  (long long)(now - n->since_ms));
        (void)shutdown(n->fd, SHUT_RDWR);
    }
}

static void *watch(void *arg)
{
    struct conns *c = arg;

    (void)pthread_mutex_lock(&c->lock);
    while (!c->stop) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (pthread_cond_timedwait(&c->wake, &c->lock, &until) == ETIMEDOUT)
            look(c);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

int conns_start(const struct conns_options *o, struct conns **ret, struct err *err)
{
    struct conns *c = calloc(1, sizeof(*c));
    pthread_condattr_t attr;

    if (c == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->on = *o;
    c->all.next = c->all.prev = &c->all;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    errno = pthread_create(&c->thread, NULL, watch, c);
    if (errno != 0) {
        (void)err_set_sys(err, ERR_IO, "pthread_create");
        (void)pthread_cond_destroy(&c->wake);
        (void)pthread_mutex_destroy(&c->lock);
        free(c);
        return -1;
    }
    *ret = c;
    return 0;
}

void conns_stop(struct conns *c)
{
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    while (c->all.next != &c->all) {
        struct conn *n = c->all.next;
        c->all.next = n->next;
        free(n);
    }
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

static void add(struct conns *c, struct MHD_Connection *conn, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *n = info == NULL ? NULL : calloc(1, sizeof(*n));

    *context = n;
    if (n == NULL)
        return; /* without limits of time, then */
    n->fd = info->connect_fd;
    n->since_ms = clock_mono_ms();
    (void)pthread_mutex_lock(&c->lock);
    n->prev = c->all.prev;
    n->next = &c->all;
    n->prev->next = n;
    c->all.prev = n;
    c->count++;
    (void)pthread_mutex_unlock(&c->lock);
}

void conns_notify(void *cls, struct MHD_Connection *conn, void **context,
                  enum MHD_ConnectionNotificationCode what)
{
    struct conns *c = cls;
    struct conn *n = *context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        add(c, conn, context);
        return;
    }
    if (n == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    n->prev->next = n->next;
    n->next->prev = n->prev;
    c->count--;
    (void)pthread_mutex_unlock(&c->lock);
    free(n);
    *context = NULL;
}

static void enter(struct conns *c, struct MHD_Connection *conn, enum phase phase)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *n = info == NULL ? NULL : info->socket_context;

    if (n == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    n->phase = phase;
    n->since_ms = clock_mono_ms();
    (void)pthread_mutex_unlock(&c->lock);
}

void conns_body(struct conns *c, struct MHD_Connection *conn)
{
    enter(c, conn, PH_BODY);
}

void conns_answer(struct conns *c, struct MHD_Connection *conn)
{
    enter(c, conn, PH_ANSWER);
}

void conns_idle(struct conns *c, struct MHD_Connection *conn)
{
    enter(c, conn, PH_IDLE);
}
