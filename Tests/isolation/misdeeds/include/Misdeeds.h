// Things that no review should do to the system, through calls that Swift cannot make, or not easily. Each function returns
// if the call succeeded or failed with an error. In the sandbox, the kernel ends the process first.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Does the misdeed of that name to the process `victim`. Returns 0 if there is no such misdeed.
int misdeed(const char *name, int victim);

// Ends the process at once, in a way that every sandbox allows: without flushing, and without exit handlers.
_Noreturn void leave(int status);
// Writes everything to a descriptor that may be full, until an error.
void write_out(int descriptor, const void *bytes, size_t count);
// Whether a descriptor is open. Makes only calls that a sandbox allows.
int is_open(int descriptor);
