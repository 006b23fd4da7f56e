// What is valid in a configuration and yet surely not meant.

import SwapPolicy

/// A rule that does nothing, or something that its author may not know.
public struct ConfigurationWarning: Equatable, Sendable {
  /// Where the rule stands.
  public let place: Place
  public let problem: String

  /// `place: problem`.
  public var description: String { place.description + ": " + problem }
}

extension SwapPolicy {
  /// Every warning about these rules: mirrors first, then ignored images, then exclusions, each in their order.
  ///
  /// That a rule can never match is only said where no image whatever could match it.
  public var warnings: [ConfigurationWarning] { mirrorWarnings + ignoreWarnings + exclusionWarnings }
}
