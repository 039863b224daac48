/* Keys and foreign keys of a table in the making: names, what covers what, what identifies a row.
 * Source: mysql_prepare_create_table(), mysql_prepare_alter_table() and make_unique_key_name() of
 * the servers' sql/sql_table.cc. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/num.h"
#include "workers/mysql/catalog_priv.h"
#include "workers/mysql/ddl/evolve_priv.h"

#include "base/banned.h"

enum {
    NAME_BYTES = 64 * 4 + 32,
    MARIADB_KEY_PART_MAX = 3072,
    SPATIAL_PREFIX = 32, /* bytes of a bounding rectangle */
    POINT_PREFIX = 25,   /* bytes of a POINT with its SRID */
};

void draft_key_done(struct draft_key *k)
{
    free(k->name);
    free(k->method);
    for (size_t i = 0; i < k->part_count; i++)
        free(k->parts[i].column);
    free(k->parts);
}

struct draft_key *draft_add_key(struct draft *d, enum key_kind kind, const char *name)
{
    void *keys = d->keys;
    struct draft_key *k = array_more(&keys, &d->key_count, sizeof(*k));

    if (k == NULL) {
        (void)draft_nomem(d);
        return NULL;
    }
    d->keys = keys;
    k->kind = kind;
    k->item = d->item;
    if (name != NULL && draft_text(d, &k->name, name) < 0)
        return NULL;
    return k;
}

int draft_add_part(struct draft *d, struct draft_key *k, const char *column, unsigned prefix)
{
    void *parts = k->parts;
    struct draft_part *p = array_more(&parts, &k->part_count, sizeof(*p));

    if (p == NULL)
        return draft_nomem(d);
    k->parts = parts;
    p->prefix = prefix;
    if (column == NULL) {
        k->functional = true;
        return 0;
    }
    return draft_text(d, &p->column, column);
}

/* ---- keys that are written ---- */

static const struct draft_key *key_named(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->key_count; i++)
        if (d->keys[i].name != NULL && !d->keys[i].ignored &&
            strcasecmp(d->keys[i].name, name) == 0)
            return &d->keys[i];
    return NULL;
}

/* USING x, before or behind the parts. */
static int take_method(struct draft *d, const struct ddl_item *item, struct draft_key *k)
{
    for (size_t i = item->at.from; i + 1 < item->at.to; i++)
        if (tokens_word(&d->s->tokens, i, "USING"))
            return draft_text(d, &k->method,
                              tokens_word(&d->s->tokens, i + 1, "HASH") ? "HASH" : "BTREE");
    return 0;
}

int draft_index_item(struct draft *d, const struct ddl_item *item)
{
    struct draft_key *k;

    if (item->if_not_exists && item->name != NULL && key_named(d, item->name) != NULL)
        return 0;
    k = draft_add_key(d, item->key, item->key == KEY_PRIMARY ? NULL : item->name);
    if (k == NULL || take_method(d, item, k) < 0)
        return -1;
    for (size_t i = 0; i < item->part_count; i++)
        if (draft_add_part(d, k, item->parts[i].column, item->parts[i].prefix) < 0)
            return -1;
    return 0;
}

/* ---- foreign keys ---- */

/* One more than the highest N of a foreign key named <table>_ibfk_N. */
static uint64_t next_fk_number(const struct draft *d)
{
    char start[NAME_BYTES];
    uint64_t highest = 0, n;
    size_t len;

    (void)snprintf(start, sizeof(start), "%s_ibfk_", d->name);
    len = strlen(start);
    for (size_t i = 0; i < d->fk_count; i++)
        if (strncasecmp(d->fks[i].name, start, len) == 0 &&
            num_parse_u64(d->fks[i].name + len, UINT32_MAX, &n) && n > highest)
            highest = n;
    for (size_t i = 0; d->before != NULL && i < d->before->fk_count; i++)
        if (strncasecmp(d->before->fks[i].name, start, len) == 0 &&
            num_parse_u64(d->before->fks[i].name + len, UINT32_MAX, &n) && n > highest)
            highest = n; /* one that is dropped by the same statement counts too */
    return highest + 1;
}

