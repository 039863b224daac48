#include "flow/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/util.h"

#include "base/banned.h"

enum { WORKER_CHANNEL_FD = 3 };

static void actions_donep(posix_spawn_file_actions_t *a)
{
    (void)posix_spawn_file_actions_destroy(a);
}

static void attr_donep(posix_spawnattr_t *a)
{
    (void)posix_spawnattr_destroy(a);
}

/* What the worker has open: 0 /dev/null, 1 and 2 the daemon's log, 3 the channel; nothing else. */
static int set_files(posix_spawn_file_actions_t *a, int channel)
{
    int r = posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    if (r == 0)
        r = posix_spawn_file_actions_adddup2(a, STDERR_FILENO, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(a, channel, WORKER_CHANNEL_FD);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(a, WORKER_CHANNEL_FD + 1);
    return r;
}

/* The daemon blocks signals and ignores SIGPIPE: none of that is for the worker. */
static int set_signals(posix_spawnattr_t *attr)
{
    sigset_t all, none;
    int r;

    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    r = posix_spawnattr_setsigdefault(attr, &all);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attr, &none);
    if (r == 0)
        r = posix_spawnattr_setpgroup(attr, 0);
    if (r == 0)
        r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETPGROUP);
    return r;
}

static int spawn(const char *path, const char *project_id, const char *step, int channel,
                 pid_t *ret)
{
    char name[] = "causeway-worker", id[64], what[64];
    char *const argv[] = { name, id, what, NULL };
    char env_path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char env_lang[] = "LANG=C.UTF-8";
    char *const env[] = { env_path, env_lang, NULL };
    _cleanup_(actions_donep)
    posix_spawn_file_actions_t actions;
    _cleanup_(attr_donep)
    posix_spawnattr_t attr;
    int r;

    (void)snprintf(id, sizeof(id), "%s", project_id);
    (void)snprintf(what, sizeof(what), "%s", step);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attr);
    r = set_files(&actions, channel);
    if (r == 0)
        r = set_signals(&attr);
    if (r == 0)
        r = posix_spawn(ret, path, &actions, &attr, argv, env);
    return r;
}

int process_start(struct process *p, const char *path, const char *project_id, const char *step,
                  struct err *err)
{
    int fds[2] = { -1, -1 };
    _cleanup_(closep)
    int ours = -1;
    _cleanup_(closep)
    int theirs = -1;
    int r;

    *p = (struct process){ .pidfd = -1, .out = STRBUF(CHAN_LINE_MAX) };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return err_set_sys(err, ERR_WORKER_DIED, "make a channel for step %s", step);
    ours = fds[0];
    theirs = fds[1];
    /* only our end: the flag belongs to the open file, and the worker's end blocks */
    if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
        return err_set_sys(err, ERR_WORKER_DIED, "make a channel for step %s", step);
    if (chan_new(ours, &p->chan, err) < 0)
        return -1;
    ours = -1;
    r = spawn(path, project_id, step, theirs, &p->pid);
    if (r != 0) {
        errno = r;
        p->pid = 0;
        (void)err_set_sys(err, ERR_WORKER_DIED, "start %s for step %s", path, step);
        process_done(p);
        return -1;
    }
    p->pidfd = pidfd_open(p->pid, 0); /* the child is not reaped yet: the pid is its */
    if (p->pidfd < 0) {
        (void)err_set_sys(err, ERR_WORKER_DIED, "watch the worker of step %s", step);
        process_done(p);
        return -1;
    }
    return 0;
}

int process_flush(struct process *p, struct err *err)
{
    while (p->out_done < p->out.len) {
        ssize_t n = send(chan_fd(p->chan), p->out.data + p->out_done, p->out.len - p->out_done,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            p->out_done += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return 0;
        else if (n < 0 && errno != EINTR)
            return err_set_sys(err, ERR_CHANNEL, "send on the channel");
    }
    if (p->out.data != NULL)
        explicit_bzero(p->out.data, p->out.cap);
    strbuf_done(&p->out); /* an assignment may be large; what follows is small */
    p->out = (struct strbuf)STRBUF(CHAN_LINE_MAX);
    p->out_done = 0;
    return 1;
}

int process_send(struct process *p, struct json_object *o, struct err *err)
{
    const char *text = json_text(o);

    if (p->chan == NULL)
        return err_set(err, ERR_CHANNEL, "the channel is closed");
    /* not chan_send(): that waits for a reader, and one slow worker would hold up all others */
    if (strbuf_reserve(&p->out, strlen(text) + 1) != NULL) {
        strbuf_adds(&p->out, text);
        strbuf_addc(&p->out, '\n');
    }
    if (strbuf_check(&p->out, err) < 0)
        return -1;
    return process_flush(p, err) < 0 ? -1 : 0;
}

void process_signal(const struct process *p, int sig)
{
    if (p->pid > 0)
        (void)kill(-p->pid, sig); /* not reaped yet, so the group is still its own */
}

void process_close_channel(struct process *p)
{
    chan_free(take_ptr(p->chan));
    if (p->out.data != NULL)
        explicit_bzero(p->out.data, p->out.cap);
    strbuf_done(&p->out);
}

int process_reap(struct process *p, int *ret_status)
{
    pid_t r = p->pid > 0 ? waitpid(p->pid, ret_status, WNOHANG) : 0;

    if (r == 0)
        return 0;
    if (r < 0)
        *ret_status = 0xff00; /* somebody else has waited for it: shown as exit status 255 */
    p->pid = 0;
    closep(&p->pidfd);
    p->pidfd = -1;
    return 1;
}

void process_done(struct process *p)
{
    int status;

    if (p->pid > 0) {
        process_signal(p, SIGKILL);
        while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
            ;
        p->pid = 0;
    }
    closep(&p->pidfd);
    p->pidfd = -1;
    process_close_channel(p);
}

const char *process_ending(int wait_status, char buf[static ENDING_MAX])
{
    if (WIFSIGNALED(wait_status))
        (void)snprintf(buf, ENDING_MAX, "signal %d (%s)", WTERMSIG(wait_status),
                       strsignal(WTERMSIG(wait_status)));
    else
        (void)snprintf(buf, ENDING_MAX, "exit status %d", WEXITSTATUS(wait_status));
    return buf;
}
