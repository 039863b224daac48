#include "api/project_body.h"

#include <stdio.h>
#include <string.h>

#include "api/invert.h"
#include "api/kinds.h"
#include "api/mapping.h"
#include "api/names.h"
#include "api/switch.h"
#include "base/clock.h"
#include "base/json.h"
#include "flow/grade.h"

#include "base/banned.h"

/* clang-format off */
static const char *const project_types[] = { "MIGRATION", "SYNC", NULL };
static const char *const project_types_later[] = { "VERIFY", NULL };
const char *const project_importances[] = { "LOW", "MEDIUM", "HIGH", "IGNORE", NULL };
static const char *const no_oss[] = { "true=there is no object store, send the request itself", NULL };
static const char *const table_categories[] = { "ALL", "WITH_UNIQUE_ROW_ID", "WITHOUT_UNIQUE_ROW_ID",
    "WITHUNIQUEROWID=WITH_UNIQUE_ROW_ID", "WITHOUTUNIQUEROWID=WITHOUT_UNIQUE_ROW_ID", NULL };
static const char *const speed_modes[] = { "STEADY", "NORMAL", "FAST", "CUSTOM", NULL };
static const char *const verify_modes[] = { "STEADY", "NORMAL", "FAST", NULL };
static const char *const grades[] = { "SMALL", "MEDIUM", "LARGE", "CUSTOM", NULL };
static const char *const index_modes[] = { "NONE", "WITH_TABLE", "AFTER_COPY", "AUTO", NULL };
static const char *const trigger_modes[] = { "NOT_MIGRATION", "WITH_STRUCT_TRANSFER", "WITH_TRANSFER_APP_SWITCH", NULL };
static const char *const record_types[] = { "INSERT", "UPDATE", "DELETE", "DDL", "HEARTBEAT", "BEGIN", "COMMIT",
    "ROLLBACK", "ROW", NULL };
static const char *const conflict_strategies[] = { "FAIL", "IGNORE", "OVERWRITE", "TaskFailed=FAIL", NULL };
static const char *const conflict_detections[] = { "KEY", "ROW", NULL };

/* Grades and their numbers (flow/grade.h). */
#define NUMBER_(key_, least, most, small, medium, large) { .name = key_, .type = FT_INT, .min = least, .max = most },
static const struct field store_settings[] = { GRADE_STORE_TABLE(NUMBER_) { 0 } };
static const struct field full_import_settings[] = { GRADE_FULL_IMPORT_TABLE(NUMBER_) { 0 } };
static const struct field incr_sync_settings[] = { GRADE_INCR_SYNC_TABLE(NUMBER_) { 0 } };
static const struct field full_verify_settings[] = { GRADE_FULL_VERIFY_TABLE(NUMBER_) { 0 } };
#undef NUMBER_
static const struct field component_settings[] = {
    { .name = "store", .type = FT_OBJECT, .fields = store_settings },
    { .name = "fullImport", .type = FT_OBJECT, .fields = full_import_settings },
    { .name = "incrSync", .type = FT_OBJECT, .fields = incr_sync_settings },
    { .name = "fullVerify", .type = FT_OBJECT, .fields = full_verify_settings },
    { 0 },
};
static const struct field component_grades[] = {
    { .name = "store", .type = FT_STRING, .values = grades },
    { .name = "fullImport", .type = FT_STRING, .values = grades },
    { .name = "incrSync", .type = FT_STRING, .values = grades },
    { .name = "fullVerify", .type = FT_STRING, .values = grades },
    { 0 },
};

