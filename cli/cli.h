/* What every command has: its arguments, the daemon, and ways to ask and to answer. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <json-c/json.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "cli/args.h"
#include "cli/client.h"

struct cli {
    struct args args;
    struct client *client; /* NULL of a local command */
    bool json;             /* --json: the API's data, nothing else, on standard output */
};

/* ---- saying ---- */

/* say(): printf of one line to stdout; control characters of what it is given become blanks. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* say_json(): `o` (NULL: null) as pretty JSON; returns ST_OK. */
int say_json(struct json_object *o);
/*
 * say_table() - objects as columns, as wide as they have to be
 *
 * Titles are only for people: in a terminal.
 */
void say_table(const struct column *columns, struct json_object *list);
/* cli_fail(): an error with code, faults and advice on stderr, one thing a line; the exit status.
 */
int cli_fail(const struct cli *c, const struct err *err);
/* cli_trouble(): the same, but it could not be done at all: ST_TROUBLE whatever it is. */
int cli_trouble(const struct cli *c, const struct err *err);

/* ---- asking ---- */

/* cli_body(): the request's body out of all options and arguments that have a key. */
int cli_body(struct cli *c, struct json_object **ret, struct err *err);
/* cli_set(): a.b.c in `o`, making the objects on the way; takes the value's reference. */
int cli_set(struct json_object *o, const char *path, struct json_object *value, struct err *err);
/* cli_at(): what stands there, or NULL; borrowed. */
struct json_object *cli_at(struct json_object *o, const char *path);
int cli_ask(struct cli *c, const char *action, struct json_object *body, struct json_object **ret,
            struct err *err);
/* cli_ask_id(): an action that takes {"KEY": id} alone. */
int cli_ask_id(struct cli *c, const char *action, const char *key, const char *id,
               struct json_object **ret, struct err *err);
/*
 * cli_list() - every page of a list action in one array
 *
 * @body   what else the action takes, or NULL; the page's keys are set in it
 * @limit  at most so many; 0: all
 */
int cli_list(struct cli *c, const char *action, struct json_object *body, size_t limit,
             struct json_object **ret, struct err *err);
/* cli_download(): the answer of `action` into `file`, and says so; the exit status. */
int cli_download(struct cli *c, const char *action, struct json_object *body, const char *file);
/* cli_add_password(): "password": Base64 of what file, standard input or terminal gave. */
int cli_add_password(struct cli *c, struct json_object *body, struct err *err);

/* cli_mapping(): the transferMapping that a CSV of objects says. */
int cli_mapping(struct cli *c, const char *path, struct json_object **ret, struct err *err);

/* cli_text(): "@FILE" and "-" are read, anything else stands for itself; free() it. */
int cli_text(const char *argument, char **ret, struct err *err);
int cli_read(const char *path, char **ret, struct err *err); /* "-": standard input */
int cli_read_json(const char *path, struct json_object **ret, struct err *err);

/* ---- names instead of ids ---- */

/*
 * cli_resolve() - the id of a project, data source or label (by `type`)
 *
 * What begins like an id ("np_", "e_", "l_") is taken for one. Errors: ERR_PROJECT_NOT_FOUND,
 * ERR_SOURCE_NOT_FOUND, with names that come near; ERR_STATE when several have the name.
 */
int cli_resolve(struct cli *c, enum param_type type, const char *text, char **ret, struct err *err);
/* cli_project(): of the argument PROJECT. */
int cli_project(struct cli *c, char **ret, struct err *err);
/* cli_resolve_body(): names that stand for ids in a body of CreateProject. */
int cli_resolve_body(struct cli *c, struct json_object *body, struct err *err);

/* ---- commands ---- */

int run_action(struct cli *c); /* the table's action with the body; prints its data, if any */
int run_list(struct cli *c);   /* the table's list action and columns */
int run_call(struct cli *c);
int run_completion(struct cli *c);
int run_help(struct cli *c);
int run_source_add(struct cli *c);
int run_source_test(struct cli *c);
int run_project_create(struct cli *c);
int run_project_show(struct cli *c);
int run_project_steps(struct cli *c);
int run_user_passwd(struct cli *c);
int run_objects_export(struct cli *c);
int run_objects_check(struct cli *c);
int run_objects_change(struct cli *c);
int run_project_label(struct cli *c);
int run_project_metrics(struct cli *c);
int run_project_precheck(struct cli *c);
int run_project_precheck_show(struct cli *c);
int run_precheck(struct cli *c);
int run_watch(struct cli *c);
int run_reverse_configure(struct cli *c);
int run_reverse(struct cli *c);
int run_conflicts_list(struct cli *c);
int run_conflicts_download(struct cli *c);
int run_verify_result(struct cli *c);
int run_verify_rows(struct cli *c);
int run_verify_report(struct cli *c);
int run_switchover(struct cli *c);
int run_switchover_status(struct cli *c);
int run_ddl_list(struct cli *c);
int run_ddl_decide(struct cli *c);

/* show_project(): a project as text. */
void show_project(struct json_object *project);

#endif
