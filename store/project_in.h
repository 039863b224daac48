/* Inside of store/ only: a project's row, for whoever reads one. */
#ifndef STORE_PROJECT_IN_H
#define STORE_PROJECT_IN_H

#include "store/db.h"
#include "store/project.h"

/* The columns of project_read_row(), of `project p`; the configuration may be a part of it. */
#define PROJECT_COLUMNS(config)                                                                    \
    "p.id, p.name, p.type, p.owner, p.status, p.source_id, p.sink_id, " config                     \
    ", p.created_at, p.modified_at, p.started_at, p.finished_at, p.direction, p.forward_id,"       \
    " (SELECT r.id FROM project r WHERE r.forward_id = p.id AND r.status <> 'DELETED'"             \
    "  ORDER BY r.seq DESC LIMIT 1), p.turn, p.alarming, p.passed,"                                \
    " (SELECT json_group_array(json_object('id', l.id, 'name', l.name, 'creator', l.creator,"      \
    "  'type', 1, 'count', l.projects)) FROM project_label x JOIN label l ON l.seq = x.label"      \
    "  WHERE x.project_id = p.id), p.parent_id, p.modifying"

int project_read_row(struct query *q, struct project **ret, struct err *err);
/* project_status_list(): the statuses of a bit set as a JSON array, to be bound. */
struct json_object *project_status_list(unsigned statuses);

#endif
