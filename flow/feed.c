#include "flow/feed.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/precheck.h"
#include "store/project.h"

#include "base/banned.h"

enum {
    WRITE_EVERY_MS = 1000,
    CONFLICTS_WITHIN_MS = 100, /* the worker keeps what is not acknowledged */
};

struct feed *feed_new(const struct plan_row *step)
{
    struct feed *f = calloc(1, sizeof(*f));

    if (f != NULL)
        f->step = step;
    return f;
}

void feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    json_putp(&f->info);
    json_putp(&f->said);
    json_putp(&f->conflicts);
    json_putp(&f->stored);
    free(f);
}

void feed_progress(struct feed *f, double progress, struct json_object *info)
{
    f->has_progress = true;
    f->progress = progress;
    if (info != NULL) {
        json_putp(&f->info);
        f->info = json_object_get(info);
    }
    f->has_trouble = false; /* it got over it */
}

void feed_trouble(struct feed *f, struct json_object *error)
{
    json_to_err(error, &f->trouble);
    f->has_trouble = true;
}

void feed_checkpoint(struct feed *f, int64_t unix_s)
{
    f->checkpoint = unix_s;
    f->has_checkpoint = true;
}

size_t feed_conflict(struct feed *f, struct json_object *record)
{
    if (f->conflicts == NULL) {
        f->conflicts = json_object_new_array();
        f->conflict_bytes = 0;
        f->conflicts_at = clock_mono_ms() + CONFLICTS_WITHIN_MS;
    }
    f->conflict_bytes += strlen(json_text(record));
    json_object_array_add(f->conflicts, record);
    return json_len(f->conflicts);
}

struct json_object *feed_acks(struct feed *f)
{
    struct json_object *o;

    if (f->stored == NULL)
        return NULL;
    o = json_object_new_object();
    json_add_str(o, "t", "conflicts_stored");
    json_add(o, "keys", take_ptr(f->stored));
    return o;
}

int64_t feed_due(const struct feed *f)
{
    int64_t at = f->written_at + WRITE_EVERY_MS;

    if (!f->has_progress && !f->has_trouble && !f->has_checkpoint)
        return f->conflicts != NULL ? f->conflicts_at : 0;
    return f->conflicts != NULL ? MIN(at, f->conflicts_at) : at;
}

/* All of them in one transaction; acknowledged only behind it. */
static int write_conflicts(struct feed *f, struct store *st, struct err *err)
{
    if (f->conflicts == NULL)
        return 0;
    f->conflicts_at = clock_mono_ms() + WRITE_EVERY_MS; /* should it fail */
    if (store_conflict_put(st, f->project_id, f->step->name, f->conflicts, f->limits, err) < 0)
        return -1;
    if (f->stored == NULL)
        f->stored = json_object_new_array();
    for (size_t i = 0; i < json_len(f->conflicts); i++) {
        struct json_object *o = json_at(f->conflicts, i), *key = json_object_new_array();
        json_object_array_add(key, json_object_new_int64(json_get_i64(o, "seq", 0)));
        json_object_array_add(key, json_object_new_int64(json_get_i64(o, "n", 0)));
        json_object_array_add(f->stored, key);
    }
    json_putp(&f->conflicts);
    f->conflicts = NULL;
    return 0;
}

static int write_step(struct feed *f, struct store *st, struct err *err)
{
    const char *name = f->step->name;

    /* in this order: progress clears an older trouble, and a newer one shows again */
    if (f->has_progress &&
        store_step_progress(st, f->project_id, name, f->progress, f->info, err) < 0)
        return -1;
    if (f->has_trouble && store_step_error(st, f->project_id, name, &f->trouble, true, err) < 0)
        return -1;
    if (f->has_checkpoint && store_step_checkpoint(st, f->project_id, name, f->checkpoint, err) < 0)
        return -1;
    return 0;
}

int feed_write(struct feed *f, struct store *st, struct err *err)
{
    if (feed_due(f) == 0)
        return 0;
    if (write_conflicts(f, st, err) < 0)
        return -1;
    if (!f->has_progress && !f->has_trouble && !f->has_checkpoint)
        return 0;
    f->written_at = clock_mono_ms(); /* also after an error: not again at once */
    if (f->project_id[0] != '\0' && f->step->present != NULL && write_step(f, st, err) < 0)
        return -1;
    if (f->precheck_id[0] != '\0' && f->has_progress &&
        store_precheck_set(st, f->precheck_id, "RUNNING", f->progress, NULL, err) < 0)
        return -1;
    f->has_progress = f->has_trouble = f->has_checkpoint = false;
    json_putp(&f->info);
    f->info = NULL;
    return 0;
}
