/* TRANSFER_PRECHECK: the table of items and what runs it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/precheck/precheck_priv.h"

#include "base/banned.h"

enum { TOTAL_MS = 55 * 1000, RECONNECT_S = 8, NAMES_SHOWN = 20, TEXT_MAX = 16 * 1024 };

enum {
    SRC = NEED_SOURCE,
    DST = NEED_SINK,
    CAT = NEED_SOURCE | NEED_CATALOG,
    BOTH = NEED_SOURCE | NEED_SINK,
    ALL_OF_IT = NEED_SOURCE | NEED_SINK | NEED_CATALOG,
    PRIV_SRC = NEED_SOURCE | NEED_SOURCE_GRANTS,
    PRIV_DST = NEED_SINK | NEED_SINK_GRANTS
};

/* In the order they run: what later ones need comes first. docs/precheck.md describes each. */
/* clang-format off */
static const struct item items[] = {
    /* check type                    end         name                                   skippable needs     when         */
    { "RDB_CONNECT",                    END_SOURCE, "Database connectivity check",            false, 0,         WHEN_ANY,    item_connect },
    { "RDB_CONNECT",                    END_SINK,   "Database connectivity check",            false, 0,         WHEN_ANY,    item_connect },
    { "DB_VERSION",                     END_SOURCE, "Database version check",                 true,  SRC,       WHEN_ANY,    item_version },
    { "DB_VERSION",                     END_SINK,   "Database version check",                 true,  DST,       WHEN_ANY,    item_version },
    { "RDB_SCHEMA_EXIST",               END_SOURCE, "Database existence check",               false, SRC,       WHEN_ANY,    item_schemas },
    { "RDB_TABLE_EXIST",                END_SOURCE, "Table existence check",                  false, SRC,       WHEN_ANY,    item_tables },
    { "DB_ACCOUNT_FULL_READ_PRIVILEGE", END_SOURCE, "Full read privilege check",              false, PRIV_SRC,  WHEN_FULL | WHEN_STRUCT, item_full_read },
    { "DB_ACCOUNT_INCR_READ_PRIVILEGE", END_SOURCE, "Incremental read privilege check",       false, PRIV_SRC,  WHEN_INCR,   item_incr_read },
    { "DB_STRUCT_PRIVILEGE",            END_SOURCE, "Schema read privilege check",            true,  PRIV_SRC,  WHEN_STRUCT, item_struct_read },
    { "DB_ACCOUNT_CREATE_PRIVILEGE",    END_SINK,   "Create privilege check",                 true,  PRIV_DST,  WHEN_STRUCT, item_create },
    { "DB_ACCOUNT_WRITER_PRIVILEGE",    END_SINK,   "Write privilege check",                  true,  PRIV_DST,  WHEN_FULL | WHEN_INCR, item_write },
    { "CONTROL_SCHEMA",                 END_SINK,   "Control schema check",                   false, DST,       WHEN_FULL | WHEN_INCR, item_control },
    { "READ_ONLY",                      END_SINK,   "Writability check",                      true,  DST,       WHEN_ANY,    item_read_only },
    { "DB_INCR_LOG",                    END_SOURCE, "Incremental log check",                  false, SRC,       WHEN_INCR,   item_log_bin },
    { "BINLOG_FORMAT",                  END_SOURCE, "Binlog format check",                    false, SRC,       WHEN_INCR,   item_format },
    { "BINLOG_ROW_IMAGE",               END_SOURCE, "Binlog row image check",                 false, SRC,       WHEN_INCR,   item_row_image },
    { "BINLOG_RETENTION",               END_SOURCE, "Binlog retention check",                 true,  SRC,       WHEN_INCR,   item_retention },
    { "BINLOG_FILTER",                  END_SOURCE, "Binlog filter check",                    true,  PRIV_SRC,  WHEN_INCR,   item_filter },
    { "BINLOG_DUMP",                    END_SOURCE, "Binlog read check",                      false, SRC,       WHEN_INCR,   item_dump },
    { "SERVER_ID",                      END_SOURCE, "Server id check",                        true,  SRC,       WHEN_INCR,   item_server_id },
    { "DB_MASTER_SLAVE",                END_SOURCE, "Replica check",                          true,  SRC,       WHEN_INCR,   item_replica },
    { "DB_TIME_SYNC",                   END_SOURCE, "Clock check",                            true,  SRC,       WHEN_INCR,   item_clock },
    { "DB_TIME_SYNC",                   END_SINK,   "Clock check",                            true,  DST,       WHEN_INCR,   item_clock },
    { "DB_TIMEZONE",                    END_SINK,   "Time zone check",                        true,  BOTH,      WHEN_ANY,    item_time_zone },
    { "DB_SQL_MODE",                    END_SINK,   "sql_mode check",                         true,  BOTH,      WHEN_ANY,    item_sql_mode },
    { "DB_MAX_ALLOWED_PACKET",          END_SINK,   "max_allowed_packet check",               true,  BOTH,      WHEN_FULL | WHEN_INCR, item_packet },
    { "LOCAL_INFILE",                   END_SINK,   "local_infile check",                     true,  DST,       WHEN_FULL,   item_local_infile },
    { "RDB_TABLE_EXIST",                END_SINK,   "Table existence check",                  true,  ALL_OF_IT, WHEN_ANY,    item_target_tables },
    { "DB_LOWER_CASE_TABLE_NAMES",      END_SINK,   "Case of table names check",              true,  ALL_OF_IT, WHEN_ANY,    item_lower_case },
    { "DB_CASE_SENSITIVE",              END_SINK,   "Names that differ in case check",        false, ALL_OF_IT, WHEN_ANY,    item_case_sensitive },
    { "DB_CHARSET",                     END_SINK,   "Character set and collation check",      true,  ALL_OF_IT, WHEN_STRUCT, item_charset },
    { "DB_ENGINE",                      END_SOURCE, "Storage engine check",                   true,  CAT,       WHEN_FULL,   item_engine },
    { "DB_UK_INDEX",                    END_SOURCE, "Primary or unique key check",            true,  CAT,       WHEN_FULL | WHEN_INCR, item_keys },
    { "DB_DATA_TYPE_INDEX",             END_SOURCE, "Type of key columns check",              true,  CAT,       WHEN_FULL | WHEN_INCR, item_key_types },
    { "DB_DATA_TYPE",                   END_SOURCE, "Column type check",                      true,  ALL_OF_IT, WHEN_ANY,    item_types },
    { "DB_FOREIGN_REFERENCE",           END_SOURCE, "Foreign keys out of scope check",        true,  CAT,       WHEN_ANY,    item_foreign },
    { "FOREIGN_KEY_CASCADE",            END_SOURCE, "Cascading foreign keys check",           true,  CAT,       WHEN_INCR,   item_cascade },
    { "TRIGGERS",                       END_SOURCE, "Trigger check",                          true,  CAT,       WHEN_FULL | WHEN_INCR, item_triggers },
    { "TRIGGERS",                       END_SINK,   "Trigger check",                          true,  ALL_OF_IT, WHEN_FULL | WHEN_INCR, item_triggers },
    { "WHERE_CLAUSE",                   END_SOURCE, "Row filter check",                       false, CAT,       WHEN_FULL | WHEN_INCR, item_where },
    { "OBJECT_NAMES",                   END_SOURCE, "Object name check",                      true,  CAT,       WHEN_ANY,    item_names },
    { "DB_TABLE_NAME_UNIQUE",           END_SOURCE, "Unique target name check",               false, CAT,       WHEN_ANY,    item_unique_names },
    { "TARGET_TABLE",                   END_SINK,   "Empty target table check",               false, ALL_OF_IT, WHEN_FULL,   item_target_empty },
    { "DB_ACCOUNT_WRITER_PRIVILEGE",    END_SOURCE, "Write privilege check",                  true,  PRIV_SRC,  WHEN_BACK,   item_write },
    { "DB_ACCOUNT_INCR_READ_PRIVILEGE", END_SINK,   "Incremental read privilege check",       false, PRIV_DST,  WHEN_BACK,   item_incr_read },
    { "CONTROL_SCHEMA",                 END_SOURCE, "Control schema check",                   false, SRC,       WHEN_BACK,   item_control },
    { "READ_ONLY",                      END_SOURCE, "Writability check",                      true,  SRC,       WHEN_PAIR,   item_read_only },
    { "DB_INCR_LOG",                    END_SINK,   "Incremental log check",                  false, DST,       WHEN_BACK,   item_log_bin },
    { "BINLOG_FORMAT",                  END_SINK,   "Binlog format check",                    false, DST,       WHEN_BACK,   item_format },
    { "BINLOG_ROW_IMAGE",               END_SINK,   "Binlog row image check",                 false, DST,       WHEN_BACK,   item_row_image },
    { "BINLOG_RETENTION",               END_SINK,   "Binlog retention check",                 true,  DST,       WHEN_BACK,   item_retention },
    { "SERVER_ID",                      END_SINK,   "Server id check",                        true,  DST,       WHEN_BACK,   item_server_id },
    { "DB_MASTER_SLAVE",                END_SINK,   "Replica check",                          true,  DST,       WHEN_BACK,   item_replica },
    { "LOOP_PROBE",                     END_SOURCE, "Loop breaker check",                     false, SRC,       WHEN_BACK,   item_loop_probe },
    { "LOOP_PROBE",                     END_SINK,   "Loop breaker check",                     false, DST,       WHEN_BACK,   item_loop_probe },
    { "LOOP_TOPOLOGY",                  END_SOURCE, "Two nodes check",                        false, BOTH,      WHEN_BACK,   item_nodes },
    { "LOOP_TOPOLOGY",                  END_SINK,   "Other projects check",                   true,  BOTH,      WHEN_BACK,   item_topology },
    { "FOREIGN_MARKERS",                END_SOURCE, "Other products check",                   true,  SRC,       WHEN_BACK,   item_markers },
    { "FOREIGN_MARKERS",                END_SINK,   "Other products check",                   true,  DST,       WHEN_BACK,   item_markers },
    { "AUTO_INCREMENT",                 END_SINK,   "Disjoint AUTO_INCREMENT check",          true,  ALL_OF_IT, WHEN_PAIR,   item_auto_increment },
    { "PAIR_KEYS",                      END_SOURCE, "Key of each table check",                false, CAT,       WHEN_PAIR,   item_pair_keys },
    { "CONFLICT_STRATEGY",              END_SINK,   "Conflict strategy check",                true,  0,         WHEN_PAIR,   item_strategy },
    { "DB_TABLE_CYCLICALLY",            END_SINK,   "Source and target differ check",         false, ALL_OF_IT, WHEN_ANY,    item_cyclic },
};
/* clang-format on */

