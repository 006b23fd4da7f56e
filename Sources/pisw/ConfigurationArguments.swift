// The options that name a configuration, the same for every subcommand and for the other programs.

import ArgumentParser
import ConfigurationSources

struct ConfigurationArguments: ParsableArguments {
  @Option(help: "The configuration file (YAML).")
  var config: String?

  @Option(help: "Pull what lies under UPSTREAM from under TARGET (repeatable).")
  var mirror: [String] = []

  var options: ConfigurationOptions {
    var options = ConfigurationOptions()
    options.file = config
    options.mirrors = mirror
    return options
  }
}
