#include "workers/convert/ddl.h"

#include "base/banned.h"
