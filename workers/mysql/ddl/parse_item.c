/* Columns, keys and constraints as CREATE TABLE and ALTER TABLE … ADD write them. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "workers/mysql/ddl/parse_priv.h"

#include "base/banned.h"

/* ---- columns ---- */

/* FIRST and AFTER are no reserved words: behind these they are somebody's name. */
static bool before_is_name(const struct ddl_cursor *c)
{
    return tokens_word(c->t, c->at - 1, "REFERENCES") ||
           tokens_word(c->t, c->at - 1, "CONSTRAINT") || tokens_punct(c->t, c->at - 1, '.');
}

static bool at_place(const struct ddl_cursor *c)
{
    return (dc_is(c, "FIRST") || (dc_is(c, "AFTER") && tokens_is_name(c->t, c->at + 1))) &&
           !before_is_name(c);
}

static bool definition_ends(const struct ddl_cursor *c, bool may_place)
{
    return dc_end(c) || dc_is_punct(c, ',') || dc_is_punct(c, ')') || dc_partitioning(c) ||
           (may_place && at_place(c));
}

int dc_column_rest(struct ddl_cursor *c, bool may_place)
{
    struct ddl_item *item = &c->s->items[c->s->item_count - 1];
    struct span place;

    item->definition.from = c->at;
    if (!tokens_is(c->t, c->at, TOK_WORD))
        return dc_fail(c, "a column's type");
    c->at++;
    while (!definition_ends(c, may_place)) {
        if (!dc_is_punct(c, '('))
            c->at++;
        else if (dc_parentheses(c) < 0)
            return -1;
    }
    item->definition.to = c->at;
    if (may_place && dc_accept(c, "FIRST"))
        item->first = true;
    else if (may_place && dc_accept(c, "AFTER") && dc_column(c, &item->after, &place) < 0)
        return -1;
    dc_item_ends(c);
    return 0;
}

/* ---- keys ---- */

static int key_length(struct ddl_cursor *c, unsigned *ret)
{
    _cleanup_(freep)
    char *digits = NULL;
    uint64_t v;

    if (!dc_accept_punct(c, '('))
        return 0;
    digits = tokens_text(c->t, c->at);
    if (digits == NULL || !num_parse_u64(digits, UINT32_MAX, &v))
        return dc_fail(c, "a key part's length");
    *ret = (unsigned)v;
    c->at++;
    return dc_expect_punct(c, ')');
}

static int key_part(struct ddl_cursor *c, struct ddl_item *item)
{
    struct ddl_key_part *p;
    struct ddl_key_part *grown =
        reallocarray(item->parts, item->part_count + 1, sizeof(*item->parts));
    struct span at;

    if (grown == NULL)
        return dc_nomem(c);
    item->parts = grown;
    p = &grown[item->part_count++];
    *p = (struct ddl_key_part){ 0 };
    if (dc_is_punct(c, '(')) {
        if (dc_parentheses(c) < 0)
            return -1;
    } else if (dc_column(c, &p->column, &at) < 0 || key_length(c, &p->prefix) < 0) {
        return -1;
    }
    if (!dc_accept(c, "ASC"))
        (void)dc_accept(c, "DESC");
    (void)dc_accept2(c, "WITHOUT", "OVERLAPS");
    return 0;
}

int dc_key_parts(struct ddl_cursor *c, struct ddl_item *item)
{
    if (dc_expect_punct(c, '(') < 0)
        return -1;
    do {
        if (key_part(c, item) < 0)
            return -1;
    } while (dc_accept_punct(c, ','));
    return dc_expect_punct(c, ')');
}

/* ---- foreign keys ---- */

static int action(struct ddl_cursor *c, char **ret)
{
    static const char *const words[] = { "CASCADE", "RESTRICT" };
    size_t i = dc_word_of(c, words, ARRAY_SIZE(words));
    const char *name = NULL;

    if (i < ARRAY_SIZE(words)) {
        name = words[i];
        c->at++;
    } else if (dc_accept2(c, "SET", "NULL")) {
        name = "SET NULL";
    } else if (dc_accept2(c, "SET", "DEFAULT")) {
        name = "SET DEFAULT";
    } else if (dc_accept2(c, "NO", "ACTION")) {
        name = "NO ACTION";
    } else {
        return dc_fail(c, "what a foreign key does");
    }
    free(*ret);
    *ret = strdup(name);
    return *ret != NULL ? 0 : dc_nomem(c);
}

