/* What every cmocka program here includes, in the order that cmocka wants. */
#ifndef TEST_CLI_H
#define TEST_CLI_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json.h"

/* The object of a JSON text; the caller's. */
static inline struct json_object *parsed(const char *text)
{
    struct json_object *o = NULL;
    struct err err = { 0 };

    assert_int_equal(json_parse(text, strlen(text), 32, &o, &err), 0);
    return o;
}

#endif
