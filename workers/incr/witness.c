#include "workers/incr/witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "workers/incr/session.h"

#include "base/banned.h"

enum {
    PATH_TEXT_MAX = 4096,
    BUSY_WAIT_MS = 5, /* somebody looks, and lanes are at work */
    WATCHED_WAIT_MS = 20,
    IDLE_WAIT_MS = 100,
    LENGTH_BYTES = 4,
};

/* ---- the map ---- */

static int create(struct session *s, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf path = STRBUF(PATH_TEXT_MAX);

    strbuf_addf(&path, "%s/touched", s->sync->w->task->data_dir);
    if (strbuf_check(&path, err) < 0)
        return -1;
    return touch_create(strbuf_str(&path), s->cp.pos.era, &s->witness.map, err);
}

void witness_begin(struct session *s)
{
    struct err err = { 0 };

    witness_end(s);
    s->witness.cascades = s->changer.writer.cascades;
    s->changer.witness = &s->witness;
    if (create(s, &err) < 0) {
        log_err(LOG_WARN, "incr", "no_touch_map", &err);
        if (!s->sync->no_map_told)
            report_event(s->sync->w->report, "WARN", "no_touch_map",
                         "verification can't tell rows that differ from rows under way: %s",
                         err.message);
        s->sync->no_map_told = true;
        return;
    }
    witness_tick(s);
}

void witness_end(struct session *s)
{
    touch_free(s->witness.map);
    s->witness = (struct witness){ 0 };
}

/* ---- rows ---- */

static uint64_t hash_value(uint64_t h, enum touch_as as, const struct value *v)
{
    switch (as) {
    case TOUCH_NOT:
        return h;
    case TOUCH_INT:
        return touch_hash_u64(h, v->kind == V_INT ? (uint64_t)v->i : v->u);
    case TOUCH_TEXT:
        return touch_hash_text(h, v->bytes, v->len);
    case TOUCH_BYTES:
        return touch_hash_bytes(h, v->bytes, v->len);
    }
    return h;
}

/* A column's value can be hashed as it is said to be: what is logged fits the catalog. */
static bool fits(enum touch_as as, const struct value *v)
{
    switch (v->kind) {
    case V_ABSENT:
    case V_NULL:
        return false;
    case V_INT:
    case V_UINT:
        return as == TOUCH_NOT || as == TOUCH_INT;
    case V_FLOAT:
    case V_DOUBLE:
        return as == TOUCH_NOT;
    case V_TEXT:
    case V_BYTES:
        return as != TOUCH_INT;
    }
    return false;
}

bool witness_hash(const struct table_plan *p, const struct value *row, const struct value *other,
                  uint64_t *ret)
{
    const struct index *key = p->keyless ? NULL : &p->t->indexes[p->t->key];
    uint64_t h = p->touch_table;

    for (size_t i = 0; key != NULL && i < key->column_count; i++) {
        const struct value *v = &row[key->columns[i]];
        if (v->kind == V_ABSENT && other != NULL)
            v = &other[key->columns[i]]; /* an after image without what did not change */
        if (!fits(p->touch_as[i], v))
            return false;
        h = hash_value(h, p->touch_as[i], v);
    }
    *ret = h;
    return true;
}

static void mark(const struct witness *w, const struct table_plan *p, uint64_t seq,
                 const struct value *row, const struct value *other)
{
    uint64_t h;

    if (witness_hash(p, row, other, &h))
        touch_row_mark(w->map, h, seq);
    else
        touch_related_mark(w->map, p->touch_table, seq); /* which row is not known */
}

void witness_key(const struct witness *w, const struct table_plan *p, uint64_t seq,
                 const struct value *row)
{
    if (w->map != NULL)
        mark(w, p, seq, row, NULL);
}

/* ---- cascades ---- */

static bool same_value(const struct value *a, const struct value *b)
{
    uint32_t x, y; /* a float's bits */

    if (b->kind == V_ABSENT)
        return true;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case V_ABSENT:
    case V_NULL:
        return true;
    case V_INT:
    case V_UINT:
    case V_DOUBLE:
        return a->u == b->u; /* the bits of the union */
    case V_FLOAT:
        memcpy(&x, &a->f, sizeof(x));
        memcpy(&y, &b->f, sizeof(y));
        return x == y;
    case V_TEXT:
    case V_BYTES:
        return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
    }
    return false;
}

/* Does the update change what rows of the other table refer to? */
static bool refers_to_change(const struct table *t, const struct foreign_key *fk,
                             const struct value *before, const struct value *after)
{
    for (size_t i = 0; i < fk->column_count; i++) {
        int c = table_column(t, fk->ref_columns[i]);
        if (c < 0 || !same_value(&before[c], &after[c]))
            return true;
    }
    return false;
}

