/* ALTER TABLE, CREATE INDEX and DROP INDEX, item by item. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/convert/ddl_priv.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

struct alter {
    struct ddl_build *d;
    struct create_job job, old_job;
    struct builder b;    /* over the table as the statement leaves it */
    struct builder old;  /* over the table before */
    struct strbuf list;  /* what stands between commas */
    struct strbuf last;  /* ORDER BY, partitions: behind all others */
    bool collation_done; /* CHARSET and COLLATE are two items */
    const struct ddl_item *rename;
};

static void comma(struct alter *a)
{
    strbuf_adds(&a->list, a->list.len > 0 ? ", " : "");
}

/* "DROP COLUMN [IF EXISTS] `name`": the words may be MariaDB's only. */
static void named(struct alter *a, const char *words, bool if_exists, const char *name)
{
    comma(a);
    strbuf_adds(&a->list, words);
    if (if_exists && map_is_mariadb(a->d->job->to))
        strbuf_adds(&a->list, " IF EXISTS");
    strbuf_addc(&a->list, ' ');
    sql_name(&a->list, name);
}

/*
 * MySQL has no IF [NOT] EXISTS inside ALTER TABLE: what the source had before tells whether the
 * item did anything. True: it did nothing, and is left out.
 */
static bool without_effect(const struct alter *a, bool said, bool there, bool wanted)
{
    return said && !map_is_mariadb(a->d->job->to) && there != wanted;
}

/* MariaDB's and MySQL's words for newer things; false: refused. */
static bool has_version(struct alter *a, unsigned mysql, unsigned mariadb, const char *what)
{
    const struct dialect *to = a->d->job->to;

    if (to->version >= (map_is_mariadb(to) ? mariadb : mysql))
        return true;
    ddl_refuse(a->d,
               "the target (%s %u.%u) does not know %s; give statements that do the same "
               "(ReplaceDdl)",
               flavour_name(to->flavour), to->version / 10000, to->version / 100 % 100, what);
    return false;
}

/* ---- columns --------------------------------------------------------------------------------- */

/* AFTER a column that is not carried is behind the nearest one before it that is. */
static void place(struct alter *a, const struct ddl_item *item)
{
    const struct table *t = a->d->job->after;
    int at = item->after == NULL ? -1 : table_column(t, item->after);

    while (at >= 0 && !builder_carried(&a->b, t->columns[at].name))
        at--;
    if (item->first || (item->after != NULL && at < 0)) {
        strbuf_adds(&a->list, " FIRST");
    } else if (item->after != NULL) {
        strbuf_adds(&a->list, " AFTER ");
        sql_name(&a->list, t->columns[at].name);
    }
}

static void column_text(struct alter *a, const struct ddl_item *item, const char *name)
{
    int at = table_column(a->d->job->after, name);

    if (at < 0) {
        a->b.failed = true;
        return;
    }
    build_column_definition(&a->b, &a->d->job->after->columns[at], item->definition.from,
                            item->definition.to, &a->list);
    place(a, item);
    strbuf_add(&a->list, strbuf_str(&a->b.checks), a->b.checks.len);
    strbuf_reset(&a->b.checks);
}

static bool column_carried(struct alter *a, const struct builder *b, const char *name)
{
    if (builder_carried(b, name))
        return true;
    ddl_left_out(a->d, "left out: the change of column %s, which is not selected", name);
    return false;
}

static void add_column(struct alter *a, const struct ddl_item *item)
{
    bool there = table_column(a->d->job->before, item->name) >= 0;

    if (!column_carried(a, &a->b, item->name) ||
        without_effect(a, item->if_not_exists, there, false))
        return;
    comma(a);
    strbuf_adds(&a->list, "ADD COLUMN ");
    if (item->if_not_exists && map_is_mariadb(a->d->job->to))
        strbuf_adds(&a->list, "IF NOT EXISTS ");
    column_text(a, item, item->name);
}

