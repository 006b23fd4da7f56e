// Writes JSON strings (RFC 8259), and makes texts from outside safe to show to people.

extension [UInt8] {
  /// Appends the UTF-8 of a text.
  public mutating func append(_ text: String) {
    let text = text.utf8.span
    append(addingCapacity: text.count) { out in
      for i in text.indices { out.append(text[i]) }
    }
  }

  /// Appends a text as a JSON string, with its quotes.
  public mutating func appendJSONString(_ text: String) { appendJSONString(text.utf8.span) }

  /// The same for a text that is part of other bytes, in UTF-8.
  public mutating func appendJSONString(_ text: ArraySlice<UInt8>) { appendJSONString(text.span) }

  private mutating func appendJSONString(_ text: Span<UInt8>) {
    if needsNoEscape(text) {
      append(addingCapacity: text.count + 2) { out in
        out.append(UInt8(ascii: "\""))
        for i in text.indices { out.append(text[i]) }
        out.append(UInt8(ascii: "\""))
      }
      return
    }
    append(UInt8(ascii: "\""))
    for i in text.indices { appendEscaped(text[i]) }
    append(UInt8(ascii: "\""))
  }

  private mutating func appendEscaped(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      append(UInt8(ascii: "\\"))
      append(byte)
    case 0..<0x20: append(unicodeEscape(UInt16(byte)))
    default: append(byte)
    }
  }
}

/// Whether a JSON string can contain the text without escapes.
private func needsNoEscape(_ text: Span<UInt8>) -> Bool {
  for i in text.indices where text[i] < 0x20 || text[i] == UInt8(ascii: "\"") || text[i] == UInt8(ascii: "\\") {
    return false
  }
  return true
}

/// A text in double quotes, escaped as by `asciiEscaped`.
public func quoted(_ text: String) -> String { "\"" + asciiEscaped(text) + "\"" }

/// A text in printable ASCII, with everything else escaped as in a JSON string. It is safe for terminals, logs and HTTP
/// headers.
public func asciiEscaped(_ text: String) -> String {
  if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
    return text
  }
  var out = ""
  for unit in text.utf16 {
    switch unit {
    case 0x22: out += "\\\""
    case 0x5C: out += "\\\\"
    case 0x20..<0x7F: out.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
    default: out += unicodeEscape(unit)
    }
  }
  return out
}

private func unicodeEscape(_ unit: UInt16) -> String {
  let hexadecimal = String(unit, radix: 16)
  return "\\u" + String(repeating: "0", count: 4 - hexadecimal.utf8.count) + hexadecimal
}
