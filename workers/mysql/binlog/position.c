#include "workers/mysql/binlog/position.h"

#include <string.h>

#include "base/banned.h"

/* The number after the last dot; a server that passes 999999 goes on with seven digits. */
static uint64_t file_number(const char *file)
{
    const char *dot = strrchr(file, '.');
    uint64_t n = 0;

    for (const char *p = dot != NULL ? dot + 1 : ""; *p >= '0' && *p <= '9'; p++)
        n = n * 10 + (uint64_t)(*p - '0');
    return n;
}

int binlog_pos_cmp(const struct binlog_pos *a, const struct binlog_pos *b)
{
    uint64_t na, nb;

    if (a->file[0] == '\0' || b->file[0] == '\0')
        return (a->file[0] != '\0') - (b->file[0] != '\0');
    na = file_number(a->file);
    nb = file_number(b->file);
    if (na != nb)
        return na < nb ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}
