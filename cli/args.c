#include "cli/args.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"

#include "base/banned.h"

const char *args_word(const char *path, size_t i, size_t *ret_len)
{
    for (;; i--) {
        size_t len = strcspn(path, " ");
        if (i == 0) {
            *ret_len = len;
            return len > 0 ? path : NULL;
        }
        if (path[len] == '\0')
            return NULL;
        path += len + 1;
    }
}

/* How many words of `path` stand at argv; 0 unless all of them do. */
static size_t match(const char *path, int argc, char *const *argv)
{
    size_t len;

    if (path == NULL)
        return 0;
    for (size_t i = 0;; i++) {
        const char *word = args_word(path, i, &len);
        if (word == NULL)
            return i;
        if (i >= (size_t)argc || strlen(argv[i]) != len || strncmp(argv[i], word, len) != 0)
            return 0;
    }
}

static size_t find_command(struct args *a, int argc, char *const *argv)
{
    size_t best = 0;

    for (size_t i = 0; i < commands_count; i++) {
        size_t n = MAX(match(commands[i].path, argc, argv), match(commands[i].alias, argc, argv));
        if (n > best) {
            best = n;
            a->command = &commands[i];
        }
    }
    for (size_t i = 0; i < groups_count; i++) {
        size_t n = match(groups[i].path, argc, argv);
        if (n > best) {
            best = n;
            a->command = NULL;
            a->group = &groups[i];
        }
    }
    return best;
}

static const struct param *find_option(const struct param *list, const char *text)
{
    for (; list != NULL && list->name != NULL; list++) {
        size_t len = strlen(list->name);
        if (strncmp(list->name, text, len) == 0 && (text[len] == '\0' || text[len] == '='))
            return list;
    }
    return NULL;
}

static bool has_word(const char *words, const char *text)
{
    size_t len;

    for (size_t i = 0;; i++) {
        const char *word = args_word(words, i, &len);
        if (word == NULL)
            return false;
        if (strlen(text) == len && strncasecmp(word, text, len) == 0)
            return true;
    }
}

static int check(const struct param *p, const char *value, struct err *err)
{
    int64_t n;

    if (p->type == P_INT && !num_parse_i64(value, 0, INT64_MAX, &n))
        return err_set(err, ERR_PARAM, "%s: %s is not a number", p->name, value);
    if (p->words != NULL && !has_word(p->words, value))
        return err_set(err, ERR_PARAM, "%s: %s is none of %s", p->name, value, p->words);
    return 0;
}

static void add(struct given *list, size_t *count, const struct param *p, const char *value)
{
    list[(*count)++] = (struct given){ p, value };
}

/* Whether the next word is the value of an option that can be without one. */
static bool takes_next(const struct param *p, const char *next)
{
    const char *suffix = strchr(p->value, '.');
    size_t len = suffix == NULL ? 0 : strlen(suffix);

    if ((p->flags & PARAM_OPTIONAL) == 0)
        return true;
    return len > 0 && next != NULL && strlen(next) > len &&
           strcmp(next + strlen(next) - len, suffix) == 0;
}

/* One option with its value, at argv[*i]; *i moves to the last of what was used. */
static int take_option(struct args *a, int argc, char *const *argv, int *i, struct err *err)
{
    const char *text = argv[*i], *equals = strchr(text, '=');
    const struct param *p = find_option(a->command == NULL ? NULL : a->command->options, text);
    bool own = p != NULL;
    const char *value = "";

    if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
        a->help = true;
        return 0;
    }
    if (!own)
        p = find_option(global_options, text);
    if (p == NULL)
        return err_set(err, ERR_PARAM, "there is no option %s here", text);
    if (p->value == NULL && equals != NULL)
        return err_set(err, ERR_PARAM, "%s takes no value", p->name);
    if (equals != NULL) {
        value = equals + 1;
    } else if (p->value != NULL && takes_next(p, *i + 1 < argc ? argv[*i + 1] : NULL)) {
        if (*i + 1 >= argc)
            return err_set(err, ERR_PARAM, "%s needs a value: %s", p->name, p->value);
        value = argv[++*i];
    }
    if (check(p, value, err) < 0)
        return -1;
    if (own && (p->flags & PARAM_REPEAT) == 0 && args_has(a, p->name))
        return err_set(err, ERR_PARAM, "%s is given twice", p->name);
    if (own)
        add(a->list, &a->count, p, value);
    else
        add(a->global, &a->global_count, p, value);
    return 0;
}

