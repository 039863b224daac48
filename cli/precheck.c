/* `causeway precheck`: could that body of CreateProject run? */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/items.h"

#include "base/banned.h"

enum { XML_BYTES = 64 * 1024 * 1024 };

static int write_junit(const char *path, const struct strbuf *xml, struct err *err)
{
    if (strbuf_check(xml, err) < 0)
        return -1;
    if (strcmp(path, "-") != 0)
        return fs_write_atomic(path, strbuf_str(xml), xml->len, 0644, err);
    if (fputs(strbuf_str(xml), stdout) == EOF || fflush(stdout) == EOF)
        return err_set_sys(err, ERR_IO, "write to standard output");
    return 0;
}

/* Without a file the XML is all that goes to standard output. */
static int show(struct cli *c, struct json_object *data, int64_t began_s, int64_t took_ms)
{
    const char *file = args_get(&c->args, "--junit");
    bool to_stdout = file != NULL && *file == '\0';
    _cleanup_(strbuf_done)
    struct strbuf xml = STRBUF(XML_BYTES);
    struct err err = { 0 };

    if (file != NULL) {
        items_junit(data, "causeway precheck", began_s, (double)took_ms / 1000.0, &xml);
        if (write_junit(to_stdout ? "-" : file, &xml, &err) < 0)
            return cli_trouble(c, &err);
    }
    if (to_stdout)
        return items_status(data);
    if (c->json)
        (void)say_json(data);
    else
        items_say(data);
    return items_status(data);
}

int run_precheck(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *id = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };
    int64_t began_s = clock_now_s(), began = clock_mono_ms();

    if (cli_read_json(args_get(&c->args, "FILE"), &body, &err) < 0 ||
        cli_resolve_body(c, body, &err) < 0 || cli_ask(c, "SubmitPreCheck", body, &id, &err) < 0 ||
        items_wait(c, json_object_get_string(id), &data, &err) < 0)
        return cli_trouble(c, &err);
    return show(c, data, began_s, clock_mono_ms() - began);
}
