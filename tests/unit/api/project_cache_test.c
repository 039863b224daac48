/* Texts of projects: found as long as nothing has changed, bounded, shared by answers. */
#include "tests/unit/api/test.h"

#include <stdio.h>
#include <string.h>

#include "api/project_cache.h"
#include "base/json.h"

#include "base/banned.h"

static struct project_version version(const char *id, int64_t own)
{
    struct project_version v = { .own = own, .source = 1, .sink = 2, .labels = 3 };

    (void)snprintf(v.id, sizeof(v.id), "%s", id);
    return v;
}

static struct json_object *made(const char *text)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "name", text);
    return o;
}

static void put(struct project_cache *c, const struct project_version *v, enum project_shape shape,
                const char *text, int64_t until_ms)
{
    _cleanup_(json_putp)
    struct json_object *o = made(text);

    project_cache_put(c, v, shape, o, until_ms);
}

/* What a client would get; "" for what has to be made. */
static const char *got(struct project_cache *c, const struct project_version *v,
                       enum project_shape shape)
{
    static char text[256];
    _cleanup_(json_putp)
    struct json_object *answer = json_object_new_object();
    struct json_object *part = project_cache_get(c, v, shape);

    if (part == NULL)
        return "";
    json_add(answer, "data", part);
    (void)snprintf(text, sizeof(text), "%s", json_text(answer));
    return text;
}

static void found_until_something_changes(void **state)
{
    _cleanup_(project_cache_freep)
    struct project_cache *c = project_cache_new();
    struct project_version v = version("np_1", 7), other;

    (void)state;
    assert_non_null(c);
    assert_string_equal(got(c, &v, SHAPE_WHOLE), "");
    put(c, &v, SHAPE_WHOLE, "one", INT64_MAX);
    assert_string_equal(got(c, &v, SHAPE_WHOLE), "{\"data\":{\"name\":\"one\"}}");
    assert_string_equal(got(c, &v, SHAPE_LISTED), "");
    for (int i = 0; i < 4; i++) {
        other = v;
        *(int64_t *[]){ &other.own, &other.source, &other.sink, &other.labels }[i] += 1;
        assert_string_equal(got(c, &other, SHAPE_WHOLE), "");
    }
    other = version("np_2", 7);
    assert_string_equal(got(c, &other, SHAPE_WHOLE), "");
    v.own++;
    put(c, &v, SHAPE_WHOLE, "two", INT64_MAX);
    put(c, &v, SHAPE_SHORT, "short", INT64_MAX);
    assert_string_equal(got(c, &v, SHAPE_WHOLE), "{\"data\":{\"name\":\"two\"}}");
    assert_string_equal(got(c, &v, SHAPE_SHORT), "{\"data\":{\"name\":\"short\"}}");
    put(c, &v, SHAPE_WHOLE, "old", 0); /* right for a while that is over */
    assert_string_equal(got(c, &v, SHAPE_WHOLE), "");
}

/* An answer that is being written keeps its text, whatever becomes of the cache. */
static void an_answer_outlives_the_cache(void **state)
{
    struct project_cache *c = project_cache_new();
    struct project_version v = version("np_1", 1);
    _cleanup_(json_putp)
    struct json_object *part = NULL;

    (void)state;
    put(c, &v, SHAPE_WHOLE, "first", INT64_MAX);
    part = project_cache_get(c, &v, SHAPE_WHOLE);
    put(c, &v, SHAPE_WHOLE, "second", INT64_MAX);
    assert_string_equal(json_text(part), "{\"name\":\"first\"}");
    project_cache_free(c);
    assert_string_equal(json_text(part), "{\"name\":\"first\"}");
}

static void it_is_bounded(void **state)
{
    enum { LARGE = 100 * 1024, MANY = 20000 };
    _cleanup_(project_cache_freep)
    struct project_cache *c = project_cache_new();
    _cleanup_(freep)
    char *large = malloc(4 * LARGE);
    char id[ID_MAX];
    size_t kept = 0;

    (void)state;
    memset(large, 'x', 4 * LARGE - 1);
    large[4 * LARGE - 1] = '\0';
    for (int i = 0; i < MANY; i++) {
        struct project_version v;

        (void)snprintf(id, sizeof(id), "np_%d", i);
        v = version(id, 1);
        large[i < 1000 ? LARGE : 10] = '\0';
        put(c, &v, SHAPE_WHOLE, large, INT64_MAX);
        assert_string_not_equal(got(c, &v, SHAPE_WHOLE), "");
    }
    for (int i = 0; i < MANY; i++) {
        struct project_version v;

        (void)snprintf(id, sizeof(id), "np_%d", i);
        v = version(id, 1);
        kept += got(c, &v, SHAPE_WHOLE)[0] != '\0';
    }
    assert_in_range(kept, 4000, 8192); /* places; the oldest of each set went */
    memset(large, 'x', 4 * LARGE - 1);
    {
        struct project_version v = version("np_huge", 1);

        put(c, &v, SHAPE_WHOLE, large, INT64_MAX);
        assert_string_equal(got(c, &v, SHAPE_WHOLE), "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_until_something_changes),
        cmocka_unit_test(an_answer_outlives_the_cache),
        cmocka_unit_test(it_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
