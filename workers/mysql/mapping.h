/*
 * What differs between MySQL and MariaDB (and their versions) in table definitions, as tables of
 * data: collations, column types, table options, features, functions, sql_mode. Pure; a test
 * walks it. docs/schema.md says the same in prose.
 */
#ifndef WORKERS_MYSQL_MAPPING_H
#define WORKERS_MYSQL_MAPPING_H

#include <stdbool.h>

#include <json-c/json.h>

#include "base/err.h"
#include "base/map.h"
#include "workers/mysql/dialect.h"

enum { MAP_NAME_MAX = 128 };

/* True for MariaDB; the other flavours read MySQL's definitions. */
bool map_is_mariadb(const struct dialect *d);

enum map_result {
    MAP_SAME,    /* carried as it is, or under another spelling of the same thing */
    MAP_CHANGED, /* mapped to the nearest there is: a user should know */
    MAP_NONE     /* there is nothing near */
};

/* map_collation(): the name under which `to` knows the collation `name`; also for a NULL-free
 * "binary". */
enum map_result map_collation(const struct dialect *to, const char *name,
                              char ret[static MAP_NAME_MAX]);
/*
 * map_overrides_read() - structTransferConfig.collationMapping as a map for map_override()
 *
 * Borrows the texts of `config`. Errors: ERR_PARAM for what can be no collation's name, ERR_NOMEM.
 */
int map_overrides_read(struct json_object *config, struct map **ret, struct err *err);
/*
 * map_override() - the user's choice for a collation of the source
 *
 * @overrides  lower-case name of a collation, or of a character set (for all of its collations) →
 *             char *; utf8 and utf8mb3 are one. NULL: none
 * NULL when there is none.
 */
const char *map_override(const struct map *overrides, const char *name);
/* map_charset_of(): "utf8mb4" of "utf8mb4_bin", "binary" of "binary". */
void map_charset_of(const char *collation, char ret[static MAP_NAME_MAX]);
/* map_charset(): a character set's name at `to` (utf8 and utf8mb3 are one). */
enum map_result map_charset(const struct dialect *to, const char *name,
                            char ret[static MAP_NAME_MAX]);

/*
 * map_type() - a column's type word ("int", "json")
 *
 * @ret_type    the word at `to`
 * @ret_advice  set with MAP_NONE: what a person can do; static text
 */
enum map_result map_type(const struct dialect *from, const struct dialect *to, const char *type,
                         const char **ret_type, const char **ret_advice);

/* What a definition may need of a server. */
enum map_feature {
    F_GENERATED,
    F_INVISIBLE_COLUMN,
    F_EXPRESSION_DEFAULT,
    F_CHECK,
    F_NOT_ENFORCED,
    F_FUNCTIONAL_INDEX,
    F_INVISIBLE_INDEX,
    F_DESC_INDEX,
    F_COMPRESSED_COLUMN,
    F_PERIOD,
    F_SRID,
    F_PARSER_PLUGIN,
    F_GENERATED_NOT_NULL,
    F_COLUMN_CHECK,
    F_MAX_
};
enum map_missing { MISSING_REFUSE, MISSING_DROP /* leave it out and say so */, MISSING_QUIET };
bool map_has(const struct dialect *d, enum map_feature f);
enum map_missing map_missing(enum map_feature f);
const char *map_feature_name(enum map_feature f); /* "a generated column" */

/* map_option(): is the table option of this name (upper case) carried to `to`? *ret_note: say when
 * not. */
bool map_option(const struct dialect *to, const char *name, bool *ret_note);
/* map_engine(): the engine to use at `to` for `engine`; NULL: refused. */
const char *map_engine(const struct dialect *to, const char *engine, bool partitioned);
/* map_function(): false when a function of this name is known not to exist at `to`. */
bool map_function(const struct dialect *to, const char *name);
/* map_sql_mode(): `mode` without the words that `to` does not know. */
void map_sql_mode(const struct dialect *to, const char *mode, char *ret, size_t size);

#endif