static void change_column(struct alter *a, const struct ddl_item *item)
{
    bool there = table_column(a->d->job->before, item->name) >= 0;
    const char *name = item->kind == ITEM_CHANGE_COLUMN ? item->new_name : item->name;

    if (item->if_exists && !there)
        return;
    if (!column_carried(a, &a->b, name))
        return;
    if (item->kind == ITEM_CHANGE_COLUMN) {
        named(a, "CHANGE COLUMN", item->if_exists, item->name);
        strbuf_addc(&a->list, ' ');
    } else {
        comma(a);
        strbuf_adds(&a->list, "MODIFY COLUMN ");
        if (item->if_exists && map_is_mariadb(a->d->job->to))
            strbuf_adds(&a->list, "IF EXISTS ");
    }
    column_text(a, item, name);
}

static void drop_column(struct alter *a, const struct ddl_item *item)
{
    bool there = table_column(a->d->job->before, item->name) >= 0;

    if (!column_carried(a, &a->old, item->name) || without_effect(a, item->if_exists, there, true))
        return;
    named(a, "DROP COLUMN", item->if_exists, item->name);
}

static void rename_column(struct alter *a, const struct ddl_item *item)
{
    bool there = table_column(a->d->job->before, item->name) >= 0;

    if (!column_carried(a, &a->old, item->name) ||
        without_effect(a, item->if_exists, there, true) ||
        !has_version(a, 80003, 100502, "RENAME COLUMN"))
        return;
    named(a, "RENAME COLUMN", item->if_exists, item->name);
    strbuf_adds(&a->list, " TO ");
    sql_name(&a->list, item->new_name);
}

/* SET DEFAULT …, DROP DEFAULT, SET [IN]VISIBLE */
static void alter_column(struct alter *a, const struct ddl_item *item)
{
    const struct tokens *t = &a->d->t;
    size_t i = item->definition.from;
    int at = table_column(a->d->job->after, item->name);

    if (item->if_exists && table_column(a->d->job->before, item->name) < 0)
        return;
    if (at < 0) {
        a->b.failed = true;
        return;
    }
    if (!column_carried(a, &a->b, item->name))
        return;
    if (!tokens_word(t, i + 1, "DEFAULT")) { /* MySQL 8.0.23: SET VISIBLE, SET INVISIBLE */
        if (map_is_mariadb(a->d->job->to) || a->d->job->to->version < 80023) {
            ddl_refuse(a->d,
                       "the target can't change whether column %s is visible by itself; give a "
                       "MODIFY COLUMN with its whole definition (ReplaceDdl)",
                       item->name);
            return;
        }
        named(a, "ALTER COLUMN", false, item->name);
        strbuf_adds(&a->list,
                    tokens_word(t, i + 1, "INVISIBLE") ? " SET INVISIBLE" : " SET VISIBLE");
        return;
    }
    named(a, "ALTER COLUMN", item->if_exists, item->name);
    if (tokens_word(t, i, "DROP")) {
        strbuf_adds(&a->list, " DROP DEFAULT");
        return;
    }
    strbuf_adds(&a->list, " SET");
    builder_object(&a->b, "column", item->name);
    (void)build_column_default(&a->b, &a->d->job->after->columns[at], i + 1, item->definition.to,
                               &a->list);
    builder_object(&a->b, NULL, NULL);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static const struct index *index_before(const struct alter *a, const char *name)
{
    const struct table *t = a->d->job->before;

    for (size_t i = 0; name != NULL && i < t->index_count; i++)
        if (strcasecmp(t->indexes[i].name, name) == 0)
            return &t->indexes[i];
    return NULL;
}

/* An index over a column that is not carried was never made at the target. */
static bool index_carried(struct alter *a, const char *name)
{
    const struct index *x = index_before(a, name);

    for (size_t i = 0; x != NULL && i < x->column_count; i++) {
        const struct table *t = a->d->job->before;

        if (x->columns[i] >= t->column_count ||
            builder_carried(&a->old, t->columns[x->columns[i]].name))
            continue;
        ddl_left_out(a->d,
                     "left out: the change of index %s, which has a column that is not selected",
                     name);
        return false;
    }
    return true;
}

static void add_index(struct alter *a, const struct ddl_item *item)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(STATEMENT_MAX);
    const char *name = ddl_index_name(a->d, item);
    bool there = index_before(a, item->key == KEY_PRIMARY ? "PRIMARY" : name) != NULL;

    if ((item->if_not_exists && there) || !build_user_index(&a->b, item, name, &out))
        return; /* what the source had before tells whether IF NOT EXISTS did anything */
    if (a->d->s->or_replace && name != NULL && there) /* MariaDB: CREATE OR REPLACE INDEX */
        named(a, "DROP INDEX", false, name);
    comma(a);
    strbuf_adds(&a->list, "ADD ");
    strbuf_add(&a->list, strbuf_str(&out), out.len);
}

