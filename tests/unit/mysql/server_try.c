/*
 * server_try - conn, dialect and catalog against a real server; run by hand, not part of ctest
 *
 *   server_try HOST PORT USER PASSWORD [tls]
 *
 * Makes and drops the database `cw_try`. Prints what fails; exit status 0 when nothing does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"
#include "workers/mysql/types.h"

#include "base/banned.h"

static int failures;

static void check_at(bool ok, int line, const char *what)
{
    if (ok)
        return;
    failures++;
    (void)fprintf(stderr, "line %d: %s\n", line, what);
}
#define check(cond) check_at((cond), __LINE__, #cond)

static void must(int rc, const struct err *err, int line)
{
    if (rc >= 0)
        return;
    failures++;
    (void)fprintf(stderr, "line %d: %s (%s)\n", line, err->message, err_advice(err));
}
#define ok(call) must((call), &err, __LINE__)
#define sql(c, text) ok(conn_exec((c), (text), strlen(text), NULL, &err))

static void try_session(struct conn *c)
{
    struct err err = { 0 };
    char *v = NULL;

    ok(conn_value(c,
                  "SELECT CONCAT(@@time_zone,' ',@@sql_mode,' ',@@foreign_key_checks,' ',"
                  "@@character_set_client,' ',COALESCE(@@character_set_results,'NULL'))",
                  &v, &err));
    printf("session: %s\n", v != NULL ? v : "?");
    free(v);
    sql(c, "DROP DATABASE IF EXISTS cw_try");
    sql(c, "CREATE DATABASE cw_try CHARACTER SET utf8mb4");
}

static void try_multi(const struct endpoint *to)
{
    static const char text[] = "CREATE TABLE cw_try.m (id INT PRIMARY KEY, v INT);"
                               "INSERT INTO cw_try.m VALUES (1,1),(2,2);"
                               "UPDATE cw_try.m SET v = 2 WHERE id = 2;"
                               "SELECT * FROM cw_try.m;"
                               "DELETE FROM cw_try.m WHERE id = 9";
    static const char bad[] = "INSERT INTO cw_try.m VALUES (3,3);INSERT INTO cw_try.m VALUES (3,3);"
                              "INSERT INTO cw_try.m VALUES (4,4)";
    struct conn_options o = { .multi_statements = true, .found_rows = true };
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    struct err err = { 0 };
    struct multi_stmt answers[5] = { 0 };
    size_t done = 0;

    ok(conn_open(to, &o, &c, &err));
    if (c == NULL)
        return;
    ok(conn_multi(c, text, strlen(text), 5, answers, &done, &err));
    check(done == 5 && answers[1].affected == 2 && answers[2].affected == 1 &&
          answers[4].affected == 0);
    check(conn_multi(c, bad, strlen(bad), 3, answers, &done, &err) < 0);
    check(done == 1 && err.db_errno == 1062);
    printf("multi: %s\n", err.message);
    check(conn_execf(c, &err, "SELECT 1; SELECT 2") == 0);
    check(conn_execf(c, &err, "SELECT nothing FROM cw_try.m") < 0);
    printf("query: %s\n", err.message);
    check(conn_execf(c, &err, "SELECT 1") == 0);
}

static void try_stream(struct conn *c)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    static const char text[] = "SELECT id, v, NULL AS n FROM cw_try.m";
    struct err err = { 0 };

    ok(conn_stream(c, text, strlen(text), &r, &err));
    if (r.res == NULL)
        return;
    check(result_column(&r, "N") == 2 && result_column(&r, "x") == -1);
    check(result_next(&r, &err) == 1);
    check(result_i64(&r, 0, -1) == 1 && result_str(&r, 2, NULL) == NULL);
    result_done(&r);
    ok(conn_execf(c, &err, "DO 1"));
}

/* A stream that is cut must end in an error, never in what looks like its end. */
static void try_cut_stream(const struct endpoint *to, struct conn *other)
{
    static const char text[] = "SELECT REPEAT('x', 100000) FROM cw_try.many";
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    _cleanup_(result_done)
    struct result r = { 0 };
    struct err err = { 0 };
    unsigned rows = 1;
    int got = 1;

    sql(other, "CREATE TABLE cw_try.many (id INT AUTO_INCREMENT PRIMARY KEY, a INT)");
    sql(other, "INSERT INTO cw_try.many (a) VALUES (1),(1),(1),(1)");
    for (int i = 0; i < 10; i++)
        sql(other, "INSERT INTO cw_try.many (a) SELECT a FROM cw_try.many");
    ok(conn_open(to, NULL, &c, &err));
    if (c == NULL)
        return;
    ok(conn_stream(c, text, strlen(text), &r, &err));
    check(result_next(&r, &err) == 1);
    ok(conn_execf(other, &err, "KILL %lu", conn_id(c)));
    while ((got = result_next(&r, &err)) == 1)
        rows++;
    check(got == -1 && err.code == ERR_DB_LOST && rows < 4096);
    printf("cut: %s (%u rows)\n", err.message, rows);
    result_done(&r);
    check(conn_execf(c, &err, "DO 1") < 0 && conn_lost(&err));
    printf("after: %s\n", err.message);
}

