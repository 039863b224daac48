/* From a DDL statement to what it means for the project: kinds, databases, views, routines. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/incr/ddl_outcome.h"

#include "base/banned.h"

/* ---- options ---- */

void ddl_rules_read(struct json_object *config, struct ddl_rules *ret)
{
    struct json_object *kinds = json_get_array(config, "supportDDLTypes");
    struct json_object *records = json_get_array(config, "recordTypeWhiteList");
    bool all = false;

    *ret = (struct ddl_rules){ .adapt_online = json_get_bool(config, "adaptOnlineDdl", true) };
    for (size_t i = 0; i < json_len(records); i++) {
        const char *word = json_at_str(records, i);
        all |= word != NULL && strcasecmp(word, "DDL") == 0 && json_len(kinds) == 0;
    }
    for (size_t i = 0; i < DDL_OTHER; i++)
        ret->carried[i] = all;
    for (size_t i = 0; i < json_len(kinds); i++) {
        const char *word = json_at_str(kinds, i);
        enum ddl_kind k;
        if (word != NULL && ddl_kind_of(word, &k) && k != DDL_OTHER)
            ret->carried[k] = true;
    }
}

bool ddl_carries_list(const struct ddl_judge *j, struct json_object *own)
{
    if (own == NULL)
        return j->w->rules->carried[j->o->listed_as];
    for (size_t i = 0; i < json_len(own); i++) {
        const char *word = json_at_str(own, i);
        enum ddl_kind k;
        if (word != NULL && ddl_kind_of(word, &k) && k == j->o->listed_as && k != DDL_OTHER)
            return true;
    }
    return false;
}

bool ddl_carries(const struct ddl_judge *j, enum scope_kind kind, const char *db, const char *name)
{
    struct scope_object o = { 0 };
    struct err err = { 0 };
    int got = scope_match(j->w->scope, kind, db, name, &o, &err);
    bool carried = ddl_carries_list(j, got == 1 ? o.ddl : scope_db_ddl(j->w->scope, db));

    j->o->failed |= got < 0;
    scope_object_done(&o);
    return carried;
}

/* Source: MySQL, sql/system_variables.h (MODE_…); MariaDB, sql/sql_class.h. */
void ddl_sql_mode_text(uint64_t bits, bool mariadb, char ret[static DDL_SQL_MODE_MAX])
{
    static const struct {
        const char *mysql, *mariadb;
    } words[] = {
        { "REAL_AS_FLOAT", "REAL_AS_FLOAT" },
        { "PIPES_AS_CONCAT", "PIPES_AS_CONCAT" },
        { "ANSI_QUOTES", "ANSI_QUOTES" },
        { "IGNORE_SPACE", "IGNORE_SPACE" },
        { NULL, "IGNORE_BAD_TABLE_OPTIONS" },
        { "ONLY_FULL_GROUP_BY", "ONLY_FULL_GROUP_BY" },
        { "NO_UNSIGNED_SUBTRACTION", "NO_UNSIGNED_SUBTRACTION" },
        { "NO_DIR_IN_CREATE", "NO_DIR_IN_CREATE" },
        { "POSTGRESQL", "POSTGRESQL" },
        { "ORACLE", "ORACLE" },
        { "MSSQL", "MSSQL" },
        { "DB2", "DB2" },
        { "MAXDB", "MAXDB" },
        { "NO_KEY_OPTIONS", "NO_KEY_OPTIONS" },
        { "NO_TABLE_OPTIONS", "NO_TABLE_OPTIONS" },
        { "NO_FIELD_OPTIONS", "NO_FIELD_OPTIONS" },
        { "MYSQL323", "MYSQL323" },
        { "MYSQL40", "MYSQL40" },
        { "ANSI", "ANSI" },
        { "NO_AUTO_VALUE_ON_ZERO", "NO_AUTO_VALUE_ON_ZERO" },
        { "NO_BACKSLASH_ESCAPES", "NO_BACKSLASH_ESCAPES" },
        { "STRICT_TRANS_TABLES", "STRICT_TRANS_TABLES" },
        { "STRICT_ALL_TABLES", "STRICT_ALL_TABLES" },
        { "NO_ZERO_IN_DATE", "NO_ZERO_IN_DATE" },
        { "NO_ZERO_DATE", "NO_ZERO_DATE" },
        { "ALLOW_INVALID_DATES", "ALLOW_INVALID_DATES" },
        { "ERROR_FOR_DIVISION_BY_ZERO", "ERROR_FOR_DIVISION_BY_ZERO" },
        { "TRADITIONAL", "TRADITIONAL" },
        { "NO_AUTO_CREATE_USER", "NO_AUTO_CREATE_USER" },
        { "HIGH_NOT_PRECEDENCE", "HIGH_NOT_PRECEDENCE" },
        { "NO_ENGINE_SUBSTITUTION", "NO_ENGINE_SUBSTITUTION" },
        { "PAD_CHAR_TO_FULL_LENGTH", "PAD_CHAR_TO_FULL_LENGTH" },
        { "TIME_TRUNCATE_FRACTIONAL", "EMPTY_STRING_IS_NULL" },
        { NULL, "SIMULTANEOUS_ASSIGNMENT" },
        { NULL, "TIME_ROUND_FRACTIONAL" },
    };
    size_t n = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        const char *word = mariadb ? words[i].mariadb : words[i].mysql;
        if ((bits >> i & 1) == 0 || word == NULL)
            continue;
        n += (size_t)snprintf(ret + n, DDL_SQL_MODE_MAX - n, "%s%s", n > 0 ? "," : "", word);
    }
}

