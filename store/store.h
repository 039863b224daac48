/*
 * What the control plane knows, in SQLite: one database file, WAL, STRICT tables, numbered schema
 * steps. One header and source file per kind of row; no other folder writes SQL for SQLite.
 *
 * A `struct store` may be used from any thread: each call borrows one of its connections. Changes
 * of state are made by comparing, so that two threads, two daemons and an impatient user are the
 * same case. Losing the store must not corrupt a database: what is done is known at the target.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/util.h"

struct store;

/* store_open(): opens or makes `path` and brings its schema up to date. ERR_STORE, ERR_STORE_BUSY.
 */
int store_open(const char *path, struct store **ret, struct err *err);
void store_close(struct store *s);
DEFINE_CLEANUP(struct store, store_close)

/* store_check(): PRAGMA integrity_check and foreign_key_check. */
int store_check(struct store *s, struct err *err);

/* Paging and sorting of every list call. */
struct page {
    int number;       /* from 1 */
    int size;         /* 1 … 150 */
    bool by_modified; /* sort by gmtModified instead of gmtCreate */
    bool ascending;
};

#endif
