/* CREATE TABLE. */
#include "workers/mysql/ddl/parse_priv.h"

#include "base/banned.h"

/* The query of CREATE TABLE … [IGNORE | REPLACE] [AS] query. */
static bool at_query(const struct ddl_cursor *c)
{
    size_t i = c->at;

    while (tokens_punct(c->t, i, '('))
        i++;
    return tokens_word(c->t, i, "SELECT") || tokens_word(c->t, i, "VALUES") ||
           (tokens_word(c->t, i, "TABLE") && tokens_is_name(c->t, i + 1)) ||
           (tokens_word(c->t, i, "WITH") && !tokens_word(c->t, i + 1, "SYSTEM"));
}

static void query(struct ddl_cursor *c)
{
    c->s->select = (struct span){ c->at, c->t->count };
    c->at = c->t->count;
    /* MySQL 8.0.21+ shows an atomic CREATE TABLE … SELECT with the columns instead of the query,
     * and these words at its end */
}

static int partitioning(struct ddl_cursor *c)
{
    if (dc_item(c, ITEM_PARTITION, c->at) == NULL)
        return -1;
    while (!dc_end(c) && !dc_is(c, "AS") && !dc_is(c, "SELECT") && !dc_is(c, "IGNORE") &&
           !dc_is(c, "REPLACE") && !dc_is(c, "START") && !dc_is(c, "WITH")) {
        if (!dc_is_punct(c, '('))
            c->at++;
        else if (at_query(c))
            break;
        else if (dc_parentheses(c) < 0)
            return -1;
    }
    dc_item_ends(c);
    return 0;
}

/* Options, divided by blanks or commas. */
static int table_options(struct ddl_cursor *c)
{
    bool any, comma;

    do {
        if (dc_options(c, &any) < 0)
            return -1;
        comma = any && dc_accept_punct(c, ',');
    } while (comma);
    return 0;
}

static int like_table(struct ddl_cursor *c)
{
    bool in_parentheses = dc_accept_punct(c, '(');

    if (dc_expect(c, "LIKE") < 0 || dc_table(c, &c->s->like) < 0)
        return -1;
    return in_parentheses ? dc_expect_punct(c, ')') : 0;
}

static int tail(struct ddl_cursor *c)
{
    if (table_options(c) < 0 || (dc_is2(c, "PARTITION", "BY") && partitioning(c) < 0) ||
        table_options(c) < 0)
        return -1;
    if (dc_is(c, "IGNORE") || dc_is(c, "REPLACE") || dc_is(c, "AS") || at_query(c)) {
        query(c);
        return 0;
    }
    return dc_end(c) ? 0 : dc_fail(c, "an option of the table");
}

int dc_create_table(struct ddl_cursor *c)
{
    if (dc_if_not_exists(c, &c->s->if_not_exists) < 0 || dc_name(c) < 0)
        return -1;
    dc_skip_wait(c);
    if (dc_is(c, "LIKE") || (dc_is_punct(c, '(') && tokens_word(c->t, c->at + 1, "LIKE"))) {
        if (like_table(c) < 0)
            return -1;
        return dc_end(c) ? 0 : dc_fail(c, "the end of the statement");
    }
    if (dc_is_punct(c, '(') && !at_query(c) && dc_elements(c) < 0)
        return -1;
    return tail(c);
}
