#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "workers/mysql/control.h"
#include "workers/mysql/ddl/charset.h"
#include "workers/mysql/sqltext.h"
#include "workers/verify/project.h"
#include "workers/verify/watch_priv.h"

#include "base/banned.h"

enum { MISSING_MAX = 2000, FORM_MAX = 2000, LENGTH_BYTES = 4 };

/* ---- the project's tables ---- */

static void forget(struct watch_table *t)
{
    normals_free(t->normals);
    for (unsigned end = 0; end < END_MAX_; end++)
        table_free(t->tables[end]);
    *t = (struct watch_table){ .stored = t->stored };
}

void watch_tables_done(struct watch_tables *t)
{
    for (size_t i = 0; t->catalog != NULL && i < t->catalog->count; i++)
        forget(&t->list[i]);
    catalog_free(t->catalog);
    free(t->list);
    *t = (struct watch_tables){ 0 };
}

int watch_tables_load(struct watch_tables *t, struct ends *e, struct err *err)
{
    const struct task *task = e->w->task;
    int got;

    watch_tables_done(t);
    got = control_schema_get(e->conns[END_SINK], task->control_schema, task->project_id,
                             &t->catalog, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA, "the tables of %s are not stored at the target",
                       task->project_id);
    t->list = calloc(t->catalog->count + 1, sizeof(*t->list));
    if (t->list == NULL) {
        catalog_free(t->catalog);
        t->catalog = NULL;
        return err_set(err, ERR_NOMEM, "no memory for the tables");
    }
    for (size_t i = 0; i < t->catalog->count; i++)
        t->list[i].stored = t->catalog->tables[i];
    return 0;
}

static struct watch_table *of_number(const struct watch_tables *t, unsigned number)
{
    for (size_t i = 0; t->catalog != NULL && i < t->catalog->count; i++)
        if (t->list[i].stored->number == number)
            return &t->list[i];
    return NULL;
}

/* ---- one of them, as it is ---- */

/* 1, 0 when it is not there, -1. */
static int load(struct watch_table *t, struct ends *e, enum end end, struct err *err)
{
    const struct table *s = t->stored;
    const char *db = end == END_SOURCE ? s->db : s->mapped_db;
    const char *name = end == END_SOURCE ? s->name : s->mapped_name;

    if (catalog_table(e->conns[end], &e->dialects[end], db, name, &t->tables[end], err) == 0)
        return 1;
    if (err->code != ERR_TABLE_NOT_FOUND)
        return -1;
    err_reset(err);
    return 0;
}

static int look(struct watch_table *t, struct ends *e, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf missing = STRBUF(MISSING_MAX);
    const struct table *tables[END_MAX_];
    bool same;

    forget(t);
    for (unsigned end = 0; end < END_MAX_; end++) {
        int got = load(t, e, end, err);
        if (got <= 0)
            return got < 0 ? -1 : WATCH_LATER; /* it is on its way, or has gone */
        tables[end] = t->tables[end];
    }
    if (project_apply(t->tables[END_SOURCE], t->stored, &same, err) < 0)
        return -1;
    if (!same)
        return WATCH_LATER;
    if (normals_new(tables, e->dialects, ends_back(e), &missing, &t->normals, err) < 0)
        return -1;
    t->looked = true;
    t->left_out = missing.len > 0 || t->normals->key_count == 0;
    if (t->left_out)
        log_info("verify", "watch_left_out", "table=%s.%s why=\"%.300s\"", t->stored->db,
                 t->stored->name, missing.len > 0 ? strbuf_str(&missing) : "no key");
    return 1;
}

int watch_table_find(struct watch_tables *t, unsigned number, struct ends *e,
                     struct watch_table **ret, struct err *err)
{
    struct watch_table *w = of_number(t, number);
    int got = 1;

    if (w == NULL)
        return 0; /* it has left the project */
    if (!w->looked)
        got = look(w, e, err);
    if (got != 1) {
        forget(w);
        return got;
    }
    *ret = w;
    return w->left_out ? 0 : 1;
}

/* ---- keys ---- */

static bool copy_of(const char *text, size_t len, char **ret, size_t *ret_len)
{
    *ret = malloc(len + 1);
    if (*ret == NULL)
        return false;
    memcpy(*ret, text, len);
    (*ret)[len] = '\0';
    *ret_len = len;
    return true;
}

/*
 * A key column's value, as a server would give it, in its normal form; the caller's. Its expression
 * tells what that is: the column itself; itself as a number, without ZEROFILL's zeros, as it was
 * logged; itself in UTF-8. False: something else.
 */
static bool normal_of(const struct normal *n, const char *text, size_t len, char **ret,
                      size_t *ret_len)
{
    const struct column *c = n->ends[END_SOURCE];
    _cleanup_(strbuf_done)
    struct strbuf form = STRBUF(FORM_MAX);
    struct err ignored = { 0 };

    sql_name(&form, c->name);
    if (strcmp(n->value[END_SOURCE], strbuf_str(&form)) == 0)
        return copy_of(text, len, ret, ret_len);
    strbuf_adds(&form, " + 0)");
    if (c->kind == CK_INT && strcmp(n->value[END_SOURCE] + 1, strbuf_str(&form)) == 0)
        return copy_of(text, len, ret, ret_len);
    strbuf_reset(&form);
    strbuf_adds(&form, "CONVERT(");
    sql_name(&form, c->name);
    strbuf_adds(&form, " USING utf8mb4)");
    return c->charset != NULL && strcmp(n->value[END_SOURCE], strbuf_str(&form)) == 0 &&
           charset_to_utf8(c->charset, text, len, ret, ret_len, &ignored) == 0;
}

static bool read_values(const struct watch_table *t, const struct watch_key *k, struct row_key *ret)
{
    const struct normals *n = t->normals;
    struct cursor c = cursor_of(k->key, k->len);

    for (size_t i = 0; i < n->key_count; i++) {
        size_t len = (size_t)cursor_le(&c, LENGTH_BYTES);
        const uint8_t *at = cursor_bytes(&c, len);

        if (at == NULL || !normal_of(&n->columns[n->key[i]], (const char *)at, len, &ret->values[i],
                                     &ret->lengths[i]))
            return false;
    }
    return !c.bad && cursor_left(&c) == 0;
}

bool watch_key_normal(const struct watch_table *t, const struct watch_key *k, struct row_key *ret)
{
    *ret = (struct row_key){ .count = t->normals->key_count };
    ret->values = calloc(ret->count, sizeof(*ret->values));
    ret->lengths = calloc(ret->count, sizeof(*ret->lengths));
    if (ret->values != NULL && ret->lengths != NULL && read_values(t, k, ret))
        return true;
    row_key_done(ret);
    return false;
}
