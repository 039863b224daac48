/* What comparing and correcting workers tell (docs/channel.md): checked, cut, stored. */
#include <string.h>

#include "base/json.h"
#include "flow/message.h"
#include "flow/plan.h"
#include "flow/verify.h"
#include "store/verify.h"

#include "base/banned.h"

enum {
    NAME_BYTES = 1024,
    VALUE_BYTES = 4096,
    MESSAGE_BYTES = 8192,
    STATEMENT_BYTES = 64 * 1024,
    RESUME_BYTES = 64 * 1024,
    POSITION_BYTES = 1024 * 1024, /* a GTID set may be long */
    DOC_BYTES = 256 * 1024,       /* of a row */
    KEY_BYTES = 64 * 1024,
    COLUMNS_MAX = 4096,
    ERRORS_MAX = 100,
};

static int malformed(const struct feed *f, const char *t, struct err *err)
{
    return err_set(err, ERR_CHANNEL, "the worker of step %s sent a malformed message: %s",
                   f->step->name, t);
}

static bool is_kind(const struct feed *f, const char *kind)
{
    return f->project_id[0] != '\0' && strcmp(f->step->kind, kind) == 0;
}

static bool is_text(struct json_object *doc, const char *key, size_t max)
{
    const char *text = json_get_str(doc, key, NULL);

    return text != NULL && strlen(text) <= max;
}

static bool is_text_or_null(struct json_object *doc, const char *key, size_t max)
{
    return json_get(doc, key) == NULL || is_text(doc, key, max);
}

static bool is_count(struct json_object *doc, const char *key)
{
    struct json_object *v = json_get(doc, key);

    return v == NULL || (json_object_is_type(v, json_type_int) && json_object_get_int64(v) >= 0);
}

static bool is_object_or_null(struct json_object *doc, const char *key, size_t max)
{
    struct json_object *v = json_get(doc, key);

    return v == NULL || (json_object_is_type(v, json_type_object) && strlen(json_text(v)) <= max);
}

static bool is_one_of(struct json_object *doc, const char *key, const char *const *words)
{
    const char *text = json_get_str(doc, key, "");

    while (*words != NULL && strcmp(*words, text) != 0)
        words++;
    return *words != NULL;
}

static bool names_table(struct json_object *doc)
{
    return is_text(doc, "db", NAME_BYTES) && is_text(doc, "table", NAME_BYTES) &&
           is_text(doc, "targetDb", NAME_BYTES) && is_text(doc, "targetTable", NAME_BYTES);
}

/* ---------------------------------------------------------------------- a row */

/* [{columnName, …texts or null}] with each text cut; NULL: it is no such list. */
static struct json_object *clean_columns(struct json_object *list, const char *const *texts,
                                         bool *io_cut)
{
    struct json_object *kept = json_object_new_array();

    *io_cut = *io_cut || json_len(list) > COLUMNS_MAX;
    for (size_t i = 0; i < MIN(json_len(list), COLUMNS_MAX); i++) {
        struct json_object *from = json_at(list, i), *o = json_object_new_object();
        bool good = is_text(from, "columnName", NAME_BYTES);
        json_add_str(o, "columnName", json_get_str(from, "columnName", ""));
        json_object_array_add(kept, o);
        for (const char *const *key = texts; *key != NULL; key++) {
            const char *text = json_get_str(from, *key, NULL);
            good = good && (json_get(from, *key) == NULL || text != NULL);
            *io_cut = *io_cut || (text != NULL && strlen(text) > VALUE_BYTES);
            json_add(o, *key, text != NULL ? message_cut(text, VALUE_BYTES) : NULL);
        }
        if (!good) {
            json_object_put(kept);
            return NULL;
        }
    }
    return kept;
}

/* Too long for one row: the statement goes first, then the values; the key finds the row. */
static void shorten(struct json_object *o)
{
    static const char *const last[] = { "correction", "details" };

    for (size_t i = 0; i < ARRAY_SIZE(last) && strlen(json_text(o)) > DOC_BYTES; i++) {
        json_add(o, last[i], i == 0 ? NULL : json_object_new_array());
        json_add_bool(o, "cut", true);
    }
}

/* A document with exactly the keys of docs/channel.md, in bounds; NULL: it is malformed. */
static struct json_object *clean_row(struct json_object *row)
{
    static const char *const types[] = { "MASTER_ONLY", "IMAGE_ONLY", "MISMATCHED", NULL };
    static const char *const of_key[] = { "columnValue", NULL };
    static const char *const of_details[] = { "sourceValue", "destValue", NULL };
    static const char *const same[] = { "id", "type", "correction", "keyHex", "count" };
    bool cut = json_get_bool(row, "cut", false);
    struct json_object *o, *key, *details;

    if (!is_text(row, "id", ID_MAX) || !is_one_of(row, "type", types) || !is_count(row, "count") ||
        !is_text_or_null(row, "correction", STATEMENT_BYTES) ||
        !is_text_or_null(row, "keyHex", (size_t)KEY_BYTES * 2))
        return NULL;
    key = clean_columns(json_get_array(row, "key"), of_key, &cut);
    details = clean_columns(json_get_array(row, "details"), of_details, &cut);
    if (key == NULL || details == NULL) {
        json_putp(&key);
        json_putp(&details);
        return NULL;
    }
    o = json_object_new_object();
    for (size_t i = 0; i < ARRAY_SIZE(same); i++)
        if (json_get(row, same[i]) != NULL)
            json_add(o, same[i], json_object_get(json_get(row, same[i])));
    if (json_get_str(row, "message", NULL) != NULL) /* why it has no correction */
        json_add(o, "message", message_cut(json_get_str(row, "message", ""), MESSAGE_BYTES));
    json_add(o, "key", key);
    json_add(o, "details", details);
    json_add_bool(o, "cut", cut);
    shorten(o);
    return o;
}

