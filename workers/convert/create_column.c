/* One column of SHOW CREATE TABLE, attribute by attribute. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/sqltext.h"
#include "workers/convert/create_priv.h"

#include "base/banned.h"

struct column_build {
    struct builder *b;
    const struct column *col;
    size_t i, to; /* where we are, and the end */
    struct strbuf out;
    bool generated, null_said;
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

/* Behind one default value: [sign] number, [introducer] string, (…), word[(…)]. */
static size_t value_end(const struct tokens *t, size_t i)
{
    if (tokens_punct(t, i, '-') || tokens_punct(t, i, '+'))
        i++;
    if (tokens_punct(t, i, '('))
        return tokens_close(t, i) + 1;
    if (i < t->count && t->list[i].kind == TOK_WORD) {
        if (i + 1 < t->count && t->list[i + 1].kind == TOK_STRING && !t->list[i + 1].space_before)
            return i + 2; /* b'101', _latin1'x' */
        if (tokens_punct(t, i + 1, '('))
            return tokens_close(t, i + 1) + 1;
    }
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
    char name[MAP_NAME_MAX], set[MAP_NAME_MAX];

    if (cb->col->collation == NULL || cb->col->kind == CK_JSON || is_bytes(cb->col))
        return;
    if (!create_collation(cb->b->job, cb->b->object, cb->col->collation, name, cb->b->notes))
        return;
    map_charset_of(name, set);
    strbuf_addf(&cb->out, " CHARACTER SET %s COLLATE %s", set, name);
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

static void type(struct column_build *cb)
{
    struct builder *b = cb->b;
    const struct tokens *t = b->t;
    _cleanup_(freep)
    char *word = tokens_text(t, cb->i);
    const char *mapped, *advice;
    enum map_result r;

    if (word == NULL) {
        b->failed = true;
        return;
    }
    r = map_type(b->job->from, b->job->to, word, &mapped, &advice);
    if (r == MAP_NONE)
        notes_add(b->notes, NOTE_REFUSED, b->object, "the target has no type %s; %s", word, advice);
    if (r == MAP_CHANGED && strcasecmp(word, "json") == 0)
        notes_add(b->notes, NOTE_MAPPED, b->object,
                  "JSON becomes MariaDB's JSON: LONGTEXT with a json_valid() check");
    strbuf_addc(&cb->out, ' ');
    strbuf_adds(&cb->out, mapped);
    cb->i++;
    if (tokens_punct(t, cb->i, '(')) {
        size_t end = tokens_close(t, cb->i) + 1;

        tokens_emit(t, cb->i, end, &cb->out);
        cb->i = end;
    }
    check_labels(cb);
}

static void generated(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    size_t open = cb->i + 3, close;

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

static void column_check(struct column_build *cb)
{
    const struct tokens *t = cb->b->t;
    size_t open = cb->i + 1, close = tokens_close(t, open);
    struct strbuf *to = map_has(cb->b->job->to, F_COLUMN_CHECK) ? &cb->out : &cb->b->checks;

    cb->i = close + 1;
    if (!builder_feature(cb->b, F_CHECK))
        return;
    /* MySQL's column CHECK may name its own column only: there it becomes one of the table. */
    strbuf_adds(to, to == &cb->out ? " CHECK " : ",\n  CHECK ");
    builder_expression(cb->b, open, close + 1, to);
}

static void not_null(struct column_build *cb)
{
    cb->i += 2;
    cb->null_said = true;
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
    static const char *const settings[] = { "COLUMN_FORMAT", "STORAGE", "ENGINE_ATTRIBUTE",
                                            "SECONDARY_ENGINE_ATTRIBUTE", "REF_SYSTEM_ID" };
    const struct tokens *t = cb->b->t;

    for (size_t k = 0; k < ARRAY_SIZE(plain); k++) {
        if (tokens_word(t, cb->i, plain[k])) {
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
        cb->null_said = true;
        cb->i++;
    } else if (tokens_word(t, i, "DEFAULT")) {
        if (cb->col->kind == CK_TIMESTAMP && !cb->null_said) {
            /* explicit_defaults_for_timestamp=0 would make a silent one NOT NULL */
            strbuf_adds(&cb->out, " NULL");
            cb->null_said = true;
        }
        default_value(cb);
    } else if (tokens_word(t, i, "ON") && tokens_word(t, i + 1, "UPDATE")) {
        on_update(cb);
    } else if (tokens_word(t, i, "COMMENT")) {
        strbuf_addc(&cb->out, ' ');
        tokens_emit(t, i, i + 2, &cb->out);
        cb->i += 2;
    } else if (tokens_word(t, i, "CHECK")) {
        column_check(cb);
    } else {
        return false;
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

    if (attribute_words(cb) || attribute_rules(cb) || attribute_features(cb))
        return;
    word = tokens_text(cb->b->t, cb->i);
    notes_add(cb->b->notes, NOTE_REFUSED, cb->b->object,
              "the attribute %s is not known; create the table at the target by hand",
              word == NULL ? "" : word);
    cb->i = cb->to;
}

void build_column(struct builder *b, size_t from, size_t to)
{
    _cleanup_(freep)
    char *name = tokens_name(b->t, from);
    struct column_build cb = { .b = b, .i = from + 1, .to = to, .out = STRBUF(16 * 1024 * 1024) };
    int at = name == NULL ? -1 : table_column(b->job->table, name);
    size_t before;

    if (at < 0) {
        b->failed = true;
        return;
    }
    if (!builder_carried(b, name))
        return;
    cb.col = &b->job->table->columns[at];
    builder_object(b, "column", name);
    sql_name(&cb.out, name);
    type(&cb);
    charset(&cb);
    while (cb.i < to && cb.i > from) {
        before = cb.i;
        attribute(&cb);
        if (cb.i == before)
            break;
    }
    strbuf_adds(&b->items, b->items.len > 0 ? ",\n  " : "\n  ");
    strbuf_add(&b->items, strbuf_str(&cb.out), cb.out.len);
    if (!strbuf_ok(&cb.out))
        b->failed = true;
    strbuf_done(&cb.out);
    builder_object(b, NULL, NULL);
}
