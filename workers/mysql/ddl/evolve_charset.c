/* Character sets and collations: what is written, what follows from defaults. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/catalog_priv.h"
#include "workers/mysql/ddl/evolve_priv.h"
#include "workers/mysql/types.h"

#include "base/banned.h"

enum { COLLATION_NAME_MAX = 128 };

/* MAXLEN of information_schema.CHARACTER_SETS, the same on every server; the others have 1. */
static const struct {
    const char *charset;
    unsigned bytes;
} widths[] = {
    { "big5", 2 },    { "cp932", 2 },    { "eucjpms", 3 }, { "euckr", 2 }, { "gb18030", 4 },
    { "gb2312", 2 },  { "gbk", 2 },      { "sjis", 2 },    { "ucs2", 2 },  { "ujis", 3 },
    { "utf16", 4 },   { "utf16le", 4 },  { "utf32", 4 },   { "utf8", 3 },  { "utf8mb3", 3 },
    { "utf8mb4", 4 }, { "filename", 5 },
};

unsigned charset_bytes(const char *charset)
{
    for (size_t i = 0; i < ARRAY_SIZE(widths); i++)
        if (strcasecmp(widths[i].charset, charset) == 0)
            return widths[i].bytes;
    return 1;
}

/* Least bytes of a character: TEXT's CHARACTER_MAXIMUM_LENGTH is counted in them. */
static unsigned least_bytes(const char *charset)
{
    if (strcasecmp(charset, "utf32") == 0)
        return 4;
    return strncasecmp(charset, "utf16", 5) == 0 || strcasecmp(charset, "ucs2") == 0 ? 2 : 1;
}

/* The server's own spelling of a collation; NULL: it has none of that name. */
static const char *spelling(const struct facts *f, const char *collation)
{
    const char *key;
    size_t pos = 0;
    void *value;

    while (map_next(f->collations, &pos, &key, &value))
        if (value != NULL && strcasecmp(value, collation) == 0)
            return value;
    return NULL;
}

const char *collation_of(struct draft *d, const char *collation, const char *charset)
{
    static const char old[] = "utf8_", new[] = "utf8mb3_";
    char name[COLLATION_NAME_MAX];
    const char *found = spelling(d->f, collation);

    if (found == NULL && strncasecmp(collation, old, sizeof(old) - 1) == 0) {
        (void)snprintf(name, sizeof(name), "%s%s", d->f->utf8_is_utf8mb4 ? "utf8mb4_" : new,
                       collation + sizeof(old) - 1);
        found = spelling(d->f, name);
    } else if (found == NULL && strncasecmp(collation, new, sizeof(new) - 1) == 0) {
        (void)snprintf(name, sizeof(name), "%s%s", old, collation + sizeof(new) - 1);
        found = spelling(d->f, name);
    } else if (found == NULL && charset != NULL) { /* MariaDB's uca1400_… without its set */
        (void)snprintf(name, sizeof(name), "%s_%s", charset, collation);
        found = spelling(d->f, name);
    }
    if (found == NULL)
        (void)err_set(d->err, ERR_NOT_SUPPORTED, "%s.%s: the collation %s is not known", d->db,
                      d->name, collation);
    return found;
}

const char *charset_default(struct draft *d, const char *charset)
{
    const char *found = facts_charset_collation(d->f, charset);

    if (strcasecmp(charset, "utf8mb4") == 0 && !d->f->mariadb && d->c->utf8mb4_collation != NULL)
        return collation_of(d, d->c->utf8mb4_collation, NULL);
    if (found == NULL)
        (void)err_set(d->err, ERR_NOT_SUPPORTED, "%s.%s: the character set %s is not known", d->db,
                      d->name, charset);
    return found;
}

const char *charset_of(struct draft *d, const char *collation)
{
    const char *found = facts_collation_charset(d->f, collation);

    if (found == NULL)
        (void)err_set(d->err, ERR_NOT_SUPPORTED, "%s.%s: the collation %s has no character set",
                      d->db, d->name, collation);
    return found;
}

static bool is_text(const struct column *c)
{
    return c->kind == CK_CHAR || c->kind == CK_VARCHAR || c->kind == CK_TEXT ||
           c->kind == CK_ENUM || c->kind == CK_SET;
}

/* ---- of the table ---- */

static const char *database_default(struct draft *d)
{
    const char *found = facts_database_collation(d->f, d->db);

    if (found == NULL)
        (void)err_set(d->err, ERR_NOT_SUPPORTED,
                      "%s.%s: the default collation of database %s is not known", d->db, d->name,
                      d->db);
    return found;
}

/* One option's collation: of COLLATE, else the set's default; "" is DEFAULT. */
static const char *option_collation(struct draft *d, const struct ddl_item *item)
{
    if (item->collation != NULL && *item->collation != '\0') {
        const char *now = d->collation != NULL ? facts_collation_charset(d->f, d->collation) : NULL;

        return collation_of(d, item->collation, item->charset != NULL ? item->charset : now);
    }
    if (item->charset != NULL && *item->charset != '\0')
        return charset_default(d, item->charset);
    return database_default(d);
}

/*
 * MySQL up to 5.7 does nothing at all for a CONVERT TO, alone in its statement, that changes no
 * column: not even the table's default.
 */
