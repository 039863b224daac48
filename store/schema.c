/*
 * The schema, as numbered steps: step n brings version n to n + 1, in one transaction with the row
 * that says so. A released step is never edited; a change is a new step.
 */
#include "store/db.h"

#include "base/banned.h"

static const char v1[] =
    "CREATE TABLE source ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " host TEXT NOT NULL,"
    " port INTEGER NOT NULL,"
    " user TEXT NOT NULL,"
    " password_sealed TEXT NOT NULL,"
    " extra TEXT,"
    " version TEXT, charset TEXT, timezone TEXT,"
    " created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL,"
    " deleted_at INTEGER"
    ") STRICT;"
    "CREATE UNIQUE INDEX source_name ON source (name) WHERE deleted_at IS NULL;"

    "CREATE TABLE project ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " owner TEXT NOT NULL,"
    " status TEXT NOT NULL,"
    " source_id TEXT NOT NULL REFERENCES source (id),"
    " sink_id TEXT NOT NULL REFERENCES source (id),"
    " config TEXT NOT NULL,"
    " created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL,"
    " started_at INTEGER, finished_at INTEGER"
    ") STRICT;"
    "CREATE UNIQUE INDEX project_name ON project (owner, name) WHERE status <> 'DELETED';"
    "CREATE INDEX project_status ON project (status);"
    "CREATE INDEX project_source ON project (source_id);"
    "CREATE INDEX project_sink ON project (sink_id);"

    "CREATE TABLE step ("
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " place INTEGER NOT NULL,"
    " status TEXT NOT NULL,"
    " progress REAL NOT NULL DEFAULT 0,"
    " info TEXT, error TEXT,"
    " checkpoint INTEGER,"
    " started_at INTEGER, finished_at INTEGER,"
    " PRIMARY KEY (project_id, name)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE precheck ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " project_id TEXT REFERENCES project (id) ON DELETE CASCADE,"
    " status TEXT NOT NULL,"
    " progress REAL NOT NULL DEFAULT 0,"
    " body TEXT, error TEXT,"
    " created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX precheck_project ON precheck (project_id, seq);"
    "CREATE TABLE precheck_item ("
    " seq INTEGER PRIMARY KEY,"
    " precheck_id TEXT NOT NULL REFERENCES precheck (id) ON DELETE CASCADE,"
    " check_type TEXT NOT NULL,"
    " endpoint_type TEXT NOT NULL,"
    " item TEXT NOT NULL,"
    " UNIQUE (precheck_id, check_type, endpoint_type)"
    ") STRICT;"
    "CREATE TABLE precheck_skip ("
    " seq INTEGER PRIMARY KEY,"
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " check_type TEXT NOT NULL,"
    " endpoint_type TEXT NOT NULL,"
    " user TEXT NOT NULL,"
    " at INTEGER NOT NULL,"
    " UNIQUE (project_id, check_type, endpoint_type)"
    ") STRICT;"

    "CREATE TABLE event ("
    " seq INTEGER PRIMARY KEY,"
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " at INTEGER NOT NULL,"
    " level TEXT NOT NULL,"
    " event TEXT NOT NULL,"
    " message TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX event_project ON event (project_id, seq);"

    "CREATE TABLE user ("
    " name TEXT PRIMARY KEY,"
    " password_hash TEXT NOT NULL,"
    " role TEXT NOT NULL,"
    " created_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE access_key ("
    " id TEXT PRIMARY KEY,"
    " secret_sealed TEXT NOT NULL,"
    " user_name TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,"
    " created_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;";

/* DDL statements of the stream, and requests to begin incremental at another time. */
static const char v2[] =
    "CREATE TABLE ddl ("
    " seq INTEGER PRIMARY KEY,"
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " id TEXT NOT NULL,"
    " status TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " objects TEXT,"
    " sql TEXT NOT NULL,"
    " target_sql TEXT, message TEXT,"
    " ran_at INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL,"
    " action TEXT, action_sql TEXT,"
    " decided_by TEXT, decided_at INTEGER,"
    " UNIQUE (project_id, id)"
    ") STRICT;"
    "CREATE INDEX ddl_project ON ddl (project_id, seq);"
    "CREATE INDEX ddl_pending ON ddl (project_id) WHERE status = 'PENDING';"

    "CREATE TABLE start_reset ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT," /* a ticket's number is never given out again */
    " id TEXT NOT NULL UNIQUE,"
    " project_id TEXT NOT NULL UNIQUE REFERENCES project (id) ON DELETE CASCADE,"
    " start_timestamp INTEGER NOT NULL,"
    " user TEXT NOT NULL,"
    " requested_at INTEGER NOT NULL,"
    " done_at INTEGER"
    ") STRICT;";