/* What a target says of values it can only take rounded: a note, but a loss. */
static void try_rounding(const struct endpoint *to)
{
    static const char load[] =
        "LOAD DATA LOCAL INFILE 'x' INTO TABLE cw_try.r CHARACTER SET binary (id, v)";
    static const char data[] = "1\t1.239\n";
    struct conn_options o = { .local_infile = true };
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    struct err err = { 0 };

    ok(conn_open(to, &o, &c, &err));
    if (c == NULL)
        return;
    sql(c, "CREATE TABLE cw_try.r (id INT PRIMARY KEY, v DECIMAL(5,2))");
    check(conn_load(c, load, strlen(load), data, strlen(data), 0, NULL, NULL, &err) < 0);
    printf("rounding: %s\n", err.message);
}

static void try_load(const struct endpoint *to)
{
    static const char load[] =
        "LOAD DATA LOCAL INFILE 'x' INTO TABLE cw_try.l CHARACTER SET binary (id, v)";
    static const char good[] = "1\tone\n2\ttwo\n2\tagain\n";
    static const char wrong[] = "3\ttoo long for the column\n";
    static const char file[] = "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE cw_try.l";
    struct conn_options o = { .local_infile = true };
    _cleanup_(conn_closep)
    struct conn *c = NULL, *plain = NULL;
    struct err err = { 0 };
    uint64_t rows = 0, skipped = 0;
    char *n = NULL;

    ok(conn_open(to, &o, &c, &err));
    ok(conn_open(to, NULL, &plain, &err));
    if (c == NULL || plain == NULL)
        return;
    sql(c, "CREATE TABLE cw_try.l (id INT PRIMARY KEY, v VARBINARY(10))");
    if (conn_load(c, load, strlen(load), good, strlen(good), 0, &rows, &skipped, &err) < 0) {
        printf("load refused: %s [%s]\n", err.message, err_symbol(err.code));
        check(err.code == ERR_NOT_SUPPORTED);
        ok(conn_execf(c, &err, "DO 1"));
        return;
    }
    check(rows == 3 && skipped == 1);
    sql(c, "BEGIN");
    check(conn_load(c, load, strlen(load), wrong, strlen(wrong), 0, &rows, &skipped, &err) < 0);
    check(err.code == ERR_VALUE);
    printf("load: %s\n", err.message);
    sql(c, "ROLLBACK");
    check(conn_exec(c, file, strlen(file), NULL, &err) < 0);
    printf("file: %s\n", err.message);
    check(conn_exec(plain, file, strlen(file), NULL, &err) < 0);
    printf("file: %s\n", err.message);
    ok(conn_value(c, "SELECT COUNT(*) FROM cw_try.l", &n, &err));
    check(n != NULL && strcmp(n, "2") == 0);
    free(n);
}

