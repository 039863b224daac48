/*
 * What the source says of itself. information_schema answers in UTF-8; names of collations are
 * ASCII. All texts are the struct's own.
 */
#include "workers/mysql/facts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

#include "base/banned.h"

static int nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for what the source says of itself");
}

static void free_texts(struct map *m)
{
    const char *key;
    size_t pos = 0;
    void *value;

    while (m != NULL && map_next(m, &pos, &key, &value))
        free(value);
    map_free(m);
}

void facts_free(struct facts *f)
{
    if (f == NULL)
        return;
    free_texts(f->charsets);
    free_texts(f->collations);
    free_texts(f->databases);
    free(f->server_collation);
    free(f);
}

static struct facts *facts_new(void)
{
    struct facts *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return NULL;
    f->charsets = map_new();
    f->collations = map_new();
    f->databases = map_new();
    if (f->charsets == NULL || f->collations == NULL || f->databases == NULL) {
        facts_free(f);
        return NULL;
    }
    return f;
}

/* A copy of `text` under `key`, in place of what was there. */
static int put(struct map *m, const char *key, const char *text, struct err *err)
{
    char *copy = strdup(text), *before = map_get(m, key);

    if (copy == NULL || map_set(m, key, copy) < 0) {
        free(copy);
        return nomem(err);
    }
    free(before);
    return 0;
}

/* ---- asking ---- */

/* Rows of two columns, key and text, into a map; rows with a NULL in them are left out. */
static int load_map(struct conn *c, const char *sql, struct map *m, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_query(c, sql, strlen(sql), &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *key = result_str(&r, 0, NULL), *text = result_str(&r, 1, NULL);

        if (key != NULL && text != NULL && put(m, key, text, err) < 0)
            return -1;
    }
    return got;
}

static int load_collations(struct conn *c, struct facts *f, struct err *err)
{
    /* MariaDB 10.10+: collations of the UCA 14.0.0 have one name for all sets in COLLATIONS; their
     * full names and numbers are in the other table */
    if (f->mariadb && f->version >= 101000)
        return load_map(c,
                        "SELECT ID, FULL_COLLATION_NAME FROM"
                        " information_schema.COLLATION_CHARACTER_SET_APPLICABILITY",
                        f->collations, err);
    return load_map(c, "SELECT ID, COLLATION_NAME FROM information_schema.COLLATIONS",
                    f->collations, err);
}

/* MariaDB 11.x: "utf8mb3=utf8mb3_uca1400_ai_ci,utf8mb4=…", which CREATE goes by. */
static int apply_defaults(struct facts *f, char *list, struct err *err)
{
    char *pair, *rest = list;

    while ((pair = strsep(&rest, ",")) != NULL) {
        char *equal = strchr(pair, '=');

        if (equal == NULL)
            continue;
        *equal = '\0';
        pair += strspn(pair, " ");
        if (put(f->charsets, pair, equal + 1, err) < 0)
            return -1;
    }
    return 0;
}

static int load_variables(struct conn *c, struct facts *f, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_queryf(c, &r, err,
                    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('collation_server',"
                    "'character_set_collations','old_mode')") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *name = result_str(&r, 0, ""), *value = result_str(&r, 1, "");

        if (strcasecmp(name, "collation_server") == 0) {
            free(f->server_collation);
            f->server_collation = strdup(value);
            if (f->server_collation == NULL)
                return nomem(err);
        } else if (strcasecmp(name, "old_mode") == 0) {
            f->utf8_is_utf8mb4 =
                f->mariadb && f->version >= 100600 && strcasestr(value, "UTF8_IS_UTF8MB3") == NULL;
        } else {
            _cleanup_(freep)
            char *list = strdup(value);

            if (list == NULL)
                return nomem(err);
            if (apply_defaults(f, list, err) < 0)
                return -1;
        }
    }
    return got;
}

/*
 * Our sessions run at +00:00: the session takes the server's zone for one question. Whatever
 * happens it goes back; where it can't, the connection is of no more use and the error says so.
 */
static int load_offset(struct conn *c, struct facts *f, struct err *err)
{
    static const char back[] = "SET time_zone = '+00:00'";
    _cleanup_(freep)
    char *text = NULL;
    int rc;

    if (conn_execf(c, err, "SET time_zone = 'SYSTEM'") < 0)
        return -1;
    rc = conn_value(c, "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())", &text, err);
    if (rc < 0) {
        struct err other = { 0 };

        (void)conn_exec(c, back, sizeof(back) - 1, NULL, &other);
        return -1;
    }
    f->utc_offset_s = text != NULL ? (int)strtol(text, NULL, 10) : 0;
    return conn_exec(c, back, sizeof(back) - 1, NULL, err);
}

int facts_load(struct conn *c, const struct dialect *d, struct facts **ret, struct err *err)
{
    _cleanup_(facts_freep)
    struct facts *f = facts_new();

    if (f == NULL)
        return nomem(err);
    f->mariadb = d->flavour == FLAVOUR_MARIADB;
    f->version = d->version;
    f->lower_case_table_names = d->lower_case_table_names;
    if (load_map(c,
                 "SELECT CHARACTER_SET_NAME, DEFAULT_COLLATE_NAME"
                 " FROM information_schema.CHARACTER_SETS",
                 f->charsets, err) < 0 ||
        load_collations(c, f, err) < 0 ||
        load_map(c, "SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA",
                 f->databases, err) < 0 ||
        load_variables(c, f, err) < 0 || load_offset(c, f, err) < 0)
        return -1;
    *ret = take_ptr(f);
    return 0;
}