/*
 * Two directions of one pair, and conflicts. `turn` is where the target was when forward
 * incremental began. Triggers keep the counts, so that they are right however a row goes.
 */
static const char v3[] =
    "ALTER TABLE project ADD COLUMN forward_id TEXT REFERENCES project (id) ON DELETE SET NULL;"
    "ALTER TABLE project ADD COLUMN direction TEXT NOT NULL DEFAULT 'FORWARD';"
    "ALTER TABLE project ADD COLUMN turn TEXT;"
    "CREATE INDEX project_forward ON project (forward_id) WHERE forward_id IS NOT NULL;"
    "CREATE UNIQUE INDEX project_reverse ON project (forward_id)"
    " WHERE forward_id IS NOT NULL AND status NOT IN ('RELEASED', 'DELETED');"

    "CREATE TABLE conflict ("
    " rowno INTEGER PRIMARY KEY,"
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " step TEXT NOT NULL,"
    " seq INTEGER NOT NULL,"
    " n INTEGER NOT NULL,"
    " num INTEGER NOT NULL," /* 1, 2, 3 … of the step: says which file it is in */
    " kind TEXT NOT NULL,"
    " decision TEXT NOT NULL,"
    " source_table TEXT NOT NULL, target_table TEXT NOT NULL," /* db.table */
    " at INTEGER NOT NULL,"
    " doc TEXT NOT NULL,"
    " bytes INTEGER NOT NULL," /* of doc */
    " created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL,"
    " UNIQUE (project_id, step, seq, n)"
    ") STRICT;"
    "CREATE INDEX conflict_file ON conflict (project_id, step, num, bytes, modified_at);"
    "CREATE INDEX conflict_age ON conflict (created_at);"
    "CREATE TABLE conflict_count ("
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " step TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " total INTEGER NOT NULL," /* ever told */
    " kept INTEGER NOT NULL,"  /* rows there are */
    " PRIMARY KEY (project_id, step, kind)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER conflict_added AFTER INSERT ON conflict BEGIN"
    " INSERT INTO conflict_count VALUES (new.project_id, new.step, new.kind, 1, 1)"
    " ON CONFLICT DO UPDATE SET total = total + 1, kept = kept + 1; END;"
    "CREATE TRIGGER conflict_gone AFTER DELETE ON conflict BEGIN"
    " UPDATE conflict_count SET kept = kept - 1"
    " WHERE project_id = old.project_id AND step = old.step AND kind = old.kind; END;"
    "CREATE TRIGGER conflict_other AFTER UPDATE OF kind ON conflict WHEN old.kind <> new.kind BEGIN"
    " UPDATE conflict_count SET total = total - 1, kept = kept - 1"
    " WHERE project_id = old.project_id AND step = old.step AND kind = old.kind;"
    " INSERT INTO conflict_count VALUES (new.project_id, new.step, new.kind, 1, 1)"
    " ON CONFLICT DO UPDATE SET total = total + 1, kept = kept + 1; END;";

/*
 * Accounts: what access keys and users tell of themselves, and audit events. An audit row is never
 * changed but for its result, and for `count` and `last_at` of calls that were refused again.
 * Only the oldest are ever deleted, so that newest - oldest + 1 is their number.
 */
