/* Items about the selected objects at the source. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/mysql/ddl/tokens.h"
#include "workers/mysql/mapping.h"
#include "workers/mysql/sqltext.h"
#include "workers/precheck/grants.h"
#include "workers/precheck/precheck_priv.h"

#include "base/banned.h"

static bool has_row(struct conn *c, const struct strbuf *sql, int *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };

    if (conn_query(c, strbuf_str(sql), sql->len, &r, err) < 0)
        return false;
    *ret = result_next(&r, err);
    return *ret >= 0;
}

int item_schemas(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct json_object *list = json_get_array(task_mapping(p->w->task), "databases");
    const char *account = p->ends[end].account == NULL ? "" : p->ends[end].account;
    struct name_list gone = NAME_LIST;
    _cleanup_(strbuf_done)
    struct strbuf grants = STRBUF(4096);

    for (size_t i = 0; i < json_len(list); i++) {
        const char *name = json_get_str(json_at(list, i), "name", NULL);
        _cleanup_(strbuf_done)
        struct strbuf sql = STRBUF(4096);
        int found = 0;

        if (name == NULL)
            continue;
        strbuf_adds(&sql, "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ");
        sql_string(&sql, name);
        if (!has_row(p->ends[end].conn, &sql, &found, err))
            return -1;
        if (found != 0)
            continue;
        names_add(&gone, "%s", name);
        strbuf_adds(&grants, grants.len > 0 ? "; " : "");
        grants_statement(&grants, "SELECT", name, account);
    }
    if (gone.count > 0) {
        verdict_say(v, V_FAILED, "the source has no database %s (or its account may not see it)",
                    names_text(&gone));
        verdict_advise(v, "%s; or correct the name, or leave it out.", strbuf_str(&grants));
    }
    names_done(&gone);
    return 0;
}

struct view_check {
    struct precheck *p;
    struct name_list gone;
};

static int one_view(void *ctx, enum scope_kind kind, const char *db, const char *name,
                    struct err *err)
{
    struct view_check *x = ctx;
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    int found = 0;

    if (kind != SCOPE_VIEW)
        return 0;
    strbuf_adds(
        &sql,
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_TYPE = 'VIEW' AND TABLE_SCHEMA = ");
    sql_string(&sql, db);
    strbuf_adds(&sql, " AND TABLE_NAME = ");
    sql_string(&sql, name);
    if (!has_row(x->p->ends[END_SOURCE].conn, &sql, &found, err))
        return -1;
    if (found == 0)
        names_add(&x->gone, "%s.%s", db, name);
    return 0;
}

/* Loads the catalog: tables listed by name but missing, and filterColumns that don't fit, are its
 * errors. */
int item_tables(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const struct end_state *e = &p->ends[end];
    struct view_check views = { .p = p, .gone = NAME_LIST };
    int rc;

    scope_fold_case(p->scope, e->dialect.lower_case_table_names != 0);
    rc = catalog_load_overlapping(e->conn, &e->dialect, p->scope, &p->cat, err);
    if (rc < 0) {
        names_done(&views.gone);
        return -1;
    }
    rc = scope_each_named(p->scope, one_view, &views, err);
    verdict_say(v, V_PASSED, "%zu tables are selected", p->cat->count);
    if (views.gone.count > 0) {
        verdict_say(v, V_FAILED, "the source has no view %s", names_text(&views.gone));
        verdict_advise(v,
                       "Correct the names, grant SHOW VIEW and SELECT on them, or leave them out.");
    }
    names_done(&views.gone);
    if (p->cat->count == 0)
        verdict_say(v, V_WARNING, "the selection matches no table now");
    return rc;
}

