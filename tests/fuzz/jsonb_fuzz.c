/* Binary JSON to text: bounded whatever comes, and text that json-c can read again. */
#include <stdlib.h>

#include "workers/mysql/binlog/jsonb.h"
#include "workers/mysql/binlog/row_value.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct strbuf b = STRBUF(64 << 20);
    struct err err;

    if (jsonb_text(data, len, &b, &err) == 0 && b.len > len * 16 + 8192)
        abort();
    strbuf_done(&b);
    return 0;
}
