#include "workers/mysql/binlog/position.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"

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
    if (a->era != b->era)
        return a->era < b->era ? -1 : 1;
    na = file_number(a->file);
    nb = file_number(b->file);
    if (na != nb)
        return na < nb ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

const char *binlog_file_text(const struct binlog_pos *p, char buf[static BINLOG_FILE_TEXT_MAX])
{
    if (p->era == 0 || p->file[0] == '\0')
        (void)snprintf(buf, BINLOG_FILE_TEXT_MAX, "%s", p->file);
    else
        (void)snprintf(buf, BINLOG_FILE_TEXT_MAX, "%s@%u", p->file, p->era);
    return buf;
}

/* The suffix's '@', or NULL: a server's own name may hold one, but not behind its last dot. */
static const char *suffix_of(const char *text)
{
    const char *dot = strrchr(text, '.');

    return dot != NULL ? strchr(dot, '@') : NULL;
}

bool binlog_file_parse(const char *text, struct binlog_pos *p)
{
    const char *at = suffix_of(text);
    size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
    uint64_t era = 0;

    memset(p->file, 0, sizeof(p->file));
    p->era = 0;
    if (len >= sizeof(p->file) ||
        (at != NULL && (!num_parse_u64(at + 1, UINT32_MAX, &era) || era == 0 || len == 0)))
        return false;
    memcpy(p->file, text, len);
    p->era = (unsigned)era;
    return true;
}