static int actions(struct ddl_cursor *c, struct ddl_item *item)
{
    for (;;) {
        if (dc_accept(c, "MATCH")) {
            if (dc_end(c))
                return dc_fail(c, "FULL, PARTIAL or SIMPLE");
            c->at++;
        } else if (dc_accept2(c, "ON", "DELETE")) {
            if (action(c, &item->on_delete) < 0)
                return -1;
        } else if (dc_accept2(c, "ON", "UPDATE")) {
            if (action(c, &item->on_update) < 0)
                return -1;
        } else {
            return 0;
        }
    }
}

static int referenced_columns(struct ddl_cursor *c, struct ddl_item *item)
{
    size_t i = 0;
    struct span at;

    item->ref_columns = calloc(item->part_count, sizeof(*item->ref_columns));
    if (item->ref_columns == NULL)
        return dc_nomem(c);
    if (dc_expect_punct(c, '(') < 0)
        return -1;
    do {
        if (i == item->part_count)
            return dc_fail(c, "as many referenced columns as own ones");
        if (dc_column(c, &item->ref_columns[i++], &at) < 0)
            return -1;
    } while (dc_accept_punct(c, ','));
    if (i != item->part_count)
        return dc_fail(c, "as many referenced columns as own ones");
    return dc_expect_punct(c, ')');
}

int dc_reference(struct ddl_cursor *c, struct ddl_item *item)
{
    if (item->rename.name != NULL)
        return dc_fail(c, "one reference");
    item->part_count = 1;
    if (dc_expect(c, "REFERENCES") < 0 || dc_table(c, &item->rename) < 0)
        return -1;
    if (dc_is_punct(c, '(') && referenced_columns(c, item) < 0)
        return -1;
    return actions(c, item);
}

void dc_reference_done(struct ddl_item *item)
{
    free(item->rename.db);
    free(item->rename.name);
    if (item->ref_columns != NULL)
        free(item->ref_columns[0]);
    free(item->ref_columns);
    free(item->on_delete);
    free(item->on_update);
}

/* Behind FOREIGN KEY. `new_name` is the name of the key that goes with it, where it is written. */
static int foreign_key(struct ddl_cursor *c, struct ddl_item *item)
{
    item->kind = ITEM_FOREIGN_KEY;
    if (dc_if_not_exists(c, &item->if_not_exists) < 0)
        return -1;
    if (tokens_is_name(c->t, c->at) && dc_column(c, &item->new_name, &item->new_name_at) < 0)
        return -1;
    if (dc_key_parts(c, item) < 0 || dc_expect(c, "REFERENCES") < 0 ||
        dc_table(c, &item->rename) < 0 || referenced_columns(c, item) < 0)
        return -1;
    return actions(c, item);
}

/* ---- one element ---- */

/* Behind the words that say which kind of key. */
static int key(struct ddl_cursor *c, struct ddl_item *item, enum key_kind kind)
{
    item->kind = ITEM_INDEX;
    item->key = kind;
    if (dc_if_not_exists(c, &item->if_not_exists) < 0)
        return -1;
    if (tokens_is_name(c->t, c->at) && !dc_is(c, "USING") && !dc_is2(c, "TYPE", "BTREE") &&
        !dc_is2(c, "TYPE", "HASH") && !dc_is2(c, "TYPE", "RTREE") &&
        dc_column(c, &item->name, &item->name_at) < 0)
        return -1;
    if (dc_accept(c, "USING") || dc_accept(c, "TYPE"))
        c->at++;
    if (dc_key_parts(c, item) < 0)
        return -1;
    return dc_skip_item(c); /* options of the key */
}

static bool is_key_word(const struct ddl_cursor *c, size_t ahead)
{
    return tokens_word(c->t, c->at + ahead, "KEY") || tokens_word(c->t, c->at + ahead, "INDEX");
}

