// Warnings about a valid configuration: entries that their author can hardly have meant.

import Policy

/// A warning about a rule that has no effect, or an effect that its author may not expect.
public struct ConfigurationWarning: Equatable, Sendable {
  /// Where the rule was written.
  public let place: Place
  public let problem: String

  /// `place: problem`.
  public var description: String { place.description + ": " + problem }
}

extension SwapPolicy {
  /// All warnings about these rules: about mirrors, then ignored images, then exclusions, each in the order of the
  /// rules.
  ///
  /// A warning says that a rule can never match only if no image and no pod could match it.
  public var warnings: [ConfigurationWarning] { mirrorWarnings + ignoreWarnings + exclusionWarnings }
}
