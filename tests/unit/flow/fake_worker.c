/*
 * A worker that does as a script says. The file DATADIR/script.STEP holds "WORD [N]": with N only
 * the first N starts behave so, then it does as a good worker does. Each start appends a line to
 * DATADIR/starts; the assignment goes to DATADIR/assignment.STEP and what the process was given to
 * DATADIR/process.STEP, for the tests to look at.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/chan.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/num.h"
#include "base/strbuf.h"

#include "base/banned.h"

struct fake {
    struct chan *chan;
    struct json_object *task;
    const char *dir, *step, *kind;
    bool deaf;
};

static void put_file(const struct fake *f, const char *name, const char *text)
{
    char path[512];
    struct err err = { 0 };

    (void)snprintf(path, sizeof(path), "%s/%s.%s", f->dir, name, f->step);
    (void)fs_write_atomic(path, text, strlen(text), 0600, &err);
}

static void say(struct fake *f, const char *text)
{
    struct json_object *o = NULL;
    struct err err = { 0 };

    if (json_parse(text, strlen(text), 16, &o, &err) < 0 || chan_send(f->chan, o, &err) < 0)
        _exit(9);
    json_object_put(o);
}

static void say_error(struct fake *f, enum err_code code, const char *message, bool retrying)
{
    struct json_object *o = json_object_new_object();
    struct err what = { 0 }, err = { 0 };

    (void)err_set(&what, code, "%s", message);
    json_add_str(o, "t", "error");
    json_add(o, "error", json_from_err(&what));
    json_add_bool(o, "retrying", retrying);
    (void)chan_send(f->chan, o, &err);
    json_object_put(o);
}

/* Handles what comes down; ends the process on `stop` and when the daemon is gone. */
static void listen_ms(struct fake *f, int ms)
{
    struct pollfd p = { .fd = chan_fd(f->chan), .events = POLLIN };
    struct json_object *o = NULL;
    struct err err = { 0 };

    if (poll(&p, 1, ms) <= 0)
        return;
    if (chan_recv(f->chan, &o, &err) <= 0)
        _exit(7);
    if (strcmp(json_get_str(o, "t", ""), "stop") == 0 && !f->deaf)
        _exit(0);
    if (strcmp(json_get_str(o, "t", ""), "throttle") == 0)
        put_file(f, "throttle", json_text(o));
    if (strcmp(json_get_str(o, "t", ""), "conflicts_stored") == 0)
        put_file(f, "stored", json_text(o));
    json_object_put(o);
}

static void wait_for_go(struct fake *f)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/go.%s", f->dir, f->step);
    while (access(path, F_OK) != 0)
        listen_ms(f, 10);
}

/* As chosen; the row with the id "bad" can't be. */
static void mend_rows(struct fake *f)
{
    struct json_object *rows =
        json_get_array(json_get(json_get(f->task, "verify"), "mend"), "rows");

    for (size_t i = 0; i < json_len(rows); i++) {
        struct json_object *row = json_at(rows, i), *o = json_object_new_object();
        const char *id = json_get_str(row, "id", "");
        struct err err = { 0 };

        json_add_str(o, "t", "mend_row");
        json_add_str(o, "db", json_get_str(row, "db", ""));
        json_add_str(o, "table", json_get_str(row, "table", ""));
        json_add_str(o, "id", id);
        json_add_str(o, "state", strcmp(id, "bad") == 0 ? "FAILED" : "APPLIED");
        json_add_str(o, "message", strcmp(id, "bad") == 0 ? "refused by the target" : "");
        (void)chan_send(f->chan, o, &err);
        json_object_put(o);
    }
}

