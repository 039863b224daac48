/*
 * What an action accepts, as tables: one row a field. fields_read() checks a request against its
 * table, collects every fault instead of stopping at the first, and builds a clean object: names
 * spelled as in the table, values of the table's type, defaults filled in, nothing else.
 *
 * Clients of the OMS API are loose (oms-api.md 1.2): names are matched ignoring case, null is
 * absent, "12" is a number, "true" a boolean, and one value may stand for a list of one.
 */
#ifndef API_FIELDS_H
#define API_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/err.h"

enum field_type {
    FT_STRING,
    FT_INT,
    FT_BOOL,
    FT_OBJECT,  /* `fields` describes it */
    FT_STRINGS, /* array of text; min and max bound their number */
    FT_OBJECTS, /* array of objects */
};

enum {
    F_REQUIRED = 1U << 0,
    F_SECRET = 1U << 1,     /* never echoed, stored as clear text or logged */
    F_DEFAULTS = 1U << 2,   /* FT_OBJECT: absent means empty, so that its defaults are filled in */
    F_LATER_TRUE = 1U << 3, /* FT_BOOL: true is documented but not built yet */
    F_NOT_EMPTY = 1U << 4,  /* FT_STRING: "" counts as absent */
};

struct field {
    const char *name;
    const char *alias; /* another spelling that clients use, or NULL */
    enum field_type type;
    unsigned flags;
    int64_t min, max;     /* text: characters; numbers: value; lists: count. max 0: no bound */
    const char *fallback; /* default as JSON text, or NULL */
    const struct field *fields; /* of an object; ends with a row without a name */
    /* NULL-terminated lists of words, compared ignoring case; "SPELLING=WORD" gives WORD */
    const char *const *values; /* allowed */
    /* documented but not built: ERR_NOT_SUPPORTED; here "WORD=REASON" says why it is not */
    const char *const *later;
    /* a further check of each text or number: NULL, or what is wrong with it */
    const char *(*check)(const char *text);
    const char *(*check_int)(int64_t value);
};

enum { FAULTS_MAX = 100 }; /* more are counted, not listed */

struct faults {
    struct json_object *list; /* array of {field, problem} */
    size_t count;
    size_t later; /* how many of them are "not supported yet" */
    size_t max;   /* how many are listed; 0: FAULTS_MAX */
};

void faults_done(struct faults *f);
void faults_add(struct faults *f, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* faults_later(): a fault of ours, not the client's: documented, but not built yet. */
void faults_later(struct faults *f, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* faults_raise(): 0 when there are none; else ERR_NOT_SUPPORTED when all are such, else ERR_PARAM.
 */
int faults_raise(const struct faults *f, struct err *err);

/*
 * fields_read() - checks `in` (an object; NULL or null is an empty one) against a table
 *
 * @path  put in front of field names in faults, "" at the top
 * @ret   the clean object, also when there were faults (then incomplete); the caller's
 * Returns -1 only when memory is gone.
 */
int fields_read(const struct field *table, struct json_object *in, const char *path,
                struct faults *faults, struct json_object **ret, struct err *err);

/* field_find(): the value under `name` in any case; NULL: none or null. Borrowed. */
struct json_object *field_find(struct json_object *o, const char *name);
/* text_length(): characters of a UTF-8 text. */
size_t text_length(const char *text);

#endif
