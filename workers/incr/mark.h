/*
 * Rows of the control schema in the stream of the server that holds it: the mark of a transaction
 * that some worker applied there, the mask that a person set, and what the other direction tells.
 * Columns are known by their order (workers/mysql/control_layout.c), not by the catalog.
 */
#ifndef WORKERS_INCR_MARK_H
#define WORKERS_INCR_MARK_H

#include "base/err.h"
#include "workers/incr/group.h"

enum mark_table { MARK_NONE, MARK_LANE, MARK_MASK, MARK_CANARY, MARK_REMEDY, MARK_OTHER };

/* mark_table(): which table of the control schema a map names; MARK_NONE: of another database. */
enum mark_table mark_table(const char *schema, const struct table_map *m);

/*
 * mark_origin() - what the first row event of a transaction says of where it comes from
 *
 * Sets info->origin, path and mark_task. Errors: ERR_BINLOG_ROW_IMAGE when the event does not hold
 * the columns, ERR_BINLOG_MALFORMED; of cw_lane only.
 */
int mark_origin(const struct group_row_event *e, enum mark_table t, struct group_info *info,
                struct err *err);
/* mark_rows(): calls `fn` with each row of the event. */
int mark_rows(const struct group_row_event *e, enum mark_table t, const struct group_info *info,
              int (*fn)(void *ctx, const struct group_control *c, struct err *err), void *ctx,
              struct err *err);

/* mark_text(): column `at` of a row, of a VARBINARY; false: not there, or longer than `size`. */
bool mark_text(const struct group_control *c, size_t at, char *ret, size_t size);
/* mark_number(): likewise, of a BIGINT. */
bool mark_number(const struct group_control *c, size_t at, uint64_t *ret);

#endif
