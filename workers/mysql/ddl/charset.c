#include "workers/mysql/ddl/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "base/strbuf.h"
#include "base/util.h"

#include "base/banned.h"

enum {
    TEXT_MAX = 1024 * 1024 * 1024, /* no statement is longer (max_allowed_packet) */
    CHUNK_BYTES = 64 * 1024,
    GROWTH = 4, /* UTF-8 bytes that one byte of the sets below can become, and more */
};

/* How a set's characters are found, for those with characters that iconv reads otherwise. */
enum width {
    W_ANY,     /* the whole text goes through iconv */
    W_SINGLE,  /* a byte each */
    W_EAST,    /* two bytes from 0x81 on */
    W_SJIS,    /* … but one for half-width katakana */
    W_EUC_JP,  /* … three behind 0x8f */
    W_GB18030, /* … or four, when the second is a digit */
};

struct charset {
    const char *name;  /* the server's */
    const char *iconv; /* NULL: bytes of UTF-8, or that claim no set */
    enum width width;
};

/* Compared with CONVERT(_<set> 0x… USING utf8mb4) of MariaDB 10.11, MySQL 5.6 and 9.7, byte by byte
 * and pair by pair. keybcs2 is not here: iconv has no Kamenický. */
static const struct charset charsets[] = {
    { "utf8mb4", NULL, W_ANY },
    { "utf8mb3", NULL, W_ANY },
    { "utf8", NULL, W_ANY },
    { "ascii", NULL, W_ANY },
    { "binary", NULL, W_ANY },
    { "latin1", "CP1252", W_SINGLE },
    { "latin2", "ISO-8859-2", W_ANY },
    { "latin5", "ISO-8859-9", W_ANY },
    { "latin7", "ISO-8859-13", W_ANY },
    { "gbk", "GBK", W_ANY },
    { "gb2312", "GB2312", W_ANY },
    { "gb18030", "GB18030", W_GB18030 },
    { "big5", "BIG5", W_EAST },
    { "sjis", "CP932", W_SJIS },
    { "cp932", "CP932", W_ANY },
    { "ujis", "EUC-JP", W_EUC_JP },
    { "eucjpms", "EUC-JP-MS", W_ANY },
    { "euckr", "UHC", W_ANY },
    { "cp1250", "CP1250", W_ANY },
    { "cp1251", "CP1251", W_ANY },
    { "cp1256", "CP1256", W_ANY },
    { "cp1257", "CP1257", W_ANY },
    { "cp850", "CP850", W_ANY },
    { "cp852", "CP852", W_ANY },
    { "cp866", "CP866", W_SINGLE },
    { "dec8", "DEC-MCS", W_SINGLE },
    { "hp8", "HP-ROMAN8", W_ANY },
    { "koi8r", "KOI8-R", W_ANY },
    { "koi8u", "KOI8-U", W_SINGLE },
    { "swe7", "SEN_850200_C", W_SINGLE },
    { "hebrew", "ISO-8859-8", W_SINGLE },
    { "greek", "ISO-8859-7", W_SINGLE },
    { "tis620", "TIS-620", W_SINGLE },
    { "armscii8", "ARMSCII-8", W_SINGLE },
    { "geostd8", "GEORGIAN-PS", W_SINGLE },
    { "macce", "MAC-CENTRALEUROPE", W_ANY },
    { "macroman", "MACINTOSH", W_SINGLE },
    { "ucs2", "UTF-16BE", W_ANY },
    { "utf16", "UTF-16BE", W_ANY },
    { "utf16le", "UTF-16LE", W_ANY },
    { "utf32", "UTF-32BE", W_ANY },
};

/*
 * `count` characters from `code` on that the servers read as those from `to` on (0: they are read
 * differently from iconv, and not here: an error). The servers make a plain backslash of the
 * full-width one of sjis and ujis; inside quoted text that would escape what follows.
 */
