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
#include "workers/mysql/sqltext.h"

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

    ok(conn_value(c, "SELECT CONCAT(@@time_zone,' ',@@sql_mode,' ',@@foreign_key_checks,' ',"
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
    _cleanup_(conn_closep) struct conn *c = NULL;
    struct err err = { 0 };
    uint64_t affected[5] = { 0 };
    size_t done = 0;

    ok(conn_open(to, &o, &c, &err));
    if (c == NULL)
        return;
    ok(conn_multi(c, text, strlen(text), 5, affected, &done, &err));
    check(done == 5 && affected[1] == 2 && affected[2] == 1 && affected[4] == 0);
    check(conn_multi(c, bad, strlen(bad), 3, affected, &done, &err) < 0);
    check(done == 1 && err.db_errno == 1062);
    printf("multi: %s\n", err.message);
    check(conn_execf(c, &err, "SELECT 1; SELECT 2") == 0);
    check(conn_execf(c, &err, "SELECT nothing FROM cw_try.m") < 0);
    printf("query: %s\n", err.message);
    check(conn_execf(c, &err, "SELECT 1") == 0);
}

static void try_stream(struct conn *c)
{
    _cleanup_(result_done) struct result r = { 0 };
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

static void try_load(const struct endpoint *to)
{
    static const char load[] =
        "LOAD DATA LOCAL INFILE 'x' INTO TABLE cw_try.l CHARACTER SET binary (id, v)";
    static const char good[] = "1\tone\n2\ttwo\n2\tagain\n";
    static const char wrong[] = "3\ttoo long for the column\n";
    static const char file[] = "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE cw_try.l";
    struct conn_options o = { .local_infile = true };
    _cleanup_(conn_closep) struct conn *c = NULL, *plain = NULL;
    struct err err = { 0 };
    uint64_t rows = 0, skipped = 0;
    char *n = NULL;

    ok(conn_open(to, &o, &c, &err));
    ok(conn_open(to, NULL, &plain, &err));
    if (c == NULL || plain == NULL)
        return;
    sql(c, "CREATE TABLE cw_try.l (id INT PRIMARY KEY, v VARBINARY(10))");
    if (conn_load(c, load, strlen(load), good, strlen(good), &rows, &skipped, &err) < 0) {
        printf("load refused: %s [%s]\n", err.message, err_symbol(err.code));
        check(err.code == ERR_NOT_SUPPORTED);
        ok(conn_execf(c, &err, "DO 1"));
        return;
    }
    check(rows == 3 && skipped == 1);
    sql(c, "BEGIN");
    check(conn_load(c, load, strlen(load), wrong, strlen(wrong), &rows, &skipped, &err) < 0);
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
    _cleanup_(conn_closep) struct conn *c = NULL;
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
    sql(c, "DROP DATABASE cw_try");
    secret_free(to.password);
    printf("%d failures\n", failures);
    return failures > 0;
}
