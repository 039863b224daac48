#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

static int64_t read_us(clockid_t which)
{
    struct timespec ts;

    (void)clock_gettime(which, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

int64_t clock_now_s(void)
{
    return clock_now_us() / 1000000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

const char *clock_text(int64_t unix_s, char buf[static CLOCK_TEXT_LEN])
{
    time_t t = (time_t)unix_s;
    struct tm tm = { 0 };

    (void)gmtime_r(&t, &tm);
    (void)strftime(buf, CLOCK_TEXT_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
    return buf;
}

const char *clock_text_ms(int64_t unix_ms, char buf[static CLOCK_TEXT_LEN])
{
    char seconds[CLOCK_TEXT_LEN];

    (void)snprintf(buf, CLOCK_TEXT_LEN, "%.19s.%03dZ", clock_text(unix_ms / 1000, seconds),
                   (int)(unix_ms % 1000));
    return buf;
}

/* `n` digits at `at`, or -1. */
static int digits(const char *at, int n)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        v = v * 10 + (at[i] - '0');
    }
    return v;
}

bool clock_parse(const char *text, int64_t *ret_unix_s)
{
    char again[CLOCK_TEXT_LEN];
    struct tm tm = { 0 };

    if (strlen(text) != 20 || text[19] != 'Z')
        return false;
    tm.tm_year = digits(text, 4) - 1900;
    tm.tm_mon = digits(text + 5, 2) - 1;
    tm.tm_mday = digits(text + 8, 2);
    tm.tm_hour = digits(text + 11, 2);
    tm.tm_min = digits(text + 14, 2);
    tm.tm_sec = digits(text + 17, 2);
    *ret_unix_s = (int64_t)timegm(&tm);
    /* what is no time (the 31st of February, letters, other separators) comes back as another one
     */
    return strncmp(clock_text(*ret_unix_s, again), text, 19) == 0 && strlen(again) == 19;
}
