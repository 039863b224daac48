#include "workers/incr/resolve_judge.h"

#include <string.h>
#include <strings.h>

#include "base/banned.h"

const char *conflict_kind_name(enum conflict_kind k)
{
    static const char *const names[CONFLICT_MAX_] = {
        [CONFLICT_NONE] = "NONE",
        [CONFLICT_INSERT_EXISTS] = "INSERT_EXISTS",
        [CONFLICT_UPDATE_MISSING] = "UPDATE_MISSING",
        [CONFLICT_DELETE_MISSING] = "DELETE_MISSING",
        [CONFLICT_UPDATE_UNIQUE] = "UPDATE_UNIQUE",
        [CONFLICT_ROW_DIFFERS] = "ROW_DIFFERS",
    };

    return names[k];
}

enum conflict_strategy conflict_strategy(const char *word)
{
    if (word != NULL && strcasecmp(word, "IGNORE") == 0)
        return STRATEGY_IGNORE;
    if (word != NULL && strcasecmp(word, "OVERWRITE") == 0)
        return STRATEGY_OVERWRITE;
    return STRATEGY_FAIL;
}

const char *conflict_decision(enum conflict_strategy s)
{
    switch (s) {
    case STRATEGY_FAIL:
        return "FAILED";
    case STRATEGY_IGNORE:
        return "IGNORED";
    case STRATEGY_OVERWRITE:
        return "OVERWRITTEN";
    }
    return "";
}

static const struct judgement as_it_is = { CONFLICT_NONE, ACT_PLAIN };
static const struct judgement is_so_already = { CONFLICT_NONE, ACT_NOTHING };

static struct judgement conflict(enum conflict_kind kind, enum conflict_strategy s,
                                 enum row_act overwrite)
{
    switch (s) {
    case STRATEGY_FAIL:
        return (struct judgement){ kind, ACT_FAIL };
    case STRATEGY_IGNORE:
        return (struct judgement){ kind, ACT_NOTHING };
    case STRATEGY_OVERWRITE:
        return (struct judgement){ kind, overwrite };
    }
    return (struct judgement){ kind, ACT_FAIL };
}

static struct judgement judge_insert(const struct met_facts *m, enum conflict_strategy s)
{
    if (m->others == 0)
        return as_it_is;
    if (m->other_as_after)
        return is_so_already;
    return conflict(CONFLICT_INSERT_EXISTS, s, ACT_WRITE);
}

static struct judgement judge_update(const struct met_facts *m, enum conflict_strategy s)
{
    if (!m->there)
        return m->other_as_after ? is_so_already : conflict(CONFLICT_UPDATE_MISSING, s, ACT_WRITE);
    if (m->row_check && !m->as_before)
        return m->as_after ? is_so_already : conflict(CONFLICT_ROW_DIFFERS, s, ACT_WRITE);
    return m->others == 0 ? as_it_is : conflict(CONFLICT_UPDATE_UNIQUE, s, ACT_WRITE);
}

static struct judgement judge_delete(const struct met_facts *m, enum conflict_strategy s)
{
    if (!m->there)
        return conflict(CONFLICT_DELETE_MISSING, s, ACT_NOTHING);
    if (m->row_check && !m->as_before)
        return conflict(CONFLICT_ROW_DIFFERS, s, ACT_DELETE);
    return as_it_is;
}

struct judgement conflict_judge(const struct met_facts *m, enum conflict_strategy s)
{
    switch (m->change) {
    case CHANGE_INSERT:
        return judge_insert(m, s);
    case CHANGE_UPDATE:
        return judge_update(m, s);
    case CHANGE_DELETE:
        return judge_delete(m, s);
    }
    return (struct judgement){ CONFLICT_NONE, ACT_FAIL };
}