int item_engine(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list no_key = NAME_LIST, fuzzy = NAME_LIST, refused = NAME_LIST;

    (void)end;
    (void)err;
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];
        const char *engine = t->engine == NULL ? "" : t->engine;

        if (strcasecmp(engine, "InnoDB") == 0)
            continue;
        if (p->w->task->do_struct && p->ends[END_SINK].conn != NULL &&
            map_engine(&p->ends[END_SINK].dialect, engine, t->partitioned) == NULL)
            names_add(&refused, "%s.%s (%s)", t->db, t->name, engine);
        else if (t->key < 0 && p->w->task->do_incr)
            names_add(&no_key, "%s.%s (%s)", t->db, t->name, engine);
        else
            names_add(&fuzzy, "%s.%s (%s)", t->db, t->name, engine);
    }
    if (refused.count > 0) {
        verdict_say(v, V_FAILED, "tables of engines that are not carried: %s",
                    names_text(&refused));
        verdict_advise(v, "ALTER TABLE … ENGINE=InnoDB at the source, or leave them out.");
    }
    if (no_key.count > 0) {
        verdict_say(v, V_FAILED,
                    "without transactions and without a key a table can't be copied exactly "
                    "while it is written: %s",
                    names_text(&no_key));
        verdict_advise(
            v, "ALTER TABLE … ENGINE=InnoDB, or add a primary key, or skip this item when nobody "
               "writes to them.");
    }
    if (fuzzy.count > 0) {
        verdict_say(v, V_WARNING,
                    "not InnoDB: a statement that failed half-way has changed rows all the "
                    "same: %s",
                    names_text(&fuzzy));
        verdict_advise(v, "ALTER TABLE … ENGINE=InnoDB at the source.");
    }
    names_done(&refused);
    names_done(&no_key);
    names_done(&fuzzy);
    return 0;
}

int item_keys(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list none = NAME_LIST;

    (void)end;
    (void)err;
    for (size_t i = 0; i < p->cat->count; i++)
        if (p->cat->tables[i]->key < 0)
            names_add(&none, "%s.%s", p->cat->tables[i]->db, p->cat->tables[i]->name);
    if (none.count > 0) {
        verdict_say(v, V_WARNING, "no primary key and no unique key of NOT NULL columns: %s",
                    names_text(&none));
        verdict_advise(
            v, "Each is copied in one consistent read, and a change of many rows is slow at the "
               "target; add a primary key if you can.");
    }
    names_done(&none);
    return 0;
}

int item_key_types(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list bad = NAME_LIST;

    (void)end;
    (void)err;
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        if (t->key < 0 || (size_t)t->key >= t->index_count)
            continue;
        for (size_t k = 0; k < t->indexes[t->key].column_count; k++) {
            unsigned at = t->indexes[t->key].columns[k];

            if (at < t->column_count &&
                (t->columns[at].kind == CK_FLOAT || t->columns[at].kind == CK_DOUBLE))
                names_add(&bad, "%s.%s (%s)", t->db, t->name, t->columns[at].name);
        }
    }
    if (bad.count > 0) {
        verdict_say(v, V_FAILED, "FLOAT and DOUBLE can't identify a row: %s", names_text(&bad));
        verdict_advise(
            v, "Give the table another key (DECIMAL, an AUTO_INCREMENT column), or leave it out.");
    }
    names_done(&bad);
    return 0;
}

/* What a column needs beside its type; NULL: nothing that the target lacks. */
static const char *missing_feature(const struct dialect *to, const struct column *c)
{
    if (c->generated && !map_has(to, F_GENERATED))
        return map_feature_name(F_GENERATED);
    if (c->invisible && !map_has(to, F_INVISIBLE_COLUMN))
        return map_feature_name(F_INVISIBLE_COLUMN);
    /* MariaDB shows it in a version comment behind the type; a label may hold the word too */
    if (c->kind != CK_ENUM && c->kind != CK_SET && strstr(c->type_text, "COMPRESSED") != NULL &&
        !map_has(to, F_COMPRESSED_COLUMN))
        return map_feature_name(F_COMPRESSED_COLUMN);
    return NULL;
}

/* filterColumns: a column left out needs nothing; generated ones are never selected. */
static bool is_left_out(const struct table *t, size_t column)
{
    bool filtered = false;

    for (size_t i = 0; i < t->column_count; i++)
        filtered = filtered || (!t->selected[i] && !t->columns[i].generated);
    return filtered && !t->selected[column];
}

static void column_types(struct precheck *p, const struct table *t, struct name_list *unknown,
                         struct name_list *refused)
{
    bool made = p->w->task->do_struct && !precheck_target_has(p, t);
    const struct dialect *from = &p->ends[END_SOURCE].dialect, *to = &p->ends[END_SINK].dialect;

