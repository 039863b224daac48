/* `causeway watch`: the steps of a project until it is where one wants it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/screen.h"
#include "cli/term.h"

#include "base/banned.h"

enum {
    POLL_MS = 1000,
    STEPS_MAX = 32,
    TROUBLE_MAX_MS = 60 * 1000,
    BAR_MAX = 30,
    NEEDED_FOR_BAR = 112, /* columns of a line with everything, without the bar */
    LINE_BYTES = 4096,
};

struct watch {
    struct cli *cli;
    char *id;
    int64_t timeout_ms; /* 0: none */
    bool terminal;
    struct term_signals *signals;
    struct json_object *project; /* as it was told last */
    struct eta etas[STEPS_MAX];
    char *seen[STEPS_MAX]; /* what was printed of each step last */
    int *widths;           /* of the lines that stand on the terminal */
    int drawn;
};

static void watch_done(struct watch *w)
{
    if (w->terminal && w->signals != NULL)
        (void)fputs("\033[?25h", stdout); /* the cursor is back */
    (void)fflush(stdout);
    term_signals_free(w->signals);
    free(w->id);
    free(w->widths);
    json_putp(&w->project);
    for (size_t i = 0; i < STEPS_MAX; i++)
        free(w->seen[i]);
}

/* ------------------------------------------------------------------ in a terminal */

/* Lines that were drawn may have been folded since: the terminal has become narrower. */
static int rows_drawn(const struct watch *w, int columns)
{
    int rows = 0;

    for (int i = 0; i < w->drawn; i++)
        rows += MAX(1, (w->widths[i] + columns - 1) / columns);
    return rows;
}

static void draw_line(struct watch *w, struct strbuf *b, int columns)
{
    screen_cut(b, columns - 1);
    w->widths[w->drawn++] = screen_width(strbuf_str(b));
    say("%s", strbuf_str(b));
}

static void draw(struct watch *w)
{
    struct json_object *steps = json_get_array(w->project, "steps");
    struct strbuf b = STRBUF(LINE_BYTES);
    int columns, rows, bar, room;

    term_size(&columns, &rows);
    bar = MIN(columns - NEEDED_FOR_BAR, BAR_MAX);
    bar = bar >= 10 ? bar : columns >= 72 ? 10 : 0;
    room = rows_drawn(w, columns);
    if (room > 0)
        (void)printf("\033[%dA\r\033[J", MIN(room, rows - 1));
    else
        (void)fputs("\033[?25l", stdout);
    w->drawn = 0;
    strbuf_addf(&b, "%s  %s", json_get_str(w->project, "name", ""),
                json_get_str(w->project, "status", ""));
    draw_line(w, &b, columns);
    /* what does not fit is left out: the last row stays the cursor's */
    for (size_t i = 0; i < MIN(json_len(steps), STEPS_MAX) && w->drawn < rows - 1; i++) {
        struct json_object *step = json_at(steps, i);
        bool ends = eta_of_step(&w->etas[i], step, clock_mono_ms());
        strbuf_reset(&b);
        strbuf_adds(&b, "  ");
        screen_step(&b, step, bar, ends ? &w->etas[i] : NULL);
        draw_line(w, &b, columns);
    }
    strbuf_done(&b);
    (void)fflush(stdout);
}

/* ------------------------------------------------------------------ into a file or a pipe */

/* A line for each step that has changed, as text or as JSON. */
static void print_step(struct watch *w, size_t i, struct json_object *step)
{
    struct strbuf b = STRBUF(LINE_BYTES * 16);
    char now[CLOCK_TEXT_LEN];
    bool begun = strcmp(json_get_str(step, "status", ""), "INIT") != 0;

    if (w->cli->json)
        strbuf_adds(&b, json_text(step));
    else
        screen_step(&b, step, 0, NULL);
    if ((w->seen[i] == NULL && begun) ||
        (w->seen[i] != NULL && strcmp(w->seen[i], strbuf_str(&b)) != 0)) {
        free(w->seen[i]);
        w->seen[i] = strdup(strbuf_str(&b));
        if (!w->cli->json && eta_of_step(&w->etas[i], step, clock_mono_ms())) {
            strbuf_reset(&b);
            screen_step(&b, step, 0, &w->etas[i]);
        }
        if (w->cli->json)
            (void)printf("{\"time\":\"%s\",\"projectStatus\":\"%s\",\"step\":%s}\n",
                         clock_text(clock_now_s(), now), json_get_str(w->project, "status", ""),
                         strbuf_str(&b));
        else
            say("%s %s", clock_text(clock_now_s(), now), strbuf_str(&b));
    }
    strbuf_done(&b);
}

static void show(struct watch *w)
{
    struct json_object *steps = json_get_array(w->project, "steps");

    if (w->terminal) {
        draw(w);
        return;
    }
    for (size_t i = 0; i < MIN(json_len(steps), STEPS_MAX); i++)
        print_step(w, i, json_at(steps, i));
    (void)fflush(stdout);
}

