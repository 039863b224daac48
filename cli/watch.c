/* `causeway watch`: the steps of a project until it is where one wants it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "cli/commands.h"

#include "base/banned.h"

enum { POLL_MS = 1000, BAR_LEN = 24, WANTED_MAX = 16, SEEN_MAX = 32, TROUBLE_MAX_MS = 60 * 1000 };

struct wanted {
    const char *step; /* "INCR_TRANSFER=MONITORING" */
};

struct watch {
    struct client *client;
    char *body;
    struct wanted wanted[WANTED_MAX];
    size_t wanted_count;
    int64_t timeout_ms; /* 0: none */
    bool terminal;
    int drawn;            /* lines on the terminal to draw over */
    char *seen[SEEN_MAX]; /* plain lines: what was printed of each step last */
};

static const char usage[] =
    "watch PROJECT_ID [--until STEP=STATUS]... [--until-monitoring] [--timeout SECONDS]";

static void watch_done(struct watch *w)
{
    free(w->body);
    for (size_t i = 0; i < SEEN_MAX; i++)
        free(w->seen[i]);
}

/* ------------------------------------------------------------------ showing */

static void add_bar(struct strbuf *b, double progress)
{
    int full = (int)(progress * BAR_LEN / 100.0);

    strbuf_addc(b, '[');
    for (int i = 0; i < BAR_LEN; i++)
        strbuf_addc(b, i < full ? '#' : '-');
    strbuf_addc(b, ']');
}

static void add_speed(struct strbuf *b, struct json_object *info)
{
    int64_t checkpoint = json_get_i64(info, "incrTimestampCheckpoint", 0);
    int64_t sample = json_get_i64(info, "checkpointSampleTimestamp", 0);
    double rps = json_get_double(info, "dstRps", 0);
    int64_t rows = (int64_t)json_get_double(info, "processedRecords", 0);

    if (rows > 0)
        strbuf_addf(b, "  %lld rows", (long long)rows);
    if (rps > 0)
        strbuf_addf(b, "  %.0f rows/s", rps);
    if (checkpoint > 0 && sample > 0)
        strbuf_addf(b, "  lag %lld s", (long long)MAX(sample - checkpoint, 0));
}

static void step_line(struct strbuf *b, struct json_object *step, bool bar)
{
    double progress = json_get_double(step, "progress", 0);
    const char *trouble = json_get_str(json_get(step, "extraInfo"), "errorMsg", NULL);

    strbuf_addf(b, "%-22s %-10s ", json_get_str(step, "name", ""),
                json_get_str(step, "status", ""));
    if (bar)
        add_bar(b, progress);
    strbuf_addf(b, " %5.1f %%", progress);
    add_speed(b, json_get(step, "stepInfo"));
    if (trouble != NULL)
        strbuf_addf(b, "  %s", trouble);
}

static void draw(struct watch *w, struct json_object *project)
{
    struct json_object *steps = json_get_array(project, "steps");

    if (w->drawn > 0)
        (void)printf("\033[%dA\033[J", w->drawn);
    say("%s  %s", json_get_str(project, "name", ""), json_get_str(project, "status", ""));
    for (size_t i = 0; i < json_len(steps); i++) {
        struct strbuf b = STRBUF(4096);
        step_line(&b, json_at(steps, i), true);
        /* one line of the terminal each, or drawing over would go wrong */
        say("  %.150s", strbuf_str(&b));
        strbuf_done(&b);
    }
    w->drawn = (int)json_len(steps) + 1;
    (void)fflush(stdout);
}

