#include "workers/mysql/ddl/charset.h"

#include "base/banned.h"
