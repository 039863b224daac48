/* Keys of a table: those of SHOW CREATE TABLE, and those that a user's statement adds. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/convert/create_priv.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { INDEX_TEXT_MAX = 1024 * 1024 };

/* The first word of a part is a column whatever it is; the other words are the server's. */
static void part_name(struct builder *b, size_t i, size_t open, struct strbuf *out)
{
    _cleanup_(freep)
    char *name = NULL;

    if (!tokens_is(b->t, i, TOK_WORD) || !(i == open + 1 || tokens_punct(b->t, i - 1, ','))) {
        tokens_emit(b->t, i, i + 1, out);
        return;
    }
    name = tokens_name(b->t, i);
    if (name == NULL)
        b->failed = true;
    else
        sql_name(out, name);
}

/* Are all columns of the parts (…) carried, and is none an expression the target can't index? */
static bool index_parts(struct builder *b, size_t open, size_t close, struct strbuf *out)
{
    const struct tokens *t = b->t;

    strbuf_addc(out, '(');
    for (size_t i = open + 1; i < close; i++) {
        int at = builder_column_word(b, i);

        if (tokens_punct(t, i, '(') && (i == open + 1 || tokens_punct(t, i - 1, ','))) {
            size_t end = tokens_close(t, i);

            if (!builder_feature(b, F_FUNCTIONAL_INDEX))
                return false;
            builder_expression(b, i, end + 1, out);
            i = end;
            continue;
        }
        if (tokens_word(t, i, "ASC") && b->user_text)
            continue;
        if (tokens_word(t, i, "DESC") && !map_has(b->job->to, F_DESC_INDEX))
            continue;
        if (tokens_word(t, i, "WITHOUT")) /* MariaDB: WITHOUT OVERLAPS */
            (void)builder_feature(b, F_PERIOD);
        if (at >= 0 && !builder_carried(b, b->job->table->columns[at].name)) {
            notes_add(b->notes, NOTE_DROPPED, b->object, "left out with its column %s",
                      b->job->table->columns[at].name);
            return false;
        }
        if (t->list[i].space_before && i > open + 1)
            strbuf_addc(out, ' ');
        part_name(b, i, open, out);
    }
    strbuf_addc(out, ')');
    return true;
}

/* What stands behind the parts: USING, KEY_BLOCK_SIZE, COMMENT, parser, visibility. */
static void index_options(struct builder *b, size_t i, size_t to, struct strbuf *out)
{
    const struct tokens *t = b->t;

    while (i < to) {
        if (tokens_word(t, i, "USING") || tokens_word(t, i, "COMMENT")) {
            strbuf_addc(out, ' ');
            tokens_emit(t, i, i + 2, out);
            i += 2;
        } else if (tokens_word(t, i, "KEY_BLOCK_SIZE")) {
            size_t end = i + (tokens_punct(t, i + 1, '=') ? 3 : 2);

            strbuf_addc(out, ' ');
            tokens_emit(t, i, end, out);
            i = end;
        } else if (tokens_word(t, i, "INVISIBLE") || tokens_word(t, i, "IGNORED")) {
            if (!tokens_word(t, i - 1, "NOT") && builder_feature(b, F_INVISIBLE_INDEX))
                strbuf_adds(out, map_is_mariadb(b->job->to) ? " IGNORED" : " INVISIBLE");
            i++;
        } else if (tokens_word(t, i, "WITH") && tokens_word(t, i + 1, "PARSER")) {
            if (builder_feature(b, F_PARSER_PLUGIN)) {
                strbuf_addc(out, ' ');
                tokens_emit(t, i, i + 3, out);
            }
            i += 3;
        } else {
            i++; /* CLUSTERING, ENGINE_ATTRIBUTE, VISIBLE …: means nothing at another server */
        }
    }
}

/* MariaDB alone can make a unique index over whole TEXT columns (a hidden hash column). */
void check_long_unique(struct builder *b, const struct column *col)
{
    if (map_is_mariadb(b->job->to) || (col->kind != CK_TEXT && col->kind != CK_BLOB))
        return;
    notes_add(b->notes, NOTE_REFUSED, b->object,
              "MySQL has no unique index over the whole of a TEXT or BLOB column (%s); give the "
              "index a prefix length at the source, or leave the table out",
              col->name);
}

static void check_long_parts(struct builder *b, size_t open, size_t close)
{
    for (size_t i = open + 1; i < close; i++) {
        int at = builder_column_word(b, i);

        if (at >= 0 && !tokens_punct(b->t, i + 1, '('))
            check_long_unique(b, &b->job->table->columns[at]);
    }
}

