// What Swift cannot import from POSIX: macros, and globals such as optarg that Swift 6 rejects as shared state.
#pragma once
#include <getopt.h>

// getopt_long's answer for one option, with the globals it leaves behind.
struct posix_option {
  int code;        // as getopt_long returns it; -1 at the end
  char *argument;  // optarg
  int next;        // optind
};

struct posix_option posix_next_option(int count, char *const arguments[], const char *short_options,
                                      const struct option *long_options);
