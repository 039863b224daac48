#include "workers/mysql/ddl/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workers/mysql/ddl/token.h"

#include "base/banned.h"

enum { NAME_MAX_BYTES = 1024, STATEMENT_REFS_MAX = 100000 };

struct parser {
    struct lexer lexer;
    struct token t; /* the one looked at */
    const struct statement_context *c;
    struct statement *s;
    size_t ref_cap;
    bool no_memory;
};

static void next(struct parser *p)
{
    lexer_next(&p->lexer, &p->t);
}

static bool accept(struct parser *p, const char *w)
{
    if (!token_is(&p->t, w))
        return false;
    next(p);
    return true;
}

static bool accept_punct(struct parser *p, char c)
{
    if (!token_is_punct(&p->t, c))
        return false;
    next(p);
    return true;
}

static char *name_text(struct parser *p, const struct token *t)
{
    struct strbuf b = STRBUF(NAME_MAX_BYTES);
    char *text = NULL;

    token_unquote(t, &b);
    if (strbuf_ok(&b))
        text = strdup(strbuf_str(&b));
    strbuf_done(&b);
    if (text == NULL)
        p->no_memory = true;
    return text;
}

static struct object_ref *add_ref(struct parser *p, enum object_kind kind)
{
    struct statement *s = p->s;

    if (s->ref_count == p->ref_cap) {
        size_t cap = p->ref_cap == 0 ? 4 : p->ref_cap * 2;
        struct object_ref *grown =
            cap > STATEMENT_REFS_MAX ? NULL : reallocarray(s->refs, cap, sizeof(*s->refs));
        if (grown == NULL) {
            p->no_memory = true;
            return NULL;
        }
        s->refs = grown;
        p->ref_cap = cap;
    }
    s->refs[s->ref_count] = (struct object_ref){ .kind = kind };
    return &s->refs[s->ref_count++];
}

/* [db .] name, or a name alone for a database. NULL when there is none here. */
static struct object_ref *object_name(struct parser *p, enum object_kind kind)
{
    struct token first = p->t, second = { 0 };
    struct object_ref *r;

    if (!token_is_name(&p->t))
        return NULL;
    next(p);
    if (kind != OBJ_DATABASE && accept_punct(p, '.')) {
        if (!token_is_name(&p->t) && p->t.kind != TOK_NUMBER)
            return NULL;
        second = p->t;
        next(p);
    }
    r = add_ref(p, kind);
    if (r == NULL)
        return NULL;
    if (kind == OBJ_DATABASE) {
        r->db = name_text(p, &first);
        r->name = strdup("");
    } else if (second.text != NULL) {
        r->db = name_text(p, &first);
        r->name = name_text(p, &second);
    } else {
        r->db = strdup(p->c->default_db != NULL ? p->c->default_db : "");
        r->name = name_text(p, &first);
    }
    if (r->db == NULL || r->name == NULL)
        p->no_memory = true;
    return r;
}

static bool accept_if_exists(struct parser *p)
{
    if (!accept(p, "IF"))
        return false;
    (void)accept(p, "NOT");
    return accept(p, "EXISTS");
}

static void set_verb(struct parser *p, const char *verb, const char *object)
{
    (void)snprintf(p->s->verb, sizeof(p->s->verb), "%s%s%s", verb, *object != '\0' ? " " : "",
                   object);
}

