/*
 * Whether a request was made by a page of another site. A browser that has seen our Basic
 * credentials sends them by itself, also when a foreign page posts a form here; the API has no
 * cookies, so this is the one authority that could be borrowed.
 */
#ifndef SERVER_ORIGIN_H
#define SERVER_ORIGIN_H

#include <stdbool.h>

struct origin { /* headers of the request; NULL: not sent */
    const char *fetch_site;
    const char *origin, *referer;
    const char *host;
    const char *content_type, *user_agent;
};

/*
 * origin_is_foreign() - the first of these that is there decides
 *
 * Sec-Fetch-Site (all browsers since 2023): only "same-origin" and "none" (typed in by a person)
 * are ours. Origin (forms and scripts of browsers since 2020): must be the Host asked for. Referer:
 * the same. With none of them: a browser (all say "Mozilla/") that sends a type which a form can
 * send is refused. Programs send none of these headers and may send any type.
 */
bool origin_is_foreign(const struct origin *o);

#endif