static const struct field common_config[] = {
    { .name = "tableCategory", .type = FT_STRING, .fallback = "\"ALL\"", .values = table_categories },
    { .name = "activeActive", .type = FT_BOOL, .fallback = "false" },
    { .name = "connectRetryMinutes", .type = FT_INT, .min = 10, .max = 1440, .fallback = "720" },
    { .name = "controlSchema", .type = FT_STRING, .min = 1, .max = 64, .fallback = "\"oms\"", .check = name_check_control },
    { .name = "nameCase", .type = FT_STRING, .fallback = "\"AS_SOURCE\"", .values = kinds_name_case },
    { .name = "componentGrades", .type = FT_OBJECT, .fields = component_grades },
    { .name = "componentSettings", .type = FT_OBJECT, .fields = component_settings },
    { .name = "syncSchema", .type = FT_BOOL, .flags = F_LATER_TRUE },
    { .name = "sourceStoreFormat", .type = FT_STRING, .max = 32, .check = name_check_line },
    { .name = "sinkStoreFormat", .type = FT_STRING, .max = 32, .check = name_check_line },
    { 0 },
};

static const struct field collation_fields[] = {
    { .name = "source", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 64, .check = name_check_collation },
    { .name = "target", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 64, .check = name_check_collation },
    { 0 },
};

static const struct field struct_config[] = {
    { .name = "byteCharConvertStrategy", .type = FT_STRING, .max = 64, .check = name_check_line },
    { .name = "deferIndexCreation", .type = FT_BOOL, .fallback = "false" },
    { .name = "indexMigration", .type = FT_STRING, .values = index_modes },
    { .name = "triggerMigrationType", .type = FT_STRING, .fallback = "\"NOT_MIGRATION\"", .values = trigger_modes },
    { .name = "eventMigration", .type = FT_BOOL, .fallback = "false" },
    { .name = "autoProcessedToNextStep", .type = FT_BOOL, .fallback = "true" },
    { .name = "collationMapping", .type = FT_OBJECTS, .max = 1000, .fallback = "[]", .fields = collation_fields },
    { 0 },
};

static const struct field full_config[] = {
    { .name = "nonePkUkTruncateDstTable", .type = FT_BOOL, .fallback = "false" },
    { .name = "allowDestTableNotEmpty", .type = FT_BOOL, .fallback = "false" },
    { .name = "fullTransferSpeedMode", .type = FT_STRING, .fallback = "\"NORMAL\"", .values = speed_modes },
    { .name = "fullTransferSpeedConfig", .type = FT_OBJECT, .fields = full_import_settings },
    { .name = "fullVerifySpeedMode", .type = FT_STRING, .fallback = "\"NORMAL\"", .values = verify_modes },
    { .name = "readWorkerNum", .type = FT_INT, .min = 1, .max = 64 },
    { .name = "writeWorkerNum", .type = FT_INT, .min = 1, .max = 64 },
    { .name = "throttleRps", .type = FT_INT, .min = 1 },
    { .name = "throttleIOPS", .type = FT_INT, .min = 1 },
    { .name = "indexDDLConcurrencyLimit", .type = FT_INT, .min = 1, .max = 64 },
    { .name = "maxConcurrentIndexDDLs", .type = FT_INT, .min = 1, .max = 64 },
    { 0 },
};

static const struct field incr_config[] = {
    { .name = "startTimestamp", .type = FT_INT, .flags = F_NOT_EMPTY, .min = 1 },
    { .name = "recordTypeWhiteList", .type = FT_STRINGS, .max = 16, .fallback = "[\"INSERT\",\"UPDATE\",\"DELETE\"]", .values = record_types },
    { .name = "supportDDLTypes", .type = FT_STRINGS, .max = 64, .values = kinds_ddl, .later = kinds_ddl_later },
    { .name = "adaptOnlineDdl", .type = FT_BOOL, .fallback = "true" },
    { .name = "storeLogKeptHour", .type = FT_INT, .min = 1, .max = 8760, .fallback = "168" },
    { .name = "enableSequencingWithinTxn", .type = FT_BOOL, .fallback = "true" },
    { .name = "incrSyncConcurrency", .alias = "incrSyncThreadCount", .type = FT_INT, .min = 1, .max = 1024, .fallback = "64" },
    { .name = "enableIncrSyncStatistics", .type = FT_BOOL, .fallback = "false" },
    { .name = "throttleRps", .type = FT_INT, .min = 1 },
    { .name = "throttleIOPS", .type = FT_INT, .min = 1 },
    /* no fallback here: it depends on the direction (settle_conflicts) */
    { .name = "conflictStrategy", .type = FT_STRING, .values = conflict_strategies },
    { .name = "conflictDetection", .type = FT_STRING, .values = conflict_detections },
    { .name = "watchTarget", .type = FT_BOOL, .fallback = "true" },
    { .name = "heartbeatSeconds", .type = FT_INT, .min = 0, .max = 60, .fallback = "0" },
    { .name = "relayMaxBytes", .type = FT_INT, .min = 0, .fallback = "0" },
    { 0 },
};