static void finish(struct fake *f)
{
    say(f, "{\"t\":\"progress\",\"progress\":50,\"stepInfo\":{\"processedRecords\":1}}");
    if (strcmp(f->kind, "precheck") == 0)
        say(f, "{\"t\":\"item\",\"checkType\":\"DB_VERSION\",\"endpointType\":\"SOURCE\","
               "\"name\":\"n\",\"status\":\"PASSED\",\"message\":\"\",\"advice\":\"\","
               "\"skippable\":false}");
    if (strcmp(f->kind, "mend") == 0)
        mend_rows(f);
    if (strcmp(f->kind, "watch") == 0) {
        say(f, "{\"t\":\"ready\"}");
        for (;;)
            listen_ms(f, 1000);
    }
    if (strcmp(f->kind, "relay") == 0 || strcmp(f->kind, "incr") == 0) {
        say(f, "{\"t\":\"checkpoint\",\"timestamp\":1700000000,\"file\":\"b.1\",\"pos\":4,"
               "\"gtid\":null}");
        say(f, "{\"t\":\"ready\"}");
        for (;;)
            listen_ms(f, 1000);
    }
    say(f, "{\"t\":\"done\",\"stepInfo\":{\"processedRecords\":2}}");
    _exit(0);
}

/* ---------------------------------------------------------------------- the words of a script */

static void do_segv(struct fake *f)
{
    (void)f;
    (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would exit instead */
    (void)raise(SIGSEGV);
}

static void do_kill(struct fake *f)
{
    (void)f;
    (void)raise(SIGKILL);
}

static void do_exit3(struct fake *f)
{
    (void)f;
    _exit(3);
}

static void do_exit0(struct fake *f)
{
    (void)f;
    _exit(0);
}

static void do_error(struct fake *f)
{
    say_error(f, ERR_TABLE_NOT_EMPTY, "table shop.orders is not empty", false);
    _exit(1);
}

static void do_stale(struct fake *f)
{
    say_error(f, ERR_EPOCH_STALE, "another worker has taken over", false);
    _exit(1);
}

static void do_trouble(struct fake *f)
{
    say_error(f, ERR_DB_LOST, "connection to source lost", true);
    wait_for_go(f);
    finish(f);
}

static void do_trouble_segv(struct fake *f)
{
    say_error(f, ERR_DB_LOST, "connection to source lost", true);
    do_segv(f);
}

static void do_garbage(struct fake *f)
{
    (void)!write(chan_fd(f->chan), "this is { not json\n", 19);
    wait_for_go(f);
}

static void do_unknown(struct fake *f)
{
    say(f, "{\"t\":\"banana\"}");
    wait_for_go(f);
}

static void do_badprogress(struct fake *f)
{
    say(f, "{\"t\":\"progress\",\"progress\":101}");
    wait_for_go(f);
}

static void do_flood(struct fake *f)
{
    for (int i = 0; i < 20000; i++) {
        say(f, "{\"t\":\"progress\",\"progress\":1,\"stepInfo\":{}}");
        say(f, "{\"t\":\"event\",\"level\":\"INFO\",\"event\":\"noise\",\"message\":\"noise\"}");
    }
    finish(f);
}

static void do_hold(struct fake *f)
{
    say(f, "{\"t\":\"progress\",\"progress\":10}");
    wait_for_go(f);
    finish(f);
}

static void do_deaf(struct fake *f)
{
    f->deaf = true;
    (void)signal(SIGTERM, SIG_IGN);
    do_hold(f);
}

static void do_closed(struct fake *f)
{
    (void)f;
    (void)close(3);
    for (;;)
        (void)pause();
}

static void do_halfdone(struct fake *f)
{
    say(f, "{\"t\":\"done\"}");
    (void)raise(SIGKILL);
}

static void say_failed_item(struct fake *f)
{
    say(f, "{\"t\":\"item\",\"checkType\":\"DB_INCR_LOG\",\"endpointType\":\"SOURCE\","
           "\"name\":\"n\",\"status\":\"FAILED\",\"message\":\"log_bin is off\","
           "\"advice\":\"set it\",\"skippable\":false}");
}

static void do_faildone(struct fake *f)
{
    say_failed_item(f);
    finish(f);
}

static void do_failerror(struct fake *f)
{
    say_failed_item(f);
    say_error(f, ERR_PRECHECK_FAILED, "1 check failed", false);
    _exit(1);
}

static void say_ddl(struct fake *f, const char *id, const char *status)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "{\"t\":\"ddl\",\"id\":\"%s\",\"timestamp\":1700000000,\"kind\":\"ALTER_TABLE\","
                   "\"objects\":[\"shop.t\"],\"sql\":\"ALTER TABLE t ADD x INT\","
                   "\"status\":\"%s\",\"targetSql\":[\"ALTER TABLE t ADD x INT\"],"
                   "\"message\":\"refused by the target\"}",
                   id, status);
    say(f, text);
}

