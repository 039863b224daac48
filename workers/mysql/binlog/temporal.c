#include "workers/mysql/binlog/temporal.h"

#include <string.h>

#include "base/util.h"

#include "base/banned.h"

enum {
    DIGITS_MAX = 6,
    SECONDS_A_DAY = 86400,
    TIME_SECONDS_MAX = 839 * 3600, /* one more than a TIME can hold */
    DECIMAL_PRECISION_MAX = 65,
    DECIMAL_SCALE_MAX = 38, /* MariaDB; MySQL has 30 */
    GROUP_DIGITS = 9,       /* a group of nine digits takes four bytes */
    GROUP_BYTES = 4,
    DECIMAL_BYTES_MAX = 36, /* 65 digits in at most nine groups */
};

static const uint32_t powers[] = { 1,      10,      100,      1000,      10000,
                                   100000, 1000000, 10000000, 100000000, 1000000000 };

/* `v` with at least `width` digits. strbuf_addf() is too slow for every value of every row. */
static void add_padded(struct strbuf *b, unsigned width, uint32_t v)
{
    char text[10];
    unsigned at = sizeof(text);

    while (at > sizeof(text) - MIN(width, (unsigned)sizeof(text)) || v != 0) {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
        if (at == 0)
            break;
    }
    strbuf_add(b, text + at, sizeof(text) - at);
}

static void add_fraction(struct strbuf *b, unsigned digits, uint32_t micros)
{
    if (digits == 0)
        return;
    strbuf_addc(b, '.');
    add_padded(b, digits, micros / powers[DIGITS_MAX - digits]);
}

static bool add_date(struct strbuf *b, uint32_t year, uint32_t month, uint32_t day)
{
    if (year > 9999 || month > 12 || day > 31)
        return false;
    add_padded(b, 4, year);
    strbuf_addc(b, '-');
    add_padded(b, 2, month);
    strbuf_addc(b, '-');
    add_padded(b, 2, day);
    return true;
}

static bool add_time(struct strbuf *b, uint32_t hour, uint32_t minute, uint32_t second,
                     uint32_t micros, unsigned digits)
{
    if (minute > 59 || second > 59 || micros > 999999)
        return false;
    add_padded(b, 2, hour);
    strbuf_addc(b, ':');
    add_padded(b, 2, minute);
    strbuf_addc(b, ':');
    add_padded(b, 2, second);
    add_fraction(b, digits, micros);
    return true;
}

/* Date and time in one number: year * 13 + month, day, hour, minute, second in 17+5+5+6+6 bits. */
static bool add_packed_date(struct strbuf *b, uint64_t seconds)
{
    uint32_t ymd = (uint32_t)(seconds >> 17), ym = ymd >> 5;

    return add_date(b, ym / 13, ym % 13, ymd & 31);
}

bool temporal_packed_datetime(struct strbuf *b, int64_t packed, unsigned digits)
{
    uint64_t seconds = (uint64_t)packed >> 24;
    uint32_t hms = (uint32_t)(seconds & 0x1ffff), micros = (uint32_t)(packed & 0xffffff);

    if (packed < 0 || digits > DIGITS_MAX || hms >> 12 > 23 || !add_packed_date(b, seconds))
        return false;
    strbuf_addc(b, ' ');
    return add_time(b, hms >> 12, hms >> 6 & 63, hms & 63, micros, digits);
}

bool temporal_packed_date(struct strbuf *b, int64_t packed)
{
    return packed >= 0 && add_packed_date(b, (uint64_t)packed >> 24);
}

bool temporal_packed_time(struct strbuf *b, int64_t packed, unsigned digits)
{
    uint64_t magnitude = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
    uint32_t hms = (uint32_t)(magnitude >> 24);

    if (magnitude >> 24 > 0x3fffff || digits > DIGITS_MAX)
        return false;
    if (packed < 0)
        strbuf_addc(b, '-');
    return add_time(b, hms >> 12 & 0x3ff, hms >> 6 & 63, hms & 63, (uint32_t)(magnitude & 0xffffff),
                    digits);
}

bool temporal_date(struct strbuf *b, struct cursor *c)
{
    uint32_t v = (uint32_t)cursor_le(c, 3);

    return !c->bad && add_date(b, v >> 9, v >> 5 & 15, v & 31);
}

bool temporal_time_old(struct strbuf *b, struct cursor *c)
{
    uint32_t v = (uint32_t)cursor_le(c, 3);

    if ((v & 0x800000) != 0) { /* 24 bits, two's complement, digits hhhmmss */
        strbuf_addc(b, '-');
        v = 0x1000000 - v;
    }
    return !c->bad && add_time(b, v / 10000, v / 100 % 100, v % 100, 0, 0);
}

