#include "server/origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

#include "base/banned.h"

/* "https://host:port/path" names `host`. */
static bool names_host(const char *url, const char *host)
{
    const char *authority = strstr(url, "://");
    size_t len;

    if (authority == NULL || host == NULL)
        return false; /* "null": a page that may not say where it is from */
    authority += 3;
    len = strcspn(authority, "/?#");
    return strlen(host) == len && strncasecmp(authority, host, len) == 0;
}

/* The types a form can have (HTML, "form submission"): a script's others are asked for first. */
static bool is_form_type(const char *type)
{
    static const char *const types[] = { "application/x-www-form-urlencoded", "multipart/form-data",
                                         "text/plain" };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (strncasecmp(type, types[i], strlen(types[i])) == 0)
            return true;
    return false;
}

bool origin_is_foreign(const struct origin *o)
{
    if (o->fetch_site != NULL)
        return strcmp(o->fetch_site, "same-origin") != 0 && strcmp(o->fetch_site, "none") != 0;
    if (o->origin != NULL)
        return !names_host(o->origin, o->host);
    if (o->referer != NULL)
        return !names_host(o->referer, o->host);
    return o->user_agent != NULL && strncmp(o->user_agent, "Mozilla/", 8) == 0 &&
           (o->content_type == NULL || is_form_type(o->content_type));
}
