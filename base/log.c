#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/util.h"

#include "base/banned.h"

enum { LINE_MAX_BYTES = 4096 };

static enum log_level max_level = LOG_INFO;
static enum log_format out_format = LOG_LOGFMT;
static char context[256];

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void log_setup(enum log_level level, enum log_format format)
{
    max_level = level;
    out_format = format;
}

void log_context(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
}

const char *log_q(const char *text, char buf[static LOG_QUOTED_MAX])
{
    size_t at = 0;

    buf[at++] = '"';
    for (; *text != '\0' && at < LOG_QUOTED_MAX - 4; text++) {
        if (*text == '"' || *text == '\\')
            buf[at++] = '\\';
        buf[at++] = (unsigned char)*text < 0x20 ? ' ' : *text;
    }
    buf[at++] = '"';
    buf[at] = '\0';
    return buf;
}

/* One write() a line: lines of several processes and threads never mix. */
static void put(const char *line, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, line, len);
        if (n <= 0)
            return;
        line += n;
        len -= (size_t)n;
    }
}

static void put_json(const char *ts, enum log_level level, const char *mod, const char *event,
                     const char *fields)
{
    struct json_object *o = json_object_new_object();
    const char *text;
    char line[LINE_MAX_BYTES * 2];
    int n;

    json_object_object_add(o, "ts", json_object_new_string(ts));
    json_object_object_add(o, "level", json_object_new_string(level_names[level]));
    json_object_object_add(o, "pid", json_object_new_int(getpid()));
    json_object_object_add(o, "mod", json_object_new_string(mod));
    json_object_object_add(o, "event", json_object_new_string(event));
    json_object_object_add(o, "context", json_object_new_string(context));
    json_object_object_add(o, "fields", json_object_new_string(fields));
    text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
    n = snprintf(line, sizeof(line), "%s\n", text);
    if (n > 0)
        put(line, MIN((size_t)n, sizeof(line) - 1));
    json_object_put(o);
}

void log_line(enum log_level level, const char *mod, const char *event, const char *fmt, ...)
{
    char ts[CLOCK_TEXT_LEN], fields[LINE_MAX_BYTES - 512], line[LINE_MAX_BYTES];
    va_list ap;
    int n;

    if (level > max_level)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(fields, sizeof(fields), fmt, ap);
    va_end(ap);
    (void)clock_text_ms(clock_now_ms(), ts);
    if (out_format == LOG_JSON) {
        put_json(ts, level, mod, event, fields);
        return;
    }
    n = snprintf(line, sizeof(line), "ts=%s level=%s pid=%d mod=%s%s%s event=%s%s%s\n", ts,
                 level_names[level], (int)getpid(), mod, context[0] != '\0' ? " " : "", context,
                 event, fields[0] != '\0' ? " " : "", fields);
    if (n <= 0)
        return;
    if ((size_t)n >= sizeof(line)) {
        n = (int)sizeof(line) - 1;
        line[n - 1] = '\n';
    }
    put(line, (size_t)n);
}

void log_err(enum log_level level, const char *mod, const char *event, const struct err *err)
{
    char message[LOG_QUOTED_MAX], advice[LOG_QUOTED_MAX];

    log_line(level, mod, event, "code=%s at=%s:%d dberrno=%u message=%s advice=%s",
             err_wire(err->code), err->file != NULL ? err->file : "?", err->line, err->db_errno,
             log_q(err->message, message), log_q(err_advice(err), advice));
}
