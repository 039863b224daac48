#include "workers/full/batch.h"

#include <inttypes.h>
#include <string.h>

#include <mysql.h>

#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    ROW_MAX = 1 << 30, /* a server's max_allowed_packet is at most 1 GiB */
    DATA_MAX = ROW_MAX,
    STATEMENT_MAX = 1024 * 1024,
    KEY_TEXT_MAX = 400,
    ZEROS_MAX = 32 * 1024, /* each may make a warning: fewer than max_error_count (conn_setup.c) */
    PACKET_SPARE = 1024,   /* protocol header and tail beside a statement */
};

int batch_start(struct batch *b, const struct carry *c, const struct table *dst,
                enum write_mode mode, enum carry_form form, uint64_t max_packet, size_t full_bytes,
                struct err *err)
{
    b->form = form;
    b->mode = mode;
    b->carry = c;
    b->dst = dst;
    b->max_packet = max_packet;
    b->full_bytes =
        form == FORM_LOAD ? full_bytes : (size_t)MIN((uint64_t)full_bytes, max_packet / 2);
    b->statement.max = b->tail.max = STATEMENT_MAX;
    b->data.max = DATA_MAX;
    strbuf_reset(&b->statement);
    strbuf_reset(&b->tail);
    b->head = 0;
    switch (form) {
    case FORM_LOAD:
        carry_load_sql(&b->statement, c, dst, mode);
        break;
    case FORM_BULK:
        carry_bulk_sql(&b->statement, c, dst, mode);
        b->head = conn_bulk_head(c->count);
        break;
    case FORM_INSERT:
        carry_insert_head(&b->statement, c, dst, mode);
        carry_insert_tail(&b->tail, c, mode);
        b->head = b->statement.len;
        break;
    }
    batch_clear(b);
    if (strbuf_check(&b->tail, err) < 0)
        return -1;
    return strbuf_check(&b->statement, err);
}

void batch_done(struct batch *b)
{
    strbuf_done(&b->statement);
    strbuf_done(&b->tail);
    strbuf_done(&b->data);
    free(b->ends);
    *b = (struct batch){ 0 };
}

void batch_clear(struct batch *b)
{
    char *head;

    strbuf_reset(&b->data);
    if (b->form == FORM_INSERT) {
        strbuf_add(&b->data, b->statement.data, b->statement.len);
    } else if ((head = strbuf_reserve(&b->data, b->head)) != NULL) {
        memset(head, 0, b->head + 1);
        b->data.len = b->head;
    }
    b->rows = 0;
    b->zeros = 0;
    b->bytes = 0;
}