/* What follows CREATE, ALTER and DROP, and what it means. */
enum object_class {
    OC_TABLE,
    OC_VIEW,
    OC_DATABASE,
    OC_INDEX,
    OC_ROUTINE,
    OC_TRIGGER,
    OC_EVENT,
    OC_HARMLESS
};
/* clang-format off */
static const struct { const char *word; enum object_class class; } object_words[] = {
    { "TABLE", OC_TABLE },         { "TABLES", OC_TABLE },      { "SEQUENCE", OC_TABLE },
    { "VIEW", OC_VIEW },           { "DATABASE", OC_DATABASE }, { "SCHEMA", OC_DATABASE },
    { "INDEX", OC_INDEX },         { "FUNCTION", OC_ROUTINE },  { "PROCEDURE", OC_ROUTINE },
    { "PACKAGE", OC_ROUTINE },     { "LIBRARY", OC_ROUTINE },   { "TRIGGER", OC_TRIGGER },
    { "EVENT", OC_EVENT },         { "USER", OC_HARMLESS },     { "ROLE", OC_HARMLESS },
    { "SERVER", OC_HARMLESS },     { "TABLESPACE", OC_HARMLESS }, { "LOGFILE", OC_HARMLESS },
    { "UNDO", OC_HARMLESS },       { "RESOURCE", OC_HARMLESS }, { "INSTANCE", OC_HARMLESS },
    { "PREPARE", OC_HARMLESS },    { "REFERENCE", OC_HARMLESS }, { "CATALOG", OC_HARMLESS },
};
/* Words between the verb and the object that change nothing here. */
static const char *const modifiers[] = {
    "OR", "REPLACE", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "ONLINE", "OFFLINE", "IGNORE",
    "AGGREGATE", "SQL", "SECURITY", "INVOKER", "EXTERNAL",
};
/* clang-format on */

/* [= value]: DEFINER = user@host, ALGORITHM = MERGE, … */
static void skip_option_value(struct parser *p)
{
    (void)accept_punct(p, '=');
    next(p); /* the value, or a user's name */
    if (p->t.kind == TOK_VARIABLE)
        next(p);              /* @host */
    if (accept_punct(p, '(')) /* CURRENT_USER() */
        (void)accept_punct(p, ')');
}

static bool skip_modifier(struct parser *p)
{
    if (accept(p, "DEFINER")) {
        /* "SQL SECURITY DEFINER" has no value behind it */
        if (token_is_punct(&p->t, '='))
            skip_option_value(p);
        return true;
    }
    if (accept(p, "ALGORITHM")) {
        skip_option_value(p);
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++) {
        if (accept(p, modifiers[i]))
            return true;
    }
    return false;
}

static bool object_class(struct parser *p, enum object_class *ret, const char **ret_word)
{
    for (size_t i = 0; i < ARRAY_SIZE(object_words); i++) {
        if (accept(p, object_words[i].word)) {
            *ret = object_words[i].class;
            *ret_word = object_words[i].word;
            return true;
        }
    }
    return false;
}

static enum object_kind kind_of(enum object_class class)
{
    switch (class) {
    case OC_TABLE:
    case OC_INDEX:
    case OC_HARMLESS:
        return OBJ_TABLE;
    case OC_VIEW:
        return OBJ_VIEW;
    case OC_DATABASE:
        return OBJ_DATABASE;
    case OC_ROUTINE:
        return OBJ_ROUTINE;
    case OC_TRIGGER:
        return OBJ_TRIGGER;
    case OC_EVENT:
        return OBJ_EVENT;
    }
    return OBJ_TABLE;
}

/* The table of CREATE INDEX … ON t and DROP INDEX … ON t. */
static enum statement_kind index_statement(struct parser *p)
{
    while (p->t.kind != TOK_END && p->t.kind != TOK_BAD && !token_is(&p->t, "ON"))
        next(p);
    if (!accept(p, "ON") || object_name(p, OBJ_TABLE) == NULL)
        return ST_UNKNOWN;
    return ST_DDL;
}

static enum statement_kind create(struct parser *p)
{
    enum object_class class;
    const char *word;
    struct object_ref *r;
    bool temporary = false, if_not_exists;