/* Fraction of a second in (digits + 1) / 2 bytes, as microseconds. */
static uint32_t take_fraction(struct cursor *c, unsigned digits)
{
    unsigned bytes = (digits + 1) / 2;

    return bytes == 0 ? 0 : (uint32_t)cursor_be(c, bytes) * powers[DIGITS_MAX - 2 * bytes];
}

bool temporal_time2(struct strbuf *b, struct cursor *c, unsigned digits)
{
    unsigned bytes = (digits + 1) / 2;
    int64_t whole, unit;

    if (digits > DIGITS_MAX)
        return false;
    /* seconds and fraction are one biased number, so that a negative time borrows across them */
    whole = (int64_t)cursor_be(c, 3 + bytes) - ((int64_t)0x800000 << (8 * bytes));
    unit = (int64_t)1 << (8 * bytes);
    if (c->bad)
        return false;
    if (whole < 0) {
        uint64_t up = 0 - (uint64_t)whole;

        whole = (int64_t)((up / (uint64_t)unit) << 24) +
                (int64_t)(up % (uint64_t)unit) * powers[DIGITS_MAX - 2 * bytes];
        return temporal_packed_time(b, -whole, digits);
    }
    return temporal_packed_time(
        b, (whole / unit) << 24 | (whole % unit) * powers[DIGITS_MAX - 2 * bytes], digits);
}

bool temporal_datetime_old(struct strbuf *b, struct cursor *c)
{
    uint64_t v = cursor_le(c, 8);
    uint64_t date = v / 1000000;
    uint32_t time = (uint32_t)(v % 1000000);

    if (c->bad || date > 99991231 || time / 10000 > 23 ||
        !add_date(b, (uint32_t)(date / 10000), (uint32_t)(date / 100 % 100),
                  (uint32_t)(date % 100)))
        return false;
    strbuf_addc(b, ' ');
    return add_time(b, time / 10000, time / 100 % 100, time % 100, 0, 0);
}

bool temporal_datetime2(struct strbuf *b, struct cursor *c, unsigned digits)
{
    uint64_t biased = cursor_be(c, 5);

    if (digits > DIGITS_MAX || biased < 0x8000000000)
        return false;
    return temporal_packed_datetime(
               b, (int64_t)((biased - 0x8000000000) << 24 | take_fraction(c, digits)), digits) &&
           !c->bad;
}

