/* Inside the api folder: the table's row, and what a handler gets. */
#ifndef API_ACTION_H
#define API_ACTION_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/api.h"
#include "api/fields.h"
#include "api/project_cache.h"

struct call {
    struct api *api;
    const struct api_options *on; /* store, flow, box, … */
    const struct account *who;
    bool as_text; /* the answer is written as it is: it may hold project_cache.h's parts */
    struct json_object *raw;  /* the body as sent, or NULL; only where `in` can't say it */
    struct json_object *in;   /* valid: what the action's fields made of the body */
    struct faults faults;     /* a handler may add its own */
    struct json_object *data; /* the answer's data; NULL: null */
    struct api_stream stream; /* instead of an envelope */
    struct page page;         /* number 0: the answer is not paged */
    int64_t total;
};

typedef int (*action_fn)(struct call *c, struct err *err);

struct action {
    const char *name;
    const char *alias; /* another spelling, or NULL */
    enum role least;
    bool writes;                 /* logged with who did it */
    const struct field *request; /* NULL for what is not built yet */
    action_fn handler;           /* NULL: known, answers ERR_NOT_SUPPORTED */
};

extern const struct action actions[];
extern const size_t actions_count;
/* action_reason(): why an action without a handler has none. */
const char *action_reason(const char *name);

struct project_cache *api_project_cache(struct api *api);

/* Lock of read-change-write of a project's configuration: one daemon a store, so this is enough. */
pthread_mutex_t *api_config_lock(struct api *api);

int source_create_mysql(struct call *c, struct err *err);
int source_create_oceanbase(struct call *c, struct err *err);
int source_create_oms_mysql(struct call *c, struct err *err);
int source_create_pair(struct call *c, struct err *err);
int source_create_odp(struct call *c, struct err *err);
int source_create_polardb(struct call *c, struct err *err);
int source_list(struct call *c, struct err *err);
int source_delete(struct call *c, struct err *err);
int source_update(struct call *c, struct err *err);

int project_create(struct call *c, struct err *err);
int project_start(struct call *c, struct err *err);
int project_stop(struct call *c, struct err *err);
int project_resume(struct call *c, struct err *err);
int project_release(struct call *c, struct err *err);
int project_delete(struct call *c, struct err *err);
int project_update_config(struct call *c, struct err *err);
/* project_change_config(): the same of `c->in`; with !replace only what it names changes, but
 * throttles, which are a set. */
int project_change_config(struct call *c, bool replace, struct err *err);
int project_reset_start(struct call *c, struct err *err);
/* project_ensure_steps(): plans the steps of a project that has none. */
int project_ensure_steps(struct call *c, const char *id, struct err *err);
int project_rename(struct call *c, struct err *err);
int project_importance(struct call *c, struct err *err);
int project_list(struct call *c, struct err *err);
int project_describe(struct call *c, struct err *err);
int project_steps(struct call *c, struct err *err);
int project_progress(struct call *c, struct err *err);
int project_events(struct call *c, struct err *err);

int component_list(struct call *c, struct err *err);
int component_update_store(struct call *c, struct err *err);
int component_update_import(struct call *c, struct err *err);
int component_update_sync(struct call *c, struct err *err);
int component_update_verify(struct call *c, struct err *err);
int region_list(struct call *c, struct err *err);

int label_create(struct call *c, struct err *err);
int label_list(struct call *c, struct err *err);
int label_delete(struct call *c, struct err *err);
int label_set(struct call *c, struct err *err);
int label_start(struct call *c, struct err *err);
int label_stop(struct call *c, struct err *err);

int ddl_list(struct call *c, struct err *err);
int ddl_skip(struct call *c, struct err *err);
int ddl_replace(struct call *c, struct err *err);

int project_advance(struct call *c, struct err *err);
int project_abort_switchover(struct call *c, struct err *err);

/* modify_none_open(): ERR_STATE while the project's objects are being changed. */
int modify_none_open(struct call *c, const char *project_id, const char *what, struct err *err);
int modify_create(struct call *c, struct err *err);
int modify_list(struct call *c, struct err *err);
int modify_stop(struct call *c, struct err *err);
int modify_retry(struct call *c, struct err *err);
int modify_cancel(struct call *c, struct err *err);

int reverse_configure(struct call *c, struct err *err);

int objects_import_csv(struct call *c, struct err *err);
int objects_export_csv(struct call *c, struct err *err);
int converted_check(struct call *c, struct err *err);
int converted_download(struct call *c, struct err *err);
int converted_result(struct call *c, struct err *err);

