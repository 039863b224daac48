#include "workers/mysql/binlog/gtid.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "workers/mysql/binlog/gtid_codec.h"

#include "base/banned.h"

enum {
    TAG_MAX = 32,
    FORMAT_UNTAGGED = 0,
    FORMAT_TAGGED = 1, /* MySQL source, mysql::gtid::Gtid_format */
    MEMBERS_MAX = 1 << 20,
};

struct interval {
    uint64_t start, end; /* [start, end) */
};

/* The transactions of one origin: a MySQL uuid and tag, or a MariaDB domain. */
struct member {
    uint8_t uuid[16];
    char tag[TAG_MAX + 1];
    struct interval *intervals;
    size_t count, cap;
    uint32_t domain, server_id;
    uint64_t sequence;
};

struct gtid_set {
    bool mariadb;
    struct member *members; /* sorted by uuid and tag, or by domain */
    size_t count, cap;
};

struct gtid_set *gtid_set_new(bool mariadb)
{
    struct gtid_set *s = calloc(1, sizeof(*s));

    if (s != NULL)
        s->mariadb = mariadb;
    return s;
}

void gtid_set_free(struct gtid_set *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        free(s->members[i].intervals);
    free(s->members);
    free(s);
}

bool gtid_set_is_mariadb(const struct gtid_set *s)
{
    return s->mariadb;
}

static int member_cmp(const struct gtid_set *s, const struct member *m, const struct gtid *g)
{
    int c;

    if (s->mariadb)
        return (m->domain > g->domain) - (m->domain < g->domain);
    c = memcmp(m->uuid, g->uuid, sizeof(m->uuid));
    return c != 0 ? c : strcmp(m->tag, g->tag);
}

/* Index of g's member, or where it would stand. */
static size_t member_place(const struct gtid_set *s, const struct gtid *g, bool *ret_found)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (member_cmp(s, &s->members[mid], g) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_found = low < s->count && member_cmp(s, &s->members[low], g) == 0;
    return low;
}

static const struct member *member_find(const struct gtid_set *s, const struct gtid *g)
{
    bool found;
    size_t at = member_place(s, g, &found);

    return found ? &s->members[at] : NULL;
}

static struct member *member_get(struct gtid_set *s, const struct gtid *g)
{
    bool found;
    size_t at = member_place(s, g, &found);
    struct member *m;

    if (found)
        return &s->members[at];
    if (s->count == s->cap) {
        size_t cap = s->cap == 0 ? 4 : s->cap * 2;
        struct member *grown =
            cap > MEMBERS_MAX ? NULL : reallocarray(s->members, cap, sizeof(*grown));

        if (grown == NULL)
            return NULL;
        s->members = grown;
        s->cap = cap;
    }
    m = &s->members[at];
    memmove(m + 1, m, (s->count - at) * sizeof(*m));
    s->count++;
    memset(m, 0, sizeof(*m));
    memcpy(m->uuid, g->uuid, sizeof(m->uuid));
    memcpy(m->tag, g->tag, sizeof(m->tag));
    m->domain = g->domain;
    return m;
}

static int interval_insert(struct member *m, size_t at, struct interval iv)
{
    if (m->count == m->cap) {
        size_t cap = m->cap == 0 ? 4 : m->cap * 2;
        struct interval *grown = reallocarray(m->intervals, cap, sizeof(*grown));

        if (grown == NULL)
            return -1;
        m->intervals = grown;
        m->cap = cap;
    }
    memmove(m->intervals + at + 1, m->intervals + at, (m->count - at) * sizeof(iv));
    m->intervals[at] = iv;
    m->count++;
    return 0;
}

