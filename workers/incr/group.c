#include "workers/incr/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "workers/incr/mark.h"
#include "workers/mysql/ddl/charset.h"

#include "base/banned.h"

enum { MAPS_MAX = 2048, FIRST_EVENT_OFFSET = 4 };

struct map_entry {
    struct table_map *map;
    struct table_plan *plan; /* NULL: not in scope */
    enum mark_table control; /* of the control schema */
    uint8_t *body;           /* as it came: maps repeat with every statement */
    size_t body_len;
};

struct group {
    const struct plans *plans;
    const struct facts *facts;
    const char *control; /* name of the control schema; NULL: marks are not looked for */
    const struct group_ops *ops;
    void *ctx;
    struct binlog_format format;
    struct map_entry *maps;
    size_t map_count, map_cap;
    uint64_t seq;
    struct binlog_pos start, pos, end; /* of the group; of the event */
    bool open, begun, skip;
    bool feeding; /* within group_feed() */
    struct group_info info;
    bool origin_known;   /* its first row event has been seen … */
    bool origin_told;    /* … and the caller has been told of it */
    bool unwanted;       /* … and does not want its rows */
    struct err mark_err; /* its mark can't be read: told when there are rows that need it */
    bool mariadb_group;
    bool abandoned; /* the group being ended never ended at the source */
};

static int here(const struct group *g, struct err *err)
{
    return err_wrap(err, "%s:%" PRIu64, g->pos.file, g->pos.offset);
}

static void maps_clear(struct group *g)
{
    for (size_t i = 0; i < g->map_count; i++) {
        table_map_free(g->maps[i].map);
        free(g->maps[i].body);
    }
    g->map_count = 0;
}

int group_new(const struct plans *plans, const struct group_ops *ops, void *ctx, uint64_t last_seq,
              struct group **ret, struct err *err)
{
    _cleanup_(group_freep)
    struct group *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the reader of transactions");
    g->plans = plans;
    g->ops = ops;
    g->ctx = ctx;
    g->seq = last_seq;
    *ret = take_ptr(g);
    return 0;
}

void group_free(struct group *g)
{
    if (g == NULL)
        return;
    maps_clear(g);
    free(g->maps);
    free(g);
}

bool group_open(const struct group *g)
{
    return g->open;
}

const struct binlog_pos *group_position(const struct group *g)
{
    return &g->end;
}

const struct binlog_pos *group_fed(const struct group *g)
{
    return g->feeding ? &g->pos : &g->end;
}

uint64_t group_seq(const struct group *g)
{
    return g->seq;
}

const struct binlog_format *group_format(const struct group *g)
{
    return &g->format;
}

void group_set_plans(struct group *g, const struct plans *plans)
{
    maps_clear(g);
    g->plans = plans;
}

void group_set_facts(struct group *g, const struct facts *facts)
{
    g->facts = facts;
}

void group_set_control(struct group *g, const char *schema)
{
    g->control = schema;
}

/* ---- begin and end ---- */

static int group_begin(struct group *g, const struct gtid *gtid, struct err *err)
{
    int got;

    g->info = (struct group_info){ .seq = ++g->seq, .start = g->pos };
    if (gtid != NULL && !gtid->anonymous) {
        g->info.gtid = *gtid;
        g->info.has_gtid = true;
    }
    g->origin_known = g->origin_told = g->unwanted = false;
    err_reset(&g->mark_err);
    g->open = true;
    g->begun = false;
    g->mariadb_group = false;
    g->start = g->pos;
    got = g->ops->begin(g->ctx, &g->info, err);
    g->skip = got == 1;
    return got < 0 ? -1 : 0;
}

static int group_end(struct group *g, bool commit, uint32_t ts, struct err *err)
{
    g->open = g->begun = false;
    if (g->map_count > MAPS_MAX)
        maps_clear(g);
    return g->ops->end(g->ctx, commit, &g->end, ts, err);
}

/* A group without an end: the source crashed inside it, and nothing of it was committed there. */
static int group_abandon(struct group *g, uint32_t ts, struct err *err)
{
    struct binlog_pos end = g->end;
    int got;

    if (!g->open)
        return 0;
    g->end = g->pos; /* the next group begins with this event */
    g->abandoned = true;
    got = group_end(g, false, ts, err);
    g->abandoned = false;
    g->end = end;
    return got;
}

bool group_abandoned(const struct group *g)
{
    return g->abandoned;
}

int group_era(struct group *g, const struct binlog_pos *start, struct err *err)
{
    int got;

    g->pos = g->end = *start;
    got = group_abandon(g, 0, err);
    maps_clear(g);
    return got;
}

