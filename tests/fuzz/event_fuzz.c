/* A binlog file, its magic number included, through every parser of events and rows. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "workers/mysql/binlog/event.h"
#include "workers/mysql/binlog/rows.h"
#include "workers/mysql/catalog.h"

#include "base/banned.h"

enum { MAGIC_LEN = 4, SIZE_OFFSET = 9, MAPS = 16, CHECKSUM_LEN = 4, NESTED_MAX = 4 };

struct fuzz {
    struct binlog_format format;
    struct table_map *maps[MAPS];
    unsigned next;
    unsigned nested;
};

/* Columns of the kinds that change how a value is read. */
static struct table *table_for(const struct table_map *m)
{
    static const enum column_kind kinds[] = { CK_BINARY, CK_UUID, CK_INET6, CK_INET4, CK_INT };
    static char name[] = "c", type[] = "t";
    struct table *t = calloc(1, sizeof(*t));

    if (t == NULL)
        abort();
    t->column_count = m->column_count;
    t->columns = calloc(m->column_count, sizeof(*t->columns));
    if (t->columns == NULL)
        abort();
    for (size_t i = 0; i < m->column_count; i++) {
        t->columns[i].name = name;
        t->columns[i].type_text = type;
        t->columns[i].kind = kinds[(i + m->column_count) % ARRAY_SIZE(kinds)];
        t->columns[i].is_unsigned = i % 2 == 1;
        t->columns[i].fraction = (unsigned)i % 7;
    }
    return t;
}

static void read_rows(struct fuzz *f, const struct event *e, const struct table_map *m,
                      const struct table *t)
{
    struct rows *r = NULL;
    const struct value *before, *after;
    struct err err;

    if (rows_open(&f->format, e, m, t, &r, &err) < 0)
        return;
    while (rows_next(r, &before, &after, &err) > 0) {
        const struct value *v = before != NULL ? before : after;

        for (size_t i = 0; i < m->column_count; i++) /* every byte is really there */
            if (v[i].kind == V_TEXT || v[i].kind == V_BYTES)
                for (size_t k = 0; k < v[i].len; k++)
                    f->nested += v[i].bytes[k] == '\1' && f->nested > 1000;
    }
    rows_close(r);
}

static void take_event(struct fuzz *f, const uint8_t *data, size_t len);

static int inner(void *ctx, const void *data, size_t len, struct err *err)
{
    struct fuzz *f = ctx;

    if (f->nested >= NESTED_MAX)
        return err_set(err, ERR_LIMIT, "enough");
    f->nested++;
    take_event(f, data, len);
    f->nested--;
    return 0;
}

static void parsers(struct fuzz *f, const struct event *e)
{
    struct event_query query;
    struct event_rotate rotate;
    struct event_gtid gtid;
    struct gtid_set *set = NULL;
    struct table_map *m = NULL;
    struct rows_flags flags;
    struct err err;
    uint64_t id = rows_table_id(&f->format, e, &flags);

    (void)event_format_description(e, &f->format, &err);
    f->format.checksum = false;
    if (event_query(&f->format, e, &query, &err) == 0)
        event_query_done(&query);
    (void)event_rotate(&f->format, e, &rotate, &err);
    (void)event_gtid(&f->format, e, &gtid, &err);
    if (event_previous_gtids(&f->format, e, &set, &err) == 0)
        gtid_set_free(set);
    if (e->type == EV_TRANSACTION_PAYLOAD)
        (void)event_payload_each(&f->format, e, inner, f, &err);
    if (e->type == EV_TABLE_MAP && table_map_parse(&f->format, e, &m, &err) == 0) {
        struct table *t = table_for(m);

        (void)table_map_check(m, t, &err);
        free(t->columns);
        free(t);
        table_map_free(f->maps[f->next % MAPS]);
        f->maps[f->next++ % MAPS] = m;
    }
    for (unsigned i = 0; i < MAPS; i++) {
        if (f->maps[i] == NULL || f->maps[i]->table_id != id)
            continue;
        read_rows(f, e, f->maps[i], NULL);
        m = f->maps[i];
        {
            struct table *t = table_for(m);

            read_rows(f, e, m, t);
            free(t->columns);
            free(t);
        }
        break;
    }
}

/* As it is, for the checks of the checksum; then without one. */
static void take_event(struct fuzz *f, const uint8_t *data, size_t len)
{
    struct binlog_format summed = f->format;
    uint8_t *copy = malloc(len);
    struct event e;
    struct err err;

    if (copy == NULL)
        abort();
    memcpy(copy, data, len);
    summed.known = summed.checksum = true;
    (void)event_parse(&summed, copy, len, &e, &err);
    f->format.known = true;
    f->format.checksum = false;
    if (len > 4 && copy[4] != EV_FORMAT_DESCRIPTION && f->nested == 0 &&
        len >= EVENT_HEADER_LEN + CHECKSUM_LEN) {
        len -= CHECKSUM_LEN;
        for (unsigned i = 0; i < 4; i++)
            copy[SIZE_OFFSET + i] = (uint8_t)(len >> (8 * i));
    }
    if (event_parse(&f->format, copy, len, &e, &err) == 0)
        parsers(f, &e);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz f = { 0 };
    size_t at = MAGIC_LEN;

    memset(f.format.post_header_len, 8, sizeof(f.format.post_header_len));
    f.format.post_header_count = 42;
    while (at + EVENT_HEADER_LEN <= len) {
        struct cursor c = cursor_of(data + at + SIZE_OFFSET, 4);
        size_t size = (size_t)cursor_le(&c, 4);

        if (size < EVENT_HEADER_LEN || size > len - at)
            size = len - at;
        take_event(&f, data + at, size);
        at += size;
    }
    for (unsigned i = 0; i < MAPS; i++)
        table_map_free(f.maps[i]);
    return 0;
}
