#include "workers/incr/remedy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/num.h"
#include "workers/incr/keys.h"
#include "workers/incr/resolve_priv.h"
#include "workers/mysql/control.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum { DOC_DEPTH = 4, SQL_MAX = 1024 * 1024 * 1024, HEX_BASE = 16 };

/* Columns of cw_remedy in their order (workers/mysql/control_layout.c). */
enum { COL_TASK, COL_SEQ, COL_N, COL_KIND, COL_DOC, COL_COUNT };

/* ---- values ---- */

static void value_json(struct strbuf *b, const struct value *v)
{
    uint64_t bits = 0;
    uint32_t bits32 = 0;

    switch (v->kind) {
    case V_ABSENT:
    case V_NULL:
        return;
    case V_INT:
        strbuf_addf(b, "i%" PRId64, v->i);
        return;
    case V_UINT:
        strbuf_addf(b, "u%" PRIu64, v->u);
        return;
    case V_FLOAT:
        memcpy(&bits32, &v->f, sizeof(bits32));
        strbuf_addf(b, "f%08" PRIx32, bits32);
        return;
    case V_DOUBLE:
        memcpy(&bits, &v->d, sizeof(bits));
        strbuf_addf(b, "d%016" PRIx64, bits);
        return;
    case V_TEXT:
        strbuf_addc(b, 't');
        strbuf_add(b, v->bytes, v->len);
        return;
    case V_BYTES:
        strbuf_addc(b, 'b');
        strbuf_add_hex(b, v->bytes, v->len);
        return;
    }
}

struct json_object *remedy_row_json(const struct table *t, const struct value *row)
{
    struct json_object *o = json_object_new_object();

    for (size_t i = 0; o != NULL && i < t->column_count; i++) {
        _cleanup_(strbuf_done)
        struct strbuf b = STRBUF(SQL_MAX);
        int got;

        if (row[i].kind == V_ABSENT)
            continue;
        value_json(&b, &row[i]);
        got = row[i].kind == V_NULL ? json_add_null(o, t->columns[i].name)
              : strbuf_ok(&b)       ? json_add_strn(o, t->columns[i].name, strbuf_str(&b), b.len)
                                    : -1;
        if (got < 0) {
            (void)json_object_put(o);
            return NULL;
        }
    }
    return o;
}

static bool parse_bits(const char *text, size_t digits, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < digits; i++) {
        int d = num_hex_digit(text[i]);
        if (d < 0)
            return false;
        *ret = *ret * HEX_BASE + (unsigned)d;
    }
    return true;
}

static bool parse_bytes(const char *text, size_t digits, char *to)
{
    for (size_t i = 0; i + 1 < digits; i += 2) {
        int high = num_hex_digit(text[i]), low = num_hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        *to++ = (char)(high * HEX_BASE + low);
    }
    return digits % 2 == 0;
}

static bool parse_float(const char *text, size_t len, struct value *ret)
{
    uint64_t bits;
    uint32_t bits32;

    if (*text == 'f') {
        if (len != 1 + 2 * sizeof(bits32) || !parse_bits(text + 1, len - 1, &bits))
            return false;
        bits32 = (uint32_t)bits;
        memcpy(&ret->f, &bits32, sizeof(bits32));
        ret->kind = V_FLOAT;
        return true;
    }
    if (len != 1 + 2 * sizeof(bits) || !parse_bits(text + 1, len - 1, &bits))
        return false;
    memcpy(&ret->d, &bits, sizeof(bits));
    ret->kind = V_DOUBLE;
    return true;
}

/* `mem`: room for len bytes. */
static bool parse_value(const char *text, size_t len, char *mem, struct value *ret)
{
    switch (len > 0 ? *text : '\0') {
    case 'i':
        ret->kind = V_INT;
        return num_parse_i64(text + 1, INT64_MIN, INT64_MAX, &ret->i);
    case 'u':
        ret->kind = V_UINT;
        return num_parse_u64(text + 1, UINT64_MAX, &ret->u);
    case 'f':
    case 'd':
        return parse_float(text, len, ret);
    case 't':
        memcpy(mem, text + 1, len - 1);
        *ret = (struct value){ .kind = V_TEXT, .bytes = mem, .len = len - 1 };
        return true;
    case 'b':
        *ret = (struct value){ .kind = V_BYTES, .bytes = mem, .len = (len - 1) / 2 };
        return parse_bytes(text + 1, len - 1, mem);
    default:
        return false;
    }
}

