/* TABLE_MAP events: parsing, and the comparison with the catalog. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/binlog/row_value.h"
#include "workers/mysql/binlog/rows.h"

#include "base/banned.h"

enum {
    COLUMNS_MAX = 4096,
    NAME_BYTES_MAX = 255,
    META_SIGNEDNESS = 1, /* optional metadata (MySQL source, rows_event.h) */
    META_COLUMN_NAME = 4,
    SHORT_ID_HEADER = 6, /* a post-header of six bytes has a table id of four */
};

void table_map_free(struct table_map *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; m->names != NULL && i < m->column_count; i++)
        free(m->names[i]);
    free(m->names);
    free(m->db);
    free(m->table);
    free(m->types);
    free(m->meta);
    free(m->nullable);
    free(m->unsignedness);
    free(m);
}

static char *take_name(struct cursor *c)
{
    size_t len = (size_t)cursor_le(c, 1);
    const uint8_t *at = cursor_bytes(c, len + 1);

    if (at == NULL || at[len] != '\0' || memchr(at, '\0', len) != NULL)
        return NULL;
    return strndup((const char *)at, len);
}

/* CHAR, ENUM and SET hide their real type and two bits of the length in the first byte. */
static bool string_meta(struct cursor *c, uint8_t *type, uint16_t *meta)
{
    unsigned first = (unsigned)cursor_le(c, 1), length = (unsigned)cursor_le(c, 1);

    if ((first & 0x30) != 0x30) {
        length |= ((first & 0x30) ^ 0x30) << 4;
        first |= 0x30;
    }
    if (first != WT_STRING && first != WT_ENUM && first != WT_SET && first != WT_VAR_STRING)
        return false;
    *type = (uint8_t)first;
    *meta = (uint16_t)length;
    return !c->bad;
}

static bool column_meta(struct cursor *c, uint8_t *type, uint16_t *meta)
{
    *meta = 0;
    switch ((enum wire_type) * type) {
    case WT_STRING:
    case WT_ENUM:
    case WT_SET:
        return string_meta(c, type, meta);
    case WT_VARCHAR:
    case WT_VAR_STRING:
    case WT_VARCHAR_COMPRESSED:
    case WT_BIT:
    case WT_NEWDECIMAL:
        *meta = (uint16_t)cursor_le(c, 2);
        break;
    case WT_FLOAT:
    case WT_DOUBLE:
    case WT_TINY_BLOB:
    case WT_MEDIUM_BLOB:
    case WT_LONG_BLOB:
    case WT_BLOB:
    case WT_BLOB_COMPRESSED:
    case WT_JSON:
    case WT_GEOMETRY:
    case WT_VECTOR:
    case WT_TIME2:
    case WT_DATETIME2:
    case WT_TIMESTAMP2:
        *meta = (uint16_t)cursor_le(c, 1);
        break;
    case WT_DECIMAL:
    case WT_TINY:
    case WT_SHORT:
    case WT_LONG:
    case WT_NULL:
    case WT_TIMESTAMP:
    case WT_LONGLONG:
    case WT_INT24:
    case WT_DATE:
    case WT_TIME:
    case WT_DATETIME:
    case WT_YEAR:
    case WT_NEWDATE:
    case WT_TYPED_ARRAY:
        break;
    }
    return !c->bad;
}

/* One bit for each numeric column, the first one highest. */
static int take_signedness(struct table_map *m, struct cursor c)
{
    unsigned bits = 0, left = 0;

    m->unsignedness = calloc(m->column_count, 1);
    if (m->unsignedness == NULL)
        return -1;
    for (size_t i = 0; i < m->column_count; i++) {
        if (!wire_type_numeric(m->types[i]))
            continue;
        if (left == 0) {
            bits = (unsigned)cursor_le(&c, 1);
            left = 8;
        }
        m->unsignedness[i] = (uint8_t)(bits >> --left & 1);
    }
    return c.bad ? -1 : 0;
}

static int take_names(struct table_map *m, struct cursor c)
{
    m->names = calloc(m->column_count, sizeof(*m->names));
    if (m->names == NULL)
        return -1;
    for (size_t i = 0; i < m->column_count; i++) {
        uint64_t len = cursor_lenenc(&c);
        const uint8_t *at = len > NAME_BYTES_MAX ? NULL : cursor_bytes(&c, (size_t)len);

        m->names[i] = at == NULL ? NULL : strndup((const char *)at, (size_t)len);
        if (m->names[i] == NULL)
            return -1;
    }
    return 0;
}

