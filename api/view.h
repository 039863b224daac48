/* Rows of the store as the API shows them (oms-api.md 4.7 to 4.14). Never a secret. */
#ifndef API_VIEW_H
#define API_VIEW_H

#include <json-c/json.h>

#include "store/alert.h"
#include "store/project.h"
#include "store/source.h"
#include "store/webhook.h"

struct json_object *view_source(const struct source *s);
struct json_object *view_connect_info(const struct source *s, const char *side); /* s NULL: null */
struct json_object *view_step(const struct step *s);
/* view_error_details(): an array of one or, of a step without an error, none. */
struct json_object *view_error_details(const struct step *s);
struct json_object *view_steps(const struct step *steps, size_t count);
struct json_object *view_label(struct json_object *row); /* a row of store_label_list() */
struct json_object *view_event(struct json_object *row); /* a row of store_event_list() */
struct json_object *view_ddl(struct json_object *row);   /* a row of store_ddl_list() */

struct json_object *view_conflict(struct json_object *row); /* a row of store_conflict_list() */

struct json_object *view_alert(const struct alert *a);
struct json_object *view_webhook(const struct webhook *w); /* never its secret */

struct project_parts {
    const struct project *project;
    const struct source *source, *sink; /* NULL: not known or not asked for */
    const struct step *steps;
    size_t step_count;
    const struct alert_stats *alerts;
    bool brief;            /* an item of a list: without the selection and the configurations */
    const char *waits_for; /* the step that AdvanceProject lets begin (flow_waits_for), or NULL */
    bool related;          /* with connect infos, steps and what follows from them */
};
struct json_object *view_project(const struct project_parts *p);
struct json_object *view_progress(const struct project *p, const struct step *steps, size_t count);

/* view_mapping(): a transferMapping as clients know it; a new reference or NULL. */
struct json_object *view_mapping(struct json_object *mapping);

#endif
