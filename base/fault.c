#include "base/fault.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/num.h"
#include "base/util.h"

#include "base/banned.h"

static char fault_dir[PATH_MAX - 64];
/* Two threads writing one count at once could leave an empty file, at which nothing dies any more.
 */
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

void fault_setup(const char *dir)
{
    (void)snprintf(fault_dir, sizeof(fault_dir), "%s", dir != NULL ? dir : "");
}

static void count_down(const char *path, const char *name)
{
    char left[24];
    _cleanup_(freep)
    char *text = NULL;
    struct err err = { 0 };
    size_t len = 0;
    uint64_t n = 0;

    if (fs_read_all(path, 20, &text, &len, &err) < 0)
        return;
    if (len > 0 && text[len - 1] == '\n')
        text[len - 1] = '\0';
    if (!num_parse_u64(text, 1000000, &n) || n == 0)
        return;
    if (n == 1) {
        (void)unlink(path);
        log_warn("fault", "fault_kill", "point=%s", name);
        (void)kill(getpid(), SIGKILL);
    }
    (void)snprintf(left, sizeof(left), "%llu", (unsigned long long)(n - 1));
    (void)fs_write_atomic(path, left, strlen(left), 0600, &err);
}

void fault_point(const char *name)
{
    char path[PATH_MAX];

    if (fault_dir[0] == '\0')
        return;
    (void)snprintf(path, sizeof(path), "%s/%s", fault_dir, name);
    if (access(path, F_OK) != 0)
        return;
    (void)pthread_mutex_lock(&counting);
    count_down(path, name);
    (void)pthread_mutex_unlock(&counting);
}
