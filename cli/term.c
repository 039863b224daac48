#include "cli/term.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include "base/banned.h"

enum { COLUMNS_DEFAULT = 80, ROWS_DEFAULT = 24, SIZE_MAX_ = 10000 };

struct term_signals {
    int fd;
    sigset_t before;
};

void term_size(int *ret_columns, int *ret_rows)
{
    struct winsize w = { 0 };
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0;

    *ret_columns = known && w.ws_col > 0 ? MIN((int)w.ws_col, SIZE_MAX_) : COLUMNS_DEFAULT;
    *ret_rows = known && w.ws_row > 0 ? MIN((int)w.ws_row, SIZE_MAX_) : ROWS_DEFAULT;
}

int term_signals_new(struct term_signals **ret, struct err *err)
{
    struct term_signals *s = calloc(1, sizeof(*s));
    sigset_t set;

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGWINCH);
    s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->fd < 0 || sigprocmask(SIG_BLOCK, &set, &s->before) < 0) {
        (void)err_set_sys(err, ERR_IO, "wait for signals");
        closep(&s->fd);
        free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void term_signals_free(struct term_signals *s)
{
    if (s == NULL)
        return;
    closep(&s->fd);
    (void)sigprocmask(SIG_SETMASK, &s->before, NULL);
    free(s);
}

int term_signals_wait(struct term_signals *s, int fd, int timeout_ms)
{
    struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
    struct signalfd_siginfo info;

    if (poll(p, 2, timeout_ms) <= 0 || (p[0].revents & POLLIN) == 0)
        return 0;
    return read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}
