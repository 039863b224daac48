/* The components of a project (oms-api.md 4.13): what OMS calls its workers. */
#ifndef API_COMPONENT_H
#define API_COMPONENT_H

#include "flow/flow.h"
#include "store/project.h"
#include "store/source.h"
#include "store/verify.h"

enum component_kind { COMPONENT_STORE, COMPONENT_IMPORT, COMPONENT_SYNC, COMPONENT_VERIFY };

/* One worker, as the project's rows and the supervisor know it; everything is borrowed. */
struct component {
    enum component_kind kind;
    bool reverse;
    const struct project *project;
    const struct step *step;            /* what it has told */
    const struct source *source, *sink; /* of its own direction; NULL: not known any more */
    struct json_object *config;         /* the project's section with its settings */
    struct json_object *mapping;        /* … and its objects */
    bool alive;
    bool feeds;                   /* of a store: whether somebody reads from it */
    struct flow_worker worker;    /* counts when it is alive */
    const struct verify_run *run; /* of a verifier: what it works on, and what it has found */
    const struct verify_counts *found;
    const char *ip; /* of the host that workers run on */
    const char *region;
};

enum { COMPONENT_NAME_MAX = 160 };
/* component_task(): "np_…-incr_trans-1-0"; component_name(): "IP-0:connector_v2:TASK". Both stay
 * the same for the project's life. */
void component_task(const struct component *c, char buf[static COMPONENT_NAME_MAX]);
void component_name(const struct component *c, char buf[static COMPONENT_NAME_MAX]);
/* view_component(): an element of storeList, fullImportComponents, fullVerifyComponents or
 * incrSyncComponents. */
struct json_object *view_component(const struct component *c);

#endif