static void fold(const struct draft *d, char *name)
{
    for (char *p = name; d->f->lower_case_table_names == 1 && *p != '\0'; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
}

/* What information_schema shows where a foreign key does not say what it does. */
static const char *no_action(const struct draft *d)
{
    return !d->f->mariadb && d->f->version >= 80000 ? "NO ACTION" : "RESTRICT";
}

static int fill_fk(struct draft *d, const struct ddl_item *item, struct foreign_key *fk)
{
    bool qualified = item->rename.at.to - item->rename.at.from > 1;
    const char *rule = no_action(d);

    if (draft_text(d, &fk->ref_db, qualified ? item->rename.db : d->db) < 0 ||
        draft_text(d, &fk->ref_table, item->rename.name) < 0 ||
        draft_text(d, &fk->on_delete, item->on_delete != NULL ? item->on_delete : rule) < 0 ||
        draft_text(d, &fk->on_update, item->on_update != NULL ? item->on_update : rule) < 0)
        return -1;
    fold(d, fk->ref_db);
    fold(d, fk->ref_table);
    fk->columns = calloc(item->part_count + 1, sizeof(*fk->columns));
    fk->ref_columns = calloc(item->part_count + 1, sizeof(*fk->ref_columns));
    if (fk->columns == NULL || fk->ref_columns == NULL)
        return draft_nomem(d);
    fk->column_count = item->part_count;
    for (size_t i = 0; i < item->part_count; i++) {
        /* without a list it is the other table's primary key, which we can't see */
        const char *ref = item->ref_columns != NULL ? item->ref_columns[i] : "";

        if (draft_text(d, &fk->columns[i], item->parts[i].column) < 0 ||
            draft_text(d, &fk->ref_columns[i], ref) < 0)
            return -1;
    }
    return 0;
}

static bool has_fk(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->fk_count; i++)
        if (strcasecmp(d->fks[i].name, name) == 0)
            return true;
    return false;
}

static int add_fk(struct draft *d, const struct ddl_item *item)
{
    void *fks = d->fks;
    char name[NAME_BYTES];
    uint64_t number = next_fk_number(d);
    struct foreign_key *fk = array_more(&fks, &d->fk_count, sizeof(*fk));

    if (fk == NULL)
        return draft_nomem(d);
    d->fks = fks;
    (void)snprintf(name, sizeof(name), "%s_ibfk_%u", d->name, (unsigned)number);
    if (draft_text(d, &fk->name,
                   item->name != NULL                        ? item->name
                   : d->f->mariadb && item->new_name != NULL ? item->new_name
                                                             : name) < 0)
        return -1;
    return fill_fk(d, item, fk);
}

int draft_fk_item(struct draft *d, const struct ddl_item *item)
{
    struct draft_key *k;

    for (size_t i = 0; i < item->part_count; i++)
        if (item->parts[i].column == NULL)
            return err_set(d->err, ERR_DDL_UNPARSED, "%s.%s: a foreign key over an expression",
                           d->db, d->name);
    if (item->if_not_exists && item->name != NULL && has_fk(d, item->name))
        return 0;
    k = draft_add_key(d, KEY_PLAIN, item->name != NULL ? item->name : item->new_name);
    if (k == NULL)
        return -1;
    k->generated = true;
    for (size_t i = 0; i < item->part_count; i++)
        if (draft_add_part(d, k, item->parts[i].column, 0) < 0)
            return -1;
    /* only InnoDB has foreign keys */
    return strcasecmp(d->engine, "InnoDB") == 0 ? add_fk(d, item) : 0;
}

/* ---- what stays of the table before ---- */

static bool drops(const struct ddl_item *item, enum item_kind kind, const char *name)
{
    return item->kind == kind && item->name != NULL && strcasecmp(item->name, name) == 0;
}

static bool is_dropped(const struct draft *d, const struct index *x)
{
    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];

        if ((item->kind == ITEM_DROP_PRIMARY && x->primary) ||
            drops(item, ITEM_DROP_INDEX, x->name))
            return true;
        if (drops(item, ITEM_DROP_CONSTRAINT, x->name) && x->unique)
            return true;
        if (d->s->or_replace && item->kind == ITEM_INDEX && item->name != NULL &&
            strcasecmp(item->name, x->name) == 0)
            return true;
    }
    return false;
}

