/* A column's attributes: which of them matter for its values and keys. */
#include <string.h>
#include <strings.h>

#include "workers/mysql/ddl/evolve_priv.h"
#include "workers/mysql/ddl/parse_priv.h"

#include "base/banned.h"

struct attributes {
    struct type_text type;
    bool null, not_null; /* the last one written */
    bool auto_increment, generated, invisible, primary, unique, versioned;
    struct ddl_item reference; /* inline REFERENCES: ITEM_FOREIGN_KEY where there is one */
};

/* Words that begin an attribute: a default without parentheses ends in front of them. */
static const char *const starts[] = {
    "NOT",
    "NULL",
    "DEFAULT",
    "ON",
    "AUTO_INCREMENT",
    "SERIAL",
    "PRIMARY",
    "KEY",
    "UNIQUE",
    "COMMENT",
    "COLLATE",
    "CHARACTER",
    "CHARSET",
    "GENERATED",
    "AS",
    "VISIBLE",
    "INVISIBLE",
    "CONSTRAINT",
    "CHECK",
    "REFERENCES",
    "STORAGE",
    "SRID",
    "COMPRESSED",
    "COLUMN_FORMAT",
    "WITH",
    "WITHOUT",
    "VIRTUAL",
    "STORED",
    "PERSISTENT",
    "REF_SYSTEM_ID",
    "ENGINE_ATTRIBUTE",
    "SECONDARY_ENGINE_ATTRIBUTE",
};

static int skip_one(struct ddl_cursor *c)
{
    if (dc_is_punct(c, '('))
        return dc_parentheses(c);
    if (dc_end(c))
        return dc_fail(c, "a value");
    c->at++;
    return 0;
}

/* Literals, signed numbers, functions; in MariaDB any expression. */
static int skip_default(struct ddl_cursor *c)
{
    if (skip_one(c) < 0)
        return -1;
    while (!dc_end(c) && dc_word_of(c, starts, ARRAY_SIZE(starts)) == ARRAY_SIZE(starts))
        if (skip_one(c) < 0)
            return -1;
    return 0;
}

/* = value, the sign may be left out */
static int skip_value(struct ddl_cursor *c)
{
    (void)dc_accept_punct(c, '=');
    return skip_one(c);
}

static int expression(struct ddl_cursor *c, struct attributes *a)
{
    if (dc_is2(c, "ROW", "START") || dc_is2(c, "ROW", "END")) {
        a->versioned = true;
        c->at += 2;
        return 0;
    }
    a->generated = true;
    if (dc_parentheses(c) < 0)
        return -1;
    if (!dc_accept(c, "VIRTUAL") && !dc_accept(c, "STORED"))
        (void)dc_accept(c, "PERSISTENT");
    return 0;
}

static int key_attribute(struct ddl_cursor *c, struct attributes *a)
{
    if (dc_accept2(c, "PRIMARY", "KEY") || dc_accept(c, "KEY")) {
        a->primary = true;
        return 1;
    }
    if (dc_accept(c, "UNIQUE")) {
        (void)dc_accept(c, "KEY");
        a->unique = true;
        return 1;
    }
    return 0;
}

static int null_attribute(struct ddl_cursor *c, struct attributes *a)
{
    if (dc_accept2(c, "NOT", "NULL")) {
        a->not_null = true;
        a->null = false;
    } else if (dc_accept(c, "NULL")) {
        a->null = true;
        a->not_null = false;
    } else {
        return 0;
    }
    return 1;
}

/* [CONSTRAINT [name]] CHECK (…) [[NOT] ENFORCED]; a reference may have a name too (MariaDB). */
static int check_attribute(struct ddl_cursor *c)
{
    if (dc_accept(c, "CONSTRAINT") && !dc_is(c, "CHECK") && !dc_is(c, "REFERENCES") &&
        skip_one(c) < 0)
        return -1;
    if (dc_is(c, "REFERENCES"))
        return 1;
    if (dc_expect(c, "CHECK") < 0 || dc_parentheses(c) < 0)
        return -1;
    if (!dc_accept2(c, "NOT", "ENFORCED"))
        (void)dc_accept(c, "ENFORCED");
    return 1;
}

/* COMPRESSED[=zlib] (MariaDB) */
static int compressed(struct ddl_cursor *c, struct attributes *a)
{
    a->type.compressed = true;
    if (dc_is_punct(c, '='))
        return skip_value(c);
    return 0;
}

/* Attributes that say nothing of values: 1 skipped, 0 none of them, -1. */
static int other_attribute(struct ddl_cursor *c)
{
    static const char *const valued[] = { "COMMENT",
                                          "COLUMN_FORMAT",
                                          "STORAGE",
                                          "SRID",
                                          "REF_SYSTEM_ID",
                                          "ENGINE_ATTRIBUTE",
                                          "SECONDARY_ENGINE_ATTRIBUTE" };

    if (dc_word_of(c, valued, ARRAY_SIZE(valued)) < ARRAY_SIZE(valued) ||
        (tokens_is_name(c->t, c->at) && tokens_punct(c->t, c->at + 1, '='))) {
        c->at++;
        return skip_value(c) < 0 ? -1 : 1;
    }
    if (dc_accept(c, "DEFAULT"))
        return skip_default(c) < 0 ? -1 : 1;
    if (dc_accept2(c, "ON", "UPDATE")) {
        if (skip_one(c) < 0)
            return -1;
        return dc_is_punct(c, '(') && dc_parentheses(c) < 0 ? -1 : 1;
    }
    if (dc_is(c, "WITH") || dc_is(c, "WITHOUT")) { /* SYSTEM VERSIONING of one column */
        c->at++;
        return !dc_accept2(c, "SYSTEM", "VERSIONING") ? dc_fail(c, "SYSTEM VERSIONING") : 1;
    }
    return dc_accept(c, "VISIBLE") || dc_accept2(c, "NOT", "SECONDARY") ? 1 : 0;
}