static const char v4[] =
    "ALTER TABLE user ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE user ADD COLUMN modified_at INTEGER;"
    "ALTER TABLE user ADD COLUMN password_at INTEGER;"
    "CREATE UNIQUE INDEX user_name_nocase ON user (name COLLATE NOCASE);"
    "ALTER TABLE access_key ADD COLUMN description TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE access_key ADD COLUMN created_by TEXT;"
    "ALTER TABLE access_key ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE access_key ADD COLUMN last_used_at INTEGER;"
    "CREATE INDEX access_key_user ON access_key (user_name, created_at);"

    "CREATE TABLE audit ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT," /* a number is never given out again */
    " at INTEGER NOT NULL,"
    " last_at INTEGER NOT NULL,"
    " count INTEGER NOT NULL DEFAULT 1," /* of calls, at least; more than 1: refused ones */
    " user TEXT NOT NULL,"
    " key_id TEXT,"
    " peer TEXT NOT NULL,"
    " action TEXT NOT NULL,"
    " target TEXT, target_name TEXT,"
    " result TEXT NOT NULL," /* STARTED, OK, UNKNOWN or the code of an error */
    " request_id TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX audit_at ON audit (at);"
    "CREATE INDEX audit_user ON audit (user, at);"
    "CREATE INDEX audit_action ON audit (action, at);"
    "CREATE INDEX audit_target ON audit (target, at) WHERE target IS NOT NULL;"
    "CREATE INDEX audit_started ON audit (seq) WHERE result = 'STARTED';";

/*
 * Labels, and what belongs to the project's lists. Triggers keep a label's number of projects; a
 * deleted project has no labels. The two orders of a list end with the status, so that most of
 * what a filter leaves out is left out without reading the project's row. A ticket's number is
 * never given out again.
 */
static const char v5[] =
    "CREATE TABLE label ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " creator TEXT NOT NULL,"
    " projects INTEGER NOT NULL DEFAULT 0,"
    " created_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE project_label ("
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " label INTEGER NOT NULL REFERENCES label (seq) ON DELETE CASCADE,"
    " PRIMARY KEY (project_id, label)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX project_label_label ON project_label (label);"
    "CREATE TRIGGER label_given AFTER INSERT ON project_label BEGIN"
    " UPDATE label SET projects = projects + 1 WHERE seq = new.label; END;"
    "CREATE TRIGGER label_taken AFTER DELETE ON project_label BEGIN"
    " UPDATE label SET projects = projects - 1 WHERE seq = old.label; END;"
    "CREATE TRIGGER label_deleted_project AFTER UPDATE OF status ON project"
    " WHEN new.status = 'DELETED' BEGIN"
    " DELETE FROM project_label WHERE project_id = new.id; END;"

    "ALTER TABLE project ADD COLUMN alarming INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE project ADD COLUMN passed TEXT;" /* the step that a person let it go on behind */
    "CREATE INDEX project_created ON project (created_at, seq, status);"
    "CREATE INDEX project_modified ON project (modified_at, seq, status);"

    "CREATE TABLE ticket ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " action TEXT NOT NULL,"
    " user TEXT NOT NULL,"
    " at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX ticket_project ON ticket (project_id, seq);"
    "INSERT INTO sqlite_sequence (name, seq)" /* resets had numbers of their own */
    " SELECT 'ticket', seq FROM sqlite_sequence WHERE name = 'start_reset';";

/*
 * Time series of steps, one row a second, a minute, half an hour, with a column a metric
 * (enum metric is the column's number); alerts and what of them is on its way to webhooks. What a
 * project has of these goes when it is deleted; the record of the project stays.
 */
#define METRIC_COLUMNS(p)                                                                          \
    p "0 REAL, " p "1 REAL, " p "2 REAL, " p "3 REAL, " p "4 REAL, " p "5 REAL, " p "6 REAL, " p   \
      "7 REAL, " p "8 REAL, " p "9 REAL, " p "10 REAL, " p "11 REAL, " p "12 REAL, " p             \
      "13 REAL, " p "14 REAL, "