static void drop_index(struct alter *a, const struct ddl_item *item)
{
    if (!index_carried(a, item->name) ||
        without_effect(a, item->if_exists, index_before(a, item->name) != NULL, true))
        return;
    named(a, "DROP INDEX", item->if_exists, item->name);
}

static void rename_index(struct alter *a, const struct ddl_item *item)
{
    if (!index_carried(a, item->name) ||
        without_effect(a, item->if_exists, index_before(a, item->name) != NULL, true) ||
        !has_version(a, 50700, 100502, "RENAME INDEX"))
        return;
    named(a, "RENAME INDEX", item->if_exists, item->name);
    strbuf_adds(&a->list, " TO ");
    sql_name(&a->list, item->new_name);
}

/* VISIBLE, INVISIBLE; MariaDB: [NOT] IGNORED */
static void alter_index(struct alter *a, const struct ddl_item *item)
{
    size_t i = item->definition.from;
    bool hidden = tokens_word(&a->d->t, i, "INVISIBLE") || tokens_word(&a->d->t, i, "IGNORED");

    if (!index_carried(a, item->name) ||
        without_effect(a, item->if_exists, index_before(a, item->name) != NULL, true) ||
        !builder_feature(&a->b, F_INVISIBLE_INDEX))
        return;
    named(a, "ALTER INDEX", item->if_exists, item->name);
    if (map_is_mariadb(a->d->job->to))
        strbuf_adds(&a->list, hidden ? " IGNORED" : " NOT IGNORED");
    else
        strbuf_adds(&a->list, hidden ? " INVISIBLE" : " VISIBLE");
}

/* ---- constraints ----------------------------------------------------------------------------- */

static const struct foreign_key *foreign_before(const struct alter *a, const char *name)
{
    const struct table *t = a->d->job->before;

    for (size_t i = 0; name != NULL && i < t->fk_count; i++)
        if (strcasecmp(t->fks[i].name, name) == 0)
            return &t->fks[i];
    return NULL;
}

static void add_foreign_key(struct alter *a, const struct ddl_item *item)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(STATEMENT_MAX);

    if (item->if_not_exists &&
        foreign_before(a, item->name != NULL ? item->name : item->new_name) != NULL)
        return;
    if (!ddl_foreign_key(a->d, &a->b, item, &out))
        return;
    comma(a);
    strbuf_adds(&a->list, "ADD ");
    strbuf_add(&a->list, strbuf_str(&out), out.len);
}

/* One to a table outside the selection, or over columns left out, was never made at the target. */
static bool foreign_carried(struct alter *a, const struct foreign_key *fk)
{
    const struct renamed *parent = ddl_lookup(a->d, fk->ref_db, fk->ref_table);
    const struct ddl_name *own = &a->d->s->names[0];
    bool carried = (parent != NULL && parent->name != NULL) ||
                   (strcmp(own->db, fk->ref_db) == 0 && strcmp(own->name, fk->ref_table) == 0);

    for (size_t i = 0; i < fk->column_count; i++)
        carried = carried && builder_carried(&a->old, fk->columns[i]);
    if (!carried)
        ddl_left_out(a->d, "left out: the drop of foreign key %s, which the target does not have",
                     fk->name);
    return carried;
}

static void drop_foreign_key(struct alter *a, const struct ddl_item *item)
{
    const struct foreign_key *fk = foreign_before(a, item->name);

    if ((fk != NULL && !foreign_carried(a, fk)) ||
        without_effect(a, item->if_exists, fk != NULL, true))
        return;
    named(a, "DROP FOREIGN KEY", item->if_exists, item->name);
}

/* Is it a name that the source's server gives by itself: t_chk_1, CONSTRAINT_1? */
static bool is_given_name(const struct alter *a, const char *name)
{
    const char *word = map_is_mariadb(a->d->job->from) ? "CONSTRAINT_" : "_chk_";
    size_t digits = strlen(name), len = strlen(word);

    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9')
        digits--;
    return name[digits] != '\0' && digits >= len && strncmp(name + digits - len, word, len) == 0;
}

