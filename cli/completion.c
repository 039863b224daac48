/* Completion for bash and zsh: one body in the syntax that both have, around it what differs. */
#include <string.h>

#include "cli/args.h"
#include "cli/help.h"

#include "base/banned.h"

enum { TEXT_BYTES = 1024 * 1024 };

static bool is_listed(const struct strbuf *b, const char *word, size_t len, char between)
{
    const char *p = strbuf_str(b);

    while (*p != '\0') {
        const char *end = strchr(p, between);
        size_t n = end != NULL ? (size_t)(end - p) : strlen(p);
        if (n == len && strncmp(p, word, len) == 0)
            return true;
        p += n + (end != NULL);
    }
    return false;
}

static void add_once(struct strbuf *b, const char *word, size_t len, char between)
{
    if (len == 0 || is_listed(b, word, len, between))
        return;
    if (b->len > 0)
        strbuf_addc(b, between);
    strbuf_add(b, word, len);
}

/* The word behind `prefix` in a path that begins with it. */
static void add_next(struct strbuf *b, const char *path, const char *prefix)
{
    size_t len = strlen(prefix);

    if (path == NULL || strncmp(path, prefix, len) != 0 || (len > 0 && path[len] != ' '))
        return;
    path += len + (len > 0);
    add_once(b, path, strcspn(path, " "), ' ');
}

static void add_names(struct strbuf *b, const struct param *list)
{
    for (; list != NULL && list->name != NULL; list++)
        add_once(b, list->name, strlen(list->name), ' ');
}

/* What can stand behind a path: words of longer ones; of a command its options. */
static void add_choices(struct strbuf *to, const char *path, const struct command *c)
{
    struct strbuf words = STRBUF(TEXT_BYTES);
    bool files = false;

    for (size_t i = 0; i < commands_count; i++) {
        add_next(&words, commands[i].path, path);
        add_next(&words, commands[i].alias, path);
    }
    for (const struct param *p = c == NULL ? NULL : c->args; p != NULL && p->name != NULL; p++) {
        files = files || p->type == P_FILE || p->type == P_JSON;
        if (p->words != NULL)
            strbuf_addf(&words, "%s%s", words.len > 0 ? " " : "", p->words);
    }
    if (c != NULL) {
        add_names(&words, c->options);
        add_once(&words, "--help", 6, ' ');
    }
    if (c != NULL || *path == '\0')
        add_names(&words, global_options);
    strbuf_addf(to, "        '%s%s') choices='%s'%s ;;\n", *path == '\0' ? "" : " ", path,
                strbuf_str(&words), files ? " files=1" : "");
    strbuf_done(&words);
}

/* " source", " source add", …: every beginning of every path, as patterns of a case. */
static void add_paths(struct strbuf *to)
{
    struct strbuf all = STRBUF(TEXT_BYTES);

    for (size_t i = 0; i < commands_count; i++)
        for (int k = 0; k < 2; k++) {
            const char *path = k == 0 ? commands[i].path : commands[i].alias;
            for (const char *p = path; p != NULL && *p != '\0';) {
                p += strcspn(p, " ");
                add_once(&all, path, (size_t)(p - path), '|');
                p += *p == ' ';
            }
        }
    for (const char *p = strbuf_str(&all); *p != '\0';) {
        size_t len = strcspn(p, "|");
        strbuf_addf(to, "%s' %.*s'", p == strbuf_str(&all) ? "" : "|", (int)len, p);
        p += len + (p[len] == '|');
    }
    strbuf_done(&all);
}

static void add_valued(struct strbuf *b, const struct param *list)
{
    for (; list != NULL && list->name != NULL; list++)
        if (list->value != NULL && (list->flags & PARAM_OPTIONAL) == 0)
            add_once(b, list->name, strlen(list->name), '|');
}

static void add_values(struct strbuf *to, const char *path, const struct param *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        if (list->words != NULL)
            strbuf_addf(to, "        '%s%s:%s') choices='%s' ;;\n", path == NULL ? "" : " ",
                        path == NULL ? "" : path, list->name, list->words);
        else if (list->type == P_FILE || list->type == P_JSON)
            strbuf_addf(to, "        %s%s%s':%s') files=1 ;;\n", path == NULL ? "*" : "' ",
                        path == NULL ? "" : path, path == NULL ? "" : "'", list->name);
    }
}

static void add_body(struct strbuf *to, const char *words, const char *from, const char *last)
{
    struct strbuf valued = STRBUF(TEXT_BYTES);

    strbuf_addf(to,
                "    local cur=${%s[%s]} i word at='' option='' choices='' files=''\n"
                "    for ((i = %s; i < %s; i++)); do\n"
                "        word=${%s[i]}\n"
                "        if [[ -n $option ]]; then option=''; continue; fi\n"
                "        case $word in\n        ",
                words, last, from, last, words);
    add_valued(&valued, global_options);
    for (size_t i = 0; i < commands_count; i++)
        add_valued(&valued, commands[i].options);
    strbuf_addf(to, "%s) option=$word ;;\n        -*) ;;\n        *)\n", strbuf_str(&valued));
    strbuf_adds(to, "            case \"$at $word\" in\n            ");
    add_paths(to);
    strbuf_adds(to, ") at=\"$at $word\" ;;\n            esac ;;\n        esac\n    done\n"
                    "    if [[ -n $option ]]; then\n        case \"$at:$option\" in\n");
    for (size_t i = 0; i < commands_count; i++) {
        add_values(to, commands[i].path, commands[i].options);
        if (commands[i].alias != NULL)
            add_values(to, commands[i].alias, commands[i].options);
    }
    add_values(to, NULL, global_options);
    strbuf_adds(to, "        esac\n    else\n        case $at in\n");
    add_choices(to, "", NULL);
    for (size_t i = 0; i < groups_count; i++)
        add_choices(to, groups[i].path, NULL);
    for (size_t i = 0; i < commands_count; i++) {
        add_choices(to, commands[i].path, &commands[i]);
        if (commands[i].alias != NULL)
            add_choices(to, commands[i].alias, &commands[i]);
    }
    strbuf_adds(to, "        esac\n    fi\n");
    strbuf_done(&valued);
}

void completion_bash(struct strbuf *to)
{
    strbuf_adds(to, "# bash completion of causeway, made by: causeway completion bash\n"
                    "_causeway() {\n");
    add_body(to, "COMP_WORDS", "1", "COMP_CWORD");
    strbuf_adds(to, "    COMPREPLY=($(compgen -W \"$choices\" -- \"$cur\"))\n"
                    "    if [[ -n $files ]]; then\n"
                    "        compopt -o filenames 2>/dev/null\n"
                    "        COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
                    "    fi\n}\ncomplete -F _causeway causeway\n");
}

void completion_zsh(struct strbuf *to)
{
    strbuf_adds(to, "#compdef causeway\n# zsh completion of causeway, made by: causeway completion "
                    "zsh\n_causeway() {\n");
    add_body(to, "words", "2", "CURRENT");
    strbuf_adds(to, "    compadd -- ${=choices}\n"
                    "    if [[ -n $files ]]; then _files; fi\n}\n"
                    "if [[ $funcstack[1] = _causeway ]]; then _causeway \"$@\"; else compdef "
                    "_causeway causeway; fi\n");
}