static int take_argument(struct args *a, size_t *at, const char *text, struct err *err)
{
    const struct param *p = a->command->args == NULL ? NULL : &a->command->args[*at];

    if (p == NULL || p->name == NULL)
        return err_set(err, ERR_PARAM, "%s is one too many", text);
    if (check(p, text, err) < 0)
        return -1;
    add(a->list, &a->count, p, text);
    if ((p->flags & PARAM_REPEAT) == 0)
        (*at)++;
    return 0;
}

static void add_missing(const struct args *a, const struct param *list, struct strbuf *to)
{
    for (; list != NULL && list->name != NULL; list++)
        if ((list->flags & PARAM_REQUIRED) != 0 && !args_has(a, list->name))
            strbuf_addf(to, "%s%s", to->len > 0 ? ", " : "", list->name);
}

static int check_complete(const struct args *a, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf missing = STRBUF(4096);

    add_missing(a, a->command->args, &missing);
    add_missing(a, a->command->options, &missing);
    return missing.len == 0 ? 0 : err_set(err, ERR_PARAM, "missing: %s", strbuf_str(&missing));
}

static int take_rest(struct args *a, int argc, char *const *argv, int i, struct err *err)
{
    bool options = true;
    size_t at = 0;

    for (; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
            continue;
        }
        if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (take_option(a, argc, argv, &i, err) < 0)
                return -1;
        } else if (take_argument(a, &at, argv[i], err) < 0) {
            return -1;
        }
    }
    return a->help ? 0 : check_complete(a, err);
}

int args_parse(int argc, char *const *argv, struct args *ret, struct err *err)
{
    int i = 1;
    size_t words;

    *ret = (struct args){ .list = calloc((size_t)argc + 1, sizeof(struct given)),
                          .global = calloc((size_t)argc + 1, sizeof(struct given)) };
    if (ret->list == NULL || ret->global == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++)
        if (take_option(ret, argc, argv, &i, err) < 0)
            return -1;
    words = find_command(ret, argc - i, argv + i);
    if (ret->command != NULL)
        return take_rest(ret, argc, argv, i + (int)words, err);
    i += (int)words;
    for (; i < argc; i++) {
        if (argv[i][0] != '-')
            return err_set(err, ERR_PARAM, "there is no command %s%s%s",
                           ret->group != NULL ? ret->group->path : "",
                           ret->group != NULL ? " " : "", argv[i]);
        if (take_option(ret, argc, argv, &i, err) < 0)
            return -1;
    }
    return 0;
}

void args_done(struct args *a)
{
    free(a->list);
    free(a->global);
}

const char *args_nth(const struct args *a, const char *name, size_t i)
{
    for (size_t k = 0; k < a->count; k++)
        if (strcmp(a->list[k].param->name, name) == 0 && i-- == 0)
            return a->list[k].value;
    return NULL;
}

const char *args_get(const struct args *a, const char *name)
{
    for (size_t k = a->count; k > 0; k--)
        if (strcmp(a->list[k - 1].param->name, name) == 0)
            return a->list[k - 1].value;
    return NULL;
}

bool args_has(const struct args *a, const char *name)
{
    return args_get(a, name) != NULL;
}

const char *args_global(const struct args *a, const char *name)
{
    for (size_t k = a->global_count; k > 0; k--)
        if (strcmp(a->global[k - 1].param->name, name) == 0)
            return a->global[k - 1].value;
    return NULL;
}

void args_value(const struct param *p, struct strbuf *to)
{
    if (p->value != NULL)
        strbuf_addf(to, (p->flags & PARAM_OPTIONAL) != 0 ? "[=%s]" : " %s", p->value);
}

void args_usage(const struct command *c, struct strbuf *to)
{
    strbuf_adds(to, c->path);
    for (const struct param *p = c->args; p != NULL && p->name != NULL; p++) {
        bool required = (p->flags & PARAM_REQUIRED) != 0;
        strbuf_addf(to, " %s%s%s%s", required ? "" : "[", p->name,
                    (p->flags & PARAM_REPEAT) != 0 ? "..." : "", required ? "" : "]");
    }
    for (const struct param *p = c->options; p != NULL && p->name != NULL; p++) {
        bool required = (p->flags & PARAM_REQUIRED) != 0;
        strbuf_addf(to, " %s%s", required ? "" : "[", p->name);
        args_value(p, to);
        strbuf_addf(to, "%s%s", required ? "" : "]", (p->flags & PARAM_REPEAT) != 0 ? "..." : "");
    }
}
