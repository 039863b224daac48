/* What is served as files: openapi.yaml and the console, built in or from --web-dir. */
#ifndef SERVER_CONTENT_H
#define SERVER_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

struct content {
    char *data; /* free() it */
    size_t len;
    const char *type;
};

/* content_get(): the file of a URL path ("/" is index.html); false: there is none. */
bool content_get(const char *web_dir, const char *path, struct content *ret);

#endif
