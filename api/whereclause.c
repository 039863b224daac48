#include "api/whereclause.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

#include "base/banned.h"

enum { NESTING_MAX = 64, WORD_MAX = 64 };

struct lexer {
    const char *text;
    const char *p;
    int depth;           /* open parentheses */
    bool after_name;     /* the last token was a column in backquotes or an unknown word */
    char word[WORD_MAX]; /* the last token if it was a word, upper case; else "" */
    char *problem;
};

__attribute__((format(printf, 2, 3))) static bool fault(struct lexer *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(l->problem, WHERE_PROBLEM_LEN, fmt, ap);
    va_end(ap);
    return false;
}

/* Words that would make more than a condition out of it, or read something else than the row. */
static const char *const refused_words[] = {
    "ALTER",    "ANALYZE",  "CALL",      "CREATE",   "CURSOR",    "DELETE",  "DO",     "DROP",
    "DUMPFILE", "EXCEPT",   "EXECUTE",   "EXISTS",   "EXPLAIN",   "FETCH",   "FOR",    "GRANT",
    "GROUP",    "HANDLER",  "HAVING",    "INSERT",   "INTERSECT", "INTO",    "JOIN",   "LIMIT",
    "LOAD",     "LOCK",     "NATURAL",   "NEXT",     "ORDER",     "OUTFILE", "OVER",   "PARTITION",
    "PREPARE",  "PREVIOUS", "PROCEDURE", "RETURN",   "RETURNING", "REVOKE",  "ROWNUM", "SELECT",
    "SET",      "SHOW",     "TABLE",     "TRUNCATE", "UNION",     "UPDATE",  "USE",    "VALUES",
    "WINDOW",   "WITH",     "WHERE",
};

/* Words of the language that may stand before a parenthesis without being a function. */
static const char *const operator_words[] = {
    "ALL",
    "AND",
    "ANY",
    "AS",
    "BETWEEN",
    "BINARY",
    "CASE",
    "COLLATE",
    "DIV",
    "ELSE",
    "ESCAPE",
    "IN",
    "INTERVAL",
    "IS",
    "LIKE",
    "MOD",
    "NOT",
    "OR",
    "REGEXP",
    "RLIKE",
    "THEN",
    "WHEN",
    "XOR",
    /* types of CAST and CONVERT */
    "CHAR",
    "DECIMAL",
    "NCHAR",
    "DATETIME",
    "TIME",
    "TIMESTAMP",
    "DOUBLE",
    "FLOAT",
    "VARCHAR",
};

/* Functions of their arguments alone; an unknown one could be a stored function with effects. */
static const char *const functions[] = {
    "ABS",
    "ACOS",
    "ADDDATE",
    "ADDTIME",
    "ASCII",
    "ASIN",
    "ATAN",
    "ATAN2",
    "BIN",
    "BIT_COUNT",
    "BIT_LENGTH",
    "CAST",
    "CEIL",
    "CEILING",
    "CHARACTER_LENGTH",
    "CHARSET",
    "CHAR_LENGTH",
    "COALESCE",
    "CONCAT",
    "CONCAT_WS",
    "CONV",
    "CONVERT",
    "COS",
    "COT",
    "CRC32",
    "DATE",
    "DATEDIFF",
    "DATE_ADD",
    "DATE_FORMAT",
    "DATE_SUB",
    "DAY",
    "DAYNAME",
    "DAYOFMONTH",
    "DAYOFWEEK",
    "DAYOFYEAR",
    "DEGREES",
    "ELT",
    "EXP",
    "EXTRACT",
    "FIELD",
    "FIND_IN_SET",
    "FLOOR",
    "FORMAT",
    "FROM_BASE64",
    "FROM_DAYS",
    "FROM_UNIXTIME",
    "GREATEST",
    "HEX",
    "HOUR",
    "IF",
    "IFNULL",
    "INET6_ATON",
    "INET6_NTOA",
    "INET_ATON",
    "INET_NTOA",
    "INSTR",
    "ISNULL",
    "JSON_CONTAINS",
    "JSON_CONTAINS_PATH",
    "JSON_EXTRACT",
    "JSON_LENGTH",
    "JSON_TYPE",
    "JSON_UNQUOTE",
    "JSON_VALID",
    "JSON_VALUE",
    "LAST_DAY",
    "LCASE",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LN",
    "LOCATE",
    "LOG",
    "LOG10",
    "LOG2",
    "LOWER",
    "LPAD",
    "LTRIM",
    "MAKEDATE",
    "MAKETIME",
    "MD5",
    "MICROSECOND",
    "MID",
    "MINUTE",
    "MONTH",
    "MONTHNAME",
    "NULLIF",
    "OCT",
    "OCTET_LENGTH",
    "ORD",
    "PERIOD_ADD",
    "PERIOD_DIFF",
    "PI",
    "POSITION",
    "POW",
    "POWER",
    "QUARTER",
    "RADIANS",
    "REGEXP_INSTR",
    "REGEXP_LIKE",
    "REGEXP_REPLACE",
    "REGEXP_SUBSTR",
    "REPEAT",
    "REPLACE",
    "REVERSE",
    "RIGHT",
    "ROUND",
    "RPAD",
    "RTRIM",
    "SECOND",
    "SEC_TO_TIME",
    "SHA",
    "SHA1",
    "SHA2",
    "SIGN",
    "SIN",
    "SOUNDEX",
    "SPACE",
    "SQRT",
    "STRCMP",
    "STR_TO_DATE",
    "SUBDATE",
    "SUBSTR",
    "SUBSTRING",
    "SUBSTRING_INDEX",
    "SUBTIME",
    "TAN",
    "TIMEDIFF",
    "TIMESTAMPADD",
    "TIMESTAMPDIFF",
    "TIME_FORMAT",
    "TIME_TO_SEC",
    "TO_BASE64",
    "TO_DAYS",
    "TO_SECONDS",
    "TRIM",
    "UCASE",
    "UNHEX",
    "UNIX_TIMESTAMP",
    "UPPER",
    "WEEK",
    "WEEKDAY",
    "WEEKOFYEAR",
    "YEAR",
    "YEARWEEK",
};

