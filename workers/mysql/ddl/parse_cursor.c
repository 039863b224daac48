/* Moving over a statement's tokens: what every part of the parser uses. */
#include <string.h>

#include "workers/mysql/ddl/parse_priv.h"

#include "base/banned.h"

enum { AROUND_BYTES = 240, TOKEN_BYTES = 40, TOKENS_BEFORE = 4, TOKENS_SHOWN = 8 };

/* Strings are not shown: CONNECTION, PASSWORD and ENCRYPTION_KEY hold secrets. */
static void show_token(const struct token *t, struct strbuf *b)
{
    size_t len = MIN(t->len, (size_t)TOKEN_BYTES);

    if (t->kind == TOK_STRING) {
        strbuf_adds(b, "'…'");
        return;
    }
    while (len < t->len && len > 0 && ((unsigned char)t->text[len] & 0xc0) == 0x80)
        len--; /* whole characters */
    strbuf_add(b, t->text, len);
    if (len < t->len)
        strbuf_adds(b, "…");
}

int dc_fail(struct ddl_cursor *c, const char *expected)
{
    struct strbuf around = STRBUF(AROUND_BYTES * 2);
    size_t from = c->at > TOKENS_BEFORE ? c->at - TOKENS_BEFORE : 0;

    for (size_t i = from; i < c->t->count && i < from + TOKENS_SHOWN; i++) {
        if (i > from && c->t->list[i].space_before)
            strbuf_addc(&around, ' ');
        if (i == c->at)
            strbuf_adds(&around, ">>>");
        show_token(&c->t->list[i], &around);
    }
    (void)err_set(c->err, ERR_DDL_UNPARSED, "%s: %s is expected at byte %zu: %s%s%s",
                  *c->verb != '\0' ? c->verb : "a statement", expected, tokens_at(c->t, c->at),
                  from > 0 ? "…" : "", strbuf_str(&around), c->at >= c->t->count ? ">>>" : "");
    strbuf_done(&around);
    return -1;
}

int dc_nomem(struct ddl_cursor *c)
{
    return err_set(c->err, ERR_NOMEM, "no memory for a statement of %zu bytes", c->t->len);
}

bool dc_end(const struct ddl_cursor *c)
{
    return c->at >= c->t->count;
}

bool dc_is(const struct ddl_cursor *c, const char *word)
{
    return tokens_word(c->t, c->at, word);
}

bool dc_is2(const struct ddl_cursor *c, const char *first, const char *second)
{
    return dc_is(c, first) && tokens_word(c->t, c->at + 1, second);
}

bool dc_is_punct(const struct ddl_cursor *c, char punct)
{
    return tokens_punct(c->t, c->at, punct);
}

bool dc_accept(struct ddl_cursor *c, const char *word)
{
    bool is = dc_is(c, word);

    c->at += is ? 1 : 0;
    return is;
}

bool dc_accept2(struct ddl_cursor *c, const char *first, const char *second)
{
    bool is = dc_is2(c, first, second);

    c->at += is ? 2 : 0;
    return is;
}

bool dc_accept_punct(struct ddl_cursor *c, char punct)
{
    bool is = dc_is_punct(c, punct);

    c->at += is ? 1 : 0;
    return is;
}

int dc_expect(struct ddl_cursor *c, const char *word)
{
    return dc_accept(c, word) ? 0 : dc_fail(c, word);
}

int dc_expect_punct(struct ddl_cursor *c, char punct)
{
    char text[] = { '"', punct, '"', '\0' };

    return dc_accept_punct(c, punct) ? 0 : dc_fail(c, text);
}

int dc_if_exists(struct ddl_cursor *c, bool *ret)
{
    if (!dc_accept(c, "IF"))
        return 0;
    if (dc_expect(c, "EXISTS") < 0)
        return -1;
    *ret = true;
    return 0;
}

int dc_if_not_exists(struct ddl_cursor *c, bool *ret)
{
    if (!dc_is2(c, "IF", "NOT"))
        return 0;
    c->at += 2;
    if (dc_expect(c, "EXISTS") < 0)
        return -1;
    *ret = true;
    return 0;
}

