#include "flow/transition.h"

#include "base/strbuf.h"
#include "base/util.h"

#include "base/banned.h"

#define IN(status) (1U << (status))

/* clang-format off */
static const struct transition rows[] = {
    /* from                                          on              to            why */
    { IN(PS_INIT),                                   EV_START,       PS_RUNNING,   "started by a user" },
    { IN(PS_RUNNING),                                EV_STOP,        PS_SUSPEND,   "stopped by a user" },
    { IN(PS_SUSPEND) | IN(PS_FAILED),                EV_RESUME,      PS_RUNNING,   "resumed by a user" },
    { IN(PS_SUSPEND) | IN(PS_FAILED) | IN(PS_FINISHED), EV_RELEASE,  PS_RELEASING, "released by a user" },
    { IN(PS_INIT) | IN(PS_RELEASED),                 EV_DELETE,      PS_DELETED,   "deleted by a user" },
    { IN(PS_RUNNING),                                EV_STEP_FAILED, PS_FAILED,    "a step gave up" },
    { IN(PS_RUNNING),                                EV_ALL_DONE,    PS_FINISHED,  "every step is done" },
    { IN(PS_RELEASING),                              EV_RELEASED,    PS_RELEASED,  "its rows and files are removed" },
};
/* clang-format on */

#define TEXT_(sym, text) [sym] = text,
static const char *const event_texts[] = { FLOW_EVENT_TABLE(TEXT_) };
#undef TEXT_

const char *flow_event_text(enum flow_event on)
{
    return (unsigned)on < EV_MAX_ ? event_texts[on] : "";
}

const struct transition *transition_table(size_t *ret_count)
{
    *ret_count = ARRAY_SIZE(rows);
    return rows;
}

const struct transition *transition_find(enum project_status from, enum flow_event on)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].on == on && (rows[i].from & IN(from)) != 0)
            return &rows[i];
    return NULL;
}

int transition_refuse(const char *project_id, enum project_status from, enum flow_event on,
                      struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf allowed = STRBUF(256);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (unsigned s = 0; rows[i].on == on && s < PS_MAX_; s++)
            if ((rows[i].from & IN(s)) != 0)
                strbuf_addf(&allowed, "%s%s", allowed.len > 0 ? ", " : "",
                            project_status_text((enum project_status)s));
    return err_set(err, ERR_STATE, "can't %s project %s: it is %s, and this is possible in %s only",
                   flow_event_text(on), project_id, project_status_text(from),
                   strbuf_str(&allowed));
}
