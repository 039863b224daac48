/* What a client reads of projects: lists, one, its steps, progress and history. */
#include "api/source.h"

#include <string.h>

#include "api/view.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/alert.h"
#include "store/event.h"

#include "base/banned.h"

enum {
    RECENT_S = 24 * 3600,         /* alarmStats' "recently" */
    COUNTED_AGAIN_MS = 60 * 1000, /* after so long */
    PAGE_MAX = 150,               /* PAGE_FIELDS */
};

/* clang-format off */
static const char *const project_statuses[] = {
#define TEXT_(sym, text) text,
    PROJECT_STATUS_TABLE(TEXT_)
#undef TEXT_
    "RUNNING_MODIFYING", "RUNNING_MERGING", "RUNNING_ALARMING", NULL,
};

const struct field list_event_fields[] = {
    { .name = "projectId", .alias = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "level", .alias = "levels", .type = FT_STRINGS, .max = 3, .values = (const char *const[]){ "INFO", "WARN", "ERROR", NULL } },
    { .name = "event", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 256 },
    { .name = "beginTimestamp", .type = FT_INT, .min = 0 },
    { .name = "endTimestamp", .type = FT_INT, .min = 0 },
    PAGE_NUMBER_FIELDS,
    { 0 },
};

const struct field list_project_fields[] = {
    { .name = "searchKey", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128 },
    { .name = "type", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 32 },
    { .name = "status", .type = FT_STRINGS, .max = 32, .values = project_statuses },
    { .name = "labelIds", .type = FT_STRINGS, .max = 5 },
    { .name = "sourceEndpointTypes", .type = FT_STRINGS, .max = 32, .values = source_type_words },
    { .name = "sinkEndpointTypes", .type = FT_STRINGS, .max = 32, .values = source_type_words },
    { .name = "visibleSubProject", .type = FT_BOOL },
    { .name = "needRelatedInfo", .type = FT_BOOL, .fallback = "true" },
    PAGE_FIELDS,
    { 0 },
};
/* clang-format on */

/* ------------------------------------------------------------------ what belongs to projects */

/* Read for all projects of a page at once: a statement for the steps, one for the sources. */
struct related {
    struct source **sources;
    size_t source_count;
    struct step_rows *steps;    /* one a project; NULL: not asked for */
    struct alert_stats *alerts; /* one a project */
    size_t count;
};

static void related_done(struct related *r)
{
    source_list_free(r->sources, r->source_count);
    for (size_t i = 0; r->steps != NULL && i < r->count; i++)
        step_rows_done(&r->steps[i]);
    free(r->steps);
    alert_stats_free(r->alerts, r->count);
}

static void add_id(struct json_object *ids, const char *id)
{
    for (size_t i = 0; i < json_len(ids); i++)
        if (strcmp(json_at_str(ids, i), id) == 0)
            return;
    (void)json_object_array_add(ids, json_object_new_string(id));
}

