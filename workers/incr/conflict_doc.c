#include "workers/incr/conflict_doc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "workers/incr/sqlwrite.h"

#include "base/banned.h"

enum {
    VALUE_MAX = 4096,
    VALUE_SMALL = 64,
    DOC_MAX = 512 * 1024, /* a longer one is made once more with small values */
    TEXT_MAX = 1024 * 1024,
};

struct making {
    size_t value_max;
    bool cut;
};

/* ---- values ---- */

static void label_text(struct strbuf *b, const struct column *c, uint64_t number)
{
    const char *label = number == 0 ? "" : json_at_str(c->labels, (size_t)number - 1);

    if (label != NULL)
        strbuf_adds(b, label);
    else
        strbuf_addu(b, number);
}

static void set_text(struct strbuf *b, const struct column *c, uint64_t bits)
{
    bool first = true;

    for (size_t i = 0; i < 64; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        strbuf_adds(b, first ? "" : ",");
        first = false;
        label_text(b, c, i + 1);
    }
}

/* Text for people; bytes that are none as 0x and hex digits. */
static bool readable(const struct column *c, const struct value *v)
{
    if (v->kind == V_TEXT)
        return true;
    if (c->charset != NULL && strcasecmp(c->charset, "binary") != 0 &&
        (strncasecmp(c->charset, "ucs2", 4) == 0 || strncasecmp(c->charset, "utf16", 5) == 0 ||
         strncasecmp(c->charset, "utf32", 5) == 0))
        return false;
    for (size_t i = 0; i < v->len; i++) {
        unsigned char ch = (unsigned char)v->bytes[i];
        if (ch < ' ' && ch != '\t' && ch != '\n' && ch != '\r')
            return false;
    }
    return sql_valid_utf8(v->bytes, v->len);
}

/* Back to where a character of UTF-8 begins. */
static size_t whole_chars(const char *s, size_t n)
{
    while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void bytes_text(struct making *m, struct strbuf *b, const struct column *c,
                       const struct value *v)
{
    size_t n = v->len;

    if (readable(c, v)) {
        if (n > m->value_max)
            n = whole_chars(v->bytes, m->value_max);
        strbuf_add(b, v->bytes, n);
    } else {
        n = MIN(n, m->value_max / 2);
        strbuf_adds(b, "0x");
        strbuf_add_hex(b, v->bytes, n);
    }
    m->cut |= n < v->len;
}

static void value_text(struct making *m, struct strbuf *b, const struct column *c,
                       const struct value *v)
{
    switch (v->kind) {
    case V_ABSENT:
    case V_NULL:
        return;
    case V_INT:
        strbuf_addi(b, v->i);
        return;
    case V_UINT:
        if (c->kind == CK_ENUM)
            label_text(b, c, v->u);
        else if (c->kind == CK_SET)
            set_text(b, c, v->u);
        else
            strbuf_addu(b, v->u);
        return;
    case V_FLOAT:
        strbuf_addf(b, "%.9g", (double)v->f);
        return;
    case V_DOUBLE:
        strbuf_addf(b, "%.17g", v->d);
        return;
    case V_TEXT:
    case V_BYTES:
        bytes_text(m, b, c, v);
        return;
    }
}

static int add_value(struct making *m, struct json_object *o, const struct column *c,
                     const struct value *v)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(TEXT_MAX);

    if (v->kind == V_NULL)
        return json_add_null(o, c->name);
    value_text(m, &b, c, v);
    return strbuf_ok(&b) ? json_add_strn(o, c->name, strbuf_str(&b), b.len) : -1;
}

static struct json_object *row_object(struct making *m, const struct table *t,
                                      const struct value *row)
{
    struct json_object *o = row != NULL ? json_object_new_object() : NULL;

    for (size_t i = 0; o != NULL && i < t->column_count; i++) {
        if (t->selected[i] && row[i].kind != V_ABSENT &&
            add_value(m, o, &t->columns[i], &row[i]) < 0) {
            (void)json_object_put(o);
            return NULL;
        }
    }
    return o;
}

/* ---- the document ---- */

static struct json_object *key_object(struct making *m, const struct conflict *c)
{
    const struct table *t = c->plan->t;
    const struct value *row = c->before != NULL ? c->before : c->after;
    struct json_object *o = json_object_new_object();

