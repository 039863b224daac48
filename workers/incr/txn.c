#include "workers/incr/txn.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/incr/image.h"
#include "workers/incr/remedy.h"

#include "base/banned.h"

enum { KEYS_LOOK_BACK = 8 };

struct txn *txn_new(uint64_t seq, const struct binlog_pos *start, size_t insert_max)
{
    struct txn *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->seq = seq;
    t->start = *start;
    t->insert_max = insert_max;
    t->text = (struct strbuf)STRBUF(TXN_TEXT_MAX);
    return t;
}

static void forget_savepoints(struct txn *t, size_t keep)
{
    while (t->savepoint_count > keep)
        free(t->savepoints[--t->savepoint_count].name);
}

static void forget_images(struct txn *t)
{
    while (t->image_count > 0)
        image_free(t->images[--t->image_count]);
    t->image_bytes = 0;
}

void txn_free(struct txn *t)
{
    if (t == NULL)
        return;
    forget_images(t);
    free(t->images);
    for (size_t i = 0; i < t->ask_count; i++)
        remedy_ask_free(t->asks[i]);
    free(t->asks);
    forget_savepoints(t, 0);
    free(t->savepoints);
    strbuf_done(&t->text);
    free(t->stmts);
    free(t->lits);
    free(t->keys);
    free(t);
}

size_t txn_bytes(const struct txn *t)
{
    return sizeof(*t) + t->text.cap + t->stmt_cap * sizeof(*t->stmts) +
           t->lit_cap * sizeof(*t->lits) + t->key_cap * sizeof(*t->keys) +
           t->image_cap * sizeof(struct image *) + t->image_bytes;
}

int txn_stmt_begin(struct txn *t, const struct stmt *s, struct err *err)
{
    if (t->stmt_count == t->stmt_cap) {
        size_t cap = t->stmt_cap == 0 ? 4 : t->stmt_cap * 2;
        struct stmt *grown = reallocarray(t->stmts, cap, sizeof(*grown));
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a transaction of %zu statements", cap);
        t->stmts = grown;
        t->stmt_cap = cap;
    }
    t->stmts[t->stmt_count] = *s;
    t->stmts[t->stmt_count].off = t->text.len;
    t->stmts[t->stmt_count].first_lit = t->lit_count;
    t->stmt_count++;
    return 0;
}

int txn_stmt_end(struct txn *t, struct err *err)
{
    struct stmt *s = &t->stmts[t->stmt_count - 1];

    s->len = t->text.len - s->off;
    return strbuf_check(&t->text, err);
}

int txn_lit(struct txn *t, size_t off, bool alone, struct err *err)
{
    if (t->lit_count == t->lit_cap) {
        size_t cap = t->lit_cap == 0 ? 16 : t->lit_cap * 2;
        struct lit *grown = reallocarray(t->lits, cap, sizeof(*grown));
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a transaction of %zu values", cap);
        t->lits = grown;
        t->lit_cap = cap;
    }
    t->lits[t->lit_count++] = (struct lit){ off, (uint32_t)(t->text.len - off), alone };
    t->stmts[t->stmt_count - 1].lit_count++;
    return 0;
}

bool txn_insert_goes_on(const struct txn *t, const struct stmt *like)
{
    const struct stmt *last;

    if (t->stmt_count == 0)
        return false;
    last = &t->stmts[t->stmt_count - 1];
    return last->kind == like->kind && last->plan == like->plan &&
           last->fk_checks == like->fk_checks && last->folds == like->folds &&
           last->rows < STMT_ROWS_MAX && last->len < t->insert_max &&
           (t->savepoint_count == 0 || t->savepoints[t->savepoint_count - 1].stmts < t->stmt_count);
}

