// From what an operator wrote (a file, variables, options) to checked rules. Later sources replace single mirrors of
// earlier ones; every error is reported, not just the first.

import JSON

/// A configuration in the making: what an operator wrote is added source by source, the weakest first.
public struct Configuration: Sendable {
  /// Whether nothing at all was configured.
  public private(set) var isEmpty = true
  /// The file's keys for a server; the rest of the file may be wrong.
  public private(set) var server = ServerKeys()
  /// Where the file's single settings were written.
  public private(set) var settingPlaces = SettingPlaces()
  /// The mirrors that a later source replaced, in that order.
  public private(set) var replaced: [Mirror] = []
  private var rules = SwapPolicy()
  private var errors: [ConfigurationErrors.Entry] = []

  public init() {}

  /// Adds a configuration file. It comes first, and there is one at most.
  ///
  /// - Parameters:
  ///   - name: its name, for messages.
  ///   - text: its YAML.
  ///   - origin: where the text begins in the file, if that holds it as part of something else.
  public mutating func add(file name: String, _ text: [UInt8], origin: TextOrigin = TextOrigin()) {
    isEmpty = false
    var reader = ConfigurationFile(name: name, text: text, origin: origin)
    reader.read()
    rules = reader.policy
    server = reader.server
    settingPlaces = reader.settingPlaces
    errors = reader.errors
  }

  /// Adds a configuration file that cannot be read, an error.
  public mutating func add(unreadableFile name: String, _ problem: String) {
    isEmpty = false
    errors.append(.init(place: .wholeFile(name), problem: problem))
  }

  /// Adds the environment's REGISTRY_URL and PROXY_URL, either of them the target for `docker.io`; both must agree.
  public mutating func add(registryURL: String?, proxyURL: String?) {
    var added: [Mirror] = []
    if let registryURL { add("docker.io", registryURL, .variable("REGISTRY_URL"), &added) }
    if let proxyURL {
      var proxy: [Mirror] = []
      add("docker.io", proxyURL, .variable("PROXY_URL"), &proxy)
      if let first = added.first, let second = proxy.first,
        canonicalPrefix(first.target) != canonicalPrefix(second.target)
      {
        errors.append(.init(place: second.place, problem: "differs from REGISTRY_URL: set one of them"))
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
  /// - Throws: `ConfigurationErrors` with everything that is wrong.
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

  /// Adds mirrors, in place of those with the same sources.
  private mutating func override(_ mirrors: [Mirror]) {
    if mirrors.isEmpty { return }
    func isReplaced(_ mirror: Mirror) -> Bool { mirrors.contains { $0.source == mirror.source } }
    replaced += rules.mirrors.filter(isReplaced)
    rules.mirrors.removeAll(where: isReplaced)
    rules.mirrors += mirrors
  }
}

/// The keys of the original's configuration file that are about its server; `nil` where the file has none.
public struct ServerKeys: Equatable, Sendable {
  public internal(set) var port: UInt16?
  public internal(set) var certificatePath: String?
  public internal(set) var keyPath: String?

  public init() {}
}

/// Where the settings that have no place of their own were written; `nil` where the file has none.
public struct SettingPlaces: Equatable, Sendable {
  public internal(set) var annotateOriginal: Place?
  public internal(set) var imagePullSecrets: Place?
  public internal(set) var port: Place?
  public internal(set) var certificatePath: Place?
  public internal(set) var keyPath: Place?

  public init() {}
}

/// Where a text begins within its file: how many lines come before it, and columns before each of its lines.
public struct TextOrigin: Equatable, Sendable {
  public let lines: Int
  public let columns: Int

  public init(lines: Int = 0, columns: Int = 0) {
    self.lines = lines
    self.columns = columns
  }
}

/// Everything that is wrong with a configuration.
public struct ConfigurationErrors: Error, Equatable, Sendable {
  public struct Entry: Equatable, Sendable {
    public let place: Place
    /// What is wrong, and the remedy.
    public let problem: String

    /// `place: problem`.
    public var description: String { place.description + ": " + problem }
  }

  /// In the order in which they were found; never empty.
  public let entries: [Entry]
}
