#include "workers/mysql/ddl/parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/ddl/parse_priv.h"

#include "base/banned.h"

/* The statement with its text behind it: one piece of memory. */
struct owned {
    struct ddl_statement s;
    char sql[];
};

/* clang-format off */
static const char *const kind_names[] = {
    [DDL_CREATE_TABLE] = "CREATE_TABLE",       [DDL_ALTER_TABLE] = "ALTER_TABLE",
    [DDL_DROP_TABLE] = "DROP_TABLE",           [DDL_RENAME_TABLE] = "RENAME_TABLE",
    [DDL_TRUNCATE_TABLE] = "TRUNCATE_TABLE",   [DDL_CREATE_INDEX] = "CREATE_INDEX",
    [DDL_DROP_INDEX] = "DROP_INDEX",           [DDL_CREATE_VIEW] = "CREATE_VIEW",
    [DDL_ALTER_VIEW] = "ALTER_VIEW",           [DDL_DROP_VIEW] = "DROP_VIEW",
    [DDL_CREATE_DATABASE] = "CREATE_DATABASE", [DDL_ALTER_DATABASE] = "ALTER_DATABASE",
    [DDL_DROP_DATABASE] = "DROP_DATABASE",     [DDL_CREATE_FUNCTION] = "CREATE_FUNCTION",
    [DDL_DROP_FUNCTION] = "DROP_FUNCTION",     [DDL_CREATE_PROCEDURE] = "CREATE_PROCEDURE",
    [DDL_DROP_PROCEDURE] = "DROP_PROCEDURE",   [DDL_OTHER] = "OTHER",
};
/* clang-format on */

const char *ddl_kind_name(enum ddl_kind k)
{
    return (unsigned)k < ARRAY_SIZE(kind_names) ? kind_names[k] : "OTHER";
}

bool ddl_kind_of(const char *name, enum ddl_kind *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *ret = (enum ddl_kind)i;
            return true;
        }
    }
    return false;
}

/* ---- life ---- */

static void name_done(struct ddl_name *n)
{
    free(n->db);
    free(n->name);
}

static void item_done(struct ddl_item *item)
{
    free(item->name);
    free(item->new_name);
    free(item->after);
    for (size_t i = 0; i < item->part_count; i++) {
        free(item->parts[i].column);
        if (item->ref_columns != NULL)
            free(item->ref_columns[i]);
    }
    free(item->parts);
    free(item->ref_columns);
    name_done(&item->rename);
    free(item->on_delete);
    free(item->on_update);
    free(item->charset);
    free(item->collation);
}

void ddl_statement_free(struct ddl_statement *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->name_count; i++)
        name_done(&s->names[i]);
    for (size_t i = 0; i < s->item_count; i++)
        item_done(&s->items[i]);
    name_done(&s->like);
    free(s->names);
    free(s->items);
    tokens_done(&s->tokens);
    free(s);
}

/* ---- statements ---- */

static void set_verb(struct ddl_cursor *c, const char *verb, const char *object)
{
    (void)snprintf(c->s->verb, sizeof(c->s->verb), "%s %s", verb, object);
}

/* A name of one part: s->names with name "". */
static int database_name(struct ddl_cursor *c)
{
    size_t from = c->at;
    struct ddl_name n = { 0 };

    n.db = tokens_name(c->t, c->at);
    n.name = strdup("");
    n.at = (struct span){ from, from + 1 };
    if (!tokens_is_name(c->t, c->at)) {
        name_done(&n);
        return dc_fail(c, "a database's name");
    }
    c->at++;
    c->s->names = n.db == NULL || n.name == NULL ? NULL : calloc(1, sizeof(*c->s->names));
    if (c->s->names == NULL) {
        name_done(&n);
        return dc_nomem(c);
    }
    c->s->names[c->s->name_count++] = n;
    return 0;
}

static int end_of_statement(struct ddl_cursor *c)
{
    return dc_end(c) ? 0 : dc_fail(c, "the end of the statement");
}

/* WAIT n, RESTRICT, CASCADE: mean nothing afterwards. */
static int end_of_drop(struct ddl_cursor *c)
{
    dc_skip_wait(c);
    if (!dc_accept(c, "RESTRICT"))
        (void)dc_accept(c, "CASCADE");
    dc_skip_wait(c);
    return end_of_statement(c);
}

static int name_list(struct ddl_cursor *c)
{
    do {
        if (dc_name(c) < 0)
            return -1;
    } while (dc_accept_punct(c, ','));
    return 0;
}

