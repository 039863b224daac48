/* SWITCHOVER_PRECHECK: can the direction be turned? All faults at once. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/sqltext.h"
#include "workers/precheck/grants.h"
#include "workers/switch/switch_priv.h"

#include "base/banned.h"

enum { LAG_MAX_S = 15, TEXT_MAX = 64 * 1024, FAULTS_SHOWN = 3000, OBJECTS_SHOWN = 1000 };

struct check {
    struct switcher *s;
    struct catalog *cat; /* forward's, as stored */
    struct grants *grants[END_MAX_];
    struct strbuf faults;
    struct json_object *detail;
};

static void fault(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct check *c, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    strbuf_addf(&c->faults, "%s%s", c->faults.len > 0 ? "; " : "", text);
}

/* ---------------------------------------------------------------------- what is known */

static int load_grants(struct check *c, enum end end, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    c->grants[end] = grants_new();
    if (c->grants[end] == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (conn_queryf(c->s->ends[end], &r, err, "SHOW GRANTS") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1)
        if (grants_add(c->grants[end], result_str(&r, 0, ""), err) < 0)
            return -1;
    return got;
}

static int load(struct check *c, struct err *err)
{
    const struct task *t = c->s->task;
    int got =
        control_schema_get(c->s->ends[END_SINK], t->control_schema, t->project_id, &c->cat, err);

    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA, "the tables of %s are not stored at the target",
                       t->project_id);
    return load_grants(c, END_SOURCE, err) < 0 ? -1 : load_grants(c, END_SINK, err);
}

/* A variable of a server in `ret`, "" when it has none of that name. */
static int variable(struct check *c, enum end end, const char *name, char ret[static 64],
                    struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };

    ret[0] = '\0';
    if (conn_queryf(c->s->ends[end], &r, err, "SHOW GLOBAL VARIABLES LIKE '%s'", name) < 0)
        return -1;
    switch (result_next(&r, err)) {
    case 1:
        (void)snprintf(ret, 64, "%s", result_str(&r, 1, ""));
        return 0;
    case 0:
        return 0;
    default:
        return -1;
    }
}

static bool on(const char *value)
{
    return strcasecmp(value, "ON") == 0 || strcmp(value, "1") == 0;
}

/* ---------------------------------------------------------------------- items */

static void check_lag(struct check *c)
{
    int64_t lag = json_get_i64(c->s->doc, "lagSeconds", INT32_MAX);

    json_add_i64(c->detail, "lagSeconds", lag);
    if (lag > LAG_MAX_S)
        fault(c, "forward synchronization is %" PRId64 " s behind, %d s at most are allowed", lag,
              LAG_MAX_S);
}

static void check_write_grants(struct check *c)
{
    static const char *const wanted[] = { "SELECT", "INSERT", "UPDATE", "DELETE" };
    size_t lacking = 0;

    for (size_t i = 0; i < c->cat->count; i++)
        for (size_t k = 0; k < ARRAY_SIZE(wanted); k++) {
            const struct table *t = c->cat->tables[i];
            if (grants_has(c->grants[END_SOURCE], wanted[k], t->db, t->name))
                continue;
            if (lacking++ < 5)
                fault(c, "the source's account lacks %s on %.200s.%.200s", wanted[k], t->db,
                      t->name);
        }
    if (lacking > 5)
        fault(c, "… and %zu more privileges", lacking - 5);
}

/* A row is written there: what only looks writable is not enough. */
static int check_control(struct check *c, struct err *err)
{
    struct switcher *s = c->s;
    struct fence f = { 0 };
    struct err why = { 0 };

    if (control_ensure(s->ends[END_SOURCE], s->task->control_schema, &why) == 0 &&
        control_take_epoch(s->ends[END_SOURCE], s->task->control_schema, s->reverse_id, "switch", 1,
                           &f, &why) == 0)
        return 0;
    if (conn_lost(&why)) {
        *err = why;
        return -1;
    }
    fault(c, "the control schema %.64s can't be made or written at the source: %.400s",
          s->task->control_schema, why.message);
    return 0;
}

static int check_read_only(struct check *c, struct err *err)
{
    char value[64];

    if (variable(c, END_SOURCE, "read_only", value, err) < 0)
        return -1;
    json_add_bool(c->detail, "readOnly",
                  strcmp(value, "OFF") != 0 && strcmp(value, "0") != 0 && value[0] != '\0');
    return 0;
}