static const char *new_key_name(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->s->item_count; i++)
        if (drops(&d->s->items[i], ITEM_RENAME_INDEX, name))
            return d->s->items[i].new_name;
    return name;
}

/*
 * The column that a key part of the table before is on now: one that was it, or, as the servers do,
 * a new one of its name.
 */
static const struct draft_column *column_of_part(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->column_count; i++) {
        const struct draft_column *c = &d->columns[i];

        if (strcasecmp(c->old_name != NULL ? c->old_name : c->c.name, name) == 0)
            return c;
    }
    return NULL;
}

static bool may_have_prefix(const struct column *c)
{
    return c->kind == CK_CHAR || c->kind == CK_VARCHAR || c->kind == CK_TEXT ||
           c->kind == CK_BINARY || c->kind == CK_VARBINARY || c->kind == CK_BLOB ||
           c->kind == CK_GEOMETRY;
}

/* Bytes of a column's value in a key (characters of CHAR and VARCHAR). */
static unsigned packed_length(const struct column *c)
{
    unsigned fraction = (c->fraction + 1) / 2;
    size_t n = json_len(c->labels);

    switch (c->kind) {
    case CK_INT:
        return c->int_bytes;
    case CK_FLOAT:
        return 4;
    case CK_DOUBLE:
        return 8;
    case CK_DATE:
    case CK_TIME:
        return 3 + fraction;
    case CK_DATETIME:
        return 5 + fraction;
    case CK_TIMESTAMP:
        return 4 + fraction;
    case CK_YEAR:
        return 1;
    case CK_BIT:
        return (c->precision + 7) / 8;
    case CK_DECIMAL: {
        static const unsigned left[] = { 0, 1, 1, 2, 2, 3, 3, 4, 4, 4 };
        unsigned whole = c->precision - c->scale;

        return whole / 9 * 4 + left[whole % 9] + c->scale / 9 * 4 + left[c->scale % 9];
    }
    case CK_ENUM:
        return n < 256 ? 1 : 2;
    case CK_SET:
        return n <= 32 ? (unsigned)(n + 7) / 8 : 8;
    case CK_GEOMETRY:
        return POINT_PREFIX;
    case CK_INET4:
        return 4;
    case CK_UUID:
    case CK_INET6:
        return 16;
    case CK_CHAR:
    case CK_VARCHAR:
    case CK_TEXT:
    case CK_BINARY:
    case CK_VARBINARY:
    case CK_BLOB:
    case CK_JSON:
    case CK_VECTOR:
    case CK_UNKNOWN:
        break;
    }
    return c->length;
}

/* … as the prefix that is made of it: in characters of the old set. */
static unsigned packed_prefix(const struct column *c)
{
    bool label = c->kind == CK_ENUM || c->kind == CK_SET;

    return packed_length(c) / (label && c->charset != NULL ? charset_bytes(c->charset) : 1);
}

/*
 * The prefix that a key part has after its column was changed, or replaced by a new one of its
 * name. Where the old one was in the key as a whole, but not by its whole length, the servers take
 * what was in the key for a prefix: of a POINT; in MySQL of ENUM and SET, which are strings to it;
 * and of whatever was replaced.
 */
static unsigned kept_prefix(const struct draft *d, const struct column *before,
                            const struct draft_column *column, unsigned prefix)
{
    const struct column *now = &column->c;
    bool blob = now->kind == CK_TEXT || now->kind == CK_BLOB;
    bool label = before->kind == CK_ENUM || before->kind == CK_SET;

    if (!may_have_prefix(now))
        return 0;
    if (column->origin < 0)
        return prefix != 0 ? prefix : packed_prefix(before);
    if (label && !d->f->mariadb && now->kind != before->kind &&
        packed_length(before) != before->octets)
        prefix = packed_prefix(before);
    else if (prefix == 0 && before->kind == CK_GEOMETRY && now->kind != CK_GEOMETRY)
        prefix = POINT_PREFIX;
    else if (!may_have_prefix(before))
        prefix = 0;
    return !blob && now->length < prefix ? 0 : prefix;
}

