/* The signature of what is sent to a webhook: docs/metrics.md, "Webhooks". */
#ifndef NOTIFY_SIGN_H
#define NOTIFY_SIGN_H

#include <stddef.h>
#include <stdint.h>

enum { SIGN_TEXT_MAX = 3 + 64 + 1 };
/*
 * sign_body() - "v1=" and the HMAC-SHA256, in lower-case hex, of "<timestamp>.<body>"
 *
 * @key  the secret's bytes
 */
void sign_body(const void *key, size_t key_len, int64_t timestamp, const char *body,
               char ret[static SIGN_TEXT_MAX]);

#endif
