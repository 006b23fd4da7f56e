// The events of a YAML stream as Swift values.

/// A place in a YAML text: line and column, both from 1. Columns count Unicode code points.
public struct YAMLMark: Equatable, Sendable {
  public let line: Int
  public let column: Int
}

/// One event of a YAML stream, with the place where it begins.
public struct YAMLEvent: Equatable, Sendable {
  public enum Kind: Equatable, Sendable {
    case streamStart
    case streamEnd
    case documentStart
    case documentEnd
    case alias
    /// A scalar's value, and whether it was written without quotes: only then are `true` and `null` not strings.
    case scalar(String, isPlain: Bool)
    case sequenceStart
    case sequenceEnd
    case mappingStart
    case mappingEnd
  }

  public let kind: Kind
  public let start: YAMLMark
  /// Whether the node has an explicit tag, such as `!!binary`.
  public let hasTag: Bool
}

/// A syntax error in a YAML text.
public struct YAMLError: Error, Equatable, Sendable {
  public let problem: String
  public let mark: YAMLMark
  /// The same place as a byte offset from the start of the text.
  public let offset: Int
}
