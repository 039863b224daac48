/* A table's description as JSON, and back. What follows from other fields (kinds, keys) is not
 * kept. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "workers/mysql/catalog_priv.h"
#include "workers/mysql/types.h"

#include "base/banned.h"

/* ---- to ---- */

static int add_flag(struct json_object *o, const char *key, bool value)
{
    return value ? json_add_bool(o, key, true) : 0; /* absent is false: most flags are */
}

static int add_number(struct json_object *o, const char *key, uint64_t value)
{
    return value != 0 ? json_add_u64(o, key, value) : 0;
}

static int add_text(struct json_object *o, const char *key, const char *value)
{
    return value != NULL ? json_add_str(o, key, value) : 0;
}

static struct json_object *column_to_json(const struct column *c, bool selected)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();

    if (o == NULL || json_add_str(o, "name", c->name) < 0 ||
        json_add_str(o, "type", c->type_text) < 0 ||
        json_add_str(o, "dataType", c->data_type) < 0 ||
        add_flag(o, "unsigned", c->is_unsigned) < 0 || add_flag(o, "nullable", c->nullable) < 0 ||
        add_flag(o, "generated", c->generated) < 0 || add_flag(o, "invisible", c->invisible) < 0 ||
        add_flag(o, "autoIncrement", c->auto_increment) < 0 ||
        add_flag(o, "binaryCollation", c->binary_collation) < 0 ||
        add_flag(o, "selected", selected) < 0 || add_text(o, "charset", c->charset) < 0 ||
        add_text(o, "collation", c->collation) < 0 || add_number(o, "length", c->length) < 0 ||
        add_number(o, "octets", c->octets) < 0 || add_number(o, "precision", c->precision) < 0 ||
        add_number(o, "scale", c->scale) < 0 || add_number(o, "fraction", c->fraction) < 0)
        return NULL;
    if (c->labels != NULL && json_add(o, "labels", json_clone(c->labels)) < 0)
        return NULL;
    return take_ptr(o);
}

static int add_to_list(struct json_object *list, struct json_object *value)
{
    if (value != NULL && json_object_array_add(list, value) == 0)
        return 0;
    (void)json_object_put(value);
    return -1;
}

/* A new array under `key`, borrowed from `o`; NULL: out of memory. */
static struct json_object *add_list(struct json_object *o, const char *key)
{
    struct json_object *list = json_object_new_array();

    return list != NULL && json_add(o, key, list) == 0 ? list : NULL;
}

static struct json_object *index_to_json(const struct index *x)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    struct json_object *columns, *prefix;

    if (o == NULL || json_add_str(o, "name", x->name) < 0 || json_add_str(o, "kind", x->kind) < 0 ||
        add_flag(o, "unique", x->unique) < 0 || add_flag(o, "primary", x->primary) < 0 ||
        add_flag(o, "functional", x->functional) < 0 ||
        (columns = add_list(o, "columns")) == NULL || (prefix = add_list(o, "prefix")) == NULL)
        return NULL;
    for (size_t i = 0; i < x->column_count; i++)
        if (add_to_list(columns, json_object_new_int64(x->columns[i])) < 0 ||
            add_to_list(prefix, json_object_new_int64(x->prefix[i])) < 0)
            return NULL;
    return take_ptr(o);
}

static struct json_object *fk_to_json(const struct foreign_key *fk)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    struct json_object *columns, *refs;

    if (o == NULL || json_add_str(o, "name", fk->name) < 0 ||
        json_add_str(o, "refDb", fk->ref_db) < 0 ||
        json_add_str(o, "refTable", fk->ref_table) < 0 ||
        json_add_str(o, "onDelete", fk->on_delete) < 0 ||
        json_add_str(o, "onUpdate", fk->on_update) < 0 ||
        (columns = add_list(o, "columns")) == NULL || (refs = add_list(o, "refColumns")) == NULL)
        return NULL;
    for (size_t i = 0; i < fk->column_count; i++)
        if (add_to_list(columns, json_object_new_string(fk->columns[i])) < 0 ||
            add_to_list(refs, json_object_new_string(fk->ref_columns[i])) < 0)
            return NULL;
    return take_ptr(o);
}

static int add_parts(struct json_object *o, const struct table *t)
{
    struct json_object *columns = add_list(o, "columns"), *indexes = add_list(o, "indexes");
    struct json_object *fks = add_list(o, "foreignKeys");

    if (columns == NULL || indexes == NULL || fks == NULL)
        return -1;
    for (size_t i = 0; i < t->column_count; i++)
        if (add_to_list(columns, column_to_json(&t->columns[i], t->selected[i])) < 0)
            return -1;
    for (size_t i = 0; i < t->index_count; i++)
        if (add_to_list(indexes, index_to_json(&t->indexes[i])) < 0)
            return -1;
    for (size_t i = 0; i < t->fk_count; i++)
        if (add_to_list(fks, fk_to_json(&t->fks[i])) < 0)
            return -1;
    return 0;
}

