/* Rows without a key: how many of each there are at either end, by all their bytes. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "workers/verify/differing_priv.h"

#include "base/banned.h"

enum {
    SAMPLES_MAX = 16 * 1024 * 1024, /* bytes of rows that are kept to be shown */
    DIGEST_BYTES = 16,
    DIGEST_TEXT = DIGEST_BYTES * 2 + 1,
    KINDS_FIRST = 256,
};

/* Rows that are equal in all their bytes. */
struct kind_of_row {
    unsigned char digest[DIGEST_BYTES];
    uint64_t counts[END_MAX_];
    struct read_row sample[END_MAX_]; /* one of them; no cells: not kept */
};

struct counting {
    struct reading r;
    struct kind_of_row *kinds;
    size_t count, room;
    size_t *slots; /* open addressing: index + 1; as many as a power of two, never more than half
                      full */
    size_t slot_count;
    size_t samples[END_MAX_], samples_max, bytes;
};

static void counting_done(struct counting *c)
{
    for (size_t i = 0; i < c->count; i++)
        for (unsigned end = 0; end < END_MAX_; end++)
            read_row_done(&c->kinds[i].sample[end]);
    free(c->kinds);
    free(c->slots);
    reading_done(&c->r);
}

/* ---- rows into kinds ---- */

static void digest_of(const struct counting *c, const struct read_row *row,
                      unsigned char ret[static DIGEST_BYTES])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, DIGEST_BYTES);
    for (size_t i = 0; i < c->r.count; i++) {
        struct read_value v = read_value_of(&c->r, row, i);
        unsigned char head[10] = { v.null, v.digest };

        for (unsigned k = 0; k < 8; k++)
            head[2 + k] = (unsigned char)((uint64_t)v.len >> (8 * k) & 0xff);
        (void)crypto_generichash_update(&state, head, sizeof(head));
        if (v.bytes != NULL)
            (void)crypto_generichash_update(&state, (const unsigned char *)v.bytes, v.len);
    }
    (void)crypto_generichash_final(&state, ret, DIGEST_BYTES);
}

static size_t slot_of(const struct counting *c, const unsigned char *digest)
{
    uint64_t h;
    size_t at;

    memcpy(&h, digest, sizeof(h));
    at = (size_t)h & (c->slot_count - 1);
    while (c->slots[at] != 0 &&
           memcmp(c->kinds[c->slots[at] - 1].digest, digest, DIGEST_BYTES) != 0)
        at = (at + 1) & (c->slot_count - 1);
    return at;
}

static int grow(struct counting *c, struct err *err)
{
    size_t room = c->room > 0 ? c->room * 2 : KINDS_FIRST;
    struct kind_of_row *kinds = realloc(c->kinds, room * sizeof(*kinds));
    size_t *slots = calloc(room * 2, sizeof(*slots));

    if (kinds != NULL)
        c->kinds = kinds;
    if (kinds == NULL || slots == NULL) {
        free(slots);
        return err_set(err, ERR_NOMEM, "no memory for %zu rows that differ", room);
    }
    free(c->slots);
    c->slots = slots;
    c->slot_count = room * 2;
    c->room = room;
    for (size_t i = 0; i < c->count; i++)
        c->slots[slot_of(c, c->kinds[i].digest)] = i + 1;
    return 0;
}

static int kind_at(struct counting *c, const struct read_row *row, struct kind_of_row **ret,
                   struct err *err)
{
    unsigned char digest[DIGEST_BYTES];
    size_t slot;

    if (c->count == c->room && grow(c, err) < 0)
        return -1;
    digest_of(c, row, digest);
    slot = slot_of(c, digest);
    if (c->slots[slot] == 0) {
        struct kind_of_row *k = &c->kinds[c->count];

        *k = (struct kind_of_row){ 0 };
        memcpy(k->digest, digest, sizeof(digest));
        c->slots[slot] = ++c->count;
    }
    *ret = &c->kinds[c->slots[slot] - 1];
    return 0;
}

static size_t bytes_of(const struct read_row *row)
{
    size_t sum = sizeof(*row);

    for (size_t i = 0; i < row->count; i++)
        sum += row->lengths[i] + sizeof(*row->cells) * 2;
    return sum;
}

static int count_row(struct counting *c, enum end end, const struct result *res, struct err *err)
{
    _cleanup_(read_row_done)
    struct read_row row = { 0 };
    struct kind_of_row *k = NULL;

    if (read_row_copy(&row, end, res, err) < 0 || kind_at(c, &row, &k, err) < 0)
        return -1;
    k->counts[end]++;
    if (k->sample[end].cells != NULL || c->samples[end] >= c->samples_max ||
        c->bytes + bytes_of(&row) > SAMPLES_MAX)
        return 0;
    c->samples[end]++;
    c->bytes += bytes_of(&row);
    k->sample[end] = row;
    row = (struct read_row){ 0 };
    return 0;
}

