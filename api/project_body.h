/* The body of CreateProject and SubmitPreCheck: its tables and what they can't say. */
#ifndef API_PROJECT_BODY_H
#define API_PROJECT_BODY_H

#include "api/fields.h"

extern const struct field create_project_fields[];
extern const struct field update_project_fields[];
extern const struct field configure_reverse_fields[];
/* project_body_all_ddl(): array of all words of supportDDLTypes. */
struct json_object *project_body_all_ddl(void);
/* project_body_left_out(): a kind of DML that a direction does not carry for any table; NULL: each
 * is carried. */
const char *project_body_left_out(struct json_object *config);
extern const char *const project_importances[]; /* words of `importance` */

/*
 * project_body_check() - the rules between fields (oms-api.md 4.12 "Rules", 3.14)
 *
 * `body` is what fields_read() made of create_project_fields; values that follow from others
 * (worker numbers of a speed mode, mapped names) are filled in. Pure: no store, no server.
 */
int project_body_check(struct json_object *body, struct faults *faults, struct err *err);

/* project_body_settle_ddl(): of an incrTransferConfig without supportDDLTypes: the list that its
 * recordTypeWhiteList means. */
void project_body_settle_ddl(struct json_object *config);
/* project_body_check_update(): what UpdateProjectConfig made of a stored configuration. */
void project_body_check_update(struct json_object *config, struct faults *faults);

/* project_body_check_reverse(): the configuration of the reverse direction: rows only, never DDL.
 */
void project_body_check_reverse(struct json_object *incr, const char *path, struct faults *faults);

#endif
