#include "workers/start/start_tables.h"

#include "base/json.h"
#include "workers/mysql/facts.h"

#include "base/banned.h"

int start_scope(const struct task *t, struct json_object *mapping, const struct dialect *d,
                struct scope **ret, struct err *err)
{
    _cleanup_(scope_freep)
    struct scope *s = NULL;

    if (scope_new(mapping, &s, err) < 0)
        return -1;
    scope_fold_case(s, d->lower_case_table_names != 0);
    if (scope_exclude_db(s, t->control_schema) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the project's objects");
    if (scope_set_category(s, json_get_str(t->doc, "tableCategory", NULL), err) < 0)
        return -1;
    *ret = take_ptr(s);
    return 0;
}

int start_read_tables(struct conn *c, const struct dialect *d, const struct scope *scope,
                      struct catalog **ret_cat, struct json_object **ret_facts, struct err *err)
{
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    _cleanup_(facts_freep)
    struct facts *facts = NULL;

    if (facts_load(c, d, &facts, err) < 0 || catalog_load(c, d, scope, &cat, err) < 0)
        return -1;
    *ret_facts = facts_to_json(facts);
    if (*ret_facts == NULL)
        return err_set(err, ERR_NOMEM, "no memory for what is known of the server");
    *ret_cat = take_ptr(cat);
    return 0;
}
