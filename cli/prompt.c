#include "cli/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "base/util.h"
#include "cli/term.h"

#include "base/banned.h"

enum { LINE_BYTES = 4096 };

/* Byte by byte: what stands behind the line is for whoever reads next. 1: a line, 0: none. */
static int read_line(int fd, char line[static LINE_BYTES], struct err *err)
{
    size_t len = 0;
    bool any = false;

    for (;;) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_sys(err, ERR_IO, "read the password");
        any = any || n == 1;
        if (n == 0 || c == '\n')
            break;
        if (len + 1 == LINE_BYTES)
            return err_set(err, ERR_PARAM, "the password is longer than %d bytes", LINE_BYTES - 1);
        if (c == '\0')
            return err_set(err, ERR_PARAM, "the password has a NUL character");
        line[len++] = c;
    }
    line[len] = '\0';
    if (len > 0 && line[len - 1] == '\r')
        line[len - 1] = '\0';
    return any ? 1 : 0;
}

static int read_file(const char *path, char line[static LINE_BYTES], struct err *err)
{
    _cleanup_(closep)
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set_sys(err, ERR_IO, "open %s", path);
    return read_line(fd, line, err);
}

static int ask(const char *whose, const char *again, char line[static LINE_BYTES], struct err *err)
{
    struct termios before, quiet;
    _cleanup_(term_signals_freep)
    struct term_signals *signals = NULL;
    int r;

    if (term_signals_new(&signals, err) < 0)
        return -1;
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return err_set_sys(err, ERR_IO, "the terminal");
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    (void)fprintf(stderr, "Password of %s%s: ", whose, again); /* what was typed before is gone */
    do
        r = term_signals_wait(signals, STDIN_FILENO, -1);
    while (r == SIGWINCH);
    if (r == 0)
        r = read_line(STDIN_FILENO, line, err);
    else
        r = err_set(err, ERR_CANCELLED, "interrupted");
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)fputc('\n', stderr);
    return r;
}

static int ask_again(const struct prompt *p, const char *first, struct err *err)
{
    char second[LINE_BYTES];
    int r = ask(p->whose, " again", second, err);

    if (r > 0 && strcmp(first, second) != 0)
        r = err_set(err, ERR_PARAM, "the two passwords differ");
    explicit_bzero(second, sizeof(second));
    return r;
}

int prompt_password(const struct prompt *p, struct secret **ret, struct err *err)
{
    char line[LINE_BYTES];
    bool terminal = p->file == NULL && !p->from_stdin && isatty(STDIN_FILENO) == 1;
    int r;

    if (p->file != NULL)
        r = read_file(p->file, line, err);
    else
        r = terminal ? ask(p->whose, "", line, err) : read_line(STDIN_FILENO, line, err);
    if (r > 0 && terminal && p->twice)
        r = ask_again(p, line, err);
    if (r == 0)
        r = err_set(err, ERR_PARAM, "no password of %s was given", p->whose);
    if (r > 0)
        r = secret_new(line, strlen(line), ret, err);
    explicit_bzero(line, sizeof(line));
    return r;
}