const struct field create_project_fields[] = {
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 64, .check = name_check_plain },
    { .name = "type", .type = FT_STRING, .fallback = "\"MIGRATION\"", .values = project_types, .later = project_types_later },
    { .name = "importance", .type = FT_STRING, .fallback = "\"LOW\"", .values = project_importances },
    { .name = "labelIds", .type = FT_STRINGS, .max = 5 },
    { .name = "sourceEndpointId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39, .check = name_check_plain },
    { .name = "sinkEndpointId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39, .check = name_check_plain },
    { .name = "transferMapping", .type = FT_OBJECT, .flags = F_REQUIRED, .fields = mapping_fields },
    { .name = "enableStructTransfer", .type = FT_BOOL, .fallback = "false" },
    { .name = "enableFullTransfer", .type = FT_BOOL, .fallback = "false" },
    { .name = "enableFullVerify", .type = FT_BOOL, .fallback = "false" },
    { .name = "enableIncrTransfer", .type = FT_BOOL, .fallback = "false" },
    { .name = "enableIncrVerify", .type = FT_BOOL, .fallback = "false" },
    { .name = "enableReverseIncrTransfer", .type = FT_BOOL, .fallback = "false" },
    { .name = "commonTransferConfig", .type = FT_OBJECT, .flags = F_DEFAULTS, .fields = common_config },
    { .name = "structTransferConfig", .type = FT_OBJECT, .flags = F_DEFAULTS, .fields = struct_config },
    { .name = "fullTransferConfig", .type = FT_OBJECT, .flags = F_DEFAULTS, .fields = full_config },
    { .name = "incrTransferConfig", .type = FT_OBJECT, .flags = F_DEFAULTS, .fields = incr_config },
    { .name = "reverseIncrTransferConfig", .type = FT_OBJECT, .fields = incr_config },
    { .name = "useOss", .type = FT_BOOL, .flags = F_LATER_TRUE, .later = no_oss },
    { 0 },
};

/* UpdateProjectConfig: an object's values are compared with the stored ones, so no defaults here. */
static const struct field update_full[] = {
    { .name = "nonePkUkTruncateDstTable", .type = FT_BOOL },
    { .name = "allowDestTableNotEmpty", .type = FT_BOOL },
    { .name = "fullTransferSpeedMode", .type = FT_STRING, .values = speed_modes },
    { .name = "fullTransferSpeedConfig", .type = FT_OBJECT, .fields = full_import_settings },
    { .name = "fullVerifySpeedMode", .type = FT_STRING, .values = verify_modes },
    { .name = "readWorkerNum", .type = FT_INT, .min = 1, .max = 64 },
    { .name = "writeWorkerNum", .type = FT_INT, .min = 1, .max = 64 },
    { .name = "throttleRps", .type = FT_INT, .min = 1 },
    { .name = "throttleIOPS", .type = FT_INT, .min = 1 },
    { .name = "indexDDLConcurrencyLimit", .type = FT_INT, .min = 1, .max = 64 },
    { .name = "maxConcurrentIndexDDLs", .type = FT_INT, .min = 1, .max = 64 },
    { 0 },
};
static const struct field update_incr[] = {
    { .name = "startTimestamp", .type = FT_INT, .flags = F_NOT_EMPTY, .min = 1 },
    { .name = "recordTypeWhiteList", .type = FT_STRINGS, .max = 16, .values = record_types },
    { .name = "supportDDLTypes", .type = FT_STRINGS, .max = 64, .values = kinds_ddl, .later = kinds_ddl_later },
    { .name = "adaptOnlineDdl", .type = FT_BOOL },
    { .name = "storeLogKeptHour", .type = FT_INT, .min = 1, .max = 8760 },
    { .name = "enableSequencingWithinTxn", .type = FT_BOOL },
    { .name = "incrSyncConcurrency", .alias = "incrSyncThreadCount", .type = FT_INT, .min = 1, .max = 1024 },
    { .name = "enableIncrSyncStatistics", .type = FT_BOOL },
    { .name = "throttleRps", .type = FT_INT, .min = 1 },
    { .name = "throttleIOPS", .type = FT_INT, .min = 1 },
    { .name = "conflictStrategy", .type = FT_STRING, .values = conflict_strategies },
    { .name = "conflictDetection", .type = FT_STRING, .values = conflict_detections },
    { .name = "watchTarget", .type = FT_BOOL },
    { .name = "heartbeatSeconds", .type = FT_INT, .min = 0, .max = 60 },
    { .name = "relayMaxBytes", .type = FT_INT, .min = 0 },
    { 0 },
};
static const struct field update_common[] = {
    { .name = "componentGrades", .type = FT_OBJECT, .fields = component_grades },
    { .name = "componentSettings", .type = FT_OBJECT, .fields = component_settings },
    { .name = "sourceStoreFormat", .type = FT_STRING, .max = 32, .check = name_check_line },
    { .name = "sinkStoreFormat", .type = FT_STRING, .max = 32, .check = name_check_line },
    { 0 },
};
static const struct field update_struct[] = {
    { .name = "autoProcessedToNextStep", .type = FT_BOOL },
    { .name = "triggerMigrationType", .type = FT_STRING, .values = trigger_modes },
    { 0 },
};
const struct field update_project_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "commonTransferConfig", .type = FT_OBJECT, .fields = update_common },
    { .name = "structTransferConfig", .type = FT_OBJECT, .fields = update_struct },
    { .name = "fullTransferConfig", .type = FT_OBJECT, .fields = update_full },
    { .name = "incrTransferConfig", .type = FT_OBJECT, .fields = update_incr },
    { .name = "reverseIncrTransferConfig", .type = FT_OBJECT, .fields = update_incr },
    { 0 },
};

