#include "cli/cli.h"

#include "base/banned.h"

/* clang-format off */
#define REQUIRED PARAM_REQUIRED
#define REPEAT PARAM_REPEAT
#define PROJECT_ARG(json_key) { "PROJECT", NULL, json_key, P_PROJECT, REQUIRED, NULL, "id or name of the project" }
#define SOURCE_ARG { "SOURCE", NULL, "id", P_SOURCE, REQUIRED, NULL, "id or name of the data source" }
#define LABEL_ARG { "LABEL", NULL, "id", P_LABEL, REQUIRED, NULL, "id or name of the label" }
#define PASSWORD_OPTIONS \
    { "--password-file", "FILE", NULL, P_FILE, 0, NULL, "the password is the first line of this file" }, \
    { "--password-stdin", NULL, NULL, P_FLAG, 0, NULL, "read a line of standard input for the password; without these two it is asked for" }
#define LIMIT_OPTION { "--limit", "N", NULL, P_INT, 0, NULL, "no more than so many" }

const struct param global_options[] = {
    { "--server", "URL", NULL, P_TEXT, 0, NULL, "the daemon, http://127.0.0.1:8089 if nothing says otherwise" },
    { "--data-dir", "DIR", NULL, P_FILE, 0, NULL, "take address and first account from the daemon's folder" },
    { "--credentials", "FILE", NULL, P_FILE, 0, NULL, "a file {\"username\": ..., \"password\": ...}" },
    { "--user", "NAME", NULL, P_TEXT, 0, NULL, "the account; its password is asked for, or read from standard input" },
    { "--password-file", "FILE", NULL, P_FILE, 0, NULL, "that account's password is the first line of this file" },
    { "--password-stdin", NULL, NULL, P_FLAG, 0, NULL, "don't ask for it even in a terminal: read a line of standard input" },
    { "--cacert", "FILE", NULL, P_FILE, 0, NULL, "certificates (PEM) that may have signed the server's; with --data-dir it also means https" },
    { "--call-timeout", "SECONDS", NULL, P_INT, 0, NULL, "how long one call may take, 60 by default" },
    { "--json", NULL, NULL, P_FLAG, 0, NULL, "print the API's data as JSON and nothing else" },
    { "--version", NULL, NULL, P_FLAG, 0, NULL, "print the version" },
    { "--help", NULL, NULL, P_FLAG, 0, NULL, "print help, of a command when behind its name" },
    { 0 },
};

const struct group groups[] = {
    { "source", "Data sources: saved connections to databases" },
    { "project", "Migrations" },
    { "project reverse", "The other direction of a two-way project" },
    { "project switchover", "Turning a migration round, step by step" },
    { "project conflicts", "Changes that did not fit" },
    { "project precheck", "The precheck of a project" },
    { "project objects", "Which databases and tables a project carries" },
    { "project verify", "Comparing both ends row by row" },
    { "reverse", "The same as project reverse" },
    { "switchover", "The same as project switchover" },
    { "conflicts", "The same as project conflicts" },
    { "verify", "The same as project verify" },
    { "ddl", "DDL statements in the stream" },
    { "label", "Labels of projects" },
    { "key", "Access keys, for SDKs" },
    { "user", "Accounts" },
    { "audit", "Who did what" },
    { "alert", "Alerts, and who is told of them" },
    { "alert webhook", "Where alerts are sent to" },
};
const size_t groups_count = ARRAY_SIZE(groups);

/* ------------------------------------------------------------------ data sources */

static const struct param source_add_args[] = {
    { "NAME", NULL, "name", P_TEXT, REQUIRED, NULL, "a name of your choice, without blanks" },
    { 0 },
};
static const struct param source_add_options[] = {
    { "--type", "TYPE", NULL, P_TEXT, 0, "mysql oceanbase odp polardb", "kind of server, mysql (MariaDB, too) by default" },
    { "--host", "HOST", "ip", P_TEXT, REQUIRED, NULL, "host name or IP address" },
    { "--port", "PORT", "port", P_INT, 0, NULL, "port, 3306 by default" },
    { "--user", "NAME", "userName", P_TEXT, REQUIRED, NULL, "the database account" },
    PASSWORD_OPTIONS,
    { "--schema", "DB", "schema", P_TEXT, 0, NULL, "restrict it to one database" },
    { "--ssl", NULL, "useSsl", P_FLAG, 0, NULL, "encrypt connections" },
    { "--tenant", "NAME", "tenant", P_TEXT, 0, NULL, "tenant (oceanbase, odp)" },
    { "--cluster", "NAME", "cluster", P_TEXT, 0, NULL, "cluster (oceanbase, odp)" },
    { "--region", "TEXT", "region", P_TEXT, 0, NULL, "where it stands" },
    { "--description", "TEXT", "description", P_TEXT, 0, NULL, "a note" },
    { 0 },
};
static const struct param source_args[] = { SOURCE_ARG, { 0 } };
static const struct param source_list_options[] = {
    { "--search", "TEXT", "searchKey", P_TEXT, 0, NULL, "part of name or id" },
    { "--type", "TYPE", "types", P_TEXT, REPEAT, NULL, "only this kind, MYSQL or OB_MYSQL" },
    { 0 },
};
static const struct param source_update_options[] = {
    { "--host", "HOST", "ip", P_TEXT, 0, NULL, "another host" },
    { "--port", "PORT", "port", P_INT, 0, NULL, "another port" },
    { "--user", "NAME", "userName", P_TEXT, 0, NULL, "another account" },
    { "--password", NULL, NULL, P_FLAG, 0, NULL, "ask for another password" },
    { "--password-file", "FILE", NULL, P_FILE, 0, NULL, "another password, the first line of this file" },
    { "--password-stdin", NULL, NULL, P_FLAG, 0, NULL, "another password, a line of standard input" },
    { 0 },
};
static const struct param test_options[] = {
    { "--timeout", "SECONDS", NULL, P_INT, 0, NULL, "give up after so long, 300 by default" },
    { 0 },
};
static const struct column source_columns[] = {
    { "ID", "id" }, { "TYPE", "type" }, { "USER", "userName" }, { "HOST", "ip" }, { "PORT", "port" }, { "VERSION", "version" }, { "NAME", "name" }, { 0 },
};

