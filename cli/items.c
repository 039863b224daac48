#include "cli/items.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/screen.h"
#include "cli/term.h"

#include "base/banned.h"

enum { POLL_MS = 500, TIMEOUT_S = 300, XML_MAX = 64 * 1024 * 1024 };

static bool is(struct json_object *item, const char *status)
{
    return strcmp(json_get_str(item, "status", ""), status) == 0;
}

/* The daemon shows a precheck that could not run as an item of this name. */
static bool could_not_run(struct json_object *item)
{
    return strcmp(json_get_str(item, "checkType", ""), "PRECHECK_RUN") == 0;
}

int items_wait(struct cli *c, const char *id, struct json_object **ret, struct err *err)
{
    const char *timeout = args_get(&c->args, "--timeout");
    _cleanup_(term_signals_freep)
    struct term_signals *signals = NULL;
    int64_t began = clock_mono_ms(), limit = TIMEOUT_S;

    if (timeout != NULL)
        (void)num_parse_i64(timeout, 0, INT64_MAX, &limit);
    if (term_signals_new(&signals, err) < 0)
        return -1;
    for (;;) {
        _cleanup_(json_putp)
        struct json_object *data = NULL;
        const char *status;
        int signal;
        if (cli_ask_id(c, "GetPreCheckResult", "id", id, &data, err) < 0)
            return -1;
        status = json_get_str(data, "preCheckStatus", "");
        if (strcmp(status, "FAILED") == 0 || strcmp(status, "FINISHED") == 0) {
            *ret = take_ptr(data);
            return 0;
        }
        if ((clock_mono_ms() - began) / 1000 >= limit) {
            (void)err_set(err, ERR_TIMEOUT, "the check was not over after %lld s",
                          (long long)limit);
            return err_advise(err,
                              "It goes on at the daemon: causeway call GetPreCheckResult "
                              "'{\"id\":\"%s\"}' shows it.",
                              id);
        }
        signal = term_signals_wait(signals, -1, POLL_MS);
        if (signal != 0 && signal != SIGWINCH)
            return err_set(err, ERR_CANCELLED, "interrupted");
    }
}

void items_say(struct json_object *data)
{
    struct json_object *items = json_get_array(data, "preCheckResults");
    size_t counts[4] = { 0 };
    static const char *const kinds[] = { "PASSED", "WARNING", "FAILED", "SKIPPED" };

    for (size_t i = 0; i < json_len(items); i++) {
        struct json_object *item = json_at(items, i);
        const char *advice = json_get_str(item, "advice", "");
        say("%-8s %-6s %-30s %s", json_get_str(item, "status", ""),
            json_get_str(item, "endpointType", ""), json_get_str(item, "checkType", ""),
            json_get_str(item, "message", ""));
        if (*advice != '\0' && (is(item, "FAILED") || is(item, "WARNING")))
            say("%-46s %s", "", advice);
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
            counts[k] += is(item, kinds[k]);
    }
    say("%zu passed, %zu warnings, %zu failed, %zu skipped", counts[0], counts[1], counts[2],
        counts[3]);
}

int items_status(struct json_object *data)
{
    struct json_object *items = json_get_array(data, "preCheckResults");
    int status =
        strcmp(json_get_str(data, "preCheckStatus", ""), "FAILED") == 0 ? ST_FAILED : ST_OK;

    for (size_t i = 0; i < json_len(items); i++) {
        if (could_not_run(json_at(items, i)))
            return ST_TROUBLE;
        if (is(json_at(items, i), "FAILED"))
            status = ST_FAILED;
    }
    return status;
}

static int show(const struct cli *c, struct json_object *data)
{
    if (c->json)
        (void)say_json(data);
    else
        items_say(data);
    return items_status(data);
}

int items_run(struct cli *c, const char *action)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *id = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0 || cli_ask(c, action, body, &id, &err) < 0)
        return cli_fail(c, &err);
    if (items_wait(c, json_object_get_string(id), &data, &err) < 0)
        return cli_trouble(c, &err);
    return show(c, data);
}