/* Stops at a statement until it is given a decision on it. */
static void do_ddl(struct fake *f)
{
    say_ddl(f, "b.1:4", "APPLIED");
    if (json_len(json_get_array(f->task, "ddlDecisions")) > 0) {
        say_ddl(f, "b.1:9", "SKIPPED");
        finish(f);
    }
    say_ddl(f, "b.1:9", "PENDING");
    say_error(f, ERR_DB_QUERY, "the target refuses ALTER TABLE t", false);
    _exit(1);
}

/* More than is kept: the daemon cuts it. */
static void do_longddl(struct fake *f)
{
    static char text[400000];
    struct json_object *o = json_object_new_object(), *objects = json_object_new_array();
    struct err err = { 0 };

    for (size_t i = 0; i + 3 < sizeof(text); i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    for (int i = 0; i < 3000; i++)
        json_object_array_add(objects, json_object_new_string("shop.t"));
    json_add_str(o, "t", "ddl");
    json_add_str(o, "id", "b.1:4");
    json_add_i64(o, "timestamp", 0);
    json_add_str(o, "kind", "OTHER");
    json_add_str(o, "status", "TRACKED");
    json_add(o, "objects", objects);
    json_add_str(o, "sql", text);
    (void)chan_send(f->chan, o, &err);
    json_object_put(o);
    finish(f);
}

static void do_badddl(struct fake *f)
{
    say_ddl(f, "b.1:4", "DONE");
    wait_for_go(f);
}

static void say_conflict(struct fake *f, int seq, int n, const char *decision)
{
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "{\"t\":\"conflict\",\"seq\":%d,\"n\":%d,\"timestamp\":1700000000,"
                   "\"kind\":\"ROW_DIFFERS\",\"decision\":\"%s\",\"db\":\"shop\",\"table\":\"t\","
                   "\"targetDb\":\"shop\",\"targetTable\":\"t\",\"key\":{\"id\":\"1\"},"
                   "\"before\":{\"id\":\"1\",\"a\":null},\"after\":{\"id\":\"1\",\"a\":\"2\"},"
                   "\"target\":[{\"id\":\"1\",\"a\":\"3\"}],\"sourcePos\":\"b.1:4\","
                   "\"sourceGtid\":null,\"targetPos\":\"b.9:9\"}",
                   seq, n, decision);
    say(f, text);
}

/* The second is told twice, as after a kill. */
static void do_conflicts(struct fake *f)
{
    say(f, "{\"t\":\"turn\",\"file\":\"b.7\",\"pos\":4711,\"gtid\":\"0-1-7\","
           "\"timestamp\":1700000000}");
    say_conflict(f, 7, 0, "IGNORED");
    say_conflict(f, 7, 1, "IGNORED");
    say_conflict(f, 7, 1, "IGNORED");
    finish(f);
}

/* FAIL: the record, then the last words. */
static void do_failconflict(struct fake *f)
{
    say_conflict(f, 9, 0, "FAILED");
    say_error(f, ERR_CONFLICT, "row 1 of shop.t differs", false);
    _exit(1);
}

/* More than is kept of one record. */
static void do_longconflict(struct fake *f)
{
    static char value[6000];
    struct json_object *o = json_object_new_object(), *row = json_object_new_object();
    struct err err = { 0 };

    for (size_t i = 0; i + 3 < sizeof(value); i += 3)
        memcpy(value + i, "\xe2\x82\xac", 3);
    for (int i = 0; i < 100; i++) {
        char column[16];
        (void)snprintf(column, sizeof(column), "c%d", i);
        json_add_str(row, column, value);
    }
    json_add_str(o, "t", "conflict");
    json_add_i64(o, "seq", 1);
    json_add_i64(o, "n", 0);
    json_add_i64(o, "timestamp", 1);
    json_add_str(o, "kind", "INSERT_EXISTS");
    json_add_str(o, "decision", "IGNORED");
    json_add_str(o, "db", "shop");
    json_add_str(o, "table", "t");
    json_add_str(o, "targetDb", "shop");
    json_add_str(o, "targetTable", "t");
    json_add(o, "after", row);
    (void)chan_send(f->chan, o, &err);
    json_object_put(o);
    finish(f);
}

