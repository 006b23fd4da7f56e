// One entry of the setting `exclude`: pods that are left alone as a whole.

/// A kind of pods that are left alone. In patterns, `*` stands for any characters.
public struct Exclusion: Equatable, Sendable {
  public enum Subject: String, Sendable {
    case namespace = "namespaces"
    /// A label's value.
    case label = "labels"
    /// An owner reference, as `group/Kind`, or `Kind` in the core group.
    case owner = "owners"
  }

  public let subject: Subject
  /// The label's key; empty for other subjects.
  public let labelKey: String
  public let pattern: String
  public let place: Place

  /// Whether the entry holds for a namespace's name, its label's value, or an owner.
  public func matches(_ text: String) -> Bool { isMatch(text, glob: pattern) }
}
