// The setting `exclude`: pods that are left alone as a whole, by namespace, label or owner.

/// Which pods are left alone. Entries are alternatives; `*` in them stands for any characters.
public struct Exclusions: Equatable, Sendable {
  /// One entry of a list.
  public struct Entry: Equatable, Sendable {
    public let pattern: String
    public let place: Place

    /// Whether the entry holds for a namespace's name, a label's value, or an owner as `group/Kind`.
    public func matches(_ text: String) -> Bool { isMatch(text, glob: pattern) }
  }

  /// A label and the pattern of its value.
  public struct Label: Equatable, Sendable {
    public let key: String
    public let value: Entry
  }

  public internal(set) var namespaces: [Entry] = []
  public internal(set) var labels: [Label] = []
  public internal(set) var owners: [Entry] = []
}