/* Into a file or a pipe: a line for each step that has changed. */
static void print_changes(struct watch *w, struct json_object *project)
{
    struct json_object *steps = json_get_array(project, "steps");
    char now[CLOCK_TEXT_LEN];

    for (size_t i = 0; i < json_len(steps) && i < SEEN_MAX; i++) {
        struct json_object *step = json_at(steps, i);
        const char *status = json_get_str(step, "status", "");
        struct strbuf b = STRBUF(4096);
        step_line(&b, step, false);
        if ((w->seen[i] == NULL && strcmp(status, "INIT") != 0) ||
            (w->seen[i] != NULL && strcmp(w->seen[i], strbuf_str(&b)) != 0)) {
            say("%s %s", clock_text(clock_now_s(), now), strbuf_str(&b));
            free(w->seen[i]);
            w->seen[i] = strdup(strbuf_str(&b));
        }
        strbuf_done(&b);
    }
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
static int verdict(const struct watch *w, struct json_object *project)
{
    struct json_object *steps = json_get_array(project, "steps");
    const char *status = json_get_str(project, "status", "");
    bool all = w->wanted_count > 0;

    for (size_t i = 0; i < w->wanted_count; i++)
        all = all && reached(steps, w->wanted[i].step);
    if (all)
        return ST_OK;
    if (strcmp(status, "FAILED") == 0)
        return ST_FAILED;
    if (strcmp(status, "FINISHED") == 0)
        return w->wanted_count == 0 ? ST_OK : ST_FAILED;
    return strcmp(status, "RELEASED") == 0 || strcmp(status, "DELETED") == 0 ? ST_FAILED : -1;
}

static int parse(struct watch *w, int argc, char *const *argv)
{
    int64_t seconds;

    for (int i = 1; i < argc; i++) {
        const char *wanted = NULL;
        if (strcmp(argv[i], "--until-monitoring") == 0)
            wanted = "INCR_TRANSFER=MONITORING";
        else if (strcmp(argv[i], "--until") == 0 && i + 1 < argc)
            wanted = argv[++i];
        else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc &&
                 num_parse_i64(argv[++i], 1, 1000000000, &seconds)) {
            w->timeout_ms = seconds * 1000;
            continue;
        }
        if (wanted == NULL || strchr(wanted, '=') == NULL || w->wanted_count == WANTED_MAX)
            return -1;
        w->wanted[w->wanted_count++].step = wanted;
    }
    return 0;
}

/* The daemon may be started anew meanwhile: a lost connection is waited out for a minute. */
static int ask(struct watch *w, int64_t *trouble_since, struct json_object **ret, struct err *err)
{
    if (client_data(w->client, "DescribeProject", w->body, ret, err) == 0) {
        *trouble_since = 0;
        return 1;
    }
    if (err->code != ERR_IO && err->code != ERR_STOPPING)
        return -1;
    if (*trouble_since == 0)
        *trouble_since = clock_mono_ms();
    return clock_mono_ms() - *trouble_since > TROUBLE_MAX_MS ? -1 : 0;
}

int command_watch(struct client *c, int argc, char *const *argv)
{
    static const struct timespec pause = { .tv_sec = POLL_MS / 1000 };
    _cleanup_(watch_done)
    struct watch w = { .client = c, .terminal = isatty(STDOUT_FILENO) == 1 };
    int64_t began = clock_mono_ms(), trouble_since = 0;

    if (argc < 1 || parse(&w, argc, argv) < 0)
        return misuse(usage);
    w.body = body_with("id", argv[0]);
    for (;;) {
        _cleanup_(json_putp)
        struct json_object *project = NULL;
        struct err err = { 0 };
        int r = w.body == NULL ? -1 : ask(&w, &trouble_since, &project, &err), end;
        if (r < 0)
            return complain(&err);
        if (r == 1) {
            if (w.terminal)
                draw(&w, project);
            else
                print_changes(&w, project);
            end = verdict(&w, project);
            if (end >= 0)
                return end;
        }
        if (w.timeout_ms > 0 && clock_mono_ms() - began > w.timeout_ms) {
            (void)fprintf(stderr, "causeway: not there within the time given\n");
            return ST_FAILED;
        }
        (void)nanosleep(&pause, NULL);
    }
}
