#include "workers/mysql/ddl/evolve.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/mysql/catalog_priv.h"
#include "workers/mysql/ddl/evolve_priv.h"

#include "base/banned.h"

enum { SQL_MODE_ORACLE = 0x200 };

int draft_nomem(struct draft *d)
{
    return err_set(d->err, ERR_NOMEM, "no memory for the columns of %s.%s", d->db, d->name);
}

int draft_text(struct draft *d, char **to, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL)
        return draft_nomem(d);
    free(*to);
    *to = copy;
    return 0;
}

static void draft_column_done(struct draft_column *c)
{
    column_done(&c->c);
}

static void draft_done(struct draft *d)
{
    for (size_t i = 0; i < d->column_count; i++)
        draft_column_done(&d->columns[i]);
    for (size_t i = 0; i < d->key_count; i++)
        draft_key_done(&d->keys[i]);
    for (size_t i = 0; i < d->fk_count; i++)
        fk_done(&d->fks[i]);
    free(d->columns);
    free(d->keys);
    free(d->fks);
    free(d->engine);
    free(d->collation);
    free(d->convert_to);
}

/* ---- columns ---- */

static struct draft_column *add_column(struct draft *d)
{
    void *columns = d->columns;
    struct draft_column *c = array_more(&columns, &d->column_count, sizeof(*c));

    if (c == NULL) {
        (void)draft_nomem(d);
        return NULL;
    }
    d->columns = columns;
    c->origin = -1;
    return c;
}

static int copy_text(struct draft *d, char **to, const char *text)
{
    return text != NULL ? draft_text(d, to, text) : 0;
}

static int copy_column(struct draft *d, const struct column *from, struct column *to)
{
    *to = *from;
    to->name = to->type_text = to->data_type = to->charset = to->collation = NULL;
    to->labels = from->labels != NULL ? json_object_get(from->labels) : NULL; /* never changed */
    if (draft_text(d, &to->name, from->name) < 0 ||
        draft_text(d, &to->type_text, from->type_text) < 0 ||
        draft_text(d, &to->data_type, from->data_type) < 0 ||
        copy_text(d, &to->charset, from->charset) < 0 ||
        copy_text(d, &to->collation, from->collation) < 0)
        return -1;
    return 0;
}

static int known_column(struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->column_count; i++)
        if (strcasecmp(d->columns[i].c.name, name) == 0)
            return (int)i;
    return -1;
}

static int no_column(struct draft *d, const char *name)
{
    return err_set(d->err, ERR_SCHEMA_MISMATCH, "%s: %s.%s has no column %s", d->s->verb, d->db,
                   d->name, name);
}

/* Moves column `from` to the front or behind `after`, where the item says so. */
static int place(struct draft *d, size_t from, const struct ddl_item *item)
{
    struct draft_column moved = d->columns[from];
    size_t to = 0;

    if (!item->first && item->after == NULL)
        return 0;
    memmove(&d->columns[from], &d->columns[from + 1],
            (d->column_count - from - 1) * sizeof(*d->columns));
    if (item->after != NULL) {
        int at;

        d->columns[d->column_count - 1] = moved;
        d->column_count--; /* it is not behind itself */
        at = known_column(d, item->after);
        d->column_count++;
        if (at < 0)
            return no_column(d, item->after);
        to = (size_t)at + 1;
    }
    memmove(&d->columns[to + 1], &d->columns[to], (d->column_count - 1 - to) * sizeof(*d->columns));
    d->columns[to] = moved;
    return 0;
}

/* Columns that are left out on purpose: then a new one is too. */
static bool selects_all(const struct table *t)
{
    for (size_t i = 0; t != NULL && i < t->column_count; i++)
        if (!t->selected[i] && !t->columns[i].generated)
            return false;
    return true;
}

static int define(struct draft *d, const struct ddl_item *item, const char *name, int origin)
{
    struct draft_column *c = add_column(d);
    bool carried;

    if (c == NULL)
        return -1;
    d->item = (size_t)(item - d->s->items);
    c->origin = origin;
    if (origin >= 0)
        c->old_name = d->before->columns[origin].name;
    if (column_define(d, item, name, &c->c) < 0)
        return -1;
    carried = origin >= 0 && !d->before->columns[origin].generated ? d->before->selected[origin]
                                                                   : selects_all(d->before);
    c->selected = carried && !c->c.generated;
    return 0;
}

static int add_defined(struct draft *d, const struct ddl_item *item)
{
    if (item->if_not_exists && d->before != NULL && table_column(d->before, item->name) >= 0)
        return 0;
    if (define(d, item, item->name, -1) < 0)
        return -1;
    return place(d, d->column_count - 1, item);
}

