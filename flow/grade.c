#include "flow/grade.h"

#include <string.h>

#include "base/json.h"
#include "base/util.h"

#include "base/banned.h"

struct setting {
    const char *key;
    int64_t least, most;
    int64_t values[3]; /* by grade */
};

/* clang-format off */
#define ROW_(key_, least_, most_, small, medium, large) { key_, least_, most_, { small, medium, large } },
static const struct setting store[] = { GRADE_STORE_TABLE(ROW_) };
static const struct setting full_import[] = { GRADE_FULL_IMPORT_TABLE(ROW_) };
static const struct setting incr_sync[] = { GRADE_INCR_SYNC_TABLE(ROW_) };
static const struct setting full_verify[] = { GRADE_FULL_VERIFY_TABLE(ROW_) };
#undef ROW_

static const struct {
    const char *name;
    const struct setting *settings;
    size_t count;
    const char *mode; /* of fullTransferConfig; NULL: OMS has none */
} components[] = {
    { "store",      store,       ARRAY_SIZE(store),       NULL },
    { "fullImport", full_import, ARRAY_SIZE(full_import), "fullTransferSpeedMode" },
    { "incrSync",   incr_sync,   ARRAY_SIZE(incr_sync),   NULL },
    { "fullVerify", full_verify, ARRAY_SIZE(full_verify), "fullVerifySpeedMode" },
};

static const struct { const char *grade, *mode; } words[] = {
    { "SMALL", "STEADY" }, { "MEDIUM", "NORMAL" }, { "LARGE", "FAST" }, { "CUSTOM", "CUSTOM" },
};
/* clang-format on */
enum { MEDIUM = 1, CUSTOM = 3 };

const char *grade_of_mode(const char *speed_mode)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(words[i].mode, speed_mode) == 0)
            return words[i].grade;
    return words[MEDIUM].grade;
}

const char *grade_mode(const char *grade)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(words[i].grade, grade) == 0)
            return words[i].mode;
    return words[MEDIUM].mode;
}

static size_t number_of(const char *grade)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(words[i].grade, grade) == 0)
            return i;
    return MEDIUM;
}

/* What `from` says of a component's settings. Bounds were checked when it came in; an older build's
 * may have been others. */
static void lay_over(struct json_object *to, const struct setting *settings, size_t count,
                     struct json_object *from)
{
    for (size_t i = 0; i < count; i++)
        if (json_get(from, settings[i].key) != NULL)
            json_add_i64(to, settings[i].key,
                         MIN(MAX(json_get_i64(from, settings[i].key, 0), settings[i].least),
                             settings[i].most));
}

static struct json_object *resolve(struct json_object *config, size_t c)
{
    struct json_object *common = json_get(config, "commonTransferConfig");
    struct json_object *full = json_get(config, "fullTransferConfig"),
                       *o = json_object_new_object();
    const char *mode =
        components[c].mode == NULL ? NULL : json_get_str(full, components[c].mode, NULL);
    const char *grade = json_get_str(json_get(common, "componentGrades"), components[c].name,
                                     mode != NULL ? grade_of_mode(mode) : words[MEDIUM].grade);
    size_t number = number_of(grade);

    json_add_str(o, "grade", grade);
    for (size_t i = 0; i < components[c].count; i++)
        json_add_i64(o, components[c].settings[i].key,
                     components[c].settings[i].values[number == CUSTOM ? MEDIUM : number]);
    if (number != CUSTOM)
        return o;
    lay_over(o, components[c].settings, components[c].count,
             json_get(json_get(common, "componentSettings"), components[c].name));
    if (components[c].settings == full_import)
        lay_over(o, full_import, ARRAY_SIZE(full_import),
                 json_get(full, "fullTransferSpeedConfig"));
    return o;
}

struct json_object *grade_settings(struct json_object *config)
{
    struct json_object *all = json_object_new_object();
    int64_t lanes = json_get_i64(json_get(config, "incrTransferConfig"), "incrSyncConcurrency",
                                 GRADE_LANES_UNSET);

    for (size_t c = 0; c < ARRAY_SIZE(components); c++)
        json_add(all, components[c].name, resolve(config, c));
    lay_over(json_get(all, "fullImport"), full_import, ARRAY_SIZE(full_import),
             json_get(config, "fullTransferConfig"));
    for (size_t i = 0; lanes != GRADE_LANES_UNSET && i < ARRAY_SIZE(incr_sync); i++)
        if (strcmp(incr_sync[i].key, "lanes") == 0)
            json_add_i64(json_get(all, "incrSync"), "lanes",
                         MIN(MAX(lanes, incr_sync[i].least), incr_sync[i].most));
    return all;
}