static int more_rows(struct batch *b, struct err *err)
{
    size_t cap = b->cap * 2 + 256;
    struct batch_row *ends = realloc(b->ends, cap * sizeof(*ends));

    if (ends == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the rows of %s.%s", b->dst->db, b->dst->name);
    b->ends = ends;
    b->cap = cap;
    return 0;
}

int batch_add(struct batch *b, char *const *row, const unsigned long *lengths, struct err *err)
{
    if ((b->rows == b->cap && more_rows(b, err) < 0) ||
        carry_check_row(b->carry, row, lengths, err) < 0)
        return -1;
    switch (b->form) {
    case FORM_LOAD:
        carry_load_row(&b->data, b->carry, row, lengths);
        break;
    case FORM_BULK:
        carry_bulk_row(&b->data, b->carry, row, lengths);
        break;
    case FORM_INSERT:
        carry_insert_row(&b->data, b->carry, row, lengths);
        break;
    }
    if (strbuf_check(&b->data, err) < 0)
        return err_wrap(err, "a row of %s.%s", b->dst->db, b->dst->name);
    b->zeros += carry_enum_zeros(b->carry, row, lengths);
    b->ends[b->rows++] = (struct batch_row){ b->data.len, b->zeros };
    for (size_t i = 0; i < b->carry->count; i++)
        b->bytes += row[i] != NULL ? lengths[i] : 0;
    return 0;
}

bool batch_full(const struct batch *b)
{
    return b->data.len >= b->full_bytes || b->zeros >= ZEROS_MAX;
}

static size_t row_start(const struct batch *b, size_t row)
{
    return row > 0 ? b->ends[row - 1].end : b->head;
}

/* ---- sending ---- */

/* The number behind "Deleted: " of the server's line about the last LOAD: rows that REPLACE
 * removed. */
static uint64_t deleted_rows(struct conn *to)
{
    const char *info = mysql_info(conn_raw(to));
    const char *at = info != NULL ? strstr(info, "Deleted:") : NULL;

    return at != NULL ? strtoull(at + strlen("Deleted:"), NULL, 10) : 0;
}

/* Warnings that MariaDB makes of number 0 of an ENUM in these rows. */
static uint64_t zero_warnings(const struct batch *b, struct conn *to, size_t from, size_t until)
{
    unsigned before = from > 0 ? b->ends[from - 1].zeros : 0;

    return mariadb_connection(conn_raw(to)) ? b->ends[until - 1].zeros - before : 0;
}

static int send_load(const struct batch *b, struct conn *to, size_t from, size_t until,
                     struct batch_result *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX * 2);
    size_t start = row_start(b, from);
    uint64_t zeros = zero_warnings(b, to, from, until);
    struct batch_result r = { 0 };

    if (zeros > 0)
        strbuf_adds(&sql, CONN_NOT_STRICT);
    strbuf_add(&sql, b->statement.data, b->statement.len);
    if (strbuf_check(&sql, err) < 0 ||
        conn_load(to, sql.data, sql.len, b->data.data + start, b->ends[until - 1].end - start,
                  zeros, &r.rows, &r.skipped, err) < 0)
        return -1;
    if (r.rows != until - from) /* encoder and server disagree about what a row is */
        return err_set(err, ERR_INTERNAL,
                       "%zu rows were sent to %s.%s, the server counted %" PRIu64, until - from,
                       b->dst->db, b->dst->name, r.rows);
    r.replaced = b->mode == WRITE_REPLACE ? deleted_rows(to) : 0;
    *ret = r;
    return 0;
}

static int too_large(const struct batch *b, size_t len, struct err *err)
{
    (void)err_set(err, ERR_VALUE,
                  "a row of %s.%s needs a statement of %zu bytes, the target takes %" PRIu64,
                  b->dst->db, b->dst->name, len, b->max_packet);
    return err_advise(err, "Raise max_allowed_packet at the target, or allow local_infile there.");
}

/* affected counts a replaced row twice (REPLACE), a kept one not at all (ON DUPLICATE KEY). */
static struct batch_result count_insert(const struct batch *b, uint64_t rows, uint64_t affected)
{
    struct batch_result r = { .rows = rows };

    if (b->mode == WRITE_REPLACE)
        r.replaced = affected > rows ? affected - rows : 0;
    else
        r.skipped = affected < rows ? rows - affected : 0;
    return r;
}

static int send_insert(const struct batch *b, struct conn *to, size_t from, size_t until,
                       struct batch_result *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf part = STRBUF(DATA_MAX);
    size_t start = row_start(b, from), len = b->ends[until - 1].end - start;
    const char *sql = b->data.data;
    size_t sql_len = b->ends[until - 1].end - 1; /* without the last comma */
    uint64_t affected, zeros = zero_warnings(b, to, from, until);

    if (from > 0 || b->tail.len > 0 || zeros > 0) {
        if (zeros > 0)
            strbuf_adds(&part, CONN_NOT_STRICT);
        strbuf_add(&part, b->statement.data, b->statement.len);
        strbuf_add(&part, b->data.data + start, len - 1);
        strbuf_add(&part, strbuf_str(&b->tail), b->tail.len);
        if (strbuf_check(&part, err) < 0)
            return -1;
        sql = part.data;
        sql_len = part.len;
    }
    if (sql_len + PACKET_SPARE > b->max_packet)
        return too_large(b, sql_len, err);
    if (conn_exec(to, sql, sql_len, &affected, err) < 0 ||
        conn_check_warnings(to, 0, zeros, err) < 0)
        return -1;
    *ret = count_insert(b, until - from, affected);
    return 0;
}