/* Runs those statements that this server knows: what is odd differs between lineages. */
static void make_tables(struct conn *c)
{
    static const char *const all[] = {
        "CREATE TABLE cw_try.p (a INT UNSIGNED NOT NULL, b CHAR(20) NOT NULL, PRIMARY KEY (a, b))",
        "CREATE TABLE cw_try.`o``dd '\"x` (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT UNSIGNED,"
        " b CHAR(20), t TINYINT(1), e "
        "ENUM('a','it''s','b\\\\c','x,y','\303\266','tab\t','nl\n','q\"') "
        "NOT NULL, s SET('x','y)') NOT NULL, d DECIMAL(12,3), f FLOAT, bi BIT(13), dt DATETIME(3), "
        "ts TIMESTAMP(6) NULL, y YEAR, bl BLOB, vb VARBINARY(17), tx MEDIUMTEXT, "
        "l1 VARCHAR(30) CHARACTER SET latin1 COLLATE latin1_bin, UNIQUE KEY u2 (e, s), "
        "KEY pre (tx(10), b), UNIQUE KEY un (d), "
        "CONSTRAINT `f'k` FOREIGN KEY (a, b) REFERENCES cw_try.p (a, b) ON DELETE CASCADE)",
        "CREATE TABLE cw_try.nokey (a INT, b TEXT NOT NULL, UNIQUE KEY (b(10)))",
        ("CREATE TABLE cw_try.uniq (a BIGINT NOT NULL, b VARCHAR(100) NOT NULL, c SMALLINT NOT "
         "NULL,"
         " UNIQUE KEY z1 (b), UNIQUE KEY z2 (c), UNIQUE KEY z3 (a))"),
        "CREATE VIEW cw_try.v AS SELECT 1 AS one",
        "CREATE TABLE cw_try.part (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3",
    };
    static const char *const some[] = {
        "CREATE TABLE cw_try.gen (id INT PRIMARY KEY DEFAULT 3, a INT, v INT AS (a + 1) VIRTUAL,"
        " st INT AS (a + 2) STORED, g DATETIME DEFAULT CURRENT_TIMESTAMP)",
        "CREATE TABLE cw_try.inv (id INT PRIMARY KEY, i INT INVISIBLE DEFAULT 1)",
        "CREATE TABLE cw_try.fun (id INT NOT NULL, a INT, UNIQUE KEY fu ((a + 1)))",
        "CREATE TABLE cw_try.js (id INT PRIMARY KEY, j JSON)",
        "CREATE TABLE cw_try.vec (id INT PRIMARY KEY, v VECTOR(3))",
        "CREATE TABLE cw_try.net (u UUID PRIMARY KEY, i6 INET6, i4 INET4)",
        "CREATE TABLE cw_try.sv (id INT PRIMARY KEY) WITH SYSTEM VERSIONING",
        "CREATE TABLE cw_try.svx (id INT PRIMARY KEY, a TIMESTAMP(6) GENERATED ALWAYS AS ROW START,"
        " b TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME(a, b)) "
        "WITH SYSTEM VERSIONING",
        "CREATE SEQUENCE cw_try.seq",
        "CREATE TABLE cw_try.geo (id INT PRIMARY KEY, g GEOMETRY NOT NULL, p POINT NOT NULL,"
        " SPATIAL KEY (g))",
    };
    struct err err = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        sql(c, all[i]);
    for (size_t i = 0; i < ARRAY_SIZE(some); i++)
        if (conn_exec(c, some[i], strlen(some[i]), NULL, &err) < 0)
            printf("not here: %s\n", err.message);
}