/* ---- values that differ from server to server ---- */

static bool unsure_word(const struct ddl_statement *d, size_t i, bool clock_differs)
{
    static const char *const always[] = { "UUID",    "UUID_SHORT",    "RAND",         "SYSDATE",
                                          "NEXTVAL", "CONNECTION_ID", "RANDOM_BYTES", "SYS_GUID" };
    static const char *const clock[] = { "CURRENT_TIMESTAMP", "NOW",          "LOCALTIME",
                                         "LOCALTIMESTAMP",    "CURRENT_DATE", "CURDATE",
                                         "CURRENT_TIME",      "CURTIME",      "UTC_TIMESTAMP",
                                         "UNIX_TIMESTAMP",    "UTC_DATE",     "UTC_TIME" };

    if (!tokens_is(&d->tokens, i, TOK_WORD))
        return false;
    for (size_t k = 0; k < ARRAY_SIZE(always); k++) {
        if (tokens_word(&d->tokens, i, always[k]) && tokens_punct(&d->tokens, i + 1, '('))
            return true;
    }
    for (size_t k = 0; clock_differs && k < ARRAY_SIZE(clock); k++) {
        if (tokens_word(&d->tokens, i, clock[k]))
            return true;
    }
    return false;
}

/* ON UPDATE CURRENT_TIMESTAMP gives existing rows no value. */
static bool behind_on_update(const struct ddl_statement *d, size_t i)
{
    return i >= 2 && tokens_word(&d->tokens, i - 1, "UPDATE") &&
           tokens_word(&d->tokens, i - 2, "ON");
}

bool ddl_unsure_value(const struct ddl_statement *d, const struct table *before, bool clock_differs,
                      const char **ret_what)
{
    for (size_t i = 0; i < d->item_count; i++) {
        const struct ddl_item *item = &d->items[i];
        bool generated = false;

        if (item->kind != ITEM_COLUMN)
            continue;
        for (size_t k = item->definition.from; k < item->definition.to; k++)
            generated |=
                tokens_word(&d->tokens, k, "AS") || tokens_word(&d->tokens, k, "GENERATED");
        for (size_t k = item->definition.from; !generated && k < item->definition.to; k++) {
            *ret_what = "its default is not the same everywhere";
            if (unsure_word(d, k, clock_differs) && !behind_on_update(d, k))
                return true;
            *ret_what = "AUTO_INCREMENT numbers the rows of a table without a key in any order";
            if (tokens_word(&d->tokens, k, "AUTO_INCREMENT") && (before->key < 0 || clock_differs))
                return true;
        }
    }
    return false;
}

