/* DDL in the stream. */
#include "workers/incr/session.h"

#include "base/banned.h"
