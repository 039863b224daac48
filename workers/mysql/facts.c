#include "workers/mysql/facts.h"

#include "base/banned.h"