static int read_alerts(struct call *c, struct project *const *projects, size_t count,
                       struct related *ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *ids = json_object_new_array();

    for (size_t i = 0; i < count; i++)
        (void)json_object_array_add(ids, json_object_new_string(projects[i]->id));
    ret->alerts = calloc(count + 1, sizeof(*ret->alerts));
    if (ret->alerts == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return store_alert_stats(c->on->store, ids, clock_now_s() - RECENT_S, ret->alerts, err);
}

static int read_related(struct call *c, struct project *const *projects, size_t count,
                        bool with_steps, struct related *ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *ids = json_object_new_array();

    ret->count = count;
    for (size_t i = 0; i < count; i++) {
        add_id(ids, projects[i]->source_id);
        add_id(ids, projects[i]->sink_id);
    }
    if (count == 0)
        return 0;
    if (store_source_named(c->on->store, ids, &ret->sources, &ret->source_count, err) < 0 ||
        read_alerts(c, projects, count, ret, err) < 0)
        return -1;
    if (!with_steps)
        return 0;
    ret->steps = calloc(count, sizeof(*ret->steps));
    if (ret->steps == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return store_step_page(c->on->store, projects, count, ret->steps, err);
}

/* A source that is gone for good shows as null. */
static const struct source *source_of(const struct related *r, const char *id)
{
    for (size_t i = 0; i < r->source_count; i++)
        if (strcmp(r->sources[i]->id, id) == 0)
            return r->sources[i];
    return NULL;
}

static struct json_object *show(const struct related *r, const struct project *p, size_t i,
                                bool brief)
{
    const struct project_parts parts = {
        .project = p,
        .source = source_of(r, p->source_id),
        .sink = source_of(r, p->sink_id),
        .steps = r->steps != NULL ? r->steps[i].rows : NULL,
        .step_count = r->steps != NULL ? r->steps[i].count : 0,
        .alerts = &r->alerts[i],
        .brief = brief,
        .waits_for =
            r->steps != NULL ? flow_waits_for(p, r->steps[i].rows, r->steps[i].count) : NULL,
        .related = r->steps != NULL,
    };

    return view_project(&parts);
}

/* ------------------------------------------------------------------ lists */

/* RUNNING_ALARMING is told apart from RUNNING by *ret_alarming. */
static unsigned status_set(struct json_object *words, bool *ret_alarming)
{
    unsigned set = 0;

    for (size_t i = 0; i < json_len(words); i++) {
        enum project_status s;
        if (project_status_parse(json_at_str(words, i), &s))
            set |= 1U << s;
        else if (strcmp(json_at_str(words, i), "RUNNING_ALARMING") == 0)
            *ret_alarming = true;
        else if (strcmp(json_at_str(words, i), "RUNNING_MODIFYING") == 0)
            set |= 1U << PROJECT_MODIFYING;
        else if (strcmp(json_at_str(words, i), "RUNNING_MERGING") == 0)
            set |= 1U << PROJECT_MERGING;
    }
    return set;
}

/* Alerts count as recent for a day: what shows some is right for a while only. */
static int64_t right_until(const struct alert_stats *a)
{
    for (unsigned i = 0; i < ALERT_RULE_MAX_; i++)
        if (a->recent[i] > 0)
            return clock_mono_ms() + COUNTED_AGAIN_MS;
    return INT64_MAX;
}

static const struct project_version *version_of(const struct project_version *page, size_t count,
                                                const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(page[i].id, id) == 0)
            return &page[i];
    return NULL;
}

/* Makes what the cache did not have; parts[i] belongs to page[i]. */
static int show_missing(struct call *c, const struct project_version *page, size_t count,
                        enum project_shape shape, struct json_object **parts, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *ids = json_object_new_array();
    _cleanup_(related_done)
    struct related related = { 0 };
    struct project **list = NULL;
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; i < count; i++)
        if (parts[i] == NULL)
            (void)json_object_array_add(ids, json_object_new_string(page[i].id));
    if (json_len(ids) == 0)
        return 0;
    if (store_project_briefs(c->on->store, ids, &list, &n, err) < 0)
        return -1;
    r = read_related(c, list, n, shape == SHAPE_LISTED, &related, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct project_version *v = version_of(page, count, list[i]->id);
        struct json_object *o = show(&related, list[i], i, true);

        project_cache_put(api_project_cache(c->api), v, shape, o, right_until(&related.alerts[i]));
        parts[v - page] = o;
    }
    project_list_free(list, n);
    return r;
}

static int show_page(struct call *c, const struct project_version *page, size_t count,
                     struct err *err)
{
    enum project_shape shape =
        json_get_bool(c->in, "needRelatedInfo", true) ? SHAPE_LISTED : SHAPE_SHORT;
    struct json_object *parts[PAGE_MAX] = { 0 };
    int r;

