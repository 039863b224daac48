/* What every test of store/ begins with: an empty store in a folder of its own. */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/secret.h"
#include "store/project.h"
#include "store/source.h"
#include "store/store.h"

struct fixture {
    char dir[64];
    char path[128];
    struct store *store;
};

/* Fails the test with the error's text. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct err *e_ = &err;                                                                     \
        err_reset(e_);                                                                             \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s: %s", #call, err_symbol(e_->code), e_->message);                      \
    } while (0)
#define assert_err(call, expected)                                                                 \
    do {                                                                                           \
        err_reset(&err);                                                                           \
        assert_int_equal((call), -1);                                                              \
        if (err.code != (expected))                                                                \
            fail_msg("%s: %s instead of %s: %s", #call, err_symbol(err.code),                      \
                     err_symbol(expected), err.message);                                           \
    } while (0)

static inline int fixture_up(void **state)
{
    static struct fixture f;
    struct err err = { 0 };

    (void)snprintf(f.dir, sizeof(f.dir), "/tmp/cw-store-XXXXXX");
    if (secret_setup(&err) < 0 || mkdtemp(f.dir) == NULL)
        return -1;
    (void)snprintf(f.path, sizeof(f.path), "%s/causeway.db", f.dir);
    if (store_open(f.path, &f.store, &err) < 0)
        return -1;
    *state = &f;
    return 0;
}

static inline int fixture_down(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };

    store_close(f->store);
    f->store = NULL;
    return fs_remove_tree(f->dir, &err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

/* A source; its id. Texts are literals, which source_free() must not see. */
static inline const char *add_source(struct store *st, const char *name, const char *type)
{
    static char id[ID_MAX];
    char sealed[] = "sealed", host[] = "db.example", user[] = "u";
    char n[256], t[64];
    struct source s = { .port = 3306, .host = host, .user = user, .password_sealed = sealed };
    struct err err = { 0 };

    (void)snprintf(n, sizeof(n), "%s", name);
    (void)snprintf(t, sizeof(t), "%s", type);
    s.name = n;
    s.type = t;
    assert_ok(store_source_add(st, &s, &err));
    (void)snprintf(id, sizeof(id), "%s", s.id);
    return id;
}

/* A project between two fresh sources: 0 and its id, or -1. */
static inline int add_project(struct store *st, const char *owner, const char *name,
                              char ret_id[static ID_MAX], struct err *err)
{
    static int serial;
    char n[256], o[64], type[] = "MIGRATION", source[64];
    _cleanup_(json_putp)
    struct json_object *config = json_object_new_object();
    struct project p = { .type = type, .config = config };
    int r;

    (void)snprintf(n, sizeof(n), "%s", name);
    (void)snprintf(o, sizeof(o), "%s", owner);
    p.name = n;
    p.owner = o;
    (void)snprintf(source, sizeof(source), "s%d", serial);
    (void)snprintf(p.source_id, sizeof(p.source_id), "%s", add_source(st, source, "MYSQL"));
    (void)snprintf(source, sizeof(source), "k%d", serial++);
    (void)snprintf(p.sink_id, sizeof(p.sink_id), "%s", add_source(st, source, "MARIADB"));
    r = store_project_add(st, &p, err);
    (void)snprintf(ret_id, ID_MAX, "%s", p.id);
    return r;
}

#endif