/* ---- ALTER: the columns that were there ---- */

static bool is_item(const struct ddl_item *item, enum item_kind kind, const char *name)
{
    return item->kind == kind && item->name != NULL && strcasecmp(item->name, name) == 0;
}

static const struct ddl_item *item_on(const struct draft *d, enum item_kind kind, const char *name)
{
    for (size_t i = 0; i < d->s->item_count; i++)
        if (is_item(&d->s->items[i], kind, name))
            return &d->s->items[i];
    return NULL;
}

static const struct ddl_item *redefinition(const struct draft *d, const char *name)
{
    const struct ddl_item *item = item_on(d, ITEM_MODIFY_COLUMN, name);

    return item != NULL ? item : item_on(d, ITEM_CHANGE_COLUMN, name);
}

static const char *new_name_of(const struct ddl_item *item)
{
    return item->kind == ITEM_CHANGE_COLUMN ? item->new_name : item->name;
}

static int keep_column(struct draft *d, size_t origin)
{
    const struct column *was = &d->before->columns[origin];
    const struct ddl_item *renamed = item_on(d, ITEM_RENAME_COLUMN, was->name);
    struct draft_column *c = add_column(d);

    if (c == NULL || copy_column(d, was, &c->c) < 0)
        return -1;
    c->origin = (int)origin;
    c->old_name = was->name;
    c->selected = d->before->selected[origin];
    if (renamed != NULL && draft_text(d, &c->c.name, renamed->new_name) < 0)
        return -1;
    return column_convert(d, &c->c);
}

/* MariaDB: MODIFY or CHANGE of a column that the same statement adds takes its place. */
static int redefine_added(struct draft *d, const struct ddl_item *item)
{
    int at = known_column(d, new_name_of(item));

    if (at < 0 || d->columns[at].origin >= 0)
        return item->if_exists ? 0 : no_column(d, item->name);
    draft_column_done(&d->columns[at]);
    d->column_count--;
    memmove(&d->columns[at], &d->columns[at + 1],
            (d->column_count - (size_t)at) * sizeof(*d->columns));
    if (define(d, item, new_name_of(item), -1) < 0)
        return -1;
    return place(d, d->column_count - 1, item);
}

static int replace_or_move(struct draft *d, const struct ddl_item *item)
{
    int origin = table_column(d->before, item->name);

    if (origin < 0)
        return redefine_added(d, item);
    for (size_t i = 0; i < d->column_count; i++)
        if (d->columns[i].origin == origin)
            return place(d, i, item);
    return no_column(d, item->name);
}

/* First everything where it was; then what is moved, and what is new, in the order written. */
static int alter_columns(struct draft *d)
{
    for (size_t i = 0; i < d->before->column_count; i++) {
        const char *name = d->before->columns[i].name;
        const struct ddl_item *item = redefinition(d, name);

        if (item_on(d, ITEM_DROP_COLUMN, name) != NULL)
            continue;
        if (item == NULL ? keep_column(d, i) < 0 : define(d, item, new_name_of(item), (int)i) < 0)
            return -1;
    }
    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];

        if (item->kind == ITEM_COLUMN && add_defined(d, item) < 0)
            return -1;
        if ((item->kind == ITEM_MODIFY_COLUMN || item->kind == ITEM_CHANGE_COLUMN) &&
            replace_or_move(d, item) < 0)
            return -1;
    }
    return 0;
}

static void alter_visibility(struct draft *d)
{
    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];
        bool set = tokens_word(&d->s->tokens, item->definition.from, "SET");
        size_t word = item->definition.from + 1;

        for (size_t k = 0; item->kind == ITEM_ALTER_COLUMN && set && k < d->column_count; k++) {
            struct draft_column *c = &d->columns[k];

            if (c->old_name == NULL || strcasecmp(c->old_name, item->name) != 0)
                continue;
            if (tokens_word(&d->s->tokens, word, "INVISIBLE"))
                c->c.invisible = true;
            else if (tokens_word(&d->s->tokens, word, "VISIBLE"))
                c->c.invisible = false;
        }
    }
}

/* ---- what a statement names must be there ---- */

static bool has_index(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->index_count; i++)
        if (strcasecmp(t->indexes[i].name, name) == 0)
            return true;
    return false;
}

