/*
 * What one direction tells the other of rows in conflict, so that both ends become one again
 * (docs/two-way.md, "Why OVERWRITE one way and IGNORE the other converges"): notes and states,
 * written into cw_remedy and read from the binlog. The rows themselves are removed in the
 * transaction that writes them: nobody reads the table.
 *
 * A document: { "db", "table": where the row is written, "to": project or "", "key": {column:
 * value}, "ack": id (NOTE of a state that was applied), "id", "row": null | {column: value} (STATE)
 * }. A value is null or a text: i, u a number; f, d the bits of a float in hexadecimal digits; t
 * text; b bytes in hexadecimal digits: what that server's binlog would give.
 */
#ifndef WORKERS_INCR_REMEDY_H
#define WORKERS_INCR_REMEDY_H

#include "workers/incr/group.h"
#include "workers/incr/plan.h"
#include "workers/incr/target.h"
#include "workers/incr/txn.h"

struct resolver;

/* ---- writing, within a transaction that is being resolved ---- */

/*
 * remedy_of_image(): the row with the key of this image of the source
 *
 * @id  NOTE: of the state that was applied; STATE: the name the answer will have; "": none
 */
int remedy_of_image(struct resolver *r, const struct target *t, const struct table_plan *p,
                    const struct value *row, const char *id, struct err *err);
/* remedy_of_row(): … of this row of the target. */
int remedy_of_row(struct resolver *r, const struct target *t, const struct value *row,
                  const char *id, struct err *err);
/* remedy_write(): notes or states of all of them, by the strategy; last before the commit. */
int remedy_write(struct resolver *r, const struct txn *t, struct err *err);
void remedy_reset(struct resolver *r);

/* ---- reading ---- */

enum remedy_kind { REMEDY_NOTE, REMEDY_STATE };

/* One row of the other direction's, on its way to a lane with its transaction. */
struct remedy_ask {
    enum remedy_kind kind;
    const struct table_plan *plan;
    struct value *key; /* a row of the source: the columns that identify it */
    struct value *row; /* STATE: all of it; NULL: there is none */
    char ack[64];      /* NOTE: of the state that was applied, or "" */
    char id[64];       /* STATE: its name; NOTE: that of the state it asks for */
    bool whole;        /* STATE: it has every column that is carried */
};
void remedy_ask_free(struct remedy_ask *a);
DEFINE_CLEANUP(struct remedy_ask, remedy_ask_free)

/*
 * remedy_parse() - an INSERT into cw_remedy
 *
 * Returns 1 with *ret; 0: it is not for this project, or of a table that is not in it; -1.
 */
int remedy_parse(const struct group_control *c, const struct plans *plans, const char *project_id,
                 const char *peer_id, struct remedy_ask **ret, struct err *err);
/* remedy_place(): the key of the row itself, and its exact name in `b`. */
int remedy_place(const struct remedy_ask *a, struct dep_key *ret, struct strbuf *b);
/* remedy_keys(): what orders it among the rows. */
int remedy_keys(struct txn *t, const struct remedy_ask *a, struct err *err);

/* ---- pure ---- */

struct json_object *remedy_row_json(const struct table *t, const struct value *row);
/* remedy_row_parse(): *ret: free() it. Columns that the document lacks are V_ABSENT. */
int remedy_row_parse(struct json_object *o, const struct table *t, struct value **ret,
                     struct err *err);

#endif
