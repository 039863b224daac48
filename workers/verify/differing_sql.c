/* The statement that makes the target's row what the source's is. */
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "workers/mysql/sqltext.h"
#include "workers/verify/differing_priv.h"

#include "base/banned.h"

enum { HINTS_SINCE = 80017 }; /* SET_VAR() of time_zone: MySQL 8.0.17 */

/* ---- the session ---- */

/* What of a session the literals of a statement stand on. */
struct needs {
    unsigned zeros; /* number 0 of an ENUM */
    bool mode;      /* dates that a strict sql_mode refuses, 0 in an AUTO_INCREMENT column */
    bool zone;      /* TIMESTAMPs */
};

static bool is_date(const struct column *c)
{
    return c->kind == CK_DATE || c->kind == CK_DATETIME || c->kind == CK_TIMESTAMP;
}

/* "2024-02-29": is there such a day in every month of every year? */
static bool plain_date(const char *text, size_t len)
{
    return len >= 10 && memcmp(text, "0000", 4) != 0 && memcmp(text + 5, "00", 2) != 0 &&
           memcmp(text + 8, "00", 2) != 0 && memcmp(text + 8, "28", 2) <= 0;
}

static void note_value(struct needs *n, const struct carried *c, const char *data, size_t len)
{
    n->zeros += carry_is_enum_zero(c, data, len);
    n->zone |= c->dst->kind == CK_TIMESTAMP;
    n->mode |= is_date(c->dst) && !plain_date(data, len);
    n->mode |= c->dst->auto_increment && strspn(data, "0") == len;
}

/* A value that is compared with: its form is that of the comparison. */
static void note_compared(struct needs *n, const struct column *c)
{
    n->zone |= c->kind == CK_TIMESTAMP;
    n->mode |= is_date(c);
}

static void put_at(struct strbuf *b, size_t at, const char *text)
{
    size_t len = strlen(text);
    char *room = strbuf_reserve(b, len);

    if (room == NULL)
        return;
    memmove(b->data + at + len, b->data + at, b->len - at + 1);
    memcpy(b->data + at, text, len);
    b->len += len;
}

/*
 * Where the server has a way to say it in the statement itself, it is said there. A worker's own
 * session is as it has to be, but for the zeros of an ENUM, which MariaDB takes only where it is
 * not strict.
 */
static void put_session(struct strbuf *b, const struct reading *r, enum correction_for to,
                        const struct needs *n)
{
    bool mode = n->zeros > 0 || (n->mode && !r->whole), zone = n->zone && !r->whole;
    char text[256];

    if ((!mode && !zone) || to == CORRECTION_PLAIN || !strbuf_ok(b) || b->len == 0)
        return;
    if (to == CORRECTION_MARIADB) {
        (void)snprintf(text, sizeof(text), "SET STATEMENT %s%s%s%s%s FOR ",
                       mode ? "sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES," : "",
                       mode && n->zeros == 0 ? "STRICT_ALL_TABLES," : "",
                       mode ? "NO_ENGINE_SUBSTITUTION'" : "", mode && zone ? ", " : "",
                       zone ? "time_zone='+00:00'" : "");
        put_at(b, 0, text);
        return;
    }
    (void)snprintf(text, sizeof(text), " /*+%s%s */",
                   mode ? " SET_VAR(sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,"
                          "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION')"
                        : "",
                   zone ? " SET_VAR(time_zone='+00:00')" : "");
    put_at(b, strcspn(strbuf_str(b), " "), text);
}

enum correction_for correction_of(struct conn *target)
{
    MYSQL *c = conn_raw(target);

    if (mariadb_connection(c))
        return CORRECTION_MARIADB;
    return mysql_get_server_version(c) >= HINTS_SINCE ? CORRECTION_HINTS : CORRECTION_PLAIN;
}

/* ---- values ---- */

static void add_value(struct strbuf *b, const struct reading *r, const struct read_row *row,
                      size_t i, struct needs *needs)
{
    size_t at = reading_carried_cell(r, i) + 1;
    const struct carried *c = &r->carry.columns[i];

    if (row->cells[at] == NULL) {
        strbuf_adds(b, "NULL");
        return;
    }
    note_value(needs, c, row->cells[at], row->lengths[at]);
    if (r->whole) /* shorter, for long values */
        carry_value(b, c, row->cells[at], row->lengths[at]);
    else
        carry_literal(b, c, row->cells[at], row->lengths[at]);
}