static int check_item(struct draft *d, const struct ddl_item *item)
{
    const struct table *t = d->before;

    switch (item->kind) {
    case ITEM_DROP_COLUMN:
    case ITEM_RENAME_COLUMN:
        if (!item->if_exists && table_column(t, item->name) < 0)
            return no_column(d, item->name);
        return 0;
    case ITEM_DROP_INDEX:
    case ITEM_RENAME_INDEX:
        if (!item->if_exists && !has_index(t, item->name))
            return err_set(d->err, ERR_SCHEMA_MISMATCH, "%s: %s.%s has no key %s", d->s->verb,
                           d->db, d->name, item->name);
        return 0;
    case ITEM_DROP_PRIMARY:
        if (!has_index(t, "PRIMARY"))
            return err_set(d->err, ERR_SCHEMA_MISMATCH, "%s: %s.%s has no primary key", d->s->verb,
                           d->db, d->name);
        return 0;
    case ITEM_VERSIONING:
        return err_set(d->err, ERR_NOT_SUPPORTED,
                       "%s.%s: system versioning and periods are not supported", d->db, d->name);
    case ITEM_MODIFY_COLUMN: /* may be one that is added: replace_or_move() */
    case ITEM_CHANGE_COLUMN:
    case ITEM_ALTER_COLUMN:
    case ITEM_COLUMN:
    case ITEM_INDEX:
    case ITEM_ALTER_INDEX:
    case ITEM_FOREIGN_KEY:
    case ITEM_DROP_FOREIGN_KEY: /* of a storage engine that has none */
    case ITEM_CHECK:
    case ITEM_DROP_CONSTRAINT:
    case ITEM_ALTER_CHECK:
    case ITEM_RENAME_TO:
    case ITEM_CONVERT:
    case ITEM_OPTION:
    case ITEM_ORDER_BY:
    case ITEM_NOTHING:
    case ITEM_PARTITION:
    case ITEM_EXCHANGE:
    case ITEM_TABLESPACE:
        return 0;
    }
    return 0;
}

/* ---- options ---- */

static int take_options(struct draft *d)
{
    const struct tokens *t = &d->s->tokens;
    const char *engine = d->before != NULL ? d->before->engine : NULL;

    if (draft_text(d, &d->engine, engine != NULL ? engine : "InnoDB") < 0)
        return -1;
    d->partitioned = d->before != NULL && d->before->partitioned;
    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];

        if (item->kind == ITEM_PARTITION) {
            if (tokens_word(t, item->at.from, "PARTITION"))
                d->partitioned = true;
            else if (tokens_word(t, item->at.from, "REMOVE"))
                d->partitioned = false;
        } else if (item->kind == ITEM_OPTION && tokens_word(t, item->at.from, "ENGINE")) {
            struct strbuf b = STRBUF(1024);
            int rc;

            token_unquote(&t->list[item->at.to - 1], &b);
            rc = strbuf_ok(&b) ? draft_text(d, &d->engine, strbuf_str(&b)) : draft_nomem(d);
            strbuf_done(&b);
            if (rc < 0)
                return -1;
        }
    }
    return draft_collations(d);
}

/* ---- the table ---- */

static int table_names(struct draft *d, struct table *t)
{
    const struct table *b = d->before;

    t->key = -1;
    if (draft_text(d, &t->db, d->db) < 0 || draft_text(d, &t->name, d->name) < 0 ||
        draft_text(d, &t->mapped_db, b != NULL ? b->mapped_db : d->db) < 0 ||
        draft_text(d, &t->mapped_name, b != NULL ? b->mapped_name : d->name) < 0 ||
        copy_text(d, &t->where, b != NULL ? b->where : NULL) < 0 ||
        copy_text(d, &t->create_options, b != NULL ? b->create_options : "") < 0 ||
        draft_text(d, &t->engine, d->engine) < 0 || draft_text(d, &t->collation, d->collation) < 0)
        return -1;
    t->partitioned = d->partitioned;
    if (b != NULL) {
        t->rows_estimate = b->rows_estimate;
        t->data_bytes = b->data_bytes;
        t->avg_row_bytes = b->avg_row_bytes;
        t->number = b->number;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct foreign_key *x = a, *y = b;

    return strcasecmp(x->name, y->name);
}

/* Hands the draft's parts over to a table. */
static int build(struct draft *d, struct table **ret)
{
    _cleanup_(table_freep)
    struct table *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return draft_nomem(d);
    if (d->column_count == 0)
        return err_set(d->err, ERR_DDL_UNPARSED, "%s: %s.%s would have no columns", d->s->verb,
                       d->db, d->name);
    if (table_names(d, t) < 0 || draft_build_keys(d, t) < 0)
        return -1;
    t->columns = calloc(d->column_count, sizeof(*t->columns));
    t->selected = calloc(d->column_count + 1, sizeof(*t->selected));
    if (t->columns == NULL || t->selected == NULL)
        return draft_nomem(d);
    for (size_t i = 0; i < d->column_count; i++) {
        t->columns[i] = d->columns[i].c;
        d->columns[i].c = (struct column){ 0 };
        t->selected[i] = d->columns[i].selected;
    }
    t->column_count = d->column_count;
    if (d->fk_count > 1)
        qsort(d->fks, d->fk_count, sizeof(*d->fks), by_name);
    t->fks = take_ptr(d->fks);
    t->fk_count = d->fk_count;
    d->fk_count = 0;
    if (table_finish(t, d->err) < 0)
        return -1;
    *ret = take_ptr(t);
    return 0;
}

static int keys(struct draft *d)
{
    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];

        d->item = i;
        if (item->kind == ITEM_INDEX && draft_index_item(d, item) < 0)
            return -1;
        if (item->kind == ITEM_FOREIGN_KEY && draft_fk_item(d, item) < 0)
            return -1;
    }
    return 0;
}

