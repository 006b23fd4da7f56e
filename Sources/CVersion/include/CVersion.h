// The commit that the programs are built from.
#pragma once
#include <stdint.h>

// The first seven hexadecimal digits of the commit's name, as a number; 0 where the build does not know it.
uint32_t pisw_commit(void);
