// The options that name a configuration, the same for every subcommand and for the other programs.

import ArgumentParser
import ConfigurationSources

struct ConfigurationArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp("The configuration file (YAML), or a ConfigMap that holds it.", valueName: "FILE"),
    completion: .file())
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Pull what lies under UPSTREAM from under TARGET (repeatable).", valueName: "UPSTREAM=TARGET"))
  var mirror: [String] = []

  func validate() throws {
    if config == "" { throw ValidationError("--config is empty: expected a file's name") }
    for option in mirror where !option.utf8.contains(UInt8(ascii: "=")) {
      throw ValidationError("--mirror \(option): expected UPSTREAM=TARGET, as docker.io=proxy.example.com")
    }
  }

  /// Reads the configuration.
  ///
  /// - Throws: the exit status 78, once every problem is told on standard error.
  func load() throws -> LoadedConfiguration {
    var options = ConfigurationOptions()
    options.file = config
    options.mirrors = mirror
    do throws(ConfigurationFailure) {
      return try loadConfigurationOrConfigMap(options)
    } catch {
      throw end(.configuration, error.problems)
    }
  }
}