/* ConfigureReverseProject: what is left out is taken from the forward project. */
const struct field configure_reverse_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "name", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 64, .check = name_check_plain },
    { .name = "incrTransferConfig", .type = FT_OBJECT, .fields = update_incr },
    { 0 },
};

/* clang-format on */

static bool has_word(struct json_object *list, const char *word)
{
    for (size_t i = 0; i < json_len(list); i++)
        if (strcmp(json_at_str(list, i), word) == 0)
            return true;
    return false;
}

const char *project_body_left_out(struct json_object *config)
{
    static const char *const dml[] = { "INSERT", "UPDATE", "DELETE" };
    static const char *const sections[] = { "incrTransferConfig", "reverseIncrTransferConfig" };

    if (!json_get_bool(config, "enableIncrTransfer", false))
        return NULL;
    for (size_t s = 0; s < ARRAY_SIZE(sections); s++) {
        struct json_object *records =
            json_get_array(json_get(config, sections[s]), "recordTypeWhiteList");
        for (size_t i = 0; records != NULL && i < ARRAY_SIZE(dml); i++)
            if (!has_word(records, dml[i]))
                return dml[i];
    }
    return NULL;
}

/* What one direction carries: at least one kind of DML. */
static void check_records(struct json_object *records, const char *field, struct faults *faults)
{
    if (records != NULL && !has_word(records, "INSERT") && !has_word(records, "UPDATE") &&
        !has_word(records, "DELETE"))
        faults_add(faults, field, "must have at least one of INSERT, UPDATE, DELETE");
}

