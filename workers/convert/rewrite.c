#include "workers/convert/rewrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/convert/rewrite_priv.h"
#include "workers/mysql/mapping.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { STATEMENT_MAX = 16 * 1024 * 1024, KEY_MAX = 600 };

static int rewriter_init(struct rewriter *r, const struct rewrite_job *job, struct err *err)
{
    *r = (struct rewriter){ .job = job, .out = STRBUF(STATEMENT_MAX) };
    if (job->tokens != NULL) {
        r->t = *job->tokens;
        return 0;
    }
    if (tokens_read(job->text, strlen(job->text), job->sql_mode, &r->t, err) < 0)
        return err_wrap(err, "%s.%s", job->mapped_db, job->mapped_name);
    return 0;
}

static void rewriter_done(struct rewriter *r)
{
    if (r->job->tokens == NULL)
        tokens_done(&r->t);
    strbuf_done(&r->out);
}

void rewriter_copy_to(struct rewriter *r, size_t i)
{
    size_t end = tokens_at(&r->t, i);

    if (end > r->copied)
        strbuf_add(&r->out, r->t.sql + r->copied, end - r->copied);
    r->copied = MAX(end, r->copied);
}

void rewriter_skip(struct rewriter *r, size_t i)
{
    size_t end = tokens_at(&r->t, i) + (i < r->t.count ? r->t.list[i].len : 0);

    r->copied = MAX(end, r->copied);
}

const struct renamed *rewriter_lookup(const struct rewriter *r, const char *db, const char *name)
{
    char key[KEY_MAX];

    (void)snprintf(key, sizeof(key), name == NULL ? "%s" : "%s\1%s", db, name == NULL ? "" : name);
    if (name == NULL)
        (void)snprintf(key, sizeof(key), "%s", db);
    return r->job->names == NULL ? NULL : map_get(r->job->names, key);
}

/* `db`.`object` at i: writes the target's names when both are known. True: two names are done. */
static bool qualified(struct rewriter *r, size_t i)
{
    _cleanup_(freep)
    char *db = NULL, *name = NULL;
    const struct renamed *object, *database;

    if (!tokens_is_name(&r->t, i) || !tokens_punct(&r->t, i + 1, '.') ||
        !tokens_is_name(&r->t, i + 2) ||
        (i > 0 && (tokens_punct(&r->t, i - 1, '.') || tokens_punct(&r->t, i - 1, '@'))))
        return false;
    db = tokens_name(&r->t, i);
    name = tokens_name(&r->t, i + 2);
    if (db == NULL || name == NULL)
        return false;
    object = rewriter_lookup(r, db, name);
    database = rewriter_lookup(r, db, NULL);
    /* Not in the selection: a function or a table left out lives in the mapped database, if
     * anywhere. In that case the name could also be an alias's column, so it is changed before ( or
     * . only. */
    if (object == NULL &&
        (database == NULL || !(tokens_punct(&r->t, i + 3, '(') || tokens_punct(&r->t, i + 3, '.'))))
        return false;
    rewriter_copy_to(r, i);
    if (object != NULL)
        sql_table(&r->out, object->db, object->name);
    else
        sql_table(&r->out, database->db, name);
    rewriter_skip(r, i + 2);
    return true;
}

static void collation_word(struct rewriter *r, size_t i)
{
    _cleanup_(freep)
    char *name = tokens_name(&r->t, i);
    char mapped[MAP_NAME_MAX];

    const char *chosen = name == NULL ? NULL : map_override(r->job->overrides, name);

    if (chosen != NULL)
        (void)snprintf(mapped, sizeof(mapped), "%s", chosen);
    if (name == NULL || (chosen == NULL && map_collation(r->job->to, name, mapped) == MAP_NONE) ||
        strcmp(name, mapped) == 0)
        return;
    rewriter_copy_to(r, i);
    strbuf_adds(&r->out, mapped);
    rewriter_skip(r, i);
}

