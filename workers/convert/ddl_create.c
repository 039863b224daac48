/* CREATE TABLE as a user writes it, and what ALTER TABLE shares with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/convert/ddl_priv.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

/* ---- foreign keys ---------------------------------------------------------------------------- */

static bool has_foreign_key(const struct table *t, const char *name)
{
    for (size_t i = 0; t != NULL && i < t->fk_count; i++)
        if (strcasecmp(t->fks[i].name, name) == 0)
            return true;
    return false;
}

/* What had keys before the statement; a table that is made, or made anew, had none. */
static const struct table *before_of(const struct ddl_build *d)
{
    return d->s->kind == DDL_CREATE_TABLE ? NULL : d->job->before;
}

/* The name that the source gave one over these columns: a later DROP FOREIGN KEY says it. */
static const char *foreign_key_name(const struct ddl_build *d, const char *const *columns,
                                    size_t count)
{
    const struct table *t = d->job->after;
    const char *found = NULL;

    for (size_t i = 0; t != NULL && i < t->fk_count; i++) {
        const struct foreign_key *fk = &t->fks[i];
        bool same = fk->column_count == count && !has_foreign_key(before_of(d), fk->name);

        for (size_t k = 0; same && k < count; k++)
            same = strcasecmp(fk->columns[k], columns[k]) == 0;
        if (same && found != NULL)
            return NULL; /* two of them: it can't be told which is which */
        if (same)
            found = fk->name;
    }
    return found;
}

static void foreign_key_head(const char *name, const char *const *columns, size_t count,
                             const struct renamed *parent, struct strbuf *out)
{
    if (name != NULL && name[0] != '\0') {
        strbuf_adds(out, "CONSTRAINT ");
        sql_name(out, name);
        strbuf_addc(out, ' ');
    }
    strbuf_adds(out, "FOREIGN KEY (");
    for (size_t i = 0; i < count; i++) {
        strbuf_adds(out, i > 0 ? ", " : "");
        sql_name(out, columns[i]);
    }
    strbuf_adds(out, ") REFERENCES ");
    sql_table(out, parent->db, parent->name);
}

static bool has_index(const struct table *t, const char *name)
{
    for (size_t i = 0; t != NULL && i < t->index_count; i++)
        if (strcasecmp(t->indexes[i].name, name) == 0)
            return true;
    return false;
}

static bool over_columns(const struct table *t, const struct index *x, const char *const *columns,
                         size_t count)
{
    bool same = x->column_count == count && !x->unique;

    for (size_t i = 0; same && i < count; i++)
        same = x->columns[i] < t->column_count &&
               strcasecmp(t->columns[x->columns[i]].name, columns[i]) == 0;
    return same;
}

static bool key_is_written(const struct ddl_build *d, const char *const *columns, size_t count)
{
    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];
        bool same = item->kind == ITEM_INDEX && item->part_count >= count;

        for (size_t k = 0; same && k < count; k++)
            same =
                item->parts[k].column != NULL && strcasecmp(item->parts[k].column, columns[k]) == 0;
        if (same)
            return true;
    }
    return false;
}

/*
 * A foreign key without a name makes an index that is called by its column; with one, by the
 * constraint. Since the name is written out here, so is the index: "KEY `a` (`a`), ".
 */
static void implied_index(struct builder *b, const char *const *columns, size_t count,
                          struct strbuf *out)
{
    const struct ddl_build *d = b->context;
    const struct table *t = d->job->after;

    for (size_t i = 0; t != NULL && i < t->index_count; i++) {
        const struct index *x = &t->indexes[i];

        if (!over_columns(t, x, columns, count) || has_index(before_of(d), x->name) ||
            key_is_written(d, columns, count))
            continue;
        strbuf_adds(out, "KEY ");
        sql_name(out, x->name);
        for (size_t k = 0; k < count; k++) {
            strbuf_adds(out, k > 0 ? ", " : " (");
            sql_name(out, columns[k]);
        }
        strbuf_addf(out, ")%s", b->between);
        return;
    }
}

/* The statement's own table may not be in `names` yet. */
static const struct renamed *parent_of(struct ddl_build *d, const char *db, const char *name,
                                       struct renamed *own)
{
    const struct ddl_name *n = &d->s->names[0];
    const struct renamed *found = ddl_lookup(d, db, name);

    if (found == NULL && strcmp(n->db, db) == 0 && strcmp(n->name, name) == 0) {
        own->db = (char *)(uintptr_t)d->job->targets[0].db;
        own->name = (char *)(uintptr_t)d->job->targets[0].name;
        return own;
    }
    if (found == NULL || found->name == NULL)
        ddl_left_out(d, "left out: a foreign key to %s.%s, which is not in the selection", db,
                     name);
    return found == NULL || found->name == NULL ? NULL : found;
}

