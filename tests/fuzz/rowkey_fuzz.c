/* row_key_parse(): keyHex as the daemon gives it back. What is taken comes out again as it went in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/verify/differing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf again = STRBUF(8 * 1024 * 1024);
    struct row_key key;
    struct err err = { 0 };
    size_t columns = size > 0 ? data[0] % 40U : 0;
    char *hex = malloc(size + 1);
    char id[33];

    if (hex == NULL)
        return 0;
    memcpy(hex, data, size);
    hex[size] = '\0';
    if (size > 0 && row_key_parse(hex + 1, columns, &key, &err) == 0) {
        row_key_hex(&again, &key);
        row_key_id(&key, id);
        if (strcasecmp(strbuf_str(&again), hex + 1) != 0)
            abort();
        row_key_done(&key);
    }
    strbuf_done(&again);
    free(hex);
    return 0;
}
