#include "workers/incr/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/incr/image.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { PREFIX_MAX = 1024 * 1024, NAME_KEY_MAX = 1024 };

/* ---- literals ---- */

/*
 * Character sets in which bytes below 0x80 are ASCII and are what ASCII converts to (MySQL manual,
 * "Supported Character Sets and Collations"). Not armscii8: it has quotes, brackets and points
 * twice, and MySQL 5.6 converts to the others.
 */
static bool ascii_based(const char *charset)
{
    /* clang-format off */
    static const char *const names[] = {
        "latin1", "latin2", "latin5", "latin7", "ascii", "greek", "hebrew", "koi8r", "koi8u",
        "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "gbk", "gb2312",
        "gb18030", "euckr", "ujis", "eucjpms", "big5", "tis620", "macroman", "macce", "keybcs2",
        "geostd8",
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcasecmp(charset, names[i]) == 0)
            return true;
    }
    return false;
}

static bool is_utf8(const char *charset)
{
    return strcasecmp(charset, "utf8mb4") == 0 || strcasecmp(charset, "utf8mb3") == 0 ||
           strcasecmp(charset, "utf8") == 0;
}

static enum literal text_literal(const struct column *c)
{
    if (c->charset == NULL || strcasecmp(c->charset, "binary") == 0)
        return LIT_BINARY;
    if (is_utf8(c->charset))
        return LIT_UTF8;
    return ascii_based(c->charset) ? LIT_ASCII : LIT_CHARSET;
}

static enum literal literal_of(const struct column *c)
{
    switch (c->kind) {
    case CK_INT:
    case CK_DECIMAL:
    case CK_BIT:
    case CK_YEAR:
        return LIT_NUMBER;
    case CK_FLOAT:
    case CK_DOUBLE:
        return LIT_REAL;
    case CK_CHAR:
    case CK_VARCHAR:
    case CK_TEXT:
        return text_literal(c);
    case CK_BINARY:
    case CK_VARBINARY:
    case CK_BLOB:
    case CK_GEOMETRY:
    case CK_VECTOR:
    case CK_UNKNOWN:
        return LIT_BINARY;
    case CK_ENUM:
        return LIT_ENUM;
    case CK_SET:
        return LIT_SET;
    case CK_DATE:
    case CK_TIME:
    case CK_DATETIME:
    case CK_TIMESTAMP:
    case CK_UUID:
    case CK_INET4:
    case CK_INET6:
        return LIT_QUOTED;
    case CK_JSON:
        return LIT_JSON;
    }
    return LIT_BINARY;
}

/* ---- keys ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcasecmp(text + n - m, end) == 0;
}

/*
 * Collations whose equal ASCII strings differ at most in case: the general ones and Unicode's
 * without a language. Languages bring rules of their own (Hungarian: ccs = cscs) and take the whole
 * index instead.
 */
static bool collation_is_plain(const char *charset, const char *collation)
{
    static const char *const ends[] = {
        "_general_ci",           "_general_nopad_ci",    "_general_mysql500_ci",
        "_unicode_ci",           "_unicode_nopad_ci",    "_unicode_520_ci",
        "_unicode_520_nopad_ci", "_0900_ai_ci",          "_0900_as_ci",
        "_0900_as_cs",           "_uca1400_ai_ci",       "_uca1400_as_ci",
        "_uca1400_ai_cs",        "_uca1400_as_cs",       "_uca1400_nopad_ai_ci",
        "_uca1400_nopad_as_ci",  "_uca1400_nopad_ai_cs", "_uca1400_nopad_as_cs",
    };
    size_t n = strlen(charset);

    if (strcasecmp(collation, "latin1_swedish_ci") == 0 ||
        strcasecmp(collation, "latin1_general_cs") == 0)
        return true;
    if (strncasecmp(collation, "utf8_", 5) == 0 || strncasecmp(collation, "utf8mb3_", 8) == 0)
        n = strcspn(collation, "_"); /* one character set, two names */
    else if (strncasecmp(collation, charset, n) != 0)
        return strncasecmp(collation, "uca1400_", 8) == 0 && strcspn(collation + 8, "_") == 2;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (strcasecmp(collation + n, ends[i]) == 0)
            return true;
    }
    return false;
}