static bool acts(const char *action)
{
    return action != NULL &&
           (strcasecmp(action, "CASCADE") == 0 || strcasecmp(action, "SET NULL") == 0 ||
            strcasecmp(action, "SET DEFAULT") == 0);
}

/* Rows of `p` were deleted (or updated, in which columns is not known) by the server itself. */
static void spread(const struct witness *w, struct table_plan *p, uint64_t seq, bool deleted);

static void related(const struct witness *w, const struct child *c, uint64_t seq, bool deleted)
{
    const char *action = deleted ? c->fk->on_delete : c->fk->on_update;

    if (!acts(action))
        return;
    touch_related_mark(w->map, c->plan->touch_table, seq);
    spread(w, c->plan, seq, deleted && strcasecmp(action, "CASCADE") == 0);
}

static void spread(const struct witness *w, struct table_plan *p, uint64_t seq, bool deleted)
{
    uint64_t *done = &p->touch_spread[deleted];

    if (*done == seq)
        return; /* round a ring of tables, or for another row */
    *done = seq;
    for (size_t i = 0; i < p->child_count; i++)
        related(w, &p->children[i], seq, deleted);
}

static void cascades(const struct witness *w, struct table_plan *p, uint64_t seq,
                     const struct value *before, const struct value *after)
{
    if (after == NULL) {
        spread(w, p, seq, true);
        return;
    }
    for (size_t i = 0; i < p->child_count; i++) {
        const struct child *c = &p->children[i];
        if (acts(c->fk->on_update) && refers_to_change(p->t, c->fk, before, after))
            related(w, c, seq, false);
    }
}

void witness_row(const struct witness *w, struct table_plan *p, uint64_t seq,
                 const struct value *before, const struct value *after)
{
    if (w->map == NULL)
        return;
    if (before != NULL)
        mark(w, p, seq, before, NULL);
    if (after != NULL)
        mark(w, p, seq, after, before);
    if (before != NULL && p->child_count > 0 && w->cascades)
        cascades(w, p, seq, before, after);
}

/* ---- keys ---- */

static void put_bytes(struct touch_change *c, const void *data, size_t len)
{
    if (c->key_len + len > sizeof(c->key)) {
        c->key_len = TOUCH_KEY_MAX + 1;
        return;
    }
    memcpy(c->key + c->key_len, data, len);
    c->key_len = (uint16_t)(c->key_len + len);
}

/* BINARY's zeros at the end are not logged; a server gives them. */
static void put_padded(struct touch_change *c, const struct column *col, const struct value *v)
{
    size_t len = col->kind == CK_BINARY ? MAX(v->len, (size_t)col->length) : v->len;
    const unsigned char le[LENGTH_BYTES] = {
        (unsigned char)(len & 0xff),
        (unsigned char)(len >> 8 & 0xff),
        (unsigned char)(len >> 16 & 0xff),
        (unsigned char)(len >> 24 & 0xff),
    };

    put_bytes(c, le, sizeof(le));
    if (len > sizeof(c->key)) {
        c->key_len = TOUCH_KEY_MAX + 1;
        return;
    }
    put_bytes(c, v->bytes, v->len);
    for (size_t i = v->len; i < len; i++)
        put_bytes(c, "", 1);
}

/* False: a value whose text at a server is not known here. */
static bool put_value(struct touch_change *c, const struct column *col, const struct value *v)
{
    char text[24];
    struct value as_text = { .kind = V_TEXT, .bytes = text };
    int n;

    switch (v->kind) {
    case V_INT:
        n = snprintf(text, sizeof(text), "%" PRId64, v->i);
        break;
    case V_UINT:
        if (col->kind != CK_INT && col->kind != CK_YEAR)
            return false;
        n = snprintf(text, sizeof(text), col->kind == CK_YEAR ? "%04" PRIu64 : "%" PRIu64, v->u);
        break;
    case V_TEXT:
    case V_BYTES:
        put_padded(c, col, v);
        return c->key_len <= TOUCH_KEY_MAX;
    case V_ABSENT:
    case V_NULL:
    case V_FLOAT:
    case V_DOUBLE:
    default:
        return false;
    }
    as_text.len = (size_t)n;
    put_padded(c, col, &as_text);
    return c->key_len <= TOUCH_KEY_MAX;
}

