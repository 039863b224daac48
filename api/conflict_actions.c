/* Conflicts that were met: as records, and as log files (oms-api.md 4.19). */
#include "api/action.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/view.h"
#include "api/zip.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "store/conflict.h"

#include "base/banned.h"

enum {
    STEP_MAX = 64,
    LINES_MAX = 64 * 1024 * 1024, /* some records at once */
};

/* Of what one archive may hold: ZIP without its 64-bit form, with room for what it adds. */
#define ARCHIVE_MAX_BYTES (INT64_C(3) << 30)
#define FILE_HEAD "conflict_sql_"
#define FILE_TAIL ".log"

/* clang-format off */
static const char *const conflict_steps[] = { "FULL_TRANSFER", "INCR_TRANSFER", "REVERSE_INCR_TRANSFER", NULL };
static const char *const conflict_kinds[] = { "INSERT_EXISTS", "UPDATE_MISSING", "DELETE_MISSING", "UPDATE_UNIQUE",
    "ROW_DIFFERS", NULL };
static const char *const conflict_decisions[] = { "FAILED", "IGNORED", "OVERWRITTEN", NULL };

#define PROJECT_FIELD \
    { .name = "projectId", .alias = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 }
#define STEP_FIELD \
    { .name = "omsStepName", .alias = "stepName", .type = FT_STRING, .fallback = "\"INCR_TRANSFER\"", .values = conflict_steps }

const struct field list_conflict_record_fields[] = {
    PROJECT_FIELD,
    { .name = "stepName", .alias = "omsStepName", .type = FT_STRING, .flags = F_NOT_EMPTY, .values = conflict_steps },
    { .name = "table", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 129 },
    { .name = "kind", .type = FT_STRING, .flags = F_NOT_EMPTY, .values = conflict_kinds },
    { .name = "decision", .type = FT_STRING, .flags = F_NOT_EMPTY, .values = conflict_decisions },
    { .name = "from", .type = FT_INT, .flags = F_NOT_EMPTY, .min = 0 },
    { .name = "to", .type = FT_INT, .flags = F_NOT_EMPTY, .min = 1 },
    PAGE_NUMBER_FIELDS,
    { 0 },
};

const struct field list_conflict_data_fields[] = { PROJECT_FIELD, STEP_FIELD, { 0 } };

const struct field download_conflict_data_fields[] = {
    PROJECT_FIELD,
    STEP_FIELD,
    { .name = "fileNames", .type = FT_STRINGS, .max = 10000 },
    { 0 },
};
/* clang-format on */

int conflict_list_records(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "projectId", "");
    struct conflict_filter f = {
        .step = json_get_str(c->in, "stepName", NULL),
        .kind = json_get_str(c->in, "kind", NULL),
        .decision = json_get_str(c->in, "decision", NULL),
        .table = json_get_str(c->in, "table", NULL),
        .since = json_get_i64(c->in, "from", 0),
        .until = json_get_i64(c->in, "to", 0),
    };
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *rows = NULL;

    call_page(c);
    f.page = c->page;
    if (store_project_live(c->on->store, id, &p, err) < 0 ||
        store_conflict_list(c->on->store, id, &f, &rows, &c->total, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < json_len(rows); i++)
        json_object_array_add(c->data, view_conflict(json_at(rows, i)));
    return 0;
}

/* ------------------------------------------------------------------ files */

static void file_name(int64_t number, char buf[static 64])
{
    (void)snprintf(buf, 64, FILE_HEAD "%" PRId64 FILE_TAIL, number);
}

static int files_of(struct call *c, struct json_object **ret, struct err *err)
{
    const char *id = json_get_str(c->in, "projectId", "");
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    return store_conflict_files(c->on->store, id, json_get_str(c->in, "omsStepName", ""), ret, err);
}

