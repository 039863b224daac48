#include "workers/mysql/binlog/json_diff.h"

#include <string.h>

#include "base/num.h"
#include "base/util.h"
#include "workers/mysql/binlog/jsonb.h"

#include "base/banned.h"

/*
 * The document is edited as text. Numbers so stay as they were printed, and since a value prints
 * the same wherever it stands, the result is what the server prints of the new document.
 */

enum diff_operation { DIFF_REPLACE = 0, DIFF_INSERT = 1, DIFF_REMOVE = 2 };
enum {
    PIECE_MAX = 1024 * 1024 * 1024,
    PATH_SHOWN = 100,
    LEGS_MAX = 256, /* documents are 100 deep at most */
};

struct leg {
    bool member;   /* .key, else [index] */
    bool from_end; /* [last-index] */
    uint32_t index;
    size_t key_from, key_len; /* in the path's keys */
};

struct path {
    struct strbuf keys; /* unescaped, one after another */
    struct leg legs[LEGS_MAX];
    size_t count;
};

/* An element of an object or array, or the place between two of them. Offsets of the document. */
struct place {
    bool found;
    size_t from, value, to; /* of the element, key included; of its value; behind it */
    size_t previous_to;     /* behind the element before it; 0: it is the first */
    size_t next_from;       /* of the element behind it; 0: it is the last */
    bool empty;             /* there are no elements */
};

struct edit {
    struct strbuf *doc;
    struct path *path;
    struct strbuf key, value; /* of the document, unescaped; the new value's text */
};

/* ---- the document's text ---- */

/* Behind the string that begins at `at`; 0: there is none. */
static size_t string_end(const struct strbuf *d, size_t at)
{
    if (at >= d->len || d->data[at] != '"')
        return 0;
    for (size_t i = at + 1; i < d->len; i++) {
        if (d->data[i] == '\\')
            i++;
        else if (d->data[i] == '"')
            return i + 1;
    }
    return 0;
}

/* Behind the value that begins at `at`; 0: there is none. */
static size_t value_end(const struct strbuf *d, size_t at)
{
    size_t depth = 0, i = at;

    while (i < d->len) {
        char c = d->data[i];

        if (c == '"') {
            i = string_end(d, i);
            if (i == 0)
                return 0;
        } else if (c == '{' || c == '[') {
            depth++;
            i++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                break;
            depth--;
            i++;
        } else if (depth == 0 && (c == ',' || c == ' ')) {
            break;
        } else {
            i++;
            continue;
        }
        if (depth == 0)
            break;
    }
    return depth == 0 && i > at ? i : 0;
}

static bool text_at(const struct strbuf *d, size_t at, const char *text)
{
    size_t len = strlen(text);

    return at <= d->len && d->len - at >= len && memcmp(d->data + at, text, len) == 0;
}

/* \uXXXX: the servers write it for control characters only, all below 0x20. */
static bool add_unicode(struct strbuf *b, const char *s, size_t left)
{
    int v = 0;

    if (left < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        int digit = num_hex_digit(s[i]);

        if (digit < 0)
            return false;
        v = v * 16 + digit;
    }
    if (v >= 0x80)
        return false;
    strbuf_addc(b, (char)v);
    return true;
}

/* What stands between the quotes, without its escapes. */
static bool unescape(struct strbuf *b, const char *s, size_t len)
{
    static const char names[] = "bfnrt\"\\/", plain[] = "\b\f\n\r\t\"\\/";

    for (size_t i = 0; i < len; i++) {
        const char *name;

        if (s[i] != '\\') {
            strbuf_addc(b, s[i]);
            continue;
        }
        if (++i == len || s[i] == '\0')
            return false;
        name = strchr(names, s[i]);
        if (name != NULL) {
            strbuf_addc(b, plain[name - names]);
        } else if (s[i] == 'u' && add_unicode(b, s + i + 1, len - i - 1)) {
            i += 4;
        } else {
            return false;
        }
    }
    return true;
}

/* ---- paths: $.key."quoted key"[3][last-1] ---- */

static bool take_key(struct path *p, struct leg *leg, const char *s, size_t len, size_t *at)
{
    size_t from = *at, end;

    leg->member = true;
    leg->key_from = p->keys.len;
    if (from < len && s[from] == '"') {
        for (end = from + 1; end < len && s[end] != '"'; end++)
            if (s[end] == '\\')
                end++;
        if (end >= len || !unescape(&p->keys, s + from + 1, end - from - 1))
            return false;
        *at = end + 1;
    } else {
        for (end = from; end < len && s[end] != '.' && s[end] != '['; end++)
            ;
        if (end == from)
            return false;
        strbuf_add(&p->keys, s + from, end - from);
        *at = end;
    }
    leg->key_len = p->keys.len - leg->key_from;
    return strbuf_ok(&p->keys);
}

