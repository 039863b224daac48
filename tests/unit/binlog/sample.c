#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/num.h"

#include "base/banned.h"

enum { FILE_MAX = 1 << 20, MAGIC_LEN = 4, SIZE_OFFSET = 9, JSON_DEPTH = 16 };

static char *load(const char *server, const char *what, size_t *ret_len)
{
    char path[1024];
    char *data = NULL;
    struct err err = { 0 };

    (void)snprintf(path, sizeof(path), "%s/%s.%s", SAMPLE_DIR, server, what);
    if (fs_read_all(path, FILE_MAX, &data, ret_len, &err) < 0)
        fail_msg("%s", err.message);
    return data;
}

/* Cuts `text` into lines, in place. */
static char **lines_of(char *text, size_t *ret_count)
{
    char **lines = NULL;
    size_t count = 0;

    while (*text != '\0') {
        char *end = strchr(text, '\n');

        lines = reallocarray(lines, count + 1, sizeof(*lines));
        assert_non_null(lines);
        lines[count++] = strndup(text, (size_t)(end - text));
        text = end + 1;
    }
    *ret_count = count;
    return lines;
}

static void load_tables(struct sample *s)
{
    size_t len, count;
    char *text = load(s->server, "tables", &len);
    char **lines = lines_of(text, &count);

    assert_true(count <= SAMPLE_TABLES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct json_object *o = NULL;
        struct err err = { 0 };

        if (json_parse(lines[i], strlen(lines[i]), JSON_DEPTH, &o, &err) < 0 ||
            table_from_json(o, &s->tables[s->table_count++], &err) < 0)
            fail_msg("%s.tables line %zu: %s", s->server, i + 1, err.message);
        json_object_put(o);
        free(lines[i]);
    }
    free(lines);
    free(text);
}

struct sample *sample_load(const char *server)
{
    struct sample *s = calloc(1, sizeof(*s));
    char *text;
    size_t len;

    assert_non_null(s);
    s->server = server;
    s->binlog = load(server, "binlog", &s->binlog_len);
    load_tables(s);
    text = load(server, "rows", &len);
    s->rows = lines_of(text, &s->row_count);
    free(text);
    return s;
}

void sample_free(struct sample *s)
{
    for (size_t i = 0; i < s->table_count; i++)
        table_free(s->tables[i]);
    for (size_t i = 0; i < s->row_count; i++)
        free(s->rows[i]);
    free(s->rows);
    free(s->binlog);
    free(s);
}

struct table *sample_table(const struct sample *s, const char *name)
{
    for (size_t i = 0; i < s->table_count; i++)
        if (strcmp(s->tables[i]->name, name) == 0)
            return s->tables[i];
    return NULL;
}

const char *sample_line(const struct sample *s, const char *table, int64_t id)
{
    char head[128];

    (void)snprintf(head, sizeof(head), "%s\t%lld\t", table, (long long)id);
    for (size_t i = 0; i < s->row_count; i++)
        if (strncmp(s->rows[i], head, strlen(head)) == 0)
            return s->rows[i];
    return NULL;
}

int sample_each(const struct sample *s, int (*fn)(void *ctx, const uint8_t *data, size_t len),
                void *ctx)
{
    const uint8_t *p = (const uint8_t *)s->binlog + MAGIC_LEN;
    const uint8_t *end = (const uint8_t *)s->binlog + s->binlog_len;

    while (p < end) {
        struct cursor c = cursor_of(p + SIZE_OFFSET, 4);
        size_t len = (size_t)cursor_le(&c, 4);
        int r;

        assert_true(len >= EVENT_HEADER_LEN && len <= (size_t)(end - p));
        r = fn(ctx, p, len);
        if (r != 0)
            return r;
        p += len;
    }
    return 0;
}
