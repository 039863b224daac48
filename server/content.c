#include "server/content.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/util.h"

#include "base/banned.h"

enum { FILE_MAX_BYTES = 16 * 1024 * 1024 };

/* The files go into the program as they are; CMakeLists.txt names them as dependencies. */
#define EMBED(symbol, file)                                                                        \
    __asm__(".pushsection .rodata\n" #symbol ":\n.incbin \"" EMBED_DIR "/" file "\"\n" #symbol     \
            "_end:\n.byte 0\n.popsection\n");                                                      \
    extern const char symbol[], symbol##_end[]

EMBED(embed_openapi, "openapi.yaml");
EMBED(embed_index, "web/index.html");
EMBED(embed_app, "web/app.js");
EMBED(embed_style, "web/style.css");

static const struct {
    const char *path, *type, *from, *to;
    bool console; /* replaced by --web-dir */
} built_in[] = {
    { "/openapi.yaml", "application/yaml; charset=utf-8", embed_openapi, embed_openapi_end, false },
    { "/", "text/html; charset=utf-8", embed_index, embed_index_end, true },
    { "/index.html", "text/html; charset=utf-8", embed_index, embed_index_end, true },
    { "/app.js", "text/javascript; charset=utf-8", embed_app, embed_app_end, true },
    { "/style.css", "text/css; charset=utf-8", embed_style, embed_style_end, true },
};

static const char *type_of(const char *path)
{
    static const struct {
        const char *end, *type;
    } types[] = {
        { ".html", "text/html; charset=utf-8" },
        { ".js", "text/javascript; charset=utf-8" },
        { ".css", "text/css; charset=utf-8" },
        { ".svg", "image/svg+xml" },
        { ".png", "image/png" },
        { ".ico", "image/x-icon" },
        { ".json", "application/json" },
        { ".woff2", "font/woff2" },
    };
    size_t len = strlen(path);

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        size_t n = strlen(types[i].end);
        if (len > n && strcmp(path + len - n, types[i].end) == 0)
            return types[i].type;
    }
    return NULL; /* other kinds are not served */
}

/* Letters, digits and "._-/" without "..", hidden files or empty parts. */
static bool is_plain(const char *path)
{
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '/' && (p[1] == '.' || p[1] == '/'))
            return false;
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("._-/", *p) != NULL))
            return false;
    }
    return path[0] == '/';
}

static bool from_dir(const char *web_dir, const char *path, struct content *ret)
{
    char file[PATH_MAX], real[PATH_MAX], root[PATH_MAX];
    struct err err = { 0 };
    size_t len, root_len;

    if (strcmp(path, "/") == 0)
        path = "/index.html";
    if (!is_plain(path) || type_of(path) == NULL ||
        snprintf(file, sizeof(file), "%s%s", web_dir, path) >= (int)sizeof(file))
        return false;
    /* a link must not lead out of the folder */
    if (realpath(web_dir, root) == NULL || realpath(file, real) == NULL)
        return false;
    root_len = strlen(root);
    if (strncmp(real, root, root_len) != 0 || real[root_len] != '/')
        return false;
    if (fs_read_all(real, FILE_MAX_BYTES, &ret->data, &len, &err) < 0)
        return false;
    ret->len = len;
    ret->type = type_of(path);
    return true;
}

bool content_get(const char *web_dir, const char *path, struct content *ret)
{
    *ret = (struct content){ 0 };
    for (size_t i = 0; i < ARRAY_SIZE(built_in); i++) {
        if (strcmp(built_in[i].path, path) != 0 || (built_in[i].console && web_dir != NULL))
            continue;
        ret->len = (size_t)(built_in[i].to - built_in[i].from);
        ret->data = malloc(ret->len);
        ret->type = built_in[i].type;
        if (ret->data != NULL)
            memcpy(ret->data, built_in[i].from, ret->len);
        return ret->data != NULL;
    }
    return web_dir != NULL && from_dir(web_dir, path, ret);
}