    for (size_t i = 0; o != NULL && t->key >= 0 && i < t->indexes[t->key].column_count; i++) {
        unsigned at = t->indexes[t->key].columns[i];
        if (row[at].kind != V_ABSENT)
            (void)add_value(m, o, &t->columns[at], &row[at]);
    }
    return o;
}

static void add_met(struct making *m, struct json_object *list, const struct conflict *c,
                    const struct met_rows *rows)
{
    for (size_t i = 0; rows != NULL && i < rows->count; i++)
        (void)json_object_array_add(list, row_object(m, c->target->plan->t, rows->rows[i].values));
}

static void gtid_text(const struct txn *t, struct strbuf *b)
{
    struct err ignored = { 0 };
    _cleanup_(gtid_set_freep)
    struct gtid_set *one = NULL;

    if (t->has_gtid && !t->gtid.anonymous &&
        gtid_set_parse("", t->gtid.mariadb, &one, &ignored) == 0 &&
        gtid_set_add(one, &t->gtid) == 0)
        gtid_set_text(one, b);
}

static int add_place(struct json_object *o, const struct conflict *c)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(TEXT_MAX);
    _cleanup_(strbuf_done)
    struct strbuf gtid = STRBUF(TEXT_MAX);

    strbuf_addf(&b, "%s:%" PRIu64, c->txn->start.file, c->pos);
    gtid_text(c->txn, &gtid);
    if (json_add_str(o, "sourcePos", strbuf_str(&b)) < 0 ||
        json_add_str(o, "sourceGtid", strbuf_str(&gtid)) < 0)
        return -1;
    return json_add_str(o, "targetPos", c->target_pos != NULL ? c->target_pos : "");
}

static int add_names(struct json_object *o, const struct conflict *c)
{
    const struct table *t = c->plan->t;

    if (json_add_u64(o, "seq", c->txn->seq) < 0 || json_add_u64(o, "n", c->n) < 0 ||
        json_add_i64(o, "timestamp", clock_now_s()) < 0 ||
        json_add_str(o, "kind", conflict_kind_name(c->kind)) < 0 ||
        json_add_str(o, "decision", conflict_decision(c->strategy)) < 0 ||
        json_add_str(o, "db", t->db) < 0 || json_add_str(o, "table", t->name) < 0)
        return -1;
    return json_add_str(o, "targetDb", t->mapped_db) < 0
               ? -1
               : json_add_str(o, "targetTable", t->mapped_name);
}

static struct json_object *make(const struct conflict *c, size_t value_max)
{
    struct making m = { .value_max = value_max };
    struct json_object *o = json_object_new_object(), *met = json_object_new_array();

    if (o == NULL || met == NULL || add_names(o, c) < 0 || add_place(o, c) < 0) {
        (void)json_object_put(o);
        (void)json_object_put(met);
        return NULL;
    }
    add_met(&m, met, c, c->own);
    add_met(&m, met, c, c->others);
    (void)json_add(o, "key", key_object(&m, c));
    (void)json_add(o, "before", row_object(&m, c->plan->t, c->before));
    (void)json_add(o, "after", row_object(&m, c->plan->t, c->after));
    (void)json_add(o, "target", met);
    if (m.cut)
        (void)json_add_bool(o, "cut", true);
    return o;
}

struct json_object *conflict_doc(const struct conflict *c)
{
    struct json_object *o = make(c, VALUE_MAX);

    if (o == NULL || strlen(json_text(o)) <= DOC_MAX)
        return o;
    (void)json_object_put(o);
    return make(c, VALUE_SMALL);
}

void conflict_key_text(const struct conflict *c, struct strbuf *b)
{
    const struct table *t = c->plan->t;
    const struct value *row = c->before != NULL ? c->before : c->after;
    struct making m = { .value_max = VALUE_SMALL };

    if (t->key < 0) {
        strbuf_adds(b, "no key");
        return;
    }
    for (size_t i = 0; i < t->indexes[t->key].column_count; i++) {
        unsigned at = t->indexes[t->key].columns[i];
        strbuf_addf(b, "%s%s=", i > 0 ? ", " : "", t->columns[at].name);
        value_text(&m, b, &t->columns[at], &row[at]);
    }
}
