/*
 * A verifier of one's own for the system tests: looks into a project's touch map and asks for
 * holds.
 *
 *   touch_tool PATH      commands a line on standard input, an answer a line: JSON, or an error
 *
 *   state                {"generation","file","pos","era","readSeq","applied","lagMs","ddlSeq"}, or
 * null: no map row DB TABLE [i:N|t:TEXT|b:TEXT]…    number of the row's last change related DB
 * TABLE     likewise ddl DB TABLE         likewise hold                 stop where it is; every
 * hold is renewed until the next `hold`, `until`, `release` until FILE POS       go on, and stop
 * there held                 {"file","pos"} where the present hold stands, or null release keys
 * asks for changed keys from now on; {"lost", "keys": [{"table","seq","key":[…]}]}
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "workers/touch.h"

#include "base/banned.h"

enum { LEASE_MS = 500, RENEW_MS = 50, LINE_MAX_LEN = 4096, WORDS_MAX = 16, KEYS_MAX = 1000 };

struct tool {
    const char *path;
    struct touch *touch;
    struct touch_hold hold;
    uint64_t holds, keys_from, lost;
};

/* The present map, or NULL. */
static struct touch *present(struct tool *t, struct touch_state *ret)
{
    struct err err = { 0 };

    if (t->touch != NULL && touch_look(t->touch, ret))
        return t->touch;
    touch_free(t->touch);
    t->touch = NULL;
    t->keys_from = 0;
    if (touch_open(t->path, &t->touch, &err) < 0)
        (void)fprintf(stderr, "%s\n", err.message);
    return t->touch != NULL && touch_look(t->touch, ret) ? t->touch : NULL;
}

