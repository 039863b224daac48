#include "workers/verify/project.h"

#include <string.h>

#include "workers/mysql/control.h"

#include "base/banned.h"

int project_catalog(const struct task *t, struct ends *e, struct scope *scope, struct catalog **ret,
                    struct err *err)
{
    int got = 0;

    if (t->do_full || t->do_incr)
        got = control_schema_get(e->conns[END_SINK], t->control_schema, t->project_id, ret, err);
    if (got != 0)
        return MIN(got, 0);
    scope_fold_case(scope, e->dialects[END_SOURCE].lower_case_table_names != 0);
    return catalog_load(e->conns[END_SOURCE], &e->dialects[END_SOURCE], scope, ret, err);
}

int project_apply(struct table *now, const struct table *stored, bool *ret_same, struct err *err)
{
    bool same = now->column_count == stored->column_count;

    for (size_t i = 0; i < now->column_count; i++) {
        int at = table_column(stored, now->columns[i].name);

        if (at < 0) {
            same = false;
            continue;
        }
        now->selected[i] = stored->selected[at];
        /* not type_text: another server of the same data may spell it otherwise */
        same &= now->columns[i].kind == stored->columns[at].kind;
    }
    free(now->where);
    now->where = stored->where != NULL ? strdup(stored->where) : NULL;
    *ret_same = same;
    return (stored->where == NULL) == (now->where == NULL)
               ? 0
               : err_set(err, ERR_NOMEM, "no memory for a table");
}