static struct json_object *clean_rows(struct json_object *rows)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < json_len(rows); i++) {
        struct json_object *row = i < VERIFY_ROWS_PER_TABLE ? clean_row(json_at(rows, i)) : NULL;
        if (row == NULL) {
            json_object_put(list);
            return NULL;
        }
        json_object_array_add(list, row);
    }
    return list;
}

/* ---------------------------------------------------------------------- a table */

static bool is_table(struct json_object *doc)
{
    static const char *const statuses[] = { "RUNNING", "FINISHED", "ERROR", "SUSPEND", NULL };
    static const char *const results[] = { "RUNNING",           "SCHEMA_MISMATCH",
                                           "INDEX_CONFLICT",    "TARGET_TABLE_NOT_EXIST",
                                           "RUNTIME_EXCEPTION", "BOTH_EMPTY",
                                           "CONSISTENT",        "INCONSISTENT",
                                           "SOURCE_EMPTY",      "TARGET_EMPTY",
                                           "MISMATCH_LIMIT",    "MISMATCH_LIMIT_NO_PK",
                                           "NOT_CATEGORIZED",   NULL };
    static const char *const counts[] = { "sourceOnly", "destOnly", "mismatched", "consistent" };
    double progress = json_get_double(doc, "progress", 0);

    for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
        if (!is_count(doc, counts[i]))
            return false;
    return names_table(doc) && is_one_of(doc, "status", statuses) &&
           is_one_of(doc, "resultType", results) && progress >= 0 && progress <= 100 &&
           (json_get(doc, "message") == NULL || json_get_str(doc, "message", NULL) != NULL) &&
           is_object_or_null(doc, "position", POSITION_BYTES) &&
           is_object_or_null(doc, "resume", RESUME_BYTES);
}

static struct json_object *clean_errors(struct json_object *list)
{
    struct json_object *kept = json_object_new_array();

    for (size_t i = 0; i < MIN(json_len(list), ERRORS_MAX); i++)
        if (json_at_str(list, i) != NULL)
            json_object_array_add(kept, message_cut(json_at_str(list, i), MESSAGE_BYTES));
    return kept;
}

/* What is stored of a `verify_table` message; NULL: it is malformed. */
static struct json_object *clean_table(struct json_object *doc)
{
    static const char *const same[] = { "db",       "table",      "targetDb",   "targetTable",
                                        "begin",    "status",     "resultType", "sourceOnly",
                                        "destOnly", "mismatched", "consistent", "progress",
                                        "position", "resume",     "rowsCut" };
    struct json_object *rows = is_table(doc) ? clean_rows(json_get_array(doc, "rows")) : NULL, *o;

    if (rows == NULL)
        return NULL;
    o = json_object_new_object();
    for (size_t i = 0; i < ARRAY_SIZE(same); i++)
        if (json_get(doc, same[i]) != NULL)
            json_add(o, same[i], json_object_get(json_get(doc, same[i])));
    json_add(o, "message", message_cut(json_get_str(doc, "message", ""), MESSAGE_BYTES));
    json_add(o, "errors", clean_errors(json_get_array(doc, "errors")));
    json_add(o, "rows", rows);
    return o;
}

int verify_take_table(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                      struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *told = NULL;

    (void)ret_changed;
    if (!is_kind(f, "verify") || (told = clean_table(doc)) == NULL)
        return malformed(f, "verify_table", err);
    return store_verify_table(st, f->project_id, f->run_id, told, err);
}

/* ---------------------------------------------------------------------- the others */

int verify_take_row(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                    struct err *err)
{
    static const char *const same[] = { "db", "table", "targetDb", "targetTable" };
    _cleanup_(json_putp)
    struct json_object *told = json_object_new_object();
    struct json_object *row;

    (void)ret_changed;
    if (!is_kind(f, "watch") || !is_text(doc, "db", NAME_BYTES) ||
        !is_text(doc, "table", NAME_BYTES) || !is_text_or_null(doc, "targetDb", NAME_BYTES) ||
        !is_text_or_null(doc, "targetTable", NAME_BYTES) ||
        (row = clean_row(json_get(doc, "row"))) == NULL)
        return malformed(f, "verify_row", err);
    for (size_t i = 0; i < ARRAY_SIZE(same); i++) /* of the target: as the source's, unless told */
        json_add_str(told, same[i], json_get_str(doc, same[i], json_get_str(doc, same[i % 2], "")));
    json_add(told, "row", row);
    return store_verify_found(st, f->project_id, told, err);
}

int verify_take_mended(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                       struct err *err)
{
    static const char *const states[] = { "APPLIED", "EQUAL", "FAILED", NULL };
    static const char *const same[] = { "db", "table", "id", "state" };
    _cleanup_(json_putp)
    struct json_object *told = json_object_new_object();

    (void)ret_changed;
    if (!is_kind(f, "mend") || !is_text(doc, "db", NAME_BYTES) ||
        !is_text(doc, "table", NAME_BYTES) || !is_text(doc, "id", ID_MAX) ||
        !is_one_of(doc, "state", states))
        return malformed(f, "mend_row", err);
    for (size_t i = 0; i < ARRAY_SIZE(same); i++)
        json_add_str(told, same[i], json_get_str(doc, same[i], ""));
    json_add(told, "message", message_cut(json_get_str(doc, "message", ""), MESSAGE_BYTES));
    return store_verify_mended(st, f->project_id, told, err);
}
