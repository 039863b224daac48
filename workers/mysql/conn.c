#include "workers/mysql/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <mysql.h>

#include <ma_pvio.h>

#include "base/num.h"
#include "base/secret.h"
#include "workers/mysql/conn_priv.h"

#include "base/banned.h"

enum {
    CONNECT_TIMEOUT_S = 10,
    READ_TIMEOUT_S = 600,
    PACKET_MAX = 1024 * 1024 * 1024,  /* the protocol's own limit: the server's is what counts */
    STATEMENT_MAX = 64 * 1024 * 1024, /* of the …f functions */
    /* A dead peer is noticed after 30 + 6 * 10 s without traffic (peers.md, pain 34). */
    KEEPALIVE_IDLE_S = 30,
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_PROBES = 6,
};

/* mysql_library_init() must not race, and mysql_init() would call it unguarded. */
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_start(void)
{
    (void)mysql_library_init(0, NULL, NULL);
}

int conn_fail(const struct conn *c, const char *sql, size_t len, struct err *err)
{
    struct db_error e = {
        .number = mysql_errno(c->mysql),
        .text = mysql_error(c->mysql),
        .mariadb = c->connected && mariadb_connection(c->mysql),
        .phase = c->connected ? DB_SESSION : DB_CONNECTING,
        .sql = sql,
        .sql_len = len,
    };

    return dberr_set(err, c->to, &e);
}