static enum fold fold_of(const struct column *c)
{
    switch (literal_of(c)) {
    case LIT_NUMBER:
    case LIT_REAL:
    case LIT_QUOTED:
    case LIT_ENUM:
    case LIT_SET:
        return FOLD_EXACT;
    case LIT_BINARY:
    case LIT_JSON:
        return FOLD_BYTES;
    case LIT_UTF8:
    case LIT_ASCII:
    case LIT_CHARSET:
        if (c->binary_collation || (c->collation != NULL && ends_with(c->collation, "_bin")))
            return FOLD_BYTES;
        if (c->collation == NULL || literal_of(c) == LIT_CHARSET)
            return FOLD_UNKNOWN;
        return collation_is_plain(c->charset, c->collation) ? FOLD_COARSE : FOLD_UNKNOWN;
    }
    return FOLD_UNKNOWN;
}

static int plan_keys(struct table_plan *p, size_t *io_numbers)
{
    const struct table *t = p->t;

    p->keys = calloc(MAX(t->index_count, (size_t)1), sizeof(*p->keys));
    if (p->keys == NULL)
        return -1;
    for (size_t i = 0; i < t->index_count; i++) {
        const struct index *x = &t->indexes[i];
        struct unique_key *k = &p->keys[p->key_count];

        if (!x->unique)
            continue;
        *k = (struct unique_key){ .index = x,
                                  .number = (uint32_t)(*io_numbers)++,
                                  .always_whole = x->functional };
        k->folds = calloc(MAX(x->column_count, (size_t)1), sizeof(*k->folds));
        if (k->folds == NULL)
            return -1;
        p->key_count++;
        for (size_t c = 0; c < x->column_count; c++) {
            const struct column *col = &t->columns[x->columns[c]];
            k->folds[c] = fold_of(col);
            k->always_whole |= col->generated;
        }
    }
    return 0;
}

/* ---- statements' beginnings ---- */

static int prefix(const struct table *t, const char *verb, char **ret, size_t *ret_len,
                  struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(PREFIX_MAX);
    bool first = true;

    strbuf_adds(&b, verb);
    strbuf_adds(&b, " INTO ");
    sql_table(&b, t->mapped_db, t->mapped_name);
    strbuf_adds(&b, " (");
    for (size_t i = 0; i < t->column_count; i++) {
        if (!t->selected[i])
            continue;
        if (!first)
            strbuf_addc(&b, ',');
        first = false;
        sql_name(&b, t->columns[i].name);
    }
    strbuf_adds(&b, ") VALUES ");
    *ret_len = b.len;
    return strbuf_take(&b, ret, err);
}

/* How rows of the table are known to a verifier. */
static int plan_touch(struct table_plan *p)
{
    const struct table *t = p->t;
    const struct index *key = p->keyless ? NULL : &t->indexes[t->key];

    p->touch_table = touch_hash_table(t->db, t->name);
    if (key == NULL)
        return 0;
    p->touch_as = calloc(MAX(key->column_count, (size_t)1), sizeof(*p->touch_as));
    for (size_t i = 0; p->touch_as != NULL && i < key->column_count; i++)
        p->touch_as[i] = touch_column(&t->columns[key->columns[i]]);
    return p->touch_as != NULL ? 0 : -1;
}

static int plan_init(struct table_plan *p, const struct table *t, struct err *err)
{
    size_t n = MAX(t->column_count, (size_t)1);

    p->t = t;
    p->keyless = t->key < 0;
    p->filtered = t->where != NULL && *t->where != '\0';
    p->carry[ROWS_INSERT] = p->carry[ROWS_UPDATE] = p->carry[ROWS_DELETE] = true;
    p->literals = calloc(n, sizeof(*p->literals));
    p->charset_names = calloc(n, sizeof(*p->charset_names));
    p->enum_zeros = calloc(n, sizeof(*p->enum_zeros));
    p->target_json = calloc(n, sizeof(*p->target_json));
    p->same_charset = calloc(n, sizeof(*p->same_charset));
    if (p->literals == NULL || p->charset_names == NULL || p->enum_zeros == NULL ||
        p->target_json == NULL || p->same_charset == NULL || plan_touch(p) < 0)
        return err_set(err, ERR_NOMEM, "no memory for table %s.%s", t->db, t->name);
    for (size_t i = 0; i < t->column_count; i++) {
        p->literals[i] = literal_of(&t->columns[i]);
        p->charset_names[i] = t->columns[i].charset;
    }
    if (prefix(t, "INSERT", &p->insert_prefix, &p->insert_prefix_len, err) < 0 ||
        prefix(t, "REPLACE", &p->replace_prefix, &p->replace_prefix_len, err) < 0)
        return -1;
    return 0;
}