int conflict_list_data(struct call *c, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *files = NULL;

    if (files_of(c, &files, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < json_len(files); i++) {
        struct json_object *o = json_object_new_object(), *file = json_at(files, i);
        char name[64], time[CLOCK_TEXT_LEN], date[CLOCK_TEXT_LEN + 8];
        file_name(json_get_i64(file, "number", 0), name);
        (void)snprintf(date, sizeof(date), "%s.000",
                       clock_text(json_get_i64(file, "modifiedAt", 0), time));
        json_add_str(o, "fileName", name);
        json_add_str(o, "date", date);
        json_add_i64(o, "size", json_get_i64(file, "bytes", 0));
        json_object_array_add(c->data, o);
    }
    return 0;
}

/* ------------------------------------------------------------------ download */

struct download {
    struct store *store;
    char project_id[ID_MAX], step[STEP_MAX];
    struct json_object *files; /* as store_conflict_files() gave them: those that were asked for */
    size_t at;                 /* the file that is being written */
    bool begun, ended;
    int64_t num; /* the last record of it that was */
    struct zip *zip;
    struct strbuf lines, out;
    size_t taken; /* of `out` */
};

static void download_free(void *ctx)
{
    struct download *d = ctx;

    if (d == NULL)
        return;
    zip_free(d->zip);
    strbuf_done(&d->lines);
    strbuf_done(&d->out);
    json_putp(&d->files);
    free(d);
}

static void download_freep(struct download **d)
{
    download_free(*d);
}

/* A piece more of the archive into `out`, possibly nothing. */
static int produce(struct download *d, struct err *err)
{
    struct json_object *file = json_at(d->files, d->at);
    int64_t number = json_get_i64(file, "number", 0);
    char name[64];
    int r;

    if (file == NULL) {
        d->ended = true;
        return zip_end(d->zip, err);
    }
    if (!d->begun) {
        d->begun = true;
        d->num = 0;
        file_name(number, name);
        return zip_begin(d->zip, name, json_get_i64(file, "modifiedAt", 0), err);
    }
    strbuf_reset(&d->lines);
    r = store_conflict_lines(d->store, d->project_id, d->step, number, &d->num, &d->lines, err);
    if (r < 0 || strbuf_check(&d->lines, err) < 0)
        return -1;
    if (r > 0)
        return zip_add(d->zip, d->lines.data, d->lines.len, err);
    d->begun = false;
    d->at++;
    return 0;
}

static ssize_t download_read(void *ctx, char *buf, size_t max)
{
    struct download *d = ctx;
    struct err err = { 0 };
    size_t n;

    while (d->taken == d->out.len) {
        if (d->ended)
            return 0;
        strbuf_reset(&d->out);
        d->taken = 0;
        if (produce(d, &err) < 0) {
            log_err(LOG_ERROR, "api", "download_broken", &err);
            return -1;
        }
    }
    n = MIN(max, d->out.len - d->taken);
    (void)memcpy(buf, d->out.data + d->taken, n);
    d->taken += n;
    return (ssize_t)n;
}

/* The files that were named, or all; a name that is none is a fault. */
static struct json_object *chosen(struct call *c, struct json_object *files)
{
    struct json_object *names = json_get_array(c->in, "fileNames"), *list;

    if (json_len(names) == 0)
        return json_object_get(files);
    list = json_object_new_array();
    for (size_t i = 0; i < json_len(names); i++) {
        struct json_object *found = NULL;
        char at[64], name[64];
        for (size_t k = 0; k < json_len(files) && found == NULL; k++) {
            file_name(json_get_i64(json_at(files, k), "number", 0), name);
            if (strcmp(name, json_at_str(names, i)) == 0)
                found = json_at(files, k);
        }
        for (size_t k = 0; k < json_len(list) && found != NULL; k++)
            if (json_at(list, k) == found)
                found = list; /* named twice: once is enough */
        (void)snprintf(at, sizeof(at), "fileNames[%zu]", i);
        if (found == NULL)
            faults_add(&c->faults, at, "there is no such file: ListConflictData names them");
        else if (found != list)
            json_object_array_add(list, json_object_get(found));
    }
    return list;
}

static int check_size(struct json_object *files, struct err *err)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < json_len(files); i++)
        bytes += json_get_i64(json_at(files, i), "bytes", 0);
    if (bytes <= ARCHIVE_MAX_BYTES)
        return 0;
    (void)err_set(err, ERR_LIMIT, "the files have %" PRId64 " bytes, an archive takes %" PRId64,
                  bytes, ARCHIVE_MAX_BYTES);
    return err_advise(err, "Ask for fewer of them (fileNames).");
}

int conflict_download(struct call *c, struct err *err)
{
    _cleanup_(download_freep)
    struct download *d = calloc(1, sizeof(*d));
    _cleanup_(json_putp)
    struct json_object *files = NULL;

    if (d == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->store = c->on->store;
    d->lines.max = d->out.max = LINES_MAX;
    (void)snprintf(d->project_id, ID_MAX, "%s", json_get_str(c->in, "projectId", ""));
    (void)snprintf(d->step, STEP_MAX, "%s", json_get_str(c->in, "omsStepName", ""));
    if (files_of(c, &files, err) < 0)
        return -1;
    d->files = chosen(c, files);
    if (faults_raise(&c->faults, err) < 0 || check_size(d->files, err) < 0 ||
        zip_new(&d->out, &d->zip, err) < 0)
        return -1;
    c->stream.type = "application/zip";
    (void)snprintf(c->stream.file_name, sizeof(c->stream.file_name), "%s.zip", d->project_id);
    c->stream.read = download_read;
    c->stream.done = download_free;
    c->stream.ctx = take_ptr(d);
    return 0;
}
