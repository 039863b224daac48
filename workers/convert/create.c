#include "workers/convert/create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/sqltext.h"
#include "workers/convert/create_priv.h"

#include "base/banned.h"

enum { STATEMENT_MAX = 16 * 1024 * 1024 };

void create_result_done(struct create_result *r)
{
    free(r->sql);
    for (size_t i = 0; i < r->index_count; i++) {
        free(r->indexes[i].name);
        free(r->indexes[i].definition);
    }
    free(r->indexes);
    *r = (struct create_result){ 0 };
}

void builder_object(struct builder *b, const char *what, const char *name)
{
    const struct table *t = b->job->table;

    if (what == NULL)
        (void)snprintf(b->object, sizeof(b->object), "table %s.%s", t->db, t->name);
    else
        (void)snprintf(b->object, sizeof(b->object), "table %s.%s, %s %s", t->db, t->name, what,
                       name);
}

bool builder_carried(const struct builder *b, const char *column)
{
    size_t n = json_len(b->job->columns);

    for (size_t i = 0; i < n; i++) {
        const char *name = json_at_str(b->job->columns, i);

        if (name != NULL && strcasecmp(name, column) == 0)
            return true;
    }
    return n == 0;
}

bool builder_feature(struct builder *b, enum map_feature f)
{
    if (map_has(b->job->to, f))
        return true;
    if (map_missing(f) == MISSING_REFUSE)
        notes_add(b->notes, NOTE_REFUSED, b->object,
                  "the target (%s %u.%u) does not know %s; change it at the source or leave the "
                  "table out",
                  flavour_name(b->job->to->flavour), b->job->to->version / 10000,
                  b->job->to->version / 100 % 100, map_feature_name(f));
    else if (map_missing(f) == MISSING_DROP)
        notes_add(b->notes, NOTE_DROPPED, b->object, "left out: %s, which the target does not know",
                  map_feature_name(f));
    return false;
}

bool create_collation(const struct create_job *job, const char *object, const char *name,
                      char ret[static MAP_NAME_MAX], struct notes *notes)
{
    enum map_result r = map_collation(job->to, name, ret);
    char lower[MAP_NAME_MAX];

    (void)snprintf(lower, sizeof(lower), "%s", ret);
    for (char *p = lower; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 'a' - 'A');
    if (r == MAP_NONE || (job->collations != NULL && map_get(job->collations, lower) == NULL)) {
        notes_add(notes, NOTE_REFUSED, object,
                  "the target has no collation %s and nothing near it; change it at the source",
                  name);
        return false;
    }
    if (r == MAP_CHANGED)
        notes_add(notes, NOTE_MAPPED, object, "collation %s becomes %s", name, ret);
    return true;
}

void builder_expression(struct builder *b, size_t from, size_t to, struct strbuf *out)
{
    const struct tokens *t = b->t;

    for (size_t i = from; i < to && i < t->count; i++) {
        _cleanup_(freep)
        char *text = tokens_text(t, i);
        char mapped[MAP_NAME_MAX];

        if (i > from && t->list[i].space_before)
            strbuf_addc(out, ' ');
        if (text == NULL) {
            b->failed = true;
            return;
        }
        if (i > from && tokens_word(t, i - 1, "COLLATE")) {
            if (create_collation(b->job, b->object, text, mapped, b->notes))
                strbuf_adds(out, mapped);
            continue;
        }
        if (t->list[i].kind == TOK_WORD && tokens_punct(t, i + 1, '(') &&
            !map_function(b->job->to, text))
            notes_add(b->notes, NOTE_REFUSED, b->object,
                      "the target has no function %s(); change the expression at the source", text);
        strbuf_adds(out, text);
    }
}

/* ---- indexes --------------------------------------------------------------------------------- */