bool ddl_foreign_key(struct ddl_build *d, struct builder *b, const struct ddl_item *item,
                     struct strbuf *out)
{
    _cleanup_(freep)
    const char **columns = calloc(item->part_count + 1, sizeof(*columns));
    struct renamed own = { 0 };
    const struct renamed *parent = parent_of(d, item->rename.db, item->rename.name, &own);
    const char *name = item->name;

    if (columns == NULL || item->ref_columns == NULL)
        b->failed = true;
    if (columns == NULL || parent == NULL || b->failed)
        return false;
    for (size_t i = 0; i < item->part_count; i++) {
        columns[i] = item->parts[i].column == NULL ? "" : item->parts[i].column;
        if (builder_carried(b, columns[i]))
            continue;
        ddl_left_out(d, "left out: a foreign key over column %s, which is not selected",
                     columns[i]);
        return false;
    }
    if (name == NULL && (name = foreign_key_name(d, columns, item->part_count)) != NULL)
        implied_index(b, columns, item->part_count, out);
    foreign_key_head(name, columns, item->part_count, parent, out);
    for (size_t i = 0; i < item->part_count; i++) {
        strbuf_adds(out, i > 0 ? ", " : " (");
        sql_name(out, item->ref_columns[i]);
    }
    strbuf_addc(out, ')');
    if (item->on_delete != NULL)
        strbuf_addf(out, " ON DELETE %s", item->on_delete);
    if (item->on_update != NULL)
        strbuf_addf(out, " ON UPDATE %s", item->on_update);
    return true;
}

/* A column's REFERENCES: MariaDB from 10.5 and MySQL from 9.0 on make a foreign key of it, others
 * read it and forget it. */
static void column_references(struct builder *b, const char *column, size_t from, size_t to)
{
    struct ddl_build *d = b->context;
    const struct dialect *s = d->job->from;
    bool qualified = tokens_punct(b->t, from + 2, '.');
    _cleanup_(freep)
    char *db = qualified ? tokens_name(b->t, from + 1)
                         : strdup(d->job->default_db == NULL ? "" : d->job->default_db);
    _cleanup_(freep)
    char *name = tokens_name(b->t, from + (qualified ? 3 : 1));
    struct renamed own = { 0 };
    const struct renamed *parent;
    size_t i = from + (qualified ? 4 : 2);

    if (s->version < (map_is_mariadb(s) ? 100500U : 90000U))
        return;
    if (db == NULL || name == NULL) {
        b->failed = true;
        return;
    }
    parent = parent_of(d, db, name, &own);
    if (parent == NULL)
        return;
    strbuf_adds(&b->checks, b->between);
    implied_index(b, &column, 1, &b->checks);
    foreign_key_head(foreign_key_name(d, &column, 1), &column, 1, parent, &b->checks);
    strbuf_addc(&b->checks, ' ');
    if (tokens_punct(b->t, i, '('))
        tokens_emit(b->t, i, tokens_close(b->t, i) + 1, &b->checks);
    else
        ddl_refuse(d, "column %s: REFERENCES without a column is not carried; name the column",
                   column);
    for (; i < to; i++) {
        if (!tokens_word(b->t, i, "ON"))
            continue;
        strbuf_addc(&b->checks, ' ');
        tokens_emit(
            b->t, i,
            MIN(to,
                i + (tokens_word(b->t, i + 2, "SET") || tokens_word(b->t, i + 2, "NO") ? 4 : 3)),
            &b->checks);
    }
}

/* ---- shared ---------------------------------------------------------------------------------- */

void ddl_builder(struct ddl_build *d, struct create_job *job, const struct table *table,
                 struct builder *ret)
{
    *job = (struct create_job){ .table = table,
                                .from = d->job->from,
                                .to = d->job->to,
                                .collations = d->job->collations,
                                .overrides = d->job->collation_overrides,
                                .with_indexes = true };
    *ret = (struct builder){ .job = job,
                             .t = &d->t,
                             .notes = d->notes,
                             .items = STRBUF(STATEMENT_MAX),
                             .checks = STRBUF(STATEMENT_MAX),
                             .partitioned = table->partitioned,
                             .user_text = true,
                             .by_selected = true,
                             .implicit_timestamps = d->job->implicit_timestamps,
                             .between = ",\n  ",
                             .references = column_references,
                             .context = d };
    builder_object(ret, NULL, NULL);
}

