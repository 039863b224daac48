/* A modify record as ListProjectModifyRecords shows it (oms-api.md 4.16). */
#ifndef API_MODIFY_VIEW_H
#define API_MODIFY_VIEW_H

#include "store/modify.h"

struct json_object *view_modify(const struct modify *m);

#endif
