/* What ALTER TABLE does, one item at a time. */
#include <string.h>

#include "workers/mysql/ddl/parse_priv.h"

#include "base/banned.h"

static int whole_item(struct ddl_cursor *c, enum item_kind kind, size_t words)
{
    if (dc_item(c, kind, c->at) == NULL)
        return -1;
    c->at += words;
    dc_item_ends(c);
    return 0;
}

/* ---- partitions ---- */

/* An operation on partitions is alone, or the last: it has commas of its own. */
static int to_the_end(struct ddl_cursor *c, enum item_kind kind)
{
    if (dc_item(c, kind, c->at) == NULL)
        return -1;
    c->at = c->t->count;
    dc_item_ends(c);
    return 0;
}

/* EXCHANGE PARTITION p WITH TABLE t …; MariaDB: CONVERT PARTITION p TO TABLE t, CONVERT TABLE t TO
 * PARTITION p … */
static int exchange(struct ddl_cursor *c)
{
    struct ddl_item *item = dc_item(c, ITEM_EXCHANGE, c->at);

    if (item == NULL)
        return -1;
    while (!dc_end(c) && !dc_accept(c, "TABLE"))
        c->at++;
    if (dc_table(c, &item->rename) < 0)
        return -1;
    c->at = c->t->count;
    dc_item_ends(c);
    return 0;
}

/* 1: it was one, 0: no, -1. */
static int partition_item(struct ddl_cursor *c)
{
    static const char *const verbs[] = { "ADD",   "DROP",     "TRUNCATE",   "COALESCE", "ANALYZE",
                                         "CHECK", "OPTIMIZE", "REORGANIZE", "REBUILD",  "REPAIR" };
    int rc;

    if (dc_partitioning(c) || dc_is2(c, "UPGRADE", "PARTITIONING"))
        rc = to_the_end(c, ITEM_PARTITION);
    else if (dc_is2(c, "EXCHANGE", "PARTITION") || dc_is2(c, "CONVERT", "PARTITION") ||
             dc_is2(c, "CONVERT", "TABLE"))
        rc = exchange(c);
    else if (dc_is2(c, "DISCARD", "PARTITION") || dc_is2(c, "IMPORT", "PARTITION"))
        rc = to_the_end(c, ITEM_TABLESPACE);
    else if (tokens_word(c->t, c->at + 1, "PARTITION") &&
             dc_word_of(c, verbs, ARRAY_SIZE(verbs)) < ARRAY_SIZE(verbs))
        rc = to_the_end(c, ITEM_PARTITION);
    else
        return 0;
    return rc < 0 ? -1 : 1;
}

/* ---- the others ---- */

static int add(struct ddl_cursor *c)
{
    size_t from = c->at++;
    bool column = dc_accept(c, "COLUMN"), if_not_exists = false;
    size_t first = c->s->item_count;

    if (!column && dc_element_is_key(c))
        return dc_element(c, from, true);
    if (dc_if_not_exists(c, &if_not_exists) < 0)
        return -1;
    if (dc_is_punct(c, '(')) {
        if (dc_elements(c) < 0)
            return -1;
    } else if (dc_element(c, from, true) < 0) {
        return -1;
    }
    for (size_t i = first; i < c->s->item_count; i++)
        c->s->items[i].if_not_exists |= if_not_exists;
    return 0;
}

static int modify(struct ddl_cursor *c)
{
    bool is_change = dc_is(c, "CHANGE");
    struct ddl_item *item = dc_item(c, is_change ? ITEM_CHANGE_COLUMN : ITEM_MODIFY_COLUMN, c->at);

    if (item == NULL)
        return -1;
    c->at++;
    (void)dc_accept(c, "COLUMN");
    if (dc_if_exists(c, &item->if_exists) < 0 || dc_column(c, &item->name, &item->name_at) < 0)
        return -1;
    if (is_change && dc_column(c, &item->new_name, &item->new_name_at) < 0)
        return -1;
    return dc_column_rest(c, true);
}

