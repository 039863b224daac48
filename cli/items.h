/* The items of a precheck: waiting for them, showing them, as JUnit's XML. */
#ifndef CLI_ITEMS_H
#define CLI_ITEMS_H

#include "cli/cli.h"

/*
 * items_wait() - GetPreCheckResult until it has ended; *ret is its data
 *
 * Errors: ERR_TIMEOUT after --timeout seconds (default five minutes), ERR_CANCELLED at a signal.
 */
int items_wait(struct cli *c, const char *id, struct json_object **ret, struct err *err);
/* items_run(): a command that is an action which answers the id of a check, and waiting for that.
 */
int items_run(struct cli *c, const char *action);
void items_say(struct json_object *data);
/* items_status(): ST_OK, ST_FAILED when an item has failed, ST_TROUBLE when it could not run. */
int items_status(struct json_object *data);
/*
 * items_junit() - as JUnit's XML (testsuites, testsuite, testcase, as Jenkins reads it)
 *
 * FAILED: failure; WARNING: passed, with system-out; SKIPPED: skipped; a check that could not run:
 * error. What XML 1.0 can't hold becomes "?".
 */
void items_junit(struct json_object *data, const char *name, int64_t unix_s, double seconds,
                 struct strbuf *to);

#endif