    for (size_t k = 0; k < t->column_count; k++) {
        const struct column *c = &t->columns[k];
        const char *mapped, *advice, *feature;

        if (c->kind == CK_UNKNOWN && t->selected[k])
            names_add(unknown, "%s.%s.%s (%s)", t->db, t->name, c->name, c->data_type);
        else if (!made || is_left_out(t, k))
            continue;
        else if (map_type(from, to, c->data_type, &mapped, &advice) == MAP_NONE)
            names_add(refused, "%s.%s.%s (%s: %s)", t->db, t->name, c->name, c->data_type, advice);
        else if ((feature = missing_feature(to, c)) != NULL)
            names_add(refused, "%s.%s.%s (%s)", t->db, t->name, c->name, feature);
    }
    for (size_t i = 0; made && i < t->index_count; i++)
        if (t->indexes[i].functional && !map_has(to, F_FUNCTIONAL_INDEX))
            names_add(refused, "%s.%s, index %s (%s)", t->db, t->name, t->indexes[i].name,
                      map_feature_name(F_FUNCTIONAL_INDEX));
}

int item_types(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list unknown = NAME_LIST, refused = NAME_LIST;

    (void)end;
    (void)err;
    for (size_t i = 0; i < p->cat->count; i++)
        column_types(p, p->cat->tables[i], &unknown, &refused);
    if (unknown.count > 0) {
        verdict_say(v, V_FAILED, "types that are not known: %s", names_text(&unknown));
        verdict_advise(
            v, "Leave the columns out with filterColumns, or the tables out of the selection.");
    }
    if (refused.count > 0) {
        verdict_say(v, V_FAILED, "types that the target does not have: %s", names_text(&refused));
        verdict_advise(v, "Or create these tables at the target by hand with types that fit.");
    }
    names_done(&unknown);
    names_done(&refused);
    return 0;
}

int item_foreign(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list out = NAME_LIST;

    (void)end;
    (void)err;
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        for (size_t k = 0; k < t->fk_count; k++)
            if (catalog_find(p->cat, t->fks[k].ref_db, t->fks[k].ref_table) == NULL)
                names_add(&out, "%s of %s.%s (to %s.%s)", t->fks[k].name, t->db, t->name,
                          t->fks[k].ref_db, t->fks[k].ref_table);
    }
    if (out.count > 0) {
        verdict_say(v, V_WARNING, "foreign keys to tables that are not selected are left out: %s",
                    names_text(&out));
        verdict_advise(v, "Select the referenced tables too.");
    }
    names_done(&out);
    return 0;
}

static bool acts(const char *action)
{
    return action != NULL &&
           (strcasecmp(action, "CASCADE") == 0 || strcasecmp(action, "SET NULL") == 0 ||
            strcasecmp(action, "SET DEFAULT") == 0);
}

int item_cascade(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list found = NAME_LIST;

    (void)err;
    for (size_t i = 0; i < p->cat->count && !p->ends[end].dialect.cascades_logged; i++) {
        const struct table *t = p->cat->tables[i];

        for (size_t k = 0; k < t->fk_count; k++)
            if (acts(t->fks[k].on_delete) || acts(t->fks[k].on_update))
                names_add(&found, "%s of %s.%s", t->fks[k].name, t->db, t->name);
    }
    if (found.count > 0) {
        verdict_say(v, V_WARNING,
                    "rows that these foreign keys change by themselves are not in the source's "
                    "binlog: %s",
                    names_text(&found));
        verdict_advise(
            v, "The target's own foreign keys have to repeat them: they must exist there with the "
               "same actions (the schema step creates them after the copy).");
    }
    names_done(&found);
    return 0;
}

