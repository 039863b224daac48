/* All that is written out of the table: help, manual page, reference, completion. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include <json-c/json.h>

#include "base/strbuf.h"
#include "cli/table.h"

void help_group(const struct group *g, FILE *to); /* NULL: everything */
void help_command(const struct command *c, FILE *to);
void help_man(struct strbuf *to);      /* causeway.1, man(7) */
void help_markdown(struct strbuf *to); /* the reference in docs/cli.md */
struct json_object *help_json(void);   /* the table itself */

void completion_bash(struct strbuf *to);
void completion_zsh(struct strbuf *to);

#endif
