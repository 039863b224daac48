/* How the two ends of a column are made comparable: shared by normal_form.c, normal.c and
 * normal_equals.c. Pure. */
#ifndef WORKERS_VERIFY_NORMAL_PRIV_H
#define WORKERS_VERIFY_NORMAL_PRIV_H

#include "workers/mysql/types.h"
#include "workers/verify/normal.h"

enum form_kind {
    FORM_NUMBER,   /* decimal digits */
    FORM_YEAR,     /* four digits */
    FORM_REAL,     /* the point (value, 0) as both lineages store it: SRID 0 and WKB */
    FORM_TEXT,     /* in `charset` */
    FORM_BYTES,    /* as they are, geometry and VECTOR among them */
    FORM_ENUM,     /* label in UTF-8 */
    FORM_SET,      /* labels in UTF-8, in the source's order */
    FORM_SET_BITS, /* a number, bits in the source's order: a label is empty */
    FORM_DATE,
    FORM_TIME,
    FORM_MOMENT,  /* DATE, DATETIME, TIMESTAMP at +00:00 */
    FORM_DOCUMENT /* JSON's text as MySQL writes it */
};

struct form {
    enum form_kind kind;
    unsigned digits;                     /* behind the point */
    const char *charset;                 /* FORM_TEXT: "utf8mb4", or the one both ends have */
    char enum_zero[TYPE_ENUM_ZERO_SIZE]; /* FORM_ENUM: what number 0 is told as; "": as '' */
    bool same_labels;                    /* FORM_SET*: both ends write them in the same order */
    const char *clash;                   /* static: why the columns can't hold the same values */
    const char *left_out;                /* static: why they are not compared */
    bool kinds_differ;                   /* the clash is that of two types */
};

enum {
    WKB_REAL_AT = 9,   /* SRID (4), byte order (1), type (4); then x */
    WKB_REAL_LEN = 25, /* and y */
};

/* form_of(): by the definitions alone, so the same wherever it is asked. */
struct form form_of(const struct column *s, const struct column *d);
/* form_of_back(): the same where changes are carried back, too. */
struct form form_of_back(const struct column *s, const struct column *d);

/*
 * form_add_value(), form_add_sum() - the expressions of one end
 *
 * @signless  MariaDB is at one of the ends: it stores no negative zero
 * @digest    as the CRC32 of the value
 */
void form_add_value(struct strbuf *b, const struct form *f, const struct normal *n, enum end end,
                    bool signless);
void form_add_sum(struct strbuf *b, const struct form *f, const struct normal *n, enum end end,
                  bool signless, bool digest);

/* form_most_bytes(): how long a `sum` may get, at either end; UINT32_MAX and more: any length. */
uint64_t form_most_bytes(const struct form *f, const struct normal *n);
bool form_any_byte(const struct form *f, const struct normal *n);
bool form_same_order(const struct form *f, const struct normal *n);

/* form_set_bit(): FORM_SET_BITS: where the bit of the target's label `own` stands. */
unsigned form_set_bit(const struct normal *n, unsigned own);

/* Character sets by name. */
bool charset_is_utf8(const char *name);       /* utf8, utf8mb3, utf8mb4 */
bool charset_reads_as_utf8(const char *name); /* and ascii */
/* column_charset(): of the text its values are; NULL: bytes. */
const char *column_charset(const struct column *c);
/* label_position(): where `label` stands among the labels, -1: nowhere. */
int label_position(struct json_object *labels, const char *label);

#endif
