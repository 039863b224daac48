/* Items about one server or a pair of them: reachable, how set up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/num.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/mysql/mapping.h"
#include "workers/mysql/sqltext.h"
#include "workers/precheck/precheck_priv.h"

#include "base/banned.h"

enum {
    CONNECT_S = 8, /* a hung host must give a failed item within 10 s */
    READ_S = 40,   /* information_schema of 20,000 tables, cold, on a small machine */
    SKEW_WARN_S = 2,
    SKEW_FAIL_S = 60
};

static int load_variables(struct end_state *e, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int rc;

    e->variables = map_new();
    if (e->variables == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (conn_queryf(e->conn, &r, err, "SHOW GLOBAL VARIABLES") < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1) {
        char *value = strdup(result_str(&r, 1, ""));

        if (value == NULL || map_get(e->variables, result_str(&r, 0, "")) != NULL ||
            map_set(e->variables, result_str(&r, 0, ""), value) < 0)
            free(value);
    }
    return rc;
}

/* Without grants the privilege items are skipped; the account always may ask for its own. */
static int load_grants(struct end_state *e, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    _cleanup_(grants_freep)
    struct grants *g = grants_new();
    int rc;

    if (g == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (conn_value(e->conn, "SELECT CURRENT_USER()", &e->account, err) < 0 ||
        conn_queryf(e->conn, &r, err, "SHOW GRANTS") < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1)
        if (grants_add(g, result_str(&r, 0, ""), err) < 0)
            return -1;
    e->grants = take_ptr(g);
    return rc;
}

static void tell_endpoint(struct precheck *p, enum end end)
{
    const struct end_state *e = &p->ends[end];
    const char *zone = precheck_var(p, end, "time_zone"), *charset;

    if (zone == NULL || strcasecmp(zone, "SYSTEM") == 0)
        zone = precheck_var(p, end, "system_time_zone");
    charset = precheck_var(p, end, "character_set_server");
    report_endpoint(p->w->report, end_name(end), flavour_name(e->dialect.flavour),
                    e->dialect.version_text, charset == NULL ? "" : charset,
                    zone == NULL ? "" : zone);
}

/* First with a short time-out for the verdict, then again with one that large catalogs need. */
int item_connect(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const struct endpoint *to = &p->w->task->ends[end];
    const struct conn_options quick = { .timeout_s = CONNECT_S }, patient = { .timeout_s = READ_S };
    struct end_state *e = &p->ends[end];
    struct err later = { 0 };
    struct conn *c = NULL;

    if (conn_open(to, &quick, &c, err) < 0)
        return -1;
    conn_close(c);
    if (conn_open(to, &patient, &e->conn, err) < 0)
        return -1;
    if (dialect_detect(e->conn, &e->dialect, err) < 0 || load_variables(e, err) < 0) {
        conn_close(e->conn);
        e->conn = NULL;
        return -1;
    }
    if (load_grants(e, &later) < 0)
        verdict_say(v, V_WARNING, "the account's grants can't be read: %s", later.message);
    if (dump_source_uuid(e->conn, &e->dialect, e->uuid, &later) < 0)
        e->uuid[0] = '\0';
    tell_endpoint(p, end);
    verdict_say(v, V_PASSED, "%s:%d answers, account %s", to->host, to->port,
                e->account == NULL ? "" : e->account);
    return 0;
}

int item_version(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const struct dialect *d = &p->ends[end].dialect, *s = &p->ends[END_SOURCE].dialect;

    (void)err;
    verdict_say(v, V_PASSED, "%s %s", flavour_name(d->flavour), d->version_text);
    if (end == END_SINK && p->ends[END_SOURCE].conn != NULL && d->flavour == s->flavour &&
        d->version / 100 < s->version / 100) {
        verdict_say(v, V_WARNING, "the target is older than the source (%s)", s->version_text);
        verdict_advise(
            v,
            "Definitions the target does not know are refused by name; a newer target is safer.");
    }
    return 0;
}

/* ---- character sets -------------------------------------------------------------------------- */

static int load_collations(struct conn *c, struct map *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct err first = { 0 };
    int rc;

    if (conn_queryf(c, &r, &first,
                    "SELECT LOWER(FULL_COLLATION_NAME) FROM"
                    " information_schema.COLLATION_CHARACTER_SET_APPLICABILITY") < 0 &&
        conn_queryf(c, &r, err, "SELECT LOWER(COLLATION_NAME) FROM information_schema.COLLATIONS") <
            0)
        return -1;
    while ((rc = result_next(&r, err)) == 1)
        if (map_set(ret, result_str(&r, 0, ""), ret) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

struct charsets {
    struct precheck *p;
    struct map *have, *seen, *overrides;
    struct name_list missing, changed, blanks;
};

/* Do blanks at the end count? MySQL's 0900 collations and MariaDB's nopad ones are NO PAD. */
static bool blanks_count(const char *collation)
{
    return strstr(collation, "_nopad") != NULL || strstr(collation, "_0900_") != NULL ||
           strcasecmp(collation, "binary") == 0;
}

/* 'a' and 'a ' are two keys under a NO PAD collation, one under the others. */
static void unique_blanks(struct charsets *cs, const struct table *t)
{
    for (size_t i = 0; i < t->index_count; i++) {
        const struct index *x = &t->indexes[i];

        for (size_t k = 0; x->unique && k < x->column_count; k++) {
            const struct column *c =
                x->columns[k] < t->column_count ? &t->columns[x->columns[k]] : NULL;
            char mapped[MAP_NAME_MAX];
            const char *chosen;

            if (c == NULL || c->collation == NULL)
                continue;
            chosen = map_override(cs->overrides, c->collation);
            if (map_collation(&cs->p->ends[END_SINK].dialect,
                              chosen != NULL ? chosen : c->collation, mapped) == MAP_NONE ||
                blanks_count(c->collation) == blanks_count(mapped))
                continue;
            names_add(&cs->blanks, "%s.%s.%s of key %s (%s: blanks %s)", t->db, t->name, c->name,
                      x->name, mapped, blanks_count(mapped) ? "count" : "don't count");
        }
    }
}

static void one_collation(struct charsets *cs, const char *name)
{
    char mapped[MAP_NAME_MAX];
    const char *chosen = name == NULL ? NULL : map_override(cs->overrides, name);
    enum map_result r;

    if (name == NULL || map_get(cs->seen, name) != NULL)
        return;
    (void)map_set(cs->seen, name, cs);
    r = map_collation(&cs->p->ends[END_SINK].dialect, chosen != NULL ? chosen : name, mapped);
    if (r == MAP_NONE || map_get(cs->have, mapped) == NULL)
        names_add(&cs->missing, "%s", name);
    else if (r == MAP_CHANGED || chosen != NULL)
        names_add(&cs->changed, "%s becomes %s", name, mapped);
}

int item_charset(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    _cleanup_(map_freep)
    struct map *have = map_new(), *seen = map_new();
    _cleanup_(map_freep)
    struct map *overrides = NULL;
    struct charsets cs = { .p = p,
                           .have = have,
                           .seen = seen,
                           .missing = NAME_LIST,
                           .changed = NAME_LIST,
                           .blanks = NAME_LIST };

    if (have == NULL || seen == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (load_collations(p->ends[end].conn, have, err) < 0 ||
        map_overrides_read(task_struct_config(p->w->task), &overrides, err) < 0)
        return -1;
    cs.overrides = overrides;
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        one_collation(&cs, t->collation);
        for (size_t k = 0; k < t->column_count; k++)
            one_collation(&cs, t->columns[k].collation);
        unique_blanks(&cs, t);
    }
    if (cs.missing.count > 0) {
        verdict_say(v, V_FAILED, "the target has no collation %s", names_text(&cs.missing));
        verdict_advise(v,
                       "Name a collation of the target for them in structTransferConfig."
                       "collationMapping, change these columns at the source to one both know, or "
                       "create the tables at the target by hand.");
    }
    if (cs.changed.count > 0) {
        verdict_say(v, V_WARNING, "collations are mapped: %s", names_text(&cs.changed));
        verdict_advise(v, "Order and equality may differ in rare cases: see docs/schema.md.");
    }
    if (cs.blanks.count > 0) {
        verdict_say(v, V_WARNING,
                    "blanks at the end of a value count at one end only, in unique keys: %s",
                    names_text(&cs.blanks));
        verdict_advise(v,
                       "Where values differ by such blanks alone, the target refuses one of them "
                       "as a duplicate: change them, or name another collation in "
                       "collationMapping.");
    }
    names_done(&cs.missing);
    names_done(&cs.changed);
    names_done(&cs.blanks);
    return 0;
}

/* ---- settings -------------------------------------------------------------------------------- */

static const char *text_of(const struct precheck *p, enum end e, const char *name)
{
    const char *v = precheck_var(p, e, name);

    return v == NULL ? "" : v;
}

int item_sql_mode(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const char *s = text_of(p, END_SOURCE, "sql_mode"), *d = text_of(p, end, "sql_mode");

    (void)err;
    verdict_say(v, V_PASSED, "Causeway's sessions set their own sql_mode");
    if ((strstr(s, "STRICT_") == NULL) != (strstr(d, "STRICT_") == NULL)) {
        verdict_say(v, V_WARNING,
                    "applications will meet %s at the target (source '%s', target '%s')",
                    strstr(d, "STRICT_") != NULL ? "strict mode" : "no strict mode", s, d);
        verdict_advise(v, "If that matters to them: SET GLOBAL sql_mode = '%s'; at the target.", s);
    }
    return 0;
}

int item_packet(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    int64_t s = precheck_number(p, END_SOURCE, "max_allowed_packet", 0);
    int64_t d = precheck_number(p, end, "max_allowed_packet", 0), row = 0;

    (void)err;
    for (size_t i = 0; p->cat != NULL && i < p->cat->count; i++)
        row = MAX(row, (int64_t)MIN(p->cat->tables[i]->avg_row_bytes, (uint64_t)1 << 40));
    verdict_say(v, V_PASSED, "source %lld, target %lld bytes", (long long)s, (long long)d);
    if (d < s || d < row * 2) {
        verdict_say(v, V_WARNING, "a row that fits the source may not fit a packet of the target");
        verdict_advise(
            v, "SET GLOBAL max_allowed_packet = %lld; at the target (and in its configuration).",
            (long long)MIN(MAX(s, row * 2), (int64_t)1 << 30));
    }
    return 0;
}

int item_time_zone(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const char *s = text_of(p, END_SOURCE, "time_zone"), *d = text_of(p, end, "time_zone");
    const char *ss = text_of(p, END_SOURCE, "system_time_zone"),
               *ds = text_of(p, end, "system_time_zone");
    bool same = strcasecmp(s, d) == 0 && (strcasecmp(s, "SYSTEM") != 0 || strcasecmp(ss, ds) == 0);

    (void)err;
    verdict_say(v, V_PASSED, "source %s (%s), target %s (%s); TIMESTAMP is carried in UTC", s, ss,
                d, ds);
    if (!same) {
        verdict_say(v, V_WARNING,
                    "applications that rely on the server's time zone will see a difference");
        verdict_advise(v, "SET GLOBAL time_zone = '%s'; at the target.",
                       strcasecmp(s, "SYSTEM") == 0 ? ss : s);
    }
    return 0;
}

int item_clock(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;
    int64_t before = clock_now_s(), theirs = 0, skew;

    if (conn_value(p->ends[end].conn, "SELECT UNIX_TIMESTAMP()", &text, err) < 0)
        return -1;
    if (text == NULL || !num_parse_i64(text, 0, INT64_MAX, &theirs))
        return err_set(err, ERR_DB_UNSUPPORTED, "UNIX_TIMESTAMP() answered no number");
    skew = theirs - (before + clock_now_s()) / 2;
    skew = skew < 0 ? -skew : skew;
    verdict_say(v,
                skew > SKEW_FAIL_S   ? V_FAILED
                : skew > SKEW_WARN_S ? V_WARNING
                                     : V_PASSED,
                "its clock differs from this host's by %lld s", (long long)skew);
    verdict_advise(
        v, "Synchronise the clocks (NTP): lag and checkpoints are told in the source's time.");
    return 0;
}

int item_read_only(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const struct grants *g = p->ends[end].grants;
    bool may = g != NULL && (grants_has(g, "SUPER", NULL, NULL) ||
                             grants_has(g, "READ_ONLY ADMIN", NULL, NULL) ||
                             grants_has(g, "CONNECTION_ADMIN", NULL, NULL));

    (void)err;
    if (precheck_on(p, end, "super_read_only")) {
        verdict_say(v, V_FAILED, "super_read_only is ON");
        verdict_advise(v, "SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF;");
    } else if (precheck_on(p, end, "innodb_read_only")) {
        verdict_say(v, V_FAILED, "innodb_read_only is ON");
        verdict_advise(v, "Start the target without innodb_read_only.");
    } else if (precheck_on(p, end, "read_only")) {
        verdict_say(v, may ? V_WARNING : V_FAILED, "read_only is ON%s",
                    may ? "; the account may write all the same" : "");
        verdict_advise(v, "SET GLOBAL read_only = OFF;");
    }
    if (precheck_on(p, end, "offline_mode")) {
        verdict_say(v, V_FAILED, "offline_mode is ON");
        verdict_advise(v, "SET GLOBAL offline_mode = OFF;");
    }
    return 0;
}

int item_local_infile(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    (void)err;
    if (precheck_on(p, end, "local_infile"))
        return 0;
    verdict_say(v, V_WARNING, "local_infile is OFF: the copy uses INSERT, which is slower");
    verdict_advise(v, "SET GLOBAL local_infile = ON;");
    return 0;
}
