// The error of the JSON reader, and its message: "name:line:column: problem, at /json/pointer".

/// A fault in a JSON text: invalid syntax, or a value that the caller did not expect.
///
/// The problem never quotes the text, because it may contain secrets.
public struct JSONError: Error, Equatable, Sendable {
  /// What is wrong, and what was expected.
  public let problem: String
  /// The place of the fault, in bytes from the beginning of the text.
  public let offset: Int

  public init(_ problem: String, at offset: Int) {
    self.problem = problem
    self.offset = offset
  }

  /// The message, one line: `name:line:column: problem, at pointer`.
  ///
  /// Lines and columns count from 1; a column is a Unicode code point. The pointer (RFC 6901) refers to the value at
  /// fault, or to the innermost value around the fault.
  public func message(name: String, in text: [UInt8]) -> String {
    let (line, column) = position(of: offset, in: text)
    let pointer = jsonPointer(to: offset, in: text)
    return "\(name):\(line):\(column): \(problem), at \(pointer.isEmpty ? "the root" : pointer)"
  }
}

private func position(of offset: Int, in text: [UInt8]) -> (line: Int, column: Int) {
  var line = 1
  var column = 1
  for byte in text[..<min(offset, text.count)] {
    if byte == UInt8(ascii: "\n") {
      line += 1
      column = 1
    } else if byte & 0xC0 != 0x80 {
      column += 1
    }
  }
  return (line, column)
}