/* clang-format off */
static const char v6[] =
    "CREATE TABLE metric_series ("
    " id INTEGER PRIMARY KEY,"
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " step TEXT NOT NULL,"
    " UNIQUE (project_id, step)"
    ") STRICT;"
    "CREATE TABLE metric_raw ("
    " series INTEGER NOT NULL REFERENCES metric_series (id) ON DELETE CASCADE,"
    " at INTEGER NOT NULL, " METRIC_COLUMNS("v") "PRIMARY KEY (series, at)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE metric_minute (" /* of each metric: how many points, their mean, the largest */
    " series INTEGER NOT NULL REFERENCES metric_series (id) ON DELETE CASCADE,"
    " at INTEGER NOT NULL, " METRIC_COLUMNS("n") METRIC_COLUMNS("v") METRIC_COLUMNS("x") "PRIMARY KEY (series, at)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE metric_half_hour ("
    " series INTEGER NOT NULL REFERENCES metric_series (id) ON DELETE CASCADE,"
    " at INTEGER NOT NULL, " METRIC_COLUMNS("n") METRIC_COLUMNS("v") METRIC_COLUMNS("x") "PRIMARY KEY (series, at)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE metric_rolled (level TEXT PRIMARY KEY, upto INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE alert ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " rule TEXT NOT NULL,"
    " subject TEXT NOT NULL," /* the step; "" of none */
    " level TEXT NOT NULL,"
    " message TEXT NOT NULL,"
    " value REAL, threshold REAL,"
    " fired_at INTEGER NOT NULL, resolved_at INTEGER,"
    " sent_at INTEGER NOT NULL, sent INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX alert_firing ON alert (project_id, rule, subject)"
    " WHERE resolved_at IS NULL;"
    "CREATE INDEX alert_project ON alert (project_id, fired_at);"
    "CREATE TABLE webhook ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " url TEXT NOT NULL,"
    " secret_sealed TEXT NOT NULL,"
    " level TEXT NOT NULL,"
    " rules TEXT," /* array; NULL: all */
    " owner TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " last_at INTEGER, last_result TEXT, last_good_at INTEGER"
    ") STRICT;"
    "CREATE TABLE webhook_delivery ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " webhook_id TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,"
    " body TEXT NOT NULL,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " next_at INTEGER NOT NULL," /* Unix ms */
    " created_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX webhook_delivery_hook ON webhook_delivery (webhook_id, seq);"
    "CREATE TRIGGER alert_fired AFTER INSERT ON alert BEGIN"
    " UPDATE project SET alarming = 1 WHERE id = new.project_id; END;"
    "CREATE TRIGGER alert_over AFTER UPDATE OF resolved_at ON alert BEGIN"
    " UPDATE project SET alarming = EXISTS (SELECT 1 FROM alert a"
    "  WHERE a.project_id = new.project_id AND a.resolved_at IS NULL)"
    " WHERE id = new.project_id; END;"
    "CREATE TRIGGER project_deleted_metrics AFTER UPDATE OF status ON project"
    " WHEN new.status = 'DELETED' BEGIN"
    " DELETE FROM metric_series WHERE project_id = new.id;"
    " DELETE FROM alert WHERE project_id = new.id;"
    " UPDATE project SET alarming = 0 WHERE id = new.id; END;";
/* clang-format on */

/*
 * Changes of a running project's objects. `held`, `sub_held`: where the incremental workers wait
 * for the hand-over; of a record that took effect at the target `held` stays.
 */
static const char v7[] =
    "ALTER TABLE project ADD COLUMN parent_id TEXT REFERENCES project (id) ON DELETE SET NULL;"
    "ALTER TABLE project ADD COLUMN modifying TEXT;"
    "DROP INDEX project_created;" /* lists look at these two for every row */
    "DROP INDEX project_modified;"
    "DROP INDEX project_status;"
    "CREATE INDEX project_created ON project (created_at, seq, status, modifying, parent_id);"
    "CREATE INDEX project_modified ON project (modified_at, seq, status, modifying, parent_id);"
    "CREATE INDEX project_status ON project (status, modifying, parent_id);"
    "CREATE INDEX project_parent ON project (parent_id) WHERE parent_id IS NOT NULL;"
    "CREATE TABLE modify_record ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT," /* the target remembers the last one in force */
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " sub_id TEXT REFERENCES project (id) ON DELETE SET NULL,"
    " type TEXT NOT NULL,"
    " status TEXT NOT NULL,"
    " mapping TEXT NOT NULL,"
    " part TEXT NOT NULL,"
    " error TEXT,"
    " user TEXT NOT NULL,"
    " held INTEGER, sub_held INTEGER,"
    " created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX modify_project ON modify_record (project_id, id);"
    "CREATE INDEX modify_sub ON modify_record (sub_id) WHERE sub_id IS NOT NULL;";

/* What the schema step made of each object. */
static const char v8[] =
    "CREATE TABLE converted ("
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " kind TEXT NOT NULL, db TEXT NOT NULL, name TEXT NOT NULL," /* at the source */
    " target_db TEXT NOT NULL, target_name TEXT NOT NULL,"
    " source TEXT NOT NULL, sql TEXT NOT NULL, notes TEXT NOT NULL,"
    " at INTEGER NOT NULL,"
    " PRIMARY KEY (project_id, db, name, kind)"
    ") STRICT, WITHOUT ROWID;";