static bool take_index(struct leg *leg, const char *s, size_t len, size_t *at)
{
    static const char last[] = "last";
    size_t i = *at, digits = 0;
    uint64_t v = 0;

    if (len - i >= sizeof(last) - 1 && memcmp(s + i, last, sizeof(last) - 1) == 0) {
        leg->from_end = true;
        i += sizeof(last) - 1;
        if (i < len && s[i] == '-')
            i++;
        else
            digits = 1; /* none are needed */
    }
    for (; i < len && s[i] >= '0' && s[i] <= '9'; i++, digits++) {
        v = v * 10 + (uint64_t)(s[i] - '0');
        if (v > UINT32_MAX)
            return false;
    }
    if (digits == 0 || i >= len || s[i] != ']')
        return false;
    leg->index = (uint32_t)v;
    *at = i + 1;
    return true;
}

static bool parse_path(struct path *p, const char *s, size_t len)
{
    size_t at = 1;

    strbuf_reset(&p->keys);
    p->count = 0;
    if (len == 0 || s[0] != '$')
        return false;
    while (at < len) {
        struct leg *leg = &p->legs[p->count];
        char kind = s[at++];

        if (p->count == LEGS_MAX)
            return false;
        *leg = (struct leg){ 0 };
        if (kind == '.' ? !take_key(p, leg, s, len, &at)
                        : kind != '[' || !take_index(leg, s, len, &at))
            return false;
        p->count++;
    }
    return true;
}

/* ---- finding ---- */

/* The server's order of keys: by length, then by bytes. */
static int compare_key(const struct edit *e, const struct leg *leg)
{
    if (e->key.len != leg->key_len)
        return e->key.len < leg->key_len ? -1 : 1;
    return leg->key_len == 0
               ? 0
               : memcmp(e->key.data, e->path->keys.data + leg->key_from, leg->key_len);
}

/* The element that begins at `at`, in an object or an array. */
static bool take_element(struct edit *e, size_t at, bool object, struct place *p)
{
    const struct strbuf *d = e->doc;
    size_t end;

    p->from = p->value = at;
    if (object) {
        end = string_end(d, at);
        strbuf_reset(&e->key);
        if (end == 0 || !unescape(&e->key, d->data + at + 1, end - at - 2) ||
            !text_at(d, end, ": "))
            return false;
        p->value = end + 2;
    }
    p->to = value_end(d, p->value);
    return p->to != 0;
}

static uint32_t count_elements(const struct strbuf *d, size_t at)
{
    uint32_t n = 0;

    for (size_t i = at + 1; i < d->len && d->data[i] != ']'; n++) {
        i = value_end(d, i);
        if (i == 0)
            return 0;
        if (text_at(d, i, ", "))
            i += 2;
    }
    return n;
}

/*
 * The element that `leg` names in the container at `at`, or where it would have to be inserted: in
 * front of p->from, or behind p->previous_to when p->from is 0.
 */
static bool find(struct edit *e, size_t at, const struct leg *leg, struct place *p)
{
    const struct strbuf *d = e->doc;
    char close = leg->member ? '}' : ']';
    uint32_t want = leg->index, nth = 0;
    size_t i = at + 1;
    bool in_front = false;

    *p = (struct place){ .empty = true };
    if (at >= d->len || d->data[at] != (leg->member ? '{' : '['))
        return false;
    if (leg->from_end) {
        uint32_t count = count_elements(d, at);

        in_front = count <= leg->index; /* an INSERT then makes it the first */
        want = in_front ? 0 : count - 1 - leg->index;
    }
    while (i < d->len && d->data[i] != close) {
        int order;

        p->empty = false;
        if (!take_element(e, i, leg->member, p))
            return false;
        order = leg->member ? compare_key(e, leg) : nth == want ? 0 : -1;
        p->next_from = text_at(d, p->to, ", ") ? p->to + 2 : 0;
        p->found = order == 0 && !in_front;
        if (order >= 0)
            return true;
        p->previous_to = p->to;
        i = p->next_from != 0 ? p->next_from : p->to;
        nth++;
    }
    p->from = 0;
    return i < d->len;
}

/* Goes down all legs but the last `rest`; a scalar is its own only element. */
static bool descend(struct edit *e, size_t legs, size_t *ret_at)
{
    size_t at = 0;

    for (size_t i = 0; i < legs; i++) {
        const struct leg *leg = &e->path->legs[i];
        struct place p;

        if (!leg->member && leg->index == 0 && at < e->doc->len && e->doc->data[at] != '[')
            continue;
        if (!find(e, at, leg, &p) || !p.found)
            return false;
        at = p.value;
    }
    *ret_at = at;
    return true;
}

/* ---- the three operations ---- */

static bool splice(struct strbuf *d, size_t from, size_t to, const char *text, size_t len)
{
    size_t tail = d->len - to;

    if (len > to - from && strbuf_reserve(d, len - (to - from)) == NULL)
        return false;
    if (len != to - from)
        memmove(d->data + from + len, d->data + to, tail);
    if (len > 0)
        memcpy(d->data + from, text, len);
    d->len = from + len + tail;
    d->data[d->len] = '\0';
    return true;
}

