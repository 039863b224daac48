#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "notify/notify.h"
#include "notify/sign.h"

#include "base/banned.h"

/* The vector of docs/metrics.md; made with `openssl dgst -sha256 -hmac KEY`. */
static void the_vector_of_the_document_holds(void **state)
{
    static const char key[] = "whsec_0123456789abcdefghijABCDEFGHIJ0123456789";
    static const char body[] = "{\"deliveryId\":\"dl_example\",\"event\":\"TEST\"}";
    char text[SIGN_TEXT_MAX];

    (void)state;
    sign_body(key, strlen(key), 1700000000, body, text);
    assert_string_equal(text,
                        "v1=b1259f472878488670a3d6b787ad54f62330d1742ba82f7a8b93107e1354c504");
    sign_body(key, strlen(key), 1700000001, body, text);
    assert_string_not_equal(text,
                            "v1=b1259f472878488670a3d6b787ad54f62330d1742ba82f7a8b93107e1354c504");
}

static void keys_of_any_length_sign(void **state)
{
    char key[300], one[SIGN_TEXT_MAX], two[SIGN_TEXT_MAX];

    (void)state;
    memset(key, 'k', sizeof(key));
    for (size_t n = 1; n < sizeof(key); n++) {
        sign_body(key, n, 1, "{}", one);
        assert_int_equal(strlen(one), SIGN_TEXT_MAX - 1);
        assert_int_equal(strspn(one + 3, "0123456789abcdef"), 64);
        assert_true(n == 1 || strcmp(one, two) != 0);
        memcpy(two, one, sizeof(one));
    }
}

static void tries_come_less_and_less_often(void **state)
{
    int64_t last = 0;

    (void)state;
    assert_int_equal(notify_delay_ms(1), 1000);
    assert_int_equal(notify_delay_ms(2), 2000);
    assert_int_equal(notify_delay_ms(4), 8000);
    for (int64_t i = 1; i < 10000; i++) {
        assert_true(notify_delay_ms(i) >= last && notify_delay_ms(i) <= NOTIFY_LONGEST_MS);
        last = notify_delay_ms(i);
    }
    assert_int_equal(last, NOTIFY_LONGEST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_of_the_document_holds),
        cmocka_unit_test(keys_of_any_length_sign),
        cmocka_unit_test(tries_come_less_and_less_often),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