/* ------------------------------------------------------------------ deciding */

static bool reached(struct json_object *steps, const char *wanted)
{
    const char *equals = strchr(wanted, '=');
    size_t len = (size_t)(equals - wanted);

    for (size_t i = 0; i < json_len(steps); i++) {
        const char *name = json_get_str(json_at(steps, i), "name", "");
        if (strlen(name) == len && strncasecmp(name, wanted, len) == 0)
            return strcasecmp(json_get_str(json_at(steps, i), "status", ""), equals + 1) == 0;
    }
    return false;
}

/* An exit status, or -1 to go on. */
static int verdict(const struct watch *w)
{
    const struct args *a = &w->cli->args;
    struct json_object *steps = json_get_array(w->project, "steps");
    const char *status = json_get_str(w->project, "status", "");
    bool monitoring = args_has(a, "--until-monitoring");
    bool wanted = monitoring || args_has(a, "--until"), all = wanted;

    if (monitoring)
        all = reached(steps, "INCR_TRANSFER=MONITORING");
    for (size_t i = 0; args_nth(a, "--until", i) != NULL; i++)
        all = all && reached(steps, args_nth(a, "--until", i));
    if (all)
        return ST_OK;
    if (strcmp(status, "FAILED") == 0)
        return ST_FAILED;
    if (strcmp(status, "FINISHED") == 0)
        return wanted ? ST_FAILED : ST_OK;
    return strcmp(status, "RELEASED") == 0 || strcmp(status, "DELETED") == 0 ? ST_FAILED : -1;
}

/* The daemon may be started anew meanwhile: a lost connection is waited out for a minute. */
static int ask(struct watch *w, int64_t *trouble_since, struct err *err)
{
    struct json_object *project = NULL;

    if (cli_ask_id(w->cli, "DescribeProject", "id", w->id, &project, err) == 0) {
        json_putp(&w->project);
        w->project = project;
        *trouble_since = 0;
        return 1;
    }
    if (err->code != ERR_IO && err->code != ERR_STOPPING)
        return -1;
    if (*trouble_since == 0)
        *trouble_since = clock_mono_ms();
    return clock_mono_ms() - *trouble_since > TROUBLE_MAX_MS ? -1 : 0;
}

/* Until the next look is due. Returns a signal to end by, or 0. */
static int pause_for(struct watch *w, int64_t until_ms)
{
    for (;;) {
        int64_t left = until_ms - clock_mono_ms();
        int signal = term_signals_wait(w->signals, -1, (int)MAX(left, 0));
        if (signal == SIGWINCH && w->terminal && w->project != NULL)
            draw(w);
        else if (signal != 0 && signal != SIGWINCH)
            return signal;
        if (left <= 0)
            return 0;
    }
}

static int loop(struct watch *w)
{
    int64_t began = clock_mono_ms(), trouble_since = 0;

    for (;;) {
        int64_t now = clock_mono_ms();
        struct err err = { 0 };
        int r = ask(w, &trouble_since, &err), status;
        if (r < 0)
            return cli_fail(w->cli, &err);
        if (r == 1) {
            show(w);
            status = verdict(w);
            if (status >= 0)
                return status;
        }
        if (w->timeout_ms > 0 && clock_mono_ms() - began > w->timeout_ms) {
            (void)err_set(&err, ERR_TIMEOUT, "not there within the time given");
            (void)err_advise(&err, "The project goes on: causeway project show %s.", w->id);
            return cli_fail(w->cli, &err);
        }
        status = pause_for(w, now + POLL_MS);
        if (status != 0)
            return 128 + status;
    }
}

int run_watch(struct cli *c)
{
    _cleanup_(watch_done)
    struct watch w = { .cli = c, .terminal = isatty(STDOUT_FILENO) == 1 && !c->json };
    const char *timeout = args_get(&c->args, "--timeout");
    struct err err = { 0 };
    int64_t seconds = 0;

    for (size_t i = 0; args_nth(&c->args, "--until", i) != NULL; i++)
        if (strchr(args_nth(&c->args, "--until", i), '=') == NULL) {
            (void)err_set(&err, ERR_PARAM, "--until %s: say STEP=STATUS",
                          args_nth(&c->args, "--until", i));
            return cli_fail(c, &err);
        }
    if (timeout != NULL && num_parse_i64(timeout, 0, INT64_MAX / 1000, &seconds))
        w.timeout_ms = seconds * 1000;
    w.widths = calloc(STEPS_MAX + 1, sizeof(int));
    if (w.widths == NULL) {
        (void)err_set(&err, ERR_NOMEM, "out of memory");
        return cli_fail(c, &err);
    }
    if (cli_project(c, &w.id, &err) < 0 || term_signals_new(&w.signals, &err) < 0)
        return cli_fail(c, &err);
    return loop(&w);
}