/* Civil date of a day number (days since 1970-01-01), proleptic Gregorian. */
static void civil(uint32_t days, uint32_t *ret_year, uint32_t *ret_month, uint32_t *ret_day)
{
    uint32_t z = days + 719468, era = z / 146097, doe = z % 146097;
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    *ret_day = doy - (153 * mp + 2) / 5 + 1;
    *ret_month = mp < 10 ? mp + 3 : mp - 9;
    *ret_year = yoe + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

static bool add_timestamp(struct strbuf *b, uint32_t unix_s, uint32_t micros, unsigned digits)
{
    uint32_t year = 0, month = 0, day = 0, left = unix_s % SECONDS_A_DAY;

    if (unix_s != 0 || micros != 0)
        civil(unix_s / SECONDS_A_DAY, &year, &month, &day); /* else the zero date */
    (void)add_date(b, year, month, day);
    strbuf_addc(b, ' ');
    return add_time(b, left / 3600, left / 60 % 60, left % 60, micros, digits);
}

bool temporal_timestamp_old(struct strbuf *b, struct cursor *c)
{
    uint32_t unix_s = (uint32_t)cursor_le(c, 4);

    return !c->bad && add_timestamp(b, unix_s, 0, 0);
}

bool temporal_timestamp2(struct strbuf *b, struct cursor *c, unsigned digits)
{
    uint32_t unix_s = (uint32_t)cursor_be(c, 4), micros;

    if (digits > DIGITS_MAX)
        return false;
    micros = take_fraction(c, digits);
    return !c->bad && add_timestamp(b, unix_s, micros, digits);
}

/* Two digits of a fraction take a byte. */
static unsigned fraction_bytes(unsigned digits)
{
    return (digits + 1) / 2;
}

bool temporal_timestamp_hires(struct strbuf *b, struct cursor *c, unsigned digits)
{
    uint32_t unix_s = (uint32_t)cursor_be(c, 4);
    uint64_t part;

    if (digits == 0 || digits > DIGITS_MAX)
        return false;
    part = cursor_be(c, fraction_bytes(digits));
    return !c->bad && part < powers[digits] &&
           add_timestamp(b, unix_s, (uint32_t)part * powers[DIGITS_MAX - digits], digits);
}

bool temporal_datetime_hires(struct strbuf *b, struct cursor *c, unsigned digits)
{
    static const uint8_t bytes[DIGITS_MAX + 1] = { 0, 6, 6, 7, 7, 7, 8 };
    uint32_t part, seconds;
    uint64_t v, days;

    if (digits == 0 || digits > DIGITS_MAX)
        return false;
    v = cursor_be(c, bytes[digits]);
    part = (uint32_t)(v % powers[digits]) * powers[DIGITS_MAX - digits];
    v /= powers[digits];
    seconds = (uint32_t)(v % SECONDS_A_DAY);
    days = v / SECONDS_A_DAY; /* (year * 13 + month) * 32 + day */
    if (c->bad || days / 32 / 13 > 9999 ||
        !add_date(b, (uint32_t)(days / 32 / 13), (uint32_t)(days / 32 % 13), (uint32_t)(days % 32)))
        return false;
    strbuf_addc(b, ' ');
    return add_time(b, seconds / 3600, seconds / 60 % 60, seconds % 60, part, digits);
}

bool temporal_time_hires(struct strbuf *b, struct cursor *c, unsigned digits)
{
    static const uint8_t bytes[DIGITS_MAX + 1] = { 0, 4, 4, 5, 5, 5, 6 };
    int64_t zero, v;
    uint64_t up;
    uint32_t seconds;

    if (digits == 0 || digits > DIGITS_MAX)
        return false;
    zero = (int64_t)TIME_SECONDS_MAX * powers[digits]; /* so that no value is negative */
    v = (int64_t)cursor_be(c, bytes[digits]) - zero;
    up = v < 0 ? (uint64_t)-v : (uint64_t)v;
    if (c->bad || v <= -zero || up >= (uint64_t)zero)
        return false;
    if (v < 0)
        strbuf_addc(b, '-');
    seconds = (uint32_t)(up / powers[digits]);
    return add_time(b, seconds / 3600, seconds / 60 % 60, seconds % 60,
                    (uint32_t)(up % powers[digits]) * powers[DIGITS_MAX - digits], digits);
}

/* Bytes of `digits` < 9 left-over digits. */
static unsigned part_bytes(unsigned digits)
{
    static const uint8_t bytes[GROUP_DIGITS] = { 0, 1, 1, 2, 2, 3, 3, 4, 4 };

    return bytes[digits];
}

/* One group at the cursor, as exactly `digits` digits. */
static bool take_group(struct cursor *c, unsigned digits, char **to)
{
    unsigned bytes = digits == GROUP_DIGITS ? GROUP_BYTES : part_bytes(digits);
    uint32_t v = bytes == 0 ? 0 : (uint32_t)cursor_be(c, bytes);

    if (v >= powers[digits])
        return false;
    for (unsigned i = digits; i > 0; i--) {
        (*to)[i - 1] = (char)('0' + v % 10);
        v /= 10;
    }
    *to += digits;
    return true;
}

bool decimal_text(struct strbuf *b, struct cursor *c, unsigned precision, unsigned scale)
{
    unsigned whole = precision - scale, bytes;
    uint8_t raw[DECIMAL_BYTES_MAX];
    char text[DECIMAL_PRECISION_MAX + GROUP_DIGITS], *to = text;
    const uint8_t *at;
    struct cursor in;
    bool negative;
    size_t skip = 0;

    if (precision == 0 || precision > DECIMAL_PRECISION_MAX || scale > precision ||
        scale > DECIMAL_SCALE_MAX)
        return false;
    bytes = whole / GROUP_DIGITS * GROUP_BYTES + part_bytes(whole % GROUP_DIGITS) +
            scale / GROUP_DIGITS * GROUP_BYTES + part_bytes(scale % GROUP_DIGITS);
    at = cursor_bytes(c, bytes);
    if (at == NULL || bytes > sizeof(raw))
        return false;
    memcpy(raw, at, bytes);
    negative =
        (raw[0] & 0x80) == 0; /* the sign's bit is inverted so that bytes sort as values do */
    raw[0] ^= 0x80;
    for (unsigned i = 0; negative && i < bytes; i++)
        raw[i] = (uint8_t)~raw[i];
    in = cursor_of(raw, bytes);
    if (!take_group(&in, whole % GROUP_DIGITS, &to))
        return false;
    for (unsigned i = 0; i < whole / GROUP_DIGITS; i++)
        if (!take_group(&in, GROUP_DIGITS, &to))
            return false;
    for (unsigned i = 0; i < scale / GROUP_DIGITS; i++)
        if (!take_group(&in, GROUP_DIGITS, &to))
            return false;
    if (!take_group(&in, scale % GROUP_DIGITS, &to) || in.bad)
        return false;
    while (skip + 1 < whole && text[skip] == '0')
        skip++;
    if (negative)
        strbuf_addc(b, '-');
    if (whole == 0)
        strbuf_addc(b, '0');
    strbuf_add(b, text + skip, whole - skip);
    if (scale > 0) {
        strbuf_addc(b, '.');
        strbuf_add(b, text + whole, scale);
    }
    return true;
}
