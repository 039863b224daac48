/* The source is another server from here on (docs/positions.md). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/incr/session.h"

#include "base/banned.h"

int era_names_compare(const struct session *s, struct err *err)
{
    int was = s->facts->lower_case_table_names, now = s->sync->source.lower_case_table_names;

    if ((was != 0) == (now != 0))
        return 0;
    (void)err_set(err, ERR_SOURCE_CHANGED,
                  "lower_case_table_names was %d at the source and is %d: the project's names mean "
                  "other tables",
                  was, now);
    return err_advise(err,
                      "Point the data source at a server with lower_case_table_names = %d, or "
                      "start the project anew.",
                      was);
}

/*
 * What was told of the old server. Collations of databases are kept: those are of this place in the
 * stream, the server tells of now.
 */
static int ask_facts(struct session *s, struct conn *c, struct err *err)
{
    _cleanup_(facts_freep)
    struct facts *now = NULL;
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    struct map *databases;

    if (facts_load(c, &s->sync->source, &now, err) < 0)
        return -1;
    databases = now->databases;
    now->databases = s->facts->databases;
    s->facts->databases = databases;
    group_set_facts(s->group, now);
    facts_free(s->facts);
    s->facts = take_ptr(now);
    doc = facts_to_json(s->facts);
    if (doc == NULL)
        return err_set(err, ERR_NOMEM, "no memory for what is known of the source");
    return control_facts_put(s->conn, &s->fence, doc, err);
}

/* Version, flavour and settings; by whoever answers now, which may be a later one yet. */
static int ask_again(struct session *s, struct err *err)
{
    _cleanup_(conn_closep)
    struct conn *c = NULL;

    if (conn_open(&s->sync->w->task->ends[END_SOURCE], NULL, &c, err) < 0 ||
        dialect_detect(c, &s->sync->source, err) < 0 || era_names_compare(s, err) < 0 ||
        ask_facts(s, c, err) < 0)
        return err_wrap(err, "the new source");
    s->changer.writer.cascades = !s->sync->source.cascades_logged;
    log_info("incr", "source_asked", "version=%s", s->sync->source.version_text);
    return 0;
}

int era_begin(struct session *s, const struct record *r, struct err *err)
{
    if (session_wait_idle(s, err) < 0 || session_checkpoint(s, err) < 0 || ask_again(s, err) < 0)
        return -1;
    FAULT("incr.era.between");
    (void)snprintf(s->cp.source_uuid, sizeof(s->cp.source_uuid), "%s", r->source_uuid);
    if (!group_open(s->group))
        s->cp.pos = r->start; /* else the open one's end gets there, with its number */
    log_warn("incr", "new_era", "era=%u source=%s seq=%" PRIu64 " open=%d", r->start.era,
             r->source_uuid, s->cp.seq, group_open(s->group));
    if (group_era(s->group, &r->start, err) < 0)
        return -1;
    witness_begin(s);
    return 0;
}
