/* Changes of a running project's objects (oms-api.md 4.16; docs/object-changes.md). */
#include "api/action.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/mapping.h"
#include "api/modify_diff.h"
#include "api/modify_view.h"
#include "api/names.h"
#include "base/json.h"
#include "store/modify.h"

#include "base/banned.h"

enum { RULES_MAX = 20000, RULE_LEN = 400, RECORDS_MAX = 2, NAME_LEN = 160 };

/* clang-format off */
static const struct field part_fields[] = {
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = NAME_LEN },
    { .name = "mappedName", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = NAME_LEN },
    { 0 },
};
static const struct field rule_fields[] = {
    { .name = "schemaMapping", .type = FT_OBJECT, .flags = F_REQUIRED, .fields = part_fields },
    { .name = "objectMapping", .type = FT_OBJECT, .flags = F_REQUIRED, .fields = part_fields },
    { 0 },
};
static const char *const modes[] = { "SPECIFIC", "WILDCARD", "SPCEIFIC=SPECIFIC", NULL };
static const struct field modify_mapping_fields[] = {
    { .name = "mode", .type = FT_STRING, .flags = F_NOT_EMPTY, .values = modes },
    { .name = "databases", .type = FT_OBJECTS, .max = 10000, .fields = mapping_database_fields },
    { .name = "schemas", .type = FT_OBJECTS, .max = 10000, .fields = mapping_database_fields },
    { .name = "databasesBlack", .type = FT_OBJECTS, .max = 10000, .fields = mapping_database_fields },
    { .name = "tableAndViewWhiteList", .type = FT_STRINGS, .max = RULES_MAX },
    { .name = "tableAndViewBlackList", .type = FT_STRINGS, .max = RULES_MAX },
    { .name = "whiteTableRules", .type = FT_OBJECTS, .max = RULES_MAX, .fields = rule_fields },
    { .name = "blackTableRules", .type = FT_OBJECTS, .max = RULES_MAX, .fields = rule_fields },
    { .name = "whiteViewRules", .type = FT_OBJECTS, .max = RULES_MAX, .fields = rule_fields },
    { .name = "blackViewRules", .type = FT_OBJECTS, .max = RULES_MAX, .fields = rule_fields },
    { 0 },
};
const struct field create_modify_fields[] = {
    { .name = "id", .alias = "projectId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "databases", .type = FT_OBJECTS, .max = 10000, .fields = mapping_database_fields },
    { .name = "transferMapping", .type = FT_OBJECT, .fields = modify_mapping_fields },
    { 0 },
};
const struct field modify_record_fields[] = {
    { .name = "id", .type = FT_INT, .flags = F_REQUIRED, .min = 1 },
    { 0 },
};
/* clang-format on */

int modify_none_open(struct call *c, const char *project_id, const char *what, struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    int r = store_modify_open(c->on->store, project_id, &m, err);

    if (r <= 0)
        return r;
    (void)err_set(err, ERR_STATE, "%s: project %s has modify record %" PRId64 ", which is %s", what,
                  project_id, m->id, modify_status_text(m->status));
    return err_advise(err,
                      "Wait until it is SUCCESS, or end it: CancelProjectModifyRecord while it "
                      "is PENDING, StopProjectModifyRecords while RUNNING or FAILED.");
}

/* ---------------------------------------------------------------------- the new selection */

/* 4.2: {schemaMapping, objectMapping} as a rule of 3.15. */
static void add_rule(struct json_object *rules, struct json_object *o, bool exclusion)
{
    struct json_object *db = json_get(o, "schemaMapping"), *object = json_get(o, "objectMapping");
    const char *from_db = json_get_str(db, "name", ""), *from = json_get_str(object, "name", "");
    const char *to_db = json_get_str(db, "mappedName", from_db);
    const char *to = json_get_str(object, "mappedName", from);
    bool renames = strcmp(from_db, to_db) != 0 || strcmp(from, to) != 0;
    char text[4 * NAME_LEN + 8];

    if (renames && !exclusion)
        (void)snprintf(text, sizeof(text), "%s.%s=%s.%s", from_db, from, to_db, to);
    else
        (void)snprintf(text, sizeof(text), "%s.%s", from_db, from);
    for (size_t i = 0; i < json_len(rules); i++)
        if (strcmp(json_at_str(rules, i), text) == 0)
            return; /* tables and views share their rules */
    json_object_array_add(rules, json_object_new_string(text));
}

static void take_rules(struct json_object *mapping, const char *list, const char *const *from,
                       bool exclusion)
{
    struct json_object *rules = json_get_array(mapping, list);

    for (; *from != NULL; from++) {
        struct json_object *some = json_get_array(mapping, *from);

        if (json_len(some) > 0 && rules == NULL) {
            rules = json_object_new_array();
            json_add(mapping, list, rules);
        }
        for (size_t i = 0; i < json_len(some); i++)
            add_rule(rules, json_at(some, i), exclusion);
        json_object_object_del(mapping, *from);
    }
}

/* In the form of CreateProject; its faults are told. */
static int new_mapping(struct call *c, const struct project *p, struct json_object **ret,
                       struct err *err)
{
    static const char *const white[] = { "whiteTableRules", "whiteViewRules", NULL };
    static const char *const black[] = { "blackTableRules", "blackViewRules", NULL };
    struct json_object *sent = json_get(c->in, "transferMapping");
    struct json_object *dbs = json_get(c->in, "databases");
    const char *mode = json_get_str(json_get(p->config, "transferMapping"), "mode", "SPECIFIC");
    struct json_object *o;

    if ((sent != NULL) == (dbs != NULL))
        faults_add(&c->faults, "transferMapping",
                   sent != NULL ? "must not come with databases: one of them says it all"
                                : "or databases is required: the whole new selection");
    if (sent != NULL && strcmp(json_get_str(sent, "mode", mode), mode) != 0)
        faults_add(&c->faults, "transferMapping.mode", "must stay %s", mode);
    if (dbs != NULL && strcmp(mode, "WILDCARD") == 0)
        faults_add(&c->faults, "databases",
                   "is for SPECIFIC mode: send transferMapping with the rules");
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    o = sent != NULL ? json_clone(sent) : json_object_new_object();
    if (o == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = o;
    json_add_str(o, "mode", mode);
    if (dbs != NULL)
        json_add(o, "databases", json_clone(dbs));
    if (json_get(o, "databases") == NULL && json_get(o, "schemas") != NULL)
        json_add(o, "databases", json_object_get(json_get(o, "schemas")));
    json_object_object_del(o, "schemas");
    take_rules(o, "tableAndViewWhiteList", white, false);
    take_rules(o, "tableAndViewBlackList", black, true);
    mapping_settle_case(
        o, json_get_str(json_get(p->config, "commonTransferConfig"), "nameCase", "AS_SOURCE"));
    if (mapping_check(
            o, json_get_str(json_get(p->config, "commonTransferConfig"), "controlSchema", "oms"),
            &c->faults, err) < 0)
        return -1;
    return faults_raise(&c->faults, err);
}

/* ---------------------------------------------------------------------- may it be? */

static int refuse(const struct project *p, const char *why, const char *advice, struct err *err)
{
    (void)err_set(err, ERR_STATE, "the objects of project %s can't be changed: %s", p->id, why);
    return err_advise(err, "%s", advice);
}

static int check_kind(const struct project *p, struct err *err)
{
    struct json_object *common = json_get(p->config, "commonTransferConfig");

    if (p->parent_id[0] != '\0')
        return refuse(p, "it belongs to a modify record itself", "Change its project's objects.",
                      err);
    if (p->reverse)
        return refuse(p, "it is a reverse project, whose objects are those of its forward one",
                      "Make another pair of projects for other objects.", err);
    if (json_get_bool(common, "activeActive", false))
        return refuse(p, "it is one of two ways (activeActive)",
                      "Make another pair of projects for other objects.", err);
    if (p->status != PS_INIT && !json_get_bool(p->config, "enableIncrTransfer", false))
        return refuse(p, "it has no incremental step, into which they could be merged",
                      "Make another project for what is to be added.", err);
    return 0;
}

/* Not while the direction changes, nor behind it. */
static int check_steps(struct call *c, const struct project *p, struct err *err)
{
    struct step *steps = NULL;
    size_t count = 0;
    bool over = false;

    if (store_step_list(c->on->store, p->id, &steps, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        over =
            over || (strcmp(steps[i].name, "INCR_TRANSFER") == 0 && steps[i].status == SS_FINISHED);
    step_list_free(steps, count);
    return over ? refuse(p, "its forward synchronization is over",
                         "Make another project for what is to be added.", err)
                : 0;
}

static int check_taken(struct call *c, const struct project *p, struct json_object *added,
                       struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *tables = NULL;
    _cleanup_(json_putp)
    struct json_object *dbs = NULL;
    char other[ID_MAX];
    int r;

    if (added == NULL)
        return 0;
    if (modify_targets(added, &tables, &dbs, err) < 0)
        return -1;
    r = store_modify_taken(c->on->store, p->id, p->sink_id, tables, dbs, other, err);
    if (r <= 0)
        return r;
    (void)err_set(err, ERR_IN_USE, "project %s writes to one of these tables at the target already",
                  other);
    return err_advise(err, "Release that project first, or give the tables other names.");
}

static int refuse_status(const struct project *p, struct err *err)
{
    return err_set(
        err, ERR_STATE,
        "can't change the objects of project %s: it is %s, and this is possible in INIT, "
        "RUNNING, SUSPEND, FAILED only",
        p->id, project_status_text(p->status));
}

/* ---------------------------------------------------------------------- the records */

static int fill(struct modify *m, const struct call *c, const char *project_id, bool increase,
                struct json_object *part, struct json_object *mapping, struct err *err)
{
    (void)snprintf(m->project_id, ID_MAX, "%s", project_id);
    m->increase = increase;
    m->part = json_object_get(part);
    m->mapping = json_object_get(mapping);
    m->user = strdup(c->who->name);
    return m->user != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

/* What leaves goes first, so that what joins is all that is left to be done. */
static int add_records(struct call *c, const struct project *p, const struct modify_diff *d,
                       struct json_object *mapping, struct err *err)
{
    static const unsigned statuses =
        1U << PS_INIT | 1U << PS_RUNNING | 1U << PS_SUSPEND | 1U << PS_FAILED;
    struct modify *list[RECORDS_MAX] = { NULL, NULL };
    size_t count = 0;
    int r = 0;

    if (d->removed != NULL) {
        list[count] = calloc(1, sizeof(struct modify));
        r = list[count] == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                                : fill(list[count], c, p->id, false, d->removed,
                                       d->added != NULL ? d->kept : mapping, err);
        count++;
    }
    if (r == 0 && d->added != NULL) {
        list[count] = calloc(1, sizeof(struct modify));
        r = list[count] == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                                : fill(list[count], c, p->id, true, d->added, mapping, err);
        count++;
    }
    if (r == 0)
        r = store_modify_add(c->on->store, list, count, statuses, err);
    if (r == 0)
        r = refuse_status(p, err);
    if (r > 0)
        c->data = json_object_new_int64(list[count - 1]->id);
    for (size_t i = 0; i < count; i++)
        modify_free(list[i]);
    return MIN(r, 0);
}

static int create(struct call *c, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *next = NULL;
    _cleanup_(modify_diff_done)
    struct modify_diff d = { 0 };

    if (store_project_live(c->on->store, json_get_str(c->in, "id", ""), &p, err) < 0)
        return -1;
    if (p->status != PS_INIT && p->status != PS_RUNNING && p->status != PS_SUSPEND &&
        p->status != PS_FAILED)
        return refuse_status(p, err);
    if (check_kind(p, err) < 0 || check_steps(c, p, err) < 0 ||
        modify_none_open(c, p->id, "CreateProjectModifyRecords", err) < 0 ||
        new_mapping(c, p, &next, err) < 0 ||
        modify_diff(json_get(p->config, "transferMapping"), next, &c->faults, &d, err) < 0)
        return -1;
    if (c->faults.count == 0 && d.added == NULL && d.removed == NULL)
        faults_add(&c->faults,
                   json_get(c->in, "databases") != NULL ? "databases" : "transferMapping",
                   "selects what the project has already");
    if (faults_raise(&c->faults, err) < 0 || check_taken(c, p, d.added, err) < 0)
        return -1;
    return add_records(c, p, &d, next, err);
}

int modify_create(struct call *c, struct err *err)
{
    int r;

    (void)pthread_mutex_lock(api_config_lock(c->api));
    r = create(c, err);
    (void)pthread_mutex_unlock(api_config_lock(c->api));
    if (r == 0)
        flow_objects(c->on->flow, json_get_str(c->in, "id", ""));
    return r;
}

int modify_list(struct call *c, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct modify **list = NULL;
    size_t count = 0;
    const char *id = json_get_str(c->in, "id", "");

    if (store_project_live(c->on->store, id, &p, err) < 0 ||
        store_modify_list(c->on->store, id, &list, &count, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(c->data, view_modify(list[i]));
    modify_list_free(list, count);
    return 0;
}

static int refuse_move(const struct modify *m, const char *what, const char *allowed,
                       struct err *err)
{
    return err_set(err, ERR_STATE,
                   "can't %s modify record %" PRId64
                   ": it is %s, and this is possible while it is %s only",
                   what, m->id, modify_status_text(m->status), allowed);
}

static void tell_flow(struct call *c, const struct modify *m)
{
    flow_objects(c->on->flow, m->project_id);
    if (m->sub_id[0] != '\0')
        flow_objects(c->on->flow, m->sub_id);
}

int modify_stop(struct call *c, struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    int r;

    if (store_modify_get(c->on->store, json_get_i64(c->in, "id", 0), &m, err) < 0)
        return -1;
    r = store_modify_move(c->on->store, m->id,
                          1U << MS_FAILED | (m->increase ? 1U << MS_RUNNING : 0),
                          m->increase ? MS_TERMINATED : MS_CANCEL, NULL, err);
    if (r == 0)
        return refuse_move(m, "stop", m->increase ? "RUNNING or FAILED" : "FAILED", err);
    if (r > 0)
        tell_flow(c, m);
    return MIN(r, 0);
}

int modify_retry(struct call *c, struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    int r;

    if (store_modify_get(c->on->store, json_get_i64(c->in, "id", 0), &m, err) < 0)
        return -1;
    r = store_modify_retry(c->on->store, m->id, err);
    if (r == 0)
        return refuse_move(m, "retry", "FAILED", err);
    if (r > 0)
        tell_flow(c, m);
    return MIN(r, 0);
}

int modify_cancel(struct call *c, struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    int r;

    if (store_modify_get(c->on->store, json_get_i64(c->in, "id", 0), &m, err) < 0)
        return -1;
    r = store_modify_move(c->on->store, m->id, 1U << MS_PENDING, MS_CANCEL, NULL, err);
    if (r == 0)
        return refuse_move(m, "cancel", "PENDING", err);
    if (r > 0)
        tell_flow(c, m);
    return MIN(r, 0);
}