static bool converts_nothing(const struct draft *d)
{
    if (d->convert_to == NULL || d->before == NULL || d->f->mariadb || d->f->version >= 80000)
        return false;
    for (size_t i = 0; i < d->s->item_count; i++)
        if (d->s->items[i].kind != ITEM_CONVERT && d->s->items[i].kind != ITEM_NOTHING)
            return false;
    for (size_t i = 0; i < d->before->column_count; i++) {
        const struct column *c = &d->before->columns[i];

        if (is_text(c) && c->collation != NULL && strcasecmp(c->collation, "binary") != 0 &&
            strcasecmp(c->collation, d->convert_to) != 0)
            return false;
    }
    return true;
}

static bool has_charset_option(const struct draft *d)
{
    for (size_t i = 0; i < d->s->item_count; i++)
        if (d->s->items[i].kind == ITEM_OPTION && d->s->items[i].charset != NULL)
            return true;
    return false;
}

int draft_collations(struct draft *d)
{
    bool explicit_collation = false;
    const char *collation;

    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];

        if ((item->kind != ITEM_OPTION && item->kind != ITEM_CONVERT) ||
            (item->charset == NULL && item->collation == NULL))
            continue;
        if ((d->f->mariadb || d->f->version >= 80000) && explicit_collation &&
            item->kind == ITEM_OPTION && item->collation == NULL)
            continue; /* COLLATE latin1_bin CHARSET latin1: what was said stays */
        explicit_collation |= item->collation != NULL;
        collation = option_collation(d, item);
        if (collation == NULL)
            return -1;
        /* MariaDB: beside CHARACTER SET x, CONVERT TO changes the columns only */
        if (!(item->kind == ITEM_CONVERT && d->f->mariadb && has_charset_option(d)) &&
            draft_text(d, &d->collation, collation) < 0)
            return -1;
        if (item->kind == ITEM_CONVERT && draft_text(d, &d->convert_to, collation) < 0)
            return -1;
        if (item->kind == ITEM_OPTION && d->convert_to != NULL && item->collation != NULL &&
            draft_text(d, &d->convert_to, collation) < 0)
            return -1; /* CONVERT TO CHARACTER SET x, COLLATE y */
    }
    if (converts_nothing(d))
        return draft_text(d, &d->collation, d->before->collation);
    if (d->collation != NULL)
        return 0;
    collation = d->before != NULL ? d->before->collation : NULL;
    if (collation == NULL)
        collation = database_default(d);
    return collation == NULL ? -1 : draft_text(d, &d->collation, collation);
}

/* ---- of a column ---- */

/* CHAR, VARCHAR and TEXT of the set "binary" are BINARY, VARBINARY and BLOB. */
static int make_binary(struct draft *d, struct column *c)
{
    struct strbuf text = STRBUF(64);
    const char *data_type = c->kind == CK_CHAR ? "binary" : "varbinary";
    unsigned int_bytes;
    int rc;

    if (c->kind == CK_ENUM || c->kind == CK_SET)
        return d->f->mariadb || d->f->version < 80000
                   ? draft_text(d, &c->charset, "binary") < 0 ||
                             draft_text(d, &c->collation, "binary") < 0
                         ? -1
                         : 0
                   : 0;
    if (c->kind == CK_TEXT) {
        c->kind = CK_BLOB;
        return type_string_size(d, c, c->octets);
    }
    strbuf_addf(&text, "%s(%u)", data_type, c->length);
    rc = draft_text(d, &c->type_text, strbuf_str(&text)) < 0 ||
                 draft_text(d, &c->data_type, data_type) < 0
             ? -1
             : 0;
    strbuf_done(&text);
    c->octets = c->length;
    c->kind = type_kind(data_type, &int_bytes);
    return rc;
}

int column_set_collation(struct draft *d, struct column *c, const char *collation)
{
    const char *charset = charset_of(d, collation);
    uint64_t bytes;

    if (charset == NULL)
        return -1;
    free(take_ptr(c->charset));
    free(take_ptr(c->collation));
    if (strcasecmp(charset, "binary") == 0) {
        if (make_binary(d, c) < 0)
            return -1;
    } else if (draft_text(d, &c->charset, charset) < 0 ||
               draft_text(d, &c->collation, collation) < 0) {
        return -1;
    }
    c->binary_collation = column_equal_is_bytes(c);
    if (c->kind == CK_TEXT)
        c->length = c->octets / least_bytes(charset);
    bytes = (uint64_t)c->length * charset_bytes(charset);
    if (c->kind == CK_VARCHAR && bytes > varchar_bytes_max(d)) { /* without strict mode */
        c->kind = CK_TEXT;
        if (type_string_size(d, c, bytes) < 0)
            return -1;
        c->length = c->octets / least_bytes(charset);
        return 0;
    }
    if (is_text(c) && c->kind != CK_TEXT)
        c->octets = (unsigned)bytes;
    return 0;
}

int column_convert(struct draft *d, struct column *c)
{
    uint64_t chars;

    if (d->convert_to == NULL || !is_text(c) || c->collation == NULL ||
        strcasecmp(c->collation, "binary") == 0)
        return 0;
    /* a TEXT keeps its room for so many characters, in bytes of the new set */
    chars = c->octets / charset_bytes(c->charset);
    if (c->kind == CK_TEXT) {
        const char *charset = charset_of(d, d->convert_to);

        if (charset == NULL || type_string_size(d, c, chars * charset_bytes(charset)) < 0)
            return -1;
    }
    return column_set_collation(d, c, d->convert_to);
}
