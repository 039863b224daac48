/* What scope*.c share; nobody else includes it. */
#ifndef WORKERS_SCOPE_PRIV_H
#define WORKERS_SCOPE_PRIV_H

#include "base/map.h"
#include "workers/scope.h"

enum { SCOPE_KEY_MAX = 2 * 64 * 4 + 8 };

/* scope_next_char(): one character of UTF-8; a byte that begins none is one above all real ones. */
unsigned scope_next_char(const char **at);
/* scope_fold_char(): its lower case. scope_upper_char(): its upper case. */
unsigned scope_fold_char(unsigned c);
unsigned scope_upper_char(unsigned c);
bool scope_names_equal(const char *a, const char *b, bool fold);

/* One object named in `databases`. Entries whose names differ in case only are chained. */
struct entry {
    char *db, *name;
    char *mapped_db, *mapped_name;
    char *where;
    struct json_object *columns;
    struct json_object *records, *ddl; /* its own or its database's; NULL: the project's */
    bool selects;                      /* false: only says how (specificTables) */
    enum scope_kind kind;
    struct entry *same_key, *next;
};

struct db_entry {
    char *name, *mapped;
    bool whole, partly; /* partly: has tables or views of its own */
    struct json_object *records, *ddl;
    struct db_entry *same_key, *next;
};

/* `<db>.<object>=<mapped_db>.<mapped_name>`; mapped_* NULL: the name stays, but for nameCase. */
struct rule {
    char *db, *object;
    char *mapped_db, *mapped_name;
    struct rule *next;
};

struct db_name {
    char *name;
    struct db_name *next;
};

struct scope {
    bool wildcard, fold;
    enum scope_category category;
    enum scope_case name_case;
    struct entry *entries, *black_entries; /* in the order of the mapping */
    struct db_entry *dbs, *black_dbs;
    struct rule *white, *black;
    struct db_name *excluded;
    struct map *by_name, *by_db; /* folded key -> first of a chain */
    struct map *black_by_name, *black_by_db;
    struct scope *minus; /* what is taken away from all that, or NULL */
};

/* The first of a chain, or NULL. */
struct entry *scope_find_entry(const struct map *m, enum scope_kind kind, const char *db,
                               const char *name, bool fold);
struct db_entry *scope_find_db(const struct map *m, const char *db, bool fold);
/* Keys of the maps: names folded, so that names equal under any folding share one. */
const char *scope_entry_key(enum scope_kind kind, const char *db, const char *name,
                            char buf[static SCOPE_KEY_MAX]);
const char *scope_db_key(const char *db, char buf[static SCOPE_KEY_MAX]);

void scope_entry_free(struct entry *e);
DEFINE_CLEANUP(struct entry, scope_entry_free)
void scope_rule_free(struct rule *r);
DEFINE_CLEANUP(struct rule, scope_rule_free)

#endif
