/* One column, attribute by attribute: of SHOW CREATE TABLE, or as a user writes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/convert/create_priv.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

struct column_build {
    struct builder *b;
    const struct column *col;
    size_t i, to; /* where we are, and the end */
    struct strbuf out;
    bool generated, null_said, not_null_said, default_said, update_said, json;
};

static bool is_mysql(const struct builder *b)
{
    return !map_is_mariadb(b->job->to);
}

/* A kind whose default MySQL takes as an expression only. */
static bool is_large(const struct column *c)
{
    return c->kind == CK_TEXT || c->kind == CK_BLOB || c->kind == CK_JSON || c->kind == CK_GEOMETRY;
}

static bool is_bytes(const struct column *c)
{
    return c->kind == CK_BINARY || c->kind == CK_VARBINARY || c->kind == CK_BLOB;
}

static bool is_moment(const struct column *c)
{
    return c->kind == CK_DATETIME || c->kind == CK_TIMESTAMP;
}

static bool is_now(const struct tokens *t, size_t i)
{
    return tokens_word(t, i, "CURRENT_TIMESTAMP") || tokens_word(t, i, "NOW") ||
           tokens_word(t, i, "LOCALTIMESTAMP") || tokens_word(t, i, "LOCALTIME");
}

/* _utf8mb4 'x', N'x', DATE '2020-01-01': the word may stand apart from its string. */
static bool before_string(const struct tokens *t, size_t i)
{
    return t->list[i].text[0] == '_' || tokens_word(t, i, "N") || tokens_word(t, i, "DATE") ||
           tokens_word(t, i, "TIME") || tokens_word(t, i, "TIMESTAMP");
}

/* Behind one default value: [sign] number, [introducer] string …, (…), word[(…)]. */
static size_t value_end(const struct tokens *t, size_t i)
{
    if (tokens_punct(t, i, '-') || tokens_punct(t, i, '+'))
        i++;
    if (tokens_punct(t, i, '('))
        return tokens_close(t, i) + 1;
    if (tokens_is(t, i, TOK_WORD)) {
        if (tokens_is(t, i + 1, TOK_STRING) &&
            (!t->list[i + 1].space_before || before_string(t, i)))
            i++; /* b'101', _latin1'x' */
        else if (tokens_punct(t, i + 1, '('))
            return tokens_close(t, i + 1) + 1;
    }
    while (tokens_is(t, i, TOK_STRING) && tokens_is(t, i + 1, TOK_STRING))
        i++; /* 'a' 'b' is one text */
    return i + 1;
}

static bool is_literal(const struct tokens *t, size_t from, size_t to)
{
    size_t last = to - 1;

    if (tokens_punct(t, last, ')'))
        return false;
    if (t->list[last].kind == TOK_STRING || t->list[last].kind == TOK_NUMBER)
        return true;
    return to == from + 1 && (tokens_word(t, from, "NULL") || tokens_word(t, from, "TRUE") ||
                              tokens_word(t, from, "FALSE"));
}

/* SHOW CREATE shows a byte default raw: as hexadecimal it survives any character set. */
static bool hex_default(struct column_build *cb, size_t from, size_t to)
{
    const struct tokens *t = cb->b->t;
    _cleanup_(strbuf_done)
    struct strbuf bytes = STRBUF(64 * 1024);

    if (!is_bytes(cb->col) || to != from + 1 || t->list[from].kind != TOK_STRING)
        return false;
    tokens_string_bytes(t, from, &bytes);
    if (bytes.len == 0 || !strbuf_ok(&bytes))
        return false;
    if (cb->col->kind == CK_BLOB && is_mysql(cb->b)) {
        strbuf_adds(&cb->out, " DEFAULT (0x");
        strbuf_add_hex(&cb->out, bytes.data, bytes.len);
        strbuf_addc(&cb->out, ')');
        return true;
    }
    strbuf_adds(&cb->out, " DEFAULT 0x");
    strbuf_add_hex(&cb->out, bytes.data, bytes.len);
    return true;
}