static const struct exception {
    const char *charset;
    uint32_t code, count, to;
} exceptions[] = {
    { "latin1", 0x81, 1, 0x81 },      { "latin1", 0x8d, 1, 0x8d },
    { "latin1", 0x8f, 2, 0x8f },      { "latin1", 0x9d, 1, 0x9d },
    { "tis620", 0x80, 32, 0x80 },     { "dec8", 0xa0, 1, 0xa0 },
    { "koi8u", 0x95, 1, 0x2022 },     { "swe7", 0x24, 1, 0x24 },
    { "hebrew", 0xaf, 1, 0x203e },    { "greek", 0xa1, 1, 0x2bd },
    { "greek", 0xa2, 1, 0x2bc },      { "cp866", 0xfc, 1, 0x207f },
    { "cp866", 0xfd, 1, 0xb2 },       { "armscii8", 0xa1, 1, 0x2741 },
    { "armscii8", 0xa2, 1, 0xa7 },    { "armscii8", 0xad, 1, 0x55f },
    { "armscii8", 0xfe, 1, 0x2019 },  { "armscii8", 0xff, 1, 0x27 },
    { "geostd8", 0x80, 1, 0x20ac },   { "geostd8", 0xfd, 1, 0x2116 },
    { "macroman", 0xc6, 1, 0x2206 },  { "macroman", 0xf0, 1, 0xf8ff },
    { "sjis", 0x8160, 1, 0x301c },    { "sjis", 0x8161, 1, 0x2016 },
    { "sjis", 0x817c, 1, 0x2212 },    { "sjis", 0x8191, 2, 0xa2 },
    { "sjis", 0x81ca, 1, 0xac },      { "big5", 0xa145, 1, 0x2022 },
    { "big5", 0xa14e, 1, 0xff64 },    { "big5", 0xa1c2, 1, 0x203e },
    { "big5", 0xa1e3, 1, 0x223c },    { "big5", 0xa1f2, 1, 0x2641 },
    { "big5", 0xa1f3, 1, 0x2609 },    { "big5", 0xa241, 1, 0xff0f },
    { "big5", 0xa242, 1, 0xff3c },    { "big5", 0xa244, 1, 0xa5 },
    { "big5", 0xa246, 2, 0xa2 },      { "big5", 0xc6a1, 0x25e, 0 },
    { "gb18030", 0xa6d9, 7, 0xe78d }, { "gb18030", 0xa6ec, 2, 0xe794 },
    { "gb18030", 0xa6f3, 1, 0xe796 }, { "gb18030", 0xfe51, 3, 0xe816 },
    { "gb18030", 0xfe59, 1, 0xe81e }, { "gb18030", 0xfe61, 1, 0xe826 },
    { "gb18030", 0xfe66, 2, 0xe82b }, { "gb18030", 0xfe6c, 2, 0xe831 },
    { "gb18030", 0xfe76, 1, 0xe83b }, { "gb18030", 0xfe7e, 1, 0xe843 },
    { "gb18030", 0xfe90, 2, 0xe854 }, { "gb18030", 0xfea0, 1, 0xe864 },
};

static const struct charset *find_charset(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(charsets); i++)
        if (strcasecmp(charsets[i].name, name) == 0)
            return &charsets[i];
    return NULL;
}

/* ---- UTF-8 ---- */

/* Length of the character at `p`, 0 when it is none (RFC 3629: no overlong form, no surrogate). */
static size_t utf8_length(const uint8_t *p, size_t left)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = p[0] < 0x80             ? 1
               : (p[0] & 0xe0) == 0xc0 ? 2
               : (p[0] & 0xf0) == 0xe0 ? 3
               : (p[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    uint32_t c = p[0];

    if (n <= 1 || n > left)
        return n > left ? 0 : n;
    c &= 0x7fU >> n;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

static bool is_utf8(const char *text, size_t len)
{
    const uint8_t *p = (const uint8_t *)text;

    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_length(p + i, len - i);
        if (n == 0)
            return false;
    }
    return true;
}

static void add_utf8(struct strbuf *b, uint32_t c)
{
    if (c < 0x80) {
        strbuf_addc(b, (char)c);
    } else if (c < 0x800) {
        strbuf_addc(b, (char)(0xc0 | c >> 6));
        strbuf_addc(b, (char)(0x80 | (c & 0x3f)));
    } else {
        strbuf_addc(b, (char)(0xe0 | c >> 12));
        strbuf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
        strbuf_addc(b, (char)(0x80 | (c & 0x3f)));
    }
}

/* ---- bytes of no set ---- */

/* End of the comment that begins at `i`, or `i` when none does. */
static size_t skip_comment(const char *text, size_t len, size_t i)
{
    const char *end;

    if (text[i] == '#' || (text[i] == '-' && i + 1 < len && text[i + 1] == '-')) {
        end = memchr(text + i, '\n', len - i);
        return end != NULL ? (size_t)(end - text) : len;
    }
    if (text[i] == '/' && i + 1 < len && text[i + 1] == '*') {
        end = memmem(text + i + 2, len - i - 2, "*/", 2);
        return end != NULL ? (size_t)(end - text) + 2 : len;
    }
    return i;
}

/* Is every byte beyond ASCII inside of quotes or comments? Sessions differ in whether a backslash
 * escapes, and the event's flags are not known here: one of the two has to fit. */
static bool ascii_outside(const char *text, size_t len, bool backslash)
{
    char quote = '\0';

    for (size_t i = 0; i < len; i++) {
        size_t behind = quote == '\0' ? skip_comment(text, len, i) : i;

        if (behind > i) {
            i = behind - 1;
        } else if (quote != '\0') {
            if (backslash && text[i] == '\\' && quote != '`')
                i++;
            else if (text[i] == quote)
                quote = '\0';
        } else if (text[i] == '\'' || text[i] == '"' || text[i] == '`') {
            quote = text[i];
        } else if ((text[i] & 0x80) != 0) {
            return false;
        }
    }
    return quote == '\0';
}

static bool is_acceptable(const char *text, size_t len)
{
    return is_utf8(text, len) || ascii_outside(text, len, true) || ascii_outside(text, len, false);
}

/* ---- conversion ---- */

static int not_of_it(const struct charset *cs, size_t at, struct err *err)
{
    return err_set(err, ERR_DDL_UNPARSED, "a statement's text is no %s at byte %zu", cs->name, at);
}

struct converter {
    const struct charset *cs;
    iconv_t cd;
    struct strbuf *out;
};

/* `len` bytes, which end at the end of a character. */
static int convert(struct converter *v, const char *text, size_t len, size_t at, struct err *err)
{
    const char *end = text + len, *from = text;

    while (from < end) {
        size_t left = MIN((size_t)(end - from), (size_t)CHUNK_BYTES);
        size_t room = left * GROWTH + 16, had = left, spare = room, got;
        char *to = strbuf_reserve(v->out, room), *in;

        if (to == NULL)
            return strbuf_check(v->out, err);
        memcpy(&in, &from, sizeof(in)); /* iconv() only reads what it takes without const */
        got = iconv(v->cd, &in, &left, &to, &spare);
        v->out->len += room - spare;
        from += had - left;
        /* cut in the middle of a character by the chunk: the next one takes it whole */
        if (got == (size_t)-1 && !(errno == EINVAL && had > left && from + left < end))
            return not_of_it(v->cs, at + (size_t)(from - text), err);
    }
    return 0;
}

static size_t char_length(enum width w, const uint8_t *p, size_t left)
{
    size_t n = 1;

    switch (w) {
    case W_ANY:
    case W_SINGLE:
        break;
    case W_SJIS:
        n = p[0] < 0x81 || (p[0] >= 0xa0 && p[0] <= 0xdf) ? 1 : 2;
        break;
    case W_EAST:
        n = p[0] < 0x81 ? 1 : 2;
        break;
    case W_EUC_JP:
        n = p[0] < 0x81 ? 1 : p[0] == 0x8f ? 3 : 2;
        break;
    case W_GB18030:
        n = p[0] < 0x81 ? 1 : left > 1 && p[1] >= '0' && p[1] <= '9' ? 4 : 2;
        break;
    }
    return MIN(n, left);
}

static const struct exception *find_exception(const struct charset *cs, uint32_t code)
{
    for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++) {
        const struct exception *x = &exceptions[i];

        if (code >= x->code && code - x->code < x->count && strcmp(x->charset, cs->name) == 0)
            return x;
    }
    return NULL;
}