static int attribute(struct ddl_cursor *c, struct attributes *a)
{
    int got = type_attribute(c, &a->type);

    if (got == 0)
        got = null_attribute(c, a);
    if (got == 0)
        got = key_attribute(c, a);
    if (got != 0)
        return got < 0 ? -1 : 0;
    if (dc_accept2(c, "SERIAL", "DEFAULT")) {
        a->unique = a->auto_increment = a->not_null = true;
        a->null = false;
        return dc_expect(c, "VALUE");
    }
    if (dc_accept(c, "AUTO_INCREMENT")) {
        a->auto_increment = a->not_null = true;
        a->null = false;
        return 0;
    }
    if (dc_accept(c, "INVISIBLE")) {
        a->invisible = true;
        return 0;
    }
    if (dc_accept(c, "COMPRESSED"))
        return compressed(c, a);
    if (dc_accept2(c, "GENERATED", "ALWAYS"))
        return dc_expect(c, "AS") < 0 ? -1 : expression(c, a);
    if (dc_accept(c, "AS"))
        return expression(c, a);
    if (dc_is(c, "CONSTRAINT") || dc_is(c, "CHECK"))
        return check_attribute(c) < 0 ? -1 : 0;
    if (dc_is(c, "REFERENCES"))
        return dc_reference(c, &a->reference);
    got = other_attribute(c);
    return got == 0 ? dc_fail(c, "an attribute of a column") : got < 0 ? -1 : 0;
}

/* ---- meaning ---- */

/* MySQL 9.0 and MariaDB 10.5 make a foreign key of it; older servers read it and forget it. */
static bool references_count(const struct draft *d)
{
    return d->f->mariadb ? d->f->version >= 100500 : d->f->version >= 90000;
}

static int add_inline_keys(struct draft *d, const struct attributes *a, const char *name)
{
    struct draft_key *k;

    if (a->primary) {
        k = draft_add_key(d, KEY_PRIMARY, NULL);
        if (k == NULL || draft_add_part(d, k, name, 0) < 0)
            return -1;
    }
    if (a->unique || a->type.serial) {
        k = draft_add_key(d, KEY_UNIQUE, NULL);
        if (k == NULL || draft_add_part(d, k, name, 0) < 0)
            return -1;
    }
    return 0;
}

static int add_inline_reference(struct draft *d, struct attributes *a, const char *name)
{
    struct ddl_item item = a->reference;
    struct ddl_key_part part = { 0 };
    int rc;

    if (item.rename.name == NULL || !references_count(d))
        return 0;
    if (draft_text(d, &part.column, name) < 0)
        return -1;
    item.parts = &part;
    item.part_count = 1;
    rc = draft_fk_item(d, &item);
    free(part.column);
    return rc;
}

static bool is_nullable(const struct draft *d, const struct attributes *a, const struct column *c)
{
    if (a->not_null || a->type.serial || a->primary)
        return false;
    /* without explicit_defaults_for_timestamp a TIMESTAMP may be NULL only where it says so */
    if (c->kind == CK_TIMESTAMP && !d->c->explicit_timestamps && !(a->generated && d->f->mariadb))
        return a->null;
    return true;
}

static int meaning(struct draft *d, struct attributes *a, const char *name, struct column *c)
{
    if (a->versioned)
        return err_set(d->err, ERR_NOT_SUPPORTED, "%s.%s: system versioning is not supported",
                       d->db, d->name);
    if (draft_text(d, &c->name, name) < 0 || type_apply(d, &a->type, c) < 0)
        return -1;
    c->nullable = is_nullable(d, a, c);
    c->generated = a->generated;
    c->invisible = a->invisible;
    c->auto_increment = a->auto_increment || a->type.serial;
    if (add_inline_keys(d, a, name) < 0)
        return -1;
    return add_inline_reference(d, a, name);
}

static void attributes_done(struct attributes *a)
{
    type_text_done(&a->type);
    dc_reference_done(&a->reference);
}

int column_define(struct draft *d, const struct ddl_item *item, const char *name,
                  struct column *ret)
{
    struct tokens definition = d->s->tokens;
    struct ddl_cursor c = { .verb = d->s->verb,
                            .t = &definition,
                            .default_db = d->db,
                            .no_backslash_escapes =
                                (d->c->sql_mode & SQL_MODE_NO_BACKSLASH_ESCAPES) != 0,
                            .err = d->err };
    struct attributes a = { 0 };
    int rc;

    definition.list += item->definition.from;
    definition.count = item->definition.to - item->definition.from;
    rc = type_read(&c, &a.type);
    while (rc == 0 && !dc_end(&c))
        rc = attribute(&c, &a);
    if (rc == 0)
        rc = meaning(d, &a, name, ret);
    attributes_done(&a);
    return rc;
}