static void default_value(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    size_t from = cb->i + 1, to = value_end(t, from);
    bool null = tokens_word(t, from, "NULL"), literal, plain;

    cb->i = to;
    if (to > cb->to || from >= to) {
        cb->i = cb->to;
        return;
    }
    literal = is_literal(t, from, to);
    plain = null || (literal && !is_large(cb->col)) || (is_now(t, from) && is_moment(cb->col));
    /* MariaDB takes a literal for TEXT, MySQL an expression only. */
    if (!plain && (!literal || is_mysql(cb->b)) && !builder_feature(cb->b, F_EXPRESSION_DEFAULT))
        return;
    if (hex_default(cb, from, to))
        return;
    strbuf_adds(&cb->out, " DEFAULT ");
    if (plain || tokens_punct(t, from, '(') || (literal && !is_mysql(cb->b))) {
        builder_expression(cb->b, from, to, &cb->out);
        return;
    }
    strbuf_addc(&cb->out, '(');
    builder_expression(cb->b, from, to, &cb->out);
    strbuf_addc(&cb->out, ')');
}

/* Character set and collation from the catalog: what SHOW CREATE leaves out depends on the server.
 */
static void charset(struct column_build *cb)
{
    bool labels = cb->col->kind == CK_ENUM || cb->col->kind == CK_SET;
    /* MySQL's information_schema has no set for an ENUM of bytes */
    const char *collation = cb->col->collation == NULL && labels ? "binary" : cb->col->collation;
    char name[MAP_NAME_MAX];

    if (collation == NULL || cb->col->kind == CK_JSON || cb->json || is_bytes(cb->col))
        return;
    if (!create_collation(cb->b->job, cb->b->object, collation, name, cb->b->notes))
        return;
    strbuf_addc(&cb->out, ' ');
    create_collation_text(name, &cb->out);
}

/* Labels outside utf8mb3 are shown as '?' by every server: to create them would change them. */
static void check_labels(struct column_build *cb)
{
    char set[MAP_NAME_MAX];

    if ((cb->col->kind != CK_ENUM && cb->col->kind != CK_SET) || cb->col->collation == NULL)
        return;
    map_charset_of(cb->col->collation, set);
    if (strcasecmp(set, "utf8mb4") != 0 && strncasecmp(set, "utf16", 5) != 0 &&
        strcasecmp(set, "utf32") != 0 && strcasecmp(set, "gb18030") != 0)
        return;
    for (size_t i = 0; i < json_len(cb->col->labels); i++) {
        const char *label = json_at_str(cb->col->labels, i);

        if (label == NULL || strchr(label, '?') == NULL)
            continue;
        notes_add(
            cb->b->notes, NOTE_REFUSED, cb->b->object,
            "a label is shown as '%.64s': servers show characters outside the BMP as '?', so it "
            "can't be told what it is; create the table at the target by hand",
            label);
        return;
    }
}

static const char *mapped_type(struct column_build *cb, const char *word)
{
    struct builder *b = cb->b;
    const char *mapped, *advice;
    enum map_result r = map_type(b->job->from, b->job->to, word, &mapped, &advice);

    if (r == MAP_NONE)
        notes_add(b->notes, NOTE_REFUSED, b->object, "the target has no type %s; %s", word, advice);
    if (r == MAP_CHANGED && strcasecmp(word, "json") == 0)
        notes_add(b->notes, NOTE_MAPPED, b->object,
                  "JSON becomes MariaDB's JSON: LONGTEXT with a json_valid() check");
    return mapped;
}

/* As the server shows it: "varchar(20)". */
static void shown_type(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    _cleanup_(freep)
    char *word = tokens_text(t, cb->i);

    if (word == NULL) {
        cb->b->failed = true;
        return;
    }
    strbuf_addc(&cb->out, ' ');
    strbuf_adds(&cb->out, mapped_type(cb, word));
    cb->i++;
    if (tokens_punct(t, cb->i, '(')) {
        size_t end = tokens_close(t, cb->i) + 1;

        tokens_emit(t, cb->i, end, &cb->out);
        cb->i = end;
    }
    check_labels(cb);
}

static bool any_word(const struct tokens *t, size_t i, const char *const *words)
{
    for (; *words != NULL; words++)
        if (tokens_word(t, i, *words))
            return true;
    return false;
}

/* Behind a type in any of its spellings: DOUBLE PRECISION, NATIONAL CHARACTER VARYING (3), … */
static size_t written_type_end(const struct tokens *t, size_t i)
{
    static const char *const first[] = { "NATIONAL", "LONG", NULL };
    static const char *const second[] = { "PRECISION", "VARYING",   "CHAR",         "CHARACTER",
                                          "VARCHAR",   "VARBINARY", "VARCHARACTER", NULL };
    static const char *const varying[] = { "CHAR", "CHARACTER", "NCHAR", "DOUBLE", NULL };

    while (any_word(t, i, first) && any_word(t, i + 1, second))
        i++;
    if (any_word(t, i, varying) && any_word(t, i + 1, second) && !tokens_word(t, i + 2, "SET"))
        i++;
    i++;
    return tokens_punct(t, i, '(') ? tokens_close(t, i) + 1 : i;
}

