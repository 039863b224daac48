/*
 * Alerts: what a rule has found of a project, from its firing to its resolving. One of a project,
 * rule and step fires at a time; each change of state is an event of the project's history and goes
 * to the webhooks in the same transaction. Bounded: ALERTS_PER_PROJECT resolved ones.
 */
#ifndef STORE_ALERT_H
#define STORE_ALERT_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/store.h"

enum { ALERTS_PER_PROJECT = 200, ALERT_TEXT_MAX = 1024 };

/* docs/metrics.md, "Alerts". */
/* clang-format off */
#define ALERT_RULE_TABLE(X) \
    X(ALERT_FAILED,   "PROJECT_FAILED", "ERROR") \
    X(ALERT_LAG,      "LAG",            "ERROR") \
    X(ALERT_FLAPPING, "WORKER_FLAPPING", "WARN") \
    X(ALERT_RELAY,    "RELAY_DISK",     "WARN") \
    X(ALERT_BINLOG,   "BINLOG_PURGE",   "ERROR") \
    X(ALERT_CANARY,   "CANARY",         "ERROR")
/* clang-format on */
#define ALERT_ENUM_(sym, text, level) sym,
enum alert_rule { ALERT_RULE_TABLE(ALERT_ENUM_) ALERT_RULE_MAX_ };
#undef ALERT_ENUM_
const char *alert_rule_text(enum alert_rule r);
bool alert_rule_parse(const char *text, enum alert_rule *ret);
const char *alert_rule_level(enum alert_rule r); /* "WARN", "ERROR" */

struct alert {
    char id[ID_MAX]; /* al_… */
    char project_id[ID_MAX];
    char project_name[520]; /* read only, as the next two */
    bool project_runs, project_failed;
    enum alert_rule rule;
    char subject[64]; /* the step's name, or "" */
    char message[ALERT_TEXT_MAX];
    double value, threshold;                /* of what is measured; both 0: nothing is */
    int64_t fired_at, resolved_at, sent_at; /* Unix s; resolved_at 0: it fires */
    int64_t sent;                           /* how often it was sent as firing */
};

/* store_alert_fire(): 1: it fires now; 0: it did already, or the project is deleted. Sets id. */
int store_alert_fire(struct store *st, struct alert *a, int64_t now, struct err *err);
/* store_alert_again(): it still fires, with a newer message: told to the webhooks once more. */
int store_alert_again(struct store *st, const struct alert *a, int64_t now, struct err *err);
/* store_alert_resolve(): 1, or 0 when it fires no more. @why  for people. */
int store_alert_resolve(struct store *st, const struct alert *a, const char *why, int64_t now,
                        struct err *err);
/* store_alert_firing(): all that fire, of all projects; free() the list. */
int store_alert_firing(struct store *st, struct alert **ret, size_t *ret_count, struct err *err);
/*
 * store_alert_list() - newest first
 *
 * @project_id  or NULL: of all; @firing  only those that fire
 */
int store_alert_list(struct store *st, const char *project_id, bool firing, const struct page *page,
                     struct alert **ret, size_t *ret_count, int64_t *ret_total, struct err *err);

struct alert_stats {
    int64_t firing;                  /* now */
    int64_t recent[ALERT_RULE_MAX_]; /* fired since */
    char *newest;                    /* message of the newest that fires; NULL */
};
/* store_alert_stats(): of each project of a page; `ids` is an array of texts, `ret` has as many. */
int store_alert_stats(struct store *st, struct json_object *ids, int64_t since,
                      struct alert_stats *ret, struct err *err);
void alert_stats_free(struct alert_stats *list, size_t count); /* the list, too */

/* What the rules look at in the store: a project that failed, or that is at rest with a position.
 */
struct alert_project {
    char id[ID_MAX];
    bool failed;    /* else SUSPEND */
    char step[64];  /* the failed one, or "" */
    char error[64]; /* its code's symbol */
    char message[ALERT_TEXT_MAX];
    int64_t checkpoint;   /* of the log pull, Unix s; 0: none */
    int64_t log_expire_s; /* as the relay told it; 0: not known or never */
};
/* store_alert_projects(): all that are FAILED or SUSPEND; free() the list. */
int store_alert_projects(struct store *st, struct alert_project **ret, size_t *ret_count,
                         struct err *err);

#endif
