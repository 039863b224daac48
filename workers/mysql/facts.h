/*
 * What the source says of itself once, at the starting position, and a DDL's meaning depends on:
 * default collations of character sets, numbers of collations, default collations of databases.
 * Kept beside the catalog in the control schema (cw_project.facts), changed by CREATE, ALTER and
 * DROP DATABASE in the binlog.
 */
#ifndef WORKERS_MYSQL_FACTS_H
#define WORKERS_MYSQL_FACTS_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/map.h"
#include "base/util.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"

struct facts {
    bool mariadb;
    unsigned version; /* 101119 */
    int lower_case_table_names;
    int utc_offset_s;       /* of the server's SYSTEM time zone */
    bool utf8_is_utf8mb4;   /* MariaDB 10.6+ without old_mode UTF8_IS_UTF8MB3 */
    struct map *charsets;   /* "utf8mb4" → its default collation (char *) */
    struct map *collations; /* number as text, "45" → name (char *) */
    struct map *databases;  /* name → default collation (char *) */
    char *server_collation; /* collation_server */
};

/* facts_load(): asks the server. */
int facts_load(struct conn *c, const struct dialect *d, struct facts **ret, struct err *err);
void facts_free(struct facts *f);
DEFINE_CLEANUP(struct facts, facts_free)
struct json_object *facts_to_json(const struct facts *f);
int facts_from_json(struct json_object *o, struct facts **ret, struct err *err);

/* All return NULL for what is not known. */
const char *facts_charset_collation(const struct facts *f, const char *charset);
const char *facts_collation_name(const struct facts *f, unsigned number);
/* facts_collation_charset(): lives as long as the facts. */
const char *facts_collation_charset(const struct facts *f, const char *collation);
const char *facts_database_collation(const struct facts *f, const char *db);
/* facts_set_database(): collation NULL: dropped. -1: out of memory. */
int facts_set_database(struct facts *f, const char *db, const char *collation);

#endif
