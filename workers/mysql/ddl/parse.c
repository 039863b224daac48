#include "workers/mysql/ddl/parse.h"

#include "base/banned.h"