static void put_key(const struct witness *w, const struct table_plan *p, uint64_t seq,
                    const struct value *row, const struct value *other)
{
    const struct index *key = &p->t->indexes[p->t->key];
    struct touch_change c = { .seq = seq, .at_ms = clock_mono_ms(), .table = p->t->number };

    for (size_t i = 0; i < key->column_count && c.key_len <= TOUCH_KEY_MAX; i++) {
        const struct value *v = &row[key->columns[i]];
        if (v->kind == V_ABSENT && other != NULL)
            v = &other[key->columns[i]];
        if (!put_value(&c, &p->t->columns[key->columns[i]], v))
            c.key_len = TOUCH_KEY_MAX + 1;
    }
    touch_change_put(w->map, &c);
}

static bool key_changed(const struct table_plan *p, const struct value *before,
                        const struct value *after)
{
    const struct index *key = &p->t->indexes[p->t->key];

    for (size_t i = 0; i < key->column_count; i++)
        if (!same_value(&before[key->columns[i]], &after[key->columns[i]]))
            return true;
    return false;
}

void witness_changed(const struct witness *w, const struct table_plan *p, uint64_t seq,
                     const struct value *before, const struct value *after)
{
    if (p->keyless || p->loose || !touch_keys_are_wanted(w->map))
        return; /* not to be named; differs on purpose */
    if (before != NULL)
        put_key(w, p, seq, before, NULL);
    if (after != NULL && (before == NULL || key_changed(p, before, after)))
        put_key(w, p, seq, after, before);
}

/* ---- statements ---- */

void witness_ddl(const struct witness *w, uint64_t seq, const struct statement *st)
{
    bool known = st->kind == ST_DDL && st->ref_count > 0;

    for (size_t i = 0; i < st->ref_count; i++) {
        uint64_t table = touch_hash_table(st->refs[i].db, st->refs[i].name);
        known &= st->refs[i].kind == OBJ_TABLE;
        touch_ddl_mark(w->map, table, seq);
        touch_related_mark(w->map, table, seq); /* TRUNCATE, a column that is filled */
    }
    if (known)
        return;
    touch_ddl_mark(w->map, 0, seq);
    touch_all_mark(w->map, seq);
}

/* ---- the account ---- */

void witness_tick(struct session *s)
{
    struct binlog_pos read;
    int64_t lag_ms;

    if (s->witness.map == NULL)
        return;
    read = session_read(s);
    lag_ms = (clock_now_us() - s->applied_us) / 1000;
    touch_progress(s->witness.map, &read, s->group != NULL ? group_seq(s->group) : s->cp.seq,
                   s->cp.seq, MAX(lag_ms, (int64_t)0));
}

/* Somebody waits for what the lanes do now: the account is to follow at once. */
int witness_wait_ms(struct session *s)
{
    if (!touch_watched(s->witness.map))
        return IDLE_WAIT_MS;
    s->drain_at = 0;
    return pool_idle(s->pool) ? WATCHED_WAIT_MS : BUSY_WAIT_MS;
}

/* ---- holds ---- */

static void let_go(struct session *s)
{
    struct witness *w = &s->witness;

    if (w->held == 0)
        return;
    touch_hold_tell(w->map, w->held, NULL);
    log_info("incr", "verify_hold_ends", "seq=%" PRIu64, s->cp.seq);
    w->held = 0;
}

/* Lanes may have applied transactions beyond the checkpoint: a place with no gap is behind them. */
static uint64_t least(const struct session *s)
{
    const struct applied *a = &s->applied;

    return MAX(s->base_lwm, a->count > 0 ? a->numbers[a->count - 1] : 0);
}

static void tell(struct session *s, const struct touch_hold *h, const struct binlog_pos *at)
{
    struct witness *w = &s->witness;

    if (w->held == h->id && binlog_pos_cmp(&w->held_at, at) == 0)
        return;
    w->held = h->id;
    w->held_at = *at;
    FAULT("incr.witness.held");
    touch_hold_tell(w->map, h->id, at);
    log_info("incr", "verify_hold", "seq=%" PRIu64 " pos=%s:%" PRIu64, s->cp.seq, at->file,
             at->offset);
}

int witness_step(struct session *s, struct err *err)
{
    struct touch_hold h = touch_hold_wanted(s->witness.map);
    struct binlog_pos at;

    if (h.id == 0) {
        let_go(s);
        return 0;
    }
    if (group_open(s->group) || group_seq(s->group) < least(s))
        return 0;
    at = session_read(s);
    if (h.until && binlog_pos_cmp(&at, &h.pos) < 0) {
        let_go(s); /* of a hold that stood before that place */
        return 0;
    }
    if (!pool_idle(s->pool))
        return 1;
    if (session_checkpoint(s, err) < 0)
        return -1;
    if (s->cp.seq != group_seq(s->group))
        return 1; /* its end comes with the next account */
    tell(s, &h, &at);
    return 1;
}
