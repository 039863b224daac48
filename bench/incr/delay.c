/*
 * A link that takes its time: two tun devices, one here and one in a network namespace, and every
 * packet between them is handed on DELAY_US after it came. What `tc netem delay` does, on kernels
 * that were built without it.
 *
 * Usage: bench_incr_delay NAMESPACE_FILE DEVICE DELAY_US
 * Makes DEVICE at both ends (addresses are the caller's to set), prints "ready" and works until it
 * is stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

enum { PACKETS = 16384, PACKET_MAX = 2048 };

struct packet {
    int64_t due;
    size_t len;
    unsigned char bytes[PACKET_MAX];
};

/* One way: what came in at `from` waits in a ring. */
struct way {
    int from, to;
    size_t first, count;
    struct packet *ring;
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_incr_delay: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int device(const char *name)
{
    struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
        die("/dev/net/tun");
    return fd;
}

static void take(struct way *w, int64_t delay)
{
    while (w->count < PACKETS) {
        struct packet *p = &w->ring[(w->first + w->count) % PACKETS];
        ssize_t n = read(w->from, p->bytes, sizeof(p->bytes));

        if (n <= 0)
            return;
        p->len = (size_t)n;
        p->due = now_us() + delay;
        w->count++;
    }
}

static void give(struct way *w)
{
    while (w->count > 0 && w->ring[w->first].due <= now_us()) {
        struct packet *p = &w->ring[w->first];

        if (write(w->to, p->bytes, p->len) < 0 && errno == EAGAIN)
            return;
        w->first = (w->first + 1) %
                   PACKETS; /* a packet that the other end refuses is lost, as on any link */
        w->count--;
    }
}

static void wait_for_more(const struct way *ways)
{
    struct pollfd fds[2] = { { .fd = ways[0].from, .events = POLLIN },
                             { .fd = ways[1].from, .events = POLLIN } };
    struct timespec left;
    int64_t us = 1000000, now = now_us();

    for (int i = 0; i < 2; i++)
        if (ways[i].count > 0 && ways[i].ring[ways[i].first].due - now < us)
            us = ways[i].ring[ways[i].first].due - now;
    us = us < 0 ? 0 : us;
    left = (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    (void)ppoll(fds, 2, &left, NULL);
}

int main(int argc, char **argv)
{
    struct way ways[2] = { { 0 } };
    int64_t delay;
    int space;

    if (argc != 4)
        die("NAMESPACE_FILE DEVICE DELAY_US");
    delay = strtoll(argv[3], NULL, 10);
    ways[0].from = ways[1].to = device(argv[2]);
    space = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) < 0)
        die(argv[1]);
    ways[0].to = ways[1].from = device(argv[2]);
    for (int i = 0; i < 2; i++) {
        ways[i].ring = calloc(PACKETS, sizeof(*ways[i].ring));
        if (ways[i].ring == NULL)
            die("memory");
    }
    (void)puts("ready");
    (void)fflush(stdout);
    while (true) {
        wait_for_more(ways);
        for (int i = 0; i < 2; i++) {
            take(&ways[i], delay);
            give(&ways[i]);
        }
    }
}
