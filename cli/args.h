/* A command line after it was held against the table. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "cli/table.h"

struct given {
    const struct param *param;
    const char *value; /* borrowed from argv; "" of a flag */
};

struct args {
    const struct command *command; /* NULL: only options */
    const struct group *group;     /* a group without a command in it, for its help */
    struct given *list;            /* of the command, then its arguments, in order */
    size_t count;
    struct given *global;
    size_t global_count;
    bool help; /* --help, -h */
};

/*
 * args_parse() - argv (with the program's name in front) against the table
 *
 * An option behind the command's name is the command's own if it has one of that name, else a
 * global one; "--" ends the options. Errors: ERR_PARAM; every missing thing in one message.
 */
int args_parse(int argc, char *const *argv, struct args *ret, struct err *err);
void args_done(struct args *a);

/* The last value given for "--name" or "NAME", or NULL. */
const char *args_get(const struct args *a, const char *name);
/* The i-th one (from 0), or NULL. */
const char *args_nth(const struct args *a, const char *name, size_t i);
bool args_has(const struct args *a, const char *name);
const char *args_global(const struct args *a, const char *name);

/* args_usage(): "source add NAME --host HOST [options]". */
void args_usage(const struct command *c, struct strbuf *to);
/* args_value(): what stands behind an option: " HOST", "[=FILE]" or nothing. */
void args_value(const struct param *p, struct strbuf *to);
/* args_word(): the i-th word of a path like "project reverse"; its length in *ret_len; NULL: none.
 */
const char *args_word(const char *path, size_t i, size_t *ret_len);

#endif