void verdict_say(struct verdict *v, enum verdict_status s, const char *fmt, ...)
{
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (s > v->status)
        v->status = s;
    strbuf_addf(&v->message, "%s%s", v->message.len > 0 ? "; " : "", text);
}

void verdict_advise(struct verdict *v, const char *fmt, ...)
{
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    strbuf_addf(&v->advice, "%s%s", v->advice.len > 0 ? " " : "", text);
}

void names_add(struct name_list *l, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (l->count++ < NAMES_SHOWN)
        strbuf_addf(&l->text, "%s%s", l->text.len > 0 ? ", " : "", text);
}

const char *names_text(struct name_list *l)
{
    if (l->count > NAMES_SHOWN) {
        strbuf_addf(&l->text, " and %zu more", l->count - NAMES_SHOWN);
        l->count = 0;
    }
    return strbuf_str(&l->text);
}

void names_done(struct name_list *l)
{
    strbuf_done(&l->text);
}

const char *precheck_var(const struct precheck *p, enum end e, const char *name)
{
    return p->ends[e].variables == NULL ? NULL : map_get(p->ends[e].variables, name);
}

bool precheck_on(const struct precheck *p, enum end e, const char *name)
{
    const char *v = precheck_var(p, e, name);

    return v != NULL &&
           (strcasecmp(v, "ON") == 0 || strcmp(v, "1") == 0 || strcasecmp(v, "YES") == 0);
}