/* ------------------------------------------------------------------ projects */

static const struct param create_args[] = {
    { "FILE", NULL, NULL, P_FILE, 0, NULL, "a body of CreateProject as JSON, - for standard input; names of data sources and labels may stand for ids" },
    { 0 },
};
static const struct param create_options[] = {
    { "--name", "NAME", "name", P_TEXT, 0, NULL, "a name of your choice, without blanks" },
    { "--type", "TYPE", "type", P_TEXT, 0, "MIGRATION SYNC", "kind of project, MIGRATION by default" },
    { "--source", "SOURCE", "sourceEndpointId", P_SOURCE, 0, NULL, "where from: id or name of a data source" },
    { "--sink", "SOURCE", "sinkEndpointId", P_SOURCE, 0, NULL, "where to" },
    { "--db", "DB[=NEW]", NULL, P_TEXT, REPEAT, NULL, "a whole database, and its name at the target" },
    { "--table", "DB.T[=DB.T]", NULL, P_TEXT, REPEAT, NULL, "one table, and its name at the target" },
    { "--rule", "RULE", NULL, P_TEXT, REPEAT, NULL, "all that matches, as in 'shop.*'" },
    { "--exclude", "RULE", NULL, P_TEXT, REPEAT, NULL, "but not what matches this" },
    { "--no-struct", NULL, "!enableStructTransfer", P_FLAG, 0, NULL, "don't create tables and views" },
    { "--no-full", NULL, "!enableFullTransfer", P_FLAG, 0, NULL, "don't copy the rows that are there" },
    { "--no-incr", NULL, "!enableIncrTransfer", P_FLAG, 0, NULL, "don't carry changes made meanwhile and afterwards" },
    { "--verify", NULL, "enableFullVerify", P_FLAG, 0, NULL, "compare both ends row by row when incremental has caught up" },
    { "--way-back", NULL, "enableReverseIncrTransfer", P_FLAG, 0, NULL, "prepare for changes to go back after the switchover" },
    { "--two-way", NULL, "commonTransferConfig.activeActive", P_FLAG, 0, NULL, "both ends will be written: see project reverse" },
    { "--conflict", "STRATEGY", "incrTransferConfig.conflictStrategy", P_TEXT, 0, "FAIL IGNORE OVERWRITE", "what to do with a row that is not as expected" },
    { "--ddl", "KIND", "incrTransferConfig.supportDDLTypes", P_TEXT, REPEAT, NULL, "carry this kind of DDL, as CREATE_TABLE, or all" },
    { "--label", "LABEL", "labelIds", P_LABEL, REPEAT, NULL, "give it a label" },
    { "--importance", "LEVEL", "importance", P_TEXT, 0, "LOW MEDIUM HIGH IGNORE", "how soon lag is worth an alert" },
    { "--speed", "GRADE", "fullTransferConfig.fullTransferSpeedMode", P_TEXT, 0, "STEADY NORMAL FAST", "how many readers and writers copy" },
    { "--throttle-rows", "N", "fullTransferConfig.throttleRps", P_INT, 0, NULL, "copy no more rows a second" },
    { "--throttle-bytes", "N", "fullTransferConfig.throttleIOPS", P_INT, 0, NULL, "copy no more bytes a second" },
    { "--target-not-empty", NULL, "fullTransferConfig.allowDestTableNotEmpty", P_FLAG, 0, NULL, "rows may be at the target already; they are kept" },
    { "--objects", "FILE.csv", NULL, P_FILE, 0, NULL, "the list of objects as CSV: names, new names, row filters, columns (docs/objects.md)" },
    { "--start", NULL, NULL, P_FLAG, 0, NULL, "start it at once" },
    { "--print", NULL, NULL, P_FLAG, 0, NULL, "only print the body that would be sent" },
    { 0 },
};
static const struct param project_args[] = { PROJECT_ARG("id"), { 0 } };
static const struct param of_project_args[] = { PROJECT_ARG("projectId"), { 0 } };
static const struct param project_list_options[] = {
    { "--search", "TEXT", "searchKey", P_TEXT, 0, NULL, "part of name or id" },
    { "--status", "STATUS", "status", P_TEXT, REPEAT, NULL, "only in this state, as RUNNING" },
    { "--type", "TYPE", "type", P_TEXT, 0, "MIGRATION SYNC", "only this kind" },
    { "--label", "LABEL", "labelIds", P_LABEL, REPEAT, NULL, "only with this label" },
    LIMIT_OPTION,
    { 0 },
};
static const struct column project_columns[] = {
    { "ID", "id" }, { "STATUS", "status" }, { "STEP", "extraInfo.runningStep" }, { "%", "extraInfo.runningProgress" }, { "LABELS", "labels" }, { "NAME", "name" }, { 0 },
};
static const struct param limit_options[] = { LIMIT_OPTION, { 0 } };
static const struct column event_columns[] = {
    { "TIME", "time" }, { "LEVEL", "level" }, { "EVENT", "event" }, { "MESSAGE", "message" }, { 0 },
};
static const struct param watch_options[] = {
    { "--until", "STEP=STATUS", NULL, P_TEXT, REPEAT, NULL, "end when this step has this status; all of them when there are several" },
    { "--until-monitoring", NULL, NULL, P_FLAG, 0, NULL, "the same as --until INCR_TRANSFER=MONITORING: both ends are in step" },
    { "--timeout", "SECONDS", NULL, P_INT, 0, NULL, "give up after so long (exit status 1)" },
    { 0 },
};
static const struct param rename_args[] = {
    PROJECT_ARG("id"),
    { "NAME", NULL, "name", P_TEXT, REQUIRED, NULL, "its new name" },
    { 0 },
};
static const struct param importance_args[] = {
    PROJECT_ARG("id"),
    { "LEVEL", NULL, "importance", P_TEXT, REQUIRED, "LOW MEDIUM HIGH IGNORE", "how soon lag is worth an alert" },
    { 0 },
};
static const struct param project_label_args[] = {
    PROJECT_ARG("id"),
    { "LABEL", NULL, "labelIds", P_LABEL, REPEAT, NULL, "ids or names of labels" },
    { 0 },
};
static const struct param metric_options[] = {
    { "--step", "STEP", "stepName", P_TEXT, 0, "FULL_TRANSFER INCR_TRANSFER FULL_VERIFIER REVERSE_INCR_TRANSFER", "of this step, INCR_TRANSFER by default" },
    { "--metric", "METRIC", "metricType", P_TEXT, 0, NULL, "which one, RPS by default: RPS, IOPS (bytes/s), DELAY (s), SINK_EXECUTE_TIME, SINK_COMMIT_TIME, SOURCE_READ_TIME (ms)" },
    { "--hours", "N", NULL, P_INT, 0, NULL, "how far back, 1 by default" },
    { "--points", "N", "maxPointNum", P_INT, 0, NULL, "about so many points" },
    { "--average", NULL, NULL, P_FLAG, 0, NULL, "averages instead of peaks" },
    { 0 },
};
static const struct param export_args[] = {
    PROJECT_ARG("id"),
    { "FILE", NULL, NULL, P_FILE, 0, NULL, "where to, standard output by default" },
    { 0 },
};
static const struct param import_args[] = {
    { "FILE", NULL, NULL, P_FILE, REQUIRED, NULL, "the CSV, - for standard input" },
    { 0 },
};
static const struct param change_options[] = {
    { "--objects", "FILE.csv", NULL, P_FILE, REQUIRED, NULL, "the whole new list as CSV: what is new is added, what is missing leaves" },
    { 0 },
};
static const struct param record_args[] = {
    { "RECORD", NULL, "id", P_INT, REQUIRED, NULL, "number of the change, from project objects changes" },
    { 0 },
};
static const struct column record_columns[] = {
    { "RECORD", "id" }, { "TYPE", "type" }, { "STATUS", "status" }, { "SUB-PROJECT", "subProjectId" }, { "CHANGED", "gmtModified" }, { 0 },
};
static const struct param skip_args[] = {
    PROJECT_ARG("id"),
    { "ITEM", NULL, "checkType", P_TEXT, REQUIRED, NULL, "the failed item, as DB_CHARSET" },
    { "END", NULL, "endpointType", P_TEXT, REQUIRED, "SOURCE DEST", "at which end" },
    { 0 },
};
static const struct param config_options[] = {
    { "--full", "JSON", "fullTransferConfig", P_JSON, 0, NULL, "the new fullTransferConfig; @FILE and - are read" },
    { "--incr", "JSON", "incrTransferConfig", P_JSON, 0, NULL, "the new incrTransferConfig" },
    { 0 },
};

