/* One row as a document (docs/channel.md, verify_row). */
#include "workers/verify/differing.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "workers/verify/differing_priv.h"

#include "base/banned.h"

enum {
    VALUE_LEAST = 64,
    DETAILS_MAX = 256 * 1024, /* of all values of a document */
    TEXT_MAX = 4 * VALUE_MAX,
    DIGEST_SHOWN = 16,
    KEY_HEX_MAX = 1024 * 1024,
};

/* ---- values for people ---- */

struct shown {
    size_t most; /* bytes of a value */
    bool cut;
};

static bool is_binary(const struct column *c)
{
    return c->kind == CK_BINARY || c->kind == CK_GEOMETRY || c->kind == CK_VECTOR;
}

/* UTF-8 that a person can read; texts may hold any character, bytes are none if some control. */
static bool is_readable(const struct column *c, const char *data, size_t len)
{
    bool bytes = c->kind == CK_VARBINARY || c->kind == CK_BLOB;

    if (is_binary(c))
        return false;
    for (size_t i = 0; bytes && i < len; i++)
        if ((unsigned char)data[i] < ' ' && data[i] != '\t' && data[i] != '\r' && data[i] != '\n')
            return false;
    return utf8_valid(data, len);
}

/* Where the last whole character of UTF-8 ends. */
static size_t whole_chars(const char *data, size_t len, size_t most)
{
    if (len <= most)
        return len;
    while (most > 0 && ((unsigned char)data[most] & 0xc0) == 0x80)
        most--;
    return most;
}

static void add_hex_text(struct shown *s, struct strbuf *b, const char *data, size_t len)
{
    size_t n = MIN(len, s->most / 2);

    strbuf_adds(b, "0x");
    strbuf_add_hex(b, data, n);
    s->cut |= n < len;
}

/* A value that was cut while it was read may end within a character. */
static size_t readable_part(const struct column *c, const struct read_value *v, size_t most)
{
    size_t n = whole_chars(v->shown, v->shown_len, most);

    if (v->shown_len > VALUE_MAX)
        n = MIN(n, whole_chars(v->shown, v->shown_len, v->shown_len - 1));
    return is_readable(c, v->shown, n) ? n : SIZE_MAX;
}

static void value_text(struct shown *s, struct strbuf *b, const struct column *c,
                       const struct read_value *v)
{
    size_t n = readable_part(c, v, s->most);

    if (n == SIZE_MAX) {
        add_hex_text(s, b, v->shown, v->shown_len);
    } else {
        strbuf_add(b, v->shown, n);
        s->cut |= n < v->shown_len;
    }
    if (v->digest) { /* what differs may be behind the cut */
        strbuf_addf(b, "… [SHA-256 %.*s]", (int)DIGEST_SHOWN, v->bytes);
        s->cut = true;
    }
}

static struct json_object *text_object(const struct strbuf *b)
{
    return strbuf_ok(b) ? json_object_new_string_len(strbuf_str(b), (int)b->len) : NULL;
}

static bool same_text(const struct strbuf *a, const struct strbuf *b)
{
    return a->len == b->len && memcmp(strbuf_str(a), strbuf_str(b), a->len) == 0;
}

/* Both ends' values; either row may be NULL. Where they differ they must look different, too. */
static struct json_object *detail(struct shown *s, const struct normal *n,
                                  const struct read_value *const v[END_MAX_])
{
    static const char *const names[END_MAX_] = { "sourceValue", "destValue" };
    struct strbuf texts[END_MAX_] = { STRBUF(TEXT_MAX), STRBUF(TEXT_MAX) };
    bool both = true;
    struct json_object *o = json_object_new_object();

    for (unsigned end = 0; end < END_MAX_; end++) {
        if (v[end] != NULL && !v[end]->null && v[end]->shown != NULL)
            value_text(s, &texts[end], n->ends[end], v[end]);
        else
            both = false;
    }
    if (both && same_text(&texts[END_SOURCE], &texts[END_SINK]) &&
        !read_value_equal(v[END_SOURCE], v[END_SINK]))
        for (unsigned end = 0; end < END_MAX_; end++) {
            strbuf_reset(&texts[end]);
            add_hex_text(s, &texts[end], v[end]->bytes, v[end]->len);
        }
    json_add_str(o, "columnName", n->ends[END_SOURCE]->name);
    for (unsigned end = 0; end < END_MAX_; end++) {
        bool there = v[end] != NULL && !v[end]->null && v[end]->shown != NULL;

        json_add(o, names[end], there ? text_object(&texts[end]) : NULL);
        strbuf_done(&texts[end]);
    }
    return o;
}

static bool concerns(const struct reading *r, const struct read_row *source,
                     const struct read_row *target, size_t i)
{
    struct read_value a, b;

    if (source == NULL || target == NULL)
        return true;
    a = read_value_of(r, source, i);
    b = read_value_of(r, target, i);
    return !read_value_equal(&a, &b);
}

