/* The reader of transactions over captured binlogs, and over events made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "sample.h"
#include "tables.h"
#include "workers/incr/group.h"

#include "base/banned.h"

enum { EVENT_MAX = 512 };

struct seen {
    struct group *group;
    uint64_t last_seq, skip_below;
    bool open;
    unsigned begins, ends, rollbacks, rows, statements, ddl, skipped;
    char xa[512]; /* what happened, in order */
    uint64_t offset;
};

static int on_begin(void *ctx, const struct group_info *g, struct err *err)
{
    struct seen *s = ctx;

    (void)err;
    assert_false(s->open);
    assert_int_equal(g->seq, s->last_seq + 1);
    s->last_seq = g->seq;
    s->open = true;
    s->begins++;
    if (g->seq >= s->skip_below)
        return 0;
    s->skipped++;
    return 1;
}

static int on_rows(void *ctx, const struct group_row_event *e, struct err *err)
{
    struct seen *s = ctx;

    (void)err;
    assert_true(s->open && s->last_seq >= s->skip_below);
    assert_string_equal(e->plan->t->name, e->map->table);
    s->rows++;
    return 0;
}

static int on_savepoint(void *ctx, enum statement_kind kind, const char *name, struct err *err)
{
    (void)ctx;
    (void)kind;
    (void)name;
    (void)err;
    return 0;
}

static int on_statement(void *ctx, const struct group_statement *st, struct err *err)
{
    struct seen *s = ctx;

    (void)err;
    assert_true(s->open && s->last_seq >= s->skip_below);
    s->statements++;
    s->ddl += st->parsed->kind == ST_DDL;
    return 0;
}

static int on_end(void *ctx, bool commit, const struct binlog_pos *end, int64_t ts, struct err *err)
{
    struct seen *s = ctx;

    (void)err;
    (void)ts;
    assert_true(s->open && end->offset > 0);
    s->open = false;
    s->ends++;
    s->rollbacks += !commit;
    return 0;
}

static int on_xa(void *ctx, enum group_xa what, const char *xid, struct err *err)
{
    static const char *const names[] = { "begun", "prepared", "one_phase", "committed", "undone" };
    struct seen *s = ctx;
    size_t at = strlen(s->xa);

    (void)err;
    (void)snprintf(s->xa + at, sizeof(s->xa) - at, "%s %s;", names[what], xid);
    return 0;
}

static const struct group_ops ops = { .begin = on_begin,
                                      .rows = on_rows,
                                      .savepoint = on_savepoint,
                                      .statement = on_statement,
                                      .end = on_end,
                                      .xa = on_xa };

static int feed(struct seen *s, const void *data, size_t len, struct err *err)
{
    struct record r = { .kind = RECORD_EVENT,
                        .start = { .file = "bin.000001", .offset = s->offset },
                        .end = { .file = "bin.000001", .offset = s->offset + len },
                        .data = data,
                        .len = len };

    s->offset += len;
    return group_feed(s->group, &r, err);
}

static void start(struct seen *s, const struct plans *plans)
{
    struct err err = { 0 };

    s->offset = 4;
    assert_int_equal(group_new(plans, &ops, s, 0, &s->group, &err), 0);
}

/* ---- captured binlogs ---- */

static int feed_sample(void *ctx, const uint8_t *data, size_t len)
{
    struct err err = { 0 };

    if (feed(ctx, data, len, &err) < 0)
        fail_msg("%s", err.message);
    return 0;
}

static struct seen read_sample(const char *server, uint64_t skip_below)
{
    struct sample *sample = sample_load(server);
    struct catalog *c = catalog_of(sample->tables, sample->table_count);
    struct plans *plans = NULL;
    struct seen s = { .skip_below = skip_below };
    struct err err = { 0 };

    assert_int_equal(plans_new(c, false, &plans, &err), 0);
    start(&s, plans);
    (void)sample_each(sample, feed_sample, &s);
    assert_false(group_open(s.group));
    assert_int_equal(group_seq(s.group), s.last_seq);
    group_free(s.group);
    plans_free(plans);
    map_free(c->by_name);
    free(c->tables);
    free(c);
    sample_free(sample);
    assert_int_equal(s.begins, s.ends);
    return s;
}

