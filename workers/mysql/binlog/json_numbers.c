#include "workers/mysql/binlog/json_numbers.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "workers/mysql/binlog/jsonb.h"

#include "base/banned.h"

enum { TOKEN_MAX = 512, PRINTED_MAX = 64, SHOWN_MAX = 80 };

/* Behind the string that begins at `at`. */
static size_t string_end(const char *text, size_t at, size_t len)
{
    for (at++; at < len && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at + 1;
}

static bool in_number(char c)
{
    return isdigit((unsigned char)c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

static bool is_integer(const char *token)
{
    for (const char *p = token + (*token == '-'); *p != '\0'; p++)
        if (!isdigit((unsigned char)*p))
            return false;
    return true;
}

/* Digits without sign, point and zeros at either end; returns their number. */
static size_t significant(const char *token, char *ret)
{
    size_t n = 0;

    for (const char *p = token; *p != '\0' && *p != 'e' && *p != 'E'; p++)
        if (isdigit((unsigned char)*p) && (n > 0 || *p != '0'))
            ret[n++] = *p;
    while (n > 0 && ret[n - 1] == '0')
        n--;
    return n;
}

/* `token` as a double prints as `printed`: the same digits mean the same number. */
static bool same_digits(const char *token, const char *printed)
{
    char a[TOKEN_MAX], b[TOKEN_MAX];
    size_t n = significant(token, a);

    return n == significant(printed, b) && memcmp(a, b, n) == 0;
}

static bool token_survives(const char *token, enum json_strictness how)
{
    _cleanup_(strbuf_done)
    struct strbuf printed = STRBUF(PRINTED_MAX);
    int64_t i;
    uint64_t u;
    double d;

    if (is_integer(token) && strcmp(token, "-0") != 0 &&
        (num_parse_i64(token, INT64_MIN, INT64_MAX, &i) || num_parse_u64(token, UINT64_MAX, &u)))
        return true;
    d = strtod(token, NULL);
    if (!isfinite(d) || !jsonb_add_double(&printed, d))
        return !isfinite(d); /* too large: the server refuses it */
    if (how == JSON_SAME_TEXT)
        return strcmp(strbuf_str(&printed), token) == 0;
    return same_digits(token, strbuf_str(&printed));
}

bool json_numbers_survive(const char *text, size_t len, enum json_strictness how,
                          const char **ret_at, size_t *ret_len)
{
    char token[TOKEN_MAX];
    size_t at = 0;

    while (at < len) {
        size_t end = at;

        if (text[at] == '"') {
            at = string_end(text, at, len);
            continue;
        }
        if (text[at] != '-' && !isdigit((unsigned char)text[at])) {
            at++;
            continue;
        }
        while (end < len && in_number(text[end]))
            end++;
        if (end - at < sizeof(token)) {
            memcpy(token, text + at, end - at);
            token[end - at] = '\0';
        }
        if (end - at >= sizeof(token) || !token_survives(token, how)) {
            *ret_at = text + at;
            *ret_len = end - at;
            return false;
        }
        at = end;
    }
    return true;
}

int json_number_error(const char *db, const char *table, const char *column, const char *key,
                      const char *number, size_t len, struct err *err)
{
    (void)err_set(err, ERR_VALUE,
                  "%s.%s, row with %s: the number %.*s in the JSON column %s would not be the same "
                  "at the target, which keeps 64-bit integers and doubles",
                  db, table, key, (int)MIN(len, (size_t)SHOWN_MAX), number, column);
    return err_advise(err, "Store the number as a string or a DOUBLE at the source, or make the "
                           "target's column LONGTEXT.");
}
