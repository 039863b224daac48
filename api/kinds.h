/* Words that several tables of fields share: kinds of changes, and the case of names. */
#ifndef API_KINDS_H
#define API_KINDS_H

/* NULL-terminated, as fields.h reads them. */
extern const char *const kinds_ddl[];       /* supportDDLTypes */
extern const char *const kinds_ddl_later[]; /* … words of OMS that would carry more than they say */
extern const char *const kinds_rows[];      /* recordTypeWhiteList of one object */
extern const char *const kinds_rows_later[];
extern const char *const kinds_name_case[]; /* commonTransferConfig.nameCase */

#endif