/* Transactions and row events, counted in what mariadb-binlog and mysqlbinlog print of the files.
 */
static void captured(void **state)
{
    static const struct {
        const char *server;
        unsigned groups, rows, ddl;
    } servers[] = { { "mariadb", 27, 14, 13 },
                    { "mysql56", 21, 11, 10 },
                    { "mysql97", 29, 21, 13 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        struct seen all = read_sample(servers[i].server, 0);
        struct seen none = read_sample(servers[i].server, UINT64_MAX);
        struct seen half = read_sample(servers[i].server, all.last_seq / 2);

        assert_int_equal(all.begins, servers[i].groups);
        assert_int_equal(all.rows, servers[i].rows);
        assert_int_equal(all.ddl, servers[i].ddl);
        assert_int_equal(all.rollbacks, 0);
        /* the numbers are the same whatever is wanted */
        assert_int_equal(none.last_seq, all.last_seq);
        assert_int_equal(none.rows + none.statements, 0);
        assert_int_equal(none.skipped, none.begins);
        assert_int_equal(half.last_seq, all.last_seq);
        assert_true(half.rows > 0 && half.rows < all.rows);
    }
}

/* ---- events made by hand ---- */

struct made {
    struct seen seen;
    struct plans *plans;
    struct catalog *catalog;
};

static size_t header(uint8_t *to, unsigned type, unsigned flags, size_t body)
{
    size_t len = EVENT_HEADER_LEN + body;

    memset(to, 0, EVENT_HEADER_LEN);
    to[4] = (uint8_t)type;
    to[9] = (uint8_t)len;
    to[10] = (uint8_t)(len >> 8);
    to[17] = (uint8_t)flags;
    return len;
}

static int send(struct made *m, unsigned type, unsigned flags, const void *body, size_t len,
                struct err *err)
{
    uint8_t event[EVENT_MAX];

    assert_true(len < EVENT_MAX - EVENT_HEADER_LEN);
    (void)header(event, type, flags, len);
    if (len > 0)
        memcpy(event + EVENT_HEADER_LEN, body, len);
    *err = (struct err){ 0 };
    return feed(&m->seen, event, EVENT_HEADER_LEN + len, err);
}

/* With status variables `vars`. */
static int query(struct made *m, const char *vars, size_t vars_len, const char *sql,
                 struct err *err)
{
    uint8_t body[EVENT_MAX] = { 0 };

    body[8] = 1;
    body[11] = (uint8_t)vars_len;
    memcpy(body + 13, vars, vars_len);
    memcpy(body + 13 + vars_len, "d", 2);
    memcpy(body + 15 + vars_len, sql, strlen(sql));
    return send(m, EV_QUERY, 0, body, 15 + vars_len + strlen(sql), err);
}

static void make(struct made *m, const char *version)
{
    static const struct column_of columns[] = { { "id", CK_INT, NULL, NULL, NULL } };
    struct table *t = table_of("t", columns, 1, 1);
    uint8_t fde[2 + 50 + 4 + 1 + 171 + 1 + 4] = { 4 };
    struct err err = { 0 };

    *m = (struct made){ .catalog = catalog_of(&t, 1) };
    assert_int_equal(plans_new(m->catalog, false, &m->plans, &err), 0);
    start(&m->seen, m->plans);
    memcpy(fde + 2, version, strlen(version));
    fde[56] = EVENT_HEADER_LEN;
    memset(fde + 57, 8, 171); /* no checksums: the algorithm is 0 */
    assert_int_equal(send(m, EV_FORMAT_DESCRIPTION, 0, fde, sizeof(fde), &err), 0);
}

static void done(struct made *m)
{
    group_free(m->seen.group);
    plans_free(m->plans);
    table_free(m->catalog->tables[0]);
    map_free(m->catalog->by_name);
    free(m->catalog->tables);
    free(m->catalog);
}

static void refused(void **state)
{
    struct made m;
    struct err err = { 0 };

    (void)state;
    make(&m, "9.9.1-next");
    assert_int_equal(send(&m, 77, 0, "x", 1, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_EVENT);
    assert_non_null(strstr(err.message, "77"));
    assert_non_null(strstr(err.message, "9.9.1-next"));
    assert_non_null(strstr(err.message, "bin.000001:"));
    assert_int_equal(send(&m, 77, EVENT_FLAG_IGNORABLE, "x", 1, &err), 0);
    assert_int_equal(send(&m, EV_INCIDENT, 0, "\1\0", 2, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_EVENT);
    assert_non_null(strstr(err.advice, "anew"));
    assert_int_equal(query(&m, "", 0, "# Dummy event replacing event type 160", &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_EVENT);
    assert_int_equal(send(&m, EV_EXECUTE_LOAD_QUERY, 0, "", 0, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_STATEMENT);
    assert_int_equal(send(&m, EV_XID, 0, "12345678", 8, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
    assert_int_equal(send(&m, EV_WRITE_ROWS, 0, "\1\0\0\0\0\0\0\0\2\0\1\1\0\1\0\0\0", 17, &err),
                     -1);
    assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
    assert_int_equal(send(&m, EV_XA_PREPARE, 0, "\0\1\0\0\0\1\0\0\0\0\0\0\0x", 14, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
    assert_int_equal(send(&m, EV_XA_PREPARE, 0, "\0\1\0\0\0\1\0\0\0\xff\0\0\0x", 14, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
    assert_int_equal(m.seen.begins, 0);
    done(&m);
}

static void passed_over(void **state)
{
    static const unsigned types[] = {
        EV_STOP,
        EV_INTVAR,
        EV_RAND,
        EV_USER_VAR,
        EV_HEARTBEAT,
        EV_HEARTBEAT_V2,
        EV_IGNORABLE,
        EV_ROWS_QUERY,
        EV_PREVIOUS_GTIDS,
        EV_TRANSACTION_CONTEXT,
        EV_VIEW_CHANGE,
        EV_MARIA_ANNOTATE,
        EV_MARIA_BINLOG_CHECKPOINT,
        EV_MARIA_GTID_LIST,
        EV_MARIA_START_ENCRYPTION,
    };
    struct made m;
    struct err err = { 0 };

    (void)state;
    make(&m, "9.7.0");
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        assert_int_equal(send(&m, types[i], 0, "x", 1, &err), 0);
    assert_int_equal(m.seen.begins, 0);
    done(&m);
}

/* Without GTIDs: BEGIN … COMMIT is one, and so is a statement outside of it. */
static void without_gtids(void **state)
{
    struct made m;
    struct err err = { 0 };

    (void)state;
    make(&m, "5.6.24");
    assert_int_equal(query(&m, "", 0, "BEGIN", &err), 0);
    assert_true(group_open(m.seen.group));
    assert_int_equal(query(&m, "", 0, "COMMIT", &err), 0);
    assert_int_equal(query(&m, "", 0, "CREATE TABLE x (a INT)", &err), 0);
    assert_int_equal(m.seen.ddl, 1);
    assert_int_equal(query(&m, "", 0, "BEGIN", &err), 0);
    assert_int_equal(query(&m, "", 0, "ROLLBACK", &err), 0);
    assert_int_equal(m.seen.begins, 3);
    assert_int_equal(m.seen.ends, 3);
    assert_int_equal(m.seen.rollbacks, 1);
    done(&m);
}

static void xa_groups(void **state)
{
    struct made m;
    struct err err = { 0 };

    (void)state;
    make(&m, "9.7.0");
    assert_int_equal(query(&m, "", 0, "XA START X'61',X'',1", &err), 0);
    assert_int_equal(query(&m, "", 0, "XA END X'61',X'',1", &err), 0);
    assert_int_equal(send(&m, EV_XA_PREPARE, 0, "\0\1\0\0\0\1\0\0\0\0\0\0\0a", 14, &err), 0);
    assert_false(group_open(m.seen.group));
    assert_int_equal(query(&m, "", 0, "XA COMMIT X'61',X'',1", &err), 0);
    assert_int_equal(query(&m, "", 0, "XA ROLLBACK X'62',X'63',7", &err), 0);
    assert_int_equal(query(&m, "", 0, "XA START X'64',X'',1", &err), 0);
    assert_int_equal(send(&m, EV_XA_PREPARE, 0, "\1\1\0\0\0\1\0\0\0\0\0\0\0d", 14, &err), 0);
    assert_string_equal(m.seen.xa, "begun X'61',X'',1;prepared X'61',X'',1;committed X'61',X'',1;"
                                   "undone X'62',X'63',7;begun X'64',X'',1;one_phase X'64',X'',1;");
    assert_int_equal(m.seen.ends, 4);
    assert_int_equal(m.seen.rollbacks, 0);
    done(&m);
}

/* MariaDB's ALTER in two parts counts when it has ended. */
static void alter_in_two_parts(void **state)
{
    static const char gtid[] = "\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0"; /* FL_STANDALONE */
    static const char xa_gtid[] = "\2\0\0\0\0\0\0\0\0\0\0\0\x44\1\0\0\0\1\1xy";
    struct made m;
    struct err err = { 0 };

    (void)state;
    make(&m, "10.11.6-MariaDB");
    assert_int_equal(send(&m, EV_MARIA_GTID, 0, gtid, 19, &err), 0);
    assert_int_equal(query(&m, "\x82\x02", 2, "ALTER TABLE t ADD x INT", &err), 0);
    assert_int_equal(m.seen.ddl, 0);
    assert_int_equal(send(&m, EV_MARIA_GTID, 0, gtid, 19, &err), 0);
    assert_int_equal(query(&m, "\x82\x08\1\0\0\0\0\0\0\0", 10, "ALTER TABLE t ADD x INT", &err), 0);
    assert_int_equal(m.seen.ddl, 0);
    assert_int_equal(send(&m, EV_MARIA_GTID, 0, gtid, 19, &err), 0);
    assert_int_equal(query(&m, "\x82\x04\1\0\0\0\0\0\0\0", 10, "ALTER TABLE t ADD x INT", &err), 0);
    assert_int_equal(m.seen.ddl, 1);
    assert_int_equal(m.seen.ends, 3);
    assert_int_equal(send(&m, EV_MARIA_GTID, 0, xa_gtid, 21, &err), 0);
    assert_string_equal(m.seen.xa, "begun X'78',X'79',1;");
    done(&m);
}

/* ---- damage ---- */

static int feed_bent(void *ctx, const uint8_t *data, size_t len)
{
    struct seen *s = ctx;
    struct err err = { 0 };
    uint8_t *bent = malloc(len);
    int got;

    assert_non_null(bent);
    memcpy(bent, data, len);
    if (s->skipped-- == 0) /* this event, this bit; the checksum must see it */
        bent[s->statements % len] ^= (uint8_t)(1U << (s->statements / 7 % 8));
    got = feed(s, bent, len, &err);
    free(bent);
    return got < 0 ? 1 : 0;
}

static unsigned count_events(const struct sample *s);

/* A flipped bit anywhere in a file ends in an error; none slips through (5.6 has none to tell by).
 */
static void a_bit_flipped(void **state)
{
    static const char *const servers[] = { "mariadb", "mysql97" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        struct sample *sample = sample_load(servers[i]);
        struct catalog *c = catalog_of(sample->tables, sample->table_count);
        struct plans *plans = NULL;
        struct err err = { 0 };
        unsigned events = count_events(sample), harmless = 0;

        assert_int_equal(plans_new(c, false, &plans, &err), 0);
        for (unsigned k = 0; k < 600; k++) {
            /* skipped: which event; statements: which byte and bit (both are counted on, too) */
            struct seen s = { .skipped = k % events, .statements = k * 131 };

            start(&s, plans);
            harmless += sample_each(sample, feed_bent, &s) == 0;
            group_free(s.group);
        }
        /* only the "in use" bit of a format description is not summed */
        assert_true(harmless <= 1);
        plans_free(plans);
        map_free(c->by_name);
        free(c->tables);
        free(c);
        sample_free(sample);
    }
}

static int count_one(void *ctx, const uint8_t *data, size_t len)
{
    unsigned *n = ctx;

    (void)data;
    (void)len;
    ++*n;
    return 0;
}

static unsigned count_events(const struct sample *s)
{
    unsigned n = 0;

    (void)sample_each(s, count_one, &n);
    return n;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured),      cmocka_unit_test(refused),
        cmocka_unit_test(passed_over),   cmocka_unit_test(without_gtids),
        cmocka_unit_test(xa_groups),     cmocka_unit_test(alter_in_two_parts),
        cmocka_unit_test(a_bit_flipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