static int damaged(const struct table *t, struct err *err)
{
    return err_set(err, ERR_CONTROL_SCHEMA, "damaged row of cw_remedy about %s.%s", t->db, t->name);
}

int remedy_row_parse(struct json_object *o, const struct table *t, struct value **ret,
                     struct err *err)
{
    size_t bytes = 0;
    _cleanup_(freep)
    struct value *row = NULL;
    char *mem;

    if (!json_object_is_type(o, json_type_object))
        return damaged(t, err);
    json_object_object_foreach(o, name, member)
    {
        (void)name;
        bytes += member != NULL ? (size_t)MAX(json_object_get_string_len(member), 0) + 1 : 0;
    }
    row = calloc(1, (t->column_count + 1) * sizeof(*row) + bytes);
    if (row == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a row of %s.%s", t->db, t->name);
    mem = (char *)(row + t->column_count);
    json_object_object_foreach(o, column, value)
    {
        int at = table_column(t, column);
        size_t len;
        if (at < 0)
            continue; /* the other end has it and this project does not carry it */
        if (value == NULL) {
            row[at].kind = V_NULL;
            continue;
        }
        if (!json_object_is_type(value, json_type_string))
            return damaged(t, err);
        len = (size_t)json_object_get_string_len(value);
        if (!parse_value(json_object_get_string(value), len, mem, &row[at]))
            return damaged(t, err);
        mem += len + 1;
    }
    *ret = take_ptr(row);
    return 0;
}

/* ---- writing ---- */

void remedy_reset(struct resolver *r)
{
    for (size_t i = 0; i < r->remedy_count; i++)
        free(r->remedies[i].key);
    free(r->remedies);
    r->remedies = NULL;
    r->remedy_count = 0;
}

static bool is_same(const struct remedy_key *a, const struct remedy_key *b)
{
    const struct table *t = a->target->plan->t;

    if (a->target != b->target || strcmp(a->id, b->id) != 0)
        return false;
    for (size_t i = 0; i < t->column_count; i++) {
        if (!value_equal(&a->key[i], &b->key[i]))
            return false;
    }
    return true;
}

/* Takes `key` over. */
static int add(struct resolver *r, const struct target *t, struct value *key, const char *id,
               struct err *err)
{
    struct remedy_key k = { .target = t, .key = key };
    struct remedy_key *grown;