    for (size_t i = 0; c->as_text && i < count; i++)
        parts[i] = project_cache_get(api_project_cache(c->api), &page[i], shape);
    r = show_missing(c, page, count, shape, parts, err);
    c->data = json_object_new_array_ext((int)MAX(count, (size_t)1));
    for (size_t i = 0; i < count; i++)
        if (parts[i] != NULL) /* else it has gone since */
            json_object_array_add(c->data, parts[i]);
    return r;
}

int project_list(struct call *c, struct err *err)
{
    struct json_object *statuses = json_get_array(c->in, "status");
    _cleanup_(freep)
    struct project_version *page = NULL;
    size_t count = 0;
    _cleanup_(freep)
    const char **sources = call_words(json_get_array(c->in, "sourceEndpointTypes"));
    _cleanup_(freep)
    const char **sinks = call_words(json_get_array(c->in, "sinkEndpointTypes"));
    _cleanup_(freep)
    const char **labels = call_words(json_get_array(c->in, "labelIds"));
    struct project_filter filter = {
        .search = json_get_str(c->in, "searchKey", NULL),
        .type = json_get_str(c->in, "type", NULL),
        .source_types = sources,
        .sink_types = sinks,
        .label_ids = labels,
        .with_subs = json_get_bool(c->in, "visibleSubProject", false),
    };
    int r = 0;

    call_page(c);
    filter.page = c->page;
    filter.statuses = status_set(statuses, &filter.alarming);
    /* statuses that no project of this version can have: nothing matches */
    if (json_len(statuses) == 0 || filter.statuses != 0 || filter.alarming)
        r = store_project_page(c->on->store, &filter, &page, &count, &c->total, err);
    return r < 0 ? -1 : show_page(c, page, count, err);
}

/* ------------------------------------------------------------------ one project */

int project_describe(struct call *c, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(related_done)
    struct related related = { 0 };
    struct project_version version;
    const char *id = json_get_str(c->in, "id", "");
    int known = store_project_version(c->on->store, id, &version, err);

    if (known < 0)
        return -1;
    if (known > 0 && c->as_text)
        c->data = project_cache_get(api_project_cache(c->api), &version, SHAPE_WHOLE);
    if (c->data != NULL)
        return 0;
    if (store_project_live(c->on->store, id, &p, err) < 0 ||
        read_related(c, &p, 1, true, &related, err) < 0)
        return -1;
    c->data = show(&related, p, 0, false);
    if (known > 0)
        project_cache_put(api_project_cache(c->api), &version, SHAPE_WHOLE, c->data,
                          right_until(&related.alerts[0]));
    return 0;
}

int project_steps(struct call *c, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;
    const char *id = json_get_str(c->in, "id", "");

    if (store_step_list(c->on->store, id, &steps.rows, &steps.count, err) < 0)
        return -1;
    /* every project has steps, so its row, whose selection may be large, is read only without */
    if (steps.count == 0 && store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    c->data = view_steps(steps.rows, steps.count);
    return 0;
}

int project_progress(struct call *c, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;
    const char *id = json_get_str(c->in, "id", "");

    if (store_project_live(c->on->store, id, &p, err) < 0 ||
        store_step_list(c->on->store, id, &steps.rows, &steps.count, err) < 0)
        return -1;
    c->data = view_progress(p, steps.rows, steps.count);
    return 0;
}

int project_events(struct call *c, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *rows = NULL;
    const char *id = json_get_str(c->in, "projectId", "");
    const struct event_filter filter = { .levels = json_get_array(c->in, "level"),
                                         .event = json_get_str(c->in, "event", NULL),
                                         .from = json_get_i64(c->in, "beginTimestamp", 0),
                                         .to = json_get_i64(c->in, "endTimestamp", 0) };

    call_page(c);
    if (store_project_live(c->on->store, id, &p, err) < 0 ||
        store_event_find(c->on->store, id, &filter, (int64_t)(c->page.number - 1) * c->page.size,
                         c->page.size, &rows, &c->total, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < json_len(rows); i++)
        json_object_array_add(c->data, view_event(json_at(rows, i)));
    return 0;
}