void ddl_builder_done(struct builder *b)
{
    strbuf_done(&b->items);
    strbuf_done(&b->checks);
}

static bool same_parts(const struct table *t, const struct index *x, const struct ddl_item *item)
{
    if (x->column_count != item->part_count || x->primary != (item->key == KEY_PRIMARY) ||
        x->unique != (item->key == KEY_UNIQUE || item->key == KEY_PRIMARY))
        return false;
    for (size_t i = 0; i < item->part_count; i++)
        if (item->parts[i].column == NULL || x->columns[i] >= t->column_count ||
            strcasecmp(t->columns[x->columns[i]].name, item->parts[i].column) != 0)
            return false;
    return true;
}

/* Is the name one that the statement writes for another key? */
static bool is_written(const struct ddl_build *d, const char *name)
{
    for (size_t i = 0; i < d->s->item_count; i++)
        if (d->s->items[i].kind == ITEM_INDEX && d->s->items[i].name != NULL &&
            strcasecmp(d->s->items[i].name, name) == 0)
            return true;
    return false;
}

const char *ddl_index_name(const struct ddl_build *d, const struct ddl_item *item)
{
    const struct table *t = d->job->after;
    const char *found = NULL;

    if (item->name != NULL || item->key == KEY_PRIMARY)
        return item->name;
    for (size_t i = 0; t != NULL && i < t->index_count; i++) {
        const struct index *x = &t->indexes[i];

        if (!same_parts(t, x, item) || has_index(before_of(d), x->name) || is_written(d, x->name))
            continue;
        if (found != NULL)
            return NULL;
        found = x->name;
    }
    return found;
}

/* ---- CREATE TABLE ---------------------------------------------------------------------------- */

static void column_item(struct ddl_build *d, struct builder *b, const struct ddl_item *item)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(STATEMENT_MAX);
    int at = item->name == NULL ? -1 : table_column(d->job->after, item->name);

    if (at < 0) {
        b->failed = true;
        return;
    }
    if (!builder_carried(b, item->name))
        return;
    build_column_definition(b, &d->job->after->columns[at], item->definition.from,
                            item->definition.to, &out);
    builder_add_item(b, &out);
}

static void key_item(struct ddl_build *d, struct builder *b, const struct ddl_item *item)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(STATEMENT_MAX);
    char given[OBJECT_MAX];
    bool kept = false;

    if (item->kind == ITEM_INDEX) {
        kept = build_user_index(b, item, ddl_index_name(d, item), &out);
    } else if (item->kind == ITEM_FOREIGN_KEY) {
        kept = ddl_foreign_key(d, b, item, &out);
    } else if (item->kind == ITEM_CHECK) {
        kept = build_check(b, item->name != NULL ? item->name : builder_check_name(b, given),
                           item->at.from, item->at.to, &out);
    } else if (tokens_word(b->t, item->at.from, "PERIOD")) {
        kept = builder_feature(b, F_PERIOD);
        tokens_emit(b->t, item->at.from, item->at.to, &out);
    } else {
        ddl_refuse(d, "system versioning is not carried; leave it out of the statement "
                      "(ReplaceDdl), or leave the table out");
    }
    if (kept)
        builder_add_item(b, &out);
}

static void option_item(struct builder *b, const struct ddl_item *item, struct strbuf *tail)
{
    if (item->charset != NULL || item->collation != NULL)
        return; /* written out at the end */
    for (size_t i = item->at.from; i < item->at.to;)
        i = build_option(b, i, item->at.to, tail);
}

static void engine_of_catalog(struct ddl_build *d, struct builder *b, struct strbuf *tail)
{
    const char *engine = d->job->after->engine;

    if (b->engine != NULL || engine == NULL || engine[0] == '\0')
        return;
    b->engine = map_engine(d->job->to, engine, b->partitioned);
    if (b->engine != NULL)
        strbuf_addf(tail, " ENGINE=%s", b->engine);
    else
        ddl_refuse(d, "the engine %s is not carried", engine);
}