size_t dc_word_of(const struct ddl_cursor *c, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (dc_is(c, words[i]))
            return i;
    return count;
}

int dc_parentheses(struct ddl_cursor *c)
{
    size_t close = dc_is_punct(c, '(') ? tokens_close(c->t, c->at) : c->t->count;

    if (close == c->t->count)
        return dc_fail(c, "a pair of parentheses");
    c->at = close + 1;
    return 0;
}

/* ---- names ---- */

static int one_name(struct ddl_cursor *c, const char *what, char **ret)
{
    if (!tokens_is_name(c->t, c->at))
        return dc_fail(c, what);
    *ret = tokens_name(c->t, c->at);
    if (*ret == NULL)
        return dc_nomem(c);
    c->at++;
    return 0;
}

int dc_table(struct ddl_cursor *c, struct ddl_name *ret)
{
    size_t from = c->at;
    _cleanup_(freep)
    char *first = NULL;
    char *second = NULL;

    if (one_name(c, "a table's name", &first) < 0)
        return -1;
    if (dc_accept_punct(c, '.')) {
        if (one_name(c, "a table's name", &second) < 0)
            return -1;
        ret->db = take_ptr(first);
        ret->name = second;
    } else {
        ret->db = strdup(c->default_db);
        ret->name = take_ptr(first);
    }
    ret->at = (struct span){ from, c->at };
    return ret->db != NULL ? 0 : dc_nomem(c);
}

int dc_name(struct ddl_cursor *c)
{
    struct ddl_statement *s = c->s;

    if ((s->name_count & (s->name_count - 1)) == 0) { /* grows at 0, 1, 2, 4, 8 … */
        size_t cap = s->name_count == 0 ? 1 : s->name_count * 2;
        struct ddl_name *grown = reallocarray(s->names, cap, sizeof(*grown));

        if (grown == NULL)
            return dc_nomem(c);
        s->names = grown;
    }
    s->names[s->name_count] = (struct ddl_name){ 0 };
    return dc_table(c, &s->names[s->name_count++]);
}

int dc_column(struct ddl_cursor *c, char **ret, struct span *ret_at)
{
    _cleanup_(freep)
    char *name = NULL;

    for (int parts = 0; parts < 3; parts++) {
        free(take_ptr(name));
        if (one_name(c, "a name", &name) < 0)
            return -1;
        if (!dc_accept_punct(c, '.')) {
            free(*ret);
            *ret = take_ptr(name);
            *ret_at = (struct span){ c->at - 1, c->at };
            return 0;
        }
    }
    return dc_fail(c, "a name of at most three parts");
}

/* ---- items ---- */

struct ddl_item *dc_item(struct ddl_cursor *c, enum item_kind kind, size_t from)
{
    struct ddl_statement *s = c->s;

    if ((s->item_count & (s->item_count - 1)) == 0) {
        size_t cap = s->item_count == 0 ? 1 : s->item_count * 2;
        struct ddl_item *grown = reallocarray(s->items, cap, sizeof(*grown));

        if (grown == NULL) {
            (void)dc_nomem(c);
            return NULL;
        }
        s->items = grown;
    }
    s->items[s->item_count] = (struct ddl_item){ .kind = kind, .at = { from, from } };
    return &s->items[s->item_count++];
}

void dc_item_ends(struct ddl_cursor *c)
{
    c->s->items[c->s->item_count - 1].at.to = c->at;
}

void dc_skip_wait(struct ddl_cursor *c)
{
    if (dc_accept(c, "NOWAIT"))
        return;
    if (dc_is(c, "WAIT") && tokens_is(c->t, c->at + 1, TOK_NUMBER))
        c->at += 2;
}

bool dc_partitioning(const struct ddl_cursor *c)
{
    return dc_is2(c, "PARTITION", "BY") || dc_is2(c, "REMOVE", "PARTITIONING");
}

int dc_skip_item(struct ddl_cursor *c)
{
    while (!dc_end(c) && !dc_is_punct(c, ',') && !dc_is_punct(c, ')') && !dc_partitioning(c)) {
        if (!dc_is_punct(c, '('))
            c->at++;
        else if (dc_parentheses(c) < 0)
            return -1;
    }
    return 0;
}
