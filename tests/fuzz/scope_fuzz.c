/*
 * Two targets in one: what a client sends as transferMapping, and what a server prints as labels.
 * The first byte chooses. Whatever comes in, each must end with a value or an error.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "workers/mysql/types.h"
#include "workers/scope.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct scope *s, const char *db, const char *name)
{
    struct scope_object o = { 0 };
    struct err err = { 0 };

    for (int kind = SCOPE_TABLE; kind <= SCOPE_VIEW; kind++) {
        /* what is selected lies in a database that may match */
        if (scope_match(s, (enum scope_kind)kind, db, name, &o, &err) == 1) {
            if (!scope_may_match_db(s, db) || o.mapped_db[0] == '\0' || o.mapped_name[0] == '\0')
                abort();
            scope_object_done(&o);
        }
    }
    (void)scope_whole_db(s, db);
}

static int ask_named(void *ctx, enum scope_kind kind, const char *db, const char *name,
                     struct err *err)
{
    struct scope_object o = { 0 };

    /* what is listed by name is selected, but for the servers' own databases */
    if (scope_match(ctx, kind, db, name, &o, err) != 1)
        abort();
    scope_object_done(&o);
    return 0;
}

static void try_scope(const char *text, size_t len)
{
    _cleanup_(json_putp)
    struct json_object *o = NULL;
    _cleanup_(scope_freep)
    struct scope *s = NULL;
    struct err err = { 0 };

    if (json_parse(text, len, 16, &o, &err) < 0)
        return;
    if (scope_new(o, &s, &err) < 0) {
        if (err.code == ERR_NONE || err.message[0] == '\0')
            abort();
        return;
    }
    for (int fold = 0; fold <= 1; fold++) {
        scope_fold_case(s, fold != 0);
        ask(s, "db", "t");
        ask(s, "", "");
        ask(s, "mysql", "user");
        ask(s, "\xc3\x84\xff", "a`b*[");
        (void)scope_each_named(s, ask_named, s, &err);
    }
}

static void try_labels(const char *text)
{
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    struct err err = { 0 };

    if (type_labels(text, &list, &err) == 0 && json_len(list) == 0)
        abort();
    (void)type_width(text);
}

/* Pattern and text, divided by the first NUL. */
static void try_pattern(const char *text, size_t len)
{
    const char *second = text + strlen(text);

    if (second < text + len)
        second++;
    (void)pattern_match(text, second, true);
    (void)pattern_match(text, second, false);
    if (!pattern_match("*", second, false))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size < 1 || size > 4096)
        return 0;
    text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] % 3 == 0)
        try_scope(text, size - 1);
    else if (data[0] % 3 == 1)
        try_labels(text);
    else
        try_pattern(text, size - 1);
    free(text);
    return 0;
}