    (void)snprintf(k.id, sizeof(k.id), "%s", id);
    for (size_t i = 0; i < r->remedy_count; i++) {
        if (is_same(&r->remedies[i], &k)) {
            free(key);
            return 0;
        }
    }
    grown = reallocarray(r->remedies, r->remedy_count + 1, sizeof(*grown));
    if (grown == NULL) {
        free(key);
        return err_set(err, ERR_NOMEM, "no memory for a note of a conflict");
    }
    r->remedies = grown;
    grown[r->remedy_count++] = k;
    return 0;
}

int remedy_of_image(struct resolver *r, const struct target *t, const struct table_plan *p,
                    const struct value *row, const char *id, struct err *err)
{
    struct value *key = NULL;

    if (target_key_of(r->conn, t, p, row, &key, err) < 0)
        return -1;
    return add(r, t, key, id, err);
}

int remedy_of_row(struct resolver *r, const struct target *t, const struct value *row,
                  const char *id, struct err *err)
{
    const struct table *table = t->plan->t;
    _cleanup_(freep)
    struct value *key = calloc(table->column_count + 1, sizeof(*key));
    struct value *copy;

    if (key == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a note of a conflict");
    for (size_t i = 0; i < table->indexes[table->key].column_count; i++) {
        unsigned c = table->indexes[table->key].columns[i];
        key[c] = row[c];
    }
    copy = target_row_copy(key, table->column_count);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a note of a conflict");
    return add(r, t, copy, id, err);
}

static struct json_object *head(const struct resolver *r, const struct remedy_key *k)
{
    const struct table *t = k->target->plan->t;
    struct json_object *o = json_object_new_object();

    if (o == NULL || json_add_str(o, "db", t->db) < 0 || json_add_str(o, "table", t->name) < 0 ||
        json_add_str(o, "to", r->o.peer_id) < 0 ||
        json_add(o, "key", remedy_row_json(t, k->key)) < 0 || json_get(o, "key") == NULL) {
        (void)json_object_put(o);
        return NULL;
    }
    return o;
}

static int put(struct resolver *r, const struct txn *t, size_t n, const char *kind,
               struct json_object *doc, struct err *err)
{
    const char *text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN);

    return control_exec(r->conn, r->o.fence->schema, NULL, err,
                        "REPLACE INTO @cw_remedy (task, seq, n, kind, doc)"
                        " VALUES (%q, %u, %u, %q, %b)",
                        r->o.fence->task, t->seq, (uint64_t)n, kind, text, strlen(text));
}

static int write_note(struct resolver *r, const struct txn *t, size_t n, struct err *err)
{
    const struct remedy_key *k = &r->remedies[n];
    _cleanup_(json_putp)
    struct json_object *doc = head(r, k);

    if (doc == NULL || (k->id[0] != '\0' && json_add_str(doc, "ack", k->id) < 0))
        return err_set(err, ERR_NOMEM, "no memory for a note of a conflict");
    return put(r, t, n, "NOTE", doc, err);
}

static int write_state(struct resolver *r, const struct txn *t, size_t n, struct err *err)
{
    const struct remedy_key *k = &r->remedies[n];
    _cleanup_(json_putp)
    struct json_object *doc = head(r, k);
    _cleanup_(strbuf_done)
    struct strbuf where = STRBUF(SQL_MAX);
    _cleanup_(met_rows_done)
    struct met_rows rows = { 0 };
    struct json_object *row;
    char id[64];

    FAULT("incr.remedy.before_state");
    if (sqlwrite_key(&where, k->target->plan, k->key, err) < 0 || strbuf_check(&where, err) < 0 ||
        target_read(r->conn, k->target, strbuf_str(&where), "", &rows, err) < 0)
        return -1;
    if (k->id[0] != '\0')
        (void)snprintf(id, sizeof(id), "%s", k->id);
    else
        (void)snprintf(id, sizeof(id), "%" PRIu64 ".c%zu", t->seq, n);
    row = rows.count > 0 ? remedy_row_json(k->target->plan->t, rows.rows[0].values) : NULL;
    if (doc == NULL || (rows.count > 0 && row == NULL) || json_add_str(doc, "id", id) < 0 ||
        json_add(doc, "row", row) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a row in conflict");
    return put(r, t, n, "STATE", doc, err);
}

int remedy_write(struct resolver *r, const struct txn *t, struct err *err)
{
    if (r->remedy_count == 0)
        return 0;
    for (size_t i = 0; i < r->remedy_count; i++) {
        int got = r->o.strategy == STRATEGY_OVERWRITE ? write_note(r, t, i, err)
                                                      : write_state(r, t, i, err);
        if (got < 0)
            return -1;
    }
    return control_exec(r->conn, r->o.fence->schema, NULL, err,
                        "DELETE FROM @cw_remedy WHERE task = %q AND seq = %u", r->o.fence->task,
                        t->seq);
}

/* ---- reading ---- */

void remedy_ask_free(struct remedy_ask *a)
{
    if (a == NULL)
        return;
    free(a->key);
    free(a->row);
    free(a);
}

static bool text_is(const struct value *v, const char *text)
{
    return (v->kind == V_BYTES || v->kind == V_TEXT) && v->len == strlen(text) &&
           memcmp(v->bytes, text, v->len) == 0;
}

/* Ours when it is addressed to this project, or comes from the one whose answer we are. */
static bool is_for_us(const struct group_control *c, struct json_object *doc,
                      const char *project_id, const char *peer_id)
{
    char task[ID_MAX + 16];

    if (strcmp(json_get_str(doc, "to", ""), project_id) == 0)
        return true;
    (void)snprintf(task, sizeof(task), "%s/incr", peer_id);
    return peer_id[0] != '\0' && text_is(&c->values[COL_TASK], task);
}

static bool is_whole(const struct table *t, const struct value *row)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (t->selected[i] && row[i].kind == V_ABSENT)
            return false;
    }
    return true;
}

