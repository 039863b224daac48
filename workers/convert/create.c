#include "workers/convert/create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/convert/create_priv.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

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

/* Generated columns are never selected: they are made unless columns are left out on purpose. */
static bool selected(const struct table *t, const char *column)
{
    int at = table_column(t, column);
    bool filtered = false;

    if (at < 0 || t->selected == NULL || t->selected[at])
        return true;
    for (size_t i = 0; i < t->column_count; i++)
        filtered = filtered || (!t->selected[i] && !t->columns[i].generated);
    return t->columns[at].generated && !filtered;
}

bool builder_carried(const struct builder *b, const char *column)
{
    size_t n = json_len(b->job->columns);

    if (b->by_selected)
        return selected(b->job->table, column);
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

static void lower_case(char *s)
{
    for (; *s != '\0'; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + 'a' - 'A');
}

bool create_collation(const struct create_job *job, const char *object, const char *name,
                      char ret[static MAP_NAME_MAX], struct notes *notes)
{
    const char *chosen = map_override(job->overrides, name);
    enum map_result r = map_collation(job->to, chosen != NULL ? chosen : name, ret);
    char lower[MAP_NAME_MAX];

    if (chosen != NULL && r == MAP_CHANGED) /* a person's word: taken as it stands, or refused */
        (void)snprintf(ret, MAP_NAME_MAX, "%s", chosen);
    (void)snprintf(lower, sizeof(lower), "%s", ret);
    lower_case(lower);
    if (r == MAP_NONE || (job->collations != NULL && map_get(job->collations, lower) == NULL)) {
        if (chosen != NULL)
            notes_add(
                notes, NOTE_REFUSED, object,
                "the target has no collation %s, which collationMapping gives for %s; correct "
                "the option",
                chosen, name);
        else
            notes_add(
                notes, NOTE_REFUSED, object,
                "the target has no collation %s and nothing near it; change it at the source, "
                "or name one in collationMapping",
                name);
        return false;
    }
    if (chosen != NULL ? strcasecmp(name, ret) != 0 : r == MAP_CHANGED)
        notes_add(notes, NOTE_MAPPED, object, "collation %s becomes %s%s", name, ret,
                  chosen != NULL ? ", as collationMapping says" : "");
    return true;
}

/* BINARY is a reserved word to older MySQL: COLLATE binary is no grammar there, and says nothing.
 */
void create_collation_text(const char *collation, struct strbuf *out)
{
    char set[MAP_NAME_MAX];

    map_charset_of(collation, set);
    strbuf_addf(out, "CHARACTER SET %s", set);
    if (strcasecmp(collation, "binary") != 0)
        strbuf_addf(out, " COLLATE %s", collation);
}

/* Words that may stand in an expression without being the column of that name. */
static bool is_expression_word(const struct token *t)
{
    static const char *const words[] = {
        /* names all the same, where they stand alone */
        "DAY",
        "HOUR",
        "MINUTE",
        "MONTH",
        "QUARTER",
        "SECOND",
        "WEEK",
        "YEAR",
        "DATE",
        "DATETIME",
        "TIME",
        "JSON",
        "POINT",
        "ESCAPE",
        "UNKNOWN",
        "MICROSECOND",
        "END",
        "AT",
        "ZONE",
        "SIGNED",
        "LOCAL",
        "VALUE",
        "BOOLEAN",
        "TIMESTAMP",
        "LANGUAGE",
        "MODE",
        "ARRAY",
        "MEMBER",
        "LIST",
        "HASH",
        "COLUMNS",
        "LESS",
        "THAN",
        "PARTITION",
        "ENGINE",
        "ALGORITHM",
        /* reserved everywhere: without quotes they are no column */
        "ASC",
        "DESC",
        "INTERVAL",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "AND",
        "OR",
        "NOT",
        "IN",
        "IS",
        "LIKE",
        "BETWEEN",
        "NULL",
        "TRUE",
        "FALSE",
        "DIV",
        "MOD",
        "XOR",
        "REGEXP",
        "RLIKE",
        "COLLATE",
        "BINARY",
        "CHAR",
        "CHARACTER",
        "SET",
        "DISTINCT",
        "EXISTS",
        "USING",
        "AS",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "UNSIGNED",
        "DECIMAL",
        "DEFAULT",
        "ORDER",
        "BY",
        "RANGE",
        "KEY",
        "LINEAR",
        "VALUES",
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (token_is(t, words[i]))
            return true;
    return false;
}

int builder_column_word(const struct builder *b, size_t i)
{
    const struct tokens *t = b->t;
    _cleanup_(freep)
    char *name = NULL;

    if (i >= t->count || (t->list[i].kind != TOK_NAME && !b->user_text) || !tokens_is_name(t, i))
        return -1;
    if (t->list[i].kind == TOK_WORD &&
        (tokens_punct(t, i + 1, '(') || is_expression_word(&t->list[i])))
        return -1;
    if (i + 1 < t->count && t->list[i].kind == TOK_WORD && t->list[i + 1].kind == TOK_STRING)
        return -1; /* an introducer */
    name = tokens_name(t, i);
    return name == NULL ? -1 : table_column(b->job->table, name);
}

void builder_token(struct builder *b, size_t i, struct strbuf *out)
{
    _cleanup_(freep)
    char *name = NULL;

    if (!b->user_text || !tokens_is(b->t, i, TOK_WORD) || builder_column_word(b, i) < 0) {
        tokens_emit(b->t, i, i + 1, out);
        return;
    }
    name = tokens_name(b->t, i);
    if (name == NULL)
        b->failed = true;
    else
        sql_name(out, name);
}

/* MySQL's column->'$.a' and column->>'$.a', which MariaDB does not know, by their functions. */
static bool json_arrow(struct builder *b, size_t i, struct strbuf *out)
{
    const struct tokens *t = b->t;
    bool unquoted = tokens_punct(t, i + 3, '>');
    size_t path = i + (unquoted ? 4 : 3);

    if (!b->user_text || !map_is_mariadb(b->job->to) || !tokens_is_name(t, i) ||
        !tokens_punct(t, i + 1, '-') || !tokens_punct(t, i + 2, '>') ||
        !tokens_is(t, path, TOK_STRING))
        return false;
    strbuf_adds(out, unquoted ? "json_unquote(json_extract(" : "json_extract(");
    builder_token(b, i, out);
    strbuf_adds(out, ", ");
    tokens_emit(t, path, path + 1, out);
    strbuf_adds(out, unquoted ? "))" : ")");
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
        if (json_arrow(b, i, out)) {
            i += tokens_punct(t, i + 3, '>') ? 4 : 3;
            continue;
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
        builder_token(b, i, out);
    }
}

/* ---- CHECK constraints of the table ------------------------------------------------------------
 */

bool builder_names_carried(const struct builder *b, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < b->t->count; i++) {
        int at = builder_column_word(b, i);

        if (at >= 0 && !builder_carried(b, b->job->table->columns[at].name))
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

static bool check_text(struct builder *b, const char *name, size_t open, size_t close,
                       bool not_enforced, struct strbuf *out)
{
    if (b->user_text && !map_has(b->job->from, F_CHECK))
        return false; /* older MySQL reads a CHECK and forgets it */
    if (!builder_feature(b, F_CHECK) || (not_enforced && !builder_feature(b, F_NOT_ENFORCED)))
        return false;
    if (!builder_names_carried(b, open, close)) {
        notes_add(b->notes, NOTE_DROPPED, b->object, "left out with a column that is not selected");
        return false;
    }
    if (name != NULL && check_name_free(b, name)) {
        strbuf_adds(out, "CONSTRAINT ");
        sql_name(out, name);
        strbuf_addc(out, ' ');
    }
    strbuf_adds(out, "CHECK ");
    builder_expression(b, open, close + 1, out);
    if (not_enforced)
        strbuf_adds(out, " NOT ENFORCED");
    return true;
}

/* MySQL: <table>_chk_<n>, n counts columns' and the table's in the order they are written in.
 * Source: sql_check_constraint.cc, generate_check_constraint_name(). */
const char *builder_check_name(struct builder *b, char ret[static OBJECT_MAX])
{
    if (b->check_table == NULL)
        return NULL;
    (void)snprintf(ret, OBJECT_MAX, "%s_chk_%u", b->check_table, ++b->checks_unnamed);
    return ret;
}

bool build_check(struct builder *b, const char *name, size_t from, size_t to, struct strbuf *out)
{
    size_t close;
    bool kept;

    while (from < to && !(tokens_word(b->t, from, "CHECK") && tokens_punct(b->t, from + 1, '(')))
        from++;
    close = from < to ? tokens_close(b->t, from + 1) : to;
    if (close >= to) {
        b->failed = true;
        return false;
    }
    builder_object(b, "check", name == NULL ? "" : name);
    kept = check_text(b, name, from + 1, close, tokens_word(b->t, close + 1, "NOT"), out);
    builder_object(b, NULL, NULL);
    return kept;
}

void builder_add_item(struct builder *b, const struct strbuf *text)
{
    strbuf_adds(&b->items, b->items.len > 0 ? ",\n  " : "\n  ");
    strbuf_add(&b->items, strbuf_str(text), text->len);
    if (!strbuf_ok(text))
        b->failed = true;
}

static void check_item(struct builder *b, size_t from, size_t to)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(1024 * 1024);
    _cleanup_(freep)
    char *name = tokens_word(b->t, from, "CONSTRAINT") ? tokens_name(b->t, from + 1) : NULL;

    if (build_check(b, name, from, to, &out))
        builder_add_item(b, &out);
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
        check_item(b, from, to);
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

/* A value with or without quotes: ENGINE=InnoDB, ENGINE='InnoDB'. */
static char *plain_value(const struct tokens *t, size_t i)
{
    struct strbuf b = STRBUF(1024);
    char *text = NULL;

    if (i < t->count)
        token_unquote(&t->list[i], &b);
    if (strbuf_ok(&b))
        text = strdup(strbuf_str(&b));
    strbuf_done(&b);
    return text;
}

static void engine_option(struct builder *b, size_t value, struct strbuf *out)
{
    _cleanup_(freep)
    char *engine = plain_value(b->t, value);

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

size_t build_option(struct builder *b, size_t i, size_t to, struct strbuf *out)
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

void build_default_collation(struct builder *b, const char *collation, struct strbuf *out)
{
    char name[MAP_NAME_MAX], set[MAP_NAME_MAX];

    if (collation == NULL || !create_collation(b->job, b->object, collation, name, b->notes))
        return;
    map_charset_of(name, set);
    strbuf_addf(out, " DEFAULT CHARSET=%s", set);
    if (strcasecmp(name, "binary") != 0)
        strbuf_addf(out, " COLLATE=%s", name);
}

static void build_options(struct builder *b, size_t from, size_t to, struct strbuf *out)
{
    while (from < to)
        from = build_option(b, from, to, out);
    build_default_collation(b, b->job->table->collation, out);
}

void build_partitions(struct builder *b, size_t from, size_t to, struct strbuf *out)
{
    const struct tokens *t = b->t;

    if (from >= to || from >= t->count)
        return;
    if (!builder_names_carried(b, from, to))
        notes_add(b->notes, NOTE_REFUSED, b->object,
                  "it is partitioned by a column that filterColumns leaves out; add the column");
    for (size_t i = from; i < to && i < t->count; i++) {
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
        builder_token(b, i, out);
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
    if (b->partitioned)
        strbuf_addc(&tail, '\n');
    build_partitions(b, parts, b->t->count, &tail);
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
                         .between = ",\n  ",
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