/* Are all columns of the parts (…) carried, and is none an expression the target can't index? */
static bool index_parts(struct builder *b, size_t open, size_t close, struct strbuf *out)
{
    const struct tokens *t = b->t;

    strbuf_addc(out, '(');
    for (size_t i = open + 1; i < close; i++) {
        _cleanup_(freep)
        char *name = NULL;

        if (tokens_punct(t, i, '(') && (i == open + 1 || tokens_punct(t, i - 1, ','))) {
            size_t end = tokens_close(t, i);

            if (!builder_feature(b, F_FUNCTIONAL_INDEX))
                return false;
            builder_expression(b, i, end + 1, out);
            i = end;
            continue;
        }
        if (tokens_word(t, i, "DESC") && !map_has(b->job->to, F_DESC_INDEX))
            continue;
        if (tokens_word(t, i, "WITHOUT")) /* MariaDB: WITHOUT OVERLAPS */
            (void)builder_feature(b, F_PERIOD);
        if (t->list[i].kind == TOK_NAME) {
            name = tokens_name(t, i);
            if (name != NULL && table_column(b->job->table, name) >= 0 &&
                !builder_carried(b, name)) {
                notes_add(b->notes, NOTE_DROPPED, b->object, "left out with its column %s", name);
                return false;
            }
        }
        if (t->list[i].space_before)
            strbuf_addc(out, ' ');
        tokens_emit(t, i, i + 1, out);
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
            strbuf_addc(out, ' ');
            tokens_emit(t, i, i + 3, out);
            i += 3;
        } else if (tokens_word(t, i, "INVISIBLE") || tokens_word(t, i, "IGNORED")) {
            if (builder_feature(b, F_INVISIBLE_INDEX))
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
static void check_long_unique(struct builder *b, size_t open, size_t close)
{
    const struct tokens *t = b->t;

    if (map_is_mariadb(b->job->to))
        return;
    for (size_t i = open + 1; i < close; i++) {
        _cleanup_(freep)
        char *name = t->list[i].kind == TOK_NAME ? tokens_name(t, i) : NULL;
        int at = name == NULL ? -1 : table_column(b->job->table, name);

        if (at < 0 || tokens_punct(t, i + 1, '('))
            continue;
        if (b->job->table->columns[at].kind == CK_TEXT ||
            b->job->table->columns[at].kind == CK_BLOB)
            notes_add(
                b->notes, NOTE_REFUSED, b->object,
                "MySQL has no unique index over the whole of a TEXT or BLOB column (%s); give the "
                "index a prefix length at the source, or leave the table out",
                name);
    }
}

static int defer_index(struct builder *b, const char *name, struct strbuf *definition)
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

static void add_item(struct builder *b, const struct strbuf *text)
{
    strbuf_adds(&b->items, b->items.len > 0 ? ",\n  " : "\n  ");
    strbuf_add(&b->items, strbuf_str(text), text->len);
}

/* PRIMARY KEY (…), [UNIQUE|FULLTEXT|SPATIAL] KEY `name` (…) … */
static void build_index(struct builder *b, size_t from, size_t to)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(1024 * 1024);
    _cleanup_(freep)
    char *name = NULL;
    const struct tokens *t = b->t;
    bool primary = tokens_word(t, from, "PRIMARY"), unique = tokens_word(t, from, "UNIQUE");
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
            check_long_unique(b, open, close);
        index_options(b, close + 1, to, &out);
        if (primary || unique || b->job->with_indexes || serves_auto_increment(b, open))
            add_item(b, &out);
        else if (defer_index(b, name, &out) < 0)
            b->failed = true;
    }
    if (!strbuf_ok(&out))
        b->failed = true;
    builder_object(b, NULL, NULL);
}

/* ---- CHECK constraints of the table ------------------------------------------------------------
 */

static bool names_carried(struct builder *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        _cleanup_(freep)
        char *name = b->t->list[i].kind == TOK_NAME ? tokens_name(b->t, i) : NULL;

        if (name != NULL && table_column(b->job->table, name) >= 0 && !builder_carried(b, name))
            return false;
    }
    return true;
}

