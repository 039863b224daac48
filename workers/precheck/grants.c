#include "workers/precheck/grants.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/ddl/tokens.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

struct grant {
    char *db, *table; /* NULL: all */
    char *privileges; /* ",SELECT,INSERT," */
    bool revoke;
};

struct grants {
    struct grant *list;
    size_t count;
};

/* Names of one privilege through the versions; the first is what callers ask for. */
static const char *const aliases[][4] = {
    { "REPLICATION CLIENT", "BINLOG MONITOR", NULL },
    { "REPLICATION SLAVE", "REPLICATION REPLICA", NULL },
    { "REPLICA MONITOR", "SLAVE MONITOR", "REPLICATION CLIENT", NULL },
    { "READ_ONLY ADMIN", "READ ONLY ADMIN", NULL },
};

struct grants *grants_new(void)
{
    return calloc(1, sizeof(struct grants));
}

void grants_free(struct grants *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->count; i++) {
        free(g->list[i].db);
        free(g->list[i].table);
        free(g->list[i].privileges);
    }
    free(g->list);
    free(g);
}

/* Words up to ON, blanks normalised, upper case; a privilege with a column list is left out. */
static size_t read_privileges(const struct tokens *t, size_t i, struct strbuf *out)
{
    struct strbuf one = STRBUF(4096);

    strbuf_addc(out, ',');
    for (; i < t->count; i++) {
        bool end = tokens_word(t, i, "ON") || tokens_word(t, i, "TO") || tokens_word(t, i, "FROM");

        if (end || tokens_punct(t, i, ',')) {
            if (one.len > 0)
                strbuf_addf(out, "%s,", strbuf_str(&one));
            strbuf_reset(&one);
            if (end)
                break;
        } else if (tokens_punct(t, i, '(')) {
            i = tokens_close(t, i);
            strbuf_reset(&one);
        } else {
            _cleanup_(freep)
            char *word = tokens_text(t, i);

            strbuf_addf(&one, "%s%s", one.len > 0 ? " " : "", word == NULL ? "" : word);
        }
    }
    strbuf_done(&one);
    for (char *p = out->data; p != NULL && *p != '\0'; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    return i;
}

static int add(struct grants *g, struct grant *made, struct err *err)
{
    struct grant *grown = realloc(g->list, (g->count + 1) * sizeof(*grown));

    if (grown == NULL) {
        free(made->db);
        free(made->table);
        free(made->privileges);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    g->list = grown;
    grown[g->count++] = *made;
    return 0;
}

static int add_line(struct grants *g, const struct tokens *t, struct err *err)
{
    struct strbuf privileges = STRBUF(64 * 1024);
    struct grant made = { .revoke = tokens_word(t, 0, "REVOKE") };
    size_t i = read_privileges(t, 1, &privileges);
    bool table_level;

    if (!tokens_word(t, i, "ON") || tokens_word(t, i + 1, "FUNCTION") ||
        tokens_word(t, i + 1, "PROCEDURE") || tokens_word(t, i + 1, "PACKAGE") ||
        tokens_word(t, 1, "PROXY")) {
        strbuf_done(&privileges); /* a role, a routine, a proxy */
        return 0;
    }
    i += tokens_word(t, i + 1, "TABLE") ? 2 : 1;
    table_level = !tokens_punct(t, i + 2, '*');
    if (!tokens_punct(t, i, '*') && (made.db = tokens_name(t, i)) == NULL)
        made.db = strdup("");
    if (table_level && (made.table = tokens_name(t, i + 2)) == NULL)
        made.table = strdup("");
    if (strbuf_take(&privileges, &made.privileges, err) < 0) {
        free(made.db);
        free(made.table);
        return -1;
    }
    return add(g, &made, err);
}

int grants_add(struct grants *g, const char *line, struct err *err)
{
    struct tokens t = { 0 };
    int rc;

    if (tokens_read(line, strlen(line), NULL, &t, err) < 0)
        return -1;
    if (!tokens_word(&t, 0, "GRANT") && !tokens_word(&t, 0, "REVOKE"))
        rc = tokens_word(&t, 0, "SET") /* MariaDB: SET DEFAULT ROLE … */
                 ? 0
                 : err_set(err, ERR_DB_UNSUPPORTED, "SHOW GRANTS answered what is no grant");
    else
        rc = add_line(g, &t, err);
    tokens_done(&t);
    return rc;
}

bool grants_pattern_match(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = name;

    while (*name != '\0') {
        if (*pattern == '%') {
            star = ++pattern;
            resume = name;
        } else if (*pattern == '\\' && pattern[1] != '\0' && pattern[1] == *name) {
            pattern += 2;
            name++;
        } else if ((*pattern == '_' || *pattern == *name) && *pattern != '\\') {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '%')
        pattern++;
    return *pattern == '\0';
}

static bool lists(const struct grant *g, const char *privilege)
{
    struct strbuf wanted = STRBUF(256);
    bool found;

    if (strstr(g->privileges, ",ALL PRIVILEGES,") != NULL || strstr(g->privileges, ",ALL,") != NULL)
        return true;
    strbuf_addf(&wanted, ",%s,", privilege);
    found = strstr(g->privileges, strbuf_str(&wanted)) != NULL;
    strbuf_done(&wanted);
    return found;
}

static bool covers(const struct grant *g, const char *db, const char *table)
{
    if (g->db == NULL)
        return true;
    if (db == NULL)
        return false;
    if (g->table == NULL)
        return grants_pattern_match(g->db, db);
    return table != NULL && strcmp(g->db, db) == 0 && strcasecmp(g->table, table) == 0;
}

static bool has_one(const struct grants *g, const char *privilege, const char *db,
                    const char *table)
{
    bool given = false;

    for (size_t i = 0; i < g->count; i++) {
        if (!lists(&g->list[i], privilege) || !covers(&g->list[i], db, table))
            continue;
        if (g->list[i].revoke) /* MySQL's partial revokes: a database taken out of a global grant */
            return false;
        given = true;
    }
    return given;
}

bool grants_has(const struct grants *g, const char *privilege, const char *db, const char *table)
{
    if (has_one(g, privilege, db, table))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (strcasecmp(aliases[i][0], privilege) != 0)
            continue;
        for (size_t k = 1; aliases[i][k] != NULL; k++)
            if (has_one(g, aliases[i][k], db, table))
                return true;
    }
    return false;
}

void grants_statement(struct strbuf *out, const char *privileges, const char *db,
                      const char *account)
{
    const char *at = strrchr(account, '@');
    _cleanup_(freep)
    char *user = strndup(account, at == NULL ? strlen(account) : (size_t)(at - account));

    strbuf_addf(out, "GRANT %s ON ", privileges);
    if (db == NULL) {
        strbuf_adds(out, "*.*");
    } else {
        strbuf_addc(out, '`');
        for (const char *p = db; *p != '\0'; p++) {
            if (*p == '_' || *p == '%')
                strbuf_addc(out, '\\');
            strbuf_addc(out, *p);
            if (*p == '`')
                strbuf_addc(out, '`');
        }
        strbuf_adds(out, "`.*");
    }
    strbuf_adds(out, " TO ");
    sql_string(out, user == NULL ? account : user);
    strbuf_addc(out, '@');
    sql_string(out, at == NULL ? "%" : at + 1);
}