/* ------------------------------------------------------------------ reverse, switchover, conflicts, verify */

static const struct param reverse_configure_args[] = {
    PROJECT_ARG("id"),
    { "JSON", NULL, "incrTransferConfig", P_JSON, 0, NULL, "incrTransferConfig of the other direction; @FILE and - are read" },
    { 0 },
};
static const struct param reverse_configure_options[] = {
    { "--name", "NAME", "name", P_TEXT, 0, NULL, "its name, the forward project's with -reverse by default" },
    { 0 },
};
static const struct param switch_options[] = {
    { "--read-only", NULL, "setReadOnly", P_FLAG, 0, NULL, "set read_only at the source when its writing has stopped" },
    { "--quiet", "SECONDS", "quietSeconds", P_INT, 0, NULL, "how long the source must have been silent" },
    { "--skip", NULL, "skip", P_FLAG, 0, NULL, "skip the failed sub-step" },
    { "--mark-complete", NULL, "markComplete", P_FLAG, 0, NULL, "the sub-step's work was done by hand" },
    { 0 },
};
static const struct param conflict_options[] = {
    { "--step", "STEP", "stepName", P_TEXT, 0, NULL, "of this step" },
    { "--table", "DB.T", "table", P_TEXT, 0, NULL, "of this table" },
    { "--kind", "KIND", "kind", P_TEXT, 0, NULL, "of this kind, as ROW_DIFFERS" },
    { "--decision", "DECISION", "decision", P_TEXT, 0, NULL, "decided so, as FAILED" },
    { "--from", "TIME", "from", P_INT, 0, NULL, "not before, Unix seconds" },
    { "--to", "TIME", "to", P_INT, 0, NULL, "not after, Unix seconds" },
    { 0 },
};
static const struct param conflict_download_args[] = {
    PROJECT_ARG("projectId"),
    { "FILE.zip", NULL, NULL, P_FILE, REQUIRED, NULL, "where to; it must not exist" },
    { "NAME", NULL, "fileNames", P_TEXT, REPEAT, NULL, "only these files, as conflict_sql_1.log" },
    { 0 },
};
static const struct param conflict_download_options[] = {
    { "--step", "STEP", "omsStepName", P_TEXT, 0, NULL, "of this step" },
    { 0 },
};
static const struct param verify_start_options[] = {
    { "--tables", "JSON", "tables", P_JSON, 0, NULL, "only these: [{\"schema\": ..., \"table\": ...}]; @FILE and - are read" },
    { 0 },
};
static const struct param verify_result_options[] = {
    { "--status", "STATUS", "status", P_TEXT, 0, "RUNNING ERROR FINISHED SUSPEND", "only tables of this status" },
    { 0 },
};
static const struct column verify_columns[] = {
    { "SCHEMA", "sourceSchemaName" }, { "TABLE", "sourceTableName" }, { "RESULT", "resultType" }, { "%", "progress" }, { "SOURCE ONLY", "sourceOnlyCount" },
    { "TARGET ONLY", "destOnlyCount" }, { "DIFFER", "mismatchedCount" }, { "EQUAL", "consistentCount" }, { 0 },
};
static const struct param verify_apply_args[] = {
    PROJECT_ARG("projectId"),
    { "ROW", NULL, "rowIds", P_TEXT, REPEAT, NULL, "only these rows, as `differences` names them: vd_7" },
    { 0 },
};
static const struct param verify_report_args[] = {
    PROJECT_ARG("projectId"),
    { "FILE", NULL, NULL, P_FILE, REQUIRED, NULL, "where to; it must not exist" },
    { 0 },
};
static const struct param verify_options[] = {
    { "--schema", "DB", "schema", P_TEXT, 0, NULL, "of this database" },
    { "--table", "TABLE", "table", P_TEXT, 0, NULL, "of this table" },
    { 0 },
};

