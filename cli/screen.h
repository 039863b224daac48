/* What `watch` shows, as pure functions: bars, numbers, durations, when it will be over. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/strbuf.h"

/* screen_width(): columns of a UTF-8 text in a terminal (East Asian wide characters count two). */
int screen_width(const char *text);
/* screen_cut(): at most so many columns; no character is halved. */
void screen_cut(struct strbuf *b, int columns);

void screen_bar(struct strbuf *b, double percent, int width); /* "[####----]" */
void screen_count(struct strbuf *b, int64_t n);               /* "1,234,567" */
void screen_bytes(struct strbuf *b, double bytes);            /* "12.3 MB", powers of 1000 */
void screen_duration(struct strbuf *b, int64_t seconds); /* "42 s", "3:07", "1:02:03", "2 d 3 h" */

enum { ETA_SAMPLES = 60 };
/* How much is left, over time. `kind` tells quantities apart: rows, per cent, seconds of lag. */
struct eta {
    struct {
        int64_t ms;
        double left;
    } samples[ETA_SAMPLES];
    size_t count;
    int kind;
};
void eta_add(struct eta *e, int kind, int64_t now_ms, double left);
/* eta_seconds(): what is left by the rate since the oldest sample; -1: can't be told, also when
 * next to nothing was done in that time. */
int64_t eta_seconds(const struct eta *e);
/* eta_of_step(): takes what the step says now; true when it has an end that can be waited for. */
bool eta_of_step(struct eta *e, struct json_object *step, int64_t now_ms);

/*
 * screen_step() - one line of a step
 *
 * @bar      width of the bar, 0: none
 * @eta      NULL: not shown
 */
void screen_step(struct strbuf *b, struct json_object *step, int bar, const struct eta *eta);

#endif