/* MariaDB's JSON elsewhere is what MariaDB makes of it: LONGTEXT with a check. */
static void json_as_text(struct column_build *cb)
{
    struct strbuf *checks = &cb->b->checks;

    strbuf_adds(&cb->out, " longtext");
    if (!builder_feature(cb->b, F_CHECK))
        return;
    strbuf_addf(checks, "%sCHECK (json_valid(", cb->b->between);
    sql_name(checks, cb->col->name);
    strbuf_adds(checks, "))");
}

/* A user's type has many spellings; the catalog has the one that the server made of it. */
static void written_type(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    const char *text = cb->col->type_text;
    size_t word = strcspn(text, "( /"), whole = strcspn(text, "/");
    bool json = tokens_word(t, cb->i, "JSON"), serial = tokens_word(t, cb->i, "SERIAL");
    char name[MAP_NAME_MAX];

    (void)snprintf(name, sizeof(name), "%.*s", (int)MIN(word, sizeof(name) - 1), text);
    cb->i = written_type_end(t, cb->i);
    if (strncmp(text, "enum", 4) == 0 || strncmp(text, "set", 3) == 0)
        whole = strlen(text);
    if (json && cb->col->kind == CK_TEXT) {
        cb->json = map_is_mariadb(cb->b->job->to);
        if (cb->json)
            strbuf_adds(&cb->out, " json");
        else
            json_as_text(cb);
    } else {
        while (whole > word && text[whole - 1] == ' ')
            whole--;
        strbuf_addf(&cb->out, " %s", mapped_type(cb, name));
        strbuf_add(&cb->out, text + word, whole - word);
    }
    if (serial) {
        cb->not_null_said = true;
        strbuf_adds(&cb->out, " NOT NULL AUTO_INCREMENT UNIQUE");
    }
}

static void generated(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    size_t open = cb->i + (tokens_word(t, cb->i, "AS") ? 1 : 3), close;

    if (!tokens_punct(t, open, '(')) { /* MariaDB: … AS ROW START, of a system-versioned table */
        notes_add(cb->b->notes, NOTE_REFUSED, cb->b->object,
                  "system versioning is not carried; drop it at the source or leave the table out");
        cb->i = cb->to;
        return;
    }
    close = tokens_close(t, open);
    cb->generated = true;
    cb->i = close + 1;
    if (!builder_feature(cb->b, F_GENERATED))
        return;
    strbuf_adds(&cb->out, " GENERATED ALWAYS AS ");
    builder_expression(cb->b, open, close + 1, &cb->out);
}

/* CHECK (…) [[NOT] ENFORCED]; `name` of its CONSTRAINT, or NULL. */
static void column_check(struct column_build *cb, const char *name)
{
    const struct tokens *t = cb->b->t;
    size_t open = cb->i + 1, close = tokens_close(t, open);
    char given[OBJECT_MAX];
    struct strbuf *to;
    bool not_enforced;

    if (name == NULL)
        name = builder_check_name(cb->b, given);
    to = name == NULL && map_has(cb->b->job->to, F_COLUMN_CHECK) ? &cb->out : &cb->b->checks;
    cb->i = close + 1;
    if (tokens_word(t, cb->i, "ENFORCED"))
        cb->i++;
    not_enforced = tokens_word(t, cb->i, "NOT") && tokens_word(t, cb->i + 1, "ENFORCED");
    cb->i += not_enforced ? 2 : 0;
    if (cb->b->user_text && !map_has(cb->b->job->from, F_CHECK))
        return; /* older MySQL reads a CHECK and forgets it */
    if (!builder_feature(cb->b, F_CHECK) ||
        (not_enforced && !builder_feature(cb->b, F_NOT_ENFORCED)))
        return;
    /* MySQL's column CHECK may name its own column only: there it becomes one of the table. */
    strbuf_adds(to, to == &cb->out ? " " : cb->b->between);
    if (name != NULL && to != &cb->out) {
        strbuf_adds(to, "CONSTRAINT ");
        sql_name(to, name);
        strbuf_addc(to, ' ');
    }
    strbuf_adds(to, "CHECK ");
    builder_expression(cb->b, open, close + 1, to);
    if (not_enforced)
        strbuf_adds(to, " NOT ENFORCED");
}

