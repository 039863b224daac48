/*
 * The one table of commands (cli/table.c). Parsing, --help, shell completion, the man page, the
 * reference of docs/cli.md and `causeway help --json` all come from it.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum exit_status {
    ST_OK,      /* done, and the answer was good */
    ST_FAILED,  /* the daemon said no, or what was asked about has failed */
    ST_TROUBLE, /* it could not be asked: wrong usage, unreadable file, no answer in time */
    ST_INTERRUPTED = 130 /* Ctrl-C; other signals: 128 and their number */
};

enum param_type {
    P_FLAG,
    P_TEXT,
    P_INT,
    P_FILE, /* a name of a file: only completion cares */
    P_JSON, /* "@FILE" and "-" are read */
    P_PROJECT,
    P_SOURCE,
    P_LABEL, /* ids, or names, which the list actions resolve */
};

/* PARAM_OPTIONAL: an option whose value may be left out; with value "FILE.xml" the next word is its
 * value only if it ends like that, else the value is given by "=" alone. */
enum { PARAM_REQUIRED = 1, PARAM_REPEAT = 2, PARAM_OPTIONAL = 4 };

/* An option, or an argument that stands by its position. */
struct param {
    const char *name;  /* "--host"; of an argument "PROJECT" */
    const char *value; /* "HOST": what an option is given; NULL: a flag, or an argument */
    /* where it goes in the request's body, "a.b": in the object "a"; "!a": a flag that means false;
     * NULL: nowhere, the command's function looks at it */
    const char *key;
    enum param_type type;
    unsigned flags;
    const char *words; /* "LOW MEDIUM": nothing else is taken, in any case; NULL: anything */
    const char *help;
};

/* A column of a list: "extraInfo.runningStep". */
struct column {
    const char *title, *key;
};

/* Where a password comes from is the same everywhere: --password-file, --password-stdin, terminal.
 */
enum secret_need {
    SECRET_NONE,
    SECRET_ASKED,      /* always */
    SECRET_NEW,        /* always; on a terminal asked for twice */
    SECRET_ON_REQUEST, /* only with one of the options */
};

struct cli;

struct command {
    const char *path;             /* "project reverse start" */
    const char *alias;            /* another spelling, or NULL */
    const char *help;             /* a sentence without its full stop */
    const char *more;             /* further sentences, or NULL */
    const struct param *args;     /* end with a row without a name; or NULL */
    const struct param *options;  /* beside the global ones; the same */
    const char *action;           /* what run_action() and run_list() call */
    const struct column *columns; /* of a list */
    int (*run)(struct cli *c);    /* returns an exit status */
    enum secret_need secret;
    bool local; /* needs no daemon */
};

extern const struct command commands[];
extern const size_t commands_count;
extern const struct param global_options[];

/* The groups' names with what they are about: "source", "project", "project reverse", … */
struct group {
    const char *path, *help;
};
extern const struct group groups[];
extern const size_t groups_count;

#endif