/* Some of the rows only: a packet of their own. */
static int send_bulk(struct batch *b, struct conn *to, size_t from, size_t until,
                     struct batch_result *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf part = STRBUF(DATA_MAX);
    size_t start = row_start(b, from), len = b->ends[until - 1].end - start + b->head;
    char *packet = b->data.data;
    uint64_t affected = 0, rows = until - from;

    if (len + PACKET_SPARE > b->max_packet)
        return err_set(err, ERR_NOT_SUPPORTED, "a row of %s.%s takes %zu bytes", b->dst->db,
                       b->dst->name, len);
    if (from > 0) {
        strbuf_add(&part, b->data.data, b->head);
        strbuf_add(&part, b->data.data + start, len - b->head);
        if (strbuf_check(&part, err) < 0)
            return -1;
        packet = part.data;
    }
    if (conn_bulk(to, strbuf_str(&b->statement), b->carry->count, packet, len, &affected, err) < 0)
        return -1;
    if (affected < rows) /* encoder and server disagree about what a row is */
        return err_set(err, ERR_INTERNAL,
                       "%" PRIu64 " rows were sent to %s.%s, the server counted %" PRIu64, rows,
                       b->dst->db, b->dst->name, affected);
    *ret = count_insert(b, rows, affected);
    return 0;
}

static int send_rows(struct batch *b, struct conn *to, size_t from, size_t until,
                     struct batch_result *ret, struct err *err)
{
    switch (b->form) {
    case FORM_LOAD:
        return send_load(b, to, from, until, ret, err);
    case FORM_BULK:
        return send_bulk(b, to, from, until, ret, err);
    case FORM_INSERT:
        break;
    }
    return send_insert(b, to, from, until, ret, err);
}

int batch_send(struct batch *b, struct conn *to, struct batch_result *ret, struct err *err)
{
    *ret = (struct batch_result){ 0 };
    return b->rows > 0 ? send_rows(b, to, 0, b->rows, ret, err) : 0;
}

/* ---- finding the row to blame ---- */

/* 1: these rows are refused (err says why), 0: they are taken, -1: something else went wrong. */
static int probe(struct batch *b, struct conn *to, size_t from, size_t until, struct err *err)
{
    struct err ignored = { 0 };
    struct batch_result r;
    int rc;

    if (conn_execf(to, err, "BEGIN") < 0)
        return -1;
    rc = send_rows(b, to, from, until, &r, err);
    if (conn_execf(to, &ignored, "ROLLBACK") < 0)
        return -1;
    if (rc == 0)
        return 0;
    return err->code == ERR_VALUE ? 1 : -1;
}

/* The key of a row as "id=7, name=x"; without a key its first column. */
static void row_key(struct strbuf *text, const struct batch *b, const struct table *src, size_t row)
{
    size_t start = row_start(b, row), len = b->ends[row].end - start, shown = 0;
    const struct index *key = src->key >= 0 ? &src->indexes[src->key] : NULL;

    for (size_t i = 0; i < (key != NULL ? key->column_count : 1); i++) {
        const struct column *c =
            key != NULL ? &src->columns[key->columns[i]] : b->carry->columns[0].src;
        int field = carry_find(b->carry, c);

        if (field < 0)
            continue;
        strbuf_addf(text, "%s%s=", shown++ > 0 ? ", " : "", c->name);
        carry_field(text, b->data.data + start, len, b->form, (size_t)field);
    }
}

void batch_blame(struct batch *b, struct conn *to, const struct table *src, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf key = STRBUF(KEY_TEXT_MAX);
    size_t from = 0, until = b->rows;
    struct err why = { 0 };

    while (until - from > 1) {
        size_t middle = from + (until - from) / 2;
        struct err refused = { 0 };
        int bad = probe(b, to, from, middle, &refused);

        if (bad < 0)
            return;
        if (bad == 1)
            until = middle;
        else
            from = middle;
    }
    if (until == from || probe(b, to, from, until, &why) != 1)
        return;
    row_key(&key, b, src, from);
    *err = why;
    (void)err_wrap(err, "row with %s", strbuf_str(&key));
}