static enum key_kind kind_of_index(const struct index *x)
{
    if (x->primary)
        return KEY_PRIMARY;
    if (x->unique)
        return KEY_UNIQUE;
    if (strcasecmp(x->kind, "FULLTEXT") == 0)
        return KEY_FULLTEXT;
    if (strcasecmp(x->kind, "SPATIAL") == 0)
        return KEY_SPATIAL;
    return strcasecmp(x->kind, "VECTOR") == 0 ? KEY_VECTOR : KEY_PLAIN;
}

static int keep_key(struct draft *d, const struct index *x)
{
    struct draft_key *k =
        draft_add_key(d, kind_of_index(x), x->primary ? NULL : new_key_name(d, x->name));

    if (k == NULL)
        return -1;
    k->kept = true;
    k->functional = x->functional;
    if (draft_text(d, &k->method, x->kind) < 0)
        return -1;
    for (size_t i = 0; i < x->column_count; i++) {
        const struct column *was = &d->before->columns[x->columns[i]];
        const struct draft_column *c = column_of_part(d, was->name);

        if (c != NULL && draft_add_part(d, k, c->c.name, kept_prefix(d, was, c, x->prefix[i])) < 0)
            return -1;
    }
    k->ignored = k->part_count == 0 && !k->functional; /* its columns are gone */
    return 0;
}

int draft_keep_keys(struct draft *d)
{
    for (size_t i = 0; i < d->before->index_count; i++)
        if (!is_dropped(d, &d->before->indexes[i]) && keep_key(d, &d->before->indexes[i]) < 0)
            return -1;
    return 0;
}

static int copy_fk(struct draft *d, const struct foreign_key *from)
{
    void *fks = d->fks;
    struct foreign_key *fk = array_more(&fks, &d->fk_count, sizeof(*fk));

    if (fk == NULL)
        return draft_nomem(d);
    d->fks = fks;
    if (draft_text(d, &fk->name, from->name) < 0 || draft_text(d, &fk->ref_db, from->ref_db) < 0 ||
        draft_text(d, &fk->ref_table, from->ref_table) < 0 ||
        draft_text(d, &fk->on_delete, from->on_delete) < 0 ||
        draft_text(d, &fk->on_update, from->on_update) < 0)
        return -1;
    fk->columns = calloc(from->column_count, sizeof(*fk->columns));
    fk->ref_columns = calloc(from->column_count, sizeof(*fk->ref_columns));
    if (fk->columns == NULL || fk->ref_columns == NULL)
        return draft_nomem(d);
    fk->column_count = from->column_count;
    for (size_t i = 0; i < from->column_count; i++) {
        const struct draft_column *c = column_of_part(d, from->columns[i]);
        const struct draft_column *ref =
            strcmp(from->ref_db, d->db) == 0 && strcmp(from->ref_table, d->name) == 0
                ? column_of_part(d, from->ref_columns[i])
                : NULL; /* of the same table: renamed with it */

        if (draft_text(d, &fk->columns[i], c != NULL ? c->c.name : from->columns[i]) < 0 ||
            draft_text(d, &fk->ref_columns[i], ref != NULL ? ref->c.name : from->ref_columns[i]) <
                0)
            return -1;
    }
    return 0;
}

int draft_keep_fks(struct draft *d)
{
    for (size_t i = 0; i < d->before->fk_count; i++) {
        const char *name = d->before->fks[i].name;
        bool dropped = false;

        for (size_t k = 0; k < d->s->item_count; k++)
            dropped |= drops(&d->s->items[k], ITEM_DROP_FOREIGN_KEY, name) ||
                       drops(&d->s->items[k], ITEM_DROP_CONSTRAINT, name);
        if (!dropped && copy_fk(d, &d->before->fks[i]) < 0)
            return -1;
    }
    return 0;
}

/* ---- the result ---- */

/* Is `a`, made for a foreign key, the first part of `b`? */
static bool covers(const struct draft_key *a, const struct draft_key *b)
{
    if (a->part_count > b->part_count || b->kind == KEY_FULLTEXT || b->kind == KEY_SPATIAL)
        return false;
    for (size_t i = 0; i < a->part_count; i++)
        if (b->parts[i].column == NULL || b->parts[i].prefix != a->parts[i].prefix ||
            strcasecmp(a->parts[i].column, b->parts[i].column) != 0)
            return false;
    return true;
}

