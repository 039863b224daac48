/*
 * From "acknowledged at the source" to "visible at the target", transaction by transaction, at a
 * steady rate.
 *
 * Usage: bench_incr_probe SOURCE_SOCKET TARGET_SOCKET DATABASE RATE SECONDS FIRST
 * Sessions at the source take turns: transaction i begins i / RATE seconds after the start,
 * whatever became of those before it, and is CALL run_write_only(1, FIRST + i), which notes itself
 * in probe. One session at the target reads which of them it sees, PAUSE_US after its last answer:
 * times are up to that and one answer too long, for whoever is measured alike. Prints one JSON
 * object, microseconds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <mysql.h>

enum { SESSIONS = 8, PAUSE_US = 250, GRACE_S = 10, TEXT = 160 };

struct probe {
    const char *source, *target, *db;
    unsigned rate, count, first;
    int64_t began;
    int64_t *acked, *seen; /* by number; 0: not yet */
    atomic_uint writing;
};

struct session {
    struct probe *p;
    unsigned number;
    pthread_t thread;
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_incr_probe: %s\n", what);
    exit(2);
}

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void sleep_until(int64_t us)
{
    struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static MYSQL *connected(const char *socket_path, const char *db)
{
    MYSQL *my = mysql_init(NULL);

    if (my == NULL ||
        mysql_real_connect(my, NULL, "root", "", db, 0, socket_path, CLIENT_MULTI_RESULTS) == NULL)
        die(my == NULL ? "no memory" : mysql_error(my));
    return my;
}

static void *write_some(void *context)
{
    struct session *s = context;
    struct probe *p = s->p;
    MYSQL *my = connected(p->source, p->db);

    for (unsigned i = s->number; i < p->count; i += SESSIONS) {
        char text[TEXT];

        (void)snprintf(text, sizeof(text), "CALL run_write_only(1, %u)", p->first + i);
        sleep_until(p->began + (int64_t)i * 1000000 / p->rate);
        if (mysql_query(my, text) != 0)
            die(mysql_error(my));
        p->acked[i] = now_us();
        while (mysql_next_result(my) == 0)
            ; /* a call's own result */
    }
    mysql_close(my);
    (void)atomic_fetch_sub(&p->writing, 1);
    return NULL;
}

/* What is there now from number `low` on, noted with the time of the answer. Returns the first
 * number not yet seen. */
static unsigned look(struct probe *p, MYSQL *my, unsigned low)
{
    char text[TEXT];
    MYSQL_RES *rows;
    MYSQL_ROW row;
    int64_t now;

    (void)snprintf(text, sizeof(text), "SELECT id FROM probe WHERE id BETWEEN %u AND %u",
                   p->first + low, p->first + p->count - 1);
    if (mysql_query(my, text) != 0 || (rows = mysql_store_result(my)) == NULL)
        die(mysql_error(my));
    now = now_us();
    while ((row = mysql_fetch_row(rows)) != NULL) {
        unsigned long i = strtoul(row[0], NULL, 10) - p->first;

        if (p->seen[i] == 0)
            p->seen[i] = now;
    }
    mysql_free_result(rows);
    while (low < p->count && p->seen[low] != 0)
        low++;
    return low;
}

static int by_size(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static void print(struct probe *p)
{
    int64_t *took = calloc(p->count, sizeof(*took));
    unsigned n = 0;

    if (took == NULL)
        die("no memory");
    for (unsigned i = 0; i < p->count; i++)
        if (p->seen[i] != 0)
            took[n++] = p->seen[i] - p->acked[i];
    if (n == 0)
        die("nothing arrived");
    qsort(took, n, sizeof(*took), by_size);
    (void)printf("{\"count\": %u, \"missing\": %u, \"p50\": %lld, \"p90\": %lld, \"p99\": %lld, "
                 "\"max\": %lld,"
                 " \"perSecond\": %.1f}\n",
                 n, p->count - n, (long long)took[n / 2], (long long)took[n * 9ULL / 10],
                 (long long)took[n * 99ULL / 100], (long long)took[n - 1],
                 (double)p->count * 1e6 / (double)(p->acked[p->count - 1] - p->began));
    free(took);
}

int main(int argc, char **argv)
{
    struct probe p = { 0 };
    struct session sessions[SESSIONS];
    MYSQL *my;
    unsigned low = 0;
    int64_t end = 0;

    if (argc != 7)
        die("SOURCE_SOCKET TARGET_SOCKET DATABASE RATE SECONDS FIRST");
    p = (struct probe){ .source = argv[1],
                        .target = argv[2],
                        .db = argv[3],
                        .rate = (unsigned)strtoul(argv[4], NULL, 10),
                        .first = (unsigned)strtoul(argv[6], NULL, 10) };
    p.count = p.rate * (unsigned)strtoul(argv[5], NULL, 10);
    if (p.count == 0 || mysql_library_init(0, NULL, NULL) != 0)
        die("rate and seconds are above zero");
    p.acked = calloc(p.count, sizeof(*p.acked));
    p.seen = calloc(p.count, sizeof(*p.seen));
    if (p.acked == NULL || p.seen == NULL)
        die("no memory");
    my = connected(p.target, p.db);
    p.began = now_us() + 200000; /* until then all are connected */
    atomic_store(&p.writing, SESSIONS);
    for (unsigned i = 0; i < SESSIONS; i++) {
        sessions[i] = (struct session){ .p = &p, .number = i };
        if (pthread_create(&sessions[i].thread, NULL, write_some, &sessions[i]) != 0)
            die("no thread");
    }
    while (low < p.count && (end == 0 || now_us() < end)) {
        low = look(&p, my, low);
        if (end == 0 && atomic_load(&p.writing) == 0)
            end = now_us() + (int64_t)GRACE_S * 1000000;
        sleep_until(now_us() + PAUSE_US);
    }
    for (unsigned i = 0; i < SESSIONS; i++)
        (void)pthread_join(sessions[i].thread, NULL);
    mysql_close(my);
    print(&p);
    free(p.acked);
    free(p.seen);
    mysql_library_end();
    return 0;
}
