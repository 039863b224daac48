#include "base/id.h"

#include <stdio.h>

#include <sodium.h>

#include "base/banned.h"

const char *id_new(const char *prefix, char buf[static ID_MAX])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char token[13];

    for (size_t i = 0; i < sizeof(token) - 1; i++)
        token[i] = digits[randombytes_uniform(36)];
    token[sizeof(token) - 1] = '\0';
    (void)snprintf(buf, ID_MAX, "%s%s", prefix, token);
    return buf;
}

void id_token(char *buf, size_t len)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < len; i++)
        buf[i] = digits[randombytes_uniform(62)];
    buf[len] = '\0';
}