/* Tokens [from, to): references followed, collations mapped. */
static void body(struct rewriter *r, size_t from, size_t to)
{
    struct from_list f;

    from_list_init(&f, r, from);
    for (size_t i = from; i < to; i++) {
        bool table = from_list_at_table(&f, i);

        if (qualified(r, i))
            i += 2;
        else if (table && from_list_name(&f, i))
            continue;
        else if (tokens_word(&r->t, i, "COLLATE") && tokens_is_name(&r->t, i + 1))
            collation_word(r, ++i);
    }
    from_list_done(&f);
    rewriter_copy_to(r, to);
}

/* Behind DEFINER = user[@host], CURRENT_USER[()] or a role, which starts at i. */
static size_t definer_end(const struct tokens *t, size_t i)
{
    i += 3;
    if (tokens_punct(t, i, '('))
        return i + 2;
    if (!tokens_punct(t, i, '@'))
        return i;
    i += 2;
    while (i < t->count && !t->list[i].space_before && !tokens_is_name(t, i))
        i += tokens_punct(t, i, '.') || tokens_punct(t, i, '-') ? 2 : 1; /* a host without quotes */
    return i;
}

/* A user may write IF NOT EXISTS; not every server knows it there. */
static size_t behind_if_not_exists(const struct tokens *t, size_t i)
{
    return tokens_word(t, i, "IF") && tokens_word(t, i + 1, "NOT") &&
                   tokens_word(t, i + 2, "EXISTS")
               ? i + 3
               : i;
}

/* OR REPLACE of a routine is MariaDB's: the caller drops the old one. */
static bool skip_or_replace(struct rewriter *r, size_t *i, bool routine)
{
    if (!routine || !tokens_word(&r->t, *i, "OR") || !tokens_word(&r->t, *i + 1, "REPLACE"))
        return false;
    rewriter_copy_to(r, *i);
    *i += 2;
    r->copied = tokens_at(&r->t, *i);
    return true;
}

/* CREATE … up to and with the object's name: "… KEYWORD [`db`.]`name`" without the definer. */
static size_t head(struct rewriter *r, const char *const *keywords)
{
    bool routine = strcmp(keywords[0], "VIEW") != 0;
    size_t i = 0, behind;

    while (i < r->t.count) {
        if (skip_or_replace(r, &i, routine))
            continue;
        if (tokens_word(&r->t, i, "DEFINER") && tokens_punct(&r->t, i + 1, '=')) {
            size_t end = definer_end(&r->t, i);

            rewriter_copy_to(r, i);
            r->copied = tokens_at(&r->t, end);
            i = end;
            continue;
        }
        for (size_t k = 0; keywords[k] != NULL; k++) {
            if (!tokens_word(&r->t, i, keywords[k]) || !tokens_is_name(&r->t, i + 1))
                continue;
            rewriter_copy_to(r, i + 1);
            behind = behind_if_not_exists(&r->t, i + 1) - 1;
            strbuf_adds(&r->out, behind > i && r->job->keep_if_not_exists ? "IF NOT EXISTS " : "");
            i = behind;
            i += tokens_punct(&r->t, i + 2, '.') ? 3 : 1;
            sql_table(&r->out, r->job->mapped_db, r->job->mapped_name);
            rewriter_skip(r, i);
            return i + 1;
        }
        i++;
    }
    return r->t.count;
}

static bool beyond_ascii(const struct token *t)
{
    for (size_t i = 0; i < t->len; i++)
        if ((unsigned char)t->text[i] >= 0x80)
            return true;
    return false;
}

bool rewrite_bytes_kept(const struct tokens *t, const char *client_charset)
{
    if (client_charset == NULL || strncasecmp(client_charset, "utf8", 4) == 0 ||
        strcasecmp(client_charset, "binary") == 0)
        return true;
    for (size_t i = 0; i + 1 < t->count; i++)
        if (t->list[i].kind == TOK_WORD && t->list[i].text[0] == '_' &&
            t->list[i + 1].kind == TOK_STRING && beyond_ascii(&t->list[i + 1]))
            return false;
    return true;
}

static int finish(struct rewriter *r, char **ret, struct err *err)
{
    int rc = strbuf_take(&r->out, ret, err);

    rewriter_done(r);
    return rc;
}