/*
 * A CHECK that got its name from the source's server was numbered by the target's, which counts
 * only what it has: where something was left out, the number may be another one's there.
 */
static bool may_be_another(struct alter *a, const char *name)
{
    const struct table *t = a->d->job->before;

    if (!is_given_name(a, name) || map_is_mariadb(a->d->job->from) != map_is_mariadb(a->d->job->to))
        return false;
    for (size_t i = 0; i < t->column_count; i++) {
        if (builder_carried(&a->old, t->columns[i].name))
            continue;
        ddl_refuse(a->d,
                   "CHECK %s got its name from the server, and the table has columns that are not "
                   "selected: the target may have given the name to another CHECK; drop the right "
                   "one there (ReplaceDdl)",
                   name);
        return true;
    }
    return false;
}

/*
 * DROP CONSTRAINT of a CHECK. Some are left out at MariaDB: NOT ENFORCED ones, those over columns
 * left out; where it is there, it is there under a name that a person gave. Under one that the
 * source's server gave, it may be there under another: then the target has to say so.
 */
static void drop_check(struct alter *a, const struct ddl_item *item)
{
    const struct dialect *to = a->d->job->to;

    if (may_be_another(a, item->name))
        return;
    named(a, !map_is_mariadb(to) && to->version < 80019 ? "DROP CHECK" : "DROP CONSTRAINT",
          item->if_exists || !is_given_name(a, item->name), item->name);
}

/* DROP CONSTRAINT is older than itself: what has the name tells which words every target takes. */
static void drop_constraint(struct alter *a, const struct ddl_item *item)
{
    const struct index *x = index_before(a, item->name);

    if (foreign_before(a, item->name) != NULL) {
        drop_foreign_key(a, item);
    } else if (x != NULL && x->primary) {
        comma(a);
        strbuf_adds(&a->list, "DROP PRIMARY KEY");
    } else if (x != NULL) {
        drop_index(a, item);
    } else if (!map_has(a->d->job->from, F_CHECK)) {
        return;
    } else if (!builder_feature(&a->b, F_CHECK)) {
        return; /* it was left out when it was made */
    } else {
        drop_check(a, item);
    }
}

static void add_check(struct alter *a, const struct ddl_item *item)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(STATEMENT_MAX);

    if (!build_check(&a->b, item->name, item->at.from, item->at.to, &out))
        return;
    comma(a);
    strbuf_adds(&a->list, "ADD ");
    strbuf_add(&a->list, strbuf_str(&out), out.len);
}

