/*
 * What is a conflict, and what is done about it: the table of docs/two-way.md as a pure function.
 */
#ifndef WORKERS_INCR_RESOLVE_JUDGE_H
#define WORKERS_INCR_RESOLVE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

enum conflict_kind {
    CONFLICT_NONE,
    CONFLICT_INSERT_EXISTS,
    CONFLICT_UPDATE_MISSING,
    CONFLICT_DELETE_MISSING,
    CONFLICT_UPDATE_UNIQUE,
    CONFLICT_ROW_DIFFERS,
    CONFLICT_MAX_
};
const char *conflict_kind_name(enum conflict_kind k); /* "INSERT_EXISTS", … */

enum conflict_strategy { STRATEGY_FAIL, STRATEGY_IGNORE, STRATEGY_OVERWRITE };
/* conflict_strategy(): from conflictStrategy, in any case; NULL and unknown words: FAIL. */
enum conflict_strategy conflict_strategy(const char *word);
const char *conflict_decision(enum conflict_strategy s); /* "FAILED", "IGNORED", "OVERWRITTEN" */

enum row_change { CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE };

/* What of a change was found at the target. */
struct met_facts {
    enum row_change change;
    bool row_check;      /* conflictDetection ROW */
    bool there;          /* a row with the before image's key */
    bool as_before;      /* … which is exactly the before image */
    bool as_after;       /* … which is exactly the after image */
    size_t others;       /* other rows that have one of the after image's unique keys */
    bool other_as_after; /* one of them is exactly the after image */
};

enum row_act {
    ACT_NOTHING,
    ACT_PLAIN, /* the change as it is */
    ACT_FAIL,
    ACT_WRITE,  /* the other rows go, the row becomes the after image */
    ACT_DELETE, /* the row goes whatever it holds */
};

struct judgement {
    enum conflict_kind kind;
    enum row_act act;
};
struct judgement conflict_judge(const struct met_facts *m, enum conflict_strategy s);

#endif
