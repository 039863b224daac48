/* Reading rows at both ends, and the statement made of them; for differing*.c and mend.c. */
#ifndef WORKERS_VERIFY_DIFFERING_PRIV_H
#define WORKERS_VERIFY_DIFFERING_PRIV_H

#include "workers/convert/carry.h"
#include "workers/verify/differing.h"

enum {
    VALUE_MAX = 4096,        /* bytes of a value that are shown, or compared as they are */
    LITERAL_MAX = 32 * 1024, /* bytes of a value that go into a correction */
    CORRECTION_MAX = 64 * 1024,
    ROWS_MET_MAX = 20, /* rows of one end that a key may equal */
    READ_SQL_MAX = 8 * 1024 * 1024,
    MESSAGE_MAX = 400,
};

/* What is read of each row. */
struct reading {
    const struct differing_table *t;
    struct carry carry;
    struct strbuf faults; /* why a row could not be written; empty: it could */
    unsigned *columns;    /* compared ones: indexes into normals->columns */
    size_t count;
    bool whole;                  /* the source's values however long they are */
    const char *locks[END_MAX_]; /* behind the statements; "" */
};
int reading_new(const struct differing_table *t, struct reading *ret, struct err *err);
void reading_done(struct reading *r);
/* reading_select(): "SELECT … FROM …": the key's normal values, three cells a compared column, and
 * of the source the values to be carried. */
void reading_select(struct strbuf *b, const struct reading *r, enum end end);
const struct normal *reading_column(const struct reading *r, size_t i);

struct read_row {
    enum end end;
    size_t count;
    char **cells;
    unsigned long *lengths;
};
void read_row_done(struct read_row *r);
int read_row_copy(struct read_row *to, enum end end, const struct result *from, struct err *err);
/* A compared column: whether it is NULL; bytes that are equal for equal values. */
struct read_value {
    bool null, digest; /* digest: `bytes` is SHA-256 in hex digits */
    const char *bytes, *shown;
    size_t len, shown_len;
};
struct read_value read_value_of(const struct reading *r, const struct read_row *row, size_t i);
bool read_value_equal(const struct read_value *a, const struct read_value *b);
/* read_row_key(): the key of a row, a copy. */
int read_row_key(const struct reading *r, const struct read_row *row, struct row_key *ret,
                 struct err *err);
/* reading_carried_cell(): where a source row has the length and the value of a carried column. */
size_t reading_carried_cell(const struct reading *r, size_t i);
/* reading_is_cut(): some value of the source's row was too long to be read. */
bool reading_is_cut(const struct reading *r, const struct read_row *row);

/* A row at both ends. */
struct pair_read {
    struct read_row rows[END_MAX_];
    bool there[END_MAX_];
    bool crowded; /* the target has more rows that its own comparison holds equal to the key */
    char
        message[MESSAGE_MAX]; /* not empty: more than one row may be meant, nothing is to be done */
};
void pair_read_done(struct pair_read *p);
/* pair_read(): the target's first. Neither is there: nobody has that key any more. */
int pair_read(const struct reading *r, struct conn *const conns[END_MAX_],
              const struct row_key *key, struct pair_read *ret, struct err *err);
bool pair_equal(const struct reading *r, const struct pair_read *p);

/* How a statement can say what session it is for. */
enum correction_for { CORRECTION_PLAIN, CORRECTION_MARIADB, CORRECTION_HINTS };
enum correction_for correction_of(struct conn *target);

/*
 * correction_sql() - the one statement that makes the target's row what the source's is
 *
 * @ret_zeros  values that are number 0 of an ENUM (conn_check_warnings())
 * Returns 1, 0 when there is none: `why` says so. -1.
 */
int correction_sql(const struct reading *r, const struct pair_read *p, enum correction_for to,
                   struct strbuf *b, unsigned *ret_zeros, char why[static MESSAGE_MAX],
                   struct err *err);
/* For rows without a key: `count` more of the source's, or fewer of the target's. */
int correction_insert(const struct reading *r, const struct read_row *row, uint64_t count,
                      enum correction_for to, struct strbuf *b, unsigned *ret_zeros,
                      char why[static MESSAGE_MAX], struct err *err);
int correction_delete(const struct reading *r, const struct read_row *row, uint64_t count,
                      enum correction_for to, struct strbuf *b, char why[static MESSAGE_MAX]);

/* document_of(): either row may be NULL; the message is not part of it. */
struct json_object *document_of(const struct reading *r, const struct read_row *source,
                                const struct read_row *target, bool *ret_cut);

#endif
