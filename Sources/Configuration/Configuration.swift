// Turns what an operator wrote (a file, variables, options) into checked rules. A later input replaces single mirrors
// of an earlier one. All errors are reported, not just the first.

import JSON
import Policy

/// A configuration under construction. Add the inputs in the order of their precedence, the lowest first.
public struct Configuration: Sendable {
  /// Whether no input was added.
  public private(set) var isEmpty = true
  /// The file's keys for `pisw-serve`. They are set even if the rest of the file has errors.
  public private(set) var server = ServerKeys()
  /// Where the file sets its single settings.
  public private(set) var settingPlaces = SettingPlaces()
  /// The mirrors that a later input replaced, in the order of replacement.
  public private(set) var replaced: [Mirror] = []
  private var rules = SwapPolicy()
  private var errors: [ConfigurationErrors.Entry] = []

  public init() {}

  /// Adds a configuration file. Call it at most once, before the other `add` functions.
  ///
  /// - Parameters:
  ///   - name: the file's name, for messages.
  ///   - text: the configuration as YAML.
  ///   - origin: where the text begins in the file, if it is only a part of it.
  public mutating func add(file name: String, _ text: [UInt8], origin: TextOrigin = TextOrigin()) {
    isEmpty = false
    var reader = ConfigurationFile(name: name, text: text, origin: origin)
    reader.read()
    rules = reader.policy
    server = reader.server
    settingPlaces = reader.settingPlaces
    errors = reader.errors
  }

  /// Adds an error for a configuration file that cannot be read.
  public mutating func add(unreadableFile name: String, _ problem: String) {
    isEmpty = false
    errors.append(.init(place: .wholeFile(name), problem: problem))
  }

  /// Adds the variables REGISTRY_URL and PROXY_URL. Each is the target for `docker.io`. If both are set, they must
  /// agree.
  public mutating func add(registryURL: String?, proxyURL: String?) {
    var added: [Mirror] = []
    if let registryURL { add("docker.io", registryURL, .variable("REGISTRY_URL"), &added) }
    if let proxyURL {
      var proxy: [Mirror] = []
      add("docker.io", proxyURL, .variable("PROXY_URL"), &proxy)
      if let first = added.first, let second = proxy.first,
        canonicalPrefix(first.target) != canonicalPrefix(second.target)
      {
        errors.append(.init(place: second.place, problem: "differs from REGISTRY_URL: set only one of them"))
      }
      if added.isEmpty { added = proxy }
    }
    override(added)
  }

  /// Adds the values of `--mirror`, each `UPSTREAM=TARGET`.
  public mutating func add(mirrorOptions: [String]) {
    var added: [Mirror] = []
    for option in mirrorOptions {
      let source = Substring(option.utf8.prefix { $0 != UInt8(ascii: "=") })
      let target = Substring(option.utf8.dropFirst(source.utf8.count + 1))
      add(String(source), String(target), .option("--mirror"), &added)
    }
    override(added)
  }

  /// The rules.
  ///
  /// - Throws: `ConfigurationErrors` with every error of every input.
  public func policy() throws(ConfigurationErrors) -> SwapPolicy {
    if !errors.isEmpty { throw ConfigurationErrors(entries: errors) }
    return rules
  }

  private mutating func add(_ source: String, _ target: String, _ place: Place, _ mirrors: inout [Mirror]) {
    isEmpty = false
    do throws(InvalidName) {
      let mirror = try Mirror(source: source, target: target, place: place)
      if mirrors.contains(where: { $0.source == mirror.source }) {
        throw InvalidName("the source \(quoted(mirror.source)) is given twice")
      }
      mirrors.append(mirror)
    } catch {
      errors.append(.init(place: place, problem: error.problem))
    }
  }

  /// Adds mirrors, and removes earlier ones with the same sources.
  private mutating func override(_ mirrors: [Mirror]) {
    if mirrors.isEmpty { return }
    func isReplaced(_ mirror: Mirror) -> Bool { mirrors.contains { $0.source == mirror.source } }
    replaced += rules.mirrors.filter(isReplaced)
    rules.mirrors.removeAll(where: isReplaced)
    rules.mirrors += mirrors
  }
}

/// The settings for `pisw-serve` in the configuration file, under the original's keys; `nil` if the file lacks the key.
public struct ServerKeys: Equatable, Sendable {
  public internal(set) var port: UInt16?
  public internal(set) var certificatePath: String?
  public internal(set) var keyPath: String?

  public init() {}
}

/// Where the file sets each setting whose type has no `place` of its own; `nil` if the file lacks the key.
public struct SettingPlaces: Equatable, Sendable {
  public internal(set) var annotateOriginal: Place?
  public internal(set) var imagePullSecrets: Place?
  public internal(set) var port: Place?
  public internal(set) var certificatePath: Place?
  public internal(set) var keyPath: Place?

  public init() {}
}

/// All errors of a configuration.
public struct ConfigurationErrors: Error, Equatable, Sendable {
  public struct Entry: Equatable, Sendable {
    public let place: Place
    /// What is wrong, and the remedy.
    public let problem: String

    /// `place: problem`.
    public var description: String { place.description + ": " + problem }
  }

  /// In the order in which they were found. Never empty.
  public let entries: [Entry]
}