int64_t precheck_number(const struct precheck *p, enum end e, const char *name, int64_t fallback)
{
    const char *v = precheck_var(p, e, name);
    char *end = NULL;
    double d;

    if (v == NULL)
        return fallback;
    d = strtod(v, &end); /* MariaDB shows expire_logs_days with a fraction */
    return end == v || *end != '\0' ? fallback : (int64_t)d;
}

bool precheck_late(const struct precheck *p)
{
    return clock_mono_ms() >= p->until_ms;
}

/* ---- running --------------------------------------------------------------------------------- */

/* What a test of one data source asks: is it there, and is it a server we know? */
static bool probes(const struct item *i)
{
    return i->end == END_SOURCE &&
           (strcmp(i->check_type, "RDB_CONNECT") == 0 || strcmp(i->check_type, "DB_VERSION") == 0);
}

static bool wanted(const struct task *t, const struct item *i)
{
    unsigned when = (t->do_struct ? WHEN_STRUCT : 0U) | (t->do_full ? WHEN_FULL : 0U) |
                    (t->do_incr ? WHEN_INCR : 0U);

    if (json_get_bool(t->doc, "probe", false))
        return probes(i);
    if (t->do_incr && t->two_way)
        when |= WHEN_PAIR | WHEN_BACK;
    if (t->do_incr && json_get_bool(json_get(t->doc, "flags"), "reverse", false))
        when |= WHEN_BACK;
    return i->when == WHEN_ANY || (i->when & when) != 0;
}