/* ------------------------------------------------------------------ ddl, precheck */

static const struct param ddl_list_options[] = {
    { "--all", NULL, "all", P_FLAG, 0, NULL, "those that need no decision, too" },
    { 0 },
};
static const struct param ddl_skip_args[] = {
    PROJECT_ARG("projectId"),
    { "DDL", NULL, "ddlId", P_TEXT, REQUIRED, NULL, "id of the statement, from ddl list" },
    { 0 },
};
static const struct param ddl_replace_args[] = {
    PROJECT_ARG("projectId"),
    { "DDL", NULL, "ddlId", P_TEXT, REQUIRED, NULL, "id of the statement, from ddl list" },
    { "SQL", NULL, NULL, P_TEXT, REQUIRED, NULL, "what to run instead; @FILE and - are read" },
    { 0 },
};
static const struct param precheck_args[] = {
    { "FILE", NULL, NULL, P_FILE, REQUIRED, NULL, "a body of CreateProject as JSON, - for standard input; names of data sources may stand for ids" },
    { 0 },
};
static const struct param precheck_options[] = {
    { "--junit", "FILE.xml", NULL, P_FILE, PARAM_OPTIONAL, NULL, "write JUnit's XML into this file, or alone to standard output" },
    { "--timeout", "SECONDS", NULL, P_INT, 0, NULL, "give up after so long (exit status 2), 300 by default" },
    { 0 },
};

