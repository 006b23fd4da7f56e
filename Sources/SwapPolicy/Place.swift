// Where a setting was written, for messages: a file's line, a variable or an option.

/// Where a setting was written.
public enum Place: Equatable, Sendable {
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
