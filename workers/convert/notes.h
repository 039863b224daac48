/* What a schema run collects before it creates anything: refusals by name, and what was mapped. */
#ifndef WORKERS_CONVERT_NOTES_H
#define WORKERS_CONVERT_NOTES_H

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "workers/report.h"

enum note_kind {
    NOTE_REFUSED,
    NOTE_MAPPED,
    NOTE_DROPPED,
    NOTE_NARROWER /* carried as long as its values fit: a person should know */
};

struct note {
    enum note_kind kind;
    char *object; /* "table `shop`.`t`, column `c`" */
    char *text;   /* what, with advice in a refusal */
};

struct notes {
    struct note *list;
    size_t count, cap;
    size_t refused;
    bool failed; /* out of memory; sticks */
};

void notes_done(struct notes *n);
void notes_add(struct notes *n, enum note_kind kind, const char *object, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* notes_check(): 0, or ERR_SCHEMA_CONVERT naming all that was refused (as many as fit, and their
 * number). */
int notes_check(const struct notes *n, struct err *err);
/* notes_text(): those from number `from` on, a line each, for a person. */
void notes_text(const struct notes *n, size_t from, struct strbuf *to);
/* notes_report(): one event a note, what is said of several objects once; a thousand at most. */
void notes_report(const struct notes *n, struct report *r);

#endif
