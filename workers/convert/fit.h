/* Can a column of the target hold what a column of the source has? Pure; docs/schema.md says the
 * same in prose. */
#ifndef WORKERS_CONVERT_FIT_H
#define WORKERS_CONVERT_FIT_H

#include "workers/mysql/catalog.h"

enum fit {
    FIT_SAME,
    FIT_WIDER,    /* every value fits */
    FIT_NARROWER, /* a value that does not fit is refused when it is written, never changed */
    FIT_CHANGES   /* some value would be changed without an error */
};

/*
 * column_fit() - types, labels, lengths, NULL; not collations, whose text is converted
 *
 * @ret_what  what differs ("type", "labels", …); static text, for FIT_SAME too
 * Text is measured in characters, or in bytes of the wider character set where a length is in
 * bytes.
 */
enum fit column_fit(const struct column *s, const struct column *d, const char **ret_what);
/* charset_fit(): FIT_SAME, FIT_WIDER when `to` has every character of `from`, else FIT_NARROWER:
 * a character that `to` lacks is refused. Names in any case; NULL and "binary" are bytes. */
enum fit charset_fit(const char *from, const char *to);
/* column_is_text(): has a character set, labels included. */
bool column_is_text(const struct column *c);

#endif
