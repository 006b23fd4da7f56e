// Where the configuration comes from: a file, the environment, options.

import Glibc
import JSON
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

/// What came of reading the configuration, for those who answer requests even without one.
public enum LoadedPolicy: Sendable {
  case ready(SwapPolicy)
  case failed(ConfigurationFailure)

  public init(_ options: ConfigurationOptions) {
    do throws(ConfigurationFailure) {
      self = .ready(try loadPolicy(options))
    } catch {
      self = .failed(error)
    }
  }
}

/// A configuration file is text written by people: more is a mistake.
private let largestFile = 1 << 20
private let defaultFile = "/etc/pisw/config.yaml"

/// Reads the configuration: `--config`, else `PISW_CONFIG`, else /etc/pisw/config.yaml if it exists; then the
/// environment; then `--mirror`.
public func loadPolicy(_ options: ConfigurationOptions) throws(ConfigurationFailure) -> SwapPolicy {
  var configuration = Configuration()
  var path = options.file ?? environment("PISW_CONFIG") ?? ""
  // One that cannot be looked at is an error, not none.
  if path.isEmpty, unsafe access(defaultFile, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR) { path = defaultFile }
  if !path.isEmpty { addFile(path, to: &configuration) }
  configuration.add(registryURL: environment("REGISTRY_URL"), proxyURL: environment("PROXY_URL"))
  configuration.add(mirrorOptions: options.mirrors)
  if configuration.isEmpty {
    throw ConfigurationFailure(
      problems: [
        "no configuration: name a mirror, for instance --mirror docker.io=proxy.example.com "
          + "(or REGISTRY_URL=proxy.example.com, or --config FILE)"
      ],
      place: "there is none")
  }
  do throws(ConfigurationErrors) {
    return try configuration.policy()
  } catch {
    throw ConfigurationFailure(
      problems: error.entries.map(\.description), place: error.entries[0].place.description)
  }
}

private func addFile(_ path: String, to configuration: inout Configuration) {
  let name = asciiEscaped(path)
  do throws(SystemError) {
    let text = try Descriptor.reading(path) { file throws(SystemError) in try file.readAll(limit: largestFile) }
    if text.count <= largestFile {
      configuration.add(file: name, text)
    } else {
      configuration.add(unreadableFile: name, "larger than 1 MiB, no configuration file")
    }
  } catch {
    configuration.add(unreadableFile: name, error.description)
  }
}