/* ------------------------------------------------------------------ labels, accounts */

static const struct param label_create_args[] = {
    { "NAME", NULL, "name", P_TEXT, REQUIRED, NULL, "1 to 20 characters without blanks" },
    { 0 },
};
static const struct param label_args[] = { LABEL_ARG, { 0 } };
static const struct column label_columns[] = { { "ID", "id" }, { "NAME", "name" }, { 0 } };
static const struct param user_options[] = {
    { "--role", "ROLE", "role", P_TEXT, REQUIRED, "VIEWER OPERATOR ADMIN", "what the account may do" },
    PASSWORD_OPTIONS,
    { 0 },
};
static const struct param user_args[] = {
    { "USER", NULL, "username", P_TEXT, REQUIRED, NULL, "name of the account" },
    { 0 },
};
static const struct param user_update_options[] = {
    { "--role", "ROLE", "role", P_TEXT, 0, "VIEWER OPERATOR ADMIN", "another role" },
    { "--disable", NULL, "disabled", P_FLAG, 0, NULL, "let it do nothing any more" },
    { "--enable", NULL, "!disabled", P_FLAG, 0, NULL, "let it in again" },
    { "--password", NULL, NULL, P_FLAG, 0, NULL, "ask for another password" },
    { "--password-file", "FILE", NULL, P_FILE, 0, NULL, "another password, the first line of this file" },
    { "--password-stdin", NULL, NULL, P_FLAG, 0, NULL, "another password, a line of standard input" },
    { 0 },
};
static const struct param passwd_options[] = {
    { "--old-password-file", "FILE", NULL, P_FILE, 0, NULL, "the present password is the first line of this file" },
    { "--password-file", "FILE", NULL, P_FILE, 0, NULL, "the new one is the first line of this file" },
    { "--password-stdin", NULL, NULL, P_FLAG, 0, NULL, "read a line of standard input for each that has no file: the present one, then the new one" },
    { 0 },
};
static const struct column user_columns[] = {
    { "USER", "username" }, { "ROLE", "role" }, { "DISABLED", "disabled" }, { "CREATED", "gmtCreate" }, { 0 },
};
static const struct param key_options[] = {
    { "--user", "NAME", "username", P_TEXT, 0, NULL, "of this account; your own by default" },
    { "--description", "TEXT", "description", P_TEXT, 0, NULL, "a note" },
    { 0 },
};
static const struct param key_list_options[] = {
    { "--user", "NAME", "username", P_TEXT, 0, NULL, "of this account" },
    { 0 },
};
static const struct param key_update_options[] = {
    { "--disable", NULL, "disabled", P_FLAG, 0, NULL, "let it sign nothing any more" },
    { "--enable", NULL, "!disabled", P_FLAG, 0, NULL, "let it sign again" },
    { "--description", "TEXT", "description", P_TEXT, 0, NULL, "a note" },
    { 0 },
};
static const struct param audit_options[] = {
    { "--user", "NAME", "user", P_TEXT, 0, NULL, "what this account did" },
    { "--action", "ACTION", "action", P_TEXT, 0, NULL, "this action of the API" },
    { "--target", "ID", "target", P_TEXT, 0, NULL, "what was done to this" },
    { "--result", "RESULT", "result", P_TEXT, 0, NULL, "with this result" },
    { "--from", "TIME", "from", P_INT, 0, NULL, "not before, Unix seconds" },
    { "--to", "TIME", "to", P_INT, 0, NULL, "not after, Unix seconds" },
    LIMIT_OPTION,
    { 0 },
};
static const struct param key_args[] = {
    { "KEY", NULL, "accessKeyId", P_TEXT, REQUIRED, NULL, "id of the access key" },
    { 0 },
};
static const struct column key_columns[] = {
    { "KEY", "accessKeyId" }, { "USER", "username" }, { "DISABLED", "disabled" }, { "USED", "lastUsedAt" }, { "DESCRIPTION", "description" }, { 0 },
};
static const struct column audit_columns[] = {
    { "TIME", "gmtCreate" }, { "USER", "user" }, { "FROM", "peer" }, { "ACTION", "action" }, { "TARGET", "target" }, { "RESULT", "result" }, { 0 },
};

