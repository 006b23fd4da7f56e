// What no review should do to the system: calls that Swift cannot or does not like to make. Each tries its misdeed and
// returns if it was let do it, or was refused with an error; a review in its sandbox never gets so far.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Does the misdeed of that name to the process `victim`; 0 if there is none of that name.
int misdeed(const char *name, int victim);

// Ends the process at once, in a way that every sandbox allows: nothing is flushed, and no handler runs.
_Noreturn void leave(int status);
// Writes everything to a descriptor that may be full; an error ends it.
void write_out(int descriptor, const void *bytes, size_t count);
// Whether a descriptor is open, told without calls that a sandbox forbids.
int is_open(int descriptor);
