/* Time. Wall clock for what people see, monotonic for what is waited for. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t clock_now_s(void);  /* Unix seconds */
int64_t clock_now_ms(void); /* Unix milliseconds */
int64_t clock_now_us(void);
int64_t clock_mono_ms(void); /* monotonic milliseconds */
int64_t clock_mono_us(void);

enum { CLOCK_TEXT_LEN = 32 };
/* "2026-01-31T12:00:00", UTC, no zone suffix: the OMS API's form (oms-api.md 2.4). Returns `buf`.
 */
const char *clock_text(int64_t unix_s, char buf[static CLOCK_TEXT_LEN]);
/* "2026-01-31T12:00:00.123Z", for logs. */
const char *clock_text_ms(int64_t unix_ms, char buf[static CLOCK_TEXT_LEN]);
/* clock_parse(): "2026-01-31T12:00:00Z" (RFC 3339, whole seconds, UTC); false: not of that form. */
bool clock_parse(const char *text, int64_t *ret_unix_s);

#endif