static void all_items(struct ddl_build *d, struct builder *b, struct strbuf *tail)
{
    const struct ddl_item *partition = NULL;

    for (size_t i = 0; i < d->s->item_count; i++)
        if (d->s->items[i].kind == ITEM_PARTITION)
            partition = &d->s->items[i];
    b->partitioned = partition != NULL;
    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];

        if (item->kind == ITEM_COLUMN)
            column_item(d, b, item);
        else if (item->kind == ITEM_OPTION)
            option_item(b, item, tail);
        else if (item->kind == ITEM_INDEX || item->kind == ITEM_FOREIGN_KEY ||
                 item->kind == ITEM_CHECK || item->kind == ITEM_VERSIONING)
            key_item(d, b, item);
    }
    engine_of_catalog(d, b, tail);
    build_default_collation(
        b, d->job->table_collation != NULL ? d->job->table_collation : d->job->after->collation,
        tail);
    if (partition != NULL) {
        strbuf_addc(tail, '\n');
        build_partitions(b, partition->at.from, partition->at.to, tail);
    }
}

/* MySQL has no OR REPLACE: two statements. */
static int head(struct ddl_build *d, struct strbuf *sql)
{
    bool replace = d->s->or_replace && map_is_mariadb(d->job->to);

    if (d->s->or_replace && !replace) {
        _cleanup_(strbuf_done)
        struct strbuf drop = STRBUF(4096);

        strbuf_adds(&drop, "DROP TABLE IF EXISTS ");
        sql_table(&drop, d->job->targets[0].db, d->job->targets[0].name);
        if (ddl_push(d, &drop) < 0)
            return -1;
    }
    strbuf_adds(sql, replace ? "CREATE OR REPLACE TABLE " : "CREATE TABLE ");
    strbuf_adds(sql, d->s->if_not_exists ? "IF NOT EXISTS " : "");
    sql_table(sql, d->job->targets[0].db, d->job->targets[0].name);
    return 0;
}

static int create_like(struct ddl_build *d)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    const struct renamed *like = ddl_lookup(d, d->s->like.db, d->s->like.name);

    if (like == NULL || like->name == NULL) {
        ddl_refuse(d,
                   "it is made LIKE %s.%s, which is not in the selection; give a CREATE TABLE with "
                   "its columns (ReplaceDdl)",
                   d->s->like.db, d->s->like.name);
        return 0;
    }
    if (head(d, &sql) < 0)
        return -1;
    strbuf_adds(&sql, " LIKE ");
    sql_table(&sql, like->db, like->name);
    return ddl_push(d, &sql);
}

static int create_columns(struct ddl_build *d)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX);
    _cleanup_(strbuf_done)
    struct strbuf tail = STRBUF(STATEMENT_MAX);
    struct create_job job;
    struct builder b;

    ddl_builder(d, &job, d->job->after, &b);
    /* another lineage would number them its own way; MySQL wants names unique in a database */
    if (!map_is_mariadb(d->job->from) && map_is_mariadb(d->job->to))
        b.check_table = d->s->names[0].name;
    all_items(d, &b, &tail);
    if (head(d, &sql) < 0) {
        ddl_builder_done(&b);
        return -1;
    }
    strbuf_adds(&sql, " (");
    strbuf_add(&sql, strbuf_str(&b.items), b.items.len);
    strbuf_add(&sql, strbuf_str(&b.checks), b.checks.len);
    strbuf_adds(&sql, "\n)");
    strbuf_add(&sql, strbuf_str(&tail), tail.len);
    if (!strbuf_ok(&b.items) || !strbuf_ok(&b.checks) || !strbuf_ok(&tail))
        sql.failed = true;
    ddl_builder_done(&b);
    if (b.failed)
        return err_set(d->err, ERR_SCHEMA_CONVERT,
                       "%s: the statement does not fit the table's structure", d->object);
    return ddl_push(d, &sql);
}

/* IF NOT EXISTS is in the binlog too where it did nothing: the table then is another one. */
static bool existed(const struct ddl_build *d)
{
    bool differs = d->job->before != NULL;

    if (!d->s->if_not_exists || d->s->or_replace)
        return false;
    for (size_t i = 0; i < d->s->item_count; i++)
        differs = differs || (d->s->items[i].kind == ITEM_COLUMN && d->s->items[i].name != NULL &&
                              table_column(d->job->after, d->s->items[i].name) < 0);
    return differs;
}

int ddl_create(struct ddl_build *d)
{
    if (d->s->like.name != NULL)
        return create_like(d);
    if (d->s->select.from < d->s->select.to) {
        ddl_refuse(d,
                   "CREATE TABLE … SELECT as a statement can't be repeated at the target; give a "
                   "CREATE TABLE with its columns (ReplaceDdl)");
        return 0;
    }
    if (d->job->after == NULL) {
        ddl_refuse(d, "its structure is not known");
        return 0;
    }
    if (existed(d)) {
        ddl_left_out(d, "left out: CREATE TABLE IF NOT EXISTS of a table that exists already");
        return 0;
    }
    return create_columns(d);
}
