// A strict, incremental parser for HTTP/1.1 requests (RFC 9112).
//
// If a message can be read in two ways, a proxy in front of this server could read it differently and let a second
// request be smuggled in (RFC 9112 section 11.2). The parser rejects such messages with 400.

/// Parses one request from bytes as they arrive.
///
///     var parser = RequestParser(limits: RequestLimits(body: 8 << 20))
///     while try !parser.feed(bytesJustRead) {}
///     serve(parser.request)
public struct RequestParser: Sendable {
  /// The request; complete once `feed` has returned `true`.
  public private(set) var request = Request()
  /// Whether the request line and all header fields have been parsed.
  public private(set) var hasHead = false
  /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
  public private(set) var awaitsContinue = false

  private let limits: RequestLimits
  private var state = State.requestLine
  /// The header fields, and later the trailer fields.
  private var fields = Fields()
  private var headBytes = 0
  /// Bytes that were fed; those before `position` have been parsed.
  private var buffer: [UInt8] = []
  private var position = 0
  /// Up to where the buffer has been searched for a line ending.
  private var searched = 0

  private enum State {
    case requestLine, fields
    case body(remaining: Int)
    case chunkSize
    case chunkData(remaining: Int)
    case chunkEnd, trailers
    case done
  }

  public init(limits: RequestLimits) {
    self.limits = limits
  }

  /// Whether no byte of the request has arrived.
  public var isUntouched: Bool { headBytes == 0 && buffer.isEmpty }

  /// The size of the body: as Content-Length announces, or as much of a chunked body as has arrived.
  public var bodyBytes: Int {
    switch state {
    case .body(let remaining): request.body.count + remaining
    default: request.body.count
    }
  }

  /// Whether bytes have arrived that are not parsed yet. After a complete request, they belong to the next one.
  public var hasMore: Bool { position < buffer.count }

  /// Prepares for the next request of the connection, and keeps the bytes that have already arrived. Call it after a
  /// complete request.
  public mutating func startNext() {
    let rest = buffer
    self = RequestParser(limits: limits)
    buffer = rest
  }

  /// Parses more bytes; returns whether the request is complete.
  ///
  /// - Throws: `RequestError` with the status to answer with. The parser cannot be used afterwards.
  public mutating func feed(_ bytes: consuming [UInt8]) throws(RequestError) -> Bool {
    if buffer.isEmpty { buffer = bytes } else { buffer += bytes }
    defer { compact() }
    while true {
      switch state {
      case .requestLine:
        guard let line = try headLine() else { return false }
        // RFC 9112 section 2.2: ignore empty lines before the request. The limit of the head bounds how many.
        if !line.isEmpty {
          try parseRequestLine(line)
          state = .fields
        }
      case .fields:
        guard let line = try headLine() else { return false }
        if line.isEmpty {
          try endHead()
        } else {
          try fields.parse(line, of: buffer, limit: limits.fields)
        }
      case .body(let remaining):
        let rest = remaining - takeBody(atMost: remaining)
        state = rest == 0 ? .done : .body(remaining: rest)
        if rest > 0 { return false }
      case .chunkSize:
        guard let line = try line(limit: 1024, or: .badRequest) else { return false }
        let size = try chunkSize(line)
        if size > limits.body - request.body.count { throw tooLarge() }
        state = size == 0 ? .trailers : .chunkData(remaining: size)
      case .chunkData(let remaining):
        let rest = remaining - takeBody(atMost: remaining)
        state = rest == 0 ? .chunkEnd : .chunkData(remaining: rest)
        if rest > 0 { return false }
      case .chunkEnd:
        guard let line = try line(limit: 0, or: .badRequest) else { return false }
        guard line.isEmpty else { throw RequestError(.badRequest, "a chunk is longer than its size") }
        state = .chunkSize
      case .trailers:
        guard let line = try headLine() else { return false }
        if line.isEmpty {
          state = .done
        } else {
          // Trailer fields are validated and discarded (RFC 9110 section 6.5.1).
          try fields.parse(line, of: buffer, limit: limits.fields)
        }
      case .done: return true
      }
    }
  }

  /// Moves the available bytes of the body out of the buffer; returns how many.
  private mutating func takeBody(atMost limit: Int) -> Int {
    let count = min(limit, buffer.count - position)
    if request.body.isEmpty, count == limit, position + count == buffer.count {
      // The buffer holds the whole body and nothing else, so it becomes the body without a copy.
      swap(&request.body, &buffer)
      request.body.removeFirst(position)
      position = 0
    } else {
      if request.body.isEmpty, count > 0 { request.body.reserveCapacity(limit) }
      request.body.append(contentsOf: buffer[position..<(position + count)])
      position += count
    }
    searched = position
    if count > 0 { awaitsContinue = false }
    return count
  }

