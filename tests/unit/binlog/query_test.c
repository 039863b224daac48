/* Status variables of QUERY events: every one of MySQL 5.6 to 9.x and MariaDB, known or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "workers/mysql/binlog/event.h"

#include "base/banned.h"

enum { BODY_MAX = 4096 };

/* An event's body: thread 7, database "db", text "DO 1". The result points into it until the next
 * call. */
static int parse(const struct binlog_format *f, const void *vars, size_t len,
                 struct event_query *ret, struct err *err)
{
    static uint8_t body[BODY_MAX];
    const uint8_t head[13] = { 7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, (uint8_t)len, (uint8_t)(len >> 8) };
    struct event e = { .type = EV_QUERY, .body = body, .body_len = 13 + len + 7 };

    memset(body, 0, sizeof(body));
    memcpy(body, head, sizeof(head));
    memcpy(body + 13, vars, len);
    memcpy(body + 13 + len, "db\0DO 1", 7);
    return event_query(f, &e, ret, err);
}

static const struct binlog_format mysql = { .known = true, .server_version = "9.7.0" };
static const struct binlog_format maria = { .known = true,
                                            .mariadb = true,
                                            .server_version = "11.8.2-MariaDB-log" };

#define VARS(text) text, sizeof(text) - 1

static void all_of_mysql(void **state)
{
    static const char vars[] = "\x00\x00\x00\x00\x0c"                 /* flags2 */
                               "\x01\x20\x00\xa0\x45\x00\x00\x00\x00" /* sql_mode */
                               "\x06\x03std"                          /* catalog */
                               "\x02\x03xyz\x00"                      /* … of 5.0 */
                               "\x03\x01\x00\x02\x00"                 /* auto_increment */
                               "\x04\x1c\x00\x21\x00\x2d\x00"         /* charset */
                               "\x05\x06+02:00"                       /* time zone */
                               "\x07\x01\x00\x08\x02\x00"             /* lc_time_names, database */
                               "\x09\x01\x02\x03\x04\x05\x06\x07\x08" /* table map */
                               "\x0a\x01\x02\x03\x04"                 /* data written */
                               "\x0b\x01u\x02ho"                      /* invoker */
                               "\x0c\x02"
                               "a\0bc\0"                              /* databases */
                               "\x0c\xfe"                             /* too many of them */
                               "\x0d\x01\x02\x03"                     /* microseconds */
                               "\x11\x01\x02\x03\x04\x05\x06\x07\x08" /* xid */
                               "\x10\x01"                             /* explicit_defaults… */
                               "\x13\x00\x14\x01"                     /* primary key, encryption */
                               "\x12\xff\x00";                        /* utf8mb4's collation */
    struct event_query q;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(parse(&mysql, VARS(vars), &q, &err), 0);
    assert_int_equal(q.thread_id, 7);
    assert_true(q.has_flags2 && q.has_sql_mode);
    assert_int_equal(q.flags2, QUERY_NO_FOREIGN_KEY_CHECKS | QUERY_RELAXED_UNIQUE_CHECKS);
    assert_int_equal(q.sql_mode, 0x45a00020);
    assert_int_equal(q.charset_client, 28);
    assert_int_equal(q.collation_connection, 33);
    assert_int_equal(q.collation_server, 45);
    assert_string_equal(q.time_zone, "+02:00");
    assert_int_equal(q.explicit_timestamps, 1);
    assert_int_equal(q.utf8mb4_collation, 255);
    assert_int_equal(q.sql_len, 4);
    assert_memory_equal(q.sql, "DO 1", 4);
}

static void all_of_mariadb(void **state)
{
    /* 131 comes before the others since 11.5 */
    static const char vars[] = "\x83\x02\x01\x00\x02\x00\x03\x00\x04\x00"
                               "\x00\x00\x00\x00\x01"
                               "\x04\x21\x00\x21\x00\x08\x00"
                               "\x80\x01\x02\x03"
                               "\x81\x01\x02\x03\x04\x05\x06\x07\x08"
                               "\x82\x04\x01\x02\x03\x04\x05\x06\x07\x08"
                               "\x82\x02"
                               "\x05\x06SYSTEM";
    struct event_query q;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(parse(&maria, VARS(vars), &q, &err), 0);
    assert_int_equal(q.collation_server, 8);
    assert_string_equal(q.time_zone, "SYSTEM");
    assert_int_equal(q.explicit_timestamps, 1); /* a bit of flags2 there */
    assert_int_equal(parse(&maria, VARS("\x00\x00\x00\x00\x00"), &q, &err), 0);
    assert_int_equal(q.explicit_timestamps, 0);
    assert_int_equal(parse(&mysql, VARS("\x00\x00\x00\x00\x01"), &q, &err), 0);
    assert_int_equal(q.explicit_timestamps, -1);
}

/* What is not known ends the list; what is known but cut is damage. */
static void unknown_and_cut(void **state)
{
    static const char cut[] = "\x04\x1c\x00\x21\x00\x2d\x00\x05\x06+02:00\x0b\x01u\x02ho\x0c\x01"
                              "a";
    struct event_query q;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(parse(&mysql, VARS("\x10\x00\xfe\x05\x06+02:00"), &q, &err), 0);
    assert_int_equal(q.explicit_timestamps, 0);
    assert_string_equal(q.time_zone, "");
    assert_int_equal(parse(&mysql, VARS(cut), &q, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
    for (size_t len = 1; len < 7; len++)
        assert_int_equal(parse(&mysql, cut, len, &q, &err), -1);
    /* a name that no table of zones has is not cut: it is not told */
    assert_int_equal(parse(&mysql,
                           VARS("\x05\x46"
                                "0123456789012345678901234567890123456789"
                                "012345678901234567890123456789"),
                           &q, &err),
                     0);
    assert_string_equal(q.time_zone, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_mysql),
        cmocka_unit_test(all_of_mariadb),
        cmocka_unit_test(unknown_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