/* ---- JSON ---- */

static int add_map(struct json_object *o, const char *key, const struct map *m)
{
    struct json_object *texts = json_object_new_object();
    const char *name;
    size_t pos = 0;
    void *value;

    if (texts == NULL || json_add(o, key, texts) < 0)
        return -1;
    while (map_next(m, &pos, &name, &value))
        if (value != NULL && json_add_str(texts, name, value) < 0) /* NULL: dropped */
            return -1;
    return 0;
}

struct json_object *facts_to_json(const struct facts *f)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();

    if (o == NULL || json_add_bool(o, "mariadb", f->mariadb) < 0 ||
        json_add_u64(o, "version", f->version) < 0 ||
        json_add_i64(o, "lowerCaseTableNames", f->lower_case_table_names) < 0 ||
        json_add_i64(o, "utcOffset", f->utc_offset_s) < 0 ||
        json_add_bool(o, "utf8IsUtf8mb4", f->utf8_is_utf8mb4) < 0 ||
        (f->server_collation != NULL &&
         json_add_str(o, "serverCollation", f->server_collation) < 0) ||
        add_map(o, "charsets", f->charsets) < 0 || add_map(o, "collations", f->collations) < 0 ||
        add_map(o, "databases", f->databases) < 0)
        return NULL;
    return take_ptr(o);
}

static int read_map(struct json_object *o, const char *key, struct map *m, struct err *err)
{
    struct json_object *texts = json_get(o, key);

    if (!json_object_is_type(texts, json_type_object))
        return err_set(err, ERR_CONTROL_SCHEMA, "the stored facts about the source are damaged: %s",
                       key);
    json_object_object_foreach(texts, name, value)
    {
        if (!json_object_is_type(value, json_type_string))
            return err_set(err, ERR_CONTROL_SCHEMA,
                           "the stored facts about the source are damaged: %s", key);
        if (put(m, name, json_object_get_string(value), err) < 0)
            return -1;
    }
    return 0;
}

int facts_from_json(struct json_object *o, struct facts **ret, struct err *err)
{
    _cleanup_(facts_freep)
    struct facts *f = facts_new();
    const char *collation = json_get_str(o, "serverCollation", NULL);

    if (f == NULL)
        return nomem(err);
    f->mariadb = json_get_bool(o, "mariadb", false);
    f->version = (unsigned)json_get_i64(o, "version", 0);
    f->lower_case_table_names = (int)json_get_i64(o, "lowerCaseTableNames", 0);
    f->utc_offset_s = (int)json_get_i64(o, "utcOffset", 0);
    f->utf8_is_utf8mb4 = json_get_bool(o, "utf8IsUtf8mb4", false);
    f->server_collation = collation != NULL ? strdup(collation) : NULL;
    if (collation != NULL && f->server_collation == NULL)
        return nomem(err);
    if (read_map(o, "charsets", f->charsets, err) < 0 ||
        read_map(o, "collations", f->collations, err) < 0 ||
        read_map(o, "databases", f->databases, err) < 0)
        return -1;
    *ret = take_ptr(f);
    return 0;
}

/* ---- looking up ---- */

/* The entry of a map of texts whose key is `key` without regard to case. */
static const char *find(const struct map *m, const char *key, const char **ret_key)
{
    const char *name;
    size_t pos = 0;
    void *value;

    while (map_next(m, &pos, &name, &value)) {
        if (strcasecmp(name, key) == 0) {
            *ret_key = name;
            return value;
        }
    }
    return NULL;
}

/* utf8 is what old servers call utf8mb3; new ones have it as another name. */
static const char *other_name(const struct facts *f, const char *charset)
{
    if (strcasecmp(charset, "utf8mb3") == 0)
        return "utf8";
    if (strcasecmp(charset, "utf8") == 0)
        return f->utf8_is_utf8mb4 ? "utf8mb4" : "utf8mb3";
    return NULL;
}

const char *facts_charset_collation(const struct facts *f, const char *charset)
{
    const char *key, *found = NULL, *other = other_name(f, charset);

    if (f->utf8_is_utf8mb4 && strcasecmp(charset, "utf8") == 0)
        return find(f->charsets, "utf8mb4", &key);
    found = find(f->charsets, charset, &key);
    return found != NULL || other == NULL ? found : find(f->charsets, other, &key);
}

const char *facts_collation_name(const struct facts *f, unsigned number)
{
    char key[16];

    (void)snprintf(key, sizeof(key), "%u", number);
    return map_get(f->collations, key);
}

const char *facts_collation_charset(const struct facts *f, const char *collation)
{
    const char *key, *other;
    char charset[64];

    (void)snprintf(charset, sizeof(charset), "%.*s", (int)strcspn(collation, "_"), collation);
    if (find(f->charsets, charset, &key) != NULL)
        return key;
    other = other_name(f, charset);
    return other != NULL && find(f->charsets, other, &key) != NULL ? key : NULL;
}

const char *facts_database_collation(const struct facts *f, const char *db)
{
    return map_get(f->databases, db);
}

int facts_set_database(struct facts *f, const char *db, const char *collation)
{
    char *copy = collation != NULL ? strdup(collation) : NULL;
    char *before = map_get(f->databases, db);

    if (collation != NULL && copy == NULL)
        return -1;
    if (copy == NULL && before == NULL)
        return 0;
    if (map_set(f->databases, db, copy) < 0) {
        free(copy);
        return -1;
    }
    free(before);
    return 0;
}