/* DEFINER = user[@host] | CURRENT_USER[()] | role, ALGORITHM = x, SQL SECURITY x: of views and
 * routines. */
static int skip_definer(struct ddl_cursor *c)
{
    if (dc_expect_punct(c, '=') < 0)
        return -1;
    if (dc_end(c))
        return dc_fail(c, "a user");
    c->at++;
    if (dc_is_punct(c, '('))
        return dc_parentheses(c);
    if (dc_accept_punct(c, '@')) {
        if (dc_end(c))
            return dc_fail(c, "a host");
        c->at++;
        /* a host without quotes has points and hyphens: all that follows without a blank */
        while (!dc_end(c) && !c->t->list[c->at].space_before)
            c->at++;
    }
    return 0;
}

static int skip_modifiers(struct ddl_cursor *c)
{
    for (;;) {
        if (dc_accept(c, "DEFINER")) {
            if (skip_definer(c) < 0)
                return -1;
        } else if (dc_accept(c, "ALGORITHM")) {
            if (dc_expect_punct(c, '=') < 0)
                return -1;
            c->at++;
        } else if (dc_accept2(c, "SQL", "SECURITY")) {
            c->at++;
        } else if (!dc_accept(c, "AGGREGATE") && !dc_accept(c, "ONLINE") &&
                   !dc_accept(c, "OFFLINE") && !dc_accept(c, "IGNORE")) {
            return 0;
        }
    }
}

/* What is never carried: told by the name it has, where that can be read. */
static int other(struct ddl_cursor *c, const char *verb)
{
    char word[24] = "";

    c->s->kind = DDL_OTHER;
    if (tokens_is(c->t, c->at, TOK_WORD)) {
        (void)snprintf(word, sizeof(word), "%.*s", (int)MIN(c->t->list[c->at].len, (size_t)20),
                       c->t->list[c->at].text);
        for (char *p = word; *p != '\0'; p++)
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
        c->at++;
    }
    set_verb(c, verb, word);
    if (strcmp(word, "PACKAGE") == 0)
        (void)dc_accept(c, "BODY");
    if (dc_if_not_exists(c, &c->s->if_not_exists) < 0 || dc_if_exists(c, &c->s->if_exists) < 0)
        return -1;
    return tokens_is_name(c->t, c->at) ? dc_name(c) : 0;
}

static int create_index(struct ddl_cursor *c, size_t from, enum key_kind key)
{
    struct ddl_item *item;
    bool if_not_exists = false;

    c->s->kind = DDL_CREATE_INDEX;
    set_verb(c, "CREATE", "INDEX");
    if (dc_if_not_exists(c, &if_not_exists) < 0)
        return -1;
    item = dc_item(c, ITEM_INDEX, from);
    if (item == NULL)
        return -1;
    c->s->if_not_exists = item->if_not_exists = if_not_exists;
    item->key = key;
    if (dc_column(c, &item->name, &item->name_at) < 0)
        return -1;
    if (dc_accept(c, "USING") || dc_accept(c, "TYPE"))
        c->at++;
    dc_skip_wait(c);
    if (dc_expect(c, "ON") < 0 || dc_name(c) < 0)
        return -1;
    dc_skip_wait(c);
    if (dc_key_parts(c, item) < 0)
        return -1;
    c->at = c->t->count; /* options of the key, ALGORITHM, LOCK */
    dc_item_ends(c);
    return 0;
}

/* [UNIQUE | FULLTEXT | SPATIAL | VECTOR] INDEX; false: something else is created. */
static bool index_words(struct ddl_cursor *c, enum key_kind *ret)
{
    static const struct {
        const char *word;
        enum key_kind key;
    } kinds[] = { { "UNIQUE", KEY_UNIQUE },
                  { "FULLTEXT", KEY_FULLTEXT },
                  { "SPATIAL", KEY_SPATIAL },
                  { "VECTOR", KEY_VECTOR } };

    *ret = KEY_PLAIN;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (dc_accept2(c, kinds[i].word, "INDEX")) {
            *ret = kinds[i].key;
            return true;
        }
    }
    return dc_accept(c, "INDEX");
}

static int create_view(struct ddl_cursor *c, enum ddl_kind kind)
{
    c->s->kind = kind;
    set_verb(c, kind == DDL_CREATE_VIEW ? "CREATE" : "ALTER", "VIEW");
    if (dc_if_not_exists(c, &c->s->if_not_exists) < 0 || dc_name(c) < 0)
        return -1;
    if (dc_is_punct(c, '(') && dc_parentheses(c) < 0)
        return -1;
    return dc_is(c, "AS") ? 0 : dc_fail(c, "AS");
}