/* ---- views, routines ---- */

static int judge_view(struct ddl_judge *j, struct err *err)
{
    for (size_t i = 0; i < j->d->name_count; i++) {
        const struct ddl_name *n = &j->d->names[i];
        struct scope_object o = { 0 };
        struct ddl_action *a;
        int got = scope_match(j->w->scope, SCOPE_VIEW, n->db, n->name, &o, err);

        if (got < 0)
            return -1;
        if (got == 0)
            continue;
        outcome_concern(j->o, n->db, n->name);
        a = outcome_action(j, j->d, ddl_carries_list(j, o.ddl));
        action_target(j, a, i, o.mapped_db, o.mapped_name);
        action_object(j, a, DDL_O_TABLE, o.mapped_db, o.mapped_name);
        scope_object_done(&o);
    }
    return 0;
}

static void judge_routine(struct ddl_judge *j, enum ddl_object_kind kind)
{
    const struct ddl_name *n = &j->d->names[0];
    char buf[SCOPE_NAME_MAX];
    const char *db = scope_mapped_db(j->w->scope, n->db, buf);
    struct ddl_action *a;

    if (!scope_whole_db(j->w->scope, n->db) || db == NULL)
        return;
    outcome_concern(j->o, n->db, n->name);
    a = outcome_action(j, j->d, ddl_carries_list(j, scope_db_ddl(j->w->scope, n->db)));
    action_target(j, a, 0, db, n->name);
    action_object(j, a, kind, db, n->name);
}

/* ---- databases ---- */

/* The collation that the statement gives the database; NULL: it says nothing of it. */
static const char *database_collation(const struct ddl_judge *j)
{
    const char *found = NULL;

    for (size_t i = 0; i < j->d->item_count; i++) {
        const struct ddl_item *item = &j->d->items[i];
        if (item->collation != NULL && item->collation[0] != '\0')
            found = item->collation;
        else if (item->charset != NULL && item->charset[0] == '\0')
            found = j->w->facts->server_collation;
        else if (item->charset != NULL)
            found = facts_charset_collation(j->w->facts, item->charset);
    }
    return found;
}

static void set_database(struct ddl_judge *j, const char *db, const char *collation)
{
    j->o->facts_changed = true;
    j->o->facts_db = outcome_text(j->o, db);
    j->o->facts_collation = collation != NULL ? outcome_text(j->o, collation) : NULL;
}

static void drop_tables(struct ddl_judge *j, const char *db, const char *mapped)
{
    const struct plans *p = j->w->plans;
    size_t left = 0;

    for (size_t i = 0; i < p->count; i++) {
        const struct table *t = p->tables[i].t;
        struct ddl_entry *e;

        if (!ddl_same_name(j->w, t->db, db)) {
            if (mapped != NULL && strcasecmp(t->mapped_db, mapped) == 0)
                outcome_pending(j->o, true,
                                "at the target %s holds %s.%s too, which is not dropped at the "
                                "source",
                                mapped, t->db, t->name);
            continue;
        }
        e = outcome_leaving(j, &p->tables[i]);
        left += e != NULL;
    }
    for (size_t i = 0; i < j->w->shadow_count; i++) {
        if (ddl_same_name(j->w, j->w->shadows[i].db, db))
            outcome_shadow(j, j->w->shadows[i].db, j->w->shadows[i].name, NULL);
    }
    outcome_tell(j->o, "INFO", "table_left",
                 "database %s was dropped at the source: %zu tables left the project", db, left);
}