/* DROP of something with a name; the words that say what are behind the cursor. */
static int drop_named(struct ddl_cursor *c, struct ddl_item *item, enum item_kind kind)
{
    item->kind = kind;
    if (dc_if_exists(c, &item->if_exists) < 0 || dc_column(c, &item->name, &item->name_at) < 0)
        return -1;
    if (!dc_accept(c, "RESTRICT"))
        (void)dc_accept(c, "CASCADE");
    dc_item_ends(c);
    return 0;
}

static int drop(struct ddl_cursor *c)
{
    struct ddl_item *item = dc_item(c, ITEM_DROP_COLUMN, c->at);

    if (item == NULL)
        return -1;
    c->at++;
    if (dc_accept2(c, "PRIMARY", "KEY")) {
        item->kind = ITEM_DROP_PRIMARY;
        dc_item_ends(c);
        return 0;
    }
    if (dc_is2(c, "PERIOD", "FOR") || dc_is2(c, "SYSTEM", "VERSIONING")) {
        item->kind = ITEM_VERSIONING;
        c->at += dc_is(c, "PERIOD") ? 3 : 2;
        dc_item_ends(c);
        return 0;
    }
    if (dc_accept(c, "INDEX") || dc_accept(c, "KEY"))
        return drop_named(c, item, ITEM_DROP_INDEX);
    if (dc_accept2(c, "FOREIGN", "KEY"))
        return drop_named(c, item, ITEM_DROP_FOREIGN_KEY);
    if (dc_accept(c, "CONSTRAINT") || dc_accept(c, "CHECK"))
        return drop_named(c, item, ITEM_DROP_CONSTRAINT);
    (void)dc_accept(c, "COLUMN");
    return drop_named(c, item, ITEM_DROP_COLUMN);
}

static int rename_item(struct ddl_cursor *c)
{
    struct ddl_item *item = dc_item(c, ITEM_RENAME_TO, c->at);

    if (item == NULL)
        return -1;
    c->at++;
    if (dc_is(c, "COLUMN") || dc_is(c, "INDEX") || dc_is(c, "KEY")) {
        item->kind = dc_is(c, "COLUMN") ? ITEM_RENAME_COLUMN : ITEM_RENAME_INDEX;
        c->at++;
        if (dc_if_exists(c, &item->if_exists) < 0 ||
            dc_column(c, &item->name, &item->name_at) < 0 || dc_expect(c, "TO") < 0 ||
            dc_column(c, &item->new_name, &item->new_name_at) < 0)
            return -1;
    } else {
        if (!dc_accept(c, "TO") && !dc_accept(c, "AS"))
            (void)dc_accept_punct(c, '=');
        if (dc_table(c, &item->rename) < 0)
            return -1;
    }
    dc_item_ends(c);
    return 0;
}

static int alter_item(struct ddl_cursor *c)
{
    struct ddl_item *item = dc_item(c, ITEM_ALTER_COLUMN, c->at);

    if (item == NULL)
        return -1;
    c->at++;
    if (dc_accept(c, "INDEX") || dc_accept(c, "KEY"))
        item->kind = ITEM_ALTER_INDEX;
    else if (dc_accept(c, "CHECK") || dc_accept(c, "CONSTRAINT"))
        item->kind = ITEM_ALTER_CHECK;
    else
        (void)dc_accept(c, "COLUMN");
    if (dc_if_exists(c, &item->if_exists) < 0 || dc_column(c, &item->name, &item->name_at) < 0)
        return -1;
    item->definition.from = c->at;
    if (dc_end(c) || dc_skip_item(c) < 0)
        return dc_fail(c, "what is altered");
    item->definition.to = c->at;
    dc_item_ends(c);
    return 0;
}

static int convert(struct ddl_cursor *c)
{
    struct ddl_item *item = dc_item(c, ITEM_CONVERT, c->at);

    if (item == NULL)
        return -1;
    c->at++;
    if (dc_expect(c, "TO") < 0)
        return -1;
    if (!dc_accept(c, "CHARSET") && !dc_accept2(c, "CHARACTER", "SET") &&
        !dc_accept2(c, "CHAR", "SET"))
        return dc_fail(c, "CHARACTER SET");
    if (dc_charset_value(c, &item->charset) < 0)
        return -1;
    if (dc_accept(c, "COLLATE") && dc_charset_value(c, &item->collation) < 0)
        return -1;
    dc_item_ends(c);
    return 0;
}

