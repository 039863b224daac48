#include "workers/mysql/types.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/strbuf.h"

#include "base/banned.h"

enum { LABEL_MAX_BYTES = 64 * 1024 };

/* clang-format off */
static const struct type {
    const char *data_type;
    enum column_kind kind;
    unsigned int_bytes;
} types[] = {
    { "tinyint",            CK_INT,       1 },
    { "smallint",           CK_INT,       2 },
    { "mediumint",          CK_INT,       3 },
    { "int",                CK_INT,       4 },
    { "integer",            CK_INT,       4 },
    { "bigint",             CK_INT,       8 },
    { "decimal",            CK_DECIMAL,   0 },
    { "numeric",            CK_DECIMAL,   0 },
    { "float",              CK_FLOAT,     0 },
    { "double",             CK_DOUBLE,    0 },
    { "real",               CK_DOUBLE,    0 },
    { "bit",                CK_BIT,       0 },
    { "char",               CK_CHAR,      0 },
    { "varchar",            CK_VARCHAR,   0 },
    { "tinytext",           CK_TEXT,      0 },
    { "text",               CK_TEXT,      0 },
    { "mediumtext",         CK_TEXT,      0 },
    { "longtext",           CK_TEXT,      0 },
    { "binary",             CK_BINARY,    0 },
    { "varbinary",          CK_VARBINARY, 0 },
    { "tinyblob",           CK_BLOB,      0 },
    { "blob",               CK_BLOB,      0 },
    { "mediumblob",         CK_BLOB,      0 },
    { "longblob",           CK_BLOB,      0 },
    { "enum",               CK_ENUM,      0 },
    { "set",                CK_SET,       0 },
    { "date",               CK_DATE,      0 },
    { "time",               CK_TIME,      0 },
    { "datetime",           CK_DATETIME,  0 },
    { "timestamp",          CK_TIMESTAMP, 0 },
    { "year",               CK_YEAR,      0 },
    { "json",               CK_JSON,      0 },
    { "geometry",           CK_GEOMETRY,  0 },
    { "point",              CK_GEOMETRY,  0 },
    { "linestring",         CK_GEOMETRY,  0 },
    { "polygon",            CK_GEOMETRY,  0 },
    { "multipoint",         CK_GEOMETRY,  0 },
    { "multilinestring",    CK_GEOMETRY,  0 },
    { "multipolygon",       CK_GEOMETRY,  0 },
    { "geometrycollection", CK_GEOMETRY,  0 },
    { "geomcollection",     CK_GEOMETRY,  0 },
    { "vector",             CK_VECTOR,    0 },
    { "uuid",               CK_UUID,      0 },
    { "inet4",              CK_INET4,     0 },
    { "inet6",              CK_INET6,     0 },
};

static const char *const kind_names[] = {
    [CK_INT] = "INT", [CK_DECIMAL] = "DECIMAL", [CK_FLOAT] = "FLOAT", [CK_DOUBLE] = "DOUBLE",
    [CK_BIT] = "BIT", [CK_CHAR] = "CHAR", [CK_VARCHAR] = "VARCHAR", [CK_TEXT] = "TEXT",
    [CK_BINARY] = "BINARY", [CK_VARBINARY] = "VARBINARY", [CK_BLOB] = "BLOB", [CK_ENUM] = "ENUM",
    [CK_SET] = "SET", [CK_DATE] = "DATE", [CK_TIME] = "TIME", [CK_DATETIME] = "DATETIME",
    [CK_TIMESTAMP] = "TIMESTAMP", [CK_YEAR] = "YEAR", [CK_JSON] = "JSON",
    [CK_GEOMETRY] = "GEOMETRY", [CK_VECTOR] = "VECTOR", [CK_UUID] = "UUID", [CK_INET4] = "INET4",
    [CK_INET6] = "INET6", [CK_UNKNOWN] = "UNKNOWN",
};
/* clang-format on */

enum column_kind type_kind(const char *data_type, unsigned *ret_int_bytes)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (strcasecmp(types[i].data_type, data_type) == 0) {
            *ret_int_bytes = types[i].int_bytes;
            return types[i].kind;
        }
    }
    *ret_int_bytes = 0;
    return CK_UNKNOWN;
}

const char *type_kind_name(enum column_kind kind)
{
    return (unsigned)kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : "UNKNOWN";
}

unsigned type_width(const char *column_type)
{
    const char *at = strchr(column_type, '(');
    unsigned v = 0;

    if (at == NULL)
        return 0;
    for (at++; isdigit((unsigned char)*at) && v < 100 * 1000 * 1000; at++)
        v = v * 10 + (unsigned)(*at - '0');
    return v;
}

static char unescape(char c)
{
    switch (c) {
    case '0':
        return '\0';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    default:
        return c;
    }
}

/* One label; *at stands on its first quote and moves behind its last. False: no end. */
static bool read_label(const char **at, struct strbuf *ret)
{
    const char *p = *at + 1;

    for (; *p != '\0'; p++) {
        if (*p == '\\' && p[1] != '\0') {
            strbuf_addc(ret, unescape(*++p));
        } else if (*p != '\'') {
            strbuf_addc(ret, *p);
        } else if (p[1] == '\'') {
            strbuf_addc(ret, *p++);
        } else {
            *at = p + 1;
            return true;
        }
    }
    return false;
}

int type_labels(const char *column_type, struct json_object **ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf label = STRBUF(LABEL_MAX_BYTES);
    _cleanup_(json_putp)
    struct json_object *list = json_object_new_array();
    const char *at = strchr(column_type, '(');

    if (list == NULL)
        return err_set(err, ERR_NOMEM, "no memory for labels");
    do {
        struct json_object *text;

        if (at == NULL || *++at != '\'')
            return err_set(err, ERR_DB_QUERY, "labels are not understood: %.200s", column_type);
        strbuf_reset(&label);
        if (!read_label(&at, &label))
            return err_set(err, ERR_DB_QUERY, "labels are not understood: %.200s", column_type);
        if (strbuf_check(&label, err) < 0)
            return -1;
        text = json_object_new_string_len(strbuf_str(&label), (int)label.len);
        if (text == NULL || json_object_array_add(list, text) < 0)
            return err_set(err, ERR_NOMEM, "no memory for labels");
    } while (*at == ',');
    if (*at != ')')
        return err_set(err, ERR_DB_QUERY, "labels are not understood: %.200s", column_type);
    *ret = take_ptr(list);
    return 0;
}

static bool is_label(struct json_object *labels, const char *text)
{
    for (size_t i = 0; i < json_len(labels); i++) {
        const char *label = json_at_str(labels, i);

        if (label != NULL && strcmp(label, text) == 0)
            return true;
    }
    return false;
}

void type_enum_zero(struct json_object *labels, struct json_object *other,
                    char ret[static TYPE_ENUM_ZERO_SIZE])
{
    for (size_t n = 1; n < TYPE_ENUM_ZERO_SIZE; n++) {
        memset(ret, '0', n);
        ret[n] = '\0';
        if (!is_label(labels, ret) && !is_label(other, ret))
            return;
    }
    ret[0] = '\0';
}
