/* Options of tables and databases. */
#include <stdlib.h>
#include <string.h>

#include "workers/mysql/ddl/parse_priv.h"

#include "base/banned.h"

/* Options of one word with a value; the equal sign may be left out. */
static const char *const with_value[] = {
    "ENGINE",
    "TYPE",
    "AUTO_INCREMENT",
    "AVG_ROW_LENGTH",
    "MAX_ROWS",
    "MIN_ROWS",
    "KEY_BLOCK_SIZE",
    "CHECKSUM",
    "TABLE_CHECKSUM",
    "DELAY_KEY_WRITE",
    "PACK_KEYS",
    "ROW_FORMAT",
    "STATS_PERSISTENT",
    "STATS_AUTO_RECALC",
    "STATS_SAMPLE_PAGES",
    "INSERT_METHOD",
    "CONNECTION",
    "COMMENT",
    "COMPRESSION",
    "ENCRYPTION",
    "PASSWORD",
    "TABLESPACE",
    "STORAGE",
    "AUTOEXTEND_SIZE",
    "ENGINE_ATTRIBUTE",
    "SECONDARY_ENGINE",
    "SECONDARY_ENGINE_ATTRIBUTE",
    "NODEGROUP",
    "PAGE_CHECKSUM",
    "TRANSACTIONAL",
    "SEQUENCE",
    "UNION",
};

static int value(struct ddl_cursor *c)
{
    if (dc_is_punct(c, '('))
        return dc_parentheses(c);
    (void)dc_accept_punct(c, '-');
    if (dc_end(c) || c->t->list[c->at].kind == TOK_PUNCT)
        return dc_fail(c, "an option's value");
    c->at++;
    return 0;
}

int dc_charset_value(struct ddl_cursor *c, char **ret)
{
    struct strbuf b = STRBUF(1024);

    (void)dc_accept_punct(c, '=');
    if (!tokens_is_name(c->t, c->at) && !tokens_is(c->t, c->at, TOK_STRING))
        return dc_fail(c, "a character set or collation");
    if (!dc_is(c, "DEFAULT"))
        token_unquote(&c->t->list[c->at], &b);
    c->at++;
    free(*ret);
    *ret = strbuf_ok(&b) ? strdup(strbuf_str(&b)) : NULL;
    strbuf_done(&b);
    return *ret != NULL ? 0 : dc_nomem(c);
}

static bool at_charset(const struct ddl_cursor *c)
{
    size_t skip = dc_is(c, "DEFAULT") ? 1 : 0;

    return tokens_word(c->t, c->at + skip, "CHARSET") ||
           tokens_word(c->t, c->at + skip, "COLLATE") ||
           ((tokens_word(c->t, c->at + skip, "CHARACTER") ||
             tokens_word(c->t, c->at + skip, "CHAR")) &&
            tokens_word(c->t, c->at + skip + 1, "SET"));
}

/* [DEFAULT] {CHARACTER SET | CHARSET | COLLATE} [=] name */
static int charset_option(struct ddl_cursor *c)
{
    struct ddl_item *item = dc_item(c, ITEM_OPTION, c->at);
    int rc;

    if (item == NULL)
        return -1;
    (void)dc_accept(c, "DEFAULT");
    if (dc_accept(c, "COLLATE")) {
        rc = dc_charset_value(c, &item->collation);
    } else {
        c->at += dc_is(c, "CHARSET") ? 1 : 2;
        rc = dc_charset_value(c, &item->charset);
    }
    dc_item_ends(c);
    return rc;
}

static int plain_option(struct ddl_cursor *c, enum item_kind kind, size_t words, bool has_value)
{
    if (dc_item(c, kind, c->at) == NULL)
        return -1;
    c->at += words;
    if (has_value) {
        (void)dc_accept_punct(c, '=');
        if (value(c) < 0)
            return -1;
    }
    dc_item_ends(c);
    return 0;
}

/* 1: an option was read, 0: there is none here, -1. */
static int option(struct ddl_cursor *c)
{
    int rc;

    if (at_charset(c))
        rc = charset_option(c);
    else if (dc_is2(c, "DATA", "DIRECTORY") || dc_is2(c, "INDEX", "DIRECTORY"))
        rc = plain_option(c, ITEM_OPTION, 2, true);
    else if (dc_is(c, "WITH") && tokens_word(c->t, c->at + 1, "SYSTEM"))
        rc = plain_option(c, ITEM_VERSIONING, 3, false);
    else if (dc_is2(c, "START", "TRANSACTION")) {
        c->s->atomic_rows = true;
        rc = plain_option(c, ITEM_NOTHING, 2, false);
    } else if (dc_word_of(c, with_value, ARRAY_SIZE(with_value)) < ARRAY_SIZE(with_value))
        rc = plain_option(c, ITEM_OPTION, 1, true);
    else if (tokens_is_name(c->t, c->at) && tokens_punct(c->t, c->at + 1, '='))
        rc = plain_option(c, ITEM_OPTION, 1, true); /* an engine's own (MariaDB) */
    else
        return 0;
    return rc < 0 ? -1 : 1;
}

int dc_options(struct ddl_cursor *c, bool *ret_any)
{
    int got;

    *ret_any = false;
    while ((got = option(c)) == 1)
        *ret_any = true;
    return got;
}

int dc_database_options(struct ddl_cursor *c)
{
    while (!dc_end(c)) {
        int rc;

        if (at_charset(c)) {
            rc = charset_option(c);
        } else {
            size_t words = dc_is(c, "DEFAULT") ? 1 : 0;

            if (tokens_word(c->t, c->at + words, "ENCRYPTION") ||
                tokens_word(c->t, c->at + words, "COMMENT"))
                rc = plain_option(c, ITEM_OPTION, words + 1, true);
            else if (dc_is2(c, "READ", "ONLY"))
                rc = plain_option(c, ITEM_OPTION, 2, true);
            else if (dc_is2(c, "UPGRADE", "DATA"))
                rc = plain_option(c, ITEM_OPTION, 4, false);
            else
                rc = dc_fail(c, "an option of the database");
        }
        if (rc < 0)
            return -1;
    }
    return 0;
}
