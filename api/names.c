#include "api/names.h"

#include <string.h>
#include <strings.h>

#include "base/util.h"

#include "base/banned.h"

bool name_is_system_schema(const char *db)
{
    static const char *const system[] = { "mysql", "information_schema", "performance_schema",
                                          "sys" };

    for (size_t i = 0; i < ARRAY_SIZE(system); i++)
        if (strcasecmp(db, system[i]) == 0)
            return true;
    return false;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

const char *name_check_line(const char *text)
{
    return has_control(text) ? "must not hold line breaks or control characters" : NULL;
}

const char *name_check_plain(const char *text)
{
    if (strchr(text, ' ') != NULL)
        return "must not hold spaces";
    return name_check_line(text);
}

const char *name_check_object(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            return "must be ASCII only (oms-api.md 3.14)";
    if (has_control(text))
        return "must not hold line breaks or control characters";
    if (strpbrk(text, ".|\"'`()=;/&\\") != NULL)
        return "must not hold any of . | \" ' ` ( ) = ; / & \\ (oms-api.md 3.14)";
    if (strstr(text, "$$") != NULL)
        return "must not hold $$ (oms-api.md 3.14)";
    if (*text == ' ' || (*text != '\0' && text[strlen(text) - 1] == ' '))
        return "must not begin or end with a space";
    return NULL;
}

const char *name_check_column(const char *text)
{
    if (*text == '\0')
        return "must not be empty";
    if (strlen(text) > 64 * 4)
        return "must be at most 64 characters long";
    return name_check_line(text);
}

const char *name_check_control(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              *p == '_'))
            return "must be letters, digits and underscores only";
    return name_is_system_schema(text) ? "must not be a system schema" : NULL;
}

const char *name_check_collation(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
            return "must be lower-case letters, digits and underscores only";
    return NULL;
}
