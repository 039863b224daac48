/* The terminal: how large it is, and signals that are waited for instead of dying of them. */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include "base/err.h"
#include "base/util.h"

/* Columns and rows of standard output; 80 by 24 when it does not say. */
void term_size(int *ret_columns, int *ret_rows);

/* From term_signals_new() on SIGINT, SIGTERM, SIGHUP and SIGWINCH are kept until they are waited
 * for, so that whoever has changed the terminal can put it back. */
struct term_signals;
int term_signals_new(struct term_signals **ret, struct err *err);
void term_signals_free(struct term_signals *s); /* as it was before; what still waits acts now */
DEFINE_CLEANUP(struct term_signals, term_signals_free)
/*
 * term_signals_wait() - until a signal comes, `fd` can be read or the time is over
 *
 * @fd          or -1
 * @timeout_ms  -1: for ever
 * Returns the signal, 0 for the other two.
 */
int term_signals_wait(struct term_signals *s, int fd, int timeout_ms);

#endif