static void not_null(struct column_build *cb)
{
    cb->i += 2;
    if (cb->generated && !builder_feature(cb->b, F_GENERATED_NOT_NULL))
        return;
    strbuf_adds(&cb->out, " NOT NULL");
}

static void on_update(struct column_build *cb)
{
    size_t end = value_end(cb->b->t, cb->i + 2);

    strbuf_adds(&cb->out, " ON UPDATE ");
    tokens_emit(cb->b->t, cb->i + 2, end, &cb->out);
    cb->i = end;
}

static void srid(struct column_build *cb)
{
    if (builder_feature(cb->b, F_SRID)) {
        strbuf_addc(&cb->out, ' ');
        tokens_emit(cb->b->t, cb->i, cb->i + 2, &cb->out);
    }
    cb->i += 2;
}

static void word_with(struct column_build *cb, enum map_feature f)
{
    if (builder_feature(cb->b, f)) {
        strbuf_addc(&cb->out, ' ');
        tokens_emit(cb->b->t, cb->i, cb->i + 1, &cb->out);
    }
    cb->i++;
}

/* "NAME [=] value" of no meaning at another server. */
static void skip_setting(struct column_build *cb)
{
    cb->i += tokens_punct(cb->b->t, cb->i + 1, '=') ? 3 : 2;
}

static bool attribute_words(struct column_build *cb)
{
    static const char *const plain[] = { "UNSIGNED", "ZEROFILL", "VIRTUAL", "STORED",
                                         "AUTO_INCREMENT" };
    const size_t in_type = 2; /* a user's type is written from the catalog, with these */
    static const char *const settings[] = { "COLUMN_FORMAT", "STORAGE", "ENGINE_ATTRIBUTE",
                                            "SECONDARY_ENGINE_ATTRIBUTE", "REF_SYSTEM_ID" };
    const struct tokens *t = cb->b->t;

    for (size_t k = 0; k < ARRAY_SIZE(plain); k++) {
        if (tokens_word(t, cb->i, plain[k])) {
            if (cb->b->user_text && k < in_type) {
                cb->i++;
                return true;
            }
            strbuf_addc(&cb->out, ' ');
            tokens_emit(t, cb->i, cb->i + 1, &cb->out);
            cb->i++;
            return true;
        }
    }
    for (size_t k = 0; k < ARRAY_SIZE(settings); k++) {
        if (tokens_word(t, cb->i, settings[k])) {
            skip_setting(cb);
            return true;
        }
    }
    return false;
}

static bool attribute_rules(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    size_t i = cb->i;

    if (tokens_word(t, i, "CHARACTER") && tokens_word(t, i + 1, "SET")) {
        cb->i += 3;
    } else if (tokens_word(t, i, "AS") && tokens_punct(t, i + 1, '(')) {
        generated(cb);
    } else if (tokens_word(t, i, "COLLATE")) {
        cb->i += 2;
    } else if (tokens_word(t, i, "GENERATED") && tokens_word(t, i + 1, "ALWAYS")) {
        generated(cb);
    } else if (tokens_word(t, i, "PERSISTENT")) {
        strbuf_adds(&cb->out, " STORED");
        cb->i++;
    } else if (tokens_word(t, i, "NOT") && tokens_word(t, i + 1, "NULL")) {
        not_null(cb);
    } else if (tokens_word(t, i, "NULL")) {
        strbuf_adds(&cb->out, " NULL");
        cb->i++;
    } else if (tokens_word(t, i, "DEFAULT")) {
        default_value(cb);
    } else if (tokens_word(t, i, "ON") && tokens_word(t, i + 1, "UPDATE")) {
        on_update(cb);
    } else if (tokens_word(t, i, "COMMENT")) {
        strbuf_addc(&cb->out, ' ');
        tokens_emit(t, i, i + 2, &cb->out);
        cb->i += 2;
    } else if (tokens_word(t, i, "CHECK")) {
        column_check(cb, NULL);
    } else {
        return false;
    }
    return true;
}

/* [PRIMARY] KEY, UNIQUE [KEY] */
static bool written_key(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    bool unique = tokens_word(t, cb->i, "UNIQUE");

    if (!unique && !tokens_word(t, cb->i, "PRIMARY") && !tokens_word(t, cb->i, "KEY"))
        return false;
    cb->i += !tokens_word(t, cb->i, "KEY") && tokens_word(t, cb->i + 1, "KEY") ? 2 : 1;
    if (unique)
        check_long_unique(cb->b, cb->col);
    strbuf_adds(&cb->out, unique ? " UNIQUE" : " PRIMARY KEY");
    return true;
}