static int fill(struct remedy_ask *a, struct json_object *doc, struct err *err)
{
    const struct table *t = a->plan->t;
    struct json_object *row = json_get(doc, "row");
    const struct index *key = a->plan->keyless ? NULL : &t->indexes[t->key];

    (void)snprintf(a->id, sizeof(a->id), "%s", json_get_str(doc, "id", ""));
    (void)snprintf(a->ack, sizeof(a->ack), "%s", json_get_str(doc, "ack", ""));
    if (remedy_row_parse(json_get(doc, "key"), t, &a->key, err) < 0 ||
        (row != NULL && remedy_row_parse(row, t, &a->row, err) < 0))
        return -1;
    for (size_t i = 0; key != NULL && i < key->column_count; i++) {
        if (a->key[key->columns[i]].kind == V_ABSENT)
            return damaged(t, err);
    }
    a->whole = a->row == NULL || is_whole(t, a->row);
    return 0;
}

int remedy_parse(const struct group_control *c, const struct plans *plans, const char *project_id,
                 const char *peer_id, struct remedy_ask **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    _cleanup_(remedy_ask_freep)
    struct remedy_ask *a = NULL;
    const struct value *v = c->values;
    const struct table_plan *plan;

    if (c->kind != ROWS_INSERT || c->count < COL_COUNT || v[COL_DOC].kind != V_BYTES ||
        !(text_is(&v[COL_KIND], "NOTE") || text_is(&v[COL_KIND], "STATE")))
        return 0;
    if (json_parse(v[COL_DOC].bytes, v[COL_DOC].len, DOC_DEPTH, &doc, err) < 0)
        return err_wrap(err, "a row of cw_remedy");
    plan = plans_find(plans, json_get_str(doc, "db", ""), json_get_str(doc, "table", ""));
    if (plan == NULL || plan->keyless || !is_for_us(c, doc, project_id, peer_id))
        return 0;
    a = calloc(1, sizeof(*a));
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a note of a conflict");
    a->kind = text_is(&v[COL_KIND], "STATE") ? REMEDY_STATE : REMEDY_NOTE;
    a->plan = plan;
    if (fill(a, doc, err) < 0)
        return -1;
    *ret = take_ptr(a);
    return 1;
}

int remedy_place(const struct remedy_ask *a, struct dep_key *ret, struct strbuf *b)
{
    const struct table_plan *p = a->plan;
    const struct table *t = p->t;
    const struct index *key = &t->indexes[t->key];

    strbuf_addf(b, "%s.%s", t->db, t->name);
    for (size_t i = 0; i < key->column_count; i++) {
        strbuf_addc(b, '\1');
        value_json(b, &a->key[key->columns[i]]);
    }
    *ret = (struct dep_key){ .index = p->shared_number, .whole = true };
    for (size_t i = 0; !p->related && i < p->key_count; i++) {
        if (p->keys[i].index == key)
            (void)key_of_row(p, &p->keys[i], a->key, ret);
    }
    return strbuf_ok(b) ? 0 : -1;
}

int remedy_keys(struct txn *t, const struct remedy_ask *a, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf ignored = STRBUF(SQL_MAX);
    struct dep_key k;

    (void)remedy_place(a, &k, &ignored);
    if (txn_key(t, &k, err) < 0)
        return -1;
    return a->row != NULL && !a->plan->related ? keys_add(t, a->plan, a->row, err) : 0;
}
