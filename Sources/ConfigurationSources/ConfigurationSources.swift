// Where the configuration comes from: a file, the environment, options.

import Glibc
import JSON
import POSIX
import SwapPolicy

/// What names a configuration, beside the environment.
public struct ConfigurationOptions: Sendable {
  /// The value of `--config`.
  public var file: String?
  /// The values of `--mirror`.
  public var mirrors: [String] = []

  public init() {}
}

/// A configuration that cannot be used: what is wrong, a line each.
public struct ConfigurationFailure: Error, Sendable {
  public let problems: [String]
  /// Where the first problem is, for those who may not see the configuration itself.
  public let place: String
}

/// A configuration, read and checked.
public struct LoadedConfiguration: Sendable {
  public let policy: SwapPolicy
  public let server: ServerKeys
  /// Where the file's single settings were written.
  public let settingPlaces: SettingPlaces
  /// The mirrors that a later source replaced.
  public let replaced: [Mirror]
  /// The file, if there is one.
  public let file: String?
}

/// A configuration file is text written by people: more is a mistake.
private let largestFile = 1 << 20
private let defaultFile = "/etc/pisw/config.yaml"

/// Reads the configuration: `--config`, else `PISW_CONFIG`, else /etc/pisw/config.yaml if it exists; then the
/// environment; then `--mirror`.
public func loadConfiguration(
  _ options: ConfigurationOptions
) throws(ConfigurationFailure) -> LoadedConfiguration {
  try loadConfiguration(options) { configuration, name, text in configuration.add(file: name, text) }
}

/// The same; the file may also be a Kubernetes ConfigMap that holds the configuration (see `addConfigMap`).
public func loadConfigurationOrConfigMap(
  _ options: ConfigurationOptions
) throws(ConfigurationFailure) -> LoadedConfiguration {
  try loadConfiguration(options) { configuration, name, text in
    if !configuration.addConfigMap(file: name, text) { configuration.add(file: name, text) }
  }
}

/// The same with a text in place of a file, of a name for messages.
///
/// - Parameter origin: where the text begins in what that names.
public func loadConfiguration(
  text: [UInt8], named name: String, origin: TextOrigin, mirrors: [String]
) throws(ConfigurationFailure) -> LoadedConfiguration {
  var configuration = Configuration()
  configuration.add(file: name, text, origin: origin)
  return try complete(&configuration, file: name, mirrors: mirrors)
}

private func loadConfiguration(
  _ options: ConfigurationOptions, addText: (inout Configuration, String, [UInt8]) -> Void
) throws(ConfigurationFailure) -> LoadedConfiguration {
  var configuration = Configuration()
  var path = options.file ?? environment("PISW_CONFIG") ?? ""
  // One that cannot be looked at is an error, not none.
  if path.isEmpty, unsafe access(defaultFile, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR) { path = defaultFile }
  if !path.isEmpty { addFile(path, to: &configuration, addText) }
  return try complete(&configuration, file: path.isEmpty ? nil : path, mirrors: options.mirrors)
}

/// Adds the environment and the values of `--mirror`.
private func complete(
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
      place: "there is none")
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
      configuration.add(unreadableFile: name, "larger than 1 MiB, no configuration file")
    }
  } catch {
    configuration.add(unreadableFile: name, error.description)
  }
}
