#include "base/chan.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/strbuf.h"

#include "base/banned.h"

enum { SEND_WAIT_MS = 5000, READ_CHUNK = 64 * 1024, JSON_DEPTH = 64 };

struct chan {
    int fd;
    pthread_mutex_t send_lock; /* one line at a time on the wire */
    struct strbuf in;          /* read but not yet handed out; one reader only */
    size_t scanned;            /* bytes of `in` known to hold no newline */
};

int chan_new(int fd, struct chan **ret, struct err *err)
{
    struct chan *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->fd = fd;
    c->in.max = CHAN_LINE_MAX;
    (void)pthread_mutex_init(&c->send_lock, NULL);
    *ret = c;
    return 0;
}

void chan_free(struct chan *c)
{
    if (c == NULL)
        return;
    closep(&c->fd);
    if (c->in.data != NULL)
        explicit_bzero(c->in.data, c->in.cap); /* an assignment holds passwords */
    strbuf_done(&c->in);
    (void)pthread_mutex_destroy(&c->send_lock);
    free(c);
}

int chan_fd(const struct chan *c)
{
    return c->fd;
}

static int send_all(int fd, const char *data, size_t len, struct err *err)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = { .fd = fd, .events = POLLOUT };
            if (poll(&p, 1, SEND_WAIT_MS) > 0)
                continue;
            return err_set(err, ERR_CHANNEL, "the other side of the channel does not read");
        }
        return err_set_sys(err, ERR_CHANNEL, "send on the channel");
    }
    return 0;
}

int chan_send(struct chan *c, struct json_object *o, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf line = STRBUF(CHAN_LINE_MAX);
    int r;

    strbuf_adds(&line, json_text(o));
    strbuf_addc(&line, '\n');
    if (strbuf_check(&line, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&c->send_lock);
    r = send_all(c->fd, line.data, line.len, err);
    (void)pthread_mutex_unlock(&c->send_lock);
    explicit_bzero(line.data, line.len);
    return r;
}

/* Takes one line out of what was read; false: none is complete yet. */
static bool take_line(struct chan *c, size_t *ret_len)
{
    const char *nl;

    if (c->in.data == NULL)
        return false;
    nl = memchr(c->in.data + c->scanned, '\n', c->in.len - c->scanned);
    if (nl == NULL) {
        c->scanned = c->in.len;
        return false;
    }
    *ret_len = (size_t)(nl - c->in.data);
    return true;
}

static int parse_line(struct chan *c, size_t len, struct json_object **ret, struct err *err)
{
    int r = json_parse(c->in.data, len, JSON_DEPTH, ret, err);
    size_t rest = c->in.len - len - 1;

    memmove(c->in.data, c->in.data + len + 1, rest);
    explicit_bzero(c->in.data + rest, c->in.len - rest);
    c->in.len = rest;
    c->scanned = 0;
    if (r < 0) {
        err->code = ERR_CHANNEL;
        return err_wrap(err, "message on the channel");
    }
    return 1;
}

int chan_recv(struct chan *c, struct json_object **ret, struct err *err)
{
    size_t len;

    for (;;) {
        char *room;
        ssize_t n;

        if (take_line(c, &len))
            return parse_line(c, len, ret, err);
        room = strbuf_reserve(&c->in, READ_CHUNK);
        if (room == NULL)
            return err_set(err, ERR_CHANNEL, "a message on the channel is too long");
        n = recv(c->fd, room, READ_CHUNK, 0);
        if (n > 0) {
            c->in.len += (size_t)n;
            c->in.data[c->in.len] = '\0';
            continue;
        }
        if (n == 0)
            return 0;
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN) {
            *ret = NULL;
            return 1;
        }
        if (errno == ECONNRESET)
            return 0;
        return err_set_sys(err, ERR_CHANNEL, "receive on the channel");
    }
}