    while (skip_modifier(p) || (token_is(&p->t, "TEMPORARY") && (temporary = true, next(p), true)))
        continue;
    if (!object_class(p, &class, &word))
        return ST_UNKNOWN;
    set_verb(p, "CREATE", word);
    if (class == OC_HARMLESS || (temporary && class == OC_TABLE))
        return ST_HARMLESS;
    if (class == OC_INDEX)
        return index_statement(p);
    if (strcmp(word, "PACKAGE") == 0)
        (void)accept(p, "BODY");
    if_not_exists = accept_if_exists(p);
    r = object_name(p, kind_of(class));
    if (r == NULL)
        return class == OC_ROUTINE ? ST_HARMLESS : ST_UNKNOWN;
    /* CREATE FUNCTION f RETURNS … SONAME: a loadable function belongs to no database; harmless */
    r->created = true;
    r->if_not_exists = if_not_exists;
    return ST_DDL;
}

/* Inside ALTER TABLE: new names that the clauses give or take (RENAME TO, EXCHANGE PARTITION … WITH
 * TABLE). */
static bool alter_table_clauses(struct parser *p)
{
    unsigned depth = 0;

    while (p->t.kind != TOK_END) {
        if (p->t.kind == TOK_BAD)
            return false;
        if (accept_punct(p, '(')) {
            depth++;
        } else if (token_is_punct(&p->t, ')')) {
            depth -= depth > 0;
            next(p);
        } else if (depth == 0 && accept(p, "RENAME")) {
            struct object_ref *r;
            if (token_is(&p->t, "COLUMN") || token_is(&p->t, "INDEX") || token_is(&p->t, "KEY"))
                continue;
            if (!accept(p, "TO") && !accept(p, "AS"))
                (void)accept_punct(p, '=');
            r = object_name(p, OBJ_TABLE);
            if (r == NULL)
                return false;
            r->created = true;
        } else if (depth == 0 && accept(p, "WITH")) {
            if (accept(p, "TABLE") && object_name(p, OBJ_TABLE) == NULL)
                return false;
        } else {
            next(p);
        }
    }
    return true;
}

static enum statement_kind alter(struct parser *p)
{
    enum object_class class;
    const char *word;

    while (skip_modifier(p))
        continue;
    if (!object_class(p, &class, &word))
        return ST_UNKNOWN;
    set_verb(p, "ALTER", word);
    if (class == OC_HARMLESS)
        return ST_HARMLESS;
    (void)accept_if_exists(p);
    if (class == OC_DATABASE && (!token_is_name(&p->t) || token_is(&p->t, "CHARACTER") ||
                                 token_is(&p->t, "COLLATE") || token_is(&p->t, "DEFAULT"))) {
        struct object_ref *r = add_ref(p, OBJ_DATABASE); /* the default database */
        if (r == NULL)
            return ST_UNKNOWN;
        r->db = strdup(p->c->default_db != NULL ? p->c->default_db : "");
        r->name = strdup("");
        p->no_memory |= r->db == NULL || r->name == NULL;
        return ST_DDL;
    }
    if (object_name(p, kind_of(class)) == NULL)
        return ST_UNKNOWN;
    if (class == OC_TABLE && !alter_table_clauses(p))
        return ST_UNKNOWN;
    return ST_DDL;
}

static enum statement_kind drop(struct parser *p)
{
    enum object_class class;
    const char *word;
    bool temporary;

    while (accept(p, "ONLINE") || accept(p, "OFFLINE") || accept(p, "SPATIAL"))
        continue;
    temporary = accept(p, "TEMPORARY");
    if (!object_class(p, &class, &word))
        return ST_UNKNOWN;
    set_verb(p, "DROP", word);
    if (class == OC_HARMLESS || (temporary && class == OC_TABLE))
        return ST_HARMLESS;
    if (class == OC_INDEX)
        return index_statement(p);
    if (strcmp(word, "PACKAGE") == 0)
        (void)accept(p, "BODY");
    (void)accept_if_exists(p);
    do {
        if (object_name(p, kind_of(class)) == NULL)
            return ST_UNKNOWN;
    } while (accept_punct(p, ','));
    return ST_DDL;
}

