// A heap for secrets, apart from malloc's: what is freed is wiped, and processes forked later can be kept from all of it.
#pragma once
#include <stddef.h>

// In the form that OpenSSL's CRYPTO_set_mem_functions wants; file and line are not looked at. For one thread.
void *secret_allocate(size_t size, const char *file, int line);
void *secret_reallocate(void *memory, size_t size, const char *file, int line);
void secret_free(void *memory, const char *file, int line);

// For a process that was forked: has it leave the blocks that its parent has freed where they lie, on many pages to copy, and
// take new ones side by side.
void secret_start_afresh(void);

// Leaves the heap out of the processes that this one forks from now on: they get no copy, and this one's pages stay its own.
int secret_keep_from_children(void);
// Drops all that is in it, for a process that has no use for it. Nothing that points into it may be used again.
void secret_drop_all(void);
