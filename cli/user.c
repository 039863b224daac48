/* `causeway user passwd`. */
#include <string.h>

#include "cli/cli.h"
#include "cli/prompt.h"

#include "base/banned.h"

enum { TEXT_BYTES = 64 * 1024 };

static int add(struct json_object *body, const char *key, const struct prompt *ask, struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *password = NULL;
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(TEXT_BYTES);

    if (prompt_password(ask, &password, err) < 0)
        return -1;
    base64_add(&text, secret_text(password), secret_len(password));
    json_add_str(body, key, strbuf_str(&text));
    if (text.data != NULL)
        explicit_bzero(text.data, text.len);
    return 0;
}

int run_user_passwd(struct cli *c)
{
    const struct args *a = &c->args;
    bool from_stdin = args_has(a, "--password-stdin");
    const struct prompt present = { .whose = "the account, the present one",
                                    .file = args_get(a, "--old-password-file"),
                                    .from_stdin = from_stdin };
    const struct prompt fresh = { .whose = "the account, the new one",
                                  .file = args_get(a, "--password-file"),
                                  .from_stdin = from_stdin,
                                  .twice = true };
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (add(body, "oldPassword", &present, &err) < 0 ||
        add(body, "newPassword", &fresh, &err) < 0 ||
        cli_ask(c, a->command->action, body, &data, &err) < 0)
        return cli_fail(c, &err);
    return c->json ? say_json(data) : ST_OK;
}