static void skip_wait(struct parser *p)
{
    if (accept(p, "WAIT"))
        next(p);
    else
        (void)accept(p, "NOWAIT");
}

static enum statement_kind rename_statement(struct parser *p)
{
    struct object_ref *r;

    if (accept(p, "USER"))
        return ST_HARMLESS;
    if (!accept(p, "TABLE") && !accept(p, "TABLES"))
        return ST_UNKNOWN;
    set_verb(p, "RENAME", "TABLE");
    (void)accept_if_exists(p);
    do {
        if (object_name(p, OBJ_TABLE) == NULL)
            return ST_UNKNOWN;
        skip_wait(p);
        if (!accept(p, "TO"))
            return ST_UNKNOWN;
        r = object_name(p, OBJ_TABLE);
        if (r == NULL)
            return ST_UNKNOWN;
        r->created = true;
    } while (accept_punct(p, ','));
    return ST_DDL;
}

static enum statement_kind truncate_statement(struct parser *p)
{
    set_verb(p, "TRUNCATE", "TABLE");
    (void)accept(p, "TABLE");
    return object_name(p, OBJ_TABLE) != NULL ? ST_DDL : ST_UNKNOWN;
}

/* Every name that might be a table's: too many rather than too few. */
static enum statement_kind dml(struct parser *p)
{
    while (p->t.kind != TOK_END && p->t.kind != TOK_BAD) {
        if (token_is_name(&p->t)) {
            if (object_name(p, OBJ_TABLE) == NULL)
                return ST_UNKNOWN;
        } else {
            next(p);
        }
    }
    return p->t.kind == TOK_END ? ST_DML : ST_UNKNOWN;
}

static enum statement_kind savepoint_name(struct parser *p, enum statement_kind kind)
{
    if (!token_is_name(&p->t))
        return ST_UNKNOWN;
    p->s->name = name_text(p, &p->t);
    return kind;
}

static enum statement_kind rollback(struct parser *p)
{
    (void)accept(p, "WORK");
    if (!accept(p, "TO"))
        return ST_ROLLBACK;
    (void)accept(p, "SAVEPOINT");
    return savepoint_name(p, ST_ROLLBACK_TO);
}

static enum statement_kind begin(struct parser *p)
{
    (void)accept(p, "WORK");
    return p->t.kind == TOK_END || token_is_punct(&p->t, ';') ? ST_BEGIN : ST_UNKNOWN;
}

static enum statement_kind start(struct parser *p)
{
    return token_is(&p->t, "TRANSACTION") ? ST_BEGIN : ST_HARMLESS; /* START SLAVE, … */
}

static enum statement_kind release(struct parser *p)
{
    return accept(p, "SAVEPOINT") ? savepoint_name(p, ST_RELEASE) : ST_UNKNOWN;
}

static enum statement_kind savepoint(struct parser *p)
{
    return savepoint_name(p, ST_SAVEPOINT);
}

static enum statement_kind xa(struct parser *p)
{
    static const struct {
        const char *word;
        enum statement_kind kind;
    } words[] = {
        { "START", ST_XA_START },     { "BEGIN", ST_XA_START },       { "END", ST_XA_END },
        { "PREPARE", ST_XA_PREPARE }, { "ROLLBACK", ST_XA_ROLLBACK }, { "COMMIT", ST_XA_COMMIT },
    };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!token_is(&p->t, words[i].word))
            continue;
        next(p);
        p->s->name = strndup(p->t.text, (size_t)(p->lexer.end - p->t.text));
        p->no_memory |= p->s->name == NULL;
        return words[i].kind;
    }
    return ST_UNKNOWN;
}

static enum statement_kind harmless(struct parser *p)
{
    (void)p;
    return ST_HARMLESS;
}

static enum statement_kind statement(struct parser *p);

/* MariaDB's SET STATEMENT a = b FOR statement. */
static enum statement_kind set(struct parser *p)
{
    if (!accept(p, "STATEMENT"))
        return ST_HARMLESS;
    while (p->t.kind != TOK_END && p->t.kind != TOK_BAD) {
        if (accept(p, "FOR"))
            return statement(p);
        next(p);
    }
    return ST_UNKNOWN;
}