/* MariaDB's CHECK names are unique in their table, MySQL's in the database: a name taken is left
 * out. */
static bool check_name_free(struct builder *b, const char *name)
{
    char key[OBJECT_MAX];

    if (map_is_mariadb(b->job->to))
        return true;
    if (strncmp(name, "CONSTRAINT_", strlen("CONSTRAINT_")) == 0 && map_is_mariadb(b->job->from))
        return false; /* MariaDB's own numbering */
    if (b->job->check_names == NULL)
        return true;
    (void)snprintf(key, sizeof(key), "%s\1%s", b->job->table->mapped_db, name);
    if (map_get(b->job->check_names, key) != NULL)
        return false;
    if (map_set(b->job->check_names, key, b) < 0)
        b->failed = true;
    return true;
}

/* [CONSTRAINT name] CHECK (…) [NOT ENFORCED] */
static void build_check(struct builder *b, size_t from, size_t to)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(1024 * 1024);
    _cleanup_(freep)
    char *name = tokens_word(b->t, from, "CONSTRAINT") ? tokens_name(b->t, from + 1) : NULL;
    size_t check = from + (name != NULL ? 2 : 0), close = tokens_close(b->t, check + 1);
    bool not_enforced = tokens_word(b->t, close + 1, "NOT");

    if (close >= to) {
        b->failed = true;
        return;
    }
    builder_object(b, "check", name == NULL ? "" : name);
    if (!builder_feature(b, F_CHECK) || (not_enforced && !builder_feature(b, F_NOT_ENFORCED))) {
        builder_object(b, NULL, NULL);
        return;
    }
    if (!names_carried(b, check, close)) {
        notes_add(b->notes, NOTE_DROPPED, b->object, "left out with a column that is not selected");
        builder_object(b, NULL, NULL);
        return;
    }
    if (name != NULL && check_name_free(b, name)) {
        strbuf_adds(&out, "CONSTRAINT ");
        sql_name(&out, name);
        strbuf_addc(&out, ' ');
    }
    strbuf_adds(&out, "CHECK ");
    builder_expression(b, check + 1, close + 1, &out);
    if (not_enforced)
        strbuf_adds(&out, " NOT ENFORCED");
    add_item(b, &out);
    builder_object(b, NULL, NULL);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void build_item(struct builder *b, size_t from, size_t to)
{
    const struct tokens *t = b->t;
    size_t k = tokens_word(t, from, "CONSTRAINT") ? from + 2 : from;

    if (t->list[from].kind == TOK_NAME) {
        build_column(b, from, to);
    } else if (tokens_word(t, k, "FOREIGN")) {
        return; /* after the copy: finish.c */
    } else if (tokens_word(t, k, "CHECK")) {
        build_check(b, from, to);
    } else if (tokens_word(t, from, "PERIOD")) {
        builder_object(b, "period", "");
        if (builder_feature(b, F_PERIOD)) {
            strbuf_adds(&b->items, ",\n  ");
            tokens_emit(t, from, to, &b->items);
        }
        builder_object(b, NULL, NULL);
    } else {
        build_index(b, from, to);
    }
}

static size_t build_items(struct builder *b, size_t open)
{
    size_t close = tokens_close(b->t, open), from = open + 1, depth = 0;

    for (size_t i = open + 1; i <= close && close < b->t->count; i++) {
        if (tokens_punct(b->t, i, '('))
            depth++;
        else if (tokens_punct(b->t, i, ')') && i < close)
            depth--;
        if (i == close || (depth == 0 && tokens_punct(b->t, i, ','))) {
            if (i > from)
                build_item(b, from, i);
            from = i + 1;
        }
    }
    return close;
}