static int check_mode(struct draft *d)
{
    if (d->f->mariadb && (d->c->sql_mode & SQL_MODE_ORACLE) != 0)
        return err_set(d->err, ERR_NOT_SUPPORTED,
                       "%s.%s: a statement run under sql_mode ORACLE, where types mean others",
                       d->db, d->name);
    return 0;
}

/* Columns, and the keys among them in their order. */
static int create_parts(struct draft *d)
{
    if (take_options(d) < 0)
        return -1;
    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];
        int rc = 0;

        d->item = i;
        if (item->kind == ITEM_COLUMN)
            rc = add_defined(d, item);
        else if (item->kind == ITEM_INDEX)
            rc = draft_index_item(d, item);
        else if (item->kind == ITEM_FOREIGN_KEY)
            rc = draft_fk_item(d, item);
        else if (item->kind == ITEM_VERSIONING)
            rc = check_item(d, item);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* CREATE TABLE … LIKE: everything but foreign keys, names and what the rules made of the other. */
static int create_like(struct draft *d, const struct table *like, struct table **ret)
{
    static const struct ddl_statement none = { .verb = "CREATE TABLE" };
    int rc;

    d->s = &none;
    d->before = like;
    rc = take_options(d) < 0 || alter_columns(d) < 0 || draft_keep_keys(d) < 0 ? -1 : 0;
    d->before = NULL;
    for (size_t i = 0; i < d->column_count; i++)
        d->columns[i].selected = !d->columns[i].c.generated;
    return rc < 0 ? -1 : build(d, ret);
}

int evolve_create(const struct ddl_statement *s, const struct table *like,
                  const struct evolve_context *c, struct table **ret, struct err *err)
{
    struct draft d = { .s = s, .c = c, .f = c->facts, .err = err };
    int rc;

    if (s->kind != DDL_CREATE_TABLE || s->name_count != 1)
        return err_set(err, ERR_INTERNAL, "%s creates no table", s->verb);
    d.db = s->names[0].db;
    d.name = s->names[0].name;
    if (s->select.to > s->select.from)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "%s.%s: CREATE TABLE … SELECT as a statement does not tell the columns",
                       d.db, d.name);
    if (s->like.name != NULL && like == NULL)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "%s.%s is created like %s.%s, whose columns are not known here", d.db,
                       d.name, s->like.db, s->like.name);
    if (check_mode(&d) < 0)
        return -1;
    if (s->like.name != NULL)
        rc = create_like(&d, like, ret);
    else
        rc = create_parts(&d) < 0 ? -1 : build(&d, ret);
    draft_done(&d);
    return rc;
}

int evolve_alter(const struct ddl_statement *s, const struct table *before,
                 const struct evolve_context *c, struct table **ret, struct err *err)
{
    struct draft d = { .s = s,
                       .c = c,
                       .f = c->facts,
                       .before = before,
                       .db = before->db,
                       .name = before->name,
                       .err = err };
    int rc;

    if (s->kind != DDL_ALTER_TABLE && s->kind != DDL_CREATE_INDEX && s->kind != DDL_DROP_INDEX)
        return err_set(err, ERR_INTERNAL, "%s alters no table", s->verb);
    rc = check_mode(&d);
    for (size_t i = 0; i < s->item_count && rc == 0; i++)
        rc = check_item(&d, &s->items[i]);
    if (rc == 0)
        rc = take_options(&d);
    if (rc == 0)
        rc = alter_columns(&d);
    if (rc == 0) {
        alter_visibility(&d);
        rc = draft_keep_keys(&d) < 0 ? -1 : draft_keep_fks(&d);
    }
    if (rc == 0 && keys(&d) == 0)
        rc = build(&d, ret);
    else
        rc = -1;
    draft_done(&d);
    return rc;
}
