#include "api/switch.h"

#include <string.h>

#include "api/invert.h"
#include "api/mapping.h"
#include "api/project_body.h"
#include "base/json.h"

#include "base/banned.h"

#define REVERSE_FLAG "enableReverseIncrTransfer"
#define REVERSE_CONFIG "reverseIncrTransferConfig"

/* What was left out comes from the forward direction; its start, limits and strategy are its own.
 */
static int settle_config(struct json_object *body, struct err *err)
{
    static const char *const own[] = { "startTimestamp", "throttleRps", "throttleIOPS" };
    struct json_object *config = json_get(body, REVERSE_CONFIG);

    if (config == NULL) {
        config = json_clone(json_get(body, "incrTransferConfig"));
        if (config == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
            json_object_object_del(config, own[i]);
        json_add_str(config, "conflictStrategy", "FAIL");
        json_add(config, "recordTypeWhiteList",
                 json_tokener_parse("[\"INSERT\",\"UPDATE\",\"DELETE\"]"));
        json_add(body, REVERSE_CONFIG, config);
    }
    return json_add(config, "supportDDLTypes", json_object_new_array());
}

static void check_flags(struct json_object *body, struct faults *faults)
{
    struct json_object *reverse = json_get(body, REVERSE_CONFIG);

    if (strcmp(json_get_str(body, "type", "MIGRATION"), "MIGRATION") != 0)
        faults_add(faults, REVERSE_FLAG, "is for projects of type MIGRATION only");
    if (!json_get_bool(body, "enableIncrTransfer", false))
        faults_add(faults, "enableIncrTransfer", "is required with " REVERSE_FLAG);
    if (json_get(reverse, "startTimestamp") != NULL)
        faults_add(faults, REVERSE_CONFIG ".startTimestamp",
                   "must not be given: the switchover notes where the reverse direction begins");
    if (reverse != NULL)
        project_body_check_reverse(reverse, REVERSE_CONFIG, faults);
}

int switch_body_check(struct json_object *body, bool sound, struct faults *faults, struct err *err)
{
    const char *triggers = json_get_str(json_get(body, "structTransferConfig"),
                                        "triggerMigrationType", "NOT_MIGRATION");
    struct json_object *back = NULL;

    if (!json_get_bool(body, REVERSE_FLAG, false)) {
        if (strcmp(triggers, "WITH_TRANSFER_APP_SWITCH") == 0)
            faults_add(faults, "structTransferConfig.triggerMigrationType",
                       "WITH_TRANSFER_APP_SWITCH needs " REVERSE_FLAG
                       ": without it there is no switchover");
        return 0;
    }
    check_flags(body, faults);
    if (!sound) /* the mapping has its faults already */
        return 0;
    if (mapping_invert(json_get(body, "transferMapping"), faults, &back, err) < 0)
        return -1;
    if (back == NULL)
        return 0;
    json_add(body, "reverseTransferMapping", back);
    return settle_config(body, err);
}