/* First interval that ends at or behind `number`: the only ones that can touch it. */
static size_t interval_place(const struct member *m, uint64_t number)
{
    size_t low = 0, high = m->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (m->intervals[mid].end < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Adds [start, end) and merges what it touches. */
static int interval_add(struct member *m, uint64_t start, uint64_t end)
{
    size_t at = interval_place(m, start), last = at;
    struct interval *iv;

    if (at == m->count || m->intervals[at].start > end)
        return interval_insert(m, at, (struct interval){ start, end });
    iv = &m->intervals[at];
    while (last + 1 < m->count && m->intervals[last + 1].start <= end)
        last++;
    iv->start = MIN(iv->start, start);
    iv->end = MAX(m->intervals[last].end, end);
    memmove(iv + 1, m->intervals + last + 1, (m->count - last - 1) * sizeof(*iv));
    m->count -= last - at;
    return 0;
}

int gtid_set_add_range(struct gtid_set *s, const struct gtid *g, uint64_t end)
{
    struct member *m;

    if (g->anonymous)
        return 0;
    m = member_get(s, g);
    if (m == NULL)
        return -1;
    if (!s->mariadb)
        return interval_add(m, g->number, end);
    if (g->number >= m->sequence) {
        m->sequence = g->number;
        m->server_id = g->server_id;
    }
    return 0;
}

int gtid_set_add(struct gtid_set *s, const struct gtid *g)
{
    return gtid_set_add_range(s, g, g->number + 1);
}

static bool interval_has(const struct member *m, uint64_t start, uint64_t end)
{
    size_t at = interval_place(m, start + 1);

    return at < m->count && m->intervals[at].start <= start && m->intervals[at].end >= end;
}

bool gtid_set_has(const struct gtid_set *s, const struct gtid *g)
{
    const struct member *m = g->anonymous ? NULL : member_find(s, g);

    if (m == NULL)
        return false;
    return s->mariadb ? m->sequence >= g->number : interval_has(m, g->number, g->number + 1);
}

bool gtid_set_contains(const struct gtid_set *big, const struct gtid_set *small)
{
    if (big->mariadb != small->mariadb)
        return false;
    for (size_t i = 0; i < small->count; i++) {
        const struct member *want = &small->members[i], *have;
        struct gtid g = { .domain = want->domain };

        memcpy(g.uuid, want->uuid, sizeof(g.uuid));
        memcpy(g.tag, want->tag, sizeof(g.tag));
        have = member_find(big, &g);
        if (have == NULL)
            return false;
        if (big->mariadb && have->sequence < want->sequence)
            return false;
        for (size_t k = 0; k < want->count; k++)
            if (!interval_has(have, want->intervals[k].start, want->intervals[k].end))
                return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------- text */

static void uuid_text(struct strbuf *b, const uint8_t uuid[static 16])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            strbuf_addc(b, '-');
        strbuf_addc(b, digits[uuid[i] >> 4]);
        strbuf_addc(b, digits[uuid[i] & 15]);
    }
}

static void mysql_text(const struct gtid_set *s, struct strbuf *b)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct member *m = &s->members[i];
        bool same = i > 0 && memcmp(m->uuid, m[-1].uuid, sizeof(m->uuid)) == 0;

        if (!same) {
            if (i > 0)
                strbuf_addc(b, ',');
            uuid_text(b, m->uuid);
        }
        if (m->tag[0] != '\0') {
            strbuf_addc(b, ':');
            strbuf_adds(b, m->tag);
        }
        for (size_t k = 0; k < m->count; k++) {
            strbuf_addc(b, ':');
            strbuf_addu(b, m->intervals[k].start);
            if (m->intervals[k].end - 1 > m->intervals[k].start) {
                strbuf_addc(b, '-');
                strbuf_addu(b, m->intervals[k].end - 1);
            }
        }
    }
}

void gtid_set_text(const struct gtid_set *s, struct strbuf *b)
{
    if (!s->mariadb) {
        mysql_text(s, b);
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct member *m = &s->members[i];

        if (i > 0)
            strbuf_addc(b, ',');
        strbuf_addu(b, m->domain);
        strbuf_addc(b, '-');
        strbuf_addu(b, m->server_id);
        strbuf_addc(b, '-');
        strbuf_addu(b, m->sequence);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

/* A number at *p; 0 and *p unmoved when there is none or it is too large. */
static uint64_t take_number(const char **p, uint64_t max)
{
    const char *at = *p;
    uint64_t v = 0;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*at - '0'), &v) || v > max)
            return 0;
    *p = at;
    return v;
}

