#include "workers/mysql/ddl/evolve.h"

#include "base/banned.h"