static void do_badconflict(struct fake *f)
{
    say_conflict(f, 1, 0, "MAYBE");
    wait_for_go(f);
}

static void do_badturn(struct fake *f)
{
    say(f, "{\"t\":\"turn\",\"file\":\"b.7\",\"pos\":-1,\"timestamp\":1}");
    wait_for_go(f);
}

static void do_loop(struct fake *f)
{
    wait_for_go(f);
    say_error(f, ERR_LOOP, "a marked transaction came back", false);
    _exit(1);
}

#define ROW(id, type)                                                                              \
    "{\"id\":\"" id "\",\"type\":\"" type                                                          \
    "\",\"key\":[{\"columnName\":\"id\",\"columnValue\":\"1\"}],"                                  \
    "\"details\":[{\"columnName\":\"a\",\"sourceValue\":\"x\",\"destValue\":null}],"               \
    "\"correction\":\"UPDATE shop.t SET a = 'x' WHERE id = 1\",\"cut\":false,\"keyHex\":\"0131\"}"

static void say_table(struct fake *f, const char *table, const char *begin, const char *status,
                      const char *result, const char *rows)
{
    char text[4096];

    (void)snprintf(
        text, sizeof(text),
        "{\"t\":\"verify_table\",\"db\":\"shop\",\"table\":\"%s\",\"targetDb\":\"shop2\","
        "\"targetTable\":\"%s\",\"begin\":%s,\"status\":\"%s\",\"resultType\":\"%s\","
        "\"message\":\"\",\"sourceOnly\":0,\"destOnly\":0,\"mismatched\":%d,"
        "\"consistent\":9,\"progress\":50,\"position\":{\"source\":{\"file\":\"b.1\","
        "\"pos\":4,\"gtid\":null},\"sink\":null},\"resume\":{\"chunk\":7},\"rows\":[%s],"
        "\"rowsCut\":false,\"errors\":[]}",
        table, table, begin, status, result, *rows != '\0' ? 2 : 0, rows);
    say(f, text);
}

/* One table that is equal, one that differs in two rows. */
static void do_compare(struct fake *f)
{
    say_table(f, "a", "true", "FINISHED", "CONSISTENT", "");
    say_table(f, "t", "true", "FINISHED", "INCONSISTENT",
              ROW("aa", "MISMATCHED") "," ROW("bad", "IMAGE_ONLY"));
    finish(f);
}

/* The first table is through, the second on its way. */
static void do_half(struct fake *f)
{
    say(f, "{\"t\":\"progress\",\"progress\":50,\"stepInfo\":{\"processedRecords\":1}}");
    say_table(f, "a", "true", "FINISHED", "CONSISTENT", "");
    say_table(f, "t", "true", "RUNNING", "RUNNING", ROW("aa", "MISMATCHED"));
    wait_for_go(f);
    say_table(f, "t", "false", "FINISHED", "INCONSISTENT", ROW("aa", "MISMATCHED"));
    finish(f);
}

static void do_badtable(struct fake *f)
{
    say_table(f, "a", "true", "DONE", "CONSISTENT", "");
    wait_for_go(f);
}

static void do_found(struct fake *f)
{
    for (int i = 0; i < 2; i++)
        say(f, "{\"t\":\"verify_row\",\"db\":\"shop\",\"table\":\"w\",\"row\":" ROW(
                   "ww", "MASTER_ONLY") "}");
    finish(f);
}

