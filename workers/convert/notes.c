#include "workers/convert/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/util.h"

#include "base/banned.h"

enum { EVENTS_MAX = 1000 };

void notes_done(struct notes *n)
{
    for (size_t i = 0; i < n->count; i++) {
        free(n->list[i].object);
        free(n->list[i].text);
    }
    free(n->list);
    *n = (struct notes){ 0 };
}

void notes_add(struct notes *n, enum note_kind kind, const char *object, const char *fmt, ...)
{
    struct note note = { .kind = kind, .object = strdup(object) };
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&note.text, fmt, ap) < 0)
        note.text = NULL;
    va_end(ap);
    if (n->count == n->cap) {
        size_t cap = n->cap == 0 ? 16 : n->cap * 2;
        struct note *grown = realloc(n->list, cap * sizeof(*grown));

        if (grown == NULL) {
            free(note.object);
            free(note.text);
            n->failed = true;
            return;
        }
        n->list = grown;
        n->cap = cap;
    }
    if (note.object == NULL || note.text == NULL)
        n->failed = true;
    n->list[n->count++] = note;
    n->refused += kind == NOTE_REFUSED;
}

int notes_check(const struct notes *n, struct err *err)
{
    char names[sizeof(err->message)];
    size_t used = 0, shown = 0;

    if (n->failed)
        return err_set(err, ERR_NOMEM, "out of memory for the notes of the schema");
    if (n->refused == 0)
        return 0;
    names[0] = '\0';
    for (size_t i = 0; i < n->count && used + 64 < sizeof(names); i++) {
        int w;

        if (n->list[i].kind != NOTE_REFUSED)
            continue;
        w = snprintf(names + used, sizeof(names) - used, "%s%s: %s", shown > 0 ? "; " : "",
                     n->list[i].object, n->list[i].text);
        if (w < 0 || (size_t)w >= sizeof(names) - used - 64) {
            names[used] = '\0';
            break;
        }
        used += (size_t)w;
        shown++;
    }
    if (shown < n->refused)
        (void)snprintf(names + used, sizeof(names) - used, "%s%zu more (see the project's events)",
                       shown > 0 ? " and " : "", n->refused - shown);
    (void)err_set(err, ERR_SCHEMA_CONVERT, "%zu definition%s can't be carried to the target: %s",
                  n->refused, n->refused == 1 ? "" : "s", names);
    return err_advise(err,
                      "create these objects at the target by hand, change them at the source, or "
                      "leave them out of the selection; nothing was created");
}

struct said {
    size_t times;
    bool told;
};

/* What is said of several objects is told once: counts by kind and text. NULL: out of memory. */
static struct said *count_texts(const struct notes *n, struct map *by_text)
{
    struct said *said = calloc(n->count + 1, sizeof(*said));

    for (size_t i = 0; said != NULL && i < n->count; i++) {
        struct said *s;

        if (n->list[i].kind == NOTE_REFUSED || n->list[i].text == NULL)
            continue;
        s = map_get(by_text, n->list[i].text);
        if (s == NULL && map_set(by_text, n->list[i].text, &said[i]) == 0)
            s = &said[i];
        if (s != NULL)
            s->times++;
    }
    return said;
}

static void tell(const struct note *note, struct said *s, struct report *r)
{
    static const char *const names[] = { [NOTE_REFUSED] = "schema_refused",
                                         [NOTE_MAPPED] = "schema_mapped",
                                         [NOTE_DROPPED] = "schema_left_out",
                                         [NOTE_NARROWER] = "schema_narrower" };
    const char *level = note->kind == NOTE_REFUSED ? "ERROR" : "WARN";

    if (s == NULL || s->times < 2)
        report_event(r, level, names[note->kind], "%s: %s", note->object, note->text);
    else
        report_event(r, level, names[note->kind], "%s and %zu more: %s", note->object, s->times - 1,
                     note->text);
    if (s != NULL)
        s->told = true;
}

void notes_report(const struct notes *n, struct report *r)
{
    _cleanup_(map_freep)
    struct map *by_text = map_new();
    _cleanup_(freep)
    struct said *said = by_text == NULL ? NULL : count_texts(n, by_text);
    size_t told = 0;

    for (size_t i = 0; said != NULL && i < n->count && told < EVENTS_MAX; i++) {
        const struct note *note = &n->list[i];
        struct said *s;

        if (note->object == NULL || note->text == NULL)
            continue;
        s = note->kind == NOTE_REFUSED ? NULL : map_get(by_text, note->text);
        if (s != NULL && s->told)
            continue;
        tell(note, s, r);
        told++;
    }
}

void notes_text(const struct notes *n, size_t from, struct strbuf *to)
{
    static const char *const words[] = { [NOTE_REFUSED] = "refused",
                                         [NOTE_MAPPED] = "mapped",
                                         [NOTE_DROPPED] = "left out",
                                         [NOTE_NARROWER] = "narrower" };

    for (size_t i = from; i < n->count; i++)
        strbuf_addf(to, "%s%s: %s: %s", to->len > 0 ? "\n" : "", words[n->list[i].kind],
                    n->list[i].object, n->list[i].text);
}
