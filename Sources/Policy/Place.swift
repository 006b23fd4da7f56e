// Where an operator wrote a setting, for messages.

/// Where an operator wrote a setting: in a file, a variable or an option.
public enum Place: Equatable, Sendable {
  /// A file's name, with line and column from 1.
  case file(String, line: Int, column: Int)
  case wholeFile(String)
  case variable(String)
  case option(String)

  /// `config.yaml:2:3`, `REGISTRY_URL` or `--mirror`.
  public var description: String {
    switch self {
    case .file(let name, let line, let column): "\(name):\(line):\(column)"
    case .wholeFile(let name), .variable(let name), .option(let name): name
    }
  }
}

/// Where a text begins within its file: the number of lines before it, and of columns before each of its lines.
public struct TextOrigin: Equatable, Sendable {
  public let lines: Int
  public let columns: Int

  public init(lines: Int = 0, columns: Int = 0) {
    self.lines = lines
    self.columns = columns
  }
}