int run_project_precheck(struct cli *c)
{
    return items_run(c, c->args.command->action);
}

int run_project_precheck_show(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0 || cli_ask(c, "GetPreCheckResult", body, &data, &err) < 0)
        return cli_fail(c, &err);
    return show(c, data);
}

/* ------------------------------------------------------------------ JUnit */

/* How many bytes of a character that XML 1.0 allows stand there (section 2.2, "Char"); 0: none. */
static size_t xml_char(const unsigned char *s)
{
    size_t len = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : s[0] >= 0xC2 ? 2 : 1;
    uint32_t c = len == 1 ? s[0] : s[0] & (0xFFU >> (len + 1));
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3FU);
    }
    if (len == 1 && (c >= 0x80 || (c < 0x20 && c != '\t' && c != '\n' && c != '\r')))
        return 0;
    if (c < least[len] || (c >= 0xD800 && c <= 0xDFFF) || c == 0xFFFE || c == 0xFFFF ||
        c > 0x10FFFF)
        return 0;
    return len;
}

static void add_xml(struct strbuf *to, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    while (*s != '\0') {
        size_t len = xml_char(s);
        if (len == 0)
            strbuf_addc(to, '?');
        else if (strchr("<>&\"'\t\n\r", *s) != NULL)
            strbuf_addf(to, "&#%u;", *s);
        else
            strbuf_add(to, s, len);
        s += MAX(len, 1);
    }
}

static void add_attribute(struct strbuf *to, const char *name, const char *value)
{
    strbuf_addf(to, " %s=\"", name);
    add_xml(to, value);
    strbuf_addc(to, '"');
}

/* An element with a message and the advice as its text. */
static void add_trouble(struct strbuf *to, const char *element, struct json_object *item)
{
    strbuf_addf(to, "<%s", element);
    add_attribute(to, "message", json_get_str(item, "message", ""));
    if (strcmp(element, "skipped") != 0)
        add_attribute(to, "type", json_get_str(item, "checkType", ""));
    strbuf_addc(to, '>');
    add_xml(to, json_get_str(item, "advice", ""));
    strbuf_addf(to, "</%s>", element);
}

static void add_case(struct strbuf *to, struct json_object *item)
{
    strbuf_adds(to, "    <testcase");
    add_attribute(to, "classname", json_get_str(item, "endpointType", ""));
    add_attribute(to, "name", json_get_str(item, "checkType", ""));
    strbuf_adds(to, " time=\"0\">");
    if (could_not_run(item)) {
        add_trouble(to, "error", item);
    } else if (is(item, "FAILED")) {
        add_trouble(to, "failure", item);
    } else if (is(item, "SKIPPED")) {
        add_trouble(to, "skipped", item);
    } else if (is(item, "WARNING")) {
        strbuf_adds(to, "<system-out>");
        add_xml(to, json_get_str(item, "message", ""));
        strbuf_adds(to, "&#10;");
        add_xml(to, json_get_str(item, "advice", ""));
        strbuf_adds(to, "</system-out>");
    }
    strbuf_adds(to, "</testcase>\n");
}

void items_junit(struct json_object *data, const char *name, int64_t unix_s, double seconds,
                 struct strbuf *to)
{
    struct json_object *items = json_get_array(data, "preCheckResults");
    size_t failed = 0, skipped = 0, errors = 0;
    char at[CLOCK_TEXT_LEN];

    for (size_t i = 0; i < json_len(items); i++) {
        bool error = could_not_run(json_at(items, i));
        errors += error;
        failed += !error && is(json_at(items, i), "FAILED");
        skipped += is(json_at(items, i), "SKIPPED");
    }
    strbuf_adds(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite");
    add_attribute(to, "name", name);
    strbuf_addf(to,
                " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\" "
                "timestamp=\"%s\">\n",
                json_len(items), failed, errors, skipped, seconds, clock_text(unix_s, at));
    for (size_t i = 0; i < json_len(items); i++)
        add_case(to, json_at(items, i));
    strbuf_adds(to, "  </testsuite>\n</testsuites>\n");
}