static bool take_uuid(const char **p, uint8_t uuid[static 16])
{
    const char *at = *p;

    for (unsigned i = 0; i < 16; i++) {
        int high, low;

        if ((i == 4 || i == 6 || i == 8 || i == 10) && *at == '-')
            at++;
        high = num_hex_digit(at[0]);
        low = high < 0 ? -1 : num_hex_digit(at[1]);
        if (low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *p = at;
    return true;
}

/* A tag begins with a letter or underscore; the server folds it to lower case. */
static bool take_tag(const char **p, char tag[static TAG_MAX + 1])
{
    const char *at = *p;
    size_t n = 0;

    for (;; at++) {
        char c = *at >= 'A' && *at <= 'Z' ? (char)(*at + ('a' - 'A')) : *at;
        bool letter = (c >= 'a' && c <= 'z') || c == '_';

        if (!letter && !(n > 0 && c >= '0' && c <= '9'))
            break;
        if (n == TAG_MAX)
            return false;
        tag[n++] = c;
    }
    memset(tag + n, 0, TAG_MAX + 1 - n);
    *p = at;
    return n > 0;
}

/* "uuid:[tag:]1-5:7[:tag:1]" up to a comma or the end. */
static int parse_mysql_member(struct gtid_set *s, const char **p)
{
    struct gtid g = { 0 };

    if (!take_uuid(p, g.uuid))
        return -1;
    for (*p = skip_blanks(*p); **p == ':'; *p = skip_blanks(*p)) {
        uint64_t last;

        *p = skip_blanks(*p + 1);
        if (**p < '0' || **p > '9') {
            if (!take_tag(p, g.tag))
                return -1;
            continue;
        }
        g.number = last = take_number(p, INT64_MAX - 1);
        *p = skip_blanks(*p);
        if (**p == '-') {
            *p = skip_blanks(*p + 1);
            last = take_number(p, INT64_MAX - 1);
        }
        if (g.number == 0 || last == 0)
            return -1;
        /* the manual: an interval that ends before it starts is empty */
        if (last >= g.number && gtid_set_add_range(s, &g, last + 1) < 0)
            return -1;
    }
    return 0;
}

static int parse_mariadb_member(struct gtid_set *s, const char **p)
{
    uint64_t part[3] = { 0 };
    struct gtid g = { .mariadb = true };

    for (unsigned i = 0; i < 3; i++) {
        if (i > 0 && **p != '-')
            return -1;
        *p += i > 0;
        if (**p < '0' || **p > '9')
            return -1;
        part[i] = take_number(p, i < 2 ? UINT32_MAX : UINT64_MAX - 1);
    }
    g.domain = (uint32_t)part[0];
    g.server_id = (uint32_t)part[1];
    g.number = part[2];
    return gtid_set_add(s, &g);
}

int gtid_set_parse(const char *text, bool mariadb, struct gtid_set **ret, struct err *err)
{
    _cleanup_(gtid_set_freep)
    struct gtid_set *s = gtid_set_new(mariadb);
    const char *p = skip_blanks(text);

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    while (*p != '\0') {
        int r = mariadb ? parse_mariadb_member(s, &p) : parse_mysql_member(s, &p);

        p = skip_blanks(p);
        if (r < 0 || (*p != ',' && *p != '\0'))
            return err_set(err, ERR_PARAM, "not a GTID set at offset %td: %.200s", p - text, text);
        if (*p == ',')
            p = skip_blanks(p + 1);
    }
    *ret = take_ptr(s);
    return 0;
}

/* ----------------------------------------------------------------------------------- binary */

static void add_le64(struct strbuf *b, uint64_t v)
{
    uint8_t raw[8];

    for (unsigned i = 0; i < 8; i++)
        raw[i] = (uint8_t)(v >> (8 * i));
    strbuf_add(b, raw, sizeof(raw));
}

void gtid_set_encode(const struct gtid_set *s, struct strbuf *b)
{
    bool tagged = false;
    uint64_t head = s->count;

    for (size_t i = 0; i < s->count; i++)
        tagged = tagged || s->members[i].tag[0] != '\0';
    if (tagged)
        head = (uint64_t)FORMAT_TAGGED << 56 | head << 8 | FORMAT_TAGGED;
    add_le64(b, head);
    for (size_t i = 0; i < s->count; i++) {
        const struct member *m = &s->members[i];

        strbuf_add(b, m->uuid, sizeof(m->uuid));
        if (tagged) {
            /* a length up to 32 as a variable-length integer is one byte, shifted by its 0 bit */
            strbuf_addc(b, (char)(strlen(m->tag) << 1));
            strbuf_adds(b, m->tag);
        }
        add_le64(b, m->count);
        for (size_t k = 0; k < m->count; k++) {
            add_le64(b, m->intervals[k].start);
            add_le64(b, m->intervals[k].end);
        }
    }
}

uint64_t cursor_mysql_varlen(struct cursor *c)
{
    uint64_t first = cursor_le(c, 1), rest;
    unsigned bytes = 1;

    while (bytes < 9 && (first >> (bytes - 1) & 1) != 0)
        bytes++;
    if (bytes == 1)
        return first >> 1;
    rest = cursor_le(c, bytes - 1);
    return bytes == 9 ? rest : first >> bytes | rest << (8 - bytes);
}

int64_t cursor_mysql_varlen_signed(struct cursor *c)
{
    uint64_t u = cursor_mysql_varlen(c);

    return (int64_t)(u >> 1 ^ (0 - (u & 1)));
}

/* As a server writes it: lower case, no digit first; or none at all. */
static bool tag_is_normal(const char *tag, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = tag[i];

        if (!((c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
            return false;
    }
    return true;
}

bool cursor_mysql_tag(struct cursor *c, char tag[static 33])
{
    uint64_t len = cursor_mysql_varlen(c);
    const uint8_t *at = len > TAG_MAX ? NULL : cursor_bytes(c, (size_t)len);

    if (at == NULL)
        return false;
    memset(tag, 0, TAG_MAX + 1);
    memcpy(tag, at, (size_t)len);
    return tag_is_normal(tag, (size_t)len);
}

/* One uuid, tag and intervals of the encoded set. */
static int decode_member(struct gtid_set *s, struct cursor *c, bool tagged)
{
    struct gtid g = { 0 };
    const uint8_t *uuid = cursor_bytes(c, sizeof(g.uuid));
    uint64_t intervals, before = 0;

    if (uuid == NULL)
        return -1;
    memcpy(g.uuid, uuid, sizeof(g.uuid));
    if (tagged && !cursor_mysql_tag(c, g.tag))
        return -1;
    intervals = cursor_le(c, 8);
    if (c->bad || intervals > cursor_left(c) / 16)
        return -1;
    for (; intervals > 0; intervals--) {
        uint64_t end;

        g.number = cursor_le(c, 8);
        end = cursor_le(c, 8);
        if (g.number <= before || end <= g.number || end > INT64_MAX)
            return -1;
        if (gtid_set_add_range(s, &g, end) < 0)
            return -1;
        before = end;
    }
    return 0;
}

int gtid_set_decode(const void *data, size_t len, struct gtid_set **ret, struct err *err)
{
    _cleanup_(gtid_set_freep)
    struct gtid_set *s = gtid_set_new(false);
    struct cursor c = cursor_of(data, len);
    uint64_t head = cursor_le(&c, 8), count = head & (UINT64_MAX >> 8);
    unsigned format = (unsigned)(head >> 56);

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (c.bad || format > FORMAT_TAGGED)
        return err_set(err, ERR_BINLOG_MALFORMED, "GTID set of unknown encoding %u", format);
    if (format == FORMAT_TAGGED)
        count = count >> 8;
    for (; count > 0; count--)
        if (decode_member(s, &c, format == FORMAT_TAGGED) < 0)
            return err_set(err, ERR_BINLOG_MALFORMED, "damaged GTID set of %zu bytes", len);
    *ret = take_ptr(s);
    return 0;
}
