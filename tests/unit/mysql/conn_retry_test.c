/* Opening again and again, against ports where nobody answers. No server is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "workers/mysql/conn.h"
#include "workers/report.h"
#include "workers/worker.h"

#include "base/banned.h"

struct fixture {
    struct chan *daemon;
    struct report *report;
    struct endpoint to;
    int listener; /* holds the port; listens only where a test says so */
};

static char host[] = "127.0.0.1", user[] = "nobody";

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    struct chan *worker = NULL;
    struct err err = { 0 };
    int pair[2];

    assert_non_null(f);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(chan_new(pair[0], &f->daemon, &err), 0);
    assert_int_equal(chan_new(pair[1], &worker, &err), 0);
    assert_int_equal(report_new(worker, &f->report, &err), 0);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&at, &len), 0);
    f->to = (struct endpoint){ .end = END_SOURCE, .host = host, .user = user };
    f->to.port = ntohs(at.sin_port);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    report_free(f->report);
    chan_free(f->daemon);
    closep(&f->listener);
    free(f);
    return 0;
}

/* A report that reads ends the process with its channel: both stay until the process ends. */
static struct fixture *volatile kept; /* volatile: written only, for the leak checker */

static int keep(void **state)
{
    kept = *state;
    return 0;
}

static void gives_up_in_time(void **state)
{
    struct fixture *f = *state;
    struct conn *c = NULL;
    struct err err = { 0 };

    assert_int_equal(conn_open_retry(&f->to, NULL, f->report, 0, &c, &err), -1);
    assert_int_equal(err.code, ERR_DB_CONNECT);
    assert_null(c);
    assert_non_null(strstr(err.message, "source 127.0.0.1:"));
}

/* The daemon: waits for the first error, then asks to stop. Returns the error, or NULL. */
static void *be_daemon(void *arg)
{
    _cleanup_(json_putp)
    struct json_object *stop = json_object_new_object();
    struct fixture *f = arg;
    struct json_object *said = NULL;
    struct err err = { 0 };

    (void)json_add_str(stop, "t", "stop");
    if (chan_recv(f->daemon, &said, &err) != 1 || chan_send(f->daemon, stop, &err) < 0)
        return NULL;
    return said;
}

static void tells_its_trouble_and_stops_when_asked(void **state)
{
    struct fixture *f = *state;
    struct conn *c = NULL;
    struct err err = { 0 };
    pthread_t daemon;
    void *said = NULL;

    assert_int_equal(report_start(f->report, &err), 0);
    assert_int_equal(pthread_create(&daemon, NULL, be_daemon, f), 0);
    assert_int_equal(conn_open_retry(&f->to, NULL, f->report, 10, &c, &err), STAGE_STOPPED);
    assert_int_equal(pthread_join(daemon, &said), 0);
    assert_null(c);
    assert_non_null(said);
    assert_string_equal(json_get_str(said, "t", ""), "error");
    assert_true(json_get_bool(said, "retrying", false));
    (void)json_object_put(said);
}

/* A server that takes the connection and says nothing must not hold a worker for ever. */
static void a_silent_server_times_out(void **state)
{
    struct fixture *f = *state;
    struct conn_options o = { .timeout_s = 1 };
    struct conn *c = NULL;
    struct err err = { 0 };
    int64_t started = clock_mono_ms();

    assert_int_equal(listen(f->listener, 4), 0);
    assert_int_equal(conn_open(&f->to, &o, &c, &err), -1);
    assert_int_equal(err.code, ERR_DB_CONNECT);
    assert_true(clock_mono_ms() - started < 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_up_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_its_trouble_and_stops_when_asked, set_up, keep),
        cmocka_unit_test_setup_teardown(a_silent_server_times_out, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