static int add_index(struct builder *b, const char *name, struct strbuf *definition)
{
    struct create_result *r = b->out;
    struct index_text *grown = realloc(r->indexes, (r->index_count + 1) * sizeof(*grown));

    if (grown == NULL)
        return -1;
    r->indexes = grown;
    grown[r->index_count] =
        (struct index_text){ .name = strdup(name), .definition = strdup(strbuf_str(definition)) };
    r->index_count++;
    return grown[r->index_count - 1].name == NULL || grown[r->index_count - 1].definition == NULL
               ? -1
               : 0;
}

/* An AUTO_INCREMENT column must be first in some index from the beginning. */
static bool serves_auto_increment(const struct builder *b, size_t open)
{
    _cleanup_(freep)
    char *name = tokens_name(b->t, open + 1);
    int at = name == NULL ? -1 : table_column(b->job->table, name);

    return at >= 0 && b->job->table->columns[at].auto_increment;
}

/* PRIMARY KEY (…), [UNIQUE|FULLTEXT|SPATIAL] KEY `name` (…) … */
void build_index(struct builder *b, size_t from, size_t to)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(INDEX_TEXT_MAX);
    _cleanup_(freep)
    char *name = NULL;
    const struct tokens *t = b->t;
    bool primary = tokens_word(t, from, "PRIMARY"), unique = tokens_word(t, from, "UNIQUE"), later;
    size_t open = from, close;

    while (open < to && !tokens_punct(t, open, '('))
        open++;
    close = tokens_close(t, open);
    if (close >= to) {
        b->failed = true;
        return;
    }
    name =
        primary ? strdup("PRIMARY") : tokens_name(t, open - (tokens_is_name(t, open - 1) ? 1 : 3));
    if (name == NULL) {
        b->failed = true;
        return;
    }
    builder_object(b, "index", name);
    if (tokens_word(t, from, "VECTOR"))
        notes_add(b->notes, NOTE_REFUSED, b->object,
                  "vector indexes are not carried; drop it at the source");
    tokens_emit(t, from, open, &out);
    strbuf_addc(&out, ' ');
    if (index_parts(b, open, close, &out)) {
        if (unique)
            check_long_parts(b, open, close);
        index_options(b, close + 1, to, &out);
        later = !primary && !unique && !serves_auto_increment(b, open);
        if (!later || b->job->with_indexes)
            builder_add_item(b, &out);
        /* a FULLTEXT index leaves a hidden column behind when it is dropped: not for nothing */
        if (later &&
            (!b->job->with_indexes || (b->job->list_indexes && tokens_word(t, from, "KEY"))) &&
            add_index(b, name, &out) < 0)
            b->failed = true;
    }
    if (!strbuf_ok(&out))
        b->failed = true;
    builder_object(b, NULL, NULL);
}

static const char *key_words(enum key_kind k)
{
    switch (k) {
    case KEY_PRIMARY:
        return "PRIMARY KEY";
    case KEY_UNIQUE:
        return "UNIQUE KEY";
    case KEY_FULLTEXT:
        return "FULLTEXT KEY";
    case KEY_SPATIAL:
        return "SPATIAL KEY";
    case KEY_VECTOR:
    case KEY_PLAIN:
        break;
    }
    return "KEY";
}

/* USING may stand before the parts: at the end every server takes it. */
static void type_before(struct builder *b, size_t from, size_t open, struct strbuf *out)
{
    for (size_t i = from; i + 1 < open; i++) {
        if (!tokens_word(b->t, i, "USING") && !tokens_word(b->t, i, "TYPE"))
            continue;
        strbuf_adds(out, " USING ");
        tokens_emit(b->t, i + 1, i + 2, out);
    }
}

bool build_user_index(struct builder *b, const struct ddl_item *item, const char *name,
                      struct strbuf *out)
{
    size_t open = item->at.from, close;

    while (open < item->at.to && !tokens_punct(b->t, open, '('))
        open++;
    close = tokens_close(b->t, open);
    if (open >= item->at.to || close >= b->t->count) {
        b->failed = true;
        return false;
    }
    builder_object(b, "index", item->key == KEY_PRIMARY ? "PRIMARY" : name == NULL ? "" : name);
    if (item->key == KEY_VECTOR)
        notes_add(b->notes, NOTE_REFUSED, b->object,
                  "vector indexes are not carried; drop it at the source");
    strbuf_adds(out, key_words(item->key));
    if (name != NULL && item->key != KEY_PRIMARY) {
        strbuf_addc(out, ' ');
        sql_name(out, name);
    }
    strbuf_addc(out, ' ');
    if (!index_parts(b, open, close, out)) {
        builder_object(b, NULL, NULL);
        return false;
    }
    if (item->key == KEY_UNIQUE)
        check_long_parts(b, open, close);
    type_before(b, item->at.from, open, out);
    index_options(b, close + 1, item->at.to, out);
    builder_object(b, NULL, NULL);
    return true;
}
