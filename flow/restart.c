#include "flow/restart.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "base/util.h"

#include "base/banned.h"

int restart_delay(struct restart *r)
{
    r->backoff_ms = r->backoff_ms == 0 ? RESTART_FIRST_MS : MIN(r->backoff_ms * 2, RESTART_MAX_MS);
    return r->backoff_ms;
}

void restart_progressed(struct restart *r)
{
    r->backoff_ms = 0;
}

bool restart_too_often(struct restart *r, int64_t now_ms)
{
    int64_t oldest;

    r->deaths[r->death_count++ % RESTART_DEATHS] = now_ms;
    oldest = r->deaths[r->death_count % RESTART_DEATHS];
    return r->death_count >= RESTART_DEATHS && now_ms - oldest <= RESTART_WITHIN_MS;
}

bool restart_own_making(int wait_status)
{
    static const int crashes[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS };

    if (WIFEXITED(wait_status))
        return true; /* after neither `done` nor an error: it has lost its way */
    for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
        if (WTERMSIG(wait_status) == crashes[i])
            return true;
    return false;
}