static bool among(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}
#define AMONG(list, word) among(list, ARRAY_SIZE(list), word)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/*
 * '…', "…" or `…`. Whether a backslash escapes depends on the server's sql_mode, so a text whose
 * end would depend on it is refused.
 */
static bool quoted(struct lexer *l)
{
    char quote = *l->p++;

    for (; *l->p != '\0'; l->p++) {
        if (*l->p == '\\' && quote != '`') {
            if (l->p[1] == '\'' || l->p[1] == '"')
                return fault(l, "write a quote inside a text twice, not with a backslash");
            if (l->p[1] == '\0')
                break;
            l->p++;
        } else if (*l->p == quote) {
            if (l->p[1] != quote) {
                l->p++;
                l->after_name = quote == '`';
                l->word[0] = '\0';
                return true;
            }
            l->p++;
        }
    }
    return fault(l, "has a quote that is not closed");
}

static bool word(struct lexer *l)
{
    const char *start = l->p;
    size_t len;

    while (is_word(*l->p))
        l->p++;
    len = (size_t)(l->p - start);
    l->word[0] = '\0';
    l->after_name = true;
    if (len >= WORD_MAX) /* longer than any word of the language: a column, if anything */
        return true;
    for (size_t i = 0; i < len; i++)
        l->word[i] = (char)(start[i] >= 'a' && start[i] <= 'z' ? start[i] - 'a' + 'A' : start[i]);
    l->word[len] = '\0';
    if (AMONG(refused_words, l->word))
        return fault(l, "must not use %s: a filter is one condition over the columns of a row",
                     l->word);
    return true;
}

static bool number(struct lexer *l)
{
    bool exponent = false;

    /* 12, 1.5, .5, 1e-3, 0x1F, 0b1: a letter glued to it makes it a column's name to the server */
    while (is_word(*l->p) || *l->p == '.' ||
           ((*l->p == '-' || *l->p == '+') && exponent && is_digit(l->p[1]))) {
        exponent = (*l->p == 'e' || *l->p == 'E') && strncasecmp(l->p - 1, "0x", 2) != 0;
        l->p++;
    }
    l->word[0] = '\0';
    l->after_name = true;
    return true;
}

static bool open_paren(struct lexer *l)
{
    bool is_function = l->word[0] != '\0' || l->after_name;

    if (is_function && !AMONG(operator_words, l->word) && !AMONG(functions, l->word)) {
        if (l->word[0] == '\0')
            return fault(l, "must not call a function by a quoted or unknown name");
        return fault(l,
                     "must not use the function %s: only functions that depend on nothing but "
                     "their arguments",
                     l->word);
    }
    if (++l->depth > NESTING_MAX)
        return fault(l, "has more than %d parentheses inside each other", NESTING_MAX);
    l->p++;
    l->word[0] = '\0';
    l->after_name = false;
    return true;
}

static bool symbol(struct lexer *l)
{
    char c = *l->p;

    if (c == ')' && --l->depth < 0)
        return fault(l, "closes a parenthesis that it did not open");
    if ((c == '-' && l->p[1] == '-') || c == '#' || (c == '/' && l->p[1] == '*') ||
        (c == '*' && l->p[1] == '/'))
        return fault(l, "must not hold a comment");
    if (c == ';')
        return fault(l, "must not hold a semicolon outside of quotes");
    if (c == '@' || c == '?' || c == ':')
        return fault(l, "must not hold a variable or placeholder (%c)", c);
    if (c == '.')
        return fault(l, "must name columns without their table");
    if (strchr("+-*/%=<>!&|^~,)", c) == NULL)
        return fault(l, "has a character that does not belong there: %c", c);
    l->p++;
    l->word[0] = '\0';
    l->after_name = c == ')'; /* "(a)(b)" is no call that could be meant */
    return true;
}

static bool token(struct lexer *l)
{
    char c = *l->p;

    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        l->p++; /* the word stays: "SLEEP (1)" is a call under some settings */
        return true;
    }
    if ((unsigned char)c < 0x20 || c == 0x7f)
        return fault(l, "must not hold a control character");
    if (c == '\'' || c == '"' || c == '`')
        return quoted(l);
    if (is_digit(c) || (c == '.' && is_digit(l->p[1]) && !l->after_name))
        return number(l);
    if (is_word(c))
        return word(l);
    return c == '(' ? open_paren(l) : symbol(l);
}

bool where_check(const char *text, char problem[static WHERE_PROBLEM_LEN])
{
    struct lexer l = { .text = text, .p = text, .problem = problem };

    if (strlen(text) > WHERE_MAX_BYTES)
        return fault(&l, "must be at most %d bytes long", WHERE_MAX_BYTES);
    if (text[strspn(text, " \t\r\n")] == '\0')
        return fault(&l, "must not be empty");
    while (*l.p != '\0')
        if (!token(&l))
            return false;
    if (l.depth > 0)
        return fault(&l, "opens a parenthesis that it does not close");
    return true;
}