static int check_log(struct check *c, struct err *err)
{
    struct server_position at = { 0 };
    struct err why = { 0 };
    char log_bin[64], format[64], image[64];

    if (variable(c, END_SINK, "log_bin", log_bin, err) < 0 ||
        variable(c, END_SINK, "binlog_format", format, err) < 0 ||
        variable(c, END_SINK, "binlog_row_image", image, err) < 0)
        return -1;
    if (!on(log_bin))
        fault(c, "the target writes no binlog (log_bin)");
    if (format[0] != '\0' && strcasecmp(format, "ROW") != 0)
        fault(c, "the target's binlog_format is %s, not ROW", format);
    if (image[0] != '\0' && strcasecmp(image, "FULL") != 0)
        fault(c, "the target's binlog_row_image is %s, not FULL", image);
    if (!grants_has(c->grants[END_SINK], "REPLICATION SLAVE", NULL, NULL))
        fault(c, "the target's account lacks REPLICATION SLAVE, with which its log is read");
    if (switch_position(c->s, END_SINK, &at, &why) < 0) {
        if (conn_lost(&why)) {
            *err = why;
            return -1;
        }
        fault(c, "the target's log can't be read: %.400s", why.message);
    }
    server_position_done(&at);
    return 0;
}

/*
 * Triggers of the source fire for what the reverse direction writes there, and their effects are
 * in the target's log already.
 */
static int check_triggers(struct check *c, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_queryf(c->s->ends[END_SOURCE], &r, err,
                    "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME,"
                    " LOCATE('@causeway_apply', ACTION_STATEMENT)"
                    " FROM information_schema.TRIGGERS") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *db = result_str(&r, 0, ""), *table = result_str(&r, 1, "");
        if (catalog_find(c->cat, db, table) != NULL && result_i64(&r, 3, 0) == 0)
            fault(c,
                  "trigger %.100s of %.100s.%.100s at the source would act again on what comes "
                  "back: drop it when writes have stopped, or put its body under IF "
                  "@causeway_apply IS NULL",
                  result_str(&r, 2, ""), db, table);
    }
    return got;
}

/* What PROCESS_DATABASE_OBJECTS is going to look at. */
static void list_objects(struct check *c)
{
    struct json_object *list = json_object_new_array();
    const char *triggers =
        json_get_str(task_struct_config(c->s->task), "triggerMigrationType", "NOT_MIGRATION");

    for (size_t i = 0; i < c->cat->count && json_len(list) < OBJECTS_SHOWN; i++) {
        const struct table *t = c->cat->tables[i];
        char text[600];
        bool counts = false;
        for (size_t k = 0; k < t->column_count; k++)
            counts = counts || t->columns[k].auto_increment;
        if (!counts && t->fk_count == 0)
            continue;
        (void)snprintf(text, sizeof(text), "%.200s.%.200s:%s%s", t->mapped_db, t->mapped_name,
                       counts ? " AUTO_INCREMENT" : "", t->fk_count > 0 ? " foreign keys" : "");
        json_object_array_add(list, json_object_new_string(text));
    }
    json_add(c->detail, "deferredObjects", list);
    json_add_bool(c->detail, "deferredTriggers",
                  strcasecmp(triggers, "WITH_TRANSFER_APP_SWITCH") == 0);
    json_add_i64(c->detail, "tables", (int64_t)c->cat->count);
}

static int run(struct check *c, struct err *err)
{
    if (load(c, err) < 0)
        return -1;
    check_lag(c);
    check_write_grants(c);
    if (check_read_only(c, err) < 0 || check_control(c, err) < 0 || check_log(c, err) < 0 ||
        check_triggers(c, err) < 0)
        return -1;
    list_objects(c);
    if (c->faults.len > 0) {
        (void)err_set(err, ERR_SWITCHOVER, "%.1000s", strbuf_str(&c->faults));
        return err_advise(err, "Correct it and AdvanceProject again; with skip: true it goes on as "
                               "it is.");
    }
    switch_say(c->s, true, json_object_get(c->detail), NULL,
               "both ends are ready; forward synchronization is %" PRId64 " s behind",
               json_get_i64(c->s->doc, "lagSeconds", 0));
    return 0;
}

int switch_precheck(struct switcher *s, struct err *err)
{
    struct check c = { .s = s, .faults = STRBUF(TEXT_MAX), .detail = json_object_new_object() };
    int got = run(&c, err);

    catalog_free(c.cat);
    for (unsigned i = 0; i < END_MAX_; i++)
        grants_free(c.grants[i]);
    strbuf_done(&c.faults);
    json_putp(&c.detail);
    return got;
}