static int xa(struct group *g, enum group_xa what, const char *xid, struct err *err)
{
    return g->skip || g->ops->xa(g->ctx, what, xid, err) == 0 ? 0 : here(g, err);
}

static int on_gtid(struct group *g, const struct event *e, struct err *err)
{
    struct event_gtid id;

    if (event_gtid(&g->format, e, &id, err) < 0)
        return here(g, err);
    if (group_abandon(g, e->timestamp, err) < 0 || group_begin(g, &id.gtid, err) < 0)
        return -1;
    g->mariadb_group = id.gtid.mariadb;
    g->begun = id.gtid.mariadb && !id.standalone; /* MariaDB's GTID event stands for BEGIN */
    return id.prepared_xid[0] != '\0' ? xa(g, GROUP_XA_BEGUN, id.prepared_xid, err) : 0;
}

/* ---- tables and rows ---- */

static struct map_entry *find_map(struct group *g, uint64_t id)
{
    for (size_t i = g->map_count; i > 0; i--) {
        if (g->maps[i - 1].map->table_id == id)
            return &g->maps[i - 1];
    }
    return NULL;
}

static struct map_entry *add_map(struct group *g)
{
    if (g->map_count == g->map_cap) {
        size_t cap = g->map_cap == 0 ? 16 : g->map_cap * 2;
        struct map_entry *grown = reallocarray(g->maps, cap, sizeof(*grown));
        if (grown == NULL)
            return NULL;
        g->maps = grown;
        g->map_cap = cap;
    }
    g->maps[g->map_count] = (struct map_entry){ 0 };
    return &g->maps[g->map_count++];
}

static bool same_map(const struct map_entry *m, const struct event *e)
{
    return m->body_len == e->body_len && memcmp(m->body, e->body, e->body_len) == 0;
}

