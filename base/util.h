/* Scope frees, hand-over and small arithmetic that every module uses. */
#ifndef BASE_UTIL_H
#define BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Hands a pointer over: the variable is NULL afterwards, so its scope free does nothing. */
#define take_ptr(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) take_p_ = (p);                                                               \
        (p) = NULL;                                                                                \
        take_p_;                                                                                   \
    })
#define take_fd(fd)                                                                                \
    ({                                                                                             \
        int take_fd_ = (fd);                                                                       \
        (fd) = -1;                                                                                 \
        take_fd_;                                                                                  \
    })

/* Defines fn##p(), the cleanup function of a `type *` variable. */
#define DEFINE_CLEANUP(type, fn)                                                                   \
    static inline void fn##p(type **p) /* NOLINT(bugprone-macro-parentheses): a type */            \
    {                                                                                              \
        fn(*p);                                                                                    \
    }

static inline void closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* never retried on EINTR: the descriptor is gone either way */
}

static inline void freep(void *p)
{
    free(*(void **)p);
}

/* -1 in the unlikely case that a size calculation overflows. */
static inline bool size_mul(size_t a, size_t b, size_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}

#endif