static void engine_option(struct builder *b, size_t value, struct strbuf *out)
{
    _cleanup_(freep)
    char *engine = tokens_text(b->t, value);

    b->engine = engine == NULL ? NULL : map_engine(b->job->to, engine, b->partitioned);
    if (engine == NULL)
        b->failed = true;
    else if (b->engine == NULL)
        notes_add(b->notes, NOTE_REFUSED, b->object,
                  "the engine %s is not carried; change it to InnoDB at the source, or leave the "
                  "table out",
                  engine);
    else if (strcasecmp(engine, b->engine) != 0)
        notes_add(b->notes, NOTE_MAPPED, b->object, "engine %s becomes %s", engine, b->engine);
    strbuf_addf(out, " ENGINE=%s", b->engine == NULL ? "InnoDB" : b->engine);
}

/* ROW_FORMAT of another engine (FIXED, PAGE) means nothing to InnoDB. */
static bool row_format_fits(const struct builder *b, size_t value)
{
    if (tokens_word(b->t, value, "PAGE"))
        return b->engine != NULL && strcmp(b->engine, "Aria") == 0;
    return !tokens_word(b->t, value, "FIXED") ||
           (b->engine != NULL && strcmp(b->engine, "InnoDB") != 0);
}

static void plain_option(struct builder *b, const char *name, size_t value, size_t end,
                         struct strbuf *out)
{
    bool note, keep = map_option(b->job->to, name, &note);

    if (keep && strcasecmp(name, "ROW_FORMAT") == 0 && !row_format_fits(b, value))
        keep = false;
    if (keep) {
        strbuf_addf(out, " %s=", name);
        tokens_emit(b->t, value, end, out);
    } else if (note) {
        notes_add(b->notes, NOTE_DROPPED, b->object, "left out: the table option %s", name);
    }
}

/* One option at i; returns the index behind it. */
static size_t build_option(struct builder *b, size_t i, size_t to, struct strbuf *out)
{
    const struct tokens *t = b->t;
    _cleanup_(freep)
    char *name = NULL;
    size_t value, end;

    if (tokens_word(t, i, "WITH") && tokens_word(t, i + 1, "SYSTEM")) {
        notes_add(b->notes, NOTE_REFUSED, b->object,
                  "system versioning is not carried; drop it at the source or leave the table out");
        return i + 3;
    }
    if (tokens_word(t, i, "DEFAULT") || tokens_word(t, i, "DATA") || tokens_word(t, i, "INDEX") ||
        (tokens_word(t, i, "START") && tokens_word(t, i + 1, "TRANSACTION")))
        return i + 1; /* the word behind it is the option's name */
    if (!tokens_is_name(t, i) || i + 1 >= to)
        return i + 1;
    name = tokens_name(t, i);
    value = tokens_punct(t, i + 1, '=') ? i + 2 : i + 1;
    end = tokens_punct(t, value, '(') ? tokens_close(t, value) + 1 : value + 1;
    if (name == NULL)
        b->failed = true;
    else if (strcasecmp(name, "ENGINE") == 0)
        engine_option(b, value, out);
    else if (strcasecmp(name, "SEQUENCE") == 0)
        notes_add(b->notes, NOTE_REFUSED, b->object,
                  "sequences are not carried; create it at the target");
    else if (strcasecmp(name, "CHARSET") != 0 && strcasecmp(name, "COLLATE") != 0)
        plain_option(b, name, value, end, out);
    return end;
}

static void build_options(struct builder *b, size_t from, size_t to, struct strbuf *out)
{
    const struct table *t = b->job->table;
    char name[MAP_NAME_MAX], set[MAP_NAME_MAX];

    while (from < to)
        from = build_option(b, from, to, out);
    if (t->collation == NULL || !create_collation(b->job, b->object, t->collation, name, b->notes))
        return;
    map_charset_of(name, set);
    strbuf_addf(out, " DEFAULT CHARSET=%s COLLATE=%s", set, name);
}

