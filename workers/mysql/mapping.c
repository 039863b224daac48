#include "workers/mysql/mapping.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/util.h"

#include "base/banned.h"

enum { V_NEVER = ~0U };

bool map_is_mariadb(const struct dialect *d)
{
    return d->flavour == FLAVOUR_MARIADB;
}

/* ---- collations ------------------------------------------------------------------------------ */

static bool starts(const char *s, const char *prefix)
{
    return strncasecmp(s, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);

    return n >= m && strcasecmp(s + n - m, suffix) == 0;
}

/* clang-format off */
/* MySQL's language codes of utf8mb4_<code>_0900_… and MariaDB's tailorings of uca1400. */
static const struct language { const char *mysql, *mariadb; } languages[] = {
    { "cs", "czech" },    { "da", "danish" },     { "de_pb", "german2" },  { "eo", "esperanto" },
    { "es", "spanish" },  { "es_trad", "spanish2" }, { "et", "estonian" }, { "hr", "croatian" },
    { "hu", "hungarian" },{ "is", "icelandic" },  { "la", "roman" },       { "lt", "lithuanian" },
    { "lv", "latvian" },  { "pl", "polish" },     { "ro", "romanian" },    { "sk", "slovak" },
    { "sl", "slovenian" },{ "sv", "swedish" },    { "tr", "turkish" },     { "vi", "vietnamese" },
};

/* Collations that only one lineage has and that follow no pattern. */
static const struct single { bool to_mariadb; const char *from, *to; } singles[] = {
    { false, "utf8mb4_croatian_mysql561_ci", "utf8mb4_croatian_ci" },
    { false, "utf8mb4_myanmar_ci",           "utf8mb4_unicode_520_ci" },
    { false, "utf8mb4_thai_520_w2",          "utf8mb4_unicode_520_ci" },
    { false, "utf8mb4_unicode_nopad_ci",     "utf8mb4_unicode_ci" },
    { false, "utf8mb4_unicode_520_nopad_ci", "utf8mb4_0900_ai_ci" },
    { false, "utf8mb4_nopad_bin",            "utf8mb4_0900_bin" },
    { true,  "utf8mb4_0900_bin",             "utf8mb4_nopad_bin" },
};
/* clang-format on */

/* The part of "utf8mb4_<part>0900_…" before 0900, "" when there is none. */
static void language_part(const char *rest, const char *stop, char ret[static MAP_NAME_MAX])
{
    const char *at = strstr(rest, stop);
    size_t n = at == NULL || at == rest ? 0 : (size_t)(at - rest) - 1;

    (void)snprintf(ret, MAP_NAME_MAX, "%.*s", (int)MIN(n, (size_t)MAP_NAME_MAX - 1), rest);
}

static const char *sensitivity(const char *name)
{
    if (strstr(name, "_as_cs") != NULL)
        return "as_cs";
    return strstr(name, "_as_ci") != NULL   ? "as_ci"
           : strstr(name, "_ai_cs") != NULL ? "ai_cs"
                                            : "ai_ci";
}

/* Servers that have neither 0900 nor uca1400: UCA 5.2, or bytes when accents or case count. */
static void old_unicode(const char *charset, bool nopad, const char *sens,
                        char ret[static MAP_NAME_MAX])
{
    if (strcmp(sens, "ai_ci") == 0)
        (void)snprintf(ret, MAP_NAME_MAX, "%.64s_unicode_520%s_ci", charset, nopad ? "_nopad" : "");
    else
        (void)snprintf(ret, MAP_NAME_MAX, "%.64s%s_bin", charset, nopad ? "_nopad" : "");
}

/* MySQL's utf8mb4_…0900_… for MariaDB: NO PAD there, hence the nopad collations here. */
static void from_0900(const struct dialect *to, const char *name, char ret[static MAP_NAME_MAX])
{
    const char *sens = sensitivity(name), *tailoring = NULL;
    char code[MAP_NAME_MAX];

    if (!map_is_mariadb(to) || to->version < 101000) {
        old_unicode("utf8mb4", map_is_mariadb(to), sens, ret);
        return;
    }
    language_part(name + strlen("utf8mb4_"), "0900_", code);
    for (size_t i = 0; i < ARRAY_SIZE(languages); i++)
        if (strcasecmp(code, languages[i].mysql) == 0)
            tailoring = languages[i].mariadb;
    (void)snprintf(ret, MAP_NAME_MAX, "utf8mb4_uca1400%s%s_nopad_%s", tailoring == NULL ? "" : "_",
                   tailoring == NULL ? "" : tailoring, sens);
}

