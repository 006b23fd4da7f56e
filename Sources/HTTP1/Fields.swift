// The header fields of a request. Every field line is validated (RFC 9112 section 5); only the fields that matter here
// are kept.

/// The relevant header fields. Several fields of one name are joined with commas (RFC 9110 section 5.3).
struct Fields: Sendable {
  private(set) var hostCount = 0
  private(set) var contentLength: Int?
  private(set) var transferEncoding: String?
  private(set) var contentType: String?
  private(set) var contentEncoding: String?
  private(set) var expectation: String?
  private(set) var connectionClose = false
  private(set) var connectionKeepAlive = false
  private var count = 0

  /// Parses one field line, `name: value`, without control characters.
  ///
  /// - Parameters:
  ///   - line: the line's range in the buffer; it is not empty.
  ///   - limit: how many fields are allowed.
  /// - Throws: `RequestError` if the line is malformed or one too many.
  mutating func parse(_ line: Range<Int>, of buffer: [UInt8], limit: Int) throws(RequestError) {
    count += 1
    if count > limit { throw RequestError(.fieldsTooLarge, "more than \(limit) header fields") }
    let bytes = buffer.span
    if isBlank(bytes[line.lowerBound]) { throw RequestError(.badRequest, "a header field continues on a second line") }
    let colon = endOfToken(bytes, line)
    guard colon > line.lowerBound, colon < line.upperBound, bytes[colon] == UInt8(ascii: ":") else {
      throw RequestError(.badRequest, "a header field does not begin with a name and a colon")
    }
    let name = bytes.extracting(line.lowerBound..<colon)
    let valueRange = trimmed(bytes, (colon + 1)..<line.upperBound)
    let value = bytes.extracting(valueRange)
    if equalsIgnoringCase(name, "host") {
      guard value.indices.allSatisfy({ isHostByte(value[$0]) }) else {
        throw RequestError(.badRequest, "the Host field is not a valid host")
      }
      hostCount += 1
    } else if equalsIgnoringCase(name, "content-length") {
      try parseContentLength(value)
    } else if equalsIgnoringCase(name, "transfer-encoding") {
      transferEncoding = joined(transferEncoding, buffer[valueRange])
    } else if equalsIgnoringCase(name, "content-type") {
      contentType = joined(contentType, buffer[valueRange])
    } else if equalsIgnoringCase(name, "content-encoding") {
      contentEncoding = joined(contentEncoding, buffer[valueRange])
    } else if equalsIgnoringCase(name, "expect") {
      expectation = joined(expectation, buffer[valueRange])
    } else if equalsIgnoringCase(name, "connection") {
      try forEachElement(of: value) { option throws(RequestError) in
        if equalsIgnoringCase(option, "close") { connectionClose = true }
        if equalsIgnoringCase(option, "keep-alive") { connectionKeepAlive = true }
      }
    }
  }

  /// Accepts `Content-Length: 5` and, as RFC 9110 section 8.6 allows, `5, 5`. Different values are an attempt at
  /// request smuggling.
  private mutating func parseContentLength(_ value: Span<UInt8>) throws(RequestError) {
    try forEachElement(of: value) { digits throws(RequestError) in
      guard !digits.isEmpty, digits.indices.allSatisfy({ isDigit(digits[$0]) }) else {
        throw RequestError(.badRequest, "Content-Length is not a number")
      }
      // Saturates instead of overflowing: every such length exceeds the limit anyway.
      var length = 0
      for i in digits.indices { length = min(length * 10 + Int(digits[i] - UInt8(ascii: "0")), Int.max / 16) }
      if let other = contentLength, other != length {
        throw RequestError(.badRequest, "Content-Length has several different values")
      }
      contentLength = length
    }
  }

  private func joined(_ earlier: String?, _ value: ArraySlice<UInt8>) -> String {
    if let earlier { earlier + "," + text(value) } else { text(value) }
  }
}

/// Calls `body` with each element of a comma-separated list, without surrounding blanks.
func forEachElement(
  of list: Span<UInt8>, _ body: (Span<UInt8>) throws(RequestError) -> Void
) throws(RequestError) {
  var start = 0
  for end in 0...list.count where end == list.count || list[end] == UInt8(ascii: ",") {
    try body(list.extracting(trimmed(list, start..<end)))
    start = end + 1
  }
}

/// The end of the token (RFC 9110 section 5.6.2) at the start of a range.
func endOfToken(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
  var i = range.lowerBound
  while i < range.upperBound, isTokenByte(bytes[i]) { i += 1 }
  return i
}

private func isTokenByte(_ byte: UInt8) -> Bool {
  if isAlphanumeric(byte) { return true }
  switch byte {
  case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
    UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
    return true
  default: return false
  }
}

/// Whether a byte is allowed in a host and port (RFC 3986 section 3.2.2).
private func isHostByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "!"), UInt8(ascii: "$")...UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: ";"),
    UInt8(ascii: "="), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "_"), UInt8(ascii: "~"):
    true
  default: isAlphanumeric(byte)
  }
}

func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

private func isAlphanumeric(_ byte: UInt8) -> Bool {
  (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || isDigit(byte)
}

func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

/// The range without blanks and tabs at either end.
private func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
  var (start, end) = (range.lowerBound, range.upperBound)
  while start < end, isBlank(bytes[start]) { start += 1 }
  while start < end, isBlank(bytes[end - 1]) { end -= 1 }
  return start..<end
}

/// Whether bytes equal a lowercase ASCII string, ignoring the case of letters.
@inline(__always)
public func equalsIgnoringCase(_ bytes: Span<UInt8>, _ lowercase: String) -> Bool {
  bytes.count == lowercase.utf8.count && areEqualIgnoringCase(bytes, lowercase.utf8.span)
}

private func areEqualIgnoringCase(_ bytes: Span<UInt8>, _ lowercase: Span<UInt8>) -> Bool {
  for i in bytes.indices {
    let byte = bytes[i]
    if byte != lowercase[i], byte < 0x41 || byte > 0x5A || byte | 0x20 != lowercase[i] { return false }
  }
  return true
}

func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