/* ---- foreign keys ---- */

static int add_child(struct table_plan *parent, struct table_plan *child,
                     const struct foreign_key *fk)
{
    struct child *grown =
        reallocarray(parent->children, parent->child_count + 1, sizeof(*parent->children));

    if (grown == NULL)
        return -1;
    parent->children = grown;
    parent->children[parent->child_count++] = (struct child){ child, fk };
    parent->related = child->related = true;
    return 0;
}

static size_t root_of(const size_t *parent, size_t i)
{
    while (parent[i] != i)
        i = parent[i];
    return i;
}

/* Tables connected by foreign keys, over any number of steps, get one number of the tracker. */
static int relate(struct plans *p)
{
    size_t *root = calloc(MAX(p->count, (size_t)1), sizeof(*root));

    if (root == NULL)
        return -1;
    for (size_t i = 0; i < p->count; i++)
        root[i] = i;
    for (size_t i = 0; i < p->count; i++) {
        struct table_plan *child = &p->tables[i];
        for (size_t f = 0; f < child->t->fk_count; f++) {
            const struct foreign_key *fk = &child->t->fks[f];
            struct table_plan *parent = plans_find(p, fk->ref_db, fk->ref_table);
            if (parent == NULL)
                continue;
            if (add_child(parent, child, fk) < 0) {
                free(root);
                return -1;
            }
            root[root_of(root, i)] = root_of(root, (size_t)(parent - p->tables));
        }
    }
    for (size_t i = 0; i < p->count; i++)
        p->tables[i].shared_number = (uint32_t)root_of(root, i);
    free(root);
    return 0;
}

/* ---- the whole ---- */

static bool name_key(const char *db, const char *name, bool fold, char ret[static NAME_KEY_MAX])
{
    int n = snprintf(ret, NAME_KEY_MAX, "%s\1%s", db, name);

    if (n < 0 || n >= NAME_KEY_MAX)
        return false;
    /* lower_case_table_names folds by utf8's rules; names here come folded from the server, all but
     * those written in DDL, where ASCII has to do */
    for (char *c = ret; fold && *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    return true;
}

struct table_plan *plans_find(const struct plans *p, const char *db, const char *name)
{
    char key[NAME_KEY_MAX];

    return name_key(db, name, p->fold_case, key) ? map_get(p->by_name, key) : NULL;
}

static int target_enum(struct table_plan *t, size_t c, const char *column_type, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *labels = NULL;

    if (type_labels(column_type, &labels, err) < 0)
        return err_wrap(err, "%s.%s.%s", t->t->mapped_db, t->t->mapped_name, t->t->columns[c].name);
    type_enum_zero(t->t->columns[c].labels, labels, t->enum_zeros[c]);
    return 0;
}

int plans_target_column(struct plans *p, const char *mapped_db, const char *mapped_name,
                        const char *column, const char *data_type, const char *column_type,
                        const char *charset, struct err *err)
{
    for (size_t i = 0; i < p->count; i++) {
        struct table_plan *t = &p->tables[i];
        int c;
        if (strcasecmp(t->t->mapped_db, mapped_db) != 0 ||
            strcasecmp(t->t->mapped_name, mapped_name) != 0)
            continue;
        c = table_column(t->t, column);
        if (c < 0)
            continue;
        t->same_charset[c] =
            t->charset_names[c] != NULL && strcasecmp(t->charset_names[c], charset) == 0;
        t->target_json[c] = strcasecmp(data_type, "json") == 0;
        if (t->target_json[c] && t->literals[c] == LIT_UTF8)
            t->literals[c] = LIT_JSON;
        if (strcasecmp(data_type, "enum") == 0 && t->literals[c] == LIT_ENUM &&
            target_enum(t, (size_t)c, column_type, err) < 0)
            return -1;
    }
    return 0;
}

/* `strict`: a list without a word for rows is none of them; else all. */
static void read_kinds(struct table_plan *t, struct json_object *list, bool strict)
{
    static const struct {
        const char *word;
        enum rows_kind kind;
    } words[] = { { "INSERT", ROWS_INSERT }, { "UPDATE", ROWS_UPDATE }, { "DELETE", ROWS_DELETE } };
    bool none = true;

    for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
        bool *carry = &t->carry[words[k].kind];
        *carry = false;
        for (size_t i = 0; i < json_len(list); i++) {
            const char *have = json_at_str(list, i);
            *carry |= have != NULL && strcasecmp(have, words[k].word) == 0;
        }
        none = none && !*carry;
    }
    for (size_t k = 0; none && !strict && k < ARRAY_SIZE(t->carry); k++)
        t->carry[k] = true;
    t->loose = !(t->carry[ROWS_INSERT] && t->carry[ROWS_UPDATE] && t->carry[ROWS_DELETE]);
}