/* PARTITION BY … to the end: engines mapped, directories and tablespaces left out. */
static void build_partitions(struct builder *b, size_t from, struct strbuf *out)
{
    const struct tokens *t = b->t;

    if (from >= t->count)
        return;
    if (!names_carried(b, from, t->count))
        notes_add(b->notes, NOTE_REFUSED, b->object,
                  "it is partitioned by a column that filterColumns leaves out; add the column");
    strbuf_addc(out, '\n');
    for (size_t i = from; i < t->count; i++) {
        if ((tokens_word(t, i, "DATA") || tokens_word(t, i, "INDEX")) &&
            tokens_word(t, i + 1, "DIRECTORY")) {
            i += tokens_punct(t, i + 2, '=') ? 3 : 2;
            continue;
        }
        if (tokens_word(t, i, "TABLESPACE") || tokens_word(t, i, "NODEGROUP")) {
            i += tokens_punct(t, i + 1, '=') ? 2 : 1;
            continue;
        }
        if (i > from && t->list[i].space_before)
            strbuf_addc(out, ' ');
        if (tokens_word(t, i, "ENGINE") && b->engine != NULL) {
            strbuf_addf(out, "ENGINE = %s", b->engine);
            i += tokens_punct(t, i + 1, '=') ? 2 : 1;
            continue;
        }
        tokens_emit(t, i, i + 1, out);
    }
}

static size_t find_partitions(const struct tokens *t, size_t from)
{
    while (from < t->count &&
           !(tokens_word(t, from, "PARTITION") && tokens_word(t, from + 1, "BY")))
        from++;
    return from;
}

static int assemble(struct builder *b, const struct strbuf *tail, struct create_result *ret,
                    struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX);

    strbuf_adds(&sql, "CREATE TABLE IF NOT EXISTS ");
    sql_table(&sql, b->job->table->mapped_db, b->job->table->mapped_name);
    strbuf_adds(&sql, " (");
    strbuf_add(&sql, strbuf_str(&b->items), b->items.len);
    strbuf_add(&sql, strbuf_str(&b->checks), b->checks.len);
    strbuf_adds(&sql, "\n)");
    strbuf_add(&sql, strbuf_str(tail), tail->len);
    if (!strbuf_ok(&b->items) || !strbuf_ok(&b->checks) || !strbuf_ok(tail))
        sql.failed = true;
    return strbuf_take(&sql, &ret->sql, err);
}

static int build(struct builder *b, struct create_result *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf tail = STRBUF(STATEMENT_MAX);
    size_t open = 0, close, parts;

    while (open < b->t->count && !tokens_punct(b->t, open, '('))
        open++;
    close = open < b->t->count ? build_items(b, open) : b->t->count;
    if (close >= b->t->count)
        return err_set(err, ERR_SCHEMA_CONVERT, "%s: SHOW CREATE TABLE could not be read",
                       b->object);
    parts = find_partitions(b->t, close);
    b->partitioned = parts < b->t->count;
    build_options(b, close + 1, parts, &tail);
    build_partitions(b, parts, &tail);
    if (b->failed)
        return err_set(err, ERR_SCHEMA_CONVERT,
                       "%s: SHOW CREATE TABLE does not fit information_schema", b->object);
    return assemble(b, &tail, ret, err);
}

int create_table_text(const struct create_job *job, struct create_result *ret, struct notes *notes,
                      struct err *err)
{
    struct tokens t = { 0 };
    struct create_result made = { 0 };
    struct builder b = { .job = job,
                         .t = &t,
                         .notes = notes,
                         .out = &made,
                         .items = STRBUF(STATEMENT_MAX),
                         .checks = STRBUF(STATEMENT_MAX) };
    int rc;

    if (tokens_read(job->text, job->text_len, NULL, &t, err) < 0)
        return err_wrap(err, "table %s.%s", job->table->db, job->table->name);
    builder_object(&b, NULL, NULL);
    rc = build(&b, &made, err);
    strbuf_done(&b.items);
    strbuf_done(&b.checks);
    tokens_done(&t);
    if (rc < 0)
        create_result_done(&made);
    else
        *ret = made;
    return rc;
}