struct json_object *table_to_json(const struct table *t)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();

    if (o == NULL || json_add_str(o, "db", t->db) < 0 || json_add_str(o, "name", t->name) < 0 ||
        json_add_str(o, "mappedDb", t->mapped_db) < 0 ||
        json_add_str(o, "mappedName", t->mapped_name) < 0 || add_text(o, "engine", t->engine) < 0 ||
        add_text(o, "collation", t->collation) < 0 ||
        add_text(o, "createOptions", t->create_options) < 0 || add_text(o, "where", t->where) < 0 ||
        add_number(o, "rows", t->rows_estimate) < 0 || add_number(o, "bytes", t->data_bytes) < 0 ||
        add_number(o, "rowBytes", t->avg_row_bytes) < 0 ||
        add_flag(o, "partitioned", t->partitioned) < 0 || add_parts(o, t) < 0)
        return NULL;
    return take_ptr(o);
}

/* ---- from ---- */

/* Faults of the document stick here, so that a series of reads is checked once. */
struct reader {
    bool bad, nomem;
};

/* A copy of a text member; NULL when absent, which is bad when it is needed. */
static char *read_text(struct reader *rd, struct json_object *o, const char *key, bool needed)
{
    const char *text = json_get_str(o, key, NULL);
    char *copy;

    if (text == NULL) {
        rd->bad = rd->bad || needed;
        return NULL;
    }
    copy = strdup(text);
    rd->nomem = rd->nomem || copy == NULL;
    return copy;
}

static unsigned read_number(struct reader *rd, struct json_object *o, const char *key)
{
    int64_t v = json_get_i64(o, key, 0);

    if (v < 0 || v > (int64_t)UINT_MAX) {
        rd->bad = true;
        return 0;
    }
    return (unsigned)v;
}

static void read_column(struct reader *rd, struct json_object *o, struct column *c)
{
    struct json_object *labels = json_get_array(o, "labels");

    c->name = read_text(rd, o, "name", true);
    c->type_text = read_text(rd, o, "type", true);
    c->data_type = read_text(rd, o, "dataType", true);
    c->charset = read_text(rd, o, "charset", false);
    c->collation = read_text(rd, o, "collation", false);
    c->is_unsigned = json_get_bool(o, "unsigned", false);
    c->nullable = json_get_bool(o, "nullable", false);
    c->generated = json_get_bool(o, "generated", false);
    c->invisible = json_get_bool(o, "invisible", false);
    c->auto_increment = json_get_bool(o, "autoIncrement", false);
    c->binary_collation = json_get_bool(o, "binaryCollation", false);
    c->length = read_number(rd, o, "length");
    c->octets = read_number(rd, o, "octets");
    c->precision = read_number(rd, o, "precision");
    c->scale = read_number(rd, o, "scale");
    c->fraction = read_number(rd, o, "fraction");
    c->kind = c->data_type != NULL ? type_kind(c->data_type, &c->int_bytes) : CK_UNKNOWN;
    for (size_t i = 0; i < json_len(labels); i++)
        rd->bad = rd->bad || json_at_str(labels, i) == NULL;
    c->labels = labels != NULL ? json_object_get(labels) : NULL;
    rd->bad = rd->bad || ((c->kind == CK_ENUM || c->kind == CK_SET) && c->labels == NULL);
}

static void *new_array(struct reader *rd, size_t count, size_t size)
{
    void *array = calloc(count + 1, size); /* + 1: never a NULL for an empty list */

    rd->nomem = rd->nomem || array == NULL;
    return array;
}

static void read_columns(struct reader *rd, struct json_object *o, struct table *t)
{
    struct json_object *list = json_get_array(o, "columns");
    size_t count = json_len(list);

    t->columns = new_array(rd, count, sizeof(*t->columns));
    t->selected = new_array(rd, count, sizeof(*t->selected));
    if (t->columns == NULL || t->selected == NULL)
        return;
    t->column_count = count;
    rd->bad = rd->bad || count == 0;
    for (size_t i = 0; i < count; i++) {
        read_column(rd, json_at(list, i), &t->columns[i]);
        t->selected[i] = json_get_bool(json_at(list, i), "selected", false);
    }
}

static void read_index(struct reader *rd, struct json_object *o, size_t table_columns,
                       struct index *x)
{
    struct json_object *columns = json_get_array(o, "columns");
    struct json_object *prefix = json_get_array(o, "prefix");
    size_t count = json_len(columns);