int conflict_list_records(struct call *c, struct err *err);
int conflict_list_data(struct call *c, struct err *err);
int conflict_download(struct call *c, struct err *err);

int verify_start(struct call *c, struct err *err);
int verify_list(struct call *c, struct err *err);
int verify_list_rows(struct call *c, struct err *err);
int verify_list_corrections(struct call *c, struct err *err);
int verify_apply(struct call *c, struct err *err);
int verify_download(struct call *c, struct err *err);

int user_create(struct call *c, struct err *err);
int user_list(struct call *c, struct err *err);
int user_update(struct call *c, struct err *err);
int user_delete(struct call *c, struct err *err);
int user_change_password(struct call *c, struct err *err);
int key_create(struct call *c, struct err *err);
int key_list(struct call *c, struct err *err);
int key_update(struct call *c, struct err *err);
int key_delete(struct call *c, struct err *err);
int audit_list(struct call *c, struct err *err);
int metric_describe(struct call *c, struct err *err);
int alert_list(struct call *c, struct err *err);
int webhook_create(struct call *c, struct err *err);
int webhook_list(struct call *c, struct err *err);
int webhook_delete(struct call *c, struct err *err);
int webhook_test(struct call *c, struct err *err);

int precheck_submit(struct call *c, struct err *err);
int source_test(struct call *c, struct err *err);
int precheck_result(struct call *c, struct err *err);
int precheck_run(struct call *c, struct err *err);
int precheck_skip(struct call *c, struct err *err);

extern const struct field step_metric_fields[], list_alert_fields[], create_webhook_fields[];
extern const struct field webhook_id_fields[];
extern const struct field create_mysql_fields[], create_oceanbase_fields[], list_source_fields[];
extern const struct field create_oms_mysql_fields[], create_pair_fields[], create_odp_fields[];
extern const struct field create_polardb_fields[], component_fields[], skip_item_fields[];
extern const struct field list_project_fields[], submit_precheck_fields[], precheck_result_fields[];
extern const struct field create_user_fields[], list_user_fields[], update_user_fields[];
extern const struct field delete_user_fields[], change_password_fields[];
extern const struct field create_key_fields[], list_key_fields[], update_key_fields[];
extern const struct field delete_key_fields[], list_audit_fields[];
extern const struct field project_id_fields[], source_id_fields[], update_source_fields[];
extern const struct field list_ddl_fields[], skip_ddl_fields[], replace_ddl_fields[];
extern const struct field reset_start_fields[], list_event_fields[];
extern const struct field create_label_fields[], label_id_fields[], update_project_label_fields[];
extern const struct field rename_project_fields[], project_importance_fields[];
extern const struct field no_fields[]; /* of an action without a request */
extern const struct field import_objects_fields[], export_objects_fields[];
extern const struct field create_modify_fields[], modify_record_fields[];
extern const struct field converted_result_fields[];
extern const struct field advance_fields[], abort_fields[];
extern const struct field list_conflict_record_fields[], list_conflict_data_fields[];
extern const struct field download_conflict_data_fields[];
extern const struct field start_verify_fields[], list_verify_fields[], list_verify_row_fields[];
extern const struct field apply_verify_fields[], verify_report_fields[];

/* call_page(): reads pageNumber, pageSize, sortField and order of `c->in` into `c->page`. */
void call_page(struct call *c);
/* call_endpoints(): both ends that a project's body names exist and are not deleted. */
int call_endpoints(struct call *c, struct json_object *body, struct err *err);
/* call_words(): a NULL-terminated array over a list of text (borrowed; free the array); NULL: none.
 */
const char **call_words(struct json_object *list);

/* Rows every list action has, for use inside its table. */
/* clang-format off */
#define PAGE_NUMBER_FIELDS \
    { .name = "pageNumber", .type = FT_INT, .min = 1, .max = 1000000, .fallback = "1" }, \
    { .name = "pageSize", .type = FT_INT, .min = 1, .max = 150, .fallback = "10" }
#define PAGE_FIELDS \
    PAGE_NUMBER_FIELDS, \
    { .name = "sortField", .type = FT_STRING, .fallback = "\"gmtCreate\"", .values = (const char *const[]){ "gmtCreate", "gmtModified", NULL } }, \
    { .name = "order", .type = FT_STRING, .fallback = "\"descend\"", .values = (const char *const[]){ "descend", "asc", "desc=descend", "ascend=asc", "1=descend", "0=asc", NULL } }
/* clang-format on */

#endif
