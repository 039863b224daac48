/*
 * A load of HTTP requests over connections that stay open, each with one request at a time.
 *
 * Usage: bench_api_load PORT CONNECTIONS SECONDS REQUESTS < CREDENTIALS
 * REQUESTS is a file of lines "ACTION<TAB>BODY"; each next request is one of them at random. The
 * first line of standard input goes behind "Authorization: Basic " (empty: no such header). Prints
 * one JSON object: per action and for all how many, how many failed, and quantiles in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 4 * 1024 * 1024, ACTIONS_MAX = 16, EVENTS = 64, LINES_MAX = 100000 };

struct action {
    char name[64];
    uint32_t *us;
    size_t count, room, failed;
};

struct request {
    struct action *action;
    char *text; /* the whole request */
    size_t len;
};

struct peer {
    int fd;
    const struct request *now;
    size_t sent;
    int64_t began_us;
    char *buf;
    size_t have;
    size_t want; /* of the whole answer; 0: its header is not whole yet */
};

struct load {
    struct action actions[ACTIONS_MAX];
    size_t action_count;
    struct request *requests;
    size_t request_count;
    uint16_t port;
    int epoll;
    uint64_t random;
};

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* xorshift64* (Vigna 2016). */
static size_t pick(struct load *l)
{
    l->random ^= l->random >> 12;
    l->random ^= l->random << 25;
    l->random ^= l->random >> 27;
    return (size_t)((l->random * 2685821657736338717ULL) >> 33) % l->request_count;
}

static struct action *action_of(struct load *l, const char *name)
{
    for (size_t i = 0; i < l->action_count; i++)
        if (strcmp(l->actions[i].name, name) == 0)
            return &l->actions[i];
    if (l->action_count == ACTIONS_MAX)
        die("too many actions");
    (void)snprintf(l->actions[l->action_count].name, sizeof(l->actions[0].name), "%s", name);
    return &l->actions[l->action_count++];
}

static void read_requests(struct load *l, const char *path, const char *auth)
{
    FILE *f = fopen(path, "r");
    char *line = NULL, *header = NULL;
    size_t room = 0;
    ssize_t n;

    if (f == NULL)
        die(path);
    if (asprintf(&header, "%s%s%s", auth[0] == '\0' ? "" : "Authorization: Basic ", auth,
                 auth[0] == '\0' ? "" : "\r\n") < 0)
        die("asprintf");
    l->requests = calloc(LINES_MAX, sizeof(*l->requests));
    while (l->request_count < LINES_MAX && (n = getline(&line, &room, f)) > 0) {
        struct request *r = &l->requests[l->request_count++];
        char *tab = strchr(line, '\t');
        int len;

        if (tab == NULL)
            die("a line without a tab");
        line[strcspn(line, "\n")] = '\0';
        *tab = '\0';
        r->action = action_of(l, line);
        len = asprintf(&r->text,
                       "POST /api/v2?Action=%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       line, l->port, header, strlen(tab + 1), tab + 1);
        if (len < 0)
            die("asprintf");
        r->len = (size_t)len;
    }
    free(line);
    free(header);
    (void)fclose(f);
    if (l->request_count == 0)
        die("no requests");
}

static void connect_to(struct load *l, struct peer *p)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(l->port) };
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || connect(p->fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
        die("connect");
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, p->fd, &e) < 0)
        die("epoll_ctl");
}

/* Requests are small: they fit the socket's buffer whenever the answer before was read. */
static void ask(struct load *l, struct peer *p)
{
    p->now = &l->requests[pick(l)];
    p->have = p->want = 0;
    p->began_us = now_us();
    if (send(p->fd, p->now->text, p->now->len, MSG_NOSIGNAL) != (ssize_t)p->now->len)
        die("send");
}

static void note(struct peer *p, bool good)
{
    struct action *a = p->now->action;

    if (a->count == a->room) {
        a->room = a->room == 0 ? 65536 : a->room * 2;
        a->us = realloc(a->us, a->room * sizeof(*a->us));
        if (a->us == NULL)
            die("realloc");
    }
    a->us[a->count++] = (uint32_t)(now_us() - p->began_us);
    a->failed += good ? 0 : 1;
}