/* MariaDB's <charset>_uca1400_…: MySQL has UCA 9.0 for utf8mb4 only, and as_ci, as_cs and ai_ci of
 * it. */
static void from_uca1400(const struct dialect *to, const char *name, char ret[static MAP_NAME_MAX])
{
    const char *sens = sensitivity(name), *code = NULL;
    char charset[MAP_NAME_MAX];

    map_charset_of(name, charset);
    if (strcasecmp(charset, "utf8mb4") != 0 || map_is_mariadb(to) || to->version < 80001) {
        old_unicode(charset, false, sens, ret);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
        char infix[MAP_NAME_MAX];

        (void)snprintf(infix, sizeof(infix), "_uca1400_%s_", languages[i].mariadb);
        if (strstr(name, infix) != NULL)
            code = languages[i].mysql;
    }
    if (strcmp(sens, "ai_cs") == 0 || (code != NULL && strcmp(sens, "as_ci") == 0))
        sens = "as_cs"; /* the finer one: what was distinct stays distinct */
    (void)snprintf(ret, MAP_NAME_MAX, "utf8mb4_%s%s0900_%s", code == NULL ? "" : code,
                   code == NULL ? "" : "_", sens);
}

/* utf8_… and utf8mb3_… are one; each server takes one spelling for sure. */
static bool knows_utf8mb3(const struct dialect *to)
{
    return map_is_mariadb(to) ? to->version >= 100600 : to->version >= 80030;
}

static void spell_utf8(const struct dialect *to, const char *name, char ret[static MAP_NAME_MAX])
{
    char work[MAP_NAME_MAX];

    (void)snprintf(work, sizeof(work), "%s", name);
    if (knows_utf8mb3(to) && starts(work, "utf8_"))
        (void)snprintf(ret, MAP_NAME_MAX, "utf8mb3_%.*s", MAP_NAME_MAX - 9, work + strlen("utf8_"));
    else if (!knows_utf8mb3(to) && starts(work, "utf8mb3_"))
        (void)snprintf(ret, MAP_NAME_MAX, "utf8_%.*s", MAP_NAME_MAX - 6, work + strlen("utf8mb3_"));
    else
        (void)snprintf(ret, MAP_NAME_MAX, "%s", work);
}

/* "latin1_swedish_nopad_ci" -> "latin1_swedish_ci" */
static void without_nopad(char name[static MAP_NAME_MAX])
{
    char *at = strstr(name, "_nopad");

    if (at != NULL)
        (void)memmove(at, at + strlen("_nopad"), strlen(at + strlen("_nopad")) + 1);
}

enum map_result map_collation(const struct dialect *to, const char *name,
                              char ret[static MAP_NAME_MAX])
{
    bool mariadb = map_is_mariadb(to);

    (void)snprintf(ret, MAP_NAME_MAX, "%s", name);
    if (mariadb && starts(name, "gb18030"))
        return MAP_NONE;
    for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
        if (singles[i].to_mariadb != mariadb || strcasecmp(name, singles[i].from) != 0)
            continue;
        (void)snprintf(ret, MAP_NAME_MAX, "%s", singles[i].to);
        if (strstr(ret, "0900") != NULL && to->version < 80001) /* MySQL 5.6, 5.7 */
            (void)snprintf(ret, MAP_NAME_MAX, "%s",
                           ends(ret, "_bin") ? "utf8mb4_bin" : "utf8mb4_unicode_520_ci");
        return MAP_CHANGED;
    }
    if (strstr(name, "0900_") != NULL && (mariadb || to->version < 80001)) {
        if (ends(name, "0900_bin"))
            (void)snprintf(ret, MAP_NAME_MAX, "utf8mb4_bin");
        else
            from_0900(to, name, ret);
        return MAP_CHANGED;
    }
    if (strstr(name, "_uca1400_") != NULL && (!mariadb || to->version < 101000)) {
        char mapped[MAP_NAME_MAX];

        from_uca1400(to, name, mapped);
        spell_utf8(to, mapped, ret);
        return MAP_CHANGED;
    }
    if (!mariadb && strstr(name, "_nopad") != NULL) {
        without_nopad(ret);
        return MAP_CHANGED;
    }
    spell_utf8(to, name, ret);
    return MAP_SAME;
}

