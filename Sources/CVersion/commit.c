// A file of its own: a new commit compiles nothing else anew. Package.swift defines PISW_COMMIT.
#include "CVersion.h"

uint32_t pisw_commit(void) { return PISW_COMMIT; }
