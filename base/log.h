/*
 * One line, one event, to stderr, as logfmt or JSON. `event` is a fixed word a person can grep and
 * a test can wait for; numbers are fields. The level is the one global that style.md allows.
 *
 *   log_info("full", "table_done", "table=%s rows=%" PRIu64, name, rows);
 *
 * The fields are written as key=value pairs separated by blanks; a value that may hold blanks or
 * quotes is put in with log_q(). No secret ever goes into a log line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_setup(enum log_level level, enum log_format format);
/* log_context(): fields put on every line of this process, e.g. "project=np_1 step=FULL_TRANSFER".
 */
void log_context(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_line(enum log_level level, const char *mod, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* log_err(): an error with its code, place, message and advice; `fmt` as in log_line. */
void log_err(enum log_level level, const char *mod, const char *event, const struct err *err);

#define log_error(mod, event, ...) log_line(LOG_ERROR, (mod), (event), __VA_ARGS__)
#define log_warn(mod, event, ...) log_line(LOG_WARN, (mod), (event), __VA_ARGS__)
#define log_info(mod, event, ...) log_line(LOG_INFO, (mod), (event), __VA_ARGS__)
#define log_debug(mod, event, ...) log_line(LOG_DEBUG, (mod), (event), __VA_ARGS__)

enum { LOG_QUOTED_MAX = 512 };
/* log_q(): `text` as a quoted and escaped logfmt value, cut at LOG_QUOTED_MAX; returns `buf`. */
const char *log_q(const char *text, char buf[static LOG_QUOTED_MAX]);

#endif