/* Numbers in documents that the target would change, as the copy looks for them. */
static bool survives(const struct reading *r, const struct read_row *row, const bool *wanted,
                     char why[static MESSAGE_MAX])
{
    struct err err = { 0 };
    bool fine = false;
    char **values = calloc(r->carry.count + 1, sizeof(*values));
    unsigned long *lengths = calloc(r->carry.count + 1, sizeof(*lengths));

    for (size_t i = 0; values != NULL && lengths != NULL && i < r->carry.count; i++) {
        size_t at = reading_carried_cell(r, i) + 1;

        if (wanted != NULL && !wanted[i])
            continue;
        values[i] = row->cells[at];
        lengths[i] = row->lengths[at];
    }
    if (values != NULL && lengths != NULL)
        fine = carry_check_row(&r->carry, values, lengths, &err) == 0;
    if (!fine)
        (void)snprintf(why, MESSAGE_MAX, "%.300s", err.message);
    free(values);
    free(lengths);
    return fine;
}

static bool can_write(const struct reading *r, const struct read_row *row, const bool *wanted,
                      char why[static MESSAGE_MAX])
{
    if (r->faults.len > 0) {
        (void)snprintf(why, MESSAGE_MAX, "%.300s", strbuf_str(&r->faults));
        return false;
    }
    if (reading_is_cut(r, row)) {
        (void)snprintf(why, MESSAGE_MAX,
                       "a value is too long for a statement here; ApplyFullVerifyCorrections "
                       "writes it");
        return false;
    }
    return survives(r, row, wanted, why);
}

/* ---- which row of the target ---- */

static const struct table *target_of(const struct reading *r)
{
    return r->t->tables[END_SINK];
}

static void add_bytes_equal(struct strbuf *b, const struct normal *n, const char *data, size_t len)
{
    strbuf_addf(b, "CAST(%s AS BINARY) = ", n->value[END_SINK]);
    sql_bytes(b, data, len);
}

/* By the target's own key; where its comparison takes more rows for equal, by the bytes as well. */
static void add_key_where(struct strbuf *b, const struct reading *r, const struct pair_read *p,
                          struct needs *needs)
{
    const struct normals *n = r->t->normals;
    const struct read_row *row = &p->rows[END_SINK];

    for (size_t i = 0; i < n->key_count; i++) {
        const struct normal *c = &n->columns[n->key[i]];

        strbuf_adds(b, i > 0 ? " AND " : " WHERE ");
        normal_equals(b, c, END_SINK, row->cells[i], row->lengths[i]);
        note_compared(needs, c->ends[END_SINK]);
        if (!p->crowded)
            continue;
        strbuf_adds(b, " AND ");
        add_bytes_equal(b, c, row->cells[i], row->lengths[i]);
    }
}

/* ---- statements ---- */

static void add_insert(struct strbuf *b, const struct reading *r)
{
    strbuf_adds(b, "INSERT INTO ");
    sql_table(b, target_of(r)->db, target_of(r)->name);
    for (size_t i = 0; i < r->carry.count; i++) {
        strbuf_adds(b, i > 0 ? ", " : " (");
        sql_name(b, r->carry.columns[i].dst->name);
    }
    strbuf_adds(b, ") VALUES ");
}

int correction_insert(const struct reading *r, const struct read_row *row, uint64_t count,
                      enum correction_for to, struct strbuf *b, unsigned *ret_zeros,
                      char why[static MESSAGE_MAX], struct err *err)
{
    struct needs needs = { 0 };

    *ret_zeros = 0;
    if (!can_write(r, row, NULL, why))
        return 0;
    if (r->carry.count == 0)
        return err_set(err, ERR_INTERNAL, "a table without columns");
    add_insert(b, r);
    for (uint64_t n = 0; n < count && strbuf_ok(b); n++) {
        strbuf_adds(b, n > 0 ? ", " : "");
        for (size_t i = 0; i < r->carry.count; i++) {
            strbuf_adds(b, i > 0 ? ", " : "(");
            add_value(b, r, row, i, &needs);
        }
        strbuf_addc(b, ')');
    }
    put_session(b, r, to, &needs);
    *ret_zeros = needs.zeros;
    return 1;
}

/* Index of the compared column that is carried as `c`, or r->count. */
static size_t compared_as(const struct reading *r, const struct carried *c)
{
    for (size_t i = 0; i < r->count; i++)
        if (reading_column(r, i)->ends[END_SOURCE] == c->src)
            return i;
    return r->count;
}

static bool differs(const struct reading *r, const struct pair_read *p, size_t i)
{
    struct read_value a = read_value_of(r, &p->rows[END_SOURCE], i);
    struct read_value b = read_value_of(r, &p->rows[END_SINK], i);

    return !read_value_equal(&a, &b);
}

