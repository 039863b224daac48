/*
 * The data directory: its lock, its key, the first account, and the file that tells where the
 * daemon serves. Names in it: lock, store.db, key, initial-credentials.json, listen, projects/.
 */
#ifndef SERVER_DATADIR_H
#define SERVER_DATADIR_H

#include "base/err.h"
#include "base/secret.h"
#include "base/util.h"
#include "store/store.h"

struct datadir;

/* datadir_open(): makes the folder (0700) and locks it. ERR_CONFIG when another daemon has it. */
int datadir_open(const char *path, struct datadir **ret, struct err *err);
void datadir_close(struct datadir *d); /* removes `listen`, gives the lock back */
DEFINE_CLEANUP(struct datadir, datadir_close)

const char *datadir_path(const struct datadir *d); /* absolute */
/* datadir_store(): store and key; makes both, and the first account, in an empty folder. */
int datadir_store(struct datadir *d, struct store **ret_store, struct box **ret_box,
                  struct err *err);
/* datadir_listen(): writes `address` (host:port) to the file `listen`, atomically; NULL removes it.
 */
int datadir_listen(struct datadir *d, const char *address, struct err *err);

#endif
