#include "workers/incr/unsettled.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#include "base/banned.h"

enum { PLACE_MAX = 40, ID_TEXT_MAX = 64 };

struct entry {
    struct entry *next; /* another row with the same key: equal hashes */
    char *row;
    char id[ID_TEXT_MAX]; /* "": settled */
    uint32_t index;
    bool changed;
};

struct unsettled {
    struct map *places; /* "index:hash" or "index:" (whole) -> entries; NULL: no memory for it */
    size_t live;
};

struct unsettled *unsettled_new(void)
{
    struct unsettled *u = calloc(1, sizeof(*u));

    if (u == NULL)
        return NULL;
    u->places = map_new();
    if (u->places == NULL) {
        free(u);
        return NULL;
    }
    return u;
}

static void entry_free(struct entry *e)
{
    free(e->row);
    free(e);
}

static void free_all(struct unsettled *u)
{
    size_t at = 0;
    const char *key;
    void *value;

    while (u->places != NULL && map_next(u->places, &at, &key, &value)) {
        for (struct entry *e = value, *next; e != NULL; e = next) {
            next = e->next;
            entry_free(e);
        }
    }
    map_free(u->places);
    u->places = NULL;
    u->live = 0;
}

void unsettled_clear(struct unsettled *u)
{
    free_all(u);
    u->places = map_new();
}

void unsettled_free(struct unsettled *u)
{
    if (u == NULL)
        return;
    free_all(u);
    free(u);
}

static void place_of(const struct dep_key *k, bool whole, char ret[static PLACE_MAX])
{
    if (whole)
        (void)snprintf(ret, PLACE_MAX, "%" PRIu32 ":", k->index);
    else
        (void)snprintf(ret, PLACE_MAX, "%" PRIu32 ":%" PRIx64, k->index, k->hash);
}

static struct entry *find(const struct unsettled *u, const struct dep_key *k, const char *row)
{
    char place[PLACE_MAX];
    struct entry *e;

    if (u->places == NULL)
        return NULL;
    place_of(k, k->whole, place);
    for (e = map_get(u->places, place); e != NULL && strcmp(e->row, row) != 0; e = e->next) {
    }
    return e;
}

static struct entry *add(struct unsettled *u, const struct dep_key *k, const char *row)
{
    char place[PLACE_MAX];
    struct entry *e = calloc(1, sizeof(*e));

    if (e == NULL || u->places == NULL) {
        free(e);
        return NULL;
    }
    place_of(k, k->whole, place);
    e->row = strdup(row);
    e->index = k->index;
    e->next = map_get(u->places, place);
    if (e->row == NULL || map_set(u->places, place, e) < 0) {
        entry_free(e);
        return NULL;
    }
    return e;
}

int unsettled_put(struct unsettled *u, const struct dep_key *k, const char *row, const char *id)
{
    struct entry *e = find(u, k, row);

    if (e == NULL)
        e = add(u, k, row);
    if (e == NULL)
        return -1;
    u->live += e->id[0] == '\0';
    (void)snprintf(e->id, sizeof(e->id), "%s", id);
    e->changed = false;
    return 0;
}

static void touch_place(struct unsettled *u, const char *place)
{
    for (struct entry *e = map_get(u->places, place); e != NULL; e = e->next)
        e->changed = true;
}

static void touch_index(struct unsettled *u, uint32_t index)
{
    size_t at = 0;
    const char *key;
    void *value;

    while (map_next(u->places, &at, &key, &value)) {
        for (struct entry *e = value; e != NULL; e = e->next)
            e->changed |= e->index == index;
    }
}

void unsettled_touch(struct unsettled *u, const struct dep_key *keys, size_t count)
{
    char place[PLACE_MAX];

    for (size_t i = 0; i < count && u->live > 0; i++) {
        if (keys[i].whole) {
            touch_index(u, keys[i].index);
            continue;
        }
        place_of(&keys[i], false, place);
        touch_place(u, place);
        place_of(&keys[i], true, place);
        touch_place(u, place);
    }
}

enum answer unsettled_answer(struct unsettled *u, const struct dep_key *k, const char *row,
                             const char *id)
{
    struct entry *e = find(u, k, row);

    if (e == NULL || e->id[0] == '\0')
        return ANSWER_ASK_AGAIN;
    if (strcmp(e->id, id) != 0)
        return ANSWER_NOT_LAST;
    if (e->changed)
        return ANSWER_ASK_AGAIN;
    e->id[0] = '\0';
    if (--u->live == 0)
        unsettled_clear(u); /* the memory, too */
    return ANSWER_SETTLES;
}
