#include "notify/sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/banned.h"

void sign_body(const void *key, size_t key_len, int64_t timestamp, const char *body,
               char ret[static SIGN_TEXT_MAX])
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char head[32], hex[2 * sizeof(mac) + 1];
    int n = snprintf(head, sizeof(head), "%" PRId64 ".", timestamp);

    (void)crypto_auth_hmacsha256_init(&state, key, key_len);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)head, (unsigned long long)n);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, strlen(body));
    (void)crypto_auth_hmacsha256_final(&state, mac);
    (void)snprintf(ret, SIGN_TEXT_MAX, "v1=%s", sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac)));
}