static bool skipped_by_user(const struct task *t, const struct item *i)
{
    struct json_object *list = json_get_array(t->doc, "skipItems");

    for (size_t k = 0; k < json_len(list); k++) {
        struct json_object *o = json_at(list, k);
        const char *end = json_get_str(o, "endpointType", NULL);

        if (strcasecmp(json_get_str(o, "checkType", ""), i->check_type) == 0 &&
            (end == NULL || strcasecmp(end, end_item_type(i->end)) == 0))
            return true;
    }
    return false;
}

/* Why an item can't run now; NULL: it can. */
static const char *obstacle(const struct precheck *p, const struct item *i)
{
    if ((i->needs & NEED_SOURCE) != 0 && p->ends[END_SOURCE].conn == NULL)
        return "there is no connection to the source";
    if ((i->needs & NEED_SINK) != 0 && p->ends[END_SINK].conn == NULL)
        return "there is no connection to the target";
    if ((i->needs & NEED_CATALOG) != 0 && p->cat == NULL)
        return "the tables could not be listed (RDB_TABLE_EXIST)";
    if ((i->needs & NEED_SOURCE_GRANTS) != 0 && p->ends[END_SOURCE].grants == NULL)
        return "the source account's grants could not be read";
    if ((i->needs & NEED_SINK_GRANTS) != 0 && p->ends[END_SINK].grants == NULL)
        return "the target account's grants could not be read";
    return NULL;
}

static void report(const struct precheck *p, const struct item *i, struct verdict *v)
{
    static const char *const names[] = { [V_PASSED] = "PASSED",
                                         [V_WARNING] = "WARNING",
                                         [V_FAILED] = "FAILED",
                                         [V_SKIPPED] = "SKIPPED" };
    struct json_object *o = json_object_new_object();
    char name[128];

    (void)snprintf(name, sizeof(name), "%s-%s", i->end == END_SOURCE ? "Source" : "Destination",
                   i->name);
    json_add_str(o, "checkType", i->check_type);
    json_add_str(o, "endpointType", end_item_type(i->end));
    json_add_str(o, "name", name);
    json_add_str(o, "status", names[v->status]);
    json_add_str(o, "message", strbuf_str(&v->message));
    json_add_str(o, "advice", v->status == V_PASSED ? "" : strbuf_str(&v->advice));
    json_add_bool(o, "skippable", i->skippable);
    report_item(p->w->report, o);
}