static const struct param alert_options[] = {
    { "--project", "PROJECT", "projectId", P_PROJECT, 0, NULL, "of this project" },
    { "--firing", NULL, "firing", P_FLAG, 0, NULL, "only those that still hold" },
    LIMIT_OPTION,
    { 0 },
};
static const struct column alert_columns[] = {
    { "FIRED", "firedAt" }, { "LEVEL", "level" }, { "RULE", "rule" }, { "PROJECT", "projectName" }, { "MESSAGE", "message" }, { 0 },
};
static const struct param webhook_create_args[] = {
    { "URL", NULL, "url", P_TEXT, REQUIRED, NULL, "http or https" },
    { 0 },
};
static const struct param webhook_create_options[] = {
    { "--level", "LEVEL", "level", P_TEXT, 0, "WARN ERROR", "the least level, WARN by default" },
    { "--rule", "RULE", "rules", P_TEXT, REPEAT, NULL, "only alerts of this rule" },
    { 0 },
};
static const struct param webhook_args[] = {
    { "WEBHOOK", NULL, "id", P_TEXT, REQUIRED, NULL, "id of the webhook" },
    { 0 },
};
static const struct column webhook_columns[] = { { "ID", "id" }, { "LEVEL", "level" }, { "URL", "url" }, { 0 } };

/* ------------------------------------------------------------------ what needs no daemon, and the raw call */

static const struct param call_args[] = {
    { "ACTION", NULL, NULL, P_TEXT, REQUIRED, NULL, "an action of openapi.yaml" },
    { "JSON", NULL, NULL, P_JSON, 0, NULL, "the request; @FILE and - are read" },
    { 0 },
};
static const struct param completion_args[] = {
    { "SHELL", NULL, NULL, P_TEXT, REQUIRED, "bash zsh", "which shell" },
    { 0 },
};
static const struct param help_options[] = {
    { "--man", NULL, NULL, P_FLAG, 0, NULL, "as the source of a manual page" },
    { "--markdown", NULL, NULL, P_FLAG, 0, NULL, "as the reference of docs/cli.md" },
    { 0 },
};