/* Types we have no use for are passed over: they describe, they don't change how rows are read. */
static int optional_meta(struct table_map *m, struct cursor *c)
{
    while (cursor_left(c) > 0) {
        unsigned type = (unsigned)cursor_le(c, 1);
        uint64_t len = cursor_lenenc(c);
        const uint8_t *at = len > cursor_left(c) ? NULL : cursor_bytes(c, (size_t)len);
        int r = 0;

        if (at == NULL)
            return -1;
        if (type == META_SIGNEDNESS && m->unsignedness == NULL)
            r = take_signedness(m, cursor_of(at, (size_t)len));
        else if (type == META_COLUMN_NAME && m->names == NULL)
            r = take_names(m, cursor_of(at, (size_t)len));
        if (r < 0)
            return -1;
    }
    return 0;
}

static int map_columns(struct table_map *m, struct cursor *c)
{
    uint64_t count = cursor_lenenc(c), meta_len;
    const uint8_t *types, *nullable, *raw;
    struct cursor meta;

    if (count == 0 || count > COLUMNS_MAX)
        return -1;
    m->column_count = (size_t)count;
    types = cursor_bytes(c, m->column_count);
    meta_len = cursor_lenenc(c);
    raw = meta_len > cursor_left(c) ? NULL : cursor_bytes(c, (size_t)meta_len);
    nullable = cursor_bytes(c, (m->column_count + 7) / 8);
    m->types = calloc(m->column_count, 1);
    m->meta = calloc(m->column_count, sizeof(*m->meta));
    m->nullable = calloc((m->column_count + 7) / 8, 1);
    if (types == NULL || raw == NULL || nullable == NULL || m->types == NULL || m->meta == NULL ||
        m->nullable == NULL)
        return -1;
    memcpy(m->types, types, m->column_count);
    memcpy(m->nullable, nullable, (m->column_count + 7) / 8);
    meta = cursor_of(raw, (size_t)meta_len);
    for (size_t i = 0; i < m->column_count; i++)
        if (!column_meta(&meta, &m->types[i], &m->meta[i]))
            return -1;
    return optional_meta(m, c);
}

int table_map_parse(const struct binlog_format *f, const struct event *e, struct table_map **ret,
                    struct err *err)
{
    _cleanup_(table_map_freep)
    struct table_map *m = calloc(1, sizeof(*m));
    struct cursor c = cursor_of(e->body, e->body_len);

