// A strict parser of HTTP/1.1 requests (RFC 9112), fed with bytes as they arrive.
//
// Where two readings of a message are possible, a proxy before us might choose the other one and let a second request
// be smuggled in (RFC 9112 section 11.2): such messages are refused with 400.

/// Reads one request from bytes as they arrive.
///
///     var parser = RequestParser(limits: RequestLimits(body: 8 << 20))
///     while try !parser.feed(bytesJustRead) {}
///     serve(parser.request)
public struct RequestParser: Sendable {
  /// The request, whole once `feed` has returned `true`.
  public private(set) var request = Request()
  /// Whether the request line and all fields were read.
  public private(set) var hasHead = false
  /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
  public private(set) var awaitsContinue = false

  private let limits: RequestLimits
  private var state = State.requestLine
  /// Those of the head, then the trailers.
  private var fields = Fields()
  private var headBytes = 0
  /// What was fed and not yet read.
  private var buffer: [UInt8] = []
  private var position = 0
  /// How far the buffer was searched for the end of a line.
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

  /// Whether not a byte of a request has arrived.
  public var isUntouched: Bool { headBytes == 0 && buffer.isEmpty }

  /// How many bytes of body were announced, or of a chunked one have arrived.
  public var bodyBytes: Int {
    switch state {
    case .body(let remaining): request.body.count + remaining
    default: request.body.count
    }
  }

  /// Whether bytes that follow the request have arrived.
  public var hasMore: Bool { position < buffer.count }

  /// Makes ready for the next request of a connection; what arrived of it already stays. Call after a whole request.
  public mutating func startNext() {
    let rest = buffer
    self = RequestParser(limits: limits)
    buffer = rest
  }

  /// Takes bytes, and returns whether the request is whole.
  ///
  /// - Throws: `RequestError` with the status to answer with; the parser is of no use then.
  public mutating func feed(_ bytes: consuming [UInt8]) throws(RequestError) -> Bool {
    if buffer.isEmpty { buffer = bytes } else { buffer += bytes }
    defer { compact() }
    while true {
      switch state {
      case .requestLine:
        guard let line = try headLine() else { return false }
        // An empty line before the request is ignored (RFC 9112 section 2.2); the head's limit bounds how many.
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
        guard line.isEmpty else { throw RequestError(.badRequest, "a chunk longer than its size") }
        state = .chunkSize
      case .trailers:
        guard let line = try headLine() else { return false }
        if line.isEmpty {
          state = .done
        } else {
          // Checked as fields are, and dropped (RFC 9110 section 6.5.1).
          try fields.parse(line, of: buffer, limit: limits.fields)
        }
      case .done: return true
      }
    }
  }

