/*
 * An error is a value: code, message, advice. It is what a step's row stores, what a worker sends
 * up its channel and what the API's envelope shows. Raised once, where it is known; wrapped on the
 * way up; logged where it is handled.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

/* clang-format off */
/* symbol, wire code, level, worth trying again by itself, default advice */
#define ERR_TABLE(X) \
    X(ERR_INTERNAL,            "INNER_ERROR",            "ERROR", false, "Look for the request id in the daemon's log.") \
    X(ERR_NOMEM,               "CAUSEWAY-MEMORY000001",  "FATAL", true,  "Give the process more memory, then resume.") \
    X(ERR_PARAM,               "PARAM_ERROR",            "ERROR", false, "Correct the named fields and send the request again.") \
    X(ERR_UNAUTHORIZED,        "CAUSEWAY-AUTHEN000001",  "ERROR", false, "Send HTTP Basic credentials of a Causeway account.") \
    X(ERR_FORBIDDEN,           "CAUSEWAY-AUTHEN000002",  "ERROR", false, "Use an account with a higher role.") \
    X(ERR_SIGNATURE,           "CAUSEWAY-SIGNAT000001",  "ERROR", false, "Sign with the secret of the access key named; docs/sdk.md tells how.") \
    X(ERR_SIGNATURE_DATE,      "CAUSEWAY-SIGNAT000002",  "ERROR", false, "Set the client's clock (NTP), then sign the request anew.") \
    X(ERR_SIGNATURE_REPLAY,    "CAUSEWAY-SIGNAT000003",  "ERROR", false, "Sign the request anew, with another nonce and the present time.") \
    X(ERR_NONCES_FULL,         "Throttling.Nonces",      "ERROR", true,  "Send fewer requests, or use more access keys.") \
    X(ERR_UNKNOWN_ACTION,      "CAUSEWAY-ACTION000001",  "ERROR", false, "GET /openapi.yaml lists the actions.") \
    X(ERR_NOT_SUPPORTED,       "CAUSEWAY-NOTSUP000001",  "ERROR", false, "docs/status.md tells what is not built yet.") \
    X(ERR_BODY_TOO_LARGE,      "CAUSEWAY-LIMITS000001",  "ERROR", false, "Send a smaller request.") \
    X(ERR_LIMIT,               "CAUSEWAY-LIMITS000002",  "ERROR", false, "Delete what is no longer needed, or raise the limit.") \
    X(ERR_THROTTLED,           "Throttling.User",        "ERROR", true,  "Send fewer requests a second, or raise requests_per_second and requests_burst.") \
    X(ERR_STOPPING,            "CAUSEWAY-STOPNG000001",  "ERROR", true,  "Try again when the daemon is up again.") \
    X(ERR_CONFIG,              "CAUSEWAY-CONFIG000001",  "FATAL", false, "Correct the settings and start again.") \
    X(ERR_PROJECT_NOT_FOUND,   "GHANA-PROJECT000001",    "ERROR", false, "List the projects to find its id.") \
    X(ERR_SOURCE_NOT_FOUND,    "GHANA-ENDPNT000001",     "ERROR", false, "List the data sources to find its id.") \
    X(ERR_LABEL_NOT_FOUND,     "GHANA-LABELS000001",     "ERROR", false, "ListAllLabels shows the labels there are.") \
    X(ERR_PRECHECK_NOT_FOUND,  "GHANA-PRECHK000001",     "ERROR", false, "Use the id that SubmitPreCheck answered.") \
    X(ERR_USER_NOT_FOUND,      "CAUSEWAY-ACCNTS000001",  "ERROR", false, "List the users to find the name.") \
    X(ERR_KEY_NOT_FOUND,       "CAUSEWAY-ACCNTS000002",  "ERROR", false, "List the access keys to find its id.") \
    X(ERR_LAST_ADMIN,          "CAUSEWAY-ACCNTS000003",  "ERROR", false, "Give another user the role ADMIN first.") \
    X(ERR_NAME_TAKEN,          "GHANA-NAMEEX000001",     "ERROR", false, "Choose another name.") \
    X(ERR_STATE,               "GHANA-OPERAT000002",     "ERROR", false, "Look at the project's status first.") \
    X(ERR_IN_USE,              "GHANA-OPERAT000003",     "ERROR", false, "Release and delete what uses it first.") \
    X(ERR_STORE,               "CAUSEWAY-STOREF000001",  "FATAL", false, "Check the data directory's disk and permissions.") \
    X(ERR_STORE_BUSY,          "CAUSEWAY-STOREF000002",  "ERROR", true,  "Try again in a few seconds.") \
    X(ERR_KEYFILE,             "CAUSEWAY-SECRET000001",  "FATAL", false, "Restore the key file that belongs to this data directory.") \
    X(ERR_IO,                  "CAUSEWAY-SYSTEM000001",  "ERROR", false, "Check the path, its disk and its permissions.") \
    X(ERR_WORKER_DIED,         "SUPERVISOR-WORKER000001","FATAL", false, "Look at the daemon's log, then resume the project.") \
    X(ERR_CHANNEL,             "SUPERVISOR-WORKER000002","FATAL", false, "Look at the daemon's log, then resume the project.") \
    X(ERR_CANCELLED,           "SUPERVISOR-WORKER000003","ERROR", false, "Nothing to do: the worker was asked to stop.") \
    X(ERR_TIMEOUT,             "CAUSEWAY-TIMEOT000001",  "ERROR", true,  "Check the network and the server's load.") \
    X(ERR_DB_CONNECT,          "GHANA-OPERAT000100",     "ERROR", true,  "Check host, port, network and that the server is up.") \
    X(ERR_DB_AUTH,             "GHANA-OPERAT000101",     "ERROR", false, "Correct the account or its password in the data source.") \
    X(ERR_DB_PRIVILEGE,        "GHANA-OPERAT000102",     "ERROR", false, "Grant the account what the message names.") \
    X(ERR_DB_LOST,             "CONNECTOR-DBLO00000001", "ERROR", true,  "Check the network and that the server is up.") \
    X(ERR_DB_RETRY,            "CONNECTOR-DBLO00000002", "ERROR", true,  "A deadlock or lock wait: it is tried again by itself.") \
    X(ERR_DB_READONLY,         "CONNECTOR-DBRO00000001", "ERROR", true,  "Make the target writable (read_only, super_read_only).") \
    X(ERR_DB_FULL,             "CONNECTOR-DBFU00000001", "ERROR", true,  "Free disk space at the database server.") \
    X(ERR_DB_QUERY,            "CONNECTOR-DBQU00000001", "ERROR", false, "Look at the server's message and the statement named.") \
    X(ERR_DB_UNSUPPORTED,      "CONNECTOR-DBUN00000001", "ERROR", false, "Use a server of the MySQL family that docs/status.md names.") \
    X(ERR_EPOCH_STALE,         "CONNECTOR-EPOC00000001", "ERROR", false, "Another worker has taken over; this one stops.") \
    X(ERR_CONTROL_SCHEMA,      "CONNECTOR-CTRL00000001", "ERROR", false, "Check the control schema at the target.") \
    X(ERR_PRECHECK_FAILED,     "GHANA-PCHKNP000001",     "ERROR", false, "GetPreCheckResult lists each failed item with its advice.") \
    X(ERR_SCHEMA_CONVERT,      "GHANA-MIGRAT000201",     "ERROR", false, "Create the object at the target by hand or leave it out.") \
    X(ERR_SCHEMA_MISMATCH,     "CONNECTOR-SIAL00000001", "FATAL", false, "Make the target table fit the source, then resume.") \
    X(ERR_TABLE_NOT_FOUND,     "GHANA-PCHKNP002010",     "ERROR", false, "Create the table or leave it out of the selection.") \
    X(ERR_TABLE_NOT_EMPTY,     "CONNECTOR-FULL00000001", "ERROR", false, "Empty the target table, or set allowDestTableNotEmpty.") \
    X(ERR_VALUE,               "CONNECTOR-FULL00000002", "ERROR", false, "Widen the target column or correct the row named.") \
    X(ERR_RELAY_IO,            "CAUSEWAY-RELAYF000001",  "ERROR", false, "Check the data directory's disk, then resume.") \
    X(ERR_RELAY_FULL,          "CAUSEWAY-RELAYF000002",  "ERROR", true,  "Free disk space, or raise relayMaxBytes; it goes on by itself.") \
    X(ERR_RELAY_CORRUPT,       "CAUSEWAY-RELAYF000003",  "FATAL", false, "Resume: the damaged segment is pulled again from the source.") \
    X(ERR_RELAY_BUSY,          "CAUSEWAY-RELAYF000004",  "ERROR", true,  "End the process that holds the folder (its id is in the folder's lock file).") \
    X(ERR_BINLOG_OFF,          "GHANA-PCHKNP000020",     "ERROR", false, "Set log_bin and binlog_format=ROW at the source.") \
    X(ERR_BINLOG_PURGED,       "CM-RESOIE000201",        "FATAL", false, "The source no longer has the binlog needed: start the project anew.") \
    X(ERR_BINLOG_RESET,        "CAUSEWAY-POSITN000001",  "FATAL", false, "The source's binlog was begun anew: ResetIncrStartTimestamp, or start the project anew (docs/positions.md).") \
    X(ERR_GTID_PURGED,         "CAUSEWAY-POSITN000002",  "FATAL", false, "Point the data source at a server that still has them, or start the project anew (docs/positions.md).") \
    X(ERR_GTID_ERRANT,         "CAUSEWAY-POSITN000003",  "FATAL", false, "Point the data source at a server that has them, or start the project anew (docs/positions.md).") \
    X(ERR_SOURCE_CHANGED,      "CAUSEWAY-POSITN000004",  "FATAL", false, "Point the data source at the old server, ResetIncrStartTimestamp, or start the project anew (docs/positions.md).") \
    X(ERR_SOURCE_BEHIND,       "CAUSEWAY-POSITN000005",  "ERROR", true,  "Nothing to do: it goes on as soon as the replica has caught up.") \
    X(ERR_POSITION_BACK,       "CAUSEWAY-POSITN000006",  "ERROR", false, "Choose a later time, or start the project anew (docs/positions.md).") \
    X(ERR_BINLOG_CHECKSUM,     "CONNECTOR-BLOG00000001", "FATAL", false, "Check the source's binlog files and the network.") \
    X(ERR_BINLOG_EVENT,        "CONNECTOR-BLOG00000002", "FATAL", false, "Report the event type and server version named.") \
    X(ERR_BINLOG_MALFORMED,    "CONNECTOR-BLOG00000003", "FATAL", false, "Report the event's position and server version.") \
    X(ERR_BINLOG_STATEMENT,    "CONNECTOR-BLOG00000004", "FATAL", false, "Set binlog_format=ROW for every session at the source.") \
    X(ERR_BINLOG_ROW_IMAGE,    "CONNECTOR-BLOG00000005", "FATAL", false, "Set binlog_row_image=FULL for every session at the source.") \
    X(ERR_DDL_IN_STREAM,       "CONNECTOR-DDLS00000001", "FATAL", false, "docs/ddl.md tells what is carried; SkipDdl or ReplaceDdl, then ResumeProject.") \
    X(ERR_DDL_UNPARSED,        "CONNECTOR-DDLS00000002", "FATAL", false, "Report the statement named.") \
    X(ERR_CONFLICT,            "CONNECTOR-CONF00000001", "FATAL", false, "Find who else writes to the target, correct the row named, then resume.") \
    X(ERR_LOOP,                "CAUSEWAY-LOOP00000001",  "FATAL", false, "Both directions stop: docs/two-way.md tells what breaks the mark of applied transactions; correct it, then resume both.") \
    X(ERR_PAIR,                "CAUSEWAY-PAIRED000001",  "FATAL", false, "docs/two-way.md tells what two directions need of their ends.") \
    X(ERR_SWITCHOVER,          "CAUSEWAY-SWITCH000001",  "ERROR", false, "docs/switchover.md tells what each sub-step needs; AdvanceProject tries again, AbortSwitchover goes back.") \
    X(ERR_FLOW,                "CAUSEWAY-FLOWER000001",  "ERROR", false, "Look at the project's steps.")
