/* A relay segment of any content, read, then taken over by a writer, and read again. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "workers/relay/segment.h"

#include "base/banned.h"

static void read_all(const char *dir)
{
    struct relay_reader *r = NULL;
    struct binlog_pos from = { 0 };
    struct record rec;
    struct err err;
    unsigned sum = 0;

    if (relay_reader_open(dir, &from, &r, &err) < 0)
        return;
    for (unsigned n = 0; relay_reader_next(r, &rec, &err) > 0; n++) {
        for (size_t i = 0; i < rec.len; i++)
            sum += rec.data[i];
        if (n > 1U << 20)
            abort(); /* more records than bytes: it does not move */
    }
    relay_reader_close(r);
    if (sum == 1)
        (void)usleep(0); /* so that the reads are not optimised away */
}

static void take_over(const char *dir)
{
    static const uint8_t event[23] = { 0, 0, 0, 0, 4, 0, 0, 0, 0, 23 };
    struct relay_writer_options o = {
        .dir = dir, .source_uuid = "u", .segment_bytes = 1 << 20, .max_bytes = 64 << 20
    };
    struct relay_writer *w = NULL;
    struct binlog_pos end, next;
    struct err err;

    if (relay_writer_open(&o, &w, &end, &err) < 0)
        return;
    if (end.file[0] == '\0')
        (void)snprintf(end.file, sizeof(end.file), "bin.000001");
    next = end;
    next.offset += sizeof(event);
    if (next.offset > end.offset)
        (void)relay_writer_event(w, &end, &next, event, sizeof(event), &err);
    relay_writer_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char dir[64], path[128];
    struct err err;
    FILE *f;

    log_setup(LOG_ERROR, LOG_LOGFMT);
    (void)snprintf(dir, sizeof(dir), "/dev/shm/segment_fuzz.%d", (int)getpid());
    (void)fs_mkdir(dir, 0700, &err);
    (void)snprintf(path, sizeof(path), "%s/relay.00000001", dir);
    f = fopen(path, "we");
    if (f == NULL)
        abort();
    (void)fwrite(data, 1, len, f);
    (void)fclose(f);
    read_all(dir);
    take_over(dir);
    read_all(dir);
    (void)fs_remove_tree(dir, &err);
    return 0;
}