  /// Moves what is there of the body into it; returns how many bytes.
  private mutating func takeBody(atMost limit: Int) -> Int {
    let count = min(limit, buffer.count - position)
    if request.body.isEmpty, count == limit, position + count == buffer.count {
      // All of it, and nothing else: the buffer becomes the body.
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
  /// The next line of the head or the trailers; `nil` until it is there.
  private mutating func headLine() throws(RequestError) -> Range<Int>? {
    guard let line = try line(limit: limits.head - headBytes, or: .fieldsTooLarge) else { return nil }
    headBytes += line.count + 2
    return line
  }

  /// Where the next line lies in the buffer, without its CRLF; `nil` until it is there. No control byte but a tab may
  /// stand in it.
  private mutating func line(limit: Int, or status: Status) throws(RequestError) -> Range<Int>? {
    searched = endOfPlainBytes(buffer.span, searched)
    // Empty lines use up the room of the head, too.
    if searched - position > limit { throw tooLong(status) }
    guard searched < buffer.count else { return nil }
    switch buffer[searched] {
    case 0x0A: throw RequestError(.badRequest, "a line that ends without CR LF")
    case 0x0D: break
    default: throw RequestError(.badRequest, "a control byte in a line")
    }
    guard searched + 1 < buffer.count else { return nil }
    guard buffer[searched + 1] == 0x0A else { throw RequestError(.badRequest, "a CR without LF") }
    let line = position..<searched
    position = searched + 2
    searched = position
    return line
  }
}

/// The offset of the first control byte but a tab.
private func endOfPlainBytes(_ bytes: Span<UInt8>, _ start: Int) -> Int {
  var i = start
  while i < bytes.count {
    if i + 8 <= bytes.count {
      let next = bytes.extracting(i..<(i + 8))
      let word =
        UInt64(next[0]) | UInt64(next[1]) << 8 | UInt64(next[2]) << 16 | UInt64(next[3]) << 24
        | UInt64(next[4]) << 32 | UInt64(next[5]) << 40 | UInt64(next[6]) << 48 | UInt64(next[7]) << 56
      // Eight bytes at a time: the lowest bit that is set stands in the first of them below 0x20, or equal to 0x7F.
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
    RequestError(status, "a line, or all of them, longer than allowed")
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
    guard blanks.count == 2 else { throw RequestError(.badRequest, "no request line: method, target, version") }
    guard blanks.first > line.lowerBound, endOfToken(bytes, line) == blanks.first else {
      throw RequestError(.badRequest, "a method that is no token")
    }
    request.method = text(buffer[line.lowerBound..<blanks.first])
    try parseVersion(bytes.extracting((blanks.last + 1)..<line.upperBound))
    request.path = try path(ofTarget: (blanks.first + 1)..<blanks.last)
  }

  private mutating func parseVersion(_ version: Span<UInt8>) throws(RequestError) {
    guard version.count == 8, version.starts(with: "HTTP/"), isDigit(version[5]), version[6] == UInt8(ascii: "."),
      isDigit(version[7])
    else { throw RequestError(.badRequest, "no HTTP version at the end of the request line") }
    guard version[5] == UInt8(ascii: "1") else { throw RequestError(.versionNotSupported, "HTTP/1.1 and 1.0 only") }
    request.isHTTP11 = version[7] != UInt8(ascii: "0")
  }

  /// The path of a target in any form of RFC 9112 section 3.2.
  private func path(ofTarget range: Range<Int>) throws(RequestError) -> String {
    let bytes = buffer.span
    guard !range.isEmpty,
      range.allSatisfy({ bytes[$0] > 0x20 && bytes[$0] < 0x7F && bytes[$0] != UInt8(ascii: "#") })
    else { throw RequestError(.badRequest, "a target with bytes that no URI has") }
    var start = range.lowerBound
    if bytes[start] != UInt8(ascii: "/") {
      let target = buffer[range]
      // RFC 9112 section 3.2: `*` belongs to OPTIONS, a bare authority to CONNECT; neither names a path of ours.
      if request.method == "CONNECT" || (request.method == "OPTIONS" && target.elementsEqual("*".utf8)) {
        return text(target)
      }
      let lowered = target.map { $0 | 0x20 }
      guard let scheme = ["http://", "https://"].first(where: { lowered.starts(with: $0.utf8) }) else {
        throw RequestError(.badRequest, "a target that is neither a path nor a URL")
      }
      let authority = target.dropFirst(scheme.utf8.count).prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
      guard let first = authority.first, first != UInt8(ascii: ":") else {
        throw RequestError(.badRequest, "a target without a host")
      }
      start = authority.endIndex
    }
    var end = start
    while end < range.upperBound, bytes[end] != UInt8(ascii: "?") { end += 1 }
    return start == end ? "/" : text(buffer[start..<end])
  }

  /// Settles how the body is framed (RFC 9112 section 6.3), once all fields are there.
  private mutating func endHead() throws(RequestError) {
    if fields.hostCount > 1 || (request.isHTTP11 && fields.hostCount == 0) {
      throw RequestError(.badRequest, "expected one Host field")
    }
    request.contentType = fields.contentType
    request.contentEncoding = fields.contentEncoding
    request.keepsAlive =
      request.isHTTP11 ? !fields.connectionClose : fields.connectionKeepAlive && !fields.connectionClose
    if let coding = fields.transferEncoding {
      if fields.contentLength != nil {
        throw RequestError(.badRequest, "both Content-Length and Transfer-Encoding")
      }
      if !request.isHTTP11 { throw RequestError(.badRequest, "Transfer-Encoding in HTTP/1.0") }
      var (codings, known, endsInChunked) = (0, 0, false)
      try forEachElement(of: coding.utf8.span) { coding throws(RequestError) in
        endsInChunked = equalsIgnoringCase(coding, "chunked")
        codings += 1
        if endsInChunked || coding.isEmpty { known += 1 }
      }
      guard endsInChunked else {
        throw RequestError(.badRequest, "a Transfer-Encoding that does not end in chunked")
      }
      guard codings == 1 else {
        // Chunked twice, or an empty one, is no list of codings.
        throw RequestError(known > 1 ? .badRequest : .notImplemented, "a Transfer-Encoding other than chunked")
      }
      state = .chunkSize
    } else if let length = fields.contentLength {
      if length > limits.body { throw tooLarge() }
      state = length == 0 ? .done : .body(remaining: length)
    } else {
      if request.method == "POST" { throw RequestError(.lengthRequired, "expected Content-Length, or chunks") }
      state = .done
    }
    if let expectation = fields.expectation, request.isHTTP11 {
      guard equalsIgnoringCase(expectation.utf8.span, "100-continue") else {
        throw RequestError(.expectationFailed, "an expectation other than 100-continue")
      }
      if case .done = state {} else { awaitsContinue = true }
    }
    hasHead = true
    fields = Fields()
  }

  /// The size in `size [; extensions]` (RFC 9112 section 7.1).
  private func chunkSize(_ range: Range<Int>) throws(RequestError) -> Int {
    let line = buffer[range]
    let digits = line.prefix { hexadecimalValue($0) != nil }
    let rest = line[digits.endIndex...].drop(while: isBlank)
    guard !digits.isEmpty, rest.isEmpty || rest.first == UInt8(ascii: ";") else {
      throw RequestError(.badRequest, "a chunk without a size")
    }
    guard rest.isEmpty == (digits.endIndex == line.endIndex) else {
      throw RequestError(.badRequest, "blanks after a chunk's size")
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
