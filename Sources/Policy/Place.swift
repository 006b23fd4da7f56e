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