int plans_kinds(struct plans *p, const struct scope *s, struct json_object *project,
                struct err *err)
{
    for (size_t i = 0; i < p->count; i++) {
        struct table_plan *t = &p->tables[i];
        struct scope_object o = { 0 };

        if (scope_match(s, SCOPE_TABLE, t->t->db, t->t->name, &o, err) < 0)
            return -1;
        read_kinds(t, o.records != NULL ? o.records : project, o.records != NULL);
        scope_object_done(&o);
    }
    return 0;
}

bool plan_rolls_back(const struct table_plan *p)
{
    return table_rolls_back(p->t);
}

bool plans_has_db(const struct plans *p, const char *db)
{
    for (size_t i = 0; i < p->count; i++) {
        const char *have = p->tables[i].t->db;
        if ((p->fold_case ? strcasecmp(have, db) : strcmp(have, db)) == 0)
            return true;
    }
    return false;
}

/* Its rows are told by whole numbers, which are equal when their literals are. */
static bool folds(const struct table_plan *p)
{
    const struct index *key = p->keyless ? NULL : &p->t->indexes[p->t->key];

    if (key == NULL || !key->primary || key->functional || p->related || !plan_rolls_back(p) ||
        p->t->column_count > FOLD_COLUMNS_MAX)
        return false;
    for (size_t i = 0; i < key->column_count; i++) {
        const struct column *c = &p->t->columns[key->columns[i]];
        if (c->kind != CK_INT || c->generated)
            return false;
    }
    return true;
}

static int plans_fill(struct plans *p, const struct catalog *c, struct err *err)
{
    char key[NAME_KEY_MAX];

    for (size_t i = 0; i < c->count; i++) {
        struct table_plan *t = &p->tables[p->count++];
        if (plan_init(t, c->tables[i], err) < 0)
            return -1;
        if (!name_key(t->t->db, t->t->name, p->fold_case, key) || map_set(p->by_name, key, t) < 0)
            return err_set(err, ERR_NOMEM, "no memory for table %s.%s", t->t->db, t->t->name);
    }
    p->tracker_numbers = p->count;
    if (relate(p) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the foreign keys");
    for (size_t i = 0; i < p->count; i++) {
        struct table_plan *t = &p->tables[i];
        if (!t->keyless && !t->related && plan_keys(t, &p->tracker_numbers) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the keys of %s.%s", t->t->db, t->t->name);
        t->folds = folds(t);
    }
    return 0;
}

int plans_new(const struct catalog *c, bool fold_case, struct plans **ret, struct err *err)
{
    _cleanup_(plans_freep)
    struct plans *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the tables in scope");
    p->fold_case = fold_case;
    p->tables = calloc(MAX(c->count, (size_t)1), sizeof(*p->tables));
    p->by_name = map_new();
    if (p->tables == NULL || p->by_name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the tables in scope");
    if (plans_fill(p, c, err) < 0)
        return -1;
    *ret = take_ptr(p);
    return 0;
}

void plans_free(struct plans *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; p->tables != NULL && i < p->count; i++) {
        struct table_plan *t = &p->tables[i];
        for (size_t k = 0; k < t->key_count; k++)
            free(t->keys[k].folds);
        free(t->keys);
        free(t->children);
        free(t->literals);
        free(t->touch_as);
        free(t->charset_names);
        free(t->enum_zeros);
        free(t->target_json);
        free(t->same_charset);
        free(t->insert_prefix);
        free(t->replace_prefix);
        image_shape_unref(t->shape);
    }
    free(p->tables);
    map_free(p->by_name);
    free(p);
}