static void answer(struct json_object *o)
{
    (void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    (void)fflush(stdout);
    json_object_put(o);
}

static struct json_object *position(const struct binlog_pos *p)
{
    struct json_object *o = json_object_new_object();

    (void)json_add_str(o, "file", p->file);
    (void)json_add_u64(o, "pos", p->offset);
    (void)json_add_u64(o, "era", p->era);
    return o;
}

static struct json_object *state(struct tool *t)
{
    struct touch_state s;
    struct json_object *o;

    if (present(t, &s) == NULL)
        return NULL;
    o = position(&s.read);
    (void)json_add_u64(o, "generation", s.generation);
    (void)json_add_u64(o, "readSeq", s.read_seq);
    (void)json_add_u64(o, "applied", s.applied);
    (void)json_add_i64(o, "lagMs", s.lag_ms);
    (void)json_add_u64(o, "ddlSeq", s.ddl_seq);
    return o;
}

static uint64_t hash_word(uint64_t h, const char *word)
{
    int64_t n = 0;

    if (strncmp(word, "i:", 2) == 0 && num_parse_i64(word + 2, INT64_MIN, INT64_MAX, &n))
        return touch_hash_i64(h, n);
    return strncmp(word, "b:", 2) == 0 ? touch_hash_bytes(h, word + 2, strlen(word + 2))
                                       : touch_hash_text(h, word + 2, strlen(word + 2));
}

static struct json_object *change_of(struct tool *t, char *const *words, size_t count)
{
    struct touch_state s;
    struct touch *map = present(t, &s);
    uint64_t h;

    if (map == NULL || count < 3)
        return NULL;
    h = touch_hash_table(words[1], words[2]);
    if (strcmp(words[0], "related") == 0)
        return json_object_new_uint64(touch_related(map, h));
    if (strcmp(words[0], "ddl") == 0)
        return json_object_new_uint64(touch_ddl(map, h));
    for (size_t i = 3; i < count; i++)
        h = hash_word(h, words[i]);
    return json_object_new_uint64(touch_row(map, h));
}

static void renew(struct tool *t)
{
    struct touch_state s;

    if (t->hold.id != 0 && present(t, &s) != NULL)
        touch_hold_ask(t->touch, &t->hold, LEASE_MS);
}

static struct json_object *hold(struct tool *t, char *const *words, size_t count)
{
    struct touch_state s;
    int64_t pos = 0;

    if (strcmp(words[0], "release") == 0) {
        t->hold = (struct touch_hold){ 0 };
        if (present(t, &s) != NULL)
            touch_hold_ask(t->touch, &t->hold, 0);
        return json_object_new_boolean(true);
    }
    if (present(t, &s) == NULL)
        return NULL;
    t->hold = (struct touch_hold){ .id = ++t->holds };
    if (count > 2 && num_parse_i64(words[2], 0, INT64_MAX, &pos)) {
        t->hold.until = true;
        t->hold.pos = (struct binlog_pos){ .offset = (uint64_t)pos, .era = s.read.era };
        (void)snprintf(t->hold.pos.file, sizeof(t->hold.pos.file), "%s", words[1]);
    }
    renew(t);
    return json_object_new_boolean(true);
}

static struct json_object *held(struct tool *t)
{
    struct binlog_pos p;

    return t->touch != NULL && touch_held(t->touch, t->hold.id, &p) ? position(&p) : NULL;
}

static struct json_object *key_texts(const struct touch_change *c)
{
    struct json_object *list = json_object_new_array();

    for (size_t at = 0; at + 4 <= c->key_len;) {
        size_t len = (size_t)c->key[at] | (size_t)c->key[at + 1] << 8;
        at += 4;
        if (at + len > c->key_len)
            break;
        (void)json_object_array_add(
            list, json_object_new_string_len((const char *)c->key + at, (int)len));
        at += len;
    }
    return list;
}

static struct json_object *keys(struct tool *t)
{
    struct touch_state s;
    struct touch_change c;
    struct json_object *o, *list;

    if (present(t, &s) == NULL)
        return NULL;
    touch_keys_wanted(t->touch, true);
    o = json_object_new_object();
    list = json_object_new_array();
    for (int i = 0; i < KEYS_MAX && touch_change_next(t->touch, &t->keys_from, &t->lost, &c) == 1;
         i++) {
        struct json_object *k = json_object_new_object();
        (void)json_add_u64(k, "seq", c.seq);
        (void)json_add_u64(k, "table", c.table);
        (void)json_add(k, "key", key_texts(&c));
        (void)json_object_array_add(list, k);
    }
    (void)json_add_u64(o, "lost", t->lost);
    (void)json_add(o, "keys", list);
    return o;
}

static struct json_object *run(struct tool *t, char *const *words, size_t count)
{
    static const struct {
        const char *word;
        int what;
    } commands[] = { { "state", 0 },   { "row", 1 },  { "related", 1 },
                     { "ddl", 1 },     { "hold", 2 }, { "until", 2 },
                     { "release", 2 }, { "held", 3 }, { "keys", 4 } };

    for (size_t i = 0; count > 0 && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].word, words[0]) != 0)
            continue;
        switch (commands[i].what) {
        case 0:
            return state(t);
        case 1:
            return change_of(t, words, count);
        case 2:
            return hold(t, words, count);
        case 3:
            return held(t);
        default:
            return keys(t);
        }
    }
    return json_object_new_string("unknown command");
}

static size_t split(char *line, char **words)
{
    size_t n = 0;
    char *save = NULL;

    for (char *w = strtok_r(line, " \n", &save); w != NULL && n < WORDS_MAX;
         w = strtok_r(NULL, " \n", &save))
        words[n++] = w;
    return n;
}

int main(int argc, char **argv)
{
    /* ids that no other tool has had */
    struct tool t = { .path = argc == 2 ? argv[1] : NULL, .holds = (uint64_t)getpid() << 20 };
    struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
    char line[LINE_MAX_LEN], *words[WORDS_MAX];

    if (t.path == NULL) {
        (void)fputs("usage: touch_tool PATH\n", stderr);
        return 2;
    }
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* poll() tells of what is not read yet */
    for (;;) {
        int got = poll(&in, 1, RENEW_MS);
        if (got < 0 && errno != EINTR)
            break;
        renew(&t);
        if (got <= 0)
            continue;
        if (fgets(line, sizeof(line), stdin) == NULL)
            break;
        answer(run(&t, words, split(line, words)));
    }
    touch_free(t.touch);
    return 0;
}