    if (m == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->table_id = cursor_le(&c, f->post_header_len[EV_TABLE_MAP] == SHORT_ID_HEADER ? 4 : 6);
    (void)cursor_le(&c, 2); /* flags: none that matters */
    m->db = take_name(&c);
    m->table = m->db == NULL ? NULL : take_name(&c);
    if (e->type != EV_TABLE_MAP || m->table == NULL || map_columns(m, &c) < 0)
        return err_set(err, ERR_BINLOG_MALFORMED, "damaged table map event of %u bytes (%s.%s)",
                       e->size, m->db != NULL ? m->db : "?", m->table != NULL ? m->table : "?");
    *ret = take_ptr(m);
    return 0;
}

/* ---------------------------------------------------------------------------- comparison */

/* Bytes of the length that precedes a value of this BLOB or TEXT. */
static unsigned blob_length_bytes(const struct column *c)
{
    if (c->data_type == NULL)
        return 2;
    if (strncasecmp(c->data_type, "tiny", 4) == 0)
        return 1;
    if (strncasecmp(c->data_type, "medium", 6) == 0)
        return 3;
    return strncasecmp(c->data_type, "long", 4) == 0 ? 4 : 2;
}

static bool int_fits(const struct column *c, unsigned type)
{
    switch (c->int_bytes) {
    case 1:
        return type == WT_TINY;
    case 2:
        return type == WT_SHORT;
    case 3:
        return type == WT_INT24;
    case 4:
        return type == WT_LONG;
    default:
        return type == WT_LONGLONG;
    }
}

/* The event tells bytes; the catalog knows them too, unless it had to cap them. */
static bool width_fits(const struct column *c, unsigned type, uint16_t meta)
{
    unsigned slack = type == WT_VARCHAR_COMPRESSED ? 1 : 0; /* the byte that tells how */

    return c->octets == 0 || meta == c->octets + slack;
}

static bool labels_fit(const struct column *c, unsigned bytes)
{
    size_t n = c->labels == NULL ? 0 : json_object_array_length(c->labels);

    if (n == 0)
        return true;
    if (c->kind == CK_ENUM)
        return bytes == (n < 256 ? 1 : 2);
    return bytes == (n <= 32 ? (n + 7) / 8 : 8);
}

static bool fraction_fits(const struct column *c, unsigned type, unsigned type2, unsigned old,
                          uint16_t meta)
{
    return type == old || (type == type2 && meta == c->fraction);
}

static bool type_fits(const struct column *c, unsigned type, uint16_t meta)
{
    bool blob = type == WT_BLOB || type == WT_BLOB_COMPRESSED;

    switch (c->kind) {
    case CK_INT:
        return int_fits(c, type);
    case CK_DECIMAL:
        return type == WT_NEWDECIMAL && (meta & 255) == c->precision && meta >> 8 == c->scale;
    case CK_FLOAT:
        return type == WT_FLOAT;
    case CK_DOUBLE:
        return type == WT_DOUBLE;
    case CK_BIT:
        return type == WT_BIT && (meta >> 8) * 8U + (meta & 255) == c->precision;
    case CK_CHAR:
    case CK_BINARY:
        return (type == WT_STRING || type == WT_VAR_STRING) && width_fits(c, type, meta);
    case CK_VARCHAR:
    case CK_VARBINARY:
        return (type == WT_VARCHAR || type == WT_VAR_STRING || type == WT_VARCHAR_COMPRESSED) &&
               width_fits(c, type, meta);
    case CK_TEXT:
    case CK_BLOB:
        return blob && meta == blob_length_bytes(c);
    case CK_ENUM:
        return type == WT_ENUM && labels_fit(c, meta);
    case CK_SET:
        return type == WT_SET && labels_fit(c, meta);
    case CK_DATE:
        return type == WT_DATE || type == WT_NEWDATE;
    case CK_TIME:
        return fraction_fits(c, type, WT_TIME2, WT_TIME, meta);
    case CK_DATETIME:
        return fraction_fits(c, type, WT_DATETIME2, WT_DATETIME, meta);
    case CK_TIMESTAMP:
        return fraction_fits(c, type, WT_TIMESTAMP2, WT_TIMESTAMP, meta);
    case CK_YEAR:
        return type == WT_YEAR;
    case CK_JSON:
        return type == WT_JSON;
    case CK_GEOMETRY:
        return type == WT_GEOMETRY || blob;
    case CK_VECTOR:
        return type == WT_VECTOR || type == WT_VARCHAR;
    case CK_UUID:
    case CK_INET6:
        return type == WT_STRING && meta == 16;
    case CK_INET4:
        return type == WT_STRING && meta == 4;
    case CK_UNKNOWN:
        return false;
    }
    return false;
}

static int mismatch(const struct table_map *m, const struct column *c, size_t i, const char *what,
                    struct err *err)
{
    (void)err_set(err, ERR_SCHEMA_MISMATCH,
                  "%s.%s column %zu (%s): the binlog has %s (%s, metadata %u), the catalog %s",
                  m->db, m->table, i + 1, c->name, wire_type_name(m->types[i]), what, m->meta[i],
                  c->type_text != NULL ? c->type_text : "?");
    return err_advise(err,
                      "The table was changed in a way that was not followed: start the project "
                      "anew, or leave this table out.");
}

/*
 * MariaDB keeps a UNIQUE over long columns by a hidden hash column at the end, which its binlog
 * shows and its information_schema does not. How many there are is known from the indexes.
 */
static size_t hidden_columns(const struct table_map *m, const struct table *t)
{
    size_t hidden = 0;

    for (size_t i = 0; i < t->index_count; i++)
        if (t->indexes[i].unique && t->indexes[i].kind != NULL &&
            strcasecmp(t->indexes[i].kind, "HASH") == 0)
            hidden++;
    if (m->column_count != t->column_count + hidden)
        return 0;
    for (size_t i = t->column_count; i < m->column_count; i++)
        if (m->types[i] != WT_LONGLONG)
            return 0;
    return hidden;
}

int table_map_check(const struct table_map *m, const struct table *t, struct err *err)
{
    if (m->column_count != t->column_count + hidden_columns(m, t)) {
        (void)err_set(err, ERR_SCHEMA_MISMATCH,
                      "%s.%s: the binlog has %zu columns, the catalog %zu", m->db, m->table,
                      m->column_count, t->column_count);
        return err_advise(err, "The table was changed in a way that was not followed, or it is "
                               "system-versioned: start the project anew, or leave it out.");
    }
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];

        if (!type_fits(c, m->types[i], m->meta[i]))
            return mismatch(m, c, i, "another type", err);
        if (m->unsignedness != NULL && c->kind != CK_YEAR && wire_type_numeric(m->types[i]) &&
            (m->unsignedness[i] != 0) != c->is_unsigned)
            return mismatch(m, c, i, m->unsignedness[i] != 0 ? "unsigned" : "signed", err);
        if (m->names != NULL && strcasecmp(m->names[i], c->name) != 0)
            return mismatch(m, c, i, m->names[i], err);
    }
    return 0;
}
