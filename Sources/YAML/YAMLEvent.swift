// The events of a YAML stream, as libyaml reports them, in Swift types.

/// A place in a YAML text: line and column, both from 1; a column is a Unicode code point.
public struct YAMLMark: Equatable, Sendable {
  public let line: Int
  public let column: Int
}

/// One event of a YAML stream, with the place where its text begins.
public struct YAMLEvent: Equatable, Sendable {
  public enum Kind: Equatable, Sendable {
    case streamStart
    case streamEnd
    case documentStart
    case documentEnd
    case alias
    /// A scalar's text and whether it was written without quotes, so that `true` or `null` keep their meaning.
    case scalar(String, isPlain: Bool)
    case sequenceStart
    case sequenceEnd
    case mappingStart
    case mappingEnd
  }

  public let kind: Kind
  public let start: YAMLMark
  /// Whether the node carries an explicit tag, such as `!!binary`.
  public let hasTag: Bool
}

/// A fault in the syntax of a YAML text.
public struct YAMLError: Error, Equatable, Sendable {
  public let problem: String
  public let mark: YAMLMark
  /// The same place in bytes from the beginning of the text.
  public let offset: Int
}