/* In "ORDER BY a, b DESC, ADD …" a name is one of the list when something of a list follows it. */
static bool more_to_order(const struct ddl_cursor *c)
{
    size_t next = c->at + 2;

    return dc_is_punct(c, ',') && tokens_is_name(c->t, c->at + 1) &&
           !tokens_word(c->t, c->at + 1, "FORCE") &&
           (next >= c->t->count || tokens_punct(c->t, next, ',') || tokens_punct(c->t, next, '.') ||
            tokens_word(c->t, next, "ASC") || tokens_word(c->t, next, "DESC"));
}

static int order_by(struct ddl_cursor *c)
{
    _cleanup_(freep)
    char *name = NULL;
    struct span at;

    if (dc_item(c, ITEM_ORDER_BY, c->at) == NULL)
        return -1;
    c->at += 2;
    for (;;) {
        if (dc_column(c, &name, &at) < 0)
            return -1;
        if (!dc_accept(c, "ASC"))
            (void)dc_accept(c, "DESC");
        if (!more_to_order(c))
            break;
        c->at++;
    }
    dc_item_ends(c);
    return 0;
}

/* 1: it was one, 0: no, -1. */
static int nothing(struct ddl_cursor *c)
{
    static const char *const pairs[][2] = { { "ENABLE", "KEYS" },
                                            { "DISABLE", "KEYS" },
                                            { "WITH", "VALIDATION" },
                                            { "WITHOUT", "VALIDATION" } };
    size_t words = 0;

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        if (dc_is2(c, pairs[i][0], pairs[i][1]))
            words = 2;
    if (dc_is(c, "FORCE") || dc_is(c, "NOWAIT") || dc_is(c, "SECONDARY_LOAD") ||
        dc_is(c, "SECONDARY_UNLOAD"))
        words = 1;
    else if (dc_is(c, "ALGORITHM") || dc_is(c, "LOCK"))
        words = tokens_punct(c->t, c->at + 1, '=') ? 3 : 2;
    else if (dc_is(c, "WAIT") && tokens_is(c->t, c->at + 1, TOK_NUMBER))
        words = 2;
    if (words == 0 || c->at + words > c->t->count)
        return 0;
    return whole_item(c, ITEM_NOTHING, words) < 0 ? -1 : 1;
}

static int options_item(struct ddl_cursor *c)
{
    bool any;

    if (dc_options(c, &any) < 0)
        return -1;
    return any ? 0 : dc_fail(c, "a change of the table");
}

static int one_item(struct ddl_cursor *c)
{
    int got = partition_item(c);

    if (got == 0)
        got = nothing(c);
    if (got != 0)
        return got < 0 ? -1 : 0;
    if (dc_is(c, "ADD"))
        return dc_is2(c, "ADD", "SYSTEM") && tokens_word(c->t, c->at + 2, "VERSIONING")
                   ? whole_item(c, ITEM_VERSIONING, 3)
                   : add(c);
    if (dc_is(c, "MODIFY") || dc_is(c, "CHANGE"))
        return modify(c);
    if (dc_is(c, "DROP"))
        return drop(c);
    if (dc_is(c, "RENAME"))
        return rename_item(c);
    if (dc_is(c, "ALTER"))
        return alter_item(c);
    if (dc_is2(c, "CONVERT", "TO"))
        return convert(c);
    if (dc_is2(c, "ORDER", "BY"))
        return order_by(c);
    if (dc_is2(c, "DISCARD", "TABLESPACE") || dc_is2(c, "IMPORT", "TABLESPACE"))
        return whole_item(c, ITEM_TABLESPACE, 2);
    return options_item(c);
}

int dc_alter_table(struct ddl_cursor *c)
{
    if (dc_if_exists(c, &c->s->if_exists) < 0 || dc_name(c) < 0)
        return -1;
    dc_skip_wait(c);
    while (!dc_end(c)) {
        if (one_item(c) < 0)
            return -1;
        if (dc_accept_punct(c, ',')) {
            if (dc_end(c))
                return dc_fail(c, "a change of the table");
        } else if (!dc_end(c) && !dc_partitioning(c)) {
            return dc_fail(c, "a comma or the end");
        }
    }
    return 0;
}