static int count_end(struct counting *c, enum end end, struct conn *conn, const uint32_t *hashes,
                     size_t count, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(READ_SQL_MAX);
    _cleanup_(result_done)
    struct result res = { 0 };
    const char *filter = c->r.t->tables[END_SOURCE]->where;
    int got;

    reading_select(&sql, &c->r, end);
    strbuf_adds(&sql, " WHERE ");
    normals_row(&sql, c->r.t->normals, end);
    for (size_t i = 0; i < count; i++)
        strbuf_addf(&sql, "%s%" PRIu32, i > 0 ? "," : " IN (", hashes[i]);
    strbuf_addc(&sql, ')');
    if (end == END_SOURCE && filter != NULL)
        strbuf_addf(&sql, " AND (%s)", filter);
    if (strbuf_check(&sql, err) < 0 || conn_stream(conn, strbuf_str(&sql), sql.len, &res, err) < 0)
        return -1;
    while ((got = result_next(&res, err)) == 1)
        if (count_row(c, end, &res, err) < 0)
            return -1;
    return got;
}

/* ---- documents ---- */

static int add_correction(struct json_object *o, const struct counting *c,
                          const struct read_row *row, uint64_t count, enum correction_for to,
                          struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CORRECTION_MAX);
    char why[MESSAGE_MAX] = "";
    unsigned zeros;
    int made = row->end == END_SOURCE
                   ? correction_insert(&c->r, row, count, to, &sql, &zeros, why, err)
                   : correction_delete(&c->r, row, count, to, &sql, why);

    if (made < 0)
        return -1;
    if (made == 1 && !strbuf_ok(&sql))
        (void)snprintf(why, sizeof(why), "the statement would be longer than 64 KiB");
    json_add_str(o, "correction", made == 1 && strbuf_ok(&sql) ? strbuf_str(&sql) : NULL);
    if (why[0] != '\0')
        json_add_str(o, "message", why);
    return 0;
}

static int add_document(struct counting *c, const struct kind_of_row *k, enum correction_for to,
                        struct json_object *list, struct err *err)
{
    enum end end = k->counts[END_SOURCE] > k->counts[END_SINK] ? END_SOURCE : END_SINK;
    uint64_t more = k->counts[end] - k->counts[end == END_SOURCE ? END_SINK : END_SOURCE];
    const struct read_row *row = &k->sample[end];
    char id[DIGEST_TEXT];
    struct json_object *o;
    bool cut = false;

    if (more == 0 || row->cells == NULL)
        return 0;
    o = end == END_SOURCE ? document_of(&c->r, row, NULL, &cut)
                          : document_of(&c->r, NULL, row, &cut);
    (void)sodium_bin2hex(id, sizeof(id), k->digest, sizeof(k->digest));
    json_add_str(o, "id", id);
    json_add_u64(o, "count", more);
    json_add_bool(o, "cut", cut);
    json_object_array_add(list, o);
    return add_correction(o, c, row, more, to, err);
}

int differing_multiset(const struct differing_table *t, struct conn *const conns[END_MAX_],
                       const uint32_t *hashes, size_t count, size_t max_rows,
                       struct json_object **ret_rows, uint64_t ret_only[static END_MAX_],
                       struct err *err)
{
    _cleanup_(counting_done)
    struct counting c = { .samples_max = max_rows };
    _cleanup_(json_putp)
    struct json_object *rows = json_object_new_array();
    enum correction_for to = correction_of(conns[END_SINK]);

    ret_only[END_SOURCE] = ret_only[END_SINK] = 0;
    if (reading_new(t, &c.r, err) < 0)
        return -1;
    for (unsigned end = 0; end < END_MAX_ && count > 0; end++)
        if (count_end(&c, (enum end)end, conns[end], hashes, count, err) < 0)
            return -1;
    for (size_t i = 0; i < c.count; i++) {
        uint64_t a = c.kinds[i].counts[END_SOURCE], b = c.kinds[i].counts[END_SINK];

        ret_only[END_SOURCE] += a > b ? a - b : 0;
        ret_only[END_SINK] += b > a ? b - a : 0;
        if (json_len(rows) < max_rows && add_document(&c, &c.kinds[i], to, rows, err) < 0)
            return -1;
    }
    *ret_rows = take_ptr(rows);
    return 0;
}
