/*
 * The object list as CSV: whatever comes in ends with a mapping or with faults, and a mapping that
 * came out is the same after it was written and read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "api/objects_csv.h"
#include "base/json.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_object *mapping_of(const char *text, size_t len, size_t *ret_faults)
{
    struct faults faults = { 0 };
    struct json_object *mapping = NULL;
    struct err err = { 0 };

    if (objects_import(text, len, "oms", &faults, &mapping, &err) < 0)
        abort();
    if ((mapping == NULL) != (faults.count > 0))
        abort();
    *ret_faults = faults.count;
    faults_done(&faults);
    return mapping;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf out = STRBUF(64 * 1024 * 1024);
    struct json_object *mapping, *again;
    size_t faults;

    mapping = mapping_of((const char *)data, size, &faults);
    if (mapping == NULL)
        return 0;
    (void)objects_export(mapping, &out);
    again = mapping_of(strbuf_str(&out), out.len, &faults);
    if (again == NULL || !json_object_equal(mapping, again))
        abort();
    strbuf_done(&out);
    json_putp(&mapping);
    json_putp(&again);
    return 0;
}
