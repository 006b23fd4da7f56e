// A heap for secrets, separate from malloc's. It wipes memory when it is freed, and all of it can be excluded from
// later forks.
#pragma once
#include <stddef.h>

// The functions that OpenSSL's CRYPTO_set_mem_functions takes. `file` and `line` are ignored. Not thread-safe.
void *secret_allocate(size_t size, const char *file, int line);
void *secret_reallocate(void *memory, size_t size, const char *file, int line);
void secret_free(void *memory, const char *file, int line);

// For a child process: abandons the blocks that its parent has freed. They are scattered over many pages, each of which
// would have to be copied; new blocks are cut side by side.
void secret_abandon_free_blocks(void);

// Excludes the heap from processes forked from now on (MADV_DONTFORK). They get no copy, so this process need not copy
// pages when it writes to them.
int secret_exclude_from_forks(void);
// Unmaps the heap in a process that does not need it. Pointers into it become invalid.
void secret_unmap(void);