    x->name = read_text(rd, o, "name", true);
    x->kind = read_text(rd, o, "kind", true);
    x->unique = json_get_bool(o, "unique", false);
    x->primary = json_get_bool(o, "primary", false);
    x->functional = json_get_bool(o, "functional", false);
    x->columns = new_array(rd, count, sizeof(*x->columns));
    x->prefix = new_array(rd, count, sizeof(*x->prefix));
    if (x->columns == NULL || x->prefix == NULL)
        return;
    x->column_count = count;
    rd->bad = rd->bad || json_len(prefix) != count;
    for (size_t i = 0; i < count && !rd->bad; i++) {
        int64_t at = json_object_get_int64(json_at(columns, i));
        int64_t len = json_object_get_int64(json_at(prefix, i));

        if (at < 0 || (uint64_t)at >= table_columns || len < 0 || len > (int64_t)UINT_MAX) {
            rd->bad = true;
            return;
        }
        x->columns[i] = (unsigned)at;
        x->prefix[i] = (unsigned)len;
    }
}

static void read_indexes(struct reader *rd, struct json_object *o, struct table *t)
{
    struct json_object *list = json_get_array(o, "indexes");

    t->indexes = new_array(rd, json_len(list), sizeof(*t->indexes));
    if (t->indexes == NULL)
        return;
    t->index_count = json_len(list);
    for (size_t i = 0; i < t->index_count; i++)
        read_index(rd, json_at(list, i), t->column_count, &t->indexes[i]);
}

static void read_fk(struct reader *rd, struct json_object *o, struct foreign_key *fk)
{
    struct json_object *columns = json_get_array(o, "columns");
    struct json_object *refs = json_get_array(o, "refColumns");
    size_t count = json_len(columns);

    fk->name = read_text(rd, o, "name", true);
    fk->ref_db = read_text(rd, o, "refDb", true);
    fk->ref_table = read_text(rd, o, "refTable", true);
    fk->on_delete = read_text(rd, o, "onDelete", true);
    fk->on_update = read_text(rd, o, "onUpdate", true);
    fk->columns = new_array(rd, count, sizeof(*fk->columns));
    fk->ref_columns = new_array(rd, count, sizeof(*fk->ref_columns));
    if (fk->columns == NULL || fk->ref_columns == NULL)
        return;
    fk->column_count = count;
    rd->bad = rd->bad || json_len(refs) != count;
    for (size_t i = 0; i < count && !rd->bad; i++) {
        const char *column = json_at_str(columns, i), *ref = json_at_str(refs, i);

        rd->bad = column == NULL || ref == NULL;
        if (rd->bad)
            return;
        fk->columns[i] = strdup(column);
        fk->ref_columns[i] = strdup(ref);
        rd->nomem = rd->nomem || fk->columns[i] == NULL || fk->ref_columns[i] == NULL;
    }
}

static void read_fks(struct reader *rd, struct json_object *o, struct table *t)
{
    struct json_object *list = json_get_array(o, "foreignKeys");

    t->fks = new_array(rd, json_len(list), sizeof(*t->fks));
    if (t->fks == NULL)
        return;
    t->fk_count = json_len(list);
    for (size_t i = 0; i < t->fk_count; i++)
        read_fk(rd, json_at(list, i), &t->fks[i]);
}

int table_from_json(struct json_object *o, struct table **ret, struct err *err)
{
    _cleanup_(table_freep)
    struct table *t = calloc(1, sizeof(*t));
    struct reader rd = { 0 };

    if (t == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table's description");
    t->key = -1;
    t->db = read_text(&rd, o, "db", true);
    t->name = read_text(&rd, o, "name", true);
    t->mapped_db = read_text(&rd, o, "mappedDb", true);
    t->mapped_name = read_text(&rd, o, "mappedName", true);
    t->engine = read_text(&rd, o, "engine", false);
    t->collation = read_text(&rd, o, "collation", false);
    t->create_options = read_text(&rd, o, "createOptions", false);
    t->where = read_text(&rd, o, "where", false);
    t->rows_estimate = (uint64_t)MAX(json_get_i64(o, "rows", 0), 0);
    t->data_bytes = (uint64_t)MAX(json_get_i64(o, "bytes", 0), 0);
    t->avg_row_bytes = (uint64_t)MAX(json_get_i64(o, "rowBytes", 0), 0);
    t->partitioned = json_get_bool(o, "partitioned", false);
    read_columns(&rd, o, t);
    read_indexes(&rd, o, t);
    read_fks(&rd, o, t);
    if (rd.nomem)
        return err_set(err, ERR_NOMEM, "no memory for a table's description");
    if (rd.bad)
        return err_set(err, ERR_CONTROL_SCHEMA, "the stored description of table %s.%s is damaged",
                       t->db != NULL ? t->db : "?", t->name != NULL ? t->name : "?");
    if (table_finish(t, err) < 0)
        return -1;
    *ret = take_ptr(t);
    return 0;
}