/* clang-format on */

enum err_code {
    ERR_NONE = 0,
#define ERR_ENUM_(sym, wire, level, retry, advice) sym,
    ERR_TABLE(ERR_ENUM_)
#undef ERR_ENUM_
        ERR_MAX_
};

struct err {
    enum err_code code;
    int sys_errno;     /* errno of the operating system, or 0 */
    unsigned db_errno; /* error number of the database server, or 0 */
    const char *file;  /* where it was raised: for the log, never for a client */
    int line;
    char message[1024]; /* what happened: one line, lower case, no secret */
    char advice[768];   /* what to do about it; empty: the table's */
};

/* err_set(): raises an error. Always returns -1, so that `return err_set(...)` reads well. */
#define err_set(err, code, ...) err_set_at((err), (code), __FILE__, __LINE__, __VA_ARGS__)
int err_set_at(struct err *err, enum err_code code, const char *file, int line, const char *fmt,
               ...) __attribute__((format(printf, 5, 6)));

/* err_set_sys(): as err_set, with errno's text appended. Reads errno. */
#define err_set_sys(err, code, ...) err_set_sys_at((err), (code), __FILE__, __LINE__, __VA_ARGS__)
int err_set_sys_at(struct err *err, enum err_code code, const char *file, int line, const char *fmt,
                   ...) __attribute__((format(printf, 5, 6)));

/* err_advise(): replaces the advice of a raised error; returns -1. */
int err_advise(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* err_wrap(): puts context in front of the message ("context: message"), keeps the code; -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void err_reset(struct err *err);

const char *err_wire(enum err_code code);      /* "PARAM_ERROR", … */
const char *err_level(enum err_code code);     /* "ERROR", "FATAL" */
bool err_retryable(const struct err *err);     /* worth trying again without a person's help */
const char *err_advice(const struct err *err); /* its own advice, or the table's */
enum err_code err_from_wire(const char *wire, const char *symbol); /* symbol first; else wire */
const char *err_symbol(enum err_code code);                        /* "ERR_PARAM" */

#endif