  private mutating func compact() {
    if position == buffer.count { buffer = [] } else { buffer.removeFirst(position) }
    searched -= position
    position = 0
  }

  private func tooLarge() -> RequestError {
    RequestError(.contentTooLarge, "the body is larger than \(limits.body) bytes")
  }
}

// Lines.
extension RequestParser {
  /// The next line of the head or the trailer section; `nil` if it has not arrived completely.
  private mutating func headLine() throws(RequestError) -> Range<Int>? {
    guard let line = try line(limit: limits.head - headBytes, or: .fieldsTooLarge) else { return nil }
    headBytes += line.count + 2
    return line
  }

  /// The range of the next line in the buffer, without CR LF; `nil` if it has not arrived completely. The tab is the
  /// only control character that it may contain.
  private mutating func line(limit: Int, or status: Status) throws(RequestError) -> Range<Int>? {
    searched = endOfPlainBytes(buffer.span, searched)
    // Checked for empty lines, too: they count towards the limit of the head.
    if searched - position > limit { throw tooLong(status) }
    guard searched < buffer.count else { return nil }
    switch buffer[searched] {
    case 0x0A: throw RequestError(.badRequest, "a line ends with LF instead of CR LF")
    case 0x0D: break
    default: throw RequestError(.badRequest, "a line contains a control character")
    }
    guard searched + 1 < buffer.count else { return nil }
    guard buffer[searched + 1] == 0x0A else { throw RequestError(.badRequest, "a CR is not followed by LF") }
    let line = position..<searched
    position = searched + 2
    searched = position
    return line
  }
}

/// The offset of the first control character other than tab.
private func endOfPlainBytes(_ bytes: Span<UInt8>, _ start: Int) -> Int {
  var i = start
  while i < bytes.count {
    if i + 8 <= bytes.count {
      let next = bytes.extracting(i..<(i + 8))
      let word =
        UInt64(next[0]) | UInt64(next[1]) << 8 | UInt64(next[2]) << 16 | UInt64(next[3]) << 24
        | UInt64(next[4]) << 32 | UInt64(next[5]) << 40 | UInt64(next[6]) << 48 | UInt64(next[7]) << 56
      // Tests eight bytes at a time. The lowest bit that is set marks the first byte that is below 0x20 or equal to
      // 0x7F.
      let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
      let control =
        ((word &- 0x2020_2020_2020_2020) & ~word | (delete &- 0x0101_0101_0101_0101) & ~delete) & 0x8080_8080_8080_8080
      if control == 0 {
        i += 8
        continue
      }
      i += control.trailingZeroBitCount >> 3
    }
    if (bytes[i] < 0x20 || bytes[i] == 0x7F) && bytes[i] != 0x09 { return i }
    i += 1
  }
  return i
}

extension RequestParser {
  private func tooLong(_ status: Status) -> RequestError {
    RequestError(status, "a line is too long, or all lines together are")
  }
}

// The head.
extension RequestParser {
  private mutating func parseRequestLine(_ line: Range<Int>) throws(RequestError) {
    let buffer = buffer
    let bytes = buffer.span
    var blanks = (count: 0, first: 0, last: 0)
    for i in line where bytes[i] == 0x20 {
      if blanks.count == 0 { blanks.first = i }
      blanks.last = i
      blanks.count += 1
    }
    guard blanks.count == 2 else {
      throw RequestError(.badRequest, "expected a request line: method, target and version")
    }
    guard blanks.first > line.lowerBound, endOfToken(bytes, line) == blanks.first else {
      throw RequestError(.badRequest, "the method is not a token")
    }
    request.method = text(buffer[line.lowerBound..<blanks.first])
    try parseVersion(bytes.extracting((blanks.last + 1)..<line.upperBound))
    request.path = try path(ofTarget: (blanks.first + 1)..<blanks.last)
  }

  private mutating func parseVersion(_ version: Span<UInt8>) throws(RequestError) {
    guard version.count == 8, version.starts(with: "HTTP/"), isDigit(version[5]), version[6] == UInt8(ascii: "."),
      isDigit(version[7])
    else { throw RequestError(.badRequest, "the request line does not end with an HTTP version") }
    guard version[5] == UInt8(ascii: "1") else {
      throw RequestError(.versionNotSupported, "only HTTP/1.1 and HTTP/1.0 are supported")
    }
    request.isHTTP11 = version[7] != UInt8(ascii: "0")
  }

