/* What evolve*.c share; nobody else includes it. */
#ifndef WORKERS_MYSQL_DDL_EVOLVE_PRIV_H
#define WORKERS_MYSQL_DDL_EVOLVE_PRIV_H

#include "workers/mysql/ddl/evolve.h"

/* A table in the making: columns and keys by name, until all of them are known. */
struct draft_column {
    struct column c;
    int origin;           /* in `before`; -1: new */
    const char *old_name; /* of a column that was there; else NULL */
    bool selected;
};

struct draft_part {
    char *column; /* NULL: an expression */
    unsigned prefix;
};

struct draft_key {
    enum key_kind kind;
    char *name;              /* NULL: the server's choice */
    char *method;            /* "HASH" where it is written or was so; else NULL */
    bool kept;               /* of `before`: comes first */
    size_t item;             /* that made it: the others are in their order */
    bool generated, ignored; /* made for a foreign key; covered by another key */
    bool functional;
    struct draft_part *parts;
    size_t part_count;
};

struct draft {
    const struct ddl_statement *s;
    const struct evolve_context *c;
    const struct facts *f;
    const struct table *before; /* NULL: CREATE TABLE */
    const char *db, *name;
    char *engine;
    char *collation;  /* of the table */
    char *convert_to; /* collation of CONVERT TO CHARACTER SET, or NULL */
    bool partitioned;
    struct draft_column *columns;
    size_t column_count;
    struct draft_key *keys;
    size_t key_count;
    struct foreign_key *fks;
    size_t fk_count;
    size_t item; /* at work on */
    struct err *err;
};

int draft_nomem(struct draft *d);
/* draft_text(): *to becomes a copy of `text`. */
int draft_text(struct draft *d, char **to, const char *text);

/* ---- evolve_charset.c ---- */

/* charset_bytes(): most bytes of a character; 1 for a set not known. */
unsigned charset_bytes(const char *charset);
/* collation_of(): the collation's full name as the server has it; NULL, told: not known. */
const char *collation_of(struct draft *d, const char *collation, const char *charset);
/* charset_default(): of a character set, by the event's settings; NULL, told: not known. */
const char *charset_default(struct draft *d, const char *charset);
/* charset_of(): of a collation; NULL, told. */
const char *charset_of(struct draft *d, const char *collation);
/* draft_collations(): d->collation and d->convert_to by the statement's options. */
int draft_collations(struct draft *d);
/* column_set_collation(): charset, collation and what follows: octets, BINARY for CHAR … */
int column_set_collation(struct draft *d, struct column *c, const char *collation);
/* column_convert(): what CONVERT TO CHARACTER SET makes of a column that is there. */
int column_convert(struct draft *d, struct column *c);

/* ---- evolve_type.c ---- */

struct type_text {         /* what was written behind the type's name, and of the attributes */
    const char *data_type; /* as information_schema has it */
    bool national, boolean, serial, real;
    bool has_length, has_scale;
    uint64_t length;
    unsigned scale;
    bool is_unsigned, zerofill;
    bool binary, ascii, unicode, byte, compressed;
    char *charset, *collation; /* NULL: not written */
    struct json_object *labels;
};
void type_text_done(struct type_text *t);
struct ddl_cursor;
int type_read(struct ddl_cursor *c, struct type_text *ret);
/* type_attribute(): UNSIGNED, CHARACTER SET …; 1 it was one, 0 no, -1. */
int type_attribute(struct ddl_cursor *c, struct type_text *t);
/* type_apply(): data_type, type_text, kind, lengths, character set. */
int type_apply(struct draft *d, const struct type_text *t, struct column *c);
int type_string_size(struct draft *d, struct column *c, uint64_t bytes); /* tinytext … longtext */
unsigned varchar_bytes_max(const struct draft *d); /* a longer one becomes a TEXT or an error */

/* ---- evolve_column.c ---- */

/* column_define(): a column of an item's definition; its keys and references are added to `d`. */
int column_define(struct draft *d, const struct ddl_item *item, const char *name,
                  struct column *ret);

/* ---- evolve_key.c ---- */

struct draft_key *draft_add_key(struct draft *d, enum key_kind kind, const char *name);
int draft_add_part(struct draft *d, struct draft_key *k, const char *column, unsigned prefix);
int draft_index_item(struct draft *d, const struct ddl_item *item);
int draft_fk_item(struct draft *d, const struct ddl_item *item);
int draft_keep_keys(struct draft *d); /* those of `before` that stay */
int draft_keep_fks(struct draft *d);
/* draft_build_keys(): names, covered ones, NOT NULL of the primary key; then table->indexes. */
int draft_build_keys(struct draft *d, struct table *t);
void draft_key_done(struct draft_key *k);

#endif
