/* Functions that have a safer twin in base/: using one is a compile error. Include last. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#define BANNED(func) sorry_##func##_is_banned_see_base_banned_h

#undef sprintf
#undef vsprintf
#undef strcpy
#undef strcat
#undef strncpy
#undef strtok
#undef gmtime
#undef localtime
#undef atoi
#undef atol
#undef sscanf
#define sprintf(...) BANNED(sprintf)
#define vsprintf(...) BANNED(vsprintf)
#define strcpy(...) BANNED(strcpy)
#define strcat(...) BANNED(strcat)
#define strncpy(...) BANNED(strncpy)
#define strtok(...) BANNED(strtok)
#define gmtime(...) BANNED(gmtime)
#define localtime(...) BANNED(localtime)
#define atoi(...) BANNED(atoi)
#define atol(...) BANNED(atol)
#define sscanf(...) BANNED(sscanf)

#endif
