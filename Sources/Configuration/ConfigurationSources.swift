// Loads the configuration from a file, the environment and options.

import Glibc
import JSON
import Policy
import System

/// The options that contribute to a configuration.
public struct ConfigurationOptions: Sendable {
  /// The value of `--config`; `nil` if it was not given.
  public var file: String?
  /// The values of `--mirror`.
  public var mirrors: [String] = []

  public init() {}
}

/// The error for a configuration that cannot be used.
public struct ConfigurationFailure: Error, Sendable {
  /// All problems, one line each: `place: problem`.
  public let problems: [String]
  /// The place of the first problem, for clients that may not see the configuration itself.
  public let place: String
}

/// A valid configuration, and where its parts come from.
public struct LoadedConfiguration: Sendable {
  public let policy: SwapPolicy
  public let server: ServerKeys
  /// Where the file sets its single settings.
  public let settingPlaces: SettingPlaces
  /// The mirrors that a later input replaced.
  public let replaced: [Mirror]
  /// The path of the configuration file; `nil` without one.
  public let file: String?
}

/// The largest configuration file, in bytes. People write such files by hand, so a larger one is a mistake.
private let largestFile = 1 << 20
private let defaultFile = "/etc/pisw/config.yaml"

/// Loads the configuration. The file is the one that `--config` names, else the one that `PISW_CONFIG` names, else
/// /etc/pisw/config.yaml if it exists. REGISTRY_URL and PROXY_URL take precedence over the file, `--mirror` over both.
///
/// - Throws: `ConfigurationFailure` with all errors, or if nothing is configured.
public func loadConfiguration(
  _ options: ConfigurationOptions
) throws(ConfigurationFailure) -> LoadedConfiguration {
  try loadConfiguration(options) { configuration, name, text in configuration.add(file: name, text) }
}

/// The same, but the file may also be a Kubernetes ConfigMap that contains the configuration (see `addConfigMap`).
public func loadConfigurationOrConfigMap(
  _ options: ConfigurationOptions
) throws(ConfigurationFailure) -> LoadedConfiguration {
  try loadConfiguration(options) { configuration, name, text in
    if !configuration.addConfigMap(file: name, text) { configuration.add(file: name, text) }
  }
}

/// The same, with a text in place of a file.
///
/// - Parameters:
///   - text: the configuration as YAML.
///   - name: the name for messages.
///   - origin: where the text begins in what `name` refers to.
///   - mirrors: the values of `--mirror`.
public func loadConfiguration(
  text: [UInt8], named name: String, origin: TextOrigin, mirrors: [String]
) throws(ConfigurationFailure) -> LoadedConfiguration {
  var configuration = Configuration()
  configuration.add(file: name, text, origin: origin)
  return try finishLoading(&configuration, file: name, mirrors: mirrors)
}

private func loadConfiguration(
  _ options: ConfigurationOptions, addText: (inout Configuration, String, [UInt8]) -> Void
) throws(ConfigurationFailure) -> LoadedConfiguration {
  var configuration = Configuration()
  var path = options.file ?? environment("PISW_CONFIG") ?? ""
  // A default file that cannot be examined is reported as an error; only a missing one is skipped.
  if path.isEmpty, unsafe access(defaultFile, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR) { path = defaultFile }
  if !path.isEmpty { addFile(path, to: &configuration, addText) }
  return try finishLoading(&configuration, file: path.isEmpty ? nil : path, mirrors: options.mirrors)
}

/// Adds the environment and the values of `--mirror`, and checks the whole configuration.
private func finishLoading(
  _ configuration: inout Configuration, file: String?, mirrors: [String]
) throws(ConfigurationFailure) -> LoadedConfiguration {
  configuration.add(registryURL: environment("REGISTRY_URL"), proxyURL: environment("PROXY_URL"))
  configuration.add(mirrorOptions: mirrors)
  if configuration.isEmpty {
    throw ConfigurationFailure(
      problems: [
        "no configuration: name a mirror, for instance --mirror docker.io=proxy.example.com "
          + "(or REGISTRY_URL=proxy.example.com, or --config FILE)"
      ],
      place: "nothing is configured")
  }
  do throws(ConfigurationErrors) {
    return LoadedConfiguration(
      policy: try configuration.policy(), server: configuration.server, settingPlaces: configuration.settingPlaces,
      replaced: configuration.replaced, file: file)
  } catch {
    throw ConfigurationFailure(
      problems: error.entries.map(\.description), place: error.entries[0].place.description)
  }
}

private func addFile(
  _ path: String, to configuration: inout Configuration, _ addText: (inout Configuration, String, [UInt8]) -> Void
) {
  let name = asciiEscaped(path)
  do throws(SystemError) {
    let text = try Descriptor.reading(path) { file throws(SystemError) in try file.readAll(limit: largestFile) }
    if text.count <= largestFile {
      addText(&configuration, name, text)
    } else {
      configuration.add(unreadableFile: name, "larger than 1 MiB: not a configuration file")
    }
  } catch {
    configuration.add(unreadableFile: name, error.description)
  }
}