static void read_header(struct peer *p)
{
    char *end = memmem(p->buf, p->have, "\r\n\r\n", 4), *length;

    if (end == NULL)
        return;
    *end = '\0';
    length = strcasestr(p->buf, "\r\nContent-Length:");
    p->want =
        (size_t)(end - p->buf) + 4 + (length == NULL ? 0 : (size_t)strtoull(length + 17, NULL, 10));
    *end = '\r';
    if (p->want >= BUFFER)
        die("an answer that is too large");
}

/* true: the answer is there. */
static bool receive(struct peer *p)
{
    ssize_t n = recv(p->fd, p->buf + p->have, BUFFER - 1 - p->have, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0)
        die("the server closed a connection");
    p->have += (size_t)n;
    p->buf[p->have] = '\0';
    if (p->want == 0)
        read_header(p);
    return p->want > 0 && p->have >= p->want;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void print(const char *name, uint32_t *us, size_t count, size_t failed, double seconds)
{
    qsort(us, count, sizeof(*us), by_value);
    (void)printf("\"%s\": {\"count\": %zu, \"failed\": %zu, \"perSecond\": %.1f, \"p50\": %u, "
                 "\"p99\": %u, \"max\": %u}",
                 name, count, failed, (double)count / seconds, count == 0 ? 0 : us[count / 2],
                 count == 0 ? 0 : us[count - 1 - count / 100], count == 0 ? 0 : us[count - 1]);
}

static void report(struct load *l, double seconds)
{
    size_t total = 0, failed = 0;
    uint32_t *all;

    for (size_t i = 0; i < l->action_count; i++)
        total += l->actions[i].count;
    all = calloc(total + 1, sizeof(*all));
    if (all == NULL)
        die("calloc");
    total = 0;
    (void)printf("{");
    for (size_t i = 0; i < l->action_count; i++) {
        struct action *a = &l->actions[i];

        memcpy(all + total, a->us, a->count * sizeof(*all));
        total += a->count;
        failed += a->failed;
        print(a->name, a->us, a->count, a->failed, seconds);
        (void)printf(", ");
    }
    print("all", all, total, failed, seconds);
    (void)printf("}\n");
    free(all);
}

int main(int argc, char **argv)
{
    struct load l = { .random = 88172645463325252ULL };
    char auth[1024] = "";
    struct peer *peers;
    size_t count;
    int64_t from, until;

    if (argc != 5)
        die("usage: bench_api_load PORT CONNECTIONS SECONDS REQUESTS");
    if (fgets(auth, sizeof(auth), stdin) != NULL)
        auth[strcspn(auth, "\n")] = '\0';
    l.port = (uint16_t)atoi(argv[1]);
    count = (size_t)atoi(argv[2]);
    read_requests(&l, argv[4], auth);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    peers = calloc(count, sizeof(*peers));
    if (l.epoll < 0 || peers == NULL)
        die("epoll_create1");
    from = now_us();
    until = from + (int64_t)(atof(argv[3]) * 1e6);
    for (size_t i = 0; i < count; i++) {
        peers[i].buf = malloc(BUFFER);
        if (peers[i].buf == NULL)
            die("malloc");
        connect_to(&l, &peers[i]);
        ask(&l, &peers[i]);
    }
    while (now_us() < until) {
        struct epoll_event e[EVENTS];
        int n = epoll_wait(l.epoll, e, EVENTS, 100);

        for (int i = 0; i < n; i++) {
            struct peer *p = e[i].data.ptr;

            if (!receive(p))
                continue;
            note(p, strncmp(p->buf, "HTTP/1.1 200", 12) == 0 &&
                        memmem(p->buf, p->want, "\"success\":true", 14) != NULL);
            ask(&l, p);
        }
    }
    report(&l, (double)(now_us() - from) / 1e6);
    return 0;
}