/* foreign_key_prefix(): is one of the two not needed beside the other? */
static bool one_is_enough(const struct draft_key *a, const struct draft_key *b)
{
    if (!a->generated && !b->generated)
        return false;
    if (a->generated && b->generated)
        return a->part_count > b->part_count ? covers(b, a) : covers(a, b);
    return a->generated ? covers(a, b) : covers(b, a);
}

/* Of two made ones the longer stays, of equal ones the later. */
static void ignore_covered(struct draft *d)
{
    for (size_t i = 0; i < d->key_count; i++) {
        struct draft_key *k = &d->keys[i];

        for (size_t n = 0; n < i && !k->ignored; n++) {
            struct draft_key *other = &d->keys[n];

            if (other->ignored || !one_is_enough(k, other))
                continue;
            if (!other->generated || (k->generated && k->part_count < other->part_count))
                k->ignored = true;
            else
                other->ignored = true;
            break;
        }
    }
}

static bool name_taken(const struct draft *d, size_t before, const char *name)
{
    for (size_t i = 0; i < before; i++)
        if (!d->keys[i].ignored && d->keys[i].name != NULL &&
            strcasecmp(d->keys[i].name, name) == 0)
            return true;
    return false;
}

static int column_at(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->column_count; i++)
        if (strcasecmp(d->columns[i].c.name, name) == 0)
            return (int)i;
    return -1;
}

/* The first column's name, with _2, _3 … when another key has it. */
static int choose_name(struct draft *d, size_t at)
{
    struct draft_key *k = &d->keys[at];
    int column = k->part_count > 0 && k->parts[0].column != NULL && !k->functional
                     ? column_at(d, k->parts[0].column)
                     : -1;
    const char *base = column >= 0 ? d->columns[column].c.name : "functional_index";
    char name[NAME_BYTES];

    (void)snprintf(name, sizeof(name), "%s", base);
    for (unsigned n = 2; name_taken(d, at, name) || strcasecmp(name, "PRIMARY") == 0; n++)
        (void)snprintf(name, sizeof(name), "%s_%u", base, n);
    return draft_text(d, &k->name, name);
}

/* MariaDB keeps a UNIQUE over what is too long for a key by a hash. */
static bool is_long_unique(const struct draft *d, const struct draft_key *k)
{
    if (!d->f->mariadb || d->f->version < 100400 || k->kind != KEY_UNIQUE)
        return false;
    for (size_t i = 0; i < k->part_count; i++) {
        int at = k->parts[i].column != NULL ? column_at(d, k->parts[i].column) : -1;
        const struct column *c = at < 0 ? NULL : &d->columns[at].c;
        bool blob;
        uint64_t bytes;

        if (c == NULL)
            continue;
        blob = c->kind == CK_TEXT || c->kind == CK_BLOB;
        if (blob && k->parts[i].prefix == 0)
            return true;
        bytes = k->parts[i].prefix == 0 ? c->octets
                                        : (uint64_t)k->parts[i].prefix *
                                              (c->charset != NULL ? charset_bytes(c->charset) : 1);
        if (may_have_prefix(c) && bytes > MARIADB_KEY_PART_MAX)
            return true;
    }
    return false;
}

/* MySQL 8 makes a SPATIAL key of an ordinary one over a geometry. */
static bool is_spatial(const struct draft *d, const struct draft_key *k)
{
    int at =
        k->part_count == 1 && k->parts[0].column != NULL ? column_at(d, k->parts[0].column) : -1;

    return k->kind == KEY_SPATIAL ||
           (k->kind == KEY_PLAIN && at >= 0 && d->columns[at].c.kind == CK_GEOMETRY &&
            !d->f->mariadb && d->f->version >= 80000);
}

static const char *index_kind(const struct draft *d, const struct draft_key *k)
{
    bool hash = k->method != NULL && strcasecmp(k->method, "HASH") == 0;

    switch (k->kind) {
    case KEY_FULLTEXT:
        return "FULLTEXT";
    case KEY_SPATIAL:
        return "SPATIAL";
    case KEY_VECTOR:
        return "VECTOR";
    case KEY_PLAIN:
    case KEY_UNIQUE:
    case KEY_PRIMARY:
        break;
    }
    if (is_spatial(d, k))
        return "SPATIAL";
    if (strcasecmp(d->engine, "MEMORY") == 0)
        return hash || k->method == NULL ? "HASH" : "BTREE";
    if (is_long_unique(d, k))
        return "HASH";
    /* MariaDB makes such a key when it is written, and an ordinary one at the next ALTER */
    return hash && !k->kept && d->f->mariadb && k->kind == KEY_UNIQUE ? "HASH" : "BTREE";
}

