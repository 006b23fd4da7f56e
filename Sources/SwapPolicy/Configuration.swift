// From what an operator wrote (a file, variables, options) to checked rules. Later sources replace single mirrors of
// earlier ones; every error is reported, not just the first.

import JSON

/// Everything that an operator wrote, unread.
public struct Configuration: Sendable {
  /// A value and the name of the variable that holds it.
  public struct Variable: Sendable {
    public let name: String
    public let value: String

    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// The environment variables that name the mirror of `docker.io`; they must agree.
  public static let mirrorVariables = ["REGISTRY_URL", "PROXY_URL"]

  /// The configuration file's name, for messages, and its text.
  public var file: (name: String, text: [UInt8])?
  /// The variables among `mirrorVariables` that are set.
  public var variables: [Variable] = []
  /// The values of `--mirror`, each `UPSTREAM=TARGET`.
  public var mirrorOptions: [String] = []

  public init() {}

  /// Whether nothing at all was configured.
  public var isEmpty: Bool { file == nil && variables.isEmpty && mirrorOptions.isEmpty }

  /// The rules.
  ///
  /// - Throws: `ConfigurationErrors` with everything that is wrong.
  public func policy() throws(ConfigurationErrors) -> SwapPolicy {
    var policy = SwapPolicy()
    var errors: [ConfigurationErrors.Entry] = []
    if let file {
      var reader = ConfigurationFile(name: file.name, text: file.text)
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
    var mirrors: [Mirror] = []
    for variable in variables {
      let place = Place.variable(variable.name)
      do throws(InvalidName) {
        let mirror = try Mirror(source: "docker.io", target: variable.value, place: place)
        if let other = mirrors.first, other.target != mirror.target {
          errors.append(.init(place: place, problem: "differs from \(other.place.description): set one of them"))
        } else if mirrors.isEmpty {
          mirrors.append(mirror)
        }
      } catch {
        errors.append(.init(place: place, problem: error.problem))
      }
    }
    return mirrors
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