static bool sets_itself(const struct column *c)
{
    return c->kind == CK_TIMESTAMP || c->kind == CK_DATETIME;
}

/*
 * Columns that are equal are left alone, but for those that the server may set by itself when the
 * statement does not name them (ON UPDATE CURRENT_TIMESTAMP): they keep what they have.
 */
static void add_sets(struct strbuf *b, const struct reading *r, const struct pair_read *p,
                     const bool *wanted, struct needs *needs)
{
    const char *before = " SET ";

    for (size_t i = 0; i < r->carry.count; i++) {
        const struct carried *c = &r->carry.columns[i];

        if (!wanted[i] && !sets_itself(c->dst))
            continue;
        strbuf_adds(b, before);
        before = ", ";
        sql_name(b, c->dst->name);
        strbuf_adds(b, " = ");
        if (wanted[i])
            add_value(b, r, &p->rows[END_SOURCE], i, needs);
        else
            sql_name(b, c->dst->name);
    }
}

static int add_update(const struct reading *r, const struct pair_read *p, struct strbuf *b,
                      struct needs *needs, char why[static MESSAGE_MAX], struct err *err)
{
    _cleanup_(freep)
    bool *wanted = calloc(r->carry.count + 1, sizeof(*wanted));
    bool any = false;

    if (wanted == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a correction");
    for (size_t i = 0; i < r->carry.count; i++) {
        size_t at = compared_as(r, &r->carry.columns[i]);

        wanted[i] = at < r->count && differs(r, p, at);
        any |= wanted[i];
    }
    if (!any) {
        (void)snprintf(why, MESSAGE_MAX, "no column that is carried differs");
        return 0;
    }
    if (!can_write(r, &p->rows[END_SOURCE], wanted, why))
        return 0;
    strbuf_adds(b, "UPDATE ");
    sql_table(b, target_of(r)->db, target_of(r)->name);
    add_sets(b, r, p, wanted, needs);
    add_key_where(b, r, p, needs);
    return 1;
}

int correction_sql(const struct reading *r, const struct pair_read *p, enum correction_for to,
                   struct strbuf *b, unsigned *ret_zeros, char why[static MESSAGE_MAX],
                   struct err *err)
{
    struct needs needs = { 0 };
    int made = 1;

    *ret_zeros = 0;
    if (p->message[0] != '\0') {
        (void)snprintf(why, MESSAGE_MAX, "%s", p->message);
        return 0;
    }
    if (!p->there[END_SINK])
        return correction_insert(r, &p->rows[END_SOURCE], 1, to, b, ret_zeros, why, err);
    if (!p->there[END_SOURCE]) {
        strbuf_adds(b, "DELETE FROM ");
        sql_table(b, target_of(r)->db, target_of(r)->name);
        add_key_where(b, r, p, &needs);
    } else {
        made = add_update(r, p, b, &needs, why, err);
    }
    if (made == 1)
        put_session(b, r, to, &needs);
    *ret_zeros = needs.zeros;
    return made;
}

/* Compared by their text without loss, in every session. */
static bool is_plain(const struct column *c)
{
    return c->kind == CK_INT || c->kind == CK_DECIMAL || c->kind == CK_DATE || c->kind == CK_YEAR;
}

int correction_delete(const struct reading *r, const struct read_row *row, uint64_t count,
                      enum correction_for to, struct strbuf *b, char why[static MESSAGE_MAX])
{
    struct needs needs = { 0 };

    strbuf_adds(b, "DELETE FROM ");
    sql_table(b, target_of(r)->db, target_of(r)->name);
    for (size_t i = 0; i < r->count; i++) {
        const struct normal *n = reading_column(r, i);
        struct read_value v = read_value_of(r, row, i);

        strbuf_adds(b, i > 0 ? " AND " : " WHERE ");
        note_compared(&needs, n->ends[END_SINK]);
        if (v.null || is_plain(n->ends[END_SINK])) {
            normal_equals(b, n, END_SINK, v.null ? NULL : v.bytes, v.len);
        } else if (v.digest) {
            strbuf_addf(b, "SHA2(%s, 256) = '%.64s'", n->value[END_SINK], v.bytes);
        } else {
            add_bytes_equal(b, n, v.bytes, v.len);
        }
    }
    strbuf_adds(b, " LIMIT ");
    strbuf_addu(b, count);
    put_session(b, r, to, &needs);
    if (r->count > 0)
        return 1;
    (void)snprintf(why, MESSAGE_MAX, "no column of this table is compared");
    return 0;
}
