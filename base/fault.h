/*
 * Named fault points for the kill tests: compiled in by -DCAUSEWAY_FAULTS=ON only.
 *
 *   FAULT("full.commit.before");
 *
 * A test arms a point by writing a number n into the file FAULT_DIR/NAME. The n-th time any
 * process passes the point it removes the file and kills itself with SIGKILL, so that an armed
 * point kills exactly once and the restarted process goes on. Names: <module>.<what>.<when>.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#ifdef CAUSEWAY_FAULTS
#define FAULT(name) fault_point(name)
#else
#define FAULT(name) ((void)0)
#endif

/* fault_setup(): the folder of this process's points; NULL or "" switches them off. */
void fault_setup(const char *dir);
void fault_point(const char *name);

#endif