void project_body_check_reverse(struct json_object *incr, const char *path, struct faults *faults)
{
    static const char why[] = "a reverse project carries rows only: DDL at the target is not sent "
                              "back, make it at the source";
    struct json_object *records = json_get_array(incr, "recordTypeWhiteList");
    char at[128];

    (void)snprintf(at, sizeof(at), "%s.recordTypeWhiteList", path);
    check_records(records, at, faults);
    if (has_word(records, "DDL"))
        faults_add(faults, at, "must not hold DDL: %s", why);
    (void)snprintf(at, sizeof(at), "%s.supportDDLTypes", path);
    if (json_len(json_get_array(incr, "supportDDLTypes")) > 0)
        faults_add(faults, at, "must be empty: %s", why);
    (void)snprintf(at, sizeof(at), "%s.startTimestamp", path);
    if (json_get_i64(incr, "startTimestamp", 0) > clock_now_s())
        faults_add(faults, at, "must not be in the future");
}

static void check_heartbeat(struct json_object *body, struct faults *faults)
{
    if (json_get_i64(json_get(body, "incrTransferConfig"), "heartbeatSeconds", 0) > 0)
        faults_later(faults, "incrTransferConfig.heartbeatSeconds", "is not supported yet");
}

static void check_incr(struct json_object *body, struct faults *faults)
{
    struct json_object *incr = json_get(body, "incrTransferConfig");
    struct json_object *records = json_get_array(incr, "recordTypeWhiteList");
    bool on = json_get_bool(body, "enableIncrTransfer", false);
    int64_t from = json_get_i64(incr, "startTimestamp", 0);

    if (on)
        check_records(records, "incrTransferConfig.recordTypeWhiteList", faults);
    check_heartbeat(body, faults);
    if (from == 0)
        return;
    if (!on || json_get_bool(body, "enableFullTransfer", false))
        faults_add(faults, "incrTransferConfig.startTimestamp",
                   "is only possible with incremental and without full transfer");
    if (from > clock_now_s())
        faults_add(faults, "incrTransferConfig.startTimestamp", "must not be in the future");
}

/* Ends that differ on purpose can't be compared (oms-api.md 4.12). */
static void check_verify(struct json_object *config, struct faults *faults)
{
    static const char *const wishes[] = { "enableFullVerify", "enableIncrVerify" };
    const char *missing = project_body_left_out(config);

    for (size_t i = 0; i < ARRAY_SIZE(wishes); i++)
        if (json_get_bool(config, wishes[i], false) && missing != NULL)
            faults_add(faults, wishes[i],
                       "must not be set: recordTypeWhiteList leaves out %s, so both ends differ on "
                       "purpose",
                       missing);
    if (json_get_bool(config, "enableIncrVerify", false) &&
        !json_get_bool(config, "enableIncrTransfer", false))
        faults_add(faults, "enableIncrVerify", "needs enableIncrTransfer");
}

struct json_object *project_body_all_ddl(void)
{
    struct json_object *all = json_object_new_array();

    for (const char *const *type = kinds_ddl; *type != NULL; type++)
        json_object_array_add(all, json_object_new_string(*type));
    return all;
}

/* `DDL` in recordTypeWhiteList without a list means every kind (interface.md). */
void project_body_settle_ddl(struct json_object *config)
{
    bool all;

    if (config == NULL || json_get(config, "supportDDLTypes") != NULL)
        return;
    all = has_word(json_get_array(config, "recordTypeWhiteList"), "DDL");
    json_add(config, "supportDDLTypes", all ? project_body_all_ddl() : json_object_new_array());
}

/* One collation at the source has one at the target. */
static void check_collations(struct json_object *body, struct faults *faults)
{
    struct json_object *list =
        json_get_array(json_get(body, "structTransferConfig"), "collationMapping");

    for (size_t i = 1; i < json_len(list); i++) {
        const char *source = json_get_str(json_at(list, i), "source", "");
        char path[64];
        for (size_t j = 0; j < i; j++)
            if (*source != '\0' &&
                strcmp(source, json_get_str(json_at(list, j), "source", "")) == 0) {
                (void)snprintf(path, sizeof(path), "structTransferConfig.collationMapping[%zu]", i);
                faults_add(faults, path, "%s is mapped by element %zu already", source, j);
                break;
            }
    }
}

