/* The captured binlogs in data/ and what the servers said of them. */
#ifndef TESTS_UNIT_BINLOG_SAMPLE_H
#define TESTS_UNIT_BINLOG_SAMPLE_H

#include "workers/mysql/binlog/event.h"
#include "workers/mysql/binlog/rows.h"
#include "workers/mysql/catalog.h"

enum { SAMPLE_TABLES_MAX = 32 };

struct sample {
    const char *server; /* mariadb, mysql56, mysql97 */
    char *binlog;       /* the file, with its magic number */
    size_t binlog_len;
    struct table *tables[SAMPLE_TABLES_MAX];
    size_t table_count;
    char **rows; /* lines of the .rows file */
    size_t row_count;
};

/* sample_load(): fails the running test when a file can't be read. */
struct sample *sample_load(const char *server);
void sample_free(struct sample *s);
struct table *sample_table(const struct sample *s, const char *name); /* NULL: not known */
/* sample_line(): what the server shows of this row, or NULL. */
const char *sample_line(const struct sample *s, const char *table, int64_t id);
/* sample_each(): every event of the file, raw; stops when fn returns other than 0 and returns that.
 */
int sample_each(const struct sample *s, int (*fn)(void *ctx, const uint8_t *data, size_t len),
                void *ctx);

#endif
