/* Passwords: from a file, from standard input or from the terminal without echo; never from argv.
 */
#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include <stdbool.h>

#include "base/secret.h"

struct prompt {
    const char *whose; /* "Password of WHOSE: " */
    const char *file;  /* its first line; NULL: standard input */
    bool from_stdin;   /* don't ask even if standard input is a terminal */
    bool twice;        /* a new one: on a terminal it is asked for again */
};

/*
 * prompt_password() - one line, without its end
 *
 * Several of them may come from one standard input, a line each. The terminal's echo is back
 * whatever happens, Ctrl-C included. Errors: ERR_PARAM, ERR_IO.
 */
int prompt_password(const struct prompt *p, struct secret **ret, struct err *err);

#endif
