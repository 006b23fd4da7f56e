#include "CPOSIX.h"

struct posix_option posix_next_option(int count, char *const arguments[], const char *short_options,
                                      const struct option *long_options) {
  struct posix_option found;
  found.code = getopt_long(count, arguments, short_options, long_options, 0);
  found.argument = optarg;
  found.next = optind;
  return found;
}