/*
 * What was changed since: a number for each project, data source and label, so that what was made
 * of their rows can be kept as long as it is right. And how many projects there are of each status.
 */
#define RAISE(id) " INSERT INTO version VALUES (" id ", 1) ON CONFLICT DO UPDATE SET n = n + 1;"
#define RAISE_IF_THERE(id) " UPDATE version SET n = n + 1 WHERE id = " id ";"
#define RAISES(name, event, raise) "CREATE TRIGGER " name " AFTER " event " BEGIN" raise " END;"
#define SHOWN_OF(row)                                                                              \
    "CASE WHEN " row ".status = 'RUNNING' AND " row ".modifying IS NOT NULL"                       \
    " THEN 'RUNNING_' || " row ".modifying ELSE " row ".status END"
#define COUNTED(row, by)                                                                           \
    " INSERT INTO project_count VALUES (" SHOWN_OF(row) ", " row ".parent_id IS NOT NULL, " by     \
                                                        ") ON CONFLICT DO UPDATE SET n = n + (" by \
                                                        ");"
/* clang-format off */
static const char v9[] =
    "CREATE TABLE version (id TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    RAISES("version_project_added", "INSERT ON project", RAISE("new.id")
           RAISE_IF_THERE("new.forward_id"))
    RAISES("version_project", "UPDATE ON project", RAISE("new.id") RAISE_IF_THERE("new.forward_id"))
    RAISES("version_project_gone", "DELETE ON project",
           " DELETE FROM version WHERE id = old.id;" RAISE_IF_THERE("old.forward_id"))
    RAISES("version_step_added", "INSERT ON step", RAISE("new.project_id"))
    RAISES("version_step", "UPDATE ON step", RAISE("new.project_id"))
    RAISES("version_step_gone", "DELETE ON step", RAISE_IF_THERE("old.project_id"))
    RAISES("version_conflict_added", "INSERT ON conflict_count", RAISE("new.project_id"))
    RAISES("version_conflict", "UPDATE ON conflict_count", RAISE("new.project_id"))
    RAISES("version_conflict_gone", "DELETE ON conflict_count", RAISE_IF_THERE("old.project_id"))
    RAISES("version_alert_added", "INSERT ON alert", RAISE("new.project_id"))
    RAISES("version_alert", "UPDATE ON alert", RAISE("new.project_id"))
    RAISES("version_alert_gone", "DELETE ON alert", RAISE_IF_THERE("old.project_id"))
    RAISES("version_labelled", "INSERT ON project_label", RAISE("new.project_id"))
    RAISES("version_unlabelled", "DELETE ON project_label", RAISE_IF_THERE("old.project_id"))
    RAISES("version_label", "UPDATE ON label", RAISE("new.id"))
    RAISES("version_label_gone", "DELETE ON label", " DELETE FROM version WHERE id = old.id;")
    RAISES("version_source", "UPDATE ON source", RAISE("new.id"))
    RAISES("version_source_gone", "DELETE ON source", RAISE_IF_THERE("old.id"))

    "CREATE TABLE project_count ("
    " shown TEXT NOT NULL, sub INTEGER NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY (shown, sub)) STRICT, WITHOUT ROWID;"
    "INSERT INTO project_count SELECT " SHOWN_OF("p") ", p.parent_id IS NOT NULL, COUNT(*)"
    " FROM project p GROUP BY 1, 2;"
    "CREATE TRIGGER project_counted AFTER INSERT ON project BEGIN" COUNTED("new", "1") " END;"
    "CREATE TRIGGER project_recounted AFTER UPDATE OF status, modifying, parent_id ON project BEGIN"
    COUNTED("old", "-1") COUNTED("new", "1") " END;"
    "CREATE TRIGGER project_uncounted AFTER DELETE ON project BEGIN" COUNTED("old", "-1") " END;";
/* clang-format on */

