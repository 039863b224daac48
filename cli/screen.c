#include "cli/screen.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"

#include "base/banned.h"

enum { HUNDRED_DAYS_S = 100 * 86400, SPAN_MIN_MS = 2000, LEAST_DONE = 2000 };
enum { LEFT_ROWS = 1, LEFT_PERCENT, LEFT_LAG };

/* ------------------------------------------------------------------ widths */

/* One character of UTF-8; a broken byte counts as one of its own. */
static uint32_t next_char(const char **p)
{
    const unsigned char *s = (const unsigned char *)*p;
    int more = s[0] >= 0xF0 ? 3 : s[0] >= 0xE0 ? 2 : s[0] >= 0xC0 ? 1 : 0;
    uint32_t c = more == 0 ? s[0] : s[0] & (0x3FU >> more);

    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            *p += 1;
            return s[0];
        }
        c = c << 6 | (s[i] & 0x3FU);
    }
    *p += more + 1;
    return c;
}

/* Unicode Standard Annex #11, "East Asian Width": the blocks that are W or F; combining marks:
 * none. */
static int char_width(uint32_t c)
{
    static const struct {
        uint32_t from, to;
    } wide[] = { { 0x1100, 0x115F },  { 0x2E80, 0xA4CF },   { 0xAC00, 0xD7A3 },
                 { 0xF900, 0xFAFF },  { 0xFE30, 0xFE6F },   { 0xFF00, 0xFF60 },
                 { 0xFFE0, 0xFFE6 },  { 0x1F300, 0x1F64F }, { 0x1F900, 0x1F9FF },
                 { 0x20000, 0x3FFFD } };

    if (c >= 0x300 && c <= 0x36F)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
        if (c >= wide[i].from && c <= wide[i].to)
            return 2;
    return 1;
}

int screen_width(const char *text)
{
    int width = 0;

    while (*text != '\0')
        width += char_width(next_char(&text));
    return width;
}

void screen_cut(struct strbuf *b, int columns)
{
    const char *at = strbuf_str(b), *next = at;
    int width = 0;

    while (*next != '\0') {
        width += char_width(next_char(&next));
        if (width > columns)
            break;
        at = next;
    }
    strbuf_truncate(b, (size_t)(at - strbuf_str(b)));
}

/* ------------------------------------------------------------------ numbers */

void screen_bar(struct strbuf *b, double percent, int width)
{
    int full = percent >= 100 ? width : percent > 0 ? (int)(percent * width / 100.0) : 0;

    strbuf_addc(b, '[');
    for (int i = 0; i < width; i++)
        strbuf_addc(b, i < full ? '#' : '-');
    strbuf_addc(b, ']');
}

void screen_count(struct strbuf *b, int64_t n)
{
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%" PRId64, n < 0 ? -n : n);

    if (n < 0)
        strbuf_addc(b, '-');
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            strbuf_addc(b, ',');
        strbuf_addc(b, digits[i]);
    }
}