static int create_routine(struct ddl_cursor *c, enum ddl_kind kind)
{
    c->s->kind = kind;
    set_verb(c, "CREATE", kind == DDL_CREATE_FUNCTION ? "FUNCTION" : "PROCEDURE");
    if (dc_if_not_exists(c, &c->s->if_not_exists) < 0 || dc_name(c) < 0)
        return -1;
    if (dc_is(c, "RETURNS") && kind == DDL_CREATE_FUNCTION) {
        c->s->kind = DDL_OTHER; /* … SONAME: a loadable function, of the server, not a database */
        return 0;
    }
    return dc_is_punct(c, '(') ? 0 : dc_fail(c, "the routine's parameters");
}

static int create_database(struct ddl_cursor *c)
{
    c->s->kind = DDL_CREATE_DATABASE;
    set_verb(c, "CREATE", "DATABASE");
    if (dc_if_not_exists(c, &c->s->if_not_exists) < 0 || database_name(c) < 0)
        return -1;
    return dc_database_options(c);
}

static int create(struct ddl_cursor *c)
{
    enum key_kind key;
    size_t from;

    if (dc_accept2(c, "OR", "REPLACE"))
        c->s->or_replace = true;
    if (skip_modifiers(c) < 0)
        return -1;
    if (dc_accept(c, "TEMPORARY"))
        c->s->temporary = true;
    from = c->at;
    if (dc_accept(c, "TABLE")) {
        c->s->kind = DDL_CREATE_TABLE;
        set_verb(c, "CREATE", "TABLE");
        return dc_create_table(c);
    }
    if (index_words(c, &key))
        return create_index(c, from, key);
    if (dc_accept(c, "VIEW"))
        return create_view(c, DDL_CREATE_VIEW);
    if (dc_accept(c, "DATABASE") || dc_accept(c, "SCHEMA"))
        return create_database(c);
    if (dc_accept(c, "FUNCTION"))
        return create_routine(c, DDL_CREATE_FUNCTION);
    if (dc_accept(c, "PROCEDURE"))
        return create_routine(c, DDL_CREATE_PROCEDURE);
    return other(c, "CREATE");
}

/* ALTER DATABASE without a name is the default database. */
static int alter_database(struct ddl_cursor *c)
{
    static const char *const options[] = { "DEFAULT", "CHARACTER", "CHARSET",   "COLLATE",
                                           "COMMENT", "READ",      "ENCRYPTION" };

    c->s->kind = DDL_ALTER_DATABASE;
    set_verb(c, "ALTER", "DATABASE");
    if (dc_word_of(c, options, ARRAY_SIZE(options)) == ARRAY_SIZE(options)) {
        if (database_name(c) < 0)
            return -1;
    } else {
        struct ddl_name *n = calloc(1, sizeof(*n));

        c->s->names = n;
        if (n == NULL)
            return dc_nomem(c);
        c->s->name_count = 1;
        n->db = strdup(c->default_db);
        n->name = strdup("");
        n->at = (struct span){ c->at, c->at };
        if (n->db == NULL || n->name == NULL)
            return dc_nomem(c);
    }
    return dc_database_options(c);
}

static int alter(struct ddl_cursor *c)
{
    if (skip_modifiers(c) < 0)
        return -1;
    if (dc_accept(c, "TABLE")) {
        c->s->kind = DDL_ALTER_TABLE;
        set_verb(c, "ALTER", "TABLE");
        return dc_alter_table(c);
    }
    if (dc_accept(c, "VIEW"))
        return create_view(c, DDL_ALTER_VIEW);
    if (dc_accept(c, "DATABASE") || dc_accept(c, "SCHEMA"))
        return alter_database(c);
    return other(c, "ALTER");
}

static int drop_index(struct ddl_cursor *c, size_t from)
{
    struct ddl_item *item;
    bool if_exists = false;

    c->s->kind = DDL_DROP_INDEX;
    set_verb(c, "DROP", "INDEX");
    if (dc_if_exists(c, &if_exists) < 0)
        return -1;
    item = dc_item(c, ITEM_DROP_INDEX, from);
    if (item == NULL)
        return -1;
    c->s->if_exists = item->if_exists = if_exists;
    if (dc_column(c, &item->name, &item->name_at) < 0 || dc_expect(c, "ON") < 0 || dc_name(c) < 0)
        return -1;
    c->at = c->t->count; /* WAIT, ALGORITHM, LOCK */
    dc_item_ends(c);
    return 0;
}