/* indexMigration says in one word what deferIndexCreation says in part; both are kept in step. */
static void settle_indexes(struct json_object *body, struct faults *faults)
{
    struct json_object *config = json_get(body, "structTransferConfig");
    const char *mode = json_get_str(config, "indexMigration", NULL);
    bool defer = json_get_bool(config, "deferIndexCreation", false);
    bool both = json_get_bool(body, "enableStructTransfer", false) &&
                json_get_bool(body, "enableFullTransfer", false);

    if (config == NULL)
        return;
    if (mode != NULL && defer && strcmp(mode, "AFTER_COPY") != 0) {
        faults_add(faults, "structTransferConfig.indexMigration",
                   "contradicts deferIndexCreation: true, which means AFTER_COPY");
        return;
    }
    if (mode == NULL)
        mode = defer ? "AFTER_COPY" : "AUTO";
    /* without a copy in this project there is no "after": oms-api.md 4.4 */
    if (strcmp(mode, "NONE") != 0 && !both)
        mode = "WITH_TABLE";
    defer = strcmp(mode, "AFTER_COPY") == 0;
    json_add(config, "indexMigration", json_object_new_string(mode));
    json_add_bool(config, "deferIndexCreation", defer);
}

/* A grade and OMS's speed mode are one thing in two words: what componentGrades says counts. */
static void settle_grades(struct json_object *config)
{
    struct json_object *full = json_get(config, "fullTransferConfig");
    struct json_object *given =
        json_get(json_get(config, "commonTransferConfig"), "componentGrades");
    const char *import = json_get_str(given, "fullImport", NULL);
    const char *verify = json_get_str(given, "fullVerify", NULL);

    if (full != NULL && import != NULL)
        json_add_str(full, "fullTransferSpeedMode", grade_mode(import));
    if (full != NULL && verify != NULL && strcmp(verify, "CUSTOM") != 0)
        json_add_str(full, "fullVerifySpeedMode", grade_mode(verify));
}

static void check_grades(struct json_object *config, struct faults *faults)
{
    static const char need[] = "needs the grade CUSTOM: SMALL, MEDIUM and LARGE have their numbers";
    struct json_object *common = json_get(config, "commonTransferConfig");
    struct json_object *full = json_get(config, "fullTransferConfig");
    _cleanup_(json_putp)
    struct json_object *settings = grade_settings(config);

    for (const struct field *f = component_settings; f->name != NULL; f++) {
        char path[96];
        (void)snprintf(path, sizeof(path), "commonTransferConfig.componentSettings.%s", f->name);
        if (json_get(json_get(common, "componentSettings"), f->name) != NULL &&
            strcmp(json_get_str(json_get(settings, f->name), "grade", ""), "CUSTOM") != 0)
            faults_add(faults, path, "%s (componentGrades.%s)", need, f->name);
    }
    if (json_get(full, "fullTransferSpeedConfig") != NULL &&
        strcmp(json_get_str(json_get(settings, "fullImport"), "grade", ""), "CUSTOM") != 0)
        faults_add(faults, "fullTransferConfig.fullTransferSpeedConfig",
                   "needs fullTransferSpeedMode CUSTOM");
}

void project_body_check_update(struct json_object *config, struct faults *faults)
{
    const char *triggers = json_get_str(json_get(config, "structTransferConfig"),
                                        "triggerMigrationType", "NOT_MIGRATION");

    if (json_get_bool(config, "enableIncrTransfer", false))
        check_records(json_get_array(json_get(config, "incrTransferConfig"), "recordTypeWhiteList"),
                      "incrTransferConfig.recordTypeWhiteList", faults);
    if (strcmp(triggers, "WITH_TRANSFER_APP_SWITCH") == 0 &&
        !json_get_bool(config, "enableReverseIncrTransfer", false))
        faults_add(faults, "structTransferConfig.triggerMigrationType",
                   "WITH_TRANSFER_APP_SWITCH needs enableReverseIncrTransfer: without it there is "
                   "no switchover");
    check_heartbeat(config, faults);
    check_verify(config, faults);
    settle_grades(config);
    check_grades(config, faults);
}