void screen_bytes(struct strbuf *b, double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    size_t unit = 0;

    while (bytes >= 999.5 && unit + 1 < ARRAY_SIZE(units)) {
        bytes /= 1000;
        unit++;
    }
    strbuf_addf(b, unit == 0 || bytes >= 99.95 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

void screen_duration(struct strbuf *b, int64_t s)
{
    if (s < 60)
        strbuf_addf(b, "%" PRId64 " s", s);
    else if (s < 3600)
        strbuf_addf(b, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
    else if (s < 86400)
        strbuf_addf(b, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
    else
        strbuf_addf(b, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
}

/* ------------------------------------------------------------------ when it is over */

void eta_add(struct eta *e, int kind, int64_t now_ms, double left)
{
    if (e->kind != kind)
        e->count = 0;
    e->kind = kind;
    if (e->count == ETA_SAMPLES) {
        memmove(e->samples, e->samples + 1, sizeof(e->samples) - sizeof(e->samples[0]));
        e->count--;
    }
    e->samples[e->count].ms = now_ms;
    e->samples[e->count++].left = left;
}

int64_t eta_seconds(const struct eta *e)
{
    const size_t last = e->count - 1;
    double done, span, seconds;

    if (e->count == 0)
        return -1;
    if (e->samples[last].left <= 0)
        return 0;
    span = (double)(e->samples[last].ms - e->samples[0].ms);
    done = e->samples[0].left - e->samples[last].left;
    if (span < SPAN_MIN_MS || done <= e->samples[last].left / LEAST_DONE)
        return -1;
    seconds = ceil(e->samples[last].left * span / done / 1000.0);
    return seconds > HUNDRED_DAYS_S ? -1 : (int64_t)seconds;
}

static bool lag_of(struct json_object *info, int64_t *ret)
{
    int64_t checkpoint = json_get_i64(info, "incrTimestampCheckpoint", 0);
    int64_t sample = json_get_i64(info, "checkpointSampleTimestamp", 0);

    *ret = MAX(sample - checkpoint, 0);
    return checkpoint > 0 && sample > 0;
}

bool eta_of_step(struct eta *e, struct json_object *step, int64_t now_ms)
{
    struct json_object *info = json_get(step, "stepInfo");
    double rows = json_get_double(info, "processedRecords", 0);
    double capacity = json_get_double(info, "capacity", 0);
    int64_t lag;

    if (strcmp(json_get_str(step, "status", ""), "RUNNING") != 0) {
        e->count = 0;
        return false;
    }
    if (lag_of(info, &lag))
        eta_add(e, LEFT_LAG, now_ms, (double)lag);
    else if (capacity > rows && rows > 0)
        eta_add(e, LEFT_ROWS, now_ms, capacity - rows);
    else
        eta_add(e, LEFT_PERCENT, now_ms, 100.0 - json_get_double(step, "progress", 0));
    return true;
}

/* ------------------------------------------------------------------ a step */

static double either(struct json_object *o, const char *a, const char *b)
{
    return json_get_double(o, a, json_get_double(o, b, 0));
}

static void add_speed(struct strbuf *b, struct json_object *info, bool at_work)
{
    double rps = either(info, "dstRps", "rps"), bytes = either(info, "dstIops", "iops");
    double capacity = json_get_double(info, "capacity", 0);
    int64_t rows = (int64_t)either(info, "processedRecords", "appliedRows"), lag;

    if (rows > 0) {
        strbuf_adds(b, "  ");
        screen_count(b, rows);
        if (at_work && capacity > (double)rows) {
            strbuf_adds(b, " of ");
            screen_count(b, (int64_t)capacity);
        }
        strbuf_adds(b, " rows");
    }
    if (at_work && rps > 0) {
        strbuf_adds(b, "  ");
        screen_count(b, (int64_t)rps);
        strbuf_adds(b, " rows/s");
    }
    if (at_work && bytes > 0) {
        strbuf_adds(b, "  ");
        screen_bytes(b, bytes);
        strbuf_adds(b, "/s");
    }
    if (lag_of(info, &lag)) {
        strbuf_adds(b, "  lag ");
        screen_duration(b, lag);
    }
}

/* What a verification has found, where it is through. */
static void add_verdict(struct strbuf *b, struct json_object *info)
{
    int64_t different = json_get_i64(info, "differentTables", -1);

    if (different == 0)
        strbuf_addf(b, "  all %" PRId64 " tables equal", json_get_i64(info, "tables", 0));
    else if (different > 0)
        strbuf_addf(b, "  %" PRId64 " of %" PRId64 " tables NOT equal", different,
                    json_get_i64(info, "tables", 0));
}

void screen_step(struct strbuf *b, struct json_object *step, int bar, const struct eta *eta)
{
    double progress = json_get_double(step, "progress", 0);
    const char *trouble = json_get_str(json_get(step, "extraInfo"), "errorMsg", NULL);
    const char *status = json_get_str(step, "status", "");
    bool running = strcmp(status, "RUNNING") == 0;

    strbuf_addf(b, "%-22s %-10s ", json_get_str(step, "name", ""), status);
    if (bar > 0)
        screen_bar(b, progress, bar);
    strbuf_addf(b, "%s%5.1f %%", bar > 0 ? " " : "", progress);
    add_speed(b, json_get(step, "stepInfo"), running || strcmp(status, "MONITORING") == 0);
    if (!running || progress >= 100)
        add_verdict(b, json_get(step, "stepInfo"));
    if (eta != NULL && running && progress < 100) {
        int64_t seconds = eta_seconds(eta);
        strbuf_adds(b, "  ETA ");
        if (seconds < 0)
            strbuf_adds(b, "unknown");
        else
            screen_duration(b, seconds);
    }
    if (trouble != NULL)
        strbuf_addf(b, "  %s", trouble);
}