static void skip_key_word(struct ddl_cursor *c)
{
    c->at += is_key_word(c, 0) ? 1 : 0;
}

static int check(struct ddl_cursor *c, struct ddl_item *item)
{
    item->kind = ITEM_CHECK;
    if (dc_if_not_exists(c, &item->if_not_exists) < 0 || dc_parentheses(c) < 0)
        return -1;
    if (!dc_accept2(c, "NOT", "ENFORCED"))
        (void)dc_accept(c, "ENFORCED");
    return 0;
}

/* What follows [CONSTRAINT [name]]; *ret_done says whether anything was there. */
static int constraint(struct ddl_cursor *c, struct ddl_item *item, bool *ret_done)
{
    *ret_done = true;
    if (dc_accept2(c, "PRIMARY", "KEY"))
        return key(c, item, KEY_PRIMARY);
    if (dc_accept(c, "UNIQUE")) {
        skip_key_word(c);
        return key(c, item, KEY_UNIQUE);
    }
    if (dc_accept2(c, "FOREIGN", "KEY"))
        return foreign_key(c, item);
    if (dc_accept(c, "CHECK"))
        return check(c, item);
    *ret_done = false;
    return 0;
}

static int named_constraint(struct ddl_cursor *c, struct ddl_item *item)
{
    bool done = false;

    if (dc_if_not_exists(c, &item->if_not_exists) < 0)
        return -1;
    if (!dc_is(c, "PRIMARY") && !dc_is(c, "UNIQUE") && !dc_is(c, "FOREIGN") && !dc_is(c, "CHECK") &&
        dc_column(c, &item->name, &item->name_at) < 0)
        return -1;
    if (constraint(c, item, &done) < 0)
        return -1;
    return done ? 0 : dc_fail(c, "a constraint");
}

static int other_key(struct ddl_cursor *c, struct ddl_item *item)
{
    enum key_kind kind = dc_is(c, "FULLTEXT")  ? KEY_FULLTEXT
                         : dc_is(c, "SPATIAL") ? KEY_SPATIAL
                         : dc_is(c, "VECTOR")  ? KEY_VECTOR
                                               : KEY_PLAIN;

    c->at++;
    if (kind != KEY_PLAIN)
        skip_key_word(c);
    return key(c, item, kind);
}

static bool is_period(const struct ddl_cursor *c)
{
    return dc_is2(c, "PERIOD", "FOR") || dc_is2(c, "SYSTEM", "VERSIONING");
}

bool dc_element_is_key(const struct ddl_cursor *c)
{
    static const char *const words[] = { "CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK",
                                         "FULLTEXT",   "SPATIAL", "KEY",    "INDEX" };

    return dc_word_of(c, words, ARRAY_SIZE(words)) < ARRAY_SIZE(words) ||
           (dc_is(c, "VECTOR") && is_key_word(c, 1)) || is_period(c);
}

int dc_element(struct ddl_cursor *c, size_t from, bool may_place)
{
    bool is_key = dc_element_is_key(c), done = false;
    struct ddl_item *item = dc_item(c, is_key ? ITEM_INDEX : ITEM_COLUMN, from);
    int rc;

    if (item == NULL)
        return -1;
    if (!is_key) {
        if (dc_if_not_exists(c, &item->if_not_exists) < 0 ||
            dc_column(c, &item->name, &item->name_at) < 0)
            return -1;
        return dc_column_rest(c, may_place);
    }
    if (is_period(c)) {
        item->kind = ITEM_VERSIONING;
        rc = dc_skip_item(c);
    } else if (dc_accept(c, "CONSTRAINT")) {
        rc = named_constraint(c, item);
    } else {
        rc = constraint(c, item, &done);
        if (rc == 0 && !done)
            rc = other_key(c, item);
    }
    dc_item_ends(c);
    return rc;
}

int dc_elements(struct ddl_cursor *c)
{
    if (dc_expect_punct(c, '(') < 0)
        return -1;
    do {
        if (dc_element(c, c->at, false) < 0)
            return -1;
    } while (dc_accept_punct(c, ','));
    return dc_expect_punct(c, ')');
}
