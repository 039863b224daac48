/* Opening a connection again and again while the reason may pass. */
#include <sys/random.h>

#include "base/clock.h"
#include "workers/mysql/conn.h"
#include "workers/report.h"
#include "workers/worker.h"

#include "base/banned.h"

enum {
    FIRST_WAIT_MS = 200,
    LONGEST_WAIT_MS = 10 * 1000,
    TELL_EVERY_MS = 30 * 1000,
};

/* Between half and the whole of `ms`: several lanes must not knock at the same instant. */
static int with_jitter(int ms)
{
    unsigned random;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = 0; /* too early after boot: no jitter then */
    return ms / 2 + (int)(random % (unsigned)(ms / 2 + 1));
}

int conn_open_retry(const struct endpoint *to, const struct conn_options *o, struct report *r,
                    int retry_minutes, struct conn **ret, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)retry_minutes * 60 * 1000;
    int64_t tell_at = 0;
    int wait_ms = FIRST_WAIT_MS;

    for (;;) {
        int64_t now;

        if (report_stopping(r))
            return STAGE_STOPPED;
        if (conn_open(to, o, ret, err) == 0)
            return 0;
        now = clock_mono_ms();
        if (!err_retryable(err) || now >= until)
            return -1;
        if (now >= tell_at) {
            report_error(r, err, true);
            tell_at = now + TELL_EVERY_MS;
        }
        if (report_sleep(r, (int)MIN((int64_t)with_jitter(wait_ms), until - now)))
            return STAGE_STOPPED;
        wait_ms = MIN(wait_ms * 2, LONGEST_WAIT_MS);
    }
}
