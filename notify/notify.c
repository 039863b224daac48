#include "notify/notify.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/log.h"
#include "notify/sign.h"
#include "store/webhook.h"

#include "base/banned.h"

enum {
    CONNECT_S = 5,
    WHOLE_S = 10,
    IDLE_MS = 60 * 1000,   /* a look without being woken, should the store have failed */
    AFTER_ERROR_MS = 5000, /* the store failed */
    ANSWER_MAX = 64 * 1024,
    HEADER_MAX = 256,
    RESULT_MAX = 256,
};

struct notify {
    struct store *store;
    const struct box *box;
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    pthread_mutex_t lock; /* guards woken */
    pthread_cond_t wake;
    bool woken;
};

int notify_new(struct store *store, const struct box *box, struct notify **ret, struct err *err)
{
    struct notify *n = calloc(1, sizeof(*n));
    pthread_condattr_t clock;

    if (n == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(n);
        return err_set(err, ERR_INTERNAL, "libcurl can't be initialised");
    }
    n->store = store;
    n->box = box;
    (void)pthread_mutex_init(&n->lock, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&n->wake, &clock);
    (void)pthread_condattr_destroy(&clock);
    *ret = n;
    return 0;
}

void notify_free(struct notify *n)
{
    if (n == NULL)
        return;
    notify_stop(n);
    (void)pthread_cond_destroy(&n->wake);
    (void)pthread_mutex_destroy(&n->lock);
    curl_global_cleanup();
    free(n);
}

int64_t notify_delay_ms(int64_t failed)
{
    int64_t ms = NOTIFY_FIRST_MS;

    for (int64_t i = 1; i < failed && ms < NOTIFY_LONGEST_MS; i++)
        ms *= 2;
    return MIN(ms, (int64_t)NOTIFY_LONGEST_MS);
}

/* ---------------------------------------------------------------------- one request */

struct sending {
    struct notify *n;
    size_t answered;
};

/* What a webhook answers is of no interest, and must not be much. */
static size_t drop_answer(char *data, size_t size, size_t count, void *ctx)
{
    struct sending *s = ctx;

    (void)data;
    s->answered += size * count;
    return s->answered <= ANSWER_MAX ? size * count : 0;
}

static int break_off(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct sending *s = ctx;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load(&s->n->stopping);
}

static struct curl_slist *headers_of(const struct delivery *d, const struct secret *key)
{
    int64_t now = clock_now_s();
    char signature[SIGN_TEXT_MAX], line[HEADER_MAX];
    struct curl_slist *list;

    sign_body(secret_text(key), secret_len(key), now, d->body, signature);
    list = curl_slist_append(NULL, "Content-Type: application/json");
    (void)snprintf(line, sizeof(line), "X-Causeway-Delivery: %s", d->id);
    list = curl_slist_append(list, line);
    (void)snprintf(line, sizeof(line), "X-Causeway-Timestamp: %" PRId64, now);
    list = curl_slist_append(list, line);
    (void)snprintf(line, sizeof(line), "X-Causeway-Signature: %s", signature);
    return curl_slist_append(list, line);
}

/* http and https only, certificates checked (curl's default), no redirects (the default, too). */
static void set_up(CURL *c, const struct delivery *d, struct curl_slist *headers, struct sending *s,
                   char message[static CURL_ERROR_SIZE])
{
    (void)curl_easy_setopt(c, CURLOPT_URL, d->url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)WHOLE_S);
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "causeway/" CAUSEWAY_VERSION);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, d->body);
    (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(d->body));
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop_answer);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, s);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, break_off);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, s);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, message);
}