/* Triggers on selected tables: at the source a note, at the target they would act on our writes. */
int item_triggers(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    _cleanup_(map_freep)
    struct map *tables = map_new();
    _cleanup_(result_done)
    struct result r = { 0 };
    struct name_list found = NAME_LIST;
    char key[600];
    int rc;

    if (tables == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        (void)snprintf(key, sizeof(key), "%s\1%s", end == END_SOURCE ? t->db : t->mapped_db,
                       end == END_SOURCE ? t->name : t->mapped_name);
        if (map_set(tables, key, p->cat) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (conn_queryf(
            p->ends[end].conn, &r, err,
            "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_STATEMENT LIKE"
            " 'IF @causeway_apply IS NULL%%' FROM information_schema.TRIGGERS") < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1) {
        (void)snprintf(key, sizeof(key), "%s\1%s", result_str(&r, 0, ""), result_str(&r, 1, ""));
        if (map_get(tables, key) != NULL && (end == END_SOURCE || result_i64(&r, 3, 0) == 0))
            names_add(&found, "%s on %s.%s", result_str(&r, 2, ""), result_str(&r, 0, ""),
                      result_str(&r, 1, ""));
    }
    if (found.count > 0 && end == END_SOURCE) {
        verdict_say(v, V_WARNING, "what these triggers change arrives as rows of its own: %s",
                    names_text(&found));
        verdict_advise(
            v, "They must not act on Causeway's writes at the target; triggers that Causeway "
               "carries (triggerMigrationType) are guarded.");
    } else if (found.count > 0) {
        verdict_say(v, V_WARNING,
                    "these triggers act on Causeway's writes, so rows may be changed twice: %s",
                    names_text(&found));
        verdict_advise(
            v, "Drop them until the switchover, or put their body under IF @causeway_apply IS NULL "
               "THEN … END IF.");
    }
    names_done(&found);
    return rc;
}

/* The filter stands inside parentheses of our statements: it must not be able to leave them. */
static int filter_shape(const char *where, struct err *err)
{
    struct tokens t = { 0 };
    int depth = 0, rc = 0;

    if (tokens_read(where, strlen(where), NULL, &t, err) < 0)
        return -1;
    for (size_t i = 0; i < t.count && rc == 0; i++) {
        depth += tokens_punct(&t, i, '(');
        depth -= tokens_punct(&t, i, ')');
        if (depth < 0 || tokens_punct(&t, i, ';') || tokens_punct(&t, i, '?'))
            rc = err_set(err, ERR_PARAM, "it is no single condition");
    }
    if (rc == 0 && t.comments) /* what a server leaves out of them we might count, or not */
        rc = err_set(err, ERR_PARAM, "it holds a comment");
    if (rc == 0 && (depth != 0 || t.count == 0))
        rc = err_set(err, ERR_PARAM, "its parentheses don't match");
    tokens_done(&t);
    return rc;
}

int item_where(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    size_t checked = 0;

    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];
        _cleanup_(strbuf_done)
        struct strbuf sql = STRBUF(1024 * 1024);
        struct err e = { 0 };
        int found;

        if (t->where == NULL)
            continue;
        checked++;
        strbuf_adds(&sql, "EXPLAIN SELECT 1 FROM ");
        sql_table(&sql, t->db, t->name);
        strbuf_addf(&sql, " WHERE (%s\n) LIMIT 0", t->where);
        if (filter_shape(t->where, &e) == 0 && has_row(p->ends[end].conn, &sql, &found, &e))
            continue;
        if (conn_lost(&e)) {
            *err = e;
            return -1;
        }
        verdict_say(v, V_FAILED, "whereClause of %s.%s: %s", t->db, t->name, e.message);
    }
    if (v->status == V_FAILED)
        verdict_advise(v,
                       "Correct the filters: each is what stands behind WHERE, over columns of its "
                       "own table only.");
    if (checked == 0)
        verdict_say(v, V_PASSED, "no table has a row filter");
    return 0;
}

static bool name_is_odd(const char *name)
{
    size_t len = strlen(name);

    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80 || (unsigned char)*c < 0x20)
            return true;
    return strpbrk(name, ".|\"'`()=;/&\\ ") != NULL || strstr(name, "$$") != NULL ||
           (len > 4 && strcmp(name + len - 4, "_ghc") == 0);
}

int item_names(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list odd = NAME_LIST;

    (void)end;
    (void)err;
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        if (name_is_odd(t->db) || name_is_odd(t->name) || name_is_odd(t->mapped_db) ||
            name_is_odd(t->mapped_name))
            names_add(&odd, "%s.%s", t->db, t->name);
    }
    if (odd.count > 0) {
        verdict_say(v, V_WARNING, "names outside OMS's rules (Causeway carries them): %s",
                    names_text(&odd));
        verdict_advise(
            v, "Rename them if other tools of the OMS family are to work on these objects.");
    }
    names_done(&odd);
    return 0;
}