/* REFERENCES t [(c)] [MATCH x] [ON DELETE …] [ON UPDATE …]; returns the token behind it. */
static size_t references_end(const struct tokens *t, size_t i, size_t to)
{
    i += tokens_punct(t, i + 2, '.') ? 4 : 2;
    if (tokens_punct(t, i, '('))
        i = tokens_close(t, i) + 1;
    for (;;) {
        if (tokens_word(t, i, "MATCH"))
            i += 2;
        else if (tokens_word(t, i, "ON") &&
                 (tokens_word(t, i + 1, "DELETE") || tokens_word(t, i + 1, "UPDATE")) &&
                 !tokens_word(t, i + 2, "CURRENT_TIMESTAMP"))
            i += tokens_word(t, i + 2, "SET") || tokens_word(t, i + 2, "NO") ? 4 : 3;
        else
            return MIN(i, to);
    }
}

static bool written_constraint(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    _cleanup_(freep)
    char *name = NULL;
    size_t end;

    if (tokens_word(t, cb->i, "CONSTRAINT")) {
        if (!tokens_word(t, cb->i + 1, "CHECK") && !tokens_word(t, cb->i + 1, "REFERENCES")) {
            name = tokens_name(t, cb->i + 1);
            cb->i++;
        }
        cb->i++;
        if (tokens_word(t, cb->i, "CHECK")) {
            column_check(cb, name);
            return true;
        }
    }
    if (!tokens_word(t, cb->i, "REFERENCES"))
        return false;
    end = references_end(t, cb->i, cb->to);
    if (cb->b->references != NULL)
        cb->b->references(cb->b, cb->col->name, cb->i, end);
    cb->i = end;
    return true;
}

/* What only a user writes: the catalog has the character set, the server's own words the rest. */
static bool attribute_written(struct column_build *cb)
{
    static const char *const alone[] = { "BINARY", "ASCII",   "UNICODE", "BYTE",
                                         "SIGNED", "VISIBLE", NULL };
    const struct tokens *t = cb->b->t;

    if (!cb->b->user_text)
        return false;
    if (tokens_word(t, cb->i, "SERIAL") && tokens_word(t, cb->i + 1, "DEFAULT")) {
        strbuf_adds(&cb->out, " NOT NULL AUTO_INCREMENT UNIQUE");
        cb->i += 3;
    } else if (any_word(t, cb->i, alone)) {
        cb->i++;
    } else if (tokens_word(t, cb->i, "CHARSET")) {
        cb->i += 2;
    } else if (tokens_word(t, cb->i, "CHAR") && tokens_word(t, cb->i + 1, "SET")) {
        cb->i += 3;
    } else {
        return written_key(cb) || written_constraint(cb);
    }
    return true;
}

static bool attribute_features(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;

    if (tokens_word(t, cb->i, "INVISIBLE")) {
        word_with(cb, F_INVISIBLE_COLUMN);
    } else if (tokens_word(t, cb->i, "VISIBLE")) {
        cb->i++;
    } else if (tokens_word(t, cb->i, "SRID")) {
        srid(cb);
    } else if (tokens_word(t, cb->i, "COMPRESSED")) {
        word_with(cb, F_COMPRESSED_COLUMN);
        if (tokens_punct(t, cb->i, '='))
            cb->i += 2; /* the method is a setting of the source's server */
    } else if ((tokens_word(t, cb->i, "WITH") || tokens_word(t, cb->i, "WITHOUT")) &&
               tokens_word(t, cb->i + 1, "SYSTEM")) {
        cb->i += 3;
    } else {
        return false;
    }
    return true;
}

static void attribute(struct column_build *cb)
{
    _cleanup_(freep)
    char *word = NULL;

    if (attribute_words(cb) || attribute_rules(cb) || attribute_features(cb) ||
        attribute_written(cb))
        return;
    word = tokens_text(cb->b->t, cb->i);
    notes_add(cb->b->notes, NOTE_REFUSED, cb->b->object,
              "the attribute %s is not known; create the table at the target by hand",
              word == NULL ? "" : word);
    cb->i = cb->to;
}