/* A connection lost in the middle of an item: once more, so that those behind it still run. */
static void note_loss(struct precheck *p, const struct item *i, const struct err *e)
{
    const struct conn_options patient = { .timeout_s = RECONNECT_S };

    if (!conn_lost(e))
        return;
    for (int k = 0; k < END_MAX_; k++) {
        struct err again = { 0 };

        if ((enum end)k != i->end || p->ends[k].conn == NULL)
            continue;
        conn_close(p->ends[k].conn);
        p->ends[k].conn = NULL;
        if (!precheck_late(p) &&
            conn_open(&p->w->task->ends[k], &patient, &p->ends[k].conn, &again) < 0)
            log_err(LOG_WARN, "precheck", "end_lost", &again);
    }
}

static void run_item(struct precheck *p, const struct item *i, struct verdict *v)
{
    const char *why = obstacle(p, i);
    struct err e = { 0 };

    if (i->skippable && skipped_by_user(p->w->task, i)) {
        verdict_say(v, V_SKIPPED, "skipped by a user");
    } else if (why != NULL) {
        verdict_say(v, V_SKIPPED, "not checked: %s", why);
    } else if (precheck_late(p)) {
        verdict_say(v, V_WARNING, "not checked: the precheck ends after a minute");
        verdict_advise(v, "Run the precheck again when the servers are less busy.");
    } else if (i->run(p, i->end, v, &e) < 0) {
        verdict_say(v, V_FAILED, "%s", e.message);
        verdict_advise(v, "%s", err_advice(&e));
        note_loss(p, i, &e);
    }
    if (v->message.len == 0)
        verdict_say(v, V_PASSED, "passed");
}

static int run_all(struct precheck *p, struct strbuf *failed, size_t *ret_failed)
{
    size_t done = 0, total = 0;

    for (size_t k = 0; k < ARRAY_SIZE(items); k++)
        total += wanted(p->w->task, &items[k]);
    for (size_t k = 0; k < ARRAY_SIZE(items); k++) {
        struct verdict v = { .message = STRBUF(TEXT_MAX), .advice = STRBUF(TEXT_MAX) };
        struct json_object *info;

        if (!wanted(p->w->task, &items[k]))
            continue;
        if (report_stopping(p->w->report))
            return STAGE_STOPPED;
        run_item(p, &items[k], &v);
        report(p, &items[k], &v);
        if (v.status == V_FAILED) {
            strbuf_addf(failed, "%s%s (%s)", *ret_failed > 0 ? ", " : "", items[k].check_type,
                        end_item_type(items[k].end));
            (*ret_failed)++;
        }
        log_info("precheck", "item", "check=%s end=%s status=%d", items[k].check_type,
                 end_name(items[k].end), (int)v.status);
        strbuf_done(&v.message);
        strbuf_done(&v.advice);
        info = json_object_new_object();
        json_add_u64(info, "items", total);
        json_add_u64(info, "done", ++done);
        report_progress(p->w->report, 100.0 * (double)done / (double)total, info);
    }
    return 0;
}

static void done(struct precheck *p)
{
    for (int k = 0; k < END_MAX_; k++) {
        struct end_state *e = &p->ends[k];
        const char *key;
        void *value;
        size_t pos = 0;

        while (e->variables != NULL && map_next(e->variables, &pos, &key, &value))
            free(value);
        map_free(e->variables);
        grants_free(e->grants);
        free(e->account);
        conn_close(e->conn);
    }
    map_free(p->target_tables);
    catalog_free(p->cat);
    scope_free(p->scope);
}

int precheck_run(struct worker *w, struct err *err)
{
    struct precheck p = { .w = w, .until_ms = clock_mono_ms() + TOTAL_MS };
    struct strbuf failed = STRBUF(TEXT_MAX);
    size_t failed_count = 0;
    int rc = scope_new(task_mapping(w->task), &p.scope, err);

    if (rc == 0)
        rc = run_all(&p, &failed, &failed_count);
    done(&p);
    if (rc == 0 && failed_count > 0)
        rc = err_set(err, ERR_PRECHECK_FAILED, "%zu precheck item%s failed: %.900s", failed_count,
                     failed_count == 1 ? "" : "s", strbuf_str(&failed));
    strbuf_done(&failed);
    return rc == 0 ? STAGE_DONE : rc;
}
