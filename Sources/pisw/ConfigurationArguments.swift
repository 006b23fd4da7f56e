// The configuration options, which all subcommands share. The other programs have options of the same names.

import ArgumentParser
import Configuration

struct ConfigurationArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp("The configuration file (YAML), or a ConfigMap that contains it.", valueName: "FILE"),
    completion: .file())
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Pull images under UPSTREAM from TARGET (repeatable).", valueName: "UPSTREAM=TARGET"))
  var mirror: [String] = []

  func validate() throws {
    if config == "" { throw ValidationError("--config is empty: expected a file's name") }
    for option in mirror where !option.utf8.contains(UInt8(ascii: "=")) {
      throw ValidationError("--mirror \(option): expected UPSTREAM=TARGET, as docker.io=proxy.example.com")
    }
  }

  /// Loads the configuration.
  ///
  /// - Throws: the exit status 78, after it reports every problem on standard error.
  func load() throws -> LoadedConfiguration {
    var options = ConfigurationOptions()
    options.file = config
    options.mirrors = mirror
    do throws(ConfigurationFailure) {
      return try loadConfigurationOrConfigMap(options)
    } catch {
      throw reportFailure(.configuration, error.problems)
    }
  }
}