int txn_keep(struct txn *t, const struct image *im, struct err *err)
{
    if (t->no_images)
        return 0;
    if (t->image_count == t->image_cap) {
        size_t cap = t->image_cap == 0 ? 2 : t->image_cap * 2;
        struct image **grown = reallocarray(t->images, cap, sizeof(struct image *));
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a transaction of %zu events", cap);
        t->images = grown;
        t->image_cap = cap;
    }
    t->images[t->image_count] = image_copy(im, &im->plan->shape);
    if (t->images[t->image_count] == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a row event");
    t->image_bytes += image_bytes(t->images[t->image_count++]);
    return 0;
}

int txn_ask(struct txn *t, struct remedy_ask *a, struct err *err)
{
    struct remedy_ask **grown =
        reallocarray(t->asks, t->ask_count + 1, sizeof(struct remedy_ask *));

    if (grown == NULL) {
        remedy_ask_free(a);
        return err_set(err, ERR_NOMEM, "no memory for a note of a conflict");
    }
    t->asks = grown;
    grown[t->ask_count++] = a;
    return 0;
}

int txn_key(struct txn *t, const struct dep_key *k, struct err *err)
{
    for (size_t i = t->key_count; i > 0 && t->key_count - i < KEYS_LOOK_BACK; i--) {
        const struct dep_key *have = &t->keys[i - 1];
        if (have->index == k->index && have->whole == k->whole &&
            (k->whole || have->hash == k->hash))
            return 0;
    }
    if (t->key_count == t->key_cap) {
        size_t cap = t->key_cap == 0 ? 4 : t->key_cap * 2;
        struct dep_key *grown = reallocarray(t->keys, cap, sizeof(*grown));
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a transaction of %zu keys", cap);
        t->keys = grown;
        t->key_cap = cap;
    }
    t->keys[t->key_count++] = *k;
    return 0;
}

void txn_forget(struct txn *t)
{
    t->stmt_count = t->lit_count = 0;
    strbuf_reset(&t->text);
    t->key_count = 0;
    forget_images(t);
    /* what was sent can't be taken back from here */
    forget_savepoints(t, 0);
}

int txn_savepoint(struct txn *t, const char *name, struct err *err)
{
    struct savepoint *grown =
        reallocarray(t->savepoints, t->savepoint_count + 1, sizeof(*t->savepoints));

    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savepoint");
    t->savepoints = grown;
    grown[t->savepoint_count] = (struct savepoint){ strdup(name), t->stmt_count, t->image_count };
    if (grown[t->savepoint_count].name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savepoint");
    t->savepoint_count++;
    return 0;
}

static void take_back_images(struct txn *t, const struct savepoint *to)
{
    size_t kept = to->images;

    for (size_t i = to->images; i < t->image_count; i++) {
        struct image *im = t->images[i];
        if (plan_rolls_back(im->plan)) {
            t->image_bytes -= image_bytes(im);
            image_free(im);
            continue;
        }
        im->first_stmt = MIN(im->first_stmt, to->stmts);
        t->images[kept++] = im;
    }
    t->image_count = kept;
}

static void take_back(struct txn *t, const struct savepoint *to)
{
    size_t kept = to->stmts;

    take_back_images(t, to);
    for (size_t i = to->stmts; i < t->stmt_count; i++) {
        if (!t->stmts[i].own_tables)
            t->stmts[kept++] = t->stmts[i];
    }
    t->stmt_count = kept;
}

int txn_rollback_to(struct txn *t, const char *name)
{
    size_t at = t->savepoint_count;

    /* names are compared as the server does, case aside, and the last of a name is meant */
    while (at > 0 && strcasecmp(t->savepoints[at - 1].name, name) != 0)
        at--;
    if (at == 0)
        return 0;
    take_back(t, &t->savepoints[at - 1]);
    forget_savepoints(t, at); /* the savepoint itself stays */
    return 1;
}

void txn_rollback(struct txn *t)
{
    take_back(t, &(struct savepoint){ NULL, 0, 0 });
    forget_savepoints(t, 0);
}
