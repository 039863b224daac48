/* Rows one by one, where sums differ. */
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum {
    KEYS_MAX = 512 * 1024 * 1024, /* 4 GiB could not be told by a u32 */
    LENGTH_BYTES = 4,
    SETTLE_MS = 120 * 1000,
};

void rowset_done(struct rowset *s)
{
    free(s->list);
    strbuf_done(&s->keys);
    *s = (struct rowset){ 0 };
}

static int add_entry(struct rowset *s, uint32_t sum, size_t at, struct err *err)
{
    if (s->count == s->room) {
        size_t room = s->room > 0 ? s->room * 2 : 1024;
        struct row_entry *more = realloc(s->list, room * sizeof(*more));

        if (more == NULL)
            return err_set(err, ERR_NOMEM, "no memory for %zu rows", room);
        s->list = more;
        s->room = room;
    }
    s->list[s->count++] = (struct row_entry){ .len = (uint32_t)at, .sum = sum };
    return 0;
}

int rowset_count(struct rowset *s, uint32_t sum, uint32_t count, struct err *err)
{
    return add_entry(s, sum, count, err);
}

int rowset_read(struct rowset *s, struct result *r, size_t key_count, struct err *err)
{
    int got;

    s->keys.max = KEYS_MAX;
    while ((got = result_next(r, err)) == 1) {
        size_t at = s->keys.len;

        for (size_t i = 1; i <= key_count; i++) {
            uint32_t len = r->row[i] != NULL ? (uint32_t)r->lengths[i] : 0;
            const char le[LENGTH_BYTES] = { (char)(len & 0xff), (char)(len >> 8 & 0xff),
                                            (char)(len >> 16 & 0xff), (char)(len >> 24 & 0xff) };

            strbuf_add(&s->keys, le, sizeof(le));
            strbuf_add(&s->keys, r->row[i], len);
        }
        if (add_entry(s, (uint32_t)result_u64(r, 0, 0), s->keys.len - at, err) < 0)
            return -1;
    }
    if (got < 0 || strbuf_check(&s->keys, err) < 0)
        return -1;
    /* the buffer may have moved: the keys are found again from the start */
    for (size_t i = 0, at = 0; i < s->count; at += s->list[i++].len)
        s->list[i].key = (const unsigned char *)strbuf_str(&s->keys) + at;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct row_entry *x = a, *y = b;
    int c = memcmp(x->key, y->key, MIN(x->len, y->len));

    return c != 0 ? c : x->len < y->len ? -1 : x->len > y->len;
}

/* ---- what is left of them ---- */

struct judging {
    struct verifier *f;
    struct suspect batch[SETTLE_MAX];
    size_t count, most;
    uint64_t differ;
};

static int key_of_entry(struct row_key *ret, const struct row_entry *x, size_t count,
                        struct err *err)
{
    struct cursor c = cursor_of(x->key, x->len);

    *ret = (struct row_key){ .count = count,
                             .values = calloc(count, sizeof(*ret->values)),
                             .lengths = calloc(count, sizeof(*ret->lengths)) };
    for (size_t i = 0; ret->values != NULL && ret->lengths != NULL && i < count; i++) {
        size_t len = (size_t)cursor_le(&c, LENGTH_BYTES);
        const uint8_t *p = cursor_bytes(&c, len);

        ret->lengths[i] = len;
        ret->values[i] = malloc(len + 1);
        if (ret->values[i] == NULL || p == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a key");
        memcpy(ret->values[i], p, len);
        ret->values[i][len] = '\0';
    }
    return ret->values == NULL || ret->lengths == NULL
               ? err_set(err, ERR_NOMEM, "no memory for a key")
               : 0;
}

static int list_row(struct verifier *f, const struct suspect *s, struct err *err)
{
    struct vtable *t = f->t;
    const struct differing_table d = { { t->tables[END_SOURCE], t->tables[END_SINK] }, t->normals };
    struct json_object *doc = NULL;
    int got;

    if (t->listed >= f->v->max_rows) {
        t->rows_cut = true;
        return 0;
    }
    got = differing_document(&d, f->ends.conns, &s->key, &doc, err);
    if (got <= 0)
        return got; /* 0: somebody has mended it meanwhile; it is counted as it was */
    json_object_array_add(t->rows, doc);
    t->listed++;
    return 0;
}

static int count_row(struct judging *j, const struct suspect *s, struct err *err)
{
    struct counts *c = &j->f->t->counts;

    switch (s->verdict) {
    case ROW_EQUAL:
        return 0;
    case ROW_UNDECIDED:
        c->undecided++;
        j->differ++;
        return 0;
    case ROW_SOURCE_ONLY:
        c->source_only++;
        j->differ++;
        break;
    case ROW_TARGET_ONLY:
        c->target_only++;
        break;
    case ROW_VALUES:
        c->mismatched++;
        j->differ++;
        break;
    }
    return list_row(j->f, s, err);
}

static void forget(struct judging *j)
{
    for (size_t i = 0; i < j->count; i++)
        row_key_done(&j->batch[i].key);
    j->count = 0;
}

static int settle_batch(struct judging *j, struct err *err)
{
    struct vtable *t = j->f->t;
    const struct differing_table d = { { t->tables[END_SOURCE], t->tables[END_SINK] }, t->normals };
    int rc = j->count > 0 ? settle(&j->f->ends, &d, j->batch, j->count, SETTLE_MS, err) : 0;

    for (size_t i = 0; i < j->count && rc == 0; i++)
        rc = count_row(j, &j->batch[i], err);
    forget(j);
    return rc;
}

static int suspect(struct judging *j, const struct row_entry *x, struct err *err)
{
    j->batch[j->count] = (struct suspect){ 0 };
    j->count++;
    if (key_of_entry(&j->batch[j->count - 1].key, x, j->f->t->normals->key_count, err) < 0)
        return -1;
    return j->count < j->most ? 0 : settle_batch(j, err);
}

int rows_judge(struct verifier *f, struct rowset sets[static END_MAX_], uint64_t *ret_differ,
               struct err *err)
{
    struct rowset *a = &sets[END_SOURCE], *b = &sets[END_SINK];
    struct judging j = { .f = f, .most = MIN(f->v->batch, (size_t)SETTLE_MAX) };
    size_t i = 0, k = 0;
    int rc = 0;

    if (a->count > 0)
        qsort(a->list, a->count, sizeof(*a->list), by_key);
    if (b->count > 0)
        qsort(b->list, b->count, sizeof(*b->list), by_key);
    while (rc == 0 && (i < a->count || k < b->count)) {
        int c = i >= a->count ? 1 : k >= b->count ? -1 : by_key(&a->list[i], &b->list[k]);

        if (c != 0 || a->list[i].sum != b->list[k].sum)
            rc = suspect(&j, c <= 0 ? &a->list[i] : &b->list[k], err);
        i += c <= 0;
        k += c >= 0;
    }
    if (rc == 0)
        rc = settle_batch(&j, err);
    forget(&j);
    *ret_differ = j.differ;
    return rc;
}