  /// The path of a request target in any form of RFC 9112 section 3.2.
  private func path(ofTarget range: Range<Int>) throws(RequestError) -> String {
    let bytes = buffer.span
    guard !range.isEmpty,
      range.allSatisfy({ bytes[$0] > 0x20 && bytes[$0] < 0x7F && bytes[$0] != UInt8(ascii: "#") })
    else {
      throw RequestError(.badRequest, "the request target is empty, or contains a byte that is not valid in a URI")
    }
    var start = range.lowerBound
    if bytes[start] != UInt8(ascii: "/") {
      let target = buffer[range]
      // RFC 9112 section 3.2: `*` is valid only with OPTIONS, and an authority only with CONNECT. No path of this
      // server matches either.
      if request.method == "CONNECT" || (request.method == "OPTIONS" && target.elementsEqual("*".utf8)) {
        return text(target)
      }
      let lowered = target.map { $0 | 0x20 }
      guard let scheme = ["http://", "https://"].first(where: { lowered.starts(with: $0.utf8) }) else {
        throw RequestError(.badRequest, "the request target is neither a path nor an HTTP URL")
      }
      let authority = target.dropFirst(scheme.utf8.count).prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
      guard let first = authority.first, first != UInt8(ascii: ":") else {
        throw RequestError(.badRequest, "the request target has no host")
      }
      start = authority.endIndex
    }
    var end = start
    while end < range.upperBound, bytes[end] != UInt8(ascii: "?") { end += 1 }
    return start == end ? "/" : text(buffer[start..<end])
  }

  /// Determines how the body is framed (RFC 9112 section 6.3), once all header fields are known.
  private mutating func endHead() throws(RequestError) {
    if fields.hostCount > 1 || (request.isHTTP11 && fields.hostCount == 0) {
      throw RequestError(.badRequest, "expected exactly one Host field")
    }
    request.contentType = fields.contentType
    request.contentEncoding = fields.contentEncoding
    request.keepsAlive =
      request.isHTTP11 ? !fields.connectionClose : fields.connectionKeepAlive && !fields.connectionClose
    if let coding = fields.transferEncoding {
      if fields.contentLength != nil {
        throw RequestError(.badRequest, "the request has both Content-Length and Transfer-Encoding")
      }
      if !request.isHTTP11 { throw RequestError(.badRequest, "Transfer-Encoding is not allowed in HTTP/1.0") }
      var (codings, known, endsInChunked) = (0, 0, false)
      try forEachElement(of: coding.utf8.span) { coding throws(RequestError) in
        endsInChunked = equalsIgnoringCase(coding, "chunked")
        codings += 1
        if endsInChunked || coding.isEmpty { known += 1 }
      }
      guard endsInChunked else {
        throw RequestError(.badRequest, "Transfer-Encoding does not end with chunked")
      }
      guard codings == 1 else {
        // `chunked` twice, or an empty element, is not a valid list of codings.
        throw RequestError(known > 1 ? .badRequest : .notImplemented, "the only supported Transfer-Encoding is chunked")
      }
      state = .chunkSize
    } else if let length = fields.contentLength {
      if length > limits.body { throw tooLarge() }
      state = length == 0 ? .done : .body(remaining: length)
    } else {
      if request.method == "POST" { throw RequestError(.lengthRequired, "expected Content-Length or a chunked body") }
      state = .done
    }
    if let expectation = fields.expectation, request.isHTTP11 {
      guard equalsIgnoringCase(expectation.utf8.span, "100-continue") else {
        throw RequestError(.expectationFailed, "the only supported Expect is 100-continue")
      }
      if case .done = state {} else { awaitsContinue = true }
    }
    hasHead = true
    fields = Fields()
  }

  /// Parses the size in `size [; extensions]` (RFC 9112 section 7.1).
  private func chunkSize(_ range: Range<Int>) throws(RequestError) -> Int {
    let line = buffer[range]
    let digits = line.prefix { hexadecimalValue($0) != nil }
    let rest = line[digits.endIndex...].drop(while: isBlank)
    guard !digits.isEmpty, rest.isEmpty || rest.first == UInt8(ascii: ";") else {
      throw RequestError(.badRequest, "expected a chunk size in hexadecimal digits")
    }
    guard rest.isEmpty == (digits.endIndex == line.endIndex) else {
      throw RequestError(.badRequest, "blanks after the chunk size")
    }
    var size = 0
    for digit in digits {
      size = size << 4 | Int(hexadecimalValue(digit) ?? 0)
      if size > limits.body { throw tooLarge() }
    }
    return size
  }
}

extension Span<UInt8> {
  fileprivate func starts(with text: String) -> Bool {
    let text = text.utf8.span
    guard count >= text.count else { return false }
    for i in text.indices where self[i] != text[i] { return false }
    return true
  }
}

private func hexadecimalValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