static struct json_object *details(const struct reading *r, const struct read_row *source,
                                   const struct read_row *target, struct shown *s)
{
    struct json_object *list = json_object_new_array();
    size_t count = 0;

    for (size_t i = 0; i < r->count; i++)
        count += concerns(r, source, target, i);
    s->most = MAX(MIN((size_t)VALUE_MAX, (size_t)DETAILS_MAX / 2 / MAX(count, (size_t)1)),
                  (size_t)VALUE_LEAST);
    for (size_t i = 0; i < r->count; i++) {
        struct read_value values[END_MAX_] = { 0 };

        if (!concerns(r, source, target, i))
            continue;
        if (source != NULL)
            values[END_SOURCE] = read_value_of(r, source, i);
        if (target != NULL)
            values[END_SINK] = read_value_of(r, target, i);
        json_object_array_add(list, detail(s, reading_column(r, i),
                                           (const struct read_value *const[]){
                                               source != NULL ? &values[END_SOURCE] : NULL,
                                               target != NULL ? &values[END_SINK] : NULL }));
    }
    return list;
}

/* The key as a person reads it: the compared column of that name. */
static struct json_object *key_list(const struct reading *r, const struct read_row *row,
                                    struct shown *s)
{
    const struct normals *n = r->t->normals;
    struct json_object *list = json_object_new_array();

    for (size_t k = 0; k < n->key_count; k++) {
        struct json_object *o = json_object_new_object();
        _cleanup_(strbuf_done)
        struct strbuf text = STRBUF(TEXT_MAX);

        for (size_t i = 0; i < r->count; i++) {
            struct read_value v = read_value_of(r, row, i);

            if (r->columns[i] == n->key[k] && v.shown != NULL)
                value_text(s, &text, n->columns[n->key[k]].ends[row->end], &v);
        }
        json_add_str(o, "columnName", n->columns[n->key[k]].ends[END_SOURCE]->name);
        json_add(o, "columnValue", text_object(&text));
        json_object_array_add(list, o);
    }
    return list;
}

struct json_object *document_of(const struct reading *r, const struct read_row *source,
                                const struct read_row *target, bool *ret_cut)
{
    struct json_object *o = json_object_new_object();
    struct shown s = { .most = VALUE_MAX };

    json_add_str(o, "type",
                 target == NULL   ? "MASTER_ONLY"
                 : source == NULL ? "IMAGE_ONLY"
                                  : "MISMATCHED");
    json_add(o, "key", key_list(r, source != NULL ? source : target, &s));
    json_add(o, "details", details(r, source, target, &s));
    *ret_cut = s.cut;
    return o;
}

/* ---- the whole ---- */

static int add_identity(struct json_object *o, const struct reading *r, const struct read_row *row,
                        struct err *err)
{
    _cleanup_(row_key_done)
    struct row_key key = { 0 };
    _cleanup_(strbuf_done)
    struct strbuf hex = STRBUF(KEY_HEX_MAX);
    char id[33];

    if (read_row_key(r, row, &key, err) < 0)
        return -1;
    row_key_id(&key, id);
    row_key_hex(&hex, &key);
    json_add_str(o, "id", id);
    json_add_str(o, "keyHex", strbuf_str(&hex));
    return strbuf_check(&hex, err);
}

static int add_correction(struct json_object *o, const struct reading *r, const struct pair_read *p,
                          enum correction_for to, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CORRECTION_MAX);
    char why[MESSAGE_MAX] = "";
    unsigned zeros;
    int made = correction_sql(r, p, to, &sql, &zeros, why, err);

    if (made < 0)
        return -1;
    if (made == 1 && !strbuf_ok(&sql)) {
        (void)snprintf(why, sizeof(why),
                       "the statement would be longer than 64 KiB; ApplyFullVerifyCorrections "
                       "writes it");
        made = 0;
    }
    json_add_str(o, "correction", made == 1 ? strbuf_str(&sql) : NULL);
    if (made == 0)
        json_add_str(o, "message", why);
    return 0;
}

int differing_document(const struct differing_table *t, struct conn *const conns[END_MAX_],
                       const struct row_key *key, struct json_object **ret, struct err *err)
{
    _cleanup_(reading_done)
    struct reading r = { 0 };
    _cleanup_(pair_read_done)
    struct pair_read p = { 0 };
    _cleanup_(json_putp)
    struct json_object *o = NULL;
    const struct read_row *source, *target;
    bool cut;

    if (reading_new(t, &r, err) < 0 || pair_read(&r, conns, key, &p, err) < 0)
        return -1;
    if (pair_equal(&r, &p))
        return 0;
    source = p.there[END_SOURCE] ? &p.rows[END_SOURCE] : NULL;
    target = p.there[END_SINK] ? &p.rows[END_SINK] : NULL;
    o = document_of(&r, source, target, &cut);
    json_add_bool(o, "cut", cut);
    if (add_identity(o, &r, source != NULL ? source : target, err) < 0 ||
        add_correction(o, &r, &p, correction_of(conns[END_SINK]), err) < 0)
        return -1;
    *ret = take_ptr(o);
    return 1;
}