static const struct {
    const char *word;
    void (*act)(struct fake *f);
} acts[] = {
    { "compare", do_compare },
    { "half", do_half },
    { "badtable", do_badtable },
    { "found", do_found },
    { "conflicts", do_conflicts },
    { "failconflict", do_failconflict },
    { "longconflict", do_longconflict },
    { "badconflict", do_badconflict },
    { "badturn", do_badturn },
    { "loop", do_loop },
    { "segv", do_segv },
    { "kill", do_kill },
    { "exit3", do_exit3 },
    { "exit0", do_exit0 },
    { "error", do_error },
    { "stale", do_stale },
    { "trouble", do_trouble },
    { "trouble_segv", do_trouble_segv },
    { "garbage", do_garbage },
    { "unknown", do_unknown },
    { "badprogress", do_badprogress },
    { "flood", do_flood },
    { "hold", do_hold },
    { "deaf", do_deaf },
    { "closed", do_closed },
    { "halfdone", do_halfdone },
    { "faildone", do_faildone },
    { "failerror", do_failerror },
    { "ddl", do_ddl },
    { "longddl", do_longddl },
    { "badddl", do_badddl },
};

/* ---------------------------------------------------------------------- */

/* Appends a line to DATADIR/starts; returns which start of this step it is, from 1. */
static int64_t note_start(const struct fake *f)
{
    char path[512], line[160];
    _cleanup_(freep)
    char *all = NULL;
    size_t len = 0;
    struct err err = { 0 };
    int64_t n = 0;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/starts", f->dir);
    (void)snprintf(line, sizeof(line), "%s\n", f->step);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        return 1;
    (void)close(fd);
    if (fs_read_all(path, 1 << 20, &all, &len, &err) < 0)
        return 1;
    for (char *at = all; (at = strstr(at, line)) != NULL; at += strlen(line))
        n++;
    return n;
}

/* Everything this process was given: arguments, environment, descriptors. */
static void note_process(const struct fake *f, int argc, char **argv)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(65536);
    DIR *d = opendir("/proc/self/fd");
    struct dirent *e;

    for (int i = 0; i < argc; i++)
        strbuf_addf(&b, "arg %s\n", argv[i]);
    for (char **v = environ; *v != NULL; v++)
        strbuf_addf(&b, "env %s\n", *v);
    while (d != NULL && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.' && strcmp(e->d_name, "0") != 0)
            strbuf_addf(&b, "fd %s\n", e->d_name);
    if (d != NULL)
        (void)closedir(d);
    strbuf_addf(&b, "group %d\n", getpgrp() == getpid());
    put_file(f, "process", strbuf_str(&b));
}

static void act_out(struct fake *f, int64_t start)
{
    char path[512];
    _cleanup_(freep)
    char *text = NULL;
    char *blank;
    size_t len = 0;
    struct err err = { 0 };
    uint64_t most = 0;

    (void)snprintf(path, sizeof(path), "%s/script.%s", f->dir, f->step);
    if (access(path, F_OK) != 0 || fs_read_all(path, 256, &text, &len, &err) < 0)
        return;
    blank = strchr(text, ' ');
    if (blank != NULL) {
        *blank = '\0';
        if (!num_parse_u64(blank + 1, 1000, &most) || (uint64_t)start > most)
            return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
        if (strcmp(acts[i].word, text) == 0)
            acts[i].act(f);
}

int main(int argc, char **argv)
{
    struct fake f = { 0 };
    struct err err = { 0 };
    int64_t start;

    if (argc > 2 && strcmp(argv[2], "MUTE") == 0) /* it never reads what it is sent */
        for (;;)
            (void)pause();
    if (chan_new(3, &f.chan, &err) < 0 || chan_recv(f.chan, &f.task, &err) <= 0)
        _exit(8); /* nothing came: no words of a leak, either */
    f.dir = json_get_str(f.task, "dataDir", "/");
    f.step = json_get_str(f.task, "step", "?");
    f.kind = json_get_str(f.task, "kind", "?");
    put_file(&f, "assignment", json_text(f.task));
    note_process(&f, argc, argv);
    start = note_start(&f); /* what it was given can be read by then */
    say(&f, "{\"t\":\"hello\",\"pid\":1,\"version\":\"" CAUSEWAY_VERSION "\"}");
    say(&f, "{\"t\":\"endpoint\",\"end\":\"source\",\"version\":\"10.11\",\"charset\":\"utf8mb4\","
            "\"timezone\":\"UTC\",\"flavour\":\"MARIADB\"}");
    act_out(&f, start);
    finish(&f);
}
