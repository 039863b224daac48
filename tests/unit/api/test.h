/* What every cmocka program here includes, in the order that cmocka wants. */
#ifndef TEST_API_H
#define TEST_API_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/fields.h"
#include "base/json.h"

/* The object of a JSON text; the caller's. */
static inline struct json_object *parsed(const char *text)
{
    struct json_object *o = NULL;
    struct err err = { 0 };

    assert_int_equal(json_parse(text, strlen(text), 32, &o, &err), 0);
    return o;
}

/* The problem of a field, or NULL. */
static inline const char *problem_of(const struct faults *f, const char *field)
{
    for (size_t i = 0; i < json_len(f->list); i++)
        if (strcmp(json_get_str(json_at(f->list, i), "field", ""), field) == 0)
            return json_get_str(json_at(f->list, i), "problem", "");
    return NULL;
}

#endif