/* True: it was answered with 2xx. `result`: the status, or why there is none. */
static bool send_one(struct notify *n, const struct delivery *d, const struct secret *key,
                     char result[static RESULT_MAX])
{
    char message[CURL_ERROR_SIZE] = "";
    struct sending s = { .n = n };
    struct curl_slist *headers = headers_of(d, key);
    CURL *c = curl_easy_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long status = 0;

    if (c != NULL && headers != NULL) {
        set_up(c, d, headers, &s, message);
        code = curl_easy_perform(c);
        (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    }
    if (code == CURLE_OK)
        (void)snprintf(result, RESULT_MAX, "%ld", status);
    else
        (void)snprintf(result, RESULT_MAX, "%s",
                       message[0] != '\0' ? message : curl_easy_strerror(code));
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return code == CURLE_OK && status >= 200 && status < 300;
}

static int deliver(struct notify *n, const struct delivery *d, struct err *err)
{
    char about[ID_MAX + 16], result[RESULT_MAX] = "", quoted[LOG_QUOTED_MAX];
    _cleanup_(secret_freep)
    struct secret *key = NULL;
    bool sent = false;
    int64_t next = 0;
    struct err sealed = { 0 };

    (void)snprintf(about, sizeof(about), "webhook:%s", d->webhook_id);
    if (box_unseal(n->box, about, d->secret_sealed, &key, &sealed) < 0)
        (void)snprintf(result, sizeof(result), "the secret can't be opened: %.200s",
                       sealed.message);
    else
        sent = send_one(n, d, key, result);
    if (!sent && atomic_load(&n->stopping))
        return 0; /* broken off: no try that counts */
    if (!sent && clock_now_s() - d->created_at < NOTIFY_FOR_S)
        next = clock_now_ms() + notify_delay_ms(d->attempts + 1);
    log_line(sent ? LOG_INFO : LOG_WARN, "notify", sent ? "webhook_sent" : "webhook_failed",
             "webhook=%s delivery=%s attempt=%" PRId64 " given_up=%d result=%s", d->webhook_id,
             d->id, d->attempts + 1, !sent && next == 0, log_q(result, quoted));
    return store_delivery_result(n->store, d, sent, result, clock_now_ms(), next, err);
}

/* ---------------------------------------------------------------------- the thread */

/* Sends what is due; returns for how long there is nothing to do. */
static int64_t work(struct notify *n)
{
    struct err err = { 0 };
    int64_t next = 0;

    while (!atomic_load(&n->stopping)) {
        struct delivery d = { 0 };
        int r = store_delivery_due(n->store, clock_now_ms(), &d, &next, &err);
        if (r > 0) {
            r = deliver(n, &d, &err) < 0 ? -1 : 1;
            delivery_done(&d);
        }
        if (r < 0) {
            log_err(LOG_ERROR, "notify", "store_failed", &err);
            return AFTER_ERROR_MS;
        }
        if (r == 0)
            break;
    }
    return next == 0 ? IDLE_MS : MIN(MAX(next - clock_now_ms(), (int64_t)1), (int64_t)IDLE_MS);
}

static void wait_ms(struct notify *n, int64_t ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    (void)pthread_mutex_lock(&n->lock);
    while (!n->woken && pthread_cond_timedwait(&n->wake, &n->lock, &until) == 0)
        ;
    n->woken = false;
    (void)pthread_mutex_unlock(&n->lock);
}

static void *run(void *arg)
{
    struct notify *n = arg;

    while (!atomic_load(&n->stopping))
        wait_ms(n, work(n));
    return NULL;
}

int notify_start(struct notify *n, struct err *err)
{
    int r = pthread_create(&n->thread, NULL, run, n);

    if (r != 0)
        return err_set(err, ERR_INTERNAL, "start the thread of the webhooks: error %d", r);
    n->started = true;
    return 0;
}

void notify_wake(struct notify *n)
{
    if (n == NULL)
        return;
    (void)pthread_mutex_lock(&n->lock);
    n->woken = true;
    (void)pthread_cond_signal(&n->wake);
    (void)pthread_mutex_unlock(&n->lock);
}

void notify_stop(struct notify *n)
{
    if (!n->started)
        return;
    atomic_store(&n->stopping, true);
    notify_wake(n);
    (void)pthread_join(n->thread, NULL);
    n->started = false;
}
