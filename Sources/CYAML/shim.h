// libyaml, as the system ships it.
#include <yaml.h>
