/* Sets of GTIDs: text and both binary forms; what is read prints to what reads the same again. */
#include <stdlib.h>
#include <string.h>

#include "workers/mysql/binlog/gtid.h"
#include "workers/mysql/binlog/gtid_codec.h"

#include "base/banned.h"

static void again(const struct gtid_set *s)
{
    struct strbuf text = STRBUF(16 << 20), second = STRBUF(16 << 20), binary = STRBUF(16 << 20);
    struct gtid_set *t = NULL, *u = NULL;
    struct err err;

    gtid_set_text(s, &text);
    if (gtid_set_parse(strbuf_str(&text), gtid_set_is_mariadb(s), &t, &err) < 0)
        abort();
    gtid_set_text(t, &second);
    if (strcmp(strbuf_str(&text), strbuf_str(&second)) != 0 || !gtid_set_contains(s, t) ||
        !gtid_set_contains(t, s))
        abort();
    if (!gtid_set_is_mariadb(s)) {
        gtid_set_encode(s, &binary);
        if (gtid_set_decode(binary.data, binary.len, &u, &err) < 0 || !gtid_set_contains(u, s))
            abort();
        gtid_set_free(u);
    }
    gtid_set_free(t);
    strbuf_done(&text);
    strbuf_done(&second);
    strbuf_done(&binary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gtid_set *s = NULL;
    struct err err;
    char *text;

    if (len == 0)
        return 0;
    if (data[0] == 2) {
        if (gtid_set_decode(data + 1, len - 1, &s, &err) < 0)
            return 0;
    } else {
        text = strndup((const char *)data + 1, len - 1);
        if (text == NULL || gtid_set_parse(text, data[0] == 1, &s, &err) < 0) {
            free(text);
            return 0;
        }
        free(text);
    }
    again(s);
    gtid_set_free(s);
    return 0;
}