void map_charset_of(const char *collation, char ret[static MAP_NAME_MAX])
{
    (void)snprintf(ret, MAP_NAME_MAX, "%.*s",
                   (int)MIN(strcspn(collation, "_"), (size_t)MAP_NAME_MAX - 1), collation);
}

enum map_result map_charset(const struct dialect *to, const char *name,
                            char ret[static MAP_NAME_MAX])
{
    (void)snprintf(ret, MAP_NAME_MAX, "%s", name);
    if (strcasecmp(name, "utf8") == 0 || strcasecmp(name, "utf8mb3") == 0)
        (void)snprintf(ret, MAP_NAME_MAX, "%s", knows_utf8mb3(to) ? "utf8mb3" : "utf8");
    return map_is_mariadb(to) && strcasecmp(name, "gb18030") == 0 ? MAP_NONE : MAP_SAME;
}

/* ---- what the user wants instead ------------------------------------------------------------- */

static void lower_case(char *s)
{
    for (; *s != '\0'; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + 'a' - 'A');
}

const char *map_override(const struct map *overrides, const char *name)
{
    static const struct {
        const char *prefix, *other;
    } spellings[] = { { "utf8_", "utf8mb3_" }, { "utf8mb3_", "utf8_" } };
    char key[MAP_NAME_MAX], other[MAP_NAME_MAX];
    const char *found;

    if (overrides == NULL)
        return NULL;
    (void)snprintf(key, sizeof(key), "%s", name);
    lower_case(key);
    other[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++)
        if (strncmp(key, spellings[i].prefix, strlen(spellings[i].prefix)) == 0)
            (void)snprintf(other, sizeof(other), "%s%.100s", spellings[i].other,
                           key + strlen(spellings[i].prefix));
    found = map_get(overrides, key);
    if (found == NULL && other[0] != '\0')
        found = map_get(overrides, other);
    key[strcspn(key, "_")] = '\0';
    other[strcspn(other, "_")] = '\0';
    if (found == NULL)
        found = map_get(overrides, key);
    if (found == NULL && other[0] != '\0')
        found = map_get(overrides, other);
    return found;
}

/* Names of collations go into statements bare. */
static bool is_word(const char *text)
{
    return text[0] != '\0' && strlen(text) < MAP_NAME_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
               strlen(text);
}

int map_overrides_read(struct json_object *config, struct map **ret, struct err *err)
{
    struct json_object *list = json_get_array(config, "collationMapping");
    _cleanup_(map_freep)
    struct map *m = map_new();

    if (m == NULL)
        return err_set(err, ERR_NOMEM, "no memory for collationMapping");
    for (size_t i = 0; i < json_len(list); i++) {
        const char *from = json_get_str(json_at(list, i), "source", "");
        const char *to = json_get_str(json_at(list, i), "target", "");
        char key[MAP_NAME_MAX];

        if (!is_word(from) || !is_word(to))
            return err_set(err, ERR_PARAM, "collationMapping[%zu] names no collations", i);
        (void)snprintf(key, sizeof(key), "%s", from);
        lower_case(key);
        /* the map keeps what it is given and reads it only: json-c owns the text */
        if (map_set(m, key, (void *)(uintptr_t)to) < 0)
            return err_set(err, ERR_NOMEM, "no memory for collationMapping");
    }
    *ret = take_ptr(m);
    return 0;
}

/* ---- types ----------------------------------------------------------------------------------- */