static enum statement_kind load(struct parser *p)
{
    return accept(p, "INDEX") ? ST_HARMLESS : dml(p);
}

/* clang-format off */
static const struct { const char *word; enum statement_kind (*parse)(struct parser *p); } verbs[] = {
    { "BEGIN", begin },           { "START", start },         { "ROLLBACK", rollback },
    { "SAVEPOINT", savepoint },   { "RELEASE", release },     { "XA", xa },
    { "CREATE", create },         { "ALTER", alter },         { "DROP", drop },
    { "RENAME", rename_statement }, { "TRUNCATE", truncate_statement }, { "SET", set },
    { "INSERT", dml },            { "REPLACE", dml },         { "UPDATE", dml },
    { "DELETE", dml },            { "LOAD", load },           { "WITH", dml },
    { "CALL", dml },              { "SELECT", dml },          { "TABLE", dml },
    { "VALUES", dml },            { "IMPORT", dml },          { "DO", dml },
    { "GRANT", harmless },        { "REVOKE", harmless },     { "FLUSH", harmless },
    { "ANALYZE", harmless },      { "OPTIMIZE", harmless },   { "REPAIR", harmless },
    { "CHECK", harmless },        { "CHECKSUM", harmless },   { "INSTALL", harmless },
    { "UNINSTALL", harmless },    { "CACHE", harmless },      { "KILL", harmless },
    { "RESET", harmless },        { "PURGE", harmless },      { "CHANGE", harmless },
    { "STOP", harmless },         { "LOCK", harmless },       { "UNLOCK", harmless },
    { "USE", harmless },          { "SHOW", harmless },       { "EXPLAIN", harmless },
    { "DESCRIBE", harmless },     { "DESC", harmless },       { "HELP", harmless },
    { "PREPARE", harmless },      { "EXECUTE", harmless },    { "DEALLOCATE", harmless },
    { "SHUTDOWN", harmless },     { "RESTART", harmless },    { "CLONE", harmless },
    { "BACKUP", harmless },       { "HANDLER", harmless },
};
/* clang-format on */

static enum statement_kind statement(struct parser *p)
{
    while (accept_punct(p, ';') || accept_punct(p, '('))
        continue;
    if (p->t.kind == TOK_END)
        return ST_EMPTY;
    if (token_is(&p->t, "COMMIT")) /* its options change nothing */
        return ST_COMMIT;
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (!token_is(&p->t, verbs[i].word))
            continue;
        set_verb(p, verbs[i].word, "");
        next(p);
        return verbs[i].parse(p);
    }
    return ST_UNKNOWN;
}

int statement_parse(const char *sql, size_t len, const struct statement_context *c,
                    struct statement *ret, struct err *err)
{
    struct statement s = { 0 };
    struct parser p = { .c = c, .s = &s };
    struct lexer_options o = {
        .ansi_quotes = (c->sql_mode & SQL_MODE_ANSI_QUOTES) != 0,
        .no_backslash_escapes = (c->sql_mode & SQL_MODE_NO_BACKSLASH_ESCAPES) != 0,
        .variables = true,
        .mariadb = c->mariadb,
        .version = c->version,
    };

    lexer_init(&p.lexer, sql, len, &o);
    next(&p);
    s.kind = statement(&p);
    if (p.no_memory) {
        statement_done(&s);
        return err_set(err, ERR_NOMEM, "no memory to parse a statement of %zu bytes", len);
    }
    *ret = s;
    return 0;
}

void statement_done(struct statement *s)
{
    for (size_t i = 0; i < s->ref_count; i++) {
        free(s->refs[i].db);
        free(s->refs[i].name);
    }
    free(s->refs);
    free(s->name);
    *s = (struct statement){ 0 };
}
