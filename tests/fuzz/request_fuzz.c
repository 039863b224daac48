/*
 * What a client sends: a CreateProject body and a row filter. The first byte chooses. Each must end
 * with a value or with faults; nothing may crash, hang or grow without bound.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/fields.h"
#include "api/project_body.h"
#include "api/whereclause.h"
#include "base/json.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH = 32 };

static void read_body(const char *text, size_t len)
{
    _cleanup_(json_putp)
    struct json_object *sent = NULL, *body = NULL;
    struct faults faults = { 0 };
    struct err err = { 0 };

    if (json_parse(text, len, DEPTH, &sent, &err) < 0) {
        if (err.code != ERR_PARAM && err.code != ERR_NOMEM)
            abort();
        return;
    }
    if ((sent == NULL || json_object_is_type(sent, json_type_object)) &&
        fields_read(create_project_fields, sent, "", &faults, &body, &err) == 0 &&
        project_body_check(body, &faults, &err) == 0)
        (void)faults_raise(&faults, &err);
    faults_done(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char problem[WHERE_PROBLEM_LEN];
    char *text;

    if (size < 1)
        return 0;
    text = strndup((const char *)data + 1, size - 1);
    if (text == NULL)
        return 0;
    if (data[0] % 2 == 0)
        read_body(text, strlen(text));
    else if (!where_check(text, problem) && problem[0] == '\0')
        abort(); /* refused without a reason */
    free(text);
    return 0;
}
