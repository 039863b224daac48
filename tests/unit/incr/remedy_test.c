/* Rows as documents, row events as bytes: what comes back is what went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers/incr/image_bytes.h"
#include "workers/incr/remedy.h"

#include "tables.h"

#include "base/banned.h"

static const struct column_of columns[] = {
    { "a", CK_INT, NULL, NULL, NULL },         { "b", CK_INT, NULL, NULL, NULL },
    { "c", CK_FLOAT, NULL, NULL, NULL },       { "d", CK_DOUBLE, NULL, NULL, NULL },
    { "e", CK_DECIMAL, NULL, NULL, NULL },     { "f", CK_VARBINARY, NULL, NULL, NULL },
    { "g", CK_VARCHAR, "latin1", NULL, NULL }, { "h", CK_VARBINARY, NULL, NULL, NULL },
    { "i", CK_VARBINARY, NULL, NULL, NULL },
};

static void a_row_comes_back(void **state)
{
    struct table *t = table_of("t", columns, ARRAY_SIZE(columns), 1);
    struct value row[ARRAY_SIZE(columns)] = {
        { .kind = V_INT, .i = INT64_MIN },
        { .kind = V_UINT, .u = UINT64_MAX },
        { .kind = V_FLOAT, .f = -0.0F },
        { .kind = V_DOUBLE, .d = 0.1 },
        { .kind = V_TEXT, .bytes = "-12.340", .len = 7 },
        { .kind = V_BYTES, .bytes = "\0\xff'\\", .len = 4 },
        { .kind = V_BYTES, .bytes = "\xe9", .len = 1 },
        { .kind = V_NULL },
        { .kind = V_ABSENT },
    };
    struct json_object *o = remedy_row_json(t, row), *again;
    struct value *back = NULL;
    struct err err = { 0 };

    (void)state;
    again = json_tokener_parse(json_object_to_json_string(o));
    assert_int_equal(remedy_row_parse(again, t, &back, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
        if (!value_equal(&row[i], &back[i]))
            fail_msg("column %zu of %s", i, json_object_to_json_string(o));
    }
    free(back);
    json_object_put(again);
    json_object_put(o);
    table_free(t);
}

static void damage_is_told(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{\"a\": 1}",
        "{\"a\": \"\"}",
        "{\"a\": \"x1\"}",
        "{\"a\": \"i\"}",
        "{\"a\": \"i1x\"}",
        "{\"c\": \"f123\"}",
        "{\"d\": \"d00000000000000zz\"}",
        "{\"f\": \"b0\"}",
        "{\"f\": \"b0g\"}",
    };
    struct table *t = table_of("t", columns, ARRAY_SIZE(columns), 1);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct json_object *o = json_tokener_parse(bad[i]);
        struct value *row = NULL;
        struct err err = { 0 };
        if (remedy_row_parse(o, t, &row, &err) != -1 || err.code != ERR_CONTROL_SCHEMA)
            fail_msg("%s was taken", bad[i]);
        json_object_put(o);
    }
    table_free(t);
}

static void an_image_comes_back(void **state)
{
    uint8_t types[3] = { 3, 15, 8 }, nullable[1] = { 6 }, unsignedness[3] = { 1, 0, 0 };
    uint16_t meta[3] = { 0, 400, 0 };
    const uint8_t verdicts[2] = { 1, 3 };
    const struct binlog_format format = { .known = true,
                                          .mariadb = true,
                                          .post_header_count = 40,
                                          .post_header_len = { [0] = 56, [39] = 7 } };
    const struct table_map map = { .table_id = 77,
                                   .db = (char[]){ "d" },
                                   .table = (char[]){ "t" },
                                   .column_count = 3,
                                   .types = types,
                                   .meta = meta,
                                   .nullable = nullable,
                                   .unsignedness = unsignedness };
    struct image im = {
        .event = { .timestamp = 1,
                   .type = 31,
                   .server_id = 2,
                   .size = 100,
                   .next_pos = 5,
                   .flags = 6,
                   .body = (const uint8_t *)"body\0of it",
                   .body_len = 10 },
        .format = &format,
        .map = &map,
        .mode = { .loose = true, .pos = 4711 },
        .carry = { true, false, true },
        .verdicts = verdicts,
        .verdict_count = 2,
    };
    struct image_shape *shape = NULL;
    struct image *copy = image_copy(&im, &shape), back;
    struct strbuf b = STRBUF(4096);
    void *mem;

    (void)state;
    image_put(&b, copy);
    assert_int_equal(image_take(b.data, b.len, &back, &mem), 0);
    assert_int_equal(back.event.body_len, 10);
    assert_memory_equal(back.event.body, "body\0of it", 10);
    assert_int_equal(back.event.type, 31);
    assert_string_equal(back.map->db, "d");
    assert_string_equal(back.map->table, "t");
    assert_memory_equal(back.map->types, types, 3);
    assert_memory_equal(back.map->meta, meta, sizeof(meta));
    assert_memory_equal(back.map->unsignedness, unsignedness, 3);
    assert_int_equal(back.format->post_header_len[39], 7);
    assert_true(back.format->mariadb && !back.format->checksum);
    assert_true(back.mode.loose && !back.mode.safe && back.mode.pos == 4711);
    assert_true(back.carry[0] && !back.carry[1] && back.carry[2]);
    assert_memory_equal(back.verdicts, verdicts, 2);
    free(mem);
    for (size_t n = 0; n < b.len; n++) { /* cut anywhere: an error, and nothing is read behind it */
        char *part = malloc(n + 1);
        memcpy(part, b.data, n);
        assert_int_equal(image_take(part, n, &back, &mem), -1);
        free(mem);
        free(part);
    }
    strbuf_done(&b);
    image_free(copy);
    image_shape_unref(shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_comes_back),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(an_image_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
