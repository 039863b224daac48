/*
 * How the columns of one table travel: what is selected at the source, and the statement that
 * stores it at the target. Values are the columns' own bytes; only BIT, MySQL's JSON and texts
 * whose character set differs at the two ends need an expression. Pure: no server is asked.
 */
#ifndef WORKERS_CONVERT_CARRY_H
#define WORKERS_CONVERT_CARRY_H

#include "base/err.h"
#include "base/strbuf.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/types.h"

enum carry_how {
    CARRY_PLAIN,   /* the bytes as they are */
    CARRY_BIT,     /* as a number */
    CARRY_CHARSET, /* bytes of from_charset, converted by the target */
};

struct carried {
    const struct column *src, *dst;
    enum carry_how how;
    bool number_like;         /* digits and punctuation of ASCII: needs no _binary */
    const char *from_charset; /* CARRY_CHARSET */
    /*
     * ENUM at both ends: how number 0, the empty value of a text that was no label, is written.
     * Some zeros that are no label: the servers then read them as a number. "" for all other types.
     */
    char enum_zero[TYPE_ENUM_ZERO_SIZE];
};

struct carry {
    const struct table *src;
    struct carried *columns;
    size_t count;
};

/*
 * carry_init() - pairs the selected columns with the target's by name, ignoring case
 *
 * @faults  what does not fit is added here, one clause a column ("no column `b`; …"), all of it
 * Borrows both tables. 0 also with faults; -1: ERR_NOMEM.
 */
int carry_init(struct carry *c, const struct table *src, const struct table *dst,
               struct strbuf *faults, struct err *err);
void carry_done(struct carry *c);
/* carry_find(): index of the source column in c->columns, or -1. */
int carry_find(const struct carry *c, const struct column *src);

/* How rows are written down for the target. */
enum carry_form {
    FORM_INSERT, /* "(…)," behind the head of a multi-row INSERT */
    FORM_LOAD,   /* LOAD DATA's lines */
    FORM_BULK,   /* values of conn_bulk() */
};

enum write_mode {
    WRITE_REPLACE, /* the new row wins over one with an equal key */
    WRITE_KEEP,    /* the row that is there stays */
    WRITE_PLAIN,   /* there must be none */
};

void carry_select(struct strbuf *b, const struct carry *c); /* "`a`, (`b`+0)" */
void carry_select_column(struct strbuf *b, const struct carried *c);
void carry_load_sql(struct strbuf *b, const struct carry *c, const struct table *dst,
                    enum write_mode mode);
/* The INSERT path: statement = head, rows separated by commas, tail. */
void carry_insert_head(struct strbuf *b, const struct carry *c, const struct table *dst,
                       enum write_mode mode);
void carry_insert_tail(struct strbuf *b, const struct carry *c, enum write_mode mode);
/* carry_bulk_sql(): head and one row of "?". carry_can_bulk(): not with number 0 of an ENUM, which
 * needs another sql_mode, nor where the target's own rows are to stay. */
void carry_bulk_sql(struct strbuf *b, const struct carry *c, const struct table *dst,
                    enum write_mode mode);
bool carry_can_bulk(const struct carry *c, enum write_mode mode);

/*
 * carry_enum_zeros() - how many values of this row are number 0 of an ENUM
 *
 * MySQL stores them as any other value; MariaDB says "Data truncated" (1265) for each, which is an
 * error in a strict sql_mode.
 */
unsigned carry_enum_zeros(const struct carry *c, char *const *row, const unsigned long *lengths);

/*
 * carry_check_row() - values that the target would take, but change
 *
 * Numbers inside a document for a JSON column: ERR_VALUE naming column, number and the row's key.
 */
int carry_check_row(const struct carry *c, char *const *row, const unsigned long *lengths,
                    struct err *err);

/* One row in a form's own format: LOAD DATA's with its newline, "(…)," for INSERT. */
void carry_load_row(struct strbuf *b, const struct carry *c, char *const *row,
                    const unsigned long *lengths);
void carry_insert_row(struct strbuf *b, const struct carry *c, char *const *row,
                      const unsigned long *lengths);
void carry_bulk_row(struct strbuf *b, const struct carry *c, char *const *row,
                    const unsigned long *lengths);
/*
 * carry_literal() - one value of carry_select() for its column, as a person may run it
 *
 * Printable ASCII without backslashes, whatever character set or sql_mode the session has: plain
 * where the value is that, else hex digits.
 */
void carry_literal(struct strbuf *b, const struct carried *c, const char *data, size_t len);
bool carry_is_enum_zero(const struct carried *c, const char *data, size_t len);
/* carry_value(): one value as carry_insert_row() has it, for a session of ours. */
void carry_value(struct strbuf *b, const struct carried *c, const char *data, size_t len);
/* carry_field(): readable text of a field of such a row, for messages; cut and cleaned. */
void carry_field(struct strbuf *b, const char *row, size_t len, enum carry_form form, size_t field);

#endif