static int unreadable(struct rewriter *r, const char *what, struct err *err)
{
    rewriter_done(r);
    return err_set(err, ERR_SCHEMA_CONVERT, "%s %s.%s: SHOW CREATE could not be read", what,
                   r->job->mapped_db, r->job->mapped_name);
}

static int rewrite_plain(const struct rewrite_job *job, const char *const *keywords,
                         const char *what, char **ret, struct err *err)
{
    struct rewriter r;
    size_t i;

    if (rewriter_init(&r, job, err) < 0)
        return -1;
    i = head(&r, keywords);
    if (i >= r.t.count)
        return unreadable(&r, what, err);
    body(&r, i, r.t.count);
    return finish(&r, ret, err);
}

int rewrite_view(const struct rewrite_job *job, char **ret, struct err *err)
{
    static const char *const keywords[] = { "VIEW", NULL };

    return rewrite_plain(job, keywords, "view", ret, err);
}

int rewrite_routine(const struct rewrite_job *job, char **ret, struct err *err)
{
    static const char *const keywords[] = { "FUNCTION", "PROCEDURE", NULL };

    return rewrite_plain(job, keywords, "routine", ret, err);
}

/* ENABLE | DISABLE [ON SLAVE|REPLICA] before DO becomes DISABLE. */
static bool event_status(struct rewriter *r, size_t *i)
{
    if (!tokens_word(&r->t, *i, "ENABLE") && !tokens_word(&r->t, *i, "DISABLE"))
        return false;
    rewriter_copy_to(r, *i);
    strbuf_adds(&r->out, "DISABLE");
    if (tokens_word(&r->t, *i + 1, "ON"))
        *i += 2;
    rewriter_skip(r, *i);
    (*i)++;
    return true;
}

int rewrite_event(const struct rewrite_job *job, char **ret, struct err *err)
{
    static const char *const keywords[] = { "EVENT", NULL };
    struct rewriter r;
    bool disabled = false;
    size_t i;

    if (rewriter_init(&r, job, err) < 0)
        return -1;
    i = head(&r, keywords);
    while (i < r.t.count && !tokens_word(&r.t, i, "DO")) {
        if (!disabled && event_status(&r, &i))
            disabled = true;
        else
            i++;
    }
    if (i >= r.t.count)
        return unreadable(&r, "event", err);
    if (!disabled) {
        rewriter_copy_to(&r, i);
        strbuf_adds(&r.out, "DISABLE ");
    }
    body(&r, i, r.t.count);
    return finish(&r, ret, err);
}

/* From the name to FOR EACH ROW; returns the body's first token, *ret_timing the token of BEFORE or
 * AFTER. */
static size_t trigger_parts(const struct tokens *t, size_t i, size_t *ret_timing)
{
    *ret_timing = i;
    while (i < t->count && !(tokens_word(t, i, "FOR") && tokens_word(t, i + 1, "EACH")))
        i++;
    i += 3;
    if (tokens_word(t, i, "FOLLOWS") || tokens_word(t, i, "PRECEDES"))
        i += 2;
    return i;
}

int rewrite_trigger(const struct rewrite_job *job, const char *table, char **ret, struct err *err)
{
    static const char *const keywords[] = { "TRIGGER", NULL };
    struct rewriter r;
    size_t i, timing, first;

    if (rewriter_init(&r, job, err) < 0)
        return -1;
    i = head(&r, keywords);
    first = trigger_parts(&r.t, i, &timing);
    if (first >= r.t.count ||
        !(tokens_word(&r.t, timing, "BEFORE") || tokens_word(&r.t, timing, "AFTER")))
        return unreadable(&r, "trigger", err);
    strbuf_addc(&r.out, ' ');
    tokens_emit(&r.t, timing, timing + 2, &r.out); /* BEFORE INSERT */
    strbuf_adds(&r.out, " ON ");
    sql_table(&r.out, job->mapped_db, table);
    strbuf_adds(&r.out, " FOR EACH ROW IF @causeway_apply IS NULL THEN ");
    r.copied = tokens_at(&r.t, first);
    body(&r, first, r.t.count);
    strbuf_adds(&r.out, "; END IF");
    return finish(&r, ret, err);
}
