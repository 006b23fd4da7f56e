// What is wrong with a JSON text, and where: turned into "name:line:column: problem, at /json/pointer" for people.

/// A fault in a JSON text: bad syntax, or a value that its reader did not expect.
///
/// The problem never quotes the text: it may hold secrets.
public struct JSONError: Error, Equatable, Sendable {
  /// What is wrong and what was expected.
  public let problem: String
  /// Where, in bytes from the beginning of the text.
  public let offset: Int

  public init(_ problem: String, at offset: Int) {
    self.problem = problem
    self.offset = offset
  }

  /// The error as one line: `name:line:column: problem, at pointer`.
  ///
  /// Lines and columns count from 1; a column is a Unicode code point. The pointer (RFC 6901) leads to the value, or
  /// to the innermost one around the fault.
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