/* NULL, NOT NULL, DEFAULT and ON UPDATE may stand in any order: looked for before they are met. */
static void look_ahead(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    size_t depth = 0;

    for (size_t i = cb->i; i < cb->to; i++) {
        depth += tokens_punct(t, i, '(');
        depth -= tokens_punct(t, i, ')') && depth > 0;
        if (depth > 0)
            continue;
        cb->default_said = cb->default_said || tokens_word(t, i, "DEFAULT");
        cb->update_said =
            cb->update_said || (tokens_word(t, i, "ON") && tokens_word(t, i + 1, "UPDATE") &&
                                !tokens_word(t, i + 2, "CASCADE"));
        if (!tokens_word(t, i, "NULL") || i == cb->i || tokens_word(t, i - 1, "DEFAULT") ||
            tokens_word(t, i - 1, "SET"))
            continue;
        if (tokens_word(t, i - 1, "NOT"))
            cb->not_null_said = true;
        else
            cb->null_said = true;
    }
}

/*
 * A TIMESTAMP without NULL or NOT NULL means one or the other by explicit_defaults_for_timestamp,
 * which also gives defaults that nobody wrote: all of it is written out.
 * Source: MySQL manual, "explicit_defaults_for_timestamp"; sql_table.cc,
 * promote_first_timestamp_column().
 */
static void timestamp_rules(struct column_build *cb)
{
    const struct table *t = cb->b->job->table;
    size_t first = 0;
    char fraction[8] = "";

    if (cb->col->kind != CK_TIMESTAMP || cb->col->generated || cb->null_said)
        return;
    if (!cb->b->user_text || (cb->col->nullable && !cb->not_null_said)) {
        strbuf_adds(&cb->out, cb->not_null_said ? "" : " NULL");
        return;
    }
    if (!cb->not_null_said)
        strbuf_adds(&cb->out, " NOT NULL");
    if (cb->default_said || cb->update_said || !cb->b->implicit_timestamps)
        return;
    while (first < t->column_count && t->columns[first].kind != CK_TIMESTAMP)
        first++;
    if (cb->col->fraction > 0)
        (void)snprintf(fraction, sizeof(fraction), "(%u)", MIN(cb->col->fraction, 6U));
    if (first < t->column_count && &t->columns[first] == cb->col)
        strbuf_addf(&cb->out, " DEFAULT CURRENT_TIMESTAMP%s ON UPDATE CURRENT_TIMESTAMP%s",
                    fraction, fraction);
    else
        strbuf_adds(&cb->out, " DEFAULT '0000-00-00 00:00:00'");
}

void build_column_definition(struct builder *b, const struct column *col, size_t from, size_t to,
                             struct strbuf *out)
{
    struct column_build cb = {
        .b = b, .col = col, .i = from, .to = to, .out = STRBUF(STATEMENT_MAX)
    };
    size_t before;

    builder_object(b, "column", col->name);
    sql_name(&cb.out, col->name);
    look_ahead(&cb);
    if (b->user_text && col->type_text != NULL && col->type_text[0] != '\0')
        written_type(&cb);
    else
        shown_type(&cb);
    charset(&cb);
    timestamp_rules(&cb);
    while (cb.i < to && cb.i >= from) {
        before = cb.i;
        attribute(&cb);
        if (cb.i == before)
            break;
    }
    strbuf_add(out, strbuf_str(&cb.out), cb.out.len);
    if (!strbuf_ok(&cb.out))
        b->failed = true;
    strbuf_done(&cb.out);
    builder_object(b, NULL, NULL);
}

size_t build_column_default(struct builder *b, const struct column *col, size_t from, size_t to,
                            struct strbuf *out)
{
    struct column_build cb = {
        .b = b, .col = col, .i = from, .to = to, .out = STRBUF(STATEMENT_MAX)
    };

    default_value(&cb);
    strbuf_add(out, strbuf_str(&cb.out), cb.out.len);
    if (!strbuf_ok(&cb.out))
        b->failed = true;
    strbuf_done(&cb.out);
    return cb.i;
}

void build_column(struct builder *b, size_t from, size_t to)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(STATEMENT_MAX);
    _cleanup_(freep)
    char *name = tokens_name(b->t, from);
    int at = name == NULL ? -1 : table_column(b->job->table, name);

    if (at < 0) {
        b->failed = true;
        return;
    }
    if (!builder_carried(b, name))
        return;
    build_column_definition(b, &b->job->table->columns[at], from + 1, to, &out);
    builder_add_item(b, &out);
}