static int drop_named(struct ddl_cursor *c, enum ddl_kind kind, const char *object, bool list)
{
    c->s->kind = kind;
    set_verb(c, "DROP", object);
    if (dc_if_exists(c, &c->s->if_exists) < 0)
        return -1;
    if (kind == DDL_DROP_DATABASE ? database_name(c) < 0 : list ? name_list(c) < 0 : dc_name(c) < 0)
        return -1;
    return end_of_drop(c);
}

static int drop(struct ddl_cursor *c)
{
    size_t from;

    if (skip_modifiers(c) < 0)
        return -1;
    if (dc_accept(c, "TEMPORARY"))
        c->s->temporary = true;
    from = c->at;
    if (dc_accept(c, "TABLE") || dc_accept(c, "TABLES"))
        return drop_named(c, DDL_DROP_TABLE, "TABLE", true);
    if (dc_accept(c, "VIEW"))
        return drop_named(c, DDL_DROP_VIEW, "VIEW", true);
    if (dc_accept(c, "DATABASE") || dc_accept(c, "SCHEMA"))
        return drop_named(c, DDL_DROP_DATABASE, "DATABASE", false);
    if (dc_accept(c, "FUNCTION"))
        return drop_named(c, DDL_DROP_FUNCTION, "FUNCTION", false);
    if (dc_accept(c, "PROCEDURE"))
        return drop_named(c, DDL_DROP_PROCEDURE, "PROCEDURE", false);
    if (dc_accept(c, "INDEX"))
        return drop_index(c, from);
    return other(c, "DROP");
}

static int rename_table(struct ddl_cursor *c)
{
    if (!dc_accept(c, "TABLE") && dc_expect(c, "TABLES") < 0)
        return -1;
    c->s->kind = DDL_RENAME_TABLE;
    set_verb(c, "RENAME", "TABLE");
    if (dc_if_exists(c, &c->s->if_exists) < 0)
        return -1;
    do {
        if (dc_name(c) < 0)
            return -1;
        dc_skip_wait(c);
        if (dc_expect(c, "TO") < 0 || dc_name(c) < 0)
            return -1;
    } while (dc_accept_punct(c, ','));
    return end_of_statement(c);
}

static int truncate_table(struct ddl_cursor *c)
{
    (void)dc_accept(c, "TABLE");
    c->s->kind = DDL_TRUNCATE_TABLE;
    set_verb(c, "TRUNCATE", "TABLE");
    if (dc_name(c) < 0)
        return -1;
    return end_of_drop(c);
}

static int statement(struct ddl_cursor *c)
{
    if (dc_accept2(c, "SET", "STATEMENT")) /* MariaDB: SET STATEMENT a = b, … FOR statement */
        while (!dc_end(c) && !dc_accept(c, "FOR"))
            c->at++;
    if (dc_accept(c, "CREATE"))
        return create(c);
    if (dc_accept(c, "ALTER"))
        return alter(c);
    if (dc_accept(c, "DROP"))
        return drop(c);
    if (dc_accept(c, "RENAME"))
        return rename_table(c);
    if (dc_accept(c, "TRUNCATE"))
        return truncate_table(c);
    return dc_fail(c, "a DDL statement");
}

int ddl_parse(const char *sql, size_t len, const struct statement_context *c,
              struct ddl_statement **ret, struct err *err)
{
    struct lexer_options o = {
        .ansi_quotes = (c->sql_mode & SQL_MODE_ANSI_QUOTES) != 0,
        .no_backslash_escapes = (c->sql_mode & SQL_MODE_NO_BACKSLASH_ESCAPES) != 0,
        .mariadb = c->mariadb,
        .version = c->version,
    };
    struct owned *o_s = calloc(1, sizeof(*o_s) + len + 1);
    _cleanup_(ddl_statement_freep)
    struct ddl_statement *s = o_s == NULL ? NULL : &o_s->s;
    struct ddl_cursor cursor = { .s = s,
                                 .verb = s != NULL ? s->verb : "",
                                 .default_db = c->default_db != NULL ? c->default_db : "",
                                 .err = err };

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a statement of %zu bytes", len);
    memcpy(o_s->sql, sql, len);
    if (tokens_read_as(o_s->sql, len, &o, &s->tokens, err) < 0) {
        if (err->code == ERR_SCHEMA_CONVERT)
            err->code = ERR_DDL_UNPARSED;
        return -1;
    }
    while (tokens_punct(&s->tokens, s->tokens.count - 1, ';'))
        s->tokens.count--;
    cursor.t = &s->tokens;
    if (statement(&cursor) < 0)
        return -1;
    *ret = take_ptr(s);
    return 0;
}
