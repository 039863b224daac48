/* What parse*.c and evolve*.c, which reads definitions, share; nobody else includes it. */
#ifndef WORKERS_MYSQL_DDL_PARSE_PRIV_H
#define WORKERS_MYSQL_DDL_PARSE_PRIV_H

#include "workers/mysql/ddl/parse.h"

/* Where the parser stands. Errors go to `err`: 0 or -1 is what functions return. */
struct ddl_cursor {
    struct ddl_statement *s; /* NULL while a part is read again */
    const char *verb;        /* for messages */
    const struct tokens *t;
    bool no_backslash_escapes;
    size_t at;
    const char *default_db;
    struct err *err;
};

/* dc_fail(): ERR_DDL_UNPARSED with what was expected and the text around; -1. */
int dc_fail(struct ddl_cursor *c, const char *expected);
int dc_nomem(struct ddl_cursor *c);

bool dc_end(const struct ddl_cursor *c);
bool dc_is(const struct ddl_cursor *c, const char *word);
bool dc_is2(const struct ddl_cursor *c, const char *first, const char *second);
bool dc_is_punct(const struct ddl_cursor *c, char punct);
bool dc_accept(struct ddl_cursor *c, const char *word);
bool dc_accept2(struct ddl_cursor *c, const char *first, const char *second);
bool dc_accept_punct(struct ddl_cursor *c, char punct);
int dc_expect(struct ddl_cursor *c, const char *word);
int dc_expect_punct(struct ddl_cursor *c, char punct);
/* dc_if_exists(), dc_if_not_exists(): IF [NOT] EXISTS, where it stands, sets *ret. */
int dc_if_exists(struct ddl_cursor *c, bool *ret);
int dc_if_not_exists(struct ddl_cursor *c, bool *ret);
/* dc_word_of(): index of the word in `words` the cursor stands on; `count`: none of them. */
size_t dc_word_of(const struct ddl_cursor *c, const char *const *words, size_t count);
/* dc_parentheses(): from the opening one to behind the closing one. */
int dc_parentheses(struct ddl_cursor *c);

/* dc_table(): [db .] name. */
int dc_table(struct ddl_cursor *c, struct ddl_name *ret);
/* dc_name(): adds a name to s->names. */
int dc_name(struct ddl_cursor *c);
/* dc_column(): [[db .] table .] column; *ret_at is the last part. */
int dc_column(struct ddl_cursor *c, char **ret, struct span *ret_at);
/* dc_item(): a new item that begins at `from`; NULL: out of memory, told. Valid until the next. */
struct ddl_item *dc_item(struct ddl_cursor *c, enum item_kind kind, size_t from);
void dc_item_ends(struct ddl_cursor *c);          /* the last item ends in front of the cursor */
void dc_skip_wait(struct ddl_cursor *c);          /* MariaDB's WAIT n, NOWAIT */
bool dc_partitioning(const struct ddl_cursor *c); /* PARTITION BY, REMOVE PARTITIONING … begins */
/* dc_skip_item(): to the comma, the closing parenthesis or the partitioning that ends an item. */
int dc_skip_item(struct ddl_cursor *c);

/* parse_item.c: what CREATE TABLE's parentheses and ALTER TABLE's ADD have. */
int dc_element(struct ddl_cursor *c, size_t from, bool may_place); /* behind ADD [COLUMN] */
int dc_elements(struct ddl_cursor *c);                             /* ( element, … ) */
int dc_column_rest(struct ddl_cursor *c, bool may_place); /* definition [FIRST | AFTER x] */
int dc_key_parts(struct ddl_cursor *c, struct ddl_item *item);
bool dc_element_is_key(const struct ddl_cursor *c);
/* dc_reference(): REFERENCES t [(column, …)] … of one column, into rename, ref_columns, on_…. */
int dc_reference(struct ddl_cursor *c, struct ddl_item *item);
void dc_reference_done(struct ddl_item *item);

/* parse_option.c */
int dc_options(struct ddl_cursor *c, bool *ret_any);
int dc_charset_value(struct ddl_cursor *c, char **ret);
int dc_database_options(struct ddl_cursor *c);

/* parse_alter.c, parse_table.c */
int dc_alter_table(struct ddl_cursor *c);
int dc_create_table(struct ddl_cursor *c);

#endif