/* clang-format off */
/* From the first version on, or V_NEVER; a type that has no row exists everywhere. */
static const struct type_row {
    const char *type;
    unsigned mysql, mariadb; /* lowest version that has it */
    const char *instead;     /* carried under this name where it is missing, or NULL: refused */
    const char *advice;
} types[] = {
    { "json",   50708,   V_NEVER, "json", "" }, /* MariaDB's JSON: LONGTEXT with a json_valid() check */
    { "vector", 90000,   110701,  NULL, "change the column to VARBINARY at the source, or leave it out with filterColumns" },
    { "uuid",   V_NEVER, 100700,  NULL, "change the column to CHAR(36) at the source, or leave it out with filterColumns" },
    { "inet6",  V_NEVER, 100500,  NULL, "change the column to VARCHAR(39) at the source, or leave it out with filterColumns" },
    { "inet4",  V_NEVER, 101000,  NULL, "change the column to VARCHAR(15) at the source, or leave it out with filterColumns" },
    { "xmltype",V_NEVER, V_NEVER, NULL, "change the column to LONGTEXT at the source, or leave it out with filterColumns" },
    { "geomcollection", 80011, V_NEVER, "geometrycollection", "" },
};

static const struct feature_row {
    enum map_feature feature;
    unsigned mysql, mariadb;
    enum map_missing missing;
    const char *name;
} features[F_MAX_] = {
    [F_GENERATED]          = { F_GENERATED,          50700,   100200,  MISSING_REFUSE, "a generated column" },
    [F_INVISIBLE_COLUMN]   = { F_INVISIBLE_COLUMN,   80023,   100303,  MISSING_REFUSE, "an invisible column" },
    [F_EXPRESSION_DEFAULT] = { F_EXPRESSION_DEFAULT, 80013,   100201,  MISSING_REFUSE, "an expression as default" },
    [F_CHECK]              = { F_CHECK,              80016,   100201,  MISSING_DROP,   "a CHECK constraint" },
    [F_NOT_ENFORCED]       = { F_NOT_ENFORCED,       80016,   V_NEVER, MISSING_DROP,   "a CHECK constraint that is NOT ENFORCED" },
    [F_FUNCTIONAL_INDEX]   = { F_FUNCTIONAL_INDEX,   80013,   V_NEVER, MISSING_REFUSE, "an index over an expression" },
    [F_INVISIBLE_INDEX]    = { F_INVISIBLE_INDEX,    80000,   100600,  MISSING_DROP,   "that the index is invisible" },
    [F_DESC_INDEX]         = { F_DESC_INDEX,         80001,   100800,  MISSING_QUIET,  "descending index parts" },
    [F_COMPRESSED_COLUMN]  = { F_COMPRESSED_COLUMN,  V_NEVER, 100302,  MISSING_REFUSE, "a COMPRESSED column" },
    [F_PERIOD]             = { F_PERIOD,             V_NEVER, 100400,  MISSING_REFUSE, "a PERIOD" },
    [F_SRID]               = { F_SRID,               80003,   V_NEVER, MISSING_DROP,   "a column's SRID" },
    [F_PARSER_PLUGIN]      = { F_PARSER_PLUGIN,      50706,   V_NEVER, MISSING_DROP,   "a full-text parser plugin" },
    [F_GENERATED_NOT_NULL] = { F_GENERATED_NOT_NULL, 50700,   V_NEVER, MISSING_DROP,   "NOT NULL of a generated column" },
    [F_COLUMN_CHECK]       = { F_COLUMN_CHECK,       V_NEVER, 100201,  MISSING_QUIET,  "a column's CHECK" },
};

