/*
 * Prints what the relay segments in a folder hold, one record a line, and the first column of each
 * row. For people and for the relay's tests against servers; not run by ctest.
 *
 *   relay_tool DIR [FILE OFFSET [SECONDS]]      SECONDS: go on reading that long
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "workers/mysql/binlog/event.h"
#include "workers/mysql/binlog/rows.h"
#include "workers/relay/segment.h"

#include "base/banned.h"

struct tool {
    struct binlog_format format;
    struct table_map *map; /* the last one */
};

static int print_rows(struct tool *t, const struct event *e, struct err *err)
{
    _cleanup_(rows_closep)
    struct rows *r = NULL;
    const struct value *before, *after;
    int got;

    if (t->map == NULL || t->map->table_id != rows_table_id(&t->format, e, NULL)) {
        (void)printf(" rows without a map");
        return 0;
    }
    if (rows_open(&t->format, e, t->map, NULL, &r, err) < 0)
        return -1;
    (void)printf(" %s.%s kind=%d rows=", t->map->db, t->map->table, (int)rows_kind(r));
    while ((got = rows_next(r, &before, &after, err)) > 0)
        (void)printf("%" PRId64 ",", (after != NULL ? after : before)[0].i);
    return got;
}

static int print_event(struct tool *t, const struct record *r, struct err *err)
{
    struct event e;

    if (event_parse(&t->format, r->data, r->len, &e, err) < 0)
        return -1;
    (void)printf("%s:%" PRIu64 "-%s:%" PRIu64 " %s", r->start.file, r->start.offset, r->end.file,
                 r->end.offset, event_type_name(e.type));
    if (e.type == EV_FORMAT_DESCRIPTION)
        return event_format_description(&e, &t->format, err);
    if (e.type == EV_TABLE_MAP) {
        table_map_free(t->map);
        t->map = NULL;
        return table_map_parse(&t->format, &e, &t->map, err);
    }
    if ((e.type >= EV_WRITE_ROWS_V1 && e.type <= EV_DELETE_ROWS_V1) ||
        (e.type >= EV_WRITE_ROWS && e.type <= EV_DELETE_ROWS))
        return print_rows(t, &e, err);
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_(relay_reader_closep)
    struct relay_reader *r = NULL;
    struct binlog_pos from = { 0 };
    struct tool t = { 0 };
    struct err err = { 0 };
    int64_t until = clock_mono_ms(), seconds = 0;
    struct record rec;
    int got;

    if (argc < 2 || (argc > 3 && !num_parse_u64(argv[3], UINT64_MAX, &from.offset)) ||
        (argc > 4 && !num_parse_i64(argv[4], 0, 86400, &seconds)))
        return 2;
    if (argc > 2)
        (void)snprintf(from.file, sizeof(from.file), "%s", argv[2]);
    until += seconds * 1000;
    got = relay_reader_open(argv[1], &from, &r, &err);
    while (got >= 0) {
        got = relay_reader_next(r, &rec, &err);
        if (got == 0) {
            if (clock_mono_ms() >= until)
                break;
            got = relay_reader_wait(r, -1, 1000, &err);
            continue;
        }
        if (got < 0)
            break;
        if (rec.kind == RECORD_MARK)
            (void)printf("%s:%" PRIu64 " MARK %" PRId64, rec.end.file, rec.end.offset, rec.mark_us);
        else
            got = print_event(&t, &rec, &err);
        (void)printf("\n");
    }
    table_map_free(t.map);
    if (got < 0)
        (void)printf("!! %s %s\n", err_symbol(err.code), err.message);
    return got < 0 ? 1 : 0;
}
