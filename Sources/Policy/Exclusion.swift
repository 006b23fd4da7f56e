// One entry of the setting `exclude`, which leaves whole pods alone.

/// A rule that leaves whole pods alone.
public struct Exclusion: Equatable, Sendable {
  public enum Subject: String, Sendable {
    case namespace = "namespaces"
    /// A label's value.
    case label = "labels"
    /// An owner reference as `group/Kind`, or as `Kind` in the core group.
    case owner = "owners"
  }

  public let subject: Subject
  /// The label's key; empty for other subjects.
  public let labelKey: String
  /// What to match; `*` stands for any characters.
  public let pattern: String
  public let place: Place

  package init(subject: Subject, labelKey: String, pattern: String, place: Place) {
    self.subject = subject
    self.labelKey = labelKey
    self.pattern = pattern
    self.place = place
  }

  /// Whether the entry matches a namespace's name, a value of its label, or an owner.
  public func matches(_ text: String) -> Bool { isMatch(text, glob: pattern) }
}
