/*
 * How large a project's components are (docs/objects.md, "Grades"): one table from SMALL, MEDIUM
 * and LARGE to numbers; CUSTOM names its own within the same bounds. Resolved for each start of a
 * worker (assignment) and for whoever looks (DescribeProject).
 */
#ifndef FLOW_GRADE_H
#define FLOW_GRADE_H

#include <json-c/json.h>

/* X(key, least, most, SMALL, MEDIUM, LARGE); MEDIUM is what is taken where nothing is said. */
#define GRADE_STORE_TABLE(X) X("segmentMiB", 1, 1024, 32, 128, 256)
#define GRADE_FULL_IMPORT_TABLE(X)                                                                 \
    X("readWorkerNum", 1, 64, 4, 8, 16)                                                            \
    X("writeWorkerNum", 1, 64, 4, 8, 16)                                                           \
    X("memoryMiB", 4, 1024, 32, 64, 128)
#define GRADE_INCR_SYNC_TABLE(X)                                                                   \
    X("lanes", 1, 16, 4, 8, 16)                                                                    \
    X("batchRows", 1, 10000, 500, 1000, 4000)                                                      \
    X("batchKiB", 16, 16384, 512, 1024, 4096)                                                      \
    X("memoryMiB", 4, 1024, 32, 64, 128)
#define GRADE_FULL_VERIFY_TABLE(X)                                                                 \
    X("workerNum", 1, 64, 4, 8, 16)                                                                \
    X("batchRows", 1, 10000, 200, 600, 1200)

/* What an unset incrSyncConcurrency is stored as (OMS's default): as many lanes as the grade has.
 */
enum { GRADE_LANES_UNSET = 64 };

/*
 * grade_settings() - {"store": {"grade": "MEDIUM", "segmentMiB": 128}, "fullImport": …} of a
 * project
 *
 * @config  its stored configuration
 * What counts, the last that is there: MEDIUM; the grade (componentGrades, else OMS's speed mode);
 * with CUSTOM componentSettings, then fullTransferSpeedConfig; numbers that have a key of their own
 * (readWorkerNum, writeWorkerNum, incrSyncConcurrency).
 */
struct json_object *grade_settings(struct json_object *config);
/* grade_of_mode(), grade_mode(): STEADY, NORMAL, FAST, CUSTOM and SMALL, MEDIUM, LARGE, CUSTOM. */
const char *grade_of_mode(const char *speed_mode);
const char *grade_mode(const char *grade);

#endif