static void judge_database(struct ddl_judge *j)
{
    const char *db = j->d->names[0].db, *collation = database_collation(j);
    bool whole = scope_whole_db(j->w->scope, db);
    char buf[SCOPE_NAME_MAX];
    const char *mapped = whole ? scope_mapped_db(j->w->scope, db, buf) : NULL;
    bool carried = ddl_carries_list(j, scope_db_ddl(j->w->scope, db));
    bool known = facts_database_collation(j->w->facts, db) != NULL;
    struct ddl_action *a;

    if (!plans_has_db(j->w->plans, db) && !scope_may_match_db(j->w->scope, db))
        return;
    outcome_concern(j->o, db, "");
    j->o->quiet = !whole;
    if (j->d->kind == DDL_CREATE_DATABASE && !(known && j->d->if_not_exists))
        set_database(j, db,
                     collation != NULL                   ? collation
                     : j->from->server_collation != NULL ? j->from->server_collation
                                                         : j->w->facts->server_collation);
    if (j->d->kind == DDL_ALTER_DATABASE && collation != NULL)
        set_database(j, db, collation);
    if (j->d->kind == DDL_DROP_DATABASE) {
        set_database(j, db, NULL);
        drop_tables(j, db, carried ? mapped : NULL);
        j->o->quiet = false;
    }
    if (mapped == NULL)
        return;
    a = outcome_action(j, j->d, carried);
    action_target(j, a, 0, mapped, "");
    action_object(j, a, DDL_O_DATABASE, mapped, "");
}

/* ---- what is never carried ---- */

static bool is_foreign_db(const struct ddl_world *w, const char *db)
{
    return scope_is_system_db(db) || strcasecmp(db, w->control_schema) == 0;
}

static int judge_other(struct ddl_judge *j, const struct statement *refs, struct err *err)
{
    for (size_t i = 0; i < refs->ref_count; i++) {
        const struct object_ref *r = &refs->refs[i];
        struct scope_object o = { 0 };
        int got;

        if (is_foreign_db(j->w, r->db))
            continue;
        if (r->kind == OBJ_TRIGGER && j->w->rules->adapt_online &&
            strncmp(r->name, "pt_osc_", 7) == 0)
            continue;
        got = r->kind == OBJ_TABLE || r->kind == OBJ_VIEW
                  ? scope_match(j->w->scope, r->kind == OBJ_VIEW ? SCOPE_VIEW : SCOPE_TABLE, r->db,
                                r->name, &o, err)
                  : scope_whole_db(j->w->scope, r->db);
        scope_object_done(&o);
        if (got < 0)
            return -1;
        if (got == 1)
            outcome_concern(j->o, r->db, r->name);
    }
    j->o->track_only = true;
    return 0;
}

/* ---- the whole ---- */

int ddl_concerns(const struct ddl_world *w, const struct statement *refs, struct err *err)
{
    for (size_t i = 0; i < refs->ref_count; i++) {
        const struct object_ref *r = &refs->refs[i];
        struct scope_object o = { 0 };
        int got;

        if (is_foreign_db(w, r->db))
            continue;
        /* A shadow table's name is one of no rule; its database is one of some table. */
        if (plans_has_db(w->plans, r->db) || scope_whole_db(w->scope, r->db))
            return 1;
        if (r->kind == OBJ_DATABASE && scope_may_match_db(w->scope, r->db))
            return 1;
        got = scope_match(w->scope, r->kind == OBJ_VIEW ? SCOPE_VIEW : SCOPE_TABLE, r->db, r->name,
                          &o, err);
        scope_object_done(&o);
        if (got != 0)
            return got;
    }
    return 0;
}

