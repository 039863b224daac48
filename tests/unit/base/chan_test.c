#include "tests/unit/base/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "base/chan.h"
#include "base/json.h"

static void pair(struct chan **a, struct chan **b)
{
    int fds[2];
    struct err err = { 0 };

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(chan_new(fds[0], a, &err), 0);
    assert_int_equal(chan_new(fds[1], b, &err), 0);
}

static void *send_large(void *arg)
{
    struct chan *c = arg;
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    _cleanup_(freep)
    char *text = calloc(1, 3000001);
    struct err err = { 0 };

    memset(text, 'x', 3000000);
    json_add_str(o, "text", text);
    assert_int_equal(chan_send(c, o, &err), 0);
    return NULL;
}

static void a_document_larger_than_the_socket_arrives_whole(void **state)
{
    _cleanup_(chan_freep)
    struct chan *a = NULL, *b = NULL;
    _cleanup_(json_putp)
    struct json_object *got = NULL;
    struct err err = { 0 };
    pthread_t t;

    (void)state;
    pair(&a, &b);
    assert_int_equal(pthread_create(&t, NULL, send_large, a), 0);
    assert_int_equal(chan_recv(b, &got, &err), 1);
    assert_int_equal(strlen(json_get_str(got, "text", "")), 3000000);
    (void)pthread_join(t, NULL);
}

static void end_and_garbage_are_told_apart(void **state)
{
    _cleanup_(chan_freep)
    struct chan *a = NULL, *b = NULL;
    struct json_object *got = NULL;
    struct err err = { 0 };

    (void)state;
    pair(&a, &b);
    assert_int_equal(write(chan_fd(a), "{\"t\":1}\nnot json\n", 17), 17);
    assert_int_equal(chan_recv(b, &got, &err), 1);
    json_putp(&got);
    got = NULL;
    assert_int_equal(chan_recv(b, &got, &err), -1);
    assert_int_equal(err.code, ERR_CHANNEL);
    chan_free(take_ptr(a));
    assert_int_equal(chan_recv(b, &got, &err), 0);
}

static void a_non_blocking_channel_says_nothing_yet(void **state)
{
    _cleanup_(chan_freep)
    struct chan *a = NULL, *b = NULL;
    struct json_object *got = NULL;
    struct err err = { 0 };

    (void)state;
    pair(&a, &b);
    (void)fcntl(chan_fd(b), F_SETFL, O_NONBLOCK);
    assert_int_equal(chan_recv(b, &got, &err), 1);
    assert_null(got);
    assert_int_equal(write(chan_fd(a), "{\"t\":", 5), 5);
    assert_int_equal(chan_recv(b, &got, &err), 1);
    assert_null(got);
    assert_int_equal(write(chan_fd(a), "1}\n", 3), 3);
    assert_int_equal(chan_recv(b, &got, &err), 1);
    assert_int_equal(json_get_i64(got, "t", 0), 1);
    json_putp(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_larger_than_the_socket_arrives_whole),
        cmocka_unit_test(end_and_garbage_are_told_apart),
        cmocka_unit_test(a_non_blocking_channel_says_nothing_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
