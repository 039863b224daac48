/* The commands. Each gets what stands behind its name and returns the program's exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/client.h"

enum exit_status { ST_OK, ST_FAILED, ST_TROUBLE }; /* done; said no; could not ask or misused */

int command_call(struct client *c, int argc, char *const *argv);
int command_watch(struct client *c, int argc, char *const *argv);
int command_project(struct client *c, int argc, char *const *argv);
int command_source(struct client *c, int argc, char *const *argv);
int command_ddl(struct client *c, int argc, char *const *argv);
int command_switchover(struct client *c, int argc, char *const *argv);
int command_reverse(struct client *c, int argc, char *const *argv);
int command_conflicts(struct client *c, int argc, char *const *argv);
int command_precheck(struct client *c, int argc, char *const *argv);

/* complain(): an error with its advice on stderr; returns ST_TROUBLE or, for a refusal, ST_FAILED.
 */
int complain(const struct err *err);
int misuse(const char *how); /* "usage: …"; returns ST_TROUBLE */
/* say(): printf of one line to stdout; control characters of what it is given become blanks. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* body_with(): {"KEY":"VALUE"} as text, quoted as JSON needs; free() it. */
char *body_with(const char *key, const char *value);
/*
 * list_all() - every page of a list action, each item printed; returns the exit status
 *
 * @body  what else the action takes (borrowed; the page's keys are set in it), or NULL
 */
int list_all(struct client *c, const char *action, struct json_object *body,
             void (*print)(struct json_object *item));
/* text_of_argument(): "@FILE" and "-" are read, anything else stands for itself; free() it. */
int text_of_argument(const char *argument, char **ret, struct err *err);
/* read_input(): a file, or standard input for "-"; free() it. */
int read_input(const char *path, char **ret, struct err *err);

#endif