static int judge_kind(struct ddl_judge *j, const struct statement *refs, struct err *err)
{
    switch (j->d->kind) {
    case DDL_CREATE_TABLE:
        return judge_create_table(j, err);
    case DDL_ALTER_TABLE:
    case DDL_CREATE_INDEX:
    case DDL_DROP_INDEX:
        return judge_alter_table(j, err);
    case DDL_DROP_TABLE:
        return judge_drop_table(j, err);
    case DDL_RENAME_TABLE:
        return judge_rename_table(j, err);
    case DDL_TRUNCATE_TABLE:
        return judge_truncate_table(j, err);
    case DDL_CREATE_VIEW:
    case DDL_ALTER_VIEW:
    case DDL_DROP_VIEW:
        return judge_view(j, err);
    case DDL_CREATE_DATABASE:
    case DDL_ALTER_DATABASE:
    case DDL_DROP_DATABASE:
        judge_database(j);
        return 0;
    case DDL_CREATE_FUNCTION:
    case DDL_DROP_FUNCTION:
        judge_routine(j, DDL_O_FUNCTION);
        return 0;
    case DDL_CREATE_PROCEDURE:
    case DDL_DROP_PROCEDURE:
        judge_routine(j, DDL_O_PROCEDURE);
        return 0;
    case DDL_OTHER:
        return judge_other(j, refs, err);
    }
    return 0;
}

static bool names_are_foreign(const struct ddl_world *w, const struct ddl_statement *d)
{
    for (size_t i = 0; i < d->name_count; i++) {
        if (!is_foreign_db(w, d->names[i].db))
            return false;
    }
    return d->name_count > 0;
}

/* A statement that failed at the source, where that is known; else as if it had not. */
static int judge_by_end(struct ddl_judge *j, struct ddl_statement *d, const struct statement *refs,
                        struct err *err)
{
    int got;

    switch (failed_as(j->from, d)) {
    case FAILED_DROP:
        d->if_exists = true;
        return judge_kind(j, refs, err);
    case FAILED_REPLACE:
        judge_replaced_away(j);
        return 0;
    case FAILED_UNKNOWN:
        got = judge_kind(j, refs, err);
        if (got == 0 && j->o->concerned && !j->o->track_only && !j->o->failed)
            judge_half_done(j);
        return got;
    case FAILED_NOT:
        break;
    }
    return judge_kind(j, refs, err);
}

/* Of a statement that names several objects each goes by its own kinds. */
static void settle_carried(struct ddl_judge *j)
{
    struct ddl_outcome *o = j->o;
    size_t carried = 0;

    for (size_t i = 0; i < o->action_count; i++)
        carried += o->actions[i].carried;
    if (o->track_only || (o->action_count > 0 && carried == 0) ||
        (o->action_count == 0 && !j->w->rules->carried[o->listed_as]))
        o->carried = false;
    if (o->carried && carried < o->action_count)
        outcome_tell(o, "WARN", "ddl_not_applied",
                     "only %zu of the %zu changes of this statement are applied: not all of its "
                     "objects list %s in supportDDLTypes",
                     carried, o->action_count, ddl_kind_name(o->listed_as));
}

int ddl_judge(const struct ddl_world *w, const struct ddl_source *from, struct ddl_statement *d,
              const struct statement *refs, struct ddl_outcome *ret, struct err *err)
{
    struct ddl_outcome o = {
        .kind = d->kind, .listed_as = d->kind, .carried = true, .next_number = w->next_number
    };
    struct ddl_judge j = { .w = w,
                           .from = from,
                           .d = d,
                           .evolve = { w->facts, from->sql_mode, from->explicit_timestamps,
                                       from->utf8mb4_collation },
                           .o = &o };
    int got = 0;

    if (!names_are_foreign(w, d) && (d->name_count > 0 || d->kind == DDL_OTHER))
        got = judge_by_end(&j, d, refs, err);
    if (got == 0 && o.failed)
        got = err_set(err, ERR_NOMEM, "no memory to judge a DDL statement");
    if (got < 0) {
        ddl_outcome_done(&o);
        return -1;
    }
    settle_carried(&j);
    *ret = o;
    return 0;
}
