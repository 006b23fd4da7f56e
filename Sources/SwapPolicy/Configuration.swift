// From what an operator wrote (a file, variables, options) to checked rules. Later sources replace single mirrors of
// earlier ones; every error is reported, not just the first.

import JSON

/// Everything that an operator wrote, unread.
public struct Configuration: Sendable {
  /// The configuration file's name, for messages, and its text; the name is empty without a file.
  public var fileName = ""
  public var fileText: [UInt8] = []
  /// The environment's REGISTRY_URL and PROXY_URL, either of them the target for `docker.io`; both must agree.
  public var registryURL: String?
  public var proxyURL: String?
  /// The values of `--mirror`, each `UPSTREAM=TARGET`.
  public var mirrorOptions: [String] = []

  public init() {}

  /// Whether nothing at all was configured.
  public var isEmpty: Bool { fileName.isEmpty && registryURL == nil && proxyURL == nil && mirrorOptions.isEmpty }

  /// The rules.
  ///
  /// - Throws: `ConfigurationErrors` with everything that is wrong.
  public func policy() throws(ConfigurationErrors) -> SwapPolicy {
    var policy = SwapPolicy()
    var errors: [ConfigurationErrors.Entry] = []
    if !fileName.isEmpty {
      var reader = ConfigurationFile(name: fileName, text: fileText)
      reader.read()
      policy = reader.policy
      errors = reader.errors
    }
    policy.override(mirrors(fromVariables: &errors))
    policy.override(mirrors(fromOptions: &errors))
    if !errors.isEmpty { throw ConfigurationErrors(entries: errors) }
    return policy
  }

  private func mirrors(fromVariables errors: inout [ConfigurationErrors.Entry]) -> [Mirror] {
    let registry = registryURL.flatMap { mirror($0, from: "REGISTRY_URL", &errors) }
    let proxy = proxyURL.flatMap { mirror($0, from: "PROXY_URL", &errors) }
    if let registry, let proxy, registry.target != proxy.target {
      errors.append(.init(place: proxy.place, problem: "differs from REGISTRY_URL: set one of them"))
    }
    return (registry ?? proxy).map { [$0] } ?? []
  }

  private func mirror(
    _ target: String, from variable: String, _ errors: inout [ConfigurationErrors.Entry]
  ) -> Mirror? {
    let place = Place.variable(variable)
    do throws(InvalidName) {
      return try Mirror(source: "docker.io", target: target, place: place)
    } catch {
      errors.append(.init(place: place, problem: error.problem))
      return nil
    }
  }

  private func mirrors(fromOptions errors: inout [ConfigurationErrors.Entry]) -> [Mirror] {
    var mirrors: [Mirror] = []
    for option in mirrorOptions {
      let place = Place.option("--mirror")
      let source = Substring(option.utf8.prefix { $0 != UInt8(ascii: "=") })
      let target = Substring(option.utf8.dropFirst(source.utf8.count + 1))
      do throws(InvalidName) {
        let mirror = try Mirror(source: String(source), target: String(target), place: place)
        if mirrors.contains(where: { $0.source == mirror.source }) {
          throw InvalidName("the source \(quoted(mirror.source)) is given twice")
        }
        mirrors.append(mirror)
      } catch {
        errors.append(.init(place: place, problem: error.problem))
      }
    }
    return mirrors
  }
}

extension SwapPolicy {
  /// Adds mirrors, in place of those with the same sources.
  fileprivate mutating func override(_ mirrors: [Mirror]) {
    self.mirrors.removeAll { mirror in mirrors.contains { $0.source == mirror.source } }
    self.mirrors += mirrors
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