static void print_table(const struct table *t)
{
    printf("%s.%s -> %s.%s key %s%s%s\n", t->db, t->name, t->mapped_db, t->mapped_name,
           t->key >= 0 ? t->indexes[t->key].name : "-", t->where != NULL ? " where " : "",
           t->where != NULL ? t->where : "");
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *k = &t->columns[i];

        printf("    %-6s %-10s %-28s len %u oct %u prec %u,%u frac %u int %u %s%s%s%s%s%s%s %s\n",
               k->name, type_kind_name(k->kind), k->type_text, k->length, k->octets, k->precision,
               k->scale, k->fraction, k->int_bytes, k->is_unsigned ? "U" : "",
               k->nullable ? "N" : "", k->generated ? "G" : "", k->invisible ? "I" : "",
               k->auto_increment ? "A" : "", k->binary_collation ? "B" : "",
               t->selected[i] ? "+" : "", k->labels != NULL ? json_text(k->labels) : "");
    }
    for (size_t i = 0; i < t->index_count; i++)
        printf("    index %s %s%s%s%s %zu columns\n", t->indexes[i].name, t->indexes[i].kind,
               t->indexes[i].unique ? " unique" : "", t->indexes[i].usable_key ? " usable" : "",
               t->indexes[i].functional ? " functional" : "", t->indexes[i].column_count);
    for (size_t i = 0; i < t->fk_count; i++)
        printf("    fk %s -> %s.%s(%s) %s %s\n", t->fks[i].name, t->fks[i].ref_db,
               t->fks[i].ref_table, t->fks[i].column_count > 0 ? t->fks[i].ref_columns[0] : "",
               t->fks[i].on_delete, t->fks[i].on_update);
}

static void check_round_trip(const struct table *t)
{
    _cleanup_(json_putp)
    struct json_object *o = table_to_json(t), *again = NULL, *parsed = NULL;
    _cleanup_(table_freep)
    struct table *copy = NULL;
    struct err err = { 0 };
    const char *text = json_text(o);

    ok(json_parse(text, strlen(text), 32, &parsed, &err));
    ok(table_from_json(parsed, &copy, &err));
    again = copy == NULL ? NULL : table_to_json(copy);
    check(again != NULL && json_object_equal(o, again));
    check(copy != NULL && copy->key == t->key);
}

static int load_category(struct conn *c, const struct dialect *d, const char *mapping,
                         const char *category, struct catalog **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *o = NULL;
    _cleanup_(scope_freep)
    struct scope *s = NULL;

    if (json_parse(mapping, strlen(mapping), 32, &o, err) < 0 || scope_new(o, &s, err) < 0)
        return -1;
    scope_fold_case(s, d->lower_case_table_names != 0);
    if (scope_set_category(s, category, err) < 0)
        return -1;
    return catalog_load(c, d, s, ret, err);
}

static int load_scope(struct conn *c, const struct dialect *d, const char *mapping,
                      struct catalog **ret, struct err *err)
{
    return load_category(c, d, mapping, NULL, ret, err);
}

static void try_selection(struct conn *c, const struct dialect *d, size_t all)
{
    static const char wild[] = "{\"mode\":\"WILDCARD\",\"tableAndViewWhiteList\":[\"cw_tr?.*\"],"
                               "\"tableAndViewBlackList\":[\"*.uni[a-q]\"]}";
    static const char same[] =
        "{\"databases\":[{\"name\":\"cw_try\",\"tables\":["
        "{\"name\":\"m\",\"mappedName\":\"x\"},{\"name\":\"p\",\"mappedName\":"
        "\"x\"}]}]}";
    _cleanup_(catalog_freep)
    struct catalog *with = NULL, *without = NULL, *both = NULL;
    struct err err = { 0 };

    ok(load_category(c, d, wild, "WITH_UNIQUE_ROW_ID", &with, &err));
    ok(load_category(c, d, wild, "WITHOUT_UNIQUE_ROW_ID", &without, &err));
    check(with != NULL && without != NULL && with->count + without->count == all - 1);
    check(without != NULL && catalog_find(without, "cw_try", "nokey") != NULL);
    check(with != NULL && catalog_find(with, "cw_try", "uniq") == NULL);
    check(load_scope(c, d, same, &both, &err) < 0 && err.code == ERR_NOT_SUPPORTED);
    printf("same: %s\n", err.message);
}

