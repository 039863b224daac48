/*
 * DDL statements that the source's server logged although they failed: it does when a part of them
 * was done. The event has the error's number; the replica that meets another one stops.
 * Sources: MariaDB, sql/sql_table.cc (mysql_rm_table_no_locks(), mysql_create_table()),
 * sql/sql_view.cc (mysql_drop_view()), sql/log.cc (query_error_code()); MySQL 5.6, the same.
 */
#include <string.h>

#include "base/strbuf.h"
#include "workers/incr/ddl_outcome.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { DROP_SQL_MAX = 4096 };

/* Of a session that was killed or timed out: how far it had got can't be told. */
static bool is_kill(unsigned code)
{
    static const unsigned codes[] = { 1053 /* server shutdown */,
                                      1077,
                                      1078,
                                      1079,
                                      1184 /* aborting connection */,
                                      1317 /* interrupted */,
                                      1927 /* connection killed */,
                                      1969 /* statement timeout */,
                                      3024 /* MySQL: execution time */ };

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* Every name that was there is gone: that others were not is all that was wrong. */
static bool is_missing(unsigned code, bool mariadb)
{
    return code == 1051 /* unknown table */ || code == 1146 /* no such table */ ||
           (mariadb && code == 4092 /* unknown view */);
}

enum failed_as failed_as(const struct ddl_source *from, const struct ddl_statement *d)
{
    if (from->error_code == 0)
        return FAILED_NOT;
    if (is_kill(from->error_code))
        return FAILED_UNKNOWN;
    if ((d->kind == DDL_DROP_TABLE || d->kind == DDL_DROP_VIEW) &&
        is_missing(from->error_code, from->mariadb))
        return FAILED_DROP;
    return d->kind == DDL_CREATE_TABLE && d->or_replace ? FAILED_REPLACE : FAILED_UNKNOWN;
}

void judge_replaced_away(struct ddl_judge *j)
{
    const struct ddl_name *n = &j->d->names[0];
    struct ddl_entry *e = j->d->temporary ? NULL : outcome_entry(j, n->db, n->name);
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(DROP_SQL_MAX);
    struct ddl_action *a;
    bool carried;

    if (e == NULL && !j->d->temporary && shadow_find(j, n->db, n->name) != NULL) {
        outcome_shadow(j, n->db, n->name, NULL);
        j->o->quiet = true;
    }
    if (e == NULL)
        return;
    outcome_concern(j->o, n->db, n->name);
    carried = ddl_carries(j, SCOPE_TABLE, e->now->db, e->now->name);
    a = outcome_action(j, NULL, carried);
    if (a == NULL)
        return;
    strbuf_adds(&sql, "DROP TABLE IF EXISTS ");
    sql_table(&sql, e->now->mapped_db, e->now->mapped_name);
    a->sql = outcome_text(j->o, strbuf_str(&sql));
    j->o->failed |= sql.failed;
    action_object(j, a, DDL_O_TABLE, e->now->mapped_db, e->now->mapped_name);
    outcome_tell(
        j->o, "INFO", "table_left",
        "%s.%s was dropped at the source: a CREATE OR REPLACE failed there with error %u%s", n->db,
        n->name, j->from->error_code, carried ? "" : "; the target keeps its table");
    e->now = NULL;
}

void judge_half_done(struct ddl_judge *j)
{
    struct ddl_outcome *o = j->o;
    struct json_object *objects = take_ptr(o->objects);
    unsigned next = j->w->next_number;

    ddl_outcome_done(o);
    *o = (struct ddl_outcome){ .kind = j->d->kind,
                               .listed_as = j->d->kind,
                               .carried = true,
                               .half_done = true,
                               .next_number = next,
                               .objects = objects };
    for (size_t i = 0; i < j->d->name_count; i++) {
        struct ddl_entry *e = outcome_entry(j, j->d->names[i].db, j->d->names[i].name);
        if (e != NULL)
            e->reload = true;
    }
    outcome_pending(o, true,
                    "it failed at the source with error %u, after a part of it may have been done: "
                    "look at the source. SkipDdl takes nothing of it for done, ReplaceDdl reads "
                    "the structure of its tables anew",
                    j->from->error_code);
}