/* Two ways need that both directions can be had: said here, not when the reverse is configured. */
static int check_two_way(struct json_object *body, bool sound, struct faults *faults,
                         struct err *err)
{
    struct json_object *common = json_get(body, "commonTransferConfig");
    struct json_object *mapping = json_get(body, "transferMapping");
    struct json_object *reverse = json_get(body, "reverseIncrTransferConfig");
    _cleanup_(json_putp)
    struct json_object *back = NULL;

    if (json_get_bool(body, "enableReverseIncrTransfer", false))
        faults_add(faults, "enableReverseIncrTransfer",
                   "must not be set with activeActive, which has no switchover: "
                   "ConfigureReverseProject makes the reverse direction");
    if (!json_get_bool(body, "enableIncrTransfer", false))
        faults_add(faults, "enableIncrTransfer", "is required with activeActive");
    if (strcmp(json_get_str(common, "tableCategory", ""), "WITHOUT_UNIQUE_ROW_ID") == 0)
        faults_add(faults, "commonTransferConfig.tableCategory",
                   "activeActive is for tables with a primary key or a unique key without NULL");
    if (reverse != NULL)
        project_body_check_reverse(reverse, "reverseIncrTransferConfig", faults);
    if (!sound) /* it has its faults already */
        return 0;
    if (mapping_invert(mapping, faults, &back, err) < 0)
        return -1;
    return back == NULL
               ? 0
               : mapping_check(back, json_get_str(common, "controlSchema", "oms"), faults, err);
}

static void add_default(struct json_object *config, const char *key, const char *value)
{
    if (config != NULL && json_get(config, key) == NULL)
        json_add_str(config, key, value);
}

static void settle_conflicts(struct json_object *body, bool two_way)
{
    struct json_object *incr = json_get(body, "incrTransferConfig");
    const char *detection = two_way ? "ROW" : "KEY";

    add_default(incr, "conflictStrategy", "FAIL");
    add_default(incr, "conflictDetection", detection);
    if (!two_way) { /* in two ways the reverse project's defaults come from the forward one */
        add_default(json_get(body, "reverseIncrTransferConfig"), "conflictStrategy", "FAIL");
        add_default(json_get(body, "reverseIncrTransferConfig"), "conflictDetection", detection);
    }
}

int project_body_check(struct json_object *body, struct faults *faults, struct err *err)
{
    struct json_object *mapping = json_get(body, "transferMapping");
    struct json_object *common = json_get(body, "commonTransferConfig");
    const char *control = json_get_str(common, "controlSchema", "oms");
    bool two_way = json_get_bool(common, "activeActive", false), sound;
    size_t before;

    if (!json_get_bool(body, "enableStructTransfer", false) &&
        !json_get_bool(body, "enableFullTransfer", false) &&
        !json_get_bool(body, "enableIncrTransfer", false) && faults->count == 0)
        faults_add(faults, "enableStructTransfer",
                   "at least one of enableStructTransfer, enableFullTransfer and "
                   "enableIncrTransfer must be true");
    check_incr(body, faults);
    check_verify(body, faults);
    project_body_settle_ddl(json_get(body, "incrTransferConfig"));
    project_body_settle_ddl(json_get(body, "reverseIncrTransferConfig"));
    check_collations(body, faults);
    settle_indexes(body, faults);
    settle_grades(body);
    check_grades(body, faults);
    settle_conflicts(body, two_way);
    before = faults->count;
    if (mapping != NULL)
        mapping_settle_case(mapping, json_get_str(common, "nameCase", "AS_SOURCE"));
    if (mapping != NULL && mapping_check(mapping, control, faults, err) < 0)
        return -1;
    sound = json_get_str(mapping, "mode", NULL) != NULL && faults->count == before;
    return two_way ? check_two_way(body, sound, faults, err)
                   : switch_body_check(body, sound, faults, err);
}
