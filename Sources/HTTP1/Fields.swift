// The fields of a request's head: each line checked (RFC 9112 section 5), the few that matter kept.

/// What the fields of a head say.
struct Fields: Sendable {
  private(set) var hostCount = 0
  private(set) var contentLength: Int?
  /// All Transfer-Encoding fields together, with commas between.
  private(set) var transferEncoding: [UInt8]?
  private(set) var contentType: String?
  private(set) var contentEncoding: String?
  private(set) var expectation: [UInt8]?
  private(set) var connectionClose = false
  private(set) var connectionKeepAlive = false
  private var count = 0

  /// Reads one field line, `name: value`, free of control bytes.
  mutating func parse(_ line: ArraySlice<UInt8>, limit: Int) throws(RequestError) {
    count += 1
    if count > limit { throw RequestError(.fieldsTooLarge, "more than \(limit) fields") }
    if line.first == 0x20 || line.first == 0x09 { throw RequestError(.badRequest, "a folded field") }
    let name = line.prefix { $0 != UInt8(ascii: ":") }
    guard isToken(name), name.endIndex < line.endIndex else {
      throw RequestError(.badRequest, "a field without a name and a colon right after it")
    }
    let value = trimmed(line[(name.endIndex + 1)...])
    if equalsIgnoringCase(name, "host") {
      guard value.allSatisfy(isHostByte) else { throw RequestError(.badRequest, "a Host that is none") }
      hostCount += 1
    } else if equalsIgnoringCase(name, "content-length") {
      try parseContentLength(value)
    } else if equalsIgnoringCase(name, "transfer-encoding") {
      transferEncoding = joined(transferEncoding, value)
    } else if equalsIgnoringCase(name, "content-type") {
      contentType = text(joined(contentType.map { Array($0.utf8) }, value)[...])
    } else if equalsIgnoringCase(name, "content-encoding") {
      contentEncoding = text(joined(contentEncoding.map { Array($0.utf8) }, value)[...])
    } else if equalsIgnoringCase(name, "expect") {
      expectation = joined(expectation, value)
    } else if equalsIgnoringCase(name, "connection") {
      for option in value.split(separator: UInt8(ascii: ",")).map(trimmed) {
        if equalsIgnoringCase(option, "close") { connectionClose = true }
        if equalsIgnoringCase(option, "keep-alive") { connectionKeepAlive = true }
      }
    }
  }

  /// `Content-Length: 5` and, as RFC 9110 section 8.6 allows, `5, 5`; different lengths are an attack.
  private mutating func parseContentLength(_ value: ArraySlice<UInt8>) throws(RequestError) {
    for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(trimmed) {
      guard !part.isEmpty, part.allSatisfy(isDigit) else {
        throw RequestError(.badRequest, "a Content-Length that is no number")
      }
      // A length beyond every limit need not be told from a longer one.
      let length = part.reduce(0) { min($0 * 10 + Int($1 - UInt8(ascii: "0")), Int.max / 16) }
      if let other = contentLength, other != length {
        throw RequestError(.badRequest, "several Content-Lengths that differ")
      }
      contentLength = length
    }
  }

  private func joined(_ earlier: [UInt8]?, _ value: ArraySlice<UInt8>) -> [UInt8] {
    earlier.map { $0 + [UInt8(ascii: ",")] + value } ?? Array(value)
  }
}

/// Whether bytes are a token (RFC 9110 section 5.6.2).
func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
  !bytes.isEmpty
    && bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || "!#$%&'*+.^_`|~".utf8.contains($0) }
}

/// Whether a byte may stand in a host and port (RFC 3986 section 3.2.2).
private func isHostByte(_ byte: UInt8) -> Bool {
  isAlphanumeric(byte) || "-._~%!$&'()*+,;=:[]".utf8.contains(byte)
}

func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

private func isAlphanumeric(_ byte: UInt8) -> Bool {
  isDigit(byte) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A)
}

/// The bytes without blanks and tabs around them.
func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  let start = bytes.drop { $0 == 0x20 || $0 == 0x09 }
  guard let last = start.lastIndex(where: { $0 != 0x20 && $0 != 0x09 }) else { return [] }
  return start[...last]
}

func equalsIgnoringCase(_ bytes: ArraySlice<UInt8>, _ lowercase: String) -> Bool {
  guard bytes.count == lowercase.utf8.count else { return false }
  let (bytes, lowercase) = (bytes.span, lowercase.utf8.span)
  for i in 0..<bytes.count {
    let byte = bytes[i]
    if byte != lowercase[i], byte < 0x41 || byte > 0x5A || byte | 0x20 != lowercase[i] { return false }
  }
  return true
}

func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