/* Character by character, but runs without an exception in one go. */
static int convert_by_char(struct converter *v, const char *text, size_t len, struct err *err)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t from = 0;

    for (size_t i = 0, n; i < len; i += n) {
        struct cursor c;
        uint32_t code;
        const struct exception *x;

        n = char_length(v->cs->width, p + i, len - i);
        c = cursor_of(p + i, n);
        code = (uint32_t)cursor_be(&c, n);
        if (code < 0x80 && code != '$') /* of ASCII only swe7's dollar is an exception */
            continue;
        x = find_exception(v->cs, code);
        if (x == NULL)
            continue;
        if (x->to == 0)
            return not_of_it(v->cs, i, err);
        if (convert(v, text + from, i - from, from, err) < 0)
            return -1;
        add_utf8(v->out, x->to + (code - x->code));
        from = i + n;
    }
    return convert(v, text + from, len - from, from, err);
}

static int convert_all(const struct charset *cs, const char *text, size_t len, struct strbuf *out,
                       struct err *err)
{
    struct converter v = { .cs = cs, .out = out };
    int got;

    v.cd = iconv_open("UTF-8", cs->iconv);
    if (v.cd == (iconv_t)-1) /* a system without libc's conversion modules */
        return err_set_sys(err, ERR_DDL_UNPARSED, "no conversion from %s (%s) to UTF-8 here",
                           cs->name, cs->iconv);
    got = cs->width == W_ANY ? convert(&v, text, len, 0, err) : convert_by_char(&v, text, len, err);
    (void)iconv_close(v.cd);
    return got;
}

int charset_to_utf8(const char *charset, const char *text, size_t len, char **ret, size_t *ret_len,
                    struct err *err)
{
    const struct charset *cs = find_charset(charset);
    struct strbuf out = STRBUF(TEXT_MAX);
    size_t out_len;
    int got = 0;

    if (cs == NULL)
        return err_set(err, ERR_DDL_UNPARSED,
                       "a statement is written in the character set '%.64s', which is not known "
                       "here",
                       charset);
    if (cs->iconv != NULL)
        got = convert_all(cs, text, len, &out, err);
    else if (!is_acceptable(text, len))
        got =
            err_set(err, ERR_DDL_UNPARSED,
                    "a statement that claims to be %s has other bytes outside of quotes", cs->name);
    else
        strbuf_add(&out, text, len);
    out_len = out.len;
    if (got < 0 || strbuf_take(&out, ret, err) < 0) {
        strbuf_done(&out);
        return -1;
    }
    *ret_len = out_len;
    return 0;
}
