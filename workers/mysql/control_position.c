/* What the control schema tells of how far a project is beyond its checkpoint, and of resets. */
#include <stdio.h>

#include "base/fault.h"
#include "base/num.h"
#include "workers/mysql/control.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum { VARINT_BITS_MAX = 64 };

/* The last of the numbers of a lane's list: a sum of varints (workers/incr/applied.h). */
static int last_of(const struct lane_row *row, uint64_t *ret, struct err *err)
{
    struct cursor c = cursor_of(row->applied, row->applied_len);
    uint64_t last = row->lwm;

    while (cursor_left(&c) > 0) {
        uint64_t distance = 0, byte;
        unsigned shift = 0;

        do {
            byte = cursor_le(&c, 1);
            if (c.bad || shift >= VARINT_BITS_MAX)
                return err_set(err, ERR_CONTROL_SCHEMA, "what lane %u has applied is damaged",
                               row->lane);
            distance |= (byte & 0x7f) << shift;
            shift += 7;
        } while ((byte & 0x80) != 0);
        last += distance;
    }
    *ret = last;
    return 0;
}

int control_last_applied(struct conn *c, const char *schema, const char *project_id,
                         const char *kind, uint64_t *ret, struct err *err)
{
    struct fence f = { .schema = schema };
    struct lane_row *rows = NULL;
    uint64_t last = 0, one = 0;
    size_t count = 0;
    int got;

    (void)snprintf(f.task, sizeof(f.task), "%s/%s", project_id, kind);
    got = control_lanes(c, &f, &rows, &count, err);
    for (size_t i = 0; got == 0 && i < count; i++) {
        got = last_of(&rows[i], &one, err);
        last = MAX(last, one);
    }
    lane_rows_free(rows, count);
    *ret = last;
    return got;
}

int control_reset_get(struct conn *c, const char *schema, const char *project_id,
                      char ret[static CONTROL_RESET_ID_MAX], struct err *err)
{
    struct checkpoint at = { 0 };
    int got = control_checkpoint_get(c, schema, project_id, "reset", &at, err);

    (void)snprintf(ret, CONTROL_RESET_ID_MAX, "%s", got == 1 ? at.source_uuid : "");
    checkpoint_done(&at);
    return got;
}

int control_schema_forget(struct conn *c, const struct fence *f, const char *project_id,
                          struct err *err)
{
    if (control_begin_keep(c, f, 0, err) < 0)
        return -1;
    if (control_exec(c, f->schema, NULL, err,
                     "UPDATE @cw_project SET schema_tables = NULL WHERE project = %q",
                     project_id) < 0 ||
        control_exec(c, f->schema, NULL, err, "DELETE FROM @cw_facts WHERE project = %q",
                     project_id) < 0 ||
        control_exec(c, f->schema, NULL, err, "DELETE FROM @cw_shadow WHERE project = %q",
                     project_id) < 0 ||
        control_exec(c, f->schema, NULL, err, "DELETE FROM @cw_ddl WHERE project = %q",
                     project_id) < 0 ||
        control_exec(c, f->schema, NULL, err,
                     "UPDATE @cw_table SET snap_file = '' WHERE project = %q", project_id) < 0) {
        control_rollback(c);
        return -1;
    }
    return control_commit(c, err);
}