/* SUB_PART: a prefix that is the whole column is none; FULLTEXT and numbers have none. */
static unsigned shown_prefix(const struct draft *d, const struct draft_key *k,
                             const struct draft_part *p, const struct column *c)
{
    bool blob = c->kind == CK_TEXT || c->kind == CK_BLOB;
    unsigned char_bytes = c->charset != NULL ? charset_bytes(c->charset) : 1;

    if (is_spatial(d, k))
        return SPATIAL_PREFIX;
    if (k->kind == KEY_FULLTEXT || !may_have_prefix(c))
        return 0;
    if (c->kind == CK_GEOMETRY)
        return p->prefix == 0 && strcasecmp(c->data_type, "point") == 0 ? POINT_PREFIX : p->prefix;
    if (blob && p->prefix == 0 && d->f->mariadb && k->kind == KEY_PLAIN)
        return MIN(c->octets, (unsigned)MARIADB_KEY_PART_MAX / char_bytes);
    return !blob && p->prefix == c->length ? 0 : p->prefix;
}

static int build_index(struct draft *d, const struct draft_key *k, struct table *t)
{
    void *indexes = t->indexes;
    struct index *x = array_more(&indexes, &t->index_count, sizeof(*x));

    if (x == NULL)
        return draft_nomem(d);
    t->indexes = indexes;
    x->primary = k->kind == KEY_PRIMARY;
    x->unique = k->kind == KEY_UNIQUE || x->primary;
    x->functional = k->functional;
    x->columns = calloc(k->part_count + 1, sizeof(*x->columns));
    x->prefix = calloc(k->part_count + 1, sizeof(*x->prefix));
    if (x->columns == NULL || x->prefix == NULL)
        return draft_nomem(d);
    if (draft_text(d, &x->name, x->primary ? "PRIMARY" : k->name) < 0 ||
        draft_text(d, &x->kind, index_kind(d, k)) < 0)
        return -1;
    for (size_t i = 0; i < k->part_count; i++) {
        int at = k->parts[i].column != NULL ? column_at(d, k->parts[i].column) : -1;

        if (k->parts[i].column == NULL)
            continue;
        if (at < 0)
            return err_set(d->err, ERR_SCHEMA_MISMATCH,
                           "%s.%s: key %s is on %s, which is not there", d->db, d->name, x->name,
                           k->parts[i].column);
        x->columns[x->column_count] = (unsigned)at;
        x->prefix[x->column_count++] = shown_prefix(d, k, &k->parts[i], &d->columns[at].c);
    }
    return 0;
}

static void primary_is_not_null(struct draft *d, const struct draft_key *k)
{
    for (size_t i = 0; i < k->part_count; i++) {
        int at = k->parts[i].column != NULL ? column_at(d, k->parts[i].column) : -1;

        if (at >= 0)
            d->columns[at].c.nullable = false;
    }
}

static bool comes_before(const struct draft_key *a, const struct draft_key *b)
{
    return a->kept != b->kept ? a->kept : !a->kept && a->item < b->item;
}

/* Few, and nearly in order; equal ones stay as they are. */
static void sort_keys(struct draft *d)
{
    for (size_t i = 1; i < d->key_count; i++) {
        struct draft_key k = d->keys[i];
        size_t to = i;

        for (; to > 0 && comes_before(&k, &d->keys[to - 1]); to--)
            d->keys[to] = d->keys[to - 1];
        d->keys[to] = k;
    }
}

int draft_build_keys(struct draft *d, struct table *t)
{
    sort_keys(d);
    ignore_covered(d);
    for (size_t i = 0; i < d->key_count; i++) {
        struct draft_key *k = &d->keys[i];

        if (k->ignored)
            continue;
        if (k->kind == KEY_PRIMARY)
            primary_is_not_null(d, k);
        else if (k->name == NULL && choose_name(d, i) < 0)
            return -1;
        if (build_index(d, k, t) < 0)
            return -1;
    }
    return 0;
}