static void alter_check(struct alter *a, const struct ddl_item *item)
{
    bool off = tokens_word(&a->d->t, item->definition.from, "NOT");

    if (map_has(a->d->job->to, F_NOT_ENFORCED)) {
        if (may_be_another(a, item->name))
            return;
        named(a, a->d->job->to->version < 80019 ? "ALTER CHECK" : "ALTER CONSTRAINT", false,
              item->name);
        strbuf_adds(&a->list, off ? " NOT ENFORCED" : " ENFORCED");
    } else if (!map_has(a->d->job->to, F_CHECK)) {
        return;
    } else if (off) { /* MariaDB enforces what it has */
        drop_check(a, item);
        ddl_left_out(a->d, "left out: CHECK %s, which is no longer enforced", item->name);
    } else {
        ddl_refuse(a->d,
                   "CHECK %s is to be enforced again, but the target has it no more; give an ADD "
                   "CONSTRAINT with its condition (ReplaceDdl)",
                   item->name);
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

static void collation(struct alter *a, const char *words)
{
    char name[MAP_NAME_MAX];
    const char *source = a->d->job->after->collation;

    if (source == NULL) {
        a->b.failed = true;
        return;
    }
    if (a->collation_done || !create_collation(&a->job, a->d->object, source, name, a->d->notes))
        return;
    comma(a);
    strbuf_addf(&a->list, "%s ", words);
    create_collation_text(name, &a->list);
    a->collation_done = true;
}

static void option(struct alter *a, const struct ddl_item *item)
{
    _cleanup_(strbuf_done)
    struct strbuf out = STRBUF(STATEMENT_MAX);

    if (item->charset != NULL || item->collation != NULL) {
        collation(a, "DEFAULT");
        return;
    }
    for (size_t i = item->at.from; i < item->at.to;)
        i = build_option(&a->b, i, item->at.to, &out);
    if (out.len == 0)
        return;
    comma(a);
    strbuf_adds(&a->list, strbuf_str(&out) + 1); /* it begins with a blank */
    if (!strbuf_ok(&out))
        a->b.failed = true;
}

static void order_by(struct alter *a, const struct ddl_item *item)
{
    if (!builder_names_carried(&a->b, item->at.from, item->at.to)) {
        ddl_left_out(a->d, "left out: ORDER BY a column that is not selected");
        return;
    }
    comma(a);
    for (size_t i = item->at.from; i < item->at.to; i++) {
        strbuf_adds(&a->list, i > item->at.from && a->d->t.list[i].space_before ? " " : "");
        builder_token(&a->b, i, &a->list);
    }
}

/* Words that read or rebuild partitions, and change neither rows nor structure. */
static bool is_maintenance(const struct tokens *t, size_t i)
{
    static const char *const words[] = { "ANALYZE", "CHECK",   "OPTIMIZE",
                                         "REPAIR",  "REBUILD", "UPGRADE" };

    for (size_t k = 0; k < ARRAY_SIZE(words); k++)
        if (tokens_word(t, i, words[k]))
            return true;
    return false;
}

static void partitions(struct alter *a, const struct ddl_item *item)
{
    const struct tokens *t = &a->d->t;
    size_t from = item->at.from;
    bool whole = tokens_word(t, from, "PARTITION") || tokens_word(t, from, "REMOVE");
    const char *engine = a->d->job->after->engine;

    if (is_maintenance(t, from))
        return;
    for (size_t i = from; i < item->at.to; i++)
        if (tokens_word(t, i, "SYSTEM_TIME"))
            ddl_refuse(a->d, "partitions by SYSTEM_TIME are not carried");
    a->b.partitioned = !tokens_word(t, from, "REMOVE");
    if (a->b.engine == NULL && engine != NULL && engine[0] != '\0')
        a->b.engine = map_engine(a->d->job->to, engine, a->b.partitioned);
    if (!whole && a->list.len > 0)
        strbuf_adds(&a->last, ",");
    strbuf_addc(&a->last, ' ');
    /* [ADD | DROP] PARTITION IF [NOT] EXISTS is MariaDB's; MySQL then says what is wrong */
    if (tokens_word(t, from + 2, "IF") && !map_is_mariadb(a->d->job->to)) {
        tokens_emit(t, from, from + 2, &a->last);
        strbuf_addc(&a->last, ' ');
        from += tokens_word(t, from + 3, "NOT") ? 5 : 4;
    }
    build_partitions(&a->b, from, item->at.to, &a->last);
}

static void versioning(struct alter *a, const struct ddl_item *item)
{
    if (!tokens_word(&a->d->t, item->at.from + 1, "PERIOD")) {
        ddl_refuse(a->d, "system versioning is not carried; SkipDdl leaves it out");
        return;
    }
    if (!builder_feature(&a->b, F_PERIOD))
        return;
    comma(a);
    tokens_emit(&a->d->t, item->at.from, item->at.to, &a->list);
}

static void one_table_item(struct alter *a, const struct ddl_item *item)
{
    switch (item->kind) {
    case ITEM_RENAME_TO:
        a->rename = item;
        break;
    case ITEM_CONVERT:
        collation(a, "CONVERT TO");
        break;
    case ITEM_OPTION:
        option(a, item);
        break;
    case ITEM_ORDER_BY:
        order_by(a, item);
        break;
    case ITEM_PARTITION:
        partitions(a, item);
        break;
    case ITEM_EXCHANGE:
        ddl_refuse(a->d,
                   "it moves rows between tables without row events; do the same at the target "
                   "(ReplaceDdl) where both tables are there and equal, or copy the table anew");
        break;
    case ITEM_TABLESPACE:
        ddl_refuse(a->d,
                   "it replaces a table's rows by a file of the source's disk; the table has to "
                   "be copied anew in a project of its own");
        break;
    case ITEM_VERSIONING:
        versioning(a, item);
        break;
    default: /* ITEM_NOTHING; the others are one_item()'s */
        break;
    }
}

static void one_item(struct alter *a, const struct ddl_item *item)
{
    switch (item->kind) {
    case ITEM_COLUMN:
        add_column(a, item);
        break;
    case ITEM_MODIFY_COLUMN:
    case ITEM_CHANGE_COLUMN:
        change_column(a, item);
        break;
    case ITEM_DROP_COLUMN:
        drop_column(a, item);
        break;
    case ITEM_RENAME_COLUMN:
        rename_column(a, item);
        break;
    case ITEM_ALTER_COLUMN:
        alter_column(a, item);
        break;
    case ITEM_INDEX:
        add_index(a, item);
        break;
    case ITEM_DROP_INDEX:
        drop_index(a, item);
        break;
    case ITEM_DROP_PRIMARY:
        comma(a);
        strbuf_adds(&a->list, "DROP PRIMARY KEY");
        break;
    case ITEM_RENAME_INDEX:
        rename_index(a, item);
        break;
    case ITEM_ALTER_INDEX:
        alter_index(a, item);
        break;
    case ITEM_FOREIGN_KEY:
        add_foreign_key(a, item);
        break;
    case ITEM_DROP_FOREIGN_KEY:
        drop_foreign_key(a, item);
        break;
    case ITEM_CHECK:
        add_check(a, item);
        break;
    case ITEM_DROP_CONSTRAINT:
        drop_constraint(a, item);
        break;
    case ITEM_ALTER_CHECK:
        alter_check(a, item);
        break;
    case ITEM_RENAME_TO:
    case ITEM_CONVERT:
    case ITEM_OPTION:
    case ITEM_ORDER_BY:
    case ITEM_NOTHING:
    case ITEM_PARTITION:
    case ITEM_EXCHANGE:
    case ITEM_TABLESPACE:
    case ITEM_VERSIONING:
        one_table_item(a, item);
        break;
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int push_alter(struct alter *a)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX);

    if (a->list.len == 0 && a->last.len == 0)
        return 0;
    strbuf_adds(&sql, "ALTER TABLE ");
    if (a->d->s->if_exists && a->d->s->kind == DDL_ALTER_TABLE && map_is_mariadb(a->d->job->to))
        strbuf_adds(&sql, "IF EXISTS ");
    sql_table(&sql, a->d->job->targets[0].db, a->d->job->targets[0].name);
    strbuf_adds(&sql, a->list.len > 0 ? " " : "");
    strbuf_add(&sql, strbuf_str(&a->list), a->list.len);
    strbuf_add(&sql, strbuf_str(&a->last), a->last.len);
    if (!strbuf_ok(&a->list) || !strbuf_ok(&a->last))
        sql.failed = true;
    return ddl_push(a->d, &sql);
}

static int push_rename(struct alter *a)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX);
    const struct ddl_name *n = &a->rename->rename;
    const struct renamed *to = ddl_lookup(a->d, n->db, n->name);

    if (to == NULL || to->name == NULL) {
        ddl_left_out(a->d, "left out: its new name %s.%s is not in the selection", n->db, n->name);
        return 0;
    }
    strbuf_adds(&sql, "RENAME TABLE ");
    sql_table(&sql, a->d->job->targets[0].db, a->d->job->targets[0].name);
    strbuf_adds(&sql, " TO ");
    sql_table(&sql, to->db, to->name);
    return ddl_push(a->d, &sql);
}

int ddl_alter(struct ddl_build *d)
{
    struct alter a = { .d = d, .list = STRBUF(STATEMENT_MAX), .last = STRBUF(STATEMENT_MAX) };
    int rc = 0;

    if (d->job->before == NULL || d->job->after == NULL) {
        ddl_refuse(d, "its structure is not known");
        return 0;
    }
    ddl_builder(d, &a.job, d->job->after, &a.b);
    ddl_builder(d, &a.old_job, d->job->before, &a.old);
    a.b.between = ", ADD ";
    for (size_t i = 0; i < d->s->item_count; i++)
        one_item(&a, &d->s->items[i]);
    if (a.b.failed || a.old.failed)
        rc = err_set(d->err, ERR_SCHEMA_CONVERT,
                     "%s: the statement does not fit the table's structure", d->object);
    if (rc == 0)
        rc = push_alter(&a);
    if (rc == 0 && a.rename != NULL)
        rc = push_rename(&a);
    ddl_builder_done(&a.b);
    ddl_builder_done(&a.old);
    strbuf_done(&a.list);
    strbuf_done(&a.last);
    return rc;
}