static void try_catalog(struct conn *c, const struct dialect *d, bool verbose)
{
    static const char whole[] = "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"cw_try\"}]}";
    static const char some[] =
        "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"cw_try\",\"mappedName\":\"other\","
        "\"tables\":[{\"name\":\"uniq\",\"mappedName\":\"Neu\",\"whereClause\":\"a>1\","
        "\"filterColumns\":[\"C\",\"a\"]}]}]}";
    static const char missing[] = "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"cw_try\","
                                  "\"tables\":[{\"name\":\"gone\"},{\"name\":\"v\"},"
                                  "{\"name\":\"uniq\"}]}]}";
    static const char columns[] =
        "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"cw_try\","
        "\"tables\":[{\"name\":\"p\",\"filterColumns\":[\"a\",\"q\"]}]}]}";
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL, *part = NULL;
    _cleanup_(table_freep)
    struct table *t = NULL, *none = NULL;
    struct err err = { 0 };

    make_tables(c);
    ok(load_scope(c, d, whole, &cat, &err));
    if (cat == NULL)
        return;
    for (size_t i = 0; i < cat->count; i++) {
        if (verbose)
            print_table(cat->tables[i]);
        check_round_trip(cat->tables[i]);
    }
    try_selection(c, d, cat->count);
    check(catalog_find(cat, "cw_try", "uniq") != NULL);
    check(catalog_find(cat, "cw_try", "v") == NULL);
    ok(load_scope(c, d, some, &part, &err));
    check(part != NULL && part->count == 1 && strcmp(part->tables[0]->mapped_name, "Neu") == 0);
    if (part != NULL && verbose)
        print_table(part->tables[0]);
    catalog_free(take_ptr(part));
    check(load_scope(c, d, missing, &part, &err) < 0 && err.code == ERR_TABLE_NOT_FOUND);
    printf("missing: %s\n", err.message);
    check(load_scope(c, d, columns, &part, &err) < 0 && err.code == ERR_PARAM);
    printf("columns: %s\n", err.message);
    ok(catalog_table(c, d, "cw_try", "o`dd '\"x", &t, &err));
    check(t != NULL && t->fk_count == 1 && t->fks[0].column_count == 2);
    check(catalog_table(c, d, "cw_try", "nothing", &none, &err) < 0);
    check(err.code == ERR_TABLE_NOT_FOUND);
}

static void try_dialect(struct conn *c, struct dialect *d)
{
    struct err err = { 0 };

    ok(dialect_detect(c, d, &err));
    printf("dialect: %s %u (%s) gtid %d/%d lctn %d cascades %d, %s\n", flavour_name(d->flavour),
           d->version, d->version_text, d->gtid_mysql, d->gtid_mariadb, d->lower_case_table_names,
           d->cascades_logged, d->binlog_status_sql);
}

int main(int argc, char **argv)
{
    struct endpoint to = { .end = END_SOURCE };
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    struct dialect d = { 0 };
    struct err err = { 0 };
    int64_t port, started = clock_mono_ms();

    if (argc < 5 || !num_parse_i64(argv[2], 1, 65535, &port))
        return 2;
    to.host = argv[1];
    to.port = (int)port;
    to.user = argv[3];
    to.use_ssl = argc > 5;
    if (secret_new(argv[4], strlen(argv[4]), &to.password, &err) < 0)
        return 2;
    if (conn_open(&to, NULL, &c, &err) < 0) {
        printf("%s: %s | %s | %" PRId64 " ms\n", err_symbol(err.code), err.message,
               err_advice(&err), clock_mono_ms() - started);
        secret_free(to.password);
        return 1;
    }
    try_session(c);
    try_dialect(c, &d);
    try_multi(&to);
    try_stream(c);
    try_load(&to);
    try_rounding(&to);
    try_cut_stream(&to, c);
    try_catalog(c, &d, getenv("VERBOSE") != NULL);
    sql(c, "DROP DATABASE cw_try");
    secret_free(to.password);
    printf("%d failures\n", failures);
    return failures > 0;
}
