/*
 * What an incremental worker shares with a verifying one: which rows of its source were changed
 * last when, how far it has read and applied. A file of the project's folder, mapped by both
 * (<dataDir>/touched): two processes of one daemon on one machine, no message a row.
 *
 * Rows are known by a hash of table and key; two rows may share one, and then look changed as late
 * as the later of them. Numbers are those of source transactions (group.h). Only changes made *at*
 * that source count: what the project's other direction applied there (marked) does not.
 *
 * How a verifier proves that a row differs (docs/verification.md): with a = applied before it read
 * both ends, and the reader past the source's position p taken after that: touch_row() <= a means
 * that no change of the row was under way, so what was read is what stays.
 */
#ifndef WORKERS_TOUCH_H
#define WORKERS_TOUCH_H

#include "base/err.h"
#include "base/util.h"
#include "workers/mysql/binlog/position.h"
#include "workers/mysql/catalog.h"

struct touch;

/* ---- both sides: the hash ---- */

/*
 * touch_hash_*: over the table's names at that source, then the key's columns in its order. Of a
 * key column only what is the same text in a row event and in a result counts: integers, texts of
 * character sets that contain ASCII (ASCII letters in lower case, without trailing blanks, other
 * bytes left out), binary strings without trailing zeros. Other columns are left out: coarser.
 */
uint64_t touch_hash_table(const char *db, const char *name);
uint64_t touch_hash_i64(uint64_t h, int64_t v);
uint64_t touch_hash_u64(uint64_t h, uint64_t v); /* equals touch_hash_i64() where both can be */
uint64_t touch_hash_text(uint64_t h, const char *s, size_t len);
uint64_t touch_hash_bytes(uint64_t h, const char *s, size_t len);
/* touch_column(): how a key column counts. */
enum touch_as { TOUCH_NOT, TOUCH_INT, TOUCH_TEXT, TOUCH_BYTES };
enum touch_as touch_column(const struct column *c);
/* touch_hash_value(): the next key column by its text: as a server gives it, or its normal form. */
uint64_t touch_hash_value(uint64_t h, const struct column *c, const char *text, size_t len);

/* ---- the incremental worker ---- */

/*
 * touch_create(): a new, empty file in place of any other; whoever has the old one notices. All its
 * blocks are taken at once, so that a full disk is an error here (ERR_IO), not a SIGBUS later.
 *
 * Everything below takes NULL for a map that could not be made, and does nothing.
 */
int touch_create(const char *path, unsigned era, struct touch **ret, struct err *err);
void touch_free(struct touch *t); /* unmaps; the file stays */
DEFINE_CLEANUP(struct touch, touch_free)
void touch_row_mark(struct touch *t, uint64_t hash, uint64_t seq);
/* touch_related_mark(): rows of `table` (touch_hash_table) may change without an event: cascades.
 */
void touch_related_mark(struct touch *t, uint64_t table, uint64_t seq);
void touch_all_mark(struct touch *t, uint64_t seq); /* any row may have changed: XA, DDL */
void touch_ddl_mark(struct touch *t, uint64_t table, uint64_t seq); /* 0: of any table */
/* touch_progress(): everything before `read` was fed (and marked); applied without gaps up to
 * `applied`, which is all before `applied_pos` (may lie behind); lag in ms. */
void touch_progress(struct touch *t, const struct binlog_pos *read, uint64_t read_seq,
                    uint64_t applied, int64_t lag_ms);
bool touch_watched(const struct touch *t); /* somebody has looked within the last seconds */

/* The verifier's wish to stop applying at a place; a lease: without renewal it lapses. */
struct touch_hold {
    uint64_t id;           /* 0: none */
    bool until;            /* go on up to `pos` exactly; else hold wherever it is */
    struct binlog_pos pos; /* era as touch_state has it */
};
/* touch_hold_wanted(): the hold in force now, or id 0. */
struct touch_hold touch_hold_wanted(const struct touch *t);
/* touch_hold_tell(): everything before `pos` is applied and nothing beyond it, and nothing more is
 * read; pos NULL: going on. */
void touch_hold_tell(struct touch *t, uint64_t id, const struct binlog_pos *pos);

/* ---- the verifier ---- */

struct touch_state {
    uint64_t generation; /* changes with each touch_create(): numbers start anew, ask again */
    struct binlog_pos read;
    uint64_t read_seq, applied, ddl_seq;
    int64_t lag_ms;
    int64_t heard_ms; /* monotonic ms of the last touch_progress(), for a writer that is gone */
};
/* touch_open(): 1, 0 when there is no such file (yet), or none whose writer lives, -1. */
int touch_open(const char *path, struct touch **ret, struct err *err);
/* touch_look(): false: the file was replaced or its writer died; open it again. */
bool touch_look(const struct touch *t, struct touch_state *ret);
uint64_t touch_row(const struct touch *t, uint64_t hash); /* last change; 0: none known */
uint64_t touch_related(const struct touch *t,
                       uint64_t table);                    /* likewise; all_mark counts in both */
uint64_t touch_ddl(const struct touch *t, uint64_t table); /* last DDL of that table */
/* touch_hold_ask(): asks, renews (the same id) or, with id 0, gives up; valid for `lease_ms`. */
void touch_hold_ask(struct touch *t, const struct touch_hold *h, int lease_ms);
/* touch_held(): true when the hold `id` stands, and the map is the present one; *ret where. Behind
 * a read at the target it says that nothing was applied before that either. */
bool touch_held(const struct touch *t, uint64_t id, struct binlog_pos *ret);

/*
 * The keys that changed last, for the continuous check: a ring, the oldest are overwritten.
 * key: the values' texts in the key's order, each u32 length (little endian) and bytes, as bounds.h
 * has them; longer ones are not written (counted as lost).
 */
enum { TOUCH_KEY_MAX = 200 };
struct touch_change {
    uint64_t seq;
    int64_t at_ms;  /* monotonic, when it was read */
    unsigned table; /* table->number: its row in cw_schema */
    uint16_t key_len;
    unsigned char key[TOUCH_KEY_MAX];
};
/* touch_keys_wanted(): the verifier; for 10 s: say it again. The next map begins with it. */
void touch_keys_wanted(struct touch *t, bool yes);
bool touch_keys_are_wanted(const struct touch *t); /* the incremental worker */
/* touch_change_put(): with a key_len beyond TOUCH_KEY_MAX: one that counts as lost. */
void touch_change_put(struct touch *t, const struct touch_change *c);
/* touch_change_next(): 1, 0 none yet, from *io on; what was overwritten before it was read is added
 * to *io_lost. */
int touch_change_next(const struct touch *t, uint64_t *io, uint64_t *io_lost,
                      struct touch_change *ret);

#endif