const struct command commands[] = {
    { .path = "source add", .help = "Save a connection to a database; prints its id", .args = source_add_args, .options = source_add_options,
      .more = "Nothing is connected to yet: source test does that.", .run = run_source_add, .secret = SECRET_ASKED },
    { .path = "source list", .help = "List the data sources", .options = source_list_options, .action = "ListDataSource", .columns = source_columns, .run = run_list },
    { .path = "source test", .help = "Connect to it and look whether its version is known", .args = source_args, .options = test_options,
      .more = "Runs at the daemon, like a precheck of this one end. Exit status 0 or 1; 2 when it could not be tried.", .run = run_source_test },
    { .path = "source update", .help = "Another host, port or account for a data source", .args = source_args, .options = source_update_options,
      .more = "Refused while a project that uses it runs.", .action = "UpdateDataSource", .run = run_action, .secret = SECRET_ON_REQUEST },
    { .path = "source remove", .help = "Remove a data source; projects that use it keep working", .args = source_args, .action = "DeleteDataSource", .run = run_action },

    { .path = "project create", .help = "Make a project out of a file, of options, or of a file with options over it; prints its id", .args = create_args, .options = create_options,
      .more = "Without a file it creates the schema, copies the rows and stays in step. Its state is INIT until it is started.", .run = run_project_create },
    { .path = "project list", .help = "List the projects", .options = project_list_options, .action = "ListProjects", .columns = project_columns, .run = run_list },
    { .path = "project show", .help = "Show a project, its steps, and what to do when one has failed", .args = project_args, .run = run_project_show },
    { .path = "project steps", .help = "Show its steps alone", .args = project_args, .run = run_project_steps },
    { .path = "project start", .help = "Start a project that was never started", .args = project_args, .action = "StartProject", .run = run_action },
    { .path = "project stop", .help = "Pause a running project; its workers stop at a commit", .args = project_args, .action = "StopProject", .run = run_action },
    { .path = "project resume", .help = "Let a paused or failed project go on where it stopped", .args = project_args, .action = "ResumeProject", .run = run_action },
    { .path = "project release", .help = "End a paused, failed or finished project for good and remove its traces in the databases", .args = project_args, .action = "ReleaseProject", .run = run_action },
    { .path = "project delete", .help = "Delete a project that was never started or is released", .args = project_args, .action = "DeleteProject", .run = run_action },
    { .path = "project watch", .alias = "watch", .help = "Watch the steps until the project has ended, or is where one wants it", .args = project_args, .options = watch_options,
      .more = "In a terminal with bars, speed, lag and the time left, drawn in place; elsewhere a line for each step that has changed, with --json an object a line. A daemon that is away for less than a minute is waited for. "
              "Exit status 0: it is there, or FINISHED; 1: it failed, ended otherwise, or the time was over.", .run = run_watch },
    { .path = "project events", .help = "Show its history, the newest first", .args = of_project_args, .options = limit_options, .action = "ListProjectEvents", .columns = event_columns, .run = run_list },
    { .path = "project config", .help = "Change limits and settings of a project", .args = project_args, .options = config_options,
      .more = "Throttles act at once, the rest from the next start on: docs/operations.md.", .action = "UpdateProjectConfig", .run = run_action },
    { .path = "project rename", .help = "Give a project another name", .args = rename_args, .action = "RenameProject", .run = run_action },
    { .path = "project importance", .help = "Change how soon its lag is worth an alert", .args = importance_args, .action = "UpdateProjectImportance", .run = run_action },
    { .path = "project label", .help = "Set the labels of a project: exactly these", .args = project_label_args, .run = run_project_label },
    { .path = "project metrics", .help = "Show how one measure of a step went over time", .args = of_project_args, .options = metric_options, .run = run_project_metrics },
    { .path = "project components", .help = "Show its workers", .args = project_args, .action = "DescribeProjectComponents", .run = run_action },
    { .path = "project objects export", .help = "Write the list of objects as CSV", .args = export_args, .run = run_objects_export },
    { .path = "project objects check", .help = "Read a CSV of objects and tell every faulty line; creates nothing", .args = import_args, .run = run_objects_check },
    { .path = "project objects change", .help = "Change what a project carries, while it runs", .args = project_args, .options = change_options, .run = run_objects_change },
    { .path = "project objects changes", .help = "List the changes of its objects and how far they are", .args = project_args, .action = "ListProjectModifyRecords", .columns = record_columns, .run = run_list },
    { .path = "project objects stop", .help = "Abort a change", .args = record_args, .action = "StopProjectModifyRecords", .run = run_action },
    { .path = "project objects retry", .help = "Try a failed change again", .args = record_args, .action = "RetryProjectModifyRecords", .run = run_action },
    { .path = "project objects cancel", .help = "Take back a change that waits", .args = record_args, .action = "CancelProjectModifyRecord", .run = run_action },
    { .path = "project precheck run", .help = "Run the precheck of a project again and wait for it", .args = project_args, .options = test_options, .action = "RunPreCheck",
      .more = "Exit status as of precheck.", .run = run_project_precheck },
    { .path = "project precheck show", .help = "Show the items of its last precheck", .args = project_args, .run = run_project_precheck_show },
    { .path = "project precheck skip", .help = "Do without an item that may be skipped; who did so is recorded", .args = skip_args, .action = "SkipPreCheckItem", .run = run_action },

    { .path = "project reverse configure", .alias = "reverse configure", .help = "Make the other direction of a two-way project; prints its id", .args = reverse_configure_args, .options = reverse_configure_options, .run = run_reverse_configure },
    { .path = "project reverse show", .alias = "reverse show", .help = "Show the reverse project of a forward one", .args = project_args, .action = "DescribeProject", .run = run_reverse },
    { .path = "project reverse start", .alias = "reverse start", .help = "Start it", .args = project_args, .action = "StartProject", .run = run_reverse },
    { .path = "project reverse stop", .alias = "reverse stop", .help = "Pause it", .args = project_args, .action = "StopProject", .run = run_reverse },
    { .path = "project reverse resume", .alias = "reverse resume", .help = "Let it go on", .args = project_args, .action = "ResumeProject", .run = run_reverse },
    { .path = "project reverse release", .alias = "reverse release", .help = "End it for good", .args = project_args, .action = "ReleaseProject", .run = run_reverse },
    { .path = "project reverse delete", .alias = "reverse delete", .help = "Delete it", .args = project_args, .action = "DeleteProject", .run = run_reverse },

    { .path = "project switchover start", .alias = "switchover start", .help = "Begin to move the applications to the target", .args = project_args, .options = switch_options, .action = "AdvanceProject", .run = run_switchover },
    { .path = "project switchover advance", .alias = "switchover advance", .help = "Pass the next manual point, or try a failed sub-step again", .args = project_args, .options = switch_options, .action = "AdvanceProject", .run = run_switchover },
    { .path = "project switchover dry-run", .alias = "switchover dry-run", .help = "Tell what each sub-step would do and how long writes would stop", .args = project_args, .options = switch_options, .action = "AdvanceProject", .run = run_switchover },
    { .path = "project switchover abort", .alias = "switchover abort", .help = "Go back to forward synchronisation", .args = project_args, .action = "AbortSwitchover", .run = run_switchover },
    { .path = "project switchover status", .alias = "switchover status", .help = "Show its sub-steps", .args = project_args, .run = run_switchover_status },

    { .path = "project conflicts list", .alias = "conflicts list", .help = "List changes that met something else than expected", .args = of_project_args, .options = conflict_options, .run = run_conflicts_list },
    { .path = "project conflicts download", .alias = "conflicts download", .help = "Download them as log files in a ZIP archive", .args = conflict_download_args, .options = conflict_download_options, .run = run_conflicts_download },

    { .path = "project verify start", .alias = "verify start", .help = "Compare both ends now", .args = of_project_args, .options = verify_start_options, .action = "StartFullVerify", .run = run_action },
    { .path = "project verify result", .alias = "verify result", .help = "Show what the comparison found, table by table", .args = of_project_args, .options = verify_result_options, .columns = verify_columns, .run = run_verify_result },
    { .path = "project verify differences", .alias = "verify differences", .help = "List the rows that differ, with the values of both ends", .args = of_project_args, .options = verify_options, .action = "ListFullVerifyInconsistenciesResult", .run = run_verify_rows },
    { .path = "project verify corrections", .alias = "verify corrections", .help = "List the statements that would make the target equal", .args = of_project_args, .options = verify_options, .action = "ListFullVerifyCorrectionsResult", .run = run_verify_rows },
    { .path = "project verify apply", .alias = "verify apply", .help = "Make rows of the target equal to the source", .args = verify_apply_args, .options = verify_options, .action = "ApplyFullVerifyCorrections",
      .more = "Without ROW, --schema and --table every row that differs. The daemon looks at both ends of each row again; `differences` shows what became of each.", .run = run_action },
    { .path = "project verify report", .alias = "verify report", .help = "Download what was found: one page of HTML, or CSV when FILE ends with .csv", .args = verify_report_args, .run = run_verify_report },

    { .path = "precheck", .help = "Check whether a body of CreateProject could run, without creating anything", .args = precheck_args, .options = precheck_options,
      .more = "For CI. Exit status 0: all items passed or warned; 1: items have failed; 2: it could not be run.", .run = run_precheck },

    { .path = "ddl list", .help = "List DDL statements that wait for a decision", .args = of_project_args, .options = ddl_list_options, .run = run_ddl_list },
    { .path = "ddl skip", .help = "Don't run it at the target", .args = ddl_skip_args, .action = "SkipDdl", .run = run_ddl_decide },
    { .path = "ddl replace", .help = "Run something else instead", .args = ddl_replace_args, .action = "ReplaceDdl", .run = run_ddl_decide },

    { .path = "label create", .help = "Make a label; prints its id", .args = label_create_args, .action = "CreateLabel", .run = run_action },
    { .path = "label list", .help = "List the labels", .action = "ListAllLabels", .columns = label_columns, .run = run_list },
    { .path = "label delete", .help = "Delete a label", .args = label_args, .action = "DeleteLabel", .run = run_action },
    { .path = "label start", .help = "Start all projects with this label that were never started", .args = label_args, .action = "StartProjectsByLabel", .run = run_action },
    { .path = "label stop", .help = "Pause all running projects with this label", .args = label_args, .action = "StopProjectsByLabel", .run = run_action },

    { .path = "user create", .help = "Make an account", .args = user_args, .options = user_options, .action = "CreateUser", .run = run_action, .secret = SECRET_NEW },
    { .path = "user list", .help = "List the accounts", .action = "ListUsers", .columns = user_columns, .run = run_list },
    { .path = "user update", .help = "Another role or password, or shut an account out", .args = user_args, .options = user_update_options, .action = "UpdateUser", .run = run_action, .secret = SECRET_ON_REQUEST },
    { .path = "user passwd", .help = "Change your own password", .options = passwd_options, .action = "ChangePassword", .run = run_user_passwd },
    { .path = "user delete", .help = "Delete an account with its access keys", .args = user_args, .action = "DeleteUser", .run = run_action },
    { .path = "key create", .help = "Make an access key; its secret is shown only now", .options = key_options, .action = "CreateAccessKey", .run = run_action },
    { .path = "key list", .help = "List the access keys", .options = key_list_options, .action = "ListAccessKeys", .columns = key_columns, .run = run_list },
    { .path = "key update", .help = "Shut an access key out, or let it in again", .args = key_args, .options = key_update_options, .action = "UpdateAccessKey", .run = run_action },
    { .path = "key delete", .help = "Delete an access key", .args = key_args, .action = "DeleteAccessKey", .run = run_action },
    { .path = "audit list", .help = "List who changed what, the newest first", .options = audit_options, .action = "ListAuditEvents", .columns = audit_columns, .run = run_list },

    { .path = "alert list", .help = "List alerts, the newest first", .options = alert_options, .action = "ListAlerts", .columns = alert_columns, .run = run_list },
    { .path = "alert webhook create", .help = "Have alerts sent somewhere; prints the secret that signs them, only now", .args = webhook_create_args, .options = webhook_create_options, .action = "CreateAlertWebhook", .run = run_action },
    { .path = "alert webhook list", .help = "List where alerts are sent to", .action = "ListAlertWebhooks", .columns = webhook_columns, .run = run_list },
    { .path = "alert webhook test", .help = "Send one now", .args = webhook_args, .action = "TestAlertWebhook", .run = run_action },
    { .path = "alert webhook delete", .help = "Send there no more", .args = webhook_args, .action = "DeleteAlertWebhook", .run = run_action },

    { .path = "call", .help = "Call any action of the API; prints the whole answer, with --json its data", .args = call_args, .run = run_call },
    { .path = "completion", .help = "Print a completion script for your shell", .args = completion_args, .run = run_completion, .local = true,
      .more = "bash: eval \"$(causeway completion bash)\". zsh: the same with zsh, or put it as _causeway into a folder of fpath." },
    { .path = "help", .help = "Print the commands", .options = help_options, .run = run_help, .local = true },
};
/* clang-format on */

const size_t commands_count = ARRAY_SIZE(commands);
