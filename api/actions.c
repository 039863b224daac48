#include "api/action.h"

#include <string.h>

#include "api/project_body.h"

#include "base/banned.h"

#define NOT_BUILT NULL, NULL

/* clang-format off */
const struct action actions[] = {
    /* name                       alias                      least role     writes request                  handler */
    { "CreateMySqlDataSource",    NULL,                      ROLE_OPERATOR, true,  create_mysql_fields,     source_create_mysql },
    { "CreateOceanBaseDataSource", NULL,                     ROLE_OPERATOR, true,  create_oceanbase_fields, source_create_oceanbase },
    { "ListDataSource",           "ListDataSources",         ROLE_VIEWER,   false, list_source_fields,      source_list },
    { "DeleteDataSource",         NULL,                      ROLE_OPERATOR, true,  source_id_fields,        source_delete },
    { "UpdateDataSource",         NULL,                      ROLE_OPERATOR, true,  update_source_fields,    source_update },
    { "TestDataSource",           NULL,                      ROLE_OPERATOR, true,  source_id_fields,        source_test },
    { "CreateProject",            NULL,                      ROLE_OPERATOR, true,  create_project_fields,   project_create },
    { "SubmitPreCheck",           NULL,                      ROLE_OPERATOR, true,  submit_precheck_fields,  precheck_submit },
    { "GetPreCheckResult",        NULL,                      ROLE_VIEWER,   false, precheck_result_fields,  precheck_result },
    { "StartProject",             NULL,                      ROLE_OPERATOR, true,  project_id_fields,       project_start },
    { "StopProject",              NULL,                      ROLE_OPERATOR, true,  project_id_fields,       project_stop },
    { "ResumeProject",            NULL,                      ROLE_OPERATOR, true,  project_id_fields,       project_resume },
    { "ReleaseProject",           NULL,                      ROLE_OPERATOR, true,  project_id_fields,       project_release },
    { "DeleteProject",            NULL,                      ROLE_OPERATOR, true,  project_id_fields,       project_delete },
    { "UpdateProjectConfig",      NULL,                      ROLE_OPERATOR, true,  update_project_fields,   project_update_config },
    { "ListProjects",             NULL,                      ROLE_VIEWER,   false, list_project_fields,     project_list },
    { "DescribeProject",          NULL,                      ROLE_VIEWER,   false, project_id_fields,       project_describe },
    { "DescribeProjectSteps",     NULL,                      ROLE_VIEWER,   false, project_id_fields,       project_steps },
    { "DescribeProjectProgress",  NULL,                      ROLE_VIEWER,   false, project_id_fields,       project_progress },
    { "ResetIncrStartTimestamp",  NULL,                      ROLE_OPERATOR, true,  reset_start_fields,      project_reset_start },
    { "ListProjectEvents",        NULL,                      ROLE_VIEWER,   false, list_event_fields,       project_events },
    { "ListPendingDdl",           NULL,                      ROLE_VIEWER,   false, list_ddl_fields,         ddl_list },
    { "SkipDdl",                  NULL,                      ROLE_OPERATOR, true,  skip_ddl_fields,         ddl_skip },
    { "ReplaceDdl",               NULL,                      ROLE_OPERATOR, true,  replace_ddl_fields,      ddl_replace },
    { "AdvanceProject",           NULL,                      ROLE_OPERATOR, true,  advance_fields,          project_advance },
    { "AbortSwitchover",          NULL,                      ROLE_OPERATOR, true,  abort_fields,            project_abort_switchover },
    { "ConfigureReverseProject",  NULL,                      ROLE_OPERATOR, true,  configure_reverse_fields, reverse_configure },
    { "ImportObjects",            NULL,                      ROLE_VIEWER,   false, import_objects_fields,   objects_import_csv },
    { "ExportObjects",            NULL,                      ROLE_VIEWER,   false, export_objects_fields,   objects_export_csv },
    { "ListConflictRecords",      NULL,                      ROLE_VIEWER,   false, list_conflict_record_fields, conflict_list_records },
    { "ListConflictData",         NULL,                      ROLE_VIEWER,   false, list_conflict_data_fields, conflict_list_data },
    { "DownloadConflictData",     NULL,                      ROLE_VIEWER,   false, download_conflict_data_fields, conflict_download },
    { "CreateUser",               NULL,                      ROLE_ADMIN,    true,  create_user_fields,      user_create },
    { "ListUsers",                NULL,                      ROLE_ADMIN,    false, list_user_fields,        user_list },
    { "UpdateUser",               NULL,                      ROLE_ADMIN,    true,  update_user_fields,      user_update },
    { "DeleteUser",               NULL,                      ROLE_ADMIN,    true,  delete_user_fields,      user_delete },
    { "ChangePassword",           NULL,                      ROLE_VIEWER,   true,  change_password_fields,  user_change_password },
    { "CreateAccessKey",          NULL,                      ROLE_VIEWER,   true,  create_key_fields,       key_create },
    { "ListAccessKeys",           NULL,                      ROLE_VIEWER,   false, list_key_fields,         key_list },
    { "UpdateAccessKey",          NULL,                      ROLE_VIEWER,   true,  update_key_fields,       key_update },
    { "DeleteAccessKey",          NULL,                      ROLE_VIEWER,   true,  delete_key_fields,       key_delete },
    { "ListAuditEvents",          NULL,                      ROLE_ADMIN,    false, list_audit_fields,       audit_list },

    /* documented by OMS (oms-api.md 1.9), not built yet */
    { "DescribeProjectStepMetric",   NULL,                   ROLE_VIEWER,   false, step_metric_fields,   metric_describe },
    { "DescribeProjectComponents",   NULL,                   ROLE_VIEWER,   false, project_id_fields, component_list },
    { "ListProjectFullVerifyResult", NULL,                   ROLE_VIEWER,   false, list_verify_fields, verify_list },
    { "StartProjectsByLabel",        NULL,                   ROLE_OPERATOR, true,  label_id_fields, label_start },
    { "StopProjectsByLabel",         NULL,                   ROLE_OPERATOR, true,  label_id_fields, label_stop },
    { "CreateOmsMysqlDataSource",    NULL,                   ROLE_OPERATOR, true,  create_oms_mysql_fields, source_create_oms_mysql },
    { "CreateMySQLMasterSlaveDataSource", NULL,              ROLE_OPERATOR, true,  create_pair_fields, source_create_pair },
    { "CreateOceanBaseODPDataSource", NULL,                  ROLE_OPERATOR, true,  create_odp_fields, source_create_odp },
    { "CreatePolarDBDataSource",     "CreatePilarDBDataSource", ROLE_OPERATOR, true, create_polardb_fields, source_create_polardb },
    { "CreateRdsPostgreSQLDataSource", NULL,                 ROLE_OPERATOR, true,  NOT_BUILT },
    { "CreateLabel",                 NULL,                   ROLE_OPERATOR, true,  create_label_fields, label_create },
    { "ListAllLabels",               NULL,                   ROLE_VIEWER,   false, no_fields, label_list },
    { "CreateProjectModifyRecords",  NULL,                   ROLE_OPERATOR, true,  create_modify_fields, modify_create },
    { "ListProjectModifyRecords",    NULL,                   ROLE_VIEWER,   false, project_id_fields, modify_list },
    { "StopProjectModifyRecords",    NULL,                   ROLE_OPERATOR, true,  modify_record_fields, modify_stop },
    { "RetryProjectModifyRecords",   NULL,                   ROLE_OPERATOR, true,  modify_record_fields, modify_retry },
    { "CancelProjectModifyRecord",   "CancelProjectModifyRecords", ROLE_OPERATOR, true, modify_record_fields, modify_cancel },
    { "CheckHasConvertedObjects",    NULL,                   ROLE_VIEWER,   false, project_id_fields,      converted_check },
    { "DownloadConvertedObjectsAsync", NULL,                 ROLE_VIEWER,   false, project_id_fields,      converted_download },
    { "GetDownloadConvertedObjectsResult", NULL,             ROLE_VIEWER,   false, converted_result_fields, converted_result },
    { "DescribeRegions",             NULL,                   ROLE_VIEWER,   false, no_fields, region_list },
    { "ListFullVerifyInconsistenciesResult", NULL,           ROLE_VIEWER,   false, list_verify_row_fields, verify_list_rows },
    { "ListFullVerifyCorrectionsResult", NULL,               ROLE_VIEWER,   false, list_verify_row_fields, verify_list_corrections },
    { "UpdateStore",                 NULL,                   ROLE_OPERATOR, true,  component_fields, component_update_store },
    { "UpdateFullImport",            NULL,                   ROLE_OPERATOR, true,  component_fields, component_update_import },
    { "UpdateIncrSync",              NULL,                   ROLE_OPERATOR, true,  component_fields, component_update_sync },
    { "UpdateFullVerification",      NULL,                   ROLE_OPERATOR, true,  component_fields, component_update_verify },
    { "ListWorkerInstances",         NULL,                   ROLE_VIEWER,   false, NOT_BUILT },
    { "ReleaseWorkerInstance",       NULL,                   ROLE_OPERATOR, true,  NOT_BUILT },
    { "GetUploadOssUrl",             NULL,                   ROLE_OPERATOR, false, NOT_BUILT },

    { "ListAlerts",                  NULL,                   ROLE_VIEWER,   false, list_alert_fields,    alert_list },
    { "CreateAlertWebhook",          NULL,                   ROLE_ADMIN,    true,  create_webhook_fields, webhook_create },
    { "ListAlertWebhooks",           NULL,                   ROLE_ADMIN,    false, no_fields,            webhook_list },
    { "DeleteAlertWebhook",          NULL,                   ROLE_ADMIN,    true,  webhook_id_fields,    webhook_delete },
    { "TestAlertWebhook",            NULL,                   ROLE_ADMIN,    true,  webhook_id_fields,    webhook_test },

    /* our additions (interface.md), not built yet */
    { "DeleteLabel",                 NULL,                   ROLE_OPERATOR, true,  label_id_fields, label_delete },
    { "UpdateProjectLabels",         NULL,                   ROLE_OPERATOR, true,  update_project_label_fields, label_set },
    { "RenameProject",               "UpdateProjectName",    ROLE_OPERATOR, true,  rename_project_fields, project_rename },
    { "UpdateProjectImportance",     "UpdateProjectAlarmLevel", ROLE_OPERATOR, true, project_importance_fields, project_importance },
    { "RunPreCheck",                 NULL,                   ROLE_OPERATOR, true,  project_id_fields, precheck_run },
    { "SkipPreCheckItem",            NULL,                   ROLE_OPERATOR, true,  skip_item_fields, precheck_skip },
    { "StartFullVerify",             NULL,                   ROLE_OPERATOR, true,  start_verify_fields, verify_start },
    { "ApplyFullVerifyCorrections",  NULL,                   ROLE_OPERATOR, true,  apply_verify_fields, verify_apply },
    { "DownloadFullVerifyReport",    NULL,                   ROLE_VIEWER,   false, verify_report_fields, verify_download },
};
/* clang-format on */

const size_t actions_count = ARRAY_SIZE(actions);

#define CLOUD                                                                                      \
    "workers are processes of this machine that start by themselves, nothing is bought or bound"

const char *action_reason(const char *name)
{
    static const struct {
        const char *name, *why;
    } reasons[] = {
        { "CreateRdsPostgreSQLDataSource", "PostgreSQL is not of the MySQL family" },
        { "ListWorkerInstances", CLOUD },
        { "ReleaseWorkerInstance", CLOUD },
        { "GetUploadOssUrl", "there is no object store, send the request itself" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
        if (strcmp(reasons[i].name, name) == 0)
            return reasons[i].why;
    return "it is not built yet";
}
