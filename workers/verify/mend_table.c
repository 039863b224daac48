/* The tables of the rows to mend, as they are now at both ends. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "workers/verify/mend.h"
#include "workers/verify/project.h"

#include "base/banned.h"

enum { FAULTS_MAX = 2000 };

static void table_drop(struct mend_table *t)
{
    reading_done(&t->reading);
    normals_free(t->normals);
    for (unsigned end = 0; end < END_MAX_; end++)
        table_free(t->tables[end]);
}

void mend_tables_drop(struct mend *m)
{
    for (size_t i = 0; i < m->table_count; i++)
        table_drop(&m->tables[i]);
    free(m->tables);
    m->tables = NULL;
    m->table_count = 0;
}

static void refuse(struct mend_table *t, const char *what)
{
    (void)snprintf(t->why, sizeof(t->why), "%.500s", what);
}

/* 1; 0: it is not there, and `t` says so; -1. */
static int load_end(struct mend *m, struct mend_table *t, enum end end, const char *db,
                    const char *name, struct err *err)
{
    if (catalog_table(m->ends.conns[end], &m->ends.dialects[end], db, name, &t->tables[end], err) ==
        0)
        return 1;
    if (err->code != ERR_TABLE_NOT_FOUND)
        return -1;
    refuse(t, err->message);
    err_reset(err);
    return 0;
}

static int pair_columns(struct mend *m, struct mend_table *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf missing = STRBUF(FAULTS_MAX);
    const struct table *const tables[END_MAX_] = { t->tables[END_SOURCE], t->tables[END_SINK] };

    if (normals_new(tables, m->ends.dialects, ends_back(&m->ends), &missing, &t->normals, err) < 0)
        return -1;
    if (missing.len > 0)
        refuse(t, strbuf_str(&missing));
    else if (t->normals->key_count == 0)
        refuse(t, "the table has no key: stop the project, run the listed correction at the "
                  "target by hand, then resume");
    return 0;
}

static int load_table(struct mend *m, struct mend_table *t, const struct catalog *c,
                      struct err *err)
{
    const struct table *stored = catalog_find(c, t->db, t->name);
    bool same = true;
    int got;

    if (stored == NULL) {
        refuse(t, "the project has no such table");
        return 0;
    }
    got = load_end(m, t, END_SOURCE, stored->db, stored->name, err);
    if (got == 1)
        got = load_end(m, t, END_SINK, stored->mapped_db, stored->mapped_name, err);
    if (got <= 0)
        return got;
    if (project_apply(t->tables[END_SOURCE], stored, &same, err) < 0)
        return -1;
    if (!same) {
        refuse(t, "its columns were changed by a statement that is still on its way: apply it "
                  "again");
        return 0;
    }
    if (!table_rolls_back(t->tables[END_SINK]) &&
        (m->ends.maps[END_SOURCE] != NULL || m->ends.maps[END_SINK] != NULL)) {
        refuse(t, "its engine at the target takes nothing back, so that a change could be lost "
                  "while both ends are written: stop the project, run the listed correction at "
                  "the target by hand, then resume");
        return 0;
    }
    if (pair_columns(m, t, err) < 0)
        return -1;
    if (t->why[0] != '\0')
        return 0;
    t->of = (struct differing_table){ { t->tables[END_SOURCE], t->tables[END_SINK] }, t->normals };
    if (reading_new(&t->of, &t->reading, err) < 0)
        return -1;
    t->reading.whole = true;
    if (t->reading.faults.len > 0)
        refuse(t, strbuf_str(&t->reading.faults));
    return 0;
}

static struct mend_table *table_of(struct mend *m, const struct mend_row *row)
{
    const char *db = json_get_str(row->doc, "db", ""), *name = json_get_str(row->doc, "table", "");

    for (size_t i = 0; i < m->table_count; i++) {
        const struct mend_table *t = &m->tables[i];

        if (t->db != NULL && strcmp(t->db, db) == 0 && strcmp(t->name, name) == 0)
            return &m->tables[i];
    }
    m->tables[m->table_count] = (struct mend_table){ .db = db, .name = name };
    return &m->tables[m->table_count++];
}

static int load_all(struct mend *m, struct err *err)
{
    _cleanup_(scope_freep)
    struct scope *scope = NULL;
    _cleanup_(catalog_freep)
    struct catalog *c = NULL;

    if (scope_new(task_mapping(m->w->task), &scope, err) < 0 ||
        project_catalog(m->w->task, &m->ends, scope, &c, err) < 0)
        return -1;
    for (size_t i = 0; i < m->table_count; i++)
        if (load_table(m, &m->tables[i], c, err) < 0)
            return -1;
    return 0;
}

static void take_key(struct mend *m, struct mend_row *row)
{
    struct err err = { 0 };

    if (row->table->why[0] != '\0') {
        mend_settle(m, row, MEND_FAILED, row->table->why);
        return;
    }
    row_key_done(&row->key);
    if (row_key_parse(json_get_str(row->doc, "keyHex", ""), row->table->normals->key_count,
                      &row->key, &err) < 0)
        mend_settle(m, row, MEND_FAILED, err.message);
}

int mend_tables(struct mend *m, struct err *err)
{
    m->tables = calloc(m->count + 1, sizeof(*m->tables));
    if (m->tables == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the tables");
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].state == MEND_OPEN || m->rows[i].state == MEND_IN_THE_WAY)
            m->rows[i].table = table_of(m, &m->rows[i]);
    if (load_all(m, err) < 0)
        return -1;
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].state == MEND_OPEN || m->rows[i].state == MEND_IN_THE_WAY)
            take_key(m, &m->rows[i]);
    return 0;
}