/* Table options by the lineage that has them; in neither: never carried. */
static const struct option_row { const char *name; bool mysql, mariadb, note; } options[] = {
    { "AUTO_INCREMENT", true, true, false },     { "COMMENT", true, true, false },
    { "ROW_FORMAT", true, true, true },          { "KEY_BLOCK_SIZE", true, true, true },
    { "MIN_ROWS", true, true, false },           { "MAX_ROWS", true, true, false },
    { "AVG_ROW_LENGTH", true, true, false },     { "PACK_KEYS", true, true, false },
    { "CHECKSUM", true, true, false },           { "DELAY_KEY_WRITE", true, true, false },
    { "STATS_PERSISTENT", true, true, false },   { "STATS_AUTO_RECALC", true, true, false },
    { "STATS_SAMPLE_PAGES", true, true, false },
    { "PAGE_CHECKSUM", false, true, false },     { "TRANSACTIONAL", false, true, false },
    { "PAGE_COMPRESSED", false, true, true },    { "PAGE_COMPRESSION_LEVEL", false, true, false },
    { "ENCRYPTED", false, false, true },         { "ENCRYPTION_KEY_ID", false, false, true },
    { "COMPRESSION", true, false, true },        { "ENCRYPTION", false, false, true },
    { "AUTOEXTEND_SIZE", true, false, false },   { "TABLESPACE", false, false, true },
    { "SECONDARY_ENGINE", false, false, true },  { "ENGINE_ATTRIBUTE", false, false, true },
    { "SECONDARY_ENGINE_ATTRIBUTE", false, false, true },
    { "DIRECTORY", false, false, true },         { "CONNECTION", false, false, true },
    { "UNION", false, false, true },             { "INSERT_METHOD", false, false, true },
};

/* Engines; `to_…` NULL: refused there. */
static const struct engine_row { const char *name, *mysql, *mariadb; } engines[] = {
    { "InnoDB", "InnoDB", "InnoDB" }, { "MyISAM", "MyISAM", "MyISAM" }, { "MEMORY", "MEMORY", "MEMORY" },
    { "ARCHIVE", "ARCHIVE", "ARCHIVE" }, { "CSV", "CSV", "CSV" }, { "BLACKHOLE", "BLACKHOLE", "BLACKHOLE" },
    { "Aria", "InnoDB", "Aria" }, { "ROCKSDB", "InnoDB", "InnoDB" }, { "TokuDB", "InnoDB", "InnoDB" },
    { "ndbcluster", "InnoDB", "InnoDB" }, { "S3", "InnoDB", "InnoDB" },
};

/* Functions known to be missing, so that a definition using one is refused before anything is made. */
static const char *const not_in_mariadb[] = {
    "uuid_to_bin", "bin_to_uuid", "is_uuid", "regexp_like", "json_storage_size", "json_storage_free",
    "any_value", "grouping", "string_to_vector", "vector_to_string", "to_vector", "from_vector",
    "st_latitude", "st_longitude", "st_swapxy", "st_transform", "st_geohash", "statement_digest", "ps_thread_id",
    "format_bytes", "random_bytes_", "get_dd_index_sub_part_length", "roles_graphml", "icu_version",
};
static const char *const not_in_mysql[] = {
    "nextval", "lastval", "setval", "json_detailed", "json_loose", "json_compact", "json_exists", "json_query",
    "json_equals", "json_normalize", "json_object_to_array", "nvl", "nvl2", "decode_oracle", "to_char", "sformat",
    "natural_sort_key", "chr", "add_months", "vec_fromtext", "vec_totext", "vec_distance", "median", "crc32c",
    "percentile_cont", "encode", "decode", "des_encrypt", "des_decrypt", "old_password", "password", "sys_guid",
    "column_get", "column_create", "column_json", "months_between_", "uuid_v4", "uuid_v7",
};

static const struct mode_row { const char *word; unsigned mysql_to; bool mariadb; } modes[] = {
    { "REAL_AS_FLOAT", V_NEVER, true }, { "PIPES_AS_CONCAT", V_NEVER, true }, { "ANSI_QUOTES", V_NEVER, true },
    { "IGNORE_SPACE", V_NEVER, true }, { "ONLY_FULL_GROUP_BY", V_NEVER, true },
    { "NO_UNSIGNED_SUBTRACTION", V_NEVER, true }, { "NO_DIR_IN_CREATE", V_NEVER, true },
    { "ANSI", V_NEVER, true }, { "NO_AUTO_VALUE_ON_ZERO", V_NEVER, true },
    { "NO_BACKSLASH_ESCAPES", V_NEVER, true }, { "STRICT_TRANS_TABLES", V_NEVER, true },
    { "STRICT_ALL_TABLES", V_NEVER, true }, { "NO_ZERO_IN_DATE", V_NEVER, true },
    { "NO_ZERO_DATE", V_NEVER, true }, { "ALLOW_INVALID_DATES", V_NEVER, true },
    { "ERROR_FOR_DIVISION_BY_ZERO", V_NEVER, true }, { "TRADITIONAL", V_NEVER, true },
    { "HIGH_NOT_PRECEDENCE", V_NEVER, true }, { "NO_ENGINE_SUBSTITUTION", V_NEVER, true },
    { "PAD_CHAR_TO_FULL_LENGTH", V_NEVER, true }, { "NO_AUTO_CREATE_USER", 80000, true },
    { "ORACLE", 0, true }, { "EMPTY_STRING_IS_NULL", 0, true }, { "SIMULTANEOUS_ASSIGNMENT", 0, true }, { "TIME_ROUND_FRACTIONAL", 0, true },
};
/* clang-format on */