static bool replace(struct edit *e)
{
    size_t at, to;

    if (!descend(e, e->path->count, &at))
        return false;
    to = value_end(e->doc, at);
    return to != 0 && splice(e->doc, at, to, strbuf_str(&e->value), e->value.len);
}

static bool insert(struct edit *e)
{
    struct strbuf text = STRBUF(PIECE_MAX);
    const struct leg *leg;
    struct place p;
    size_t at, into;
    bool ok;

    if (e->path->count == 0 || !descend(e, e->path->count - 1, &at))
        return false;
    leg = &e->path->legs[e->path->count - 1];
    if (!find(e, at, leg, &p) || (leg->member && p.found))
        return false;
    if (!p.empty && p.from == 0)
        strbuf_adds(&text, ", ");
    if (leg->member) {
        jsonb_add_string(&text, strbuf_str(&e->path->keys) + leg->key_from, leg->key_len);
        strbuf_adds(&text, ": ");
    }
    strbuf_add(&text, strbuf_str(&e->value), e->value.len);
    if (p.from != 0)
        strbuf_adds(&text, ", ");
    into = p.from != 0 ? p.from : p.empty ? at + 1 : p.previous_to;
    ok = strbuf_ok(&text) && splice(e->doc, into, into, strbuf_str(&text), text.len);
    strbuf_done(&text);
    return ok;
}

static bool remove_element(struct edit *e)
{
    struct place p;
    size_t at, from, to;

    if (e->path->count == 0 || !descend(e, e->path->count - 1, &at) ||
        !find(e, at, &e->path->legs[e->path->count - 1], &p) || !p.found)
        return false;
    from = p.previous_to != 0 ? p.previous_to : p.from;
    to = p.previous_to == 0 && p.next_from != 0 ? p.next_from : p.to;
    return splice(e->doc, from, to, NULL, 0);
}

/* ---- the diffs ---- */

static int damaged(unsigned nth, const char *what, struct err *err)
{
    return err_set(err, ERR_BINLOG_MALFORMED, "change %u of a JSON value %s", nth, what);
}

static const char *const operations[] = { "REPLACE", "INSERT", "REMOVE" };

static int apply_one(struct edit *e, struct cursor *c, unsigned nth, struct err *err)
{
    unsigned operation = (unsigned)cursor_le(c, 1);
    uint64_t len = cursor_lenenc(c);
    const uint8_t *at = c->bad || len > cursor_left(c) ? NULL : cursor_bytes(c, (size_t)len);
    const uint8_t *path = at;
    uint64_t path_len = len;
    bool ok = false;

    if (at == NULL || operation > DIFF_REMOVE)
        return damaged(nth, "is damaged", err);
    if (!parse_path(e->path, (const char *)at, (size_t)len))
        return damaged(nth, "has a path that is none", err);
    strbuf_reset(&e->value);
    if (operation != DIFF_REMOVE) {
        len = cursor_lenenc(c);
        at = c->bad || len > cursor_left(c) ? NULL : cursor_bytes(c, (size_t)len);
        if (at == NULL || len == 0)
            return damaged(nth, "is damaged", err);
        if (jsonb_text(at, (size_t)len, &e->value, err) < 0)
            return -1;
    }
    switch ((enum diff_operation)operation) {
    case DIFF_REPLACE:
        ok = replace(e);
        break;
    case DIFF_INSERT:
        ok = insert(e);
        break;
    case DIFF_REMOVE:
        ok = remove_element(e);
        break;
    }
    if (strbuf_check(e->doc, err) < 0 || strbuf_check(&e->value, err) < 0)
        return -1;
    return ok ? 0
              : err_set(err, ERR_BINLOG_MALFORMED,
                        "change %u of a JSON value (%s %.*s) does not fit the old value", nth,
                        operations[operation], (int)MIN(path_len, (uint64_t)PATH_SHOWN),
                        (const char *)path);
}

int json_diff_apply(const void *diffs, size_t len, const char *before, size_t before_len,
                    struct strbuf *out, struct err *err)
{
    struct cursor c = cursor_of(diffs, len);
    struct path path = { .keys = STRBUF(PIECE_MAX) };
    struct edit e = {
        .doc = out, .path = &path, .key = STRBUF(PIECE_MAX), .value = STRBUF(PIECE_MAX)
    };
    int got = 0;

    strbuf_reset(out);
    strbuf_add(out, before, before_len);
    for (unsigned nth = 1; got == 0 && cursor_left(&c) > 0; nth++)
        got = apply_one(&e, &c, nth, err);
    if (got == 0)
        got = strbuf_check(out, err);
    strbuf_done(&path.keys);
    strbuf_done(&e.key);
    strbuf_done(&e.value);
    return got;
}
