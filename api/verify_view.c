#include "api/verify_view.h"

#include <stdio.h>
#include <string.h>

#include "api/envelope.h"
#include "base/clock.h"
#include "base/json.h"

#include "base/banned.h"

enum { COMMENT_MAX = 512 };

/* clang-format off */
static const struct { const char *result, *text; } results[] = {
    { "RUNNING",                "is being compared" },
    { "SCHEMA_MISMATCH",        "the structures differ, so that rows can't be compared" },
    { "INDEX_CONFLICT",         "the keys differ, so that rows can't be paired" },
    { "TARGET_TABLE_NOT_EXIST", "there is no such table at the target" },
    { "RUNTIME_EXCEPTION",      "an error ended the comparison" },
    { "BOTH_EMPTY",             "equal: no rows at either end" },
    { "CONSISTENT",             "equal" },
    { "INCONSISTENT",           "rows differ" },
    { "SOURCE_EMPTY",           "no rows at the source, some at the target" },
    { "TARGET_EMPTY",           "no rows at the target, some at the source" },
    { "MISMATCH_LIMIT",         "so many rows differ that the comparison was ended" },
    { "MISMATCH_LIMIT_NO_PK",   "so many rows of a table without a key differ that the comparison was ended" },
    { "NOT_CATEGORIZED",        "can't be compared" },
};
/* clang-format on */

const char *verify_result_text(const char *result)
{
    for (size_t i = 0; i < ARRAY_SIZE(results); i++)
        if (strcmp(results[i].result, result) == 0)
            return results[i].text;
    return "";
}

static void copy(struct json_object *to, const char *key, struct json_object *from,
                 const char *from_key)
{
    struct json_object *v = json_get(from, from_key);

    json_add(to, key, v != NULL ? json_object_get(v) : NULL);
}

static void add_time(struct json_object *o, const char *key, int64_t unix_s)
{
    char text[CLOCK_TEXT_LEN];

    json_add_str(o, key, unix_s == 0 ? NULL : clock_text(unix_s, text));
}

static struct json_object *error_details(struct json_object *errors)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < json_len(errors); i++) {
        struct err what = { 0 };
        (void)err_set(&what, ERR_FLOW, "%s", json_at_str(errors, i));
        json_object_array_add(list, error_detail(&what, NULL, NULL));
    }
    return list;
}

struct json_object *verify_view_table(struct json_object *row)
{
    static const char *const counts[][2] = { { "sourceOnlyCount", "sourceOnly" },
                                             { "destOnlyCount", "destOnly" },
                                             { "mismatchedCount", "mismatched" },
                                             { "consistentCount", "consistent" } };
    struct json_object *o = json_object_new_object();
    char progress[32];

    copy(o, "sourceSchemaName", row, "db");
    copy(o, "sourceTableName", row, "table");
    copy(o, "destSchemaName", row, "targetDb");
    copy(o, "destTableName", row, "targetTable");
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
        copy(o, counts[i][0], row, counts[i][1]);
    (void)snprintf(progress, sizeof(progress), "%d", (int)json_get_double(row, "progress", 0));
    json_add_str(o, "progress", progress);
    copy(o, "message", row, "message");
    copy(o, "status", row, "status");
    copy(o, "resultType", row, "resultType");
    json_add_str(o, "resultDesc", verify_result_text(json_get_str(row, "resultType", "")));
    json_add(o, "errorDetails", error_details(json_get_array(row, "errors")));
    copy(o, "position", row, "position");
    copy(o, "differencesKept", row, "rowsKept");
    copy(o, "cut", row, "rowsCut");
    add_time(o, "startTime", json_get_i64(row, "startedAt", 0));
    add_time(o, "finishTime", json_get_i64(row, "endedAt", 0));
    return o;
}

/* Where the row is, and what became of it. */
static void add_about(struct json_object *o, struct json_object *row)
{
    static const char *const same[] = { "id",        "type",  "schema",  "table",  "destSchema",
                                        "destTable", "state", "message", "foundBy" };

    for (size_t i = 0; i < ARRAY_SIZE(same); i++)
        copy(o, same[i], row, same[i]);
    copy(o, "count", row, "count");
    json_add_bool(o, "cut", json_get_bool(row, "cut", false));
    add_time(o, "time", json_get_i64(row, "at", 0));
}

static struct json_object *list_of(struct json_object *row, const char *key)
{
    struct json_object *list = json_get_array(row, key);

    return list != NULL ? json_object_get(list) : json_object_new_array();
}

struct json_object *verify_view_row(struct json_object *row)
{
    struct json_object *o = json_object_new_object();

    add_about(o, row);
    json_add(o, "failedRecordUniqueKeys", list_of(row, "key"));
    json_add(o, "failedRecordDetails", list_of(row, "details"));
    return o;
}

struct json_object *verify_view_correction(struct json_object *row)
{
    const char *sql = json_get_str(row, "correction", NULL);
    const char *why = json_get_str(row, "message", "");
    char comment[COMMENT_MAX];
    size_t len = MIN(strlen(why), (size_t)COMMENT_MAX - 64);

    while (len > 0 && ((unsigned char)why[len] & 0xC0) == 0x80) /* never within a character */
        len--;
    if (sql != NULL)
        return json_object_new_string(sql);
    (void)snprintf(comment, sizeof(comment), "-- %s has no statement%s%.*s",
                   json_get_str(row, "id", ""), len > 0 ? ": " : "", (int)len, why);
    for (char *p = comment; *p != '\0'; p++) /* one line, and nothing behind it */
        *p = (unsigned char)*p < ' ' ? ' ' : *p;
    return json_object_new_string(comment);
}