static unsigned version_of(const struct dialect *d, unsigned mysql, unsigned mariadb)
{
    return map_is_mariadb(d) ? mariadb : mysql;
}

enum map_result map_type(const struct dialect *from, const struct dialect *to, const char *type,
                         const char **ret_type, const char **ret_advice)
{
    *ret_type = type;
    *ret_advice = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        const struct type_row *r = &types[i];

        if (strcasecmp(type, r->type) != 0 || to->version >= version_of(to, r->mysql, r->mariadb))
            continue;
        if (r->instead != NULL && (map_is_mariadb(to) || strcasecmp(type, "json") != 0)) {
            *ret_type = r->instead;
            return strcasecmp(type, r->instead) == 0 && map_is_mariadb(from) == map_is_mariadb(to)
                       ? MAP_SAME
                       : MAP_CHANGED;
        }
        *ret_advice =
            r->instead != NULL
                ? "change the column to LONGTEXT at the source, or use a target of MySQL 5.7 on"
                : r->advice;
        return MAP_NONE;
    }
    return MAP_SAME;
}

bool map_has(const struct dialect *d, enum map_feature f)
{
    return d->version >= version_of(d, features[f].mysql, features[f].mariadb);
}

enum map_missing map_missing(enum map_feature f)
{
    return features[f].missing;
}

const char *map_feature_name(enum map_feature f)
{
    return features[f].name;
}

bool map_option(const struct dialect *to, const char *name, bool *ret_note)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (strcasecmp(name, options[i].name) != 0)
            continue;
        *ret_note = options[i].note;
        return map_is_mariadb(to) ? options[i].mariadb : options[i].mysql;
    }
    *ret_note = true;
    return false;
}

const char *map_engine(const struct dialect *to, const char *engine, bool partitioned)
{
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        const char *at_target = map_is_mariadb(to) ? engines[i].mariadb : engines[i].mysql;

        if (strcasecmp(engine, engines[i].name) != 0)
            continue;
        /* MySQL 8 partitions in the engine itself, and only InnoDB does (and NDB). */
        return partitioned && !map_is_mariadb(to) && to->version >= 80000 ? "InnoDB" : at_target;
    }
    return NULL;
}

bool map_function(const struct dialect *to, const char *name)
{
    const char *const *list = map_is_mariadb(to) ? not_in_mariadb : not_in_mysql;
    size_t n = map_is_mariadb(to) ? ARRAY_SIZE(not_in_mariadb) : ARRAY_SIZE(not_in_mysql);

    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name, list[i]) == 0)
            return false;
    return true;
}

void map_sql_mode(const struct dialect *to, const char *mode, char *ret, size_t size)
{
    size_t n = 0;

    ret[0] = '\0';
    while (*mode != '\0') {
        size_t len = strcspn(mode, ",");

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
            bool known = map_is_mariadb(to) ? modes[i].mariadb : to->version < modes[i].mysql_to;

            if (known && strlen(modes[i].word) == len &&
                strncasecmp(modes[i].word, mode, len) == 0 && n + len + 2 < size)
                n += (size_t)snprintf(ret + n, size - n, "%s%s", n > 0 ? "," : "", modes[i].word);
        }
        mode += len + (mode[len] == ',');
    }
}