/* Options that can only be refused by an older library: then the connection goes on without. */
static void set_options(struct conn *c, const struct conn_options *o)
{
    /* No clear-text plugin: a server that poses as ours must not be able to ask for the password.
     */
    static const char plugins[] =
        "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519";
    unsigned connect_s = o->timeout_s > 0 ? (unsigned)o->timeout_s : CONNECT_TIMEOUT_S;
    unsigned protocol = MYSQL_PROTOCOL_TCP, infile = o->local_infile ? 1 : 0;
    unsigned long packet = PACKET_MAX;
    my_bool yes = 1, no = 0;

    (void)mysql_optionsv(c->mysql, MYSQL_OPT_PROTOCOL, &protocol);
    (void)mysql_optionsv(c->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    /* Read time-out of the handshake only: a server that accepts and stays silent must fail too. */
    (void)mysql_optionsv(c->mysql, MYSQL_OPT_READ_TIMEOUT, &connect_s);
    (void)mysql_optionsv(c->mysql, MYSQL_OPT_WRITE_TIMEOUT, &connect_s);
    (void)mysql_optionsv(c->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    (void)mysql_optionsv(c->mysql, MYSQL_OPT_LOCAL_INFILE, &infile);
    (void)mysql_optionsv(c->mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    (void)mysql_optionsv(c->mysql, MARIADB_OPT_RESTRICTED_AUTH, plugins);
    (void)mysql_optionsv(c->mysql, MYSQL_OPT_RECONNECT,
                         &no); /* it would lose the session's state */
    /* What a DBA sees in performance_schema.session_connect_attrs. */
    (void)mysql_optionsv(c->mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "causeway");
    if (c->to->use_ssl) {
        /* Encrypted, not authenticated: a data source has no place for a CA yet (docs/status.md).
         */
        (void)mysql_optionsv(c->mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
        (void)mysql_optionsv(c->mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no);
    }
}

static void set_socket(struct conn *c)
{
    int fd = mysql_get_socket(c->mysql);
    int on = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

void conn_set_timeout(struct conn *c, int seconds)
{
    MARIADB_PVIO *pvio = c->mysql->net.pvio;

    if (pvio == NULL || pvio->methods->set_timeout == NULL)
        return;
    (void)pvio->methods->set_timeout(pvio, PVIO_READ_TIMEOUT, seconds);
    (void)pvio->methods->set_timeout(pvio, PVIO_WRITE_TIMEOUT, seconds);
}

static unsigned long client_flags(const struct conn_options *o)
{
    unsigned long flags = CLIENT_MULTI_RESULTS;

    if (o->found_rows)
        flags |= CLIENT_FOUND_ROWS;
    if (o->multi_statements)
        flags |= CLIENT_MULTI_STATEMENTS;
    if (o->local_infile)
        flags |= CLIENT_LOCAL_FILES;
    return flags;
}

int conn_open(const struct endpoint *to, const struct conn_options *o, struct conn **ret,
              struct err *err)
{
    static const struct conn_options defaults = { 0 };
    _cleanup_(conn_closep)
    struct conn *c = calloc(1, sizeof(*c));

    if (o == NULL)
        o = &defaults;
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a connection");
    c->to = to;
    c->local_infile = o->local_infile;
    (void)pthread_once(&library_once, library_start);
    c->mysql = mysql_init(NULL);
    if (c->mysql == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a connection");
    set_options(c, o);
    conn_load_install(c);
    if (mysql_real_connect(c->mysql, to->host, to->user,
                           to->password != NULL ? secret_text(to->password) : "", NULL,
                           (unsigned)to->port, NULL, client_flags(o)) == NULL)
        return conn_fail(c, NULL, 0, err);
    c->connected = true;
    /* Without verification libmariadb goes on in clear text when the server offers no TLS. */
    if (to->use_ssl && mysql_get_ssl_cipher(c->mysql) == NULL) {
        (void)err_set(err, ERR_DB_CONNECT, "%s %s:%d: the server offers no TLS", end_name(to->end),
                      to->host, to->port);
        return err_advise(err, "Set TLS up at the server, or clear useSsl in the data source.");
    }
    set_socket(c);
    conn_set_timeout(c, o->timeout_s > 0 ? o->timeout_s : READ_TIMEOUT_S);
    if (!o->no_setup && conn_setup(c, err) < 0)
        return err_wrap(err, "session settings");
    *ret = take_ptr(c);
    return 0;
}

void conn_close(struct conn *c)
{
    if (c == NULL)
        return;
    conn_bulk_drop(c);
    if (c->mysql != NULL)
        mysql_close(c->mysql);
    free(c);
}

MYSQL *conn_raw(struct conn *c)
{
    return c->mysql;
}

unsigned long conn_id(struct conn *c)
{
    return mysql_thread_id(c->mysql);
}

const struct endpoint *conn_endpoint(const struct conn *c)
{
    return c->to;
}

bool conn_lost(const struct err *err)
{
    return err->code == ERR_DB_LOST || err->code == ERR_DB_CONNECT;
}

/* Reads and drops whatever results wait, so that the next statement finds a clean connection. */
static int drain(struct conn *c)
{
    int more;

    do {
        MYSQL_RES *res = mysql_use_result(c->mysql);

        if (res != NULL)
            mysql_free_result(res);
        else if (mysql_errno(c->mysql) != 0)
            return -1;
        more = mysql_next_result(c->mysql);
    } while (more == 0);
    return more > 0 ? -1 : 0;
}

int conn_exec(struct conn *c, const char *sql, size_t len, uint64_t *ret_affected, struct err *err)
{
    uint64_t affected;

    if (mysql_real_query(c->mysql, sql, len) != 0)
        return conn_fail(c, sql, len, err);
    affected = mysql_affected_rows(c->mysql); /* before drain(), which overwrites it */
    if ((mysql_field_count(c->mysql) > 0 || mysql_more_results(c->mysql)) && drain(c) < 0)
        return conn_fail(c, sql, len, err);
    if (ret_affected != NULL)
        *ret_affected = affected;
    return 0;
}

static void add_formatted(struct strbuf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void add_formatted(struct strbuf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n;
    char *to;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    to = n < 0 ? NULL : strbuf_reserve(b, (size_t)n);
    if (to == NULL) {
        b->failed = true;
        return;
    }
    (void)vsnprintf(to, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
}

int conn_execf(struct conn *c, struct err *err, const char *fmt, ...)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX);
    va_list ap;

    va_start(ap, fmt);
    add_formatted(&sql, fmt, ap);
    va_end(ap);
    if (strbuf_check(&sql, err) < 0)
        return -1;
    return conn_exec(c, strbuf_str(&sql), sql.len, NULL, err);
}

static int take_result(struct conn *c, const char *sql, size_t len, bool stream, struct result *ret,
                       struct err *err)
{
    MYSQL_RES *res = stream ? mysql_use_result(c->mysql) : mysql_store_result(c->mysql);
    if (res == NULL) {
        if (mysql_errno(c->mysql) != 0)
            return conn_fail(c, sql, len, err);
        return err_set(err, ERR_DB_QUERY, "%s %s:%d: a query gave no result set",
                       end_name(c->to->end), c->to->host, c->to->port);
    }
    *ret = (struct result){
        .res = res, .conn = c, .columns = mysql_num_fields(res), .streamed = stream
    };
    return 0;
}

static int run(struct conn *c, const char *sql, size_t len, bool stream, struct result *ret,
               struct err *err)
{
    if (mysql_real_query(c->mysql, sql, len) != 0)
        return conn_fail(c, sql, len, err);
    return take_result(c, sql, len, stream, ret, err);
}

int conn_send(struct conn *c, const char *sql, size_t len, struct err *err)
{
    return mysql_send_query(c->mysql, sql, len) != 0 ? conn_fail(c, sql, len, err) : 0;
}

int conn_receive(struct conn *c, const char *sql, size_t len, struct result *ret, struct err *err)
{
    if (mysql_read_query_result(c->mysql) != 0)
        return conn_fail(c, sql, len, err);
    return take_result(c, sql, len, false, ret, err);
}

int conn_query(struct conn *c, const char *sql, size_t len, struct result *ret, struct err *err)
{
    return run(c, sql, len, false, ret, err);
}

int conn_stream(struct conn *c, const char *sql, size_t len, struct result *ret, struct err *err)
{
    return run(c, sql, len, true, ret, err);
}

int conn_queryf(struct conn *c, struct result *ret, struct err *err, const char *fmt, ...)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX);
    va_list ap;

    va_start(ap, fmt);
    add_formatted(&sql, fmt, ap);
    va_end(ap);
    if (strbuf_check(&sql, err) < 0)
        return -1;
    return run(c, strbuf_str(&sql), sql.len, false, ret, err);
}

int result_next(struct result *r, struct err *err)
{
    r->row = mysql_fetch_row(r->res);
    if (r->row == NULL) {
        /* A buffered result has been read in whole: an error there is now is not this result's. */
        if (r->streamed && mysql_errno(r->conn->mysql) != 0)
            return conn_fail(r->conn, NULL, 0, err);
        return 0;
    }
    r->lengths = mysql_fetch_lengths(r->res);
    return 1;
}

void result_done(struct result *r)
{
    if (r->res == NULL)
        return;
    mysql_free_result(r->res); /* reads a streamed result to its end */
    if (mysql_more_results(r->conn->mysql))
        (void)drain(r->conn); /* what a CALL leaves behind; an error shows at the next statement */
    *r = (struct result){ 0 };
}

int result_column(const struct result *r, const char *name)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(r->res);

    for (unsigned i = 0; i < r->columns; i++)
        if (strcasecmp(fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

const char *result_str(const struct result *r, int column, const char *fallback)
{
    if (column < 0 || (unsigned)column >= r->columns || r->row[column] == NULL)
        return fallback;
    return r->row[column];
}

int64_t result_i64(const struct result *r, int column, int64_t fallback)
{
    const char *text = result_str(r, column, NULL);
    int64_t v;

    return text != NULL && num_parse_i64(text, INT64_MIN, INT64_MAX, &v) ? v : fallback;
}

uint64_t result_u64(const struct result *r, int column, uint64_t fallback)
{
    const char *text = result_str(r, column, NULL);
    uint64_t v;

    return text != NULL && num_parse_u64(text, UINT64_MAX, &v) ? v : fallback;
}

int conn_value(struct conn *c, const char *sql, char **ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    const char *text = NULL;
    char *copy = NULL;
    int got;

    if (conn_query(c, sql, strlen(sql), &r, err) < 0)
        return -1;
    got = result_next(&r, err);
    if (got < 0)
        return -1;
    if (got == 1)
        text = result_str(&r, 0, NULL);
    if (text != NULL && (copy = strdup(text)) == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a value");
    *ret = copy;
    return 0;
}

static bool is_warnings(MYSQL_RES *res)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(res);

    return mysql_num_fields(res) == 3 && strcmp(fields[0].name, "Level") == 0 &&
           strcmp(fields[1].name, "Code") == 0;
}

/* The answer of statement `at`. -1: it tells of a changed value in the statement before it. */
static int take_answer(struct conn *c, struct multi_stmt *io, size_t at, struct err *err)
{
    MYSQL_RES *res = mysql_use_result(c->mysql);
    uint64_t seen;
    int rc = 0;

    io[at].affected = mysql_affected_rows(c->mysql);
    io[at].warnings = mysql_warning_count(c->mysql);
    if (res == NULL)
        return 0;
    if (at > 0 && is_warnings(res))
        rc = conn_judge_warnings(c, res, io[at - 1].expected, &seen, err);
    mysql_free_result(res);
    return rc;
}

int conn_multi(struct conn *c, const char *sql, size_t len, size_t count, struct multi_stmt *io,
               size_t *ret_done, struct err *err)
{
    int more = mysql_real_query(c->mysql, sql, len) != 0 ? 1 : 0;
    size_t done = 0, wrong = SIZE_MAX;

    while (more == 0) {
        if (done < count && wrong == SIZE_MAX && take_answer(c, io, done, err) < 0)
            wrong = done - 1;
        else if (done >= count || wrong != SIZE_MAX)
            mysql_free_result(mysql_use_result(c->mysql));
        done++;
        more = mysql_next_result(c->mysql); /* 0 another, -1 no more, else an error */
    }
    *ret_done = wrong != SIZE_MAX ? wrong : done;
    if (wrong != SIZE_MAX)
        return -1;
    if (more > 0)
        return conn_fail(c, sql, len, err);
    if (done != count)
        return err_set(err, ERR_INTERNAL, "%zu statements were sent where %zu were meant", done,
                       count);
    return 0;
}