/* Full verification: the last run of each project, its tables, and rows that differ. */
/* clang-format off */
static const char v10[] =
    "CREATE TABLE verify_run ("
    " project_id TEXT PRIMARY KEY REFERENCES project (id) ON DELETE CASCADE,"
    " id TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " tables TEXT," /* NULL: all of them */
    " user TEXT,"   /* NULL: the project's own step */
    " started_at INTEGER NOT NULL, ended_at INTEGER,"
    " whole_at INTEGER," /* when the last run of all tables that was through began */
    " error TEXT"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE verify_table ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " run TEXT NOT NULL," /* what it was found by; '' by the continuous check alone */
    " db TEXT NOT NULL, name TEXT NOT NULL," /* at the source */
    " target_db TEXT NOT NULL, target_name TEXT NOT NULL,"
    " status TEXT NOT NULL, result TEXT NOT NULL, message TEXT NOT NULL,"
    " source_only INTEGER NOT NULL, dest_only INTEGER NOT NULL,"
    " mismatched INTEGER NOT NULL, consistent INTEGER NOT NULL,"
    " progress REAL NOT NULL,"
    " position TEXT, resume TEXT, errors TEXT,"
    " rows_cut INTEGER NOT NULL DEFAULT 0,"
    " kept INTEGER NOT NULL DEFAULT 0," /* rows of verify_row */
    " started_at INTEGER NOT NULL, ended_at INTEGER,"
    " UNIQUE (project_id, db, name)"
    ") STRICT;"
    "CREATE TABLE verify_row ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT," /* a row's number is never given out again */
    " table_seq INTEGER NOT NULL REFERENCES verify_table (seq) ON DELETE CASCADE,"
    " id TEXT NOT NULL," /* the worker's: the same for the same key */
    " type TEXT NOT NULL,"
    " key_hex TEXT,"
    " doc TEXT NOT NULL,"
    " state TEXT NOT NULL, message TEXT NOT NULL,"
    " found_by TEXT NOT NULL,"
    " at INTEGER NOT NULL, modified_at INTEGER NOT NULL,"
    " UNIQUE (table_seq, id)"
    ") STRICT;"
    "CREATE INDEX verify_row_applying ON verify_row (table_seq) WHERE state = 'APPLYING';"
    "CREATE TRIGGER verify_row_added AFTER INSERT ON verify_row BEGIN"
    " UPDATE verify_table SET kept = kept + 1 WHERE seq = new.table_seq; END;"
    "CREATE TRIGGER verify_row_gone AFTER DELETE ON verify_row BEGIN"
    " UPDATE verify_table SET kept = kept - 1 WHERE seq = old.table_seq; END;"
    "CREATE TRIGGER project_deleted_verify AFTER UPDATE OF status ON project"
    " WHEN new.status = 'DELETED' BEGIN"
    " DELETE FROM verify_run WHERE project_id = new.id;"
    " DELETE FROM verify_table WHERE project_id = new.id; END;";
/* clang-format on */

static const char *const steps[] = { v1, v2, v3, v4, v5, v6, v7, v8, v9, v10 };
_Static_assert(ARRAY_SIZE(steps) == SCHEMA_VERSION, "one step a version");

static int read_version(struct db *h, int *ret, struct err *err)
{
    static const char sql[] = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0 || query_step(&q, err) < 0)
        return -1;
    *ret = (int)query_get_i64(&q, 0);
    return 0;
}

/* One step, if the version is still below it when the lock is ours: two daemons may race. */
static int one_step(struct db *h, int to, bool *ret_more, struct err *err)
{
    static const char done[] =
        "INSERT INTO schema_version (version, applied_at) VALUES (?1, unixepoch())";
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int version = 0;

    if (txn_begin(&t, h, err) < 0 || read_version(h, &version, err) < 0)
        return -1;
    if (version > SCHEMA_VERSION) {
        (void)err_set(err, ERR_STORE, "the store has schema version %d, this program knows %d",
                      version, (int)SCHEMA_VERSION);
        return err_advise(err, "Start the newer Causeway that made this data directory.");
    }
    *ret_more = version < to;
    if (!*ret_more)
        return 0;
    if (db_exec(h, steps[version], err) < 0 || query_open(&q, h, done, err) < 0)
        return -1;
    query_i64(&q, 1, version + 1);
    if (query_run(&q, err) < 0)
        return -1;
    return txn_commit(&t, err);
}

int db_schema(struct db *h, int to, struct err *err)
{
    static const char base[] = "CREATE TABLE IF NOT EXISTS schema_version ("
                               " version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT";
    bool more = true;

    if (db_exec(h, base, err) < 0)
        return -1;
    while (more)
        if (one_step(h, to, &more, err) < 0)
            return err_wrap(err, "bring the store's schema up to date");
    return 0;
}