static int on_table_map(struct group *g, const struct event *e, struct err *err)
{
    _cleanup_(table_map_freep)
    struct table_map *map = NULL;
    struct map_entry *entry;
    struct table_plan *plan;

    for (size_t i = 0; i < g->map_count; i++) {
        if (same_map(&g->maps[i], e))
            return 0;
    }
    if (table_map_parse(&g->format, e, &map, err) < 0)
        return here(g, err);
    plan = plans_find(g->plans, map->db, map->table);
    if (plan != NULL && table_map_check(map, plan->t, err) < 0)
        return here(g, err);
    entry = find_map(g, map->table_id);
    if (entry != NULL) {
        table_map_free(entry->map);
        free(entry->body);
        *entry = (struct map_entry){ 0 };
    } else {
        entry = add_map(g);
    }
    if (entry == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table map");
    entry->control = mark_table(g->control, map);
    entry->map = take_ptr(map);
    entry->plan = plan;
    entry->body = malloc(MAX(e->body_len, (size_t)1));
    if (entry->body == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table map");
    memcpy(entry->body, e->body, e->body_len);
    entry->body_len = e->body_len;
    return 0;
}

/* The first row event of a transaction says who wrote it. */
static void learn_origin(struct group *g, const struct group_row_event *ev,
                         const struct map_entry *m)
{
    if (g->origin_known)
        return;
    g->origin_known = true;
    (void)mark_origin(ev, m->control, &g->info, &g->mark_err);
}

/* Before the first row that may be carried. */
static int tell_origin(struct group *g, struct err *err)
{
    int got;

    if (g->origin_told)
        return 0;
    if (g->mark_err.code != ERR_NONE) {
        *err = g->mark_err;
        return here(g, err);
    }
    got = g->ops->origin != NULL ? g->ops->origin(g->ctx, &g->info, err) : 0;
    g->origin_told = got >= 0;
    g->unwanted = got == 1;
    return got < 0 ? here(g, err) : 0;
}

static int on_control(struct group *g, const struct group_row_event *ev, const struct map_entry *m,
                      struct err *err)
{
    if (g->ops->control == NULL || (m->control != MARK_CANARY && m->control != MARK_REMEDY))
        return 0;
    if (mark_rows(ev, m->control, &g->info, g->ops->control, g->ctx, err) < 0)
        return here(g, err);
    return 0;
}

static int on_rows(struct group *g, const struct event *e, struct err *err)
{
    struct rows_flags flags;
    uint64_t id = rows_table_id(&g->format, e, &flags);
    struct map_entry *m = find_map(g, id);
    struct group_row_event ev = { e, &g->format, NULL, NULL, g->pos };

    if (g->skip)
        return 0;
    if (!g->open) {
        (void)err_set(err, ERR_BINLOG_MALFORMED, "a row event outside of a transaction");
        return here(g, err);
    }
    /* MySQL ends a statement whose last table it filtered by an empty event of this number. */
    if (m == NULL && (id == 0xffffff || id == 0xffffffffffff) && flags.stmt_end)
        return 0;
    if (m == NULL) {
        (void)err_set(err, ERR_BINLOG_MALFORMED,
                      "a row event of table number %" PRIu64 ", which no table map names", id);
        return here(g, err);
    }
    ev.map = m->map;
    ev.plan = m->plan;
    learn_origin(g, &ev, m);
    if (m->control != MARK_NONE)
        return on_control(g, &ev, m, err);
    if (m->plan == NULL)
        return 0;
    if (tell_origin(g, err) < 0)
        return -1;
    return g->unwanted ? 0 : g->ops->rows(g->ctx, &ev, err);
}

/* ---- statements ---- */

static int on_xa_prepare(struct group *g, const struct event *e, struct err *err)
{
    char xid[XID_TEXT_MAX];
    bool one_phase;

    if (event_xa_prepare(e, xid, &one_phase, err) < 0)
        return here(g, err);
    if (!g->open) {
        (void)err_set(err, ERR_BINLOG_MALFORMED, "XA PREPARE outside of a transaction");
        return here(g, err);
    }
    if (xa(g, one_phase ? GROUP_XA_ONE_PHASE : GROUP_XA_PREPARED, xid, err) < 0)
        return -1;
    return group_end(g, true, e->timestamp, err);
}

/* As a statement: the outcome of what was prepared before, or the end of the group's own rows. */
static int on_xa_outcome(struct group *g, const struct statement *s, uint32_t ts, struct err *err)
{
    bool commit = s->kind == ST_XA_COMMIT, own;

    if (!g->open && group_begin(g, NULL, err) < 0)
        return -1;
    own = g->begun;
    if (own && !commit)
        return group_end(g, false, ts, err);
    if (xa(g,
           own      ? GROUP_XA_ONE_PHASE
           : commit ? GROUP_XA_COMMITTED
                    : GROUP_XA_ROLLED_BACK,
           s->name, err) < 0)
        return -1;
    return group_end(g, true, ts, err);
}

static int begin_statement(struct group *g, const struct statement *s, struct err *err)
{
    if (!g->open && group_begin(g, NULL, err) < 0)
        return -1;
    g->begun = true;
    if (s->kind == ST_XA_START)
        return xa(g, GROUP_XA_BEGUN, s->name, err);
    return 0;
}

/* A statement in UTF-8 with the database it ran in. */
struct query_text {
    const struct event_query *event;
    const char *sql;
    size_t sql_len;
    char *db, *owned; /* owned: the text, when it had to be converted */
    bool unreadable;  /* it could not be */
};

static void query_text_done(struct query_text *t)
{
    free(t->db);
    free(t->owned);
}

/* What is neither begin nor end: told to the caller, and a group of its own outside of a
 * transaction. */
static int other_statement(struct group *g, const struct event *e, const struct query_text *q,
                           const struct statement *s, struct err *err)
{
    struct group_statement st = {
        .parsed = s,
        .sql = q->sql,
        .sql_len = q->sql_len,
        .unreadable = q->unreadable,
        .query = q->event,
        .default_db = q->db,
        .ts = e->timestamp,
        .pos = g->pos,
        .end = g->end,
    };

    if (!g->open && group_begin(g, NULL, err) < 0)
        return -1;
    st.start = g->start;
    st.in_group = g->begun;
    if (!g->skip && g->ops->statement(g->ctx, &st, err) < 0)
        return -1;
    return g->begun ? 0 : group_end(g, true, e->timestamp, err);
}

static int on_statement(struct group *g, const struct event *e, const struct query_text *q,
                        const struct statement *s, struct err *err)
{
    switch (s->kind) {
    case ST_BEGIN:
    case ST_XA_START:
        return begin_statement(g, s, err);
    case ST_COMMIT:
        return g->open ? group_end(g, true, e->timestamp, err) : 0;
    case ST_ROLLBACK:
        return g->open ? group_end(g, false, e->timestamp, err) : 0;
    case ST_SAVEPOINT:
    case ST_ROLLBACK_TO:
    case ST_RELEASE:
        return g->open && !g->skip && !g->unwanted
                   ? g->ops->savepoint(g->ctx, s->kind, s->name, err)
                   : 0;
    case ST_XA_END:
    case ST_XA_PREPARE: /* the XA_PREPARE event tells */
        return 0;
    case ST_XA_COMMIT:
    case ST_XA_ROLLBACK:
        return on_xa_outcome(g, s, e->timestamp, err);
    case ST_EMPTY:
    case ST_HARMLESS:
    case ST_DDL:
    case ST_DML:
    case ST_UNKNOWN:
        return other_statement(g, e, q, s, err);
    }
    return err_set(err, ERR_INTERNAL, "a statement of no kind");
}

/* "10.11.11-MariaDB-log" -> 101111. */
static unsigned version_of(const char *text)
{
    unsigned parts[3] = { 0 };

    for (int i = 0; i < 3; i++) {
        while (*text >= '0' && *text <= '9' && parts[i] < 1000)
            parts[i] = parts[i] * 10 + (unsigned)(*text++ - '0');
        if (*text != '.')
            break;
        text++;
    }
    return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

unsigned group_version(const struct group *g)
{
    return version_of(g->format.server_version);
}

static bool is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

/* The name of the set that the statement is written in; most are UTF-8. */
static const char *charset_of(const struct group *g, const struct event_query *q)
{
    const char *collation = g->facts != NULL && q->charset_client != 0
                                ? facts_collation_name(g->facts, q->charset_client)
                                : NULL;
    const char *charset = collation != NULL ? facts_collation_charset(g->facts, collation) : NULL;

    return charset != NULL ? charset : "utf8mb4";
}

static int read_text(struct group *g, const struct event_query *q, struct query_text *ret,
                     struct err *err)
{
    struct query_text t = { .event = q, .sql = q->sql, .sql_len = q->sql_len };
    struct err unreadable = { 0 };

    t.db = strndup(q->db, q->db_len);
    if (t.db == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a statement");
    if (!is_ascii(q->sql, q->sql_len)) {
        size_t len;
        if (charset_to_utf8(charset_of(g, q), q->sql, q->sql_len, &t.owned, &len, &unreadable) ==
            0) {
            t.sql = t.owned;
            t.sql_len = len;
        } else {
            t.unreadable = true;
        }
    }
    *ret = t;
    return 0;
}

static int parse_statement(struct group *g, const struct query_text *t, struct statement *ret,
                           struct err *err)
{
    const struct event_query *q = t->event;
    struct statement_context c = { .default_db = t->db,
                                   .sql_mode = q->has_sql_mode ? q->sql_mode : 0,
                                   .mariadb = g->format.mariadb,
                                   .version = group_version(g) };

    if (statement_parse(t->sql, t->sql_len, &c, ret, err) < 0)
        return -1;
    /* Bytes of a set that we can't read may be taken for quotes: what was found is not sure. */
    if (t->unreadable && (ret->kind == ST_DDL || ret->kind == ST_DML || ret->kind == ST_HARMLESS))
        ret->kind = ST_UNKNOWN;
    return 0;
}

/* What MariaDB sends in place of an event that it thinks we don't know: rows may be missing. */
static bool is_dummy(const struct event_query *q)
{
    static const char text[] = "# Dummy event replacing event";

    return q->sql_len >= sizeof(text) - 1 && memcmp(q->sql, text, sizeof(text) - 1) == 0;
}

static int on_query(struct group *g, const struct event *e, struct err *err)
{
    _cleanup_(event_query_done)
    struct event_query q = { 0 };
    _cleanup_(query_text_done)
    struct query_text t = { 0 };
    _cleanup_(statement_done)
    struct statement s = { 0 };

    if (event_query(&g->format, e, &q, err) < 0)
        return here(g, err);
    if (is_dummy(&q)) {
        (void)err_set(err, ERR_BINLOG_EVENT, "the source replaced an event: %.*s",
                      (int)MIN(q.sql_len, (size_t)120), q.sql);
        return here(g, err);
    }
    if (read_text(g, &q, &t, err) < 0 || parse_statement(g, &t, &s, err) < 0)
        return -1;
    /* An ALTER that is logged in two parts changes the table with the second. */
    if ((q.alter_part & (QUERY_ALTER_BEGINS | QUERY_ALTER_FAILED)) != 0 && s.kind == ST_DDL)
        s.kind = ST_EMPTY;
    return on_statement(g, e, &t, &s, err);
}

/* ---- events ---- */

static int feed(struct group *g, const void *data, size_t len, struct err *err);

static int feed_inner(void *ctx, const void *data, size_t len, struct err *err)
{
    return feed(ctx, data, len, err);
}

static int on_format(struct group *g, const struct event *e, struct err *err)
{
    /* The relay's copies of it stand anywhere, between a table map and its rows too. */
    bool copy = binlog_pos_cmp(&g->pos, &g->end) == 0;

    if (!copy) {
        /* At the head of a new file a transaction that was open in the one before is lost. */
        if (g->pos.offset == FIRST_EVENT_OFFSET && strcmp(g->pos.file, g->start.file) != 0 &&
            group_abandon(g, e->timestamp, err) < 0)
            return -1;
        maps_clear(g);
    }
    return event_format_description(e, &g->format, err) < 0 ? here(g, err) : 0;
}

static int refuse(const struct group *g, const struct event *e, struct err *err)
{
    switch (e->type) {
    case EV_INCIDENT:
        (void)err_set(err, ERR_BINLOG_EVENT,
                      "the source says that its binlog may miss changes (incident event)");
        (void)err_advise(err, "Start the project anew: the source could not log everything.");
        return here(g, err);
    case EV_LOAD_V1:
    case EV_NEW_LOAD:
    case EV_EXEC_LOAD:
    case EV_EXECUTE_LOAD_QUERY:
        (void)err_set(err, ERR_BINLOG_STATEMENT, "LOAD DATA was logged as a statement");
        return here(g, err);
    default:
        (void)err_set(err, ERR_BINLOG_EVENT, "event type %u (%s) of server %s is not known",
                      e->type, event_type_name(e->type), g->format.server_version);
        return here(g, err);
    }
}

static int dispatch(struct group *g, const struct event *e, struct err *err)
{
    switch (e->type) {
    case EV_FORMAT_DESCRIPTION:
        return on_format(g, e, err);
    case EV_ROTATE:
        maps_clear(g);
        return 0;
    case EV_GTID:
    case EV_ANONYMOUS_GTID:
    case EV_GTID_TAGGED:
    case EV_MARIA_GTID:
        return on_gtid(g, e, err);
    case EV_QUERY:
    case EV_MARIA_QUERY_COMPRESSED:
        return on_query(g, e, err);
    case EV_XID:
        if (g->open)
            return group_end(g, true, e->timestamp, err);
        (void)err_set(err, ERR_BINLOG_MALFORMED, "a commit outside of a transaction");
        return here(g, err);
    case EV_XA_PREPARE:
        return on_xa_prepare(g, e, err);
    case EV_TABLE_MAP:
        return on_table_map(g, e, err);
    case EV_WRITE_ROWS_V1:
    case EV_UPDATE_ROWS_V1:
    case EV_DELETE_ROWS_V1:
    case EV_WRITE_ROWS:
    case EV_UPDATE_ROWS:
    case EV_DELETE_ROWS:
    case EV_PARTIAL_UPDATE_ROWS:
    case EV_MARIA_WRITE_ROWS_COMPRESSED_V1:
    case EV_MARIA_UPDATE_ROWS_COMPRESSED_V1:
    case EV_MARIA_DELETE_ROWS_COMPRESSED_V1:
        return on_rows(g, e, err);
    case EV_TRANSACTION_PAYLOAD:
        return event_payload_each(&g->format, e, feed_inner, g, err);
    /* Nothing to apply: bookkeeping, comments, and what only stands before a statement. */
    case EV_STOP:
    case EV_INTVAR:
    case EV_RAND:
    case EV_USER_VAR:
    case EV_HEARTBEAT:
    case EV_HEARTBEAT_V2:
    case EV_IGNORABLE:
    case EV_ROWS_QUERY:
    case EV_PREVIOUS_GTIDS:
    case EV_TRANSACTION_CONTEXT:
    case EV_VIEW_CHANGE:
    case EV_MARIA_ANNOTATE:
    case EV_MARIA_BINLOG_CHECKPOINT:
    case EV_MARIA_GTID_LIST:
    case EV_MARIA_START_ENCRYPTION:
    case EV_BEGIN_LOAD_QUERY: /* parts of LOAD DATA: the event that executes it is refused */
    case EV_APPEND_BLOCK:
    case EV_CREATE_FILE:
    case EV_DELETE_FILE:
        return 0;
    default:
        return (e->flags & EVENT_FLAG_IGNORABLE) != 0 ? 0 : refuse(g, e, err);
    }
}

static int feed(struct group *g, const void *data, size_t len, struct err *err)
{
    struct event e;

    if (event_parse(&g->format, data, len, &e, err) < 0)
        return here(g, err);
    return dispatch(g, &e, err);
}

int group_feed(struct group *g, const struct record *r, struct err *err)
{
    int got;

    g->pos = r->start;
    g->end = r->end;
    g->feeding = true;
    got = feed(g, r->data, r->len, err);
    g->feeding = false;
    return got;
}
