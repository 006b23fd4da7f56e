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
  private var fields = Fields()
  private var trailers = Fields()
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
  public mutating func feed(_ bytes: [UInt8]) throws(RequestError) -> Bool {
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
          try fields.parse(line, limit: limits.fields)
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
          try trailers.parse(line, limit: limits.fields)
        }
      case .done: return true
      }
    }
  }

  /// Moves what is there of the body into it; returns how many bytes.
  private mutating func takeBody(atMost limit: Int) -> Int {
    let count = min(limit, buffer.count - position)
    request.body.append(contentsOf: buffer[position..<(position + count)])
    position += count
    searched = position
    if count > 0 { awaitsContinue = false }
    return count
  }

  private mutating func compact() {
    buffer.removeFirst(position)
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
  private mutating func headLine() throws(RequestError) -> ArraySlice<UInt8>? {
    guard let line = try line(limit: limits.head - headBytes, or: .fieldsTooLarge) else { return nil }
    headBytes += line.count + 2
    return line
  }

  /// The next line without its CRLF; `nil` until it is there. No control byte but a tab may stand in it.
  private mutating func line(limit: Int, or status: Status) throws(RequestError) -> ArraySlice<UInt8>? {
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
    let line = buffer[position..<searched]
    position = searched + 2
    searched = position
    return line
  }
}

/// The offset of the first control byte but a tab.
private func endOfPlainBytes(_ bytes: Span<UInt8>, _ start: Int) -> Int {
  var i = start
  while i < bytes.count, (bytes[i] >= 0x20 && bytes[i] != 0x7F) || bytes[i] == 0x09 { i += 1 }
  return i
}

extension RequestParser {
  private func tooLong(_ status: Status) -> RequestError {
    RequestError(status, "a line, or all of them, longer than allowed")
  }
}

// The head.
extension RequestParser {
  private mutating func parseRequestLine(_ line: ArraySlice<UInt8>) throws(RequestError) {
    let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw RequestError(.badRequest, "no request line: method, target, version") }
    guard isToken(parts[0]) else { throw RequestError(.badRequest, "a method that is no token") }
    request.method = text(parts[0])
    try parseVersion(parts[2])
    request.path = try path(ofTarget: parts[1])
  }

  private mutating func parseVersion(_ version: ArraySlice<UInt8>) throws(RequestError) {
    let digits = Array(version.suffix(3))
    guard version.count == 8, version.starts(with: "HTTP/".utf8), isDigit(digits[0]), digits[1] == UInt8(ascii: "."),
      isDigit(digits[2])
    else { throw RequestError(.badRequest, "no HTTP version at the end of the request line") }
    guard digits[0] == UInt8(ascii: "1") else { throw RequestError(.versionNotSupported, "HTTP/1.1 and 1.0 only") }
    request.isHTTP11 = digits[2] != UInt8(ascii: "0")
  }

  /// The path of a target in any form of RFC 9112 section 3.2.
  private func path(ofTarget target: ArraySlice<UInt8>) throws(RequestError) -> String {
    guard target.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }), let first = target.first else {
      throw RequestError(.badRequest, "a target with bytes that no URI has")
    }
    var path = target
    if first != UInt8(ascii: "/") {
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
      path = target[authority.endIndex...]
    }
    let withoutQuery = path.prefix { $0 != UInt8(ascii: "?") }
    return withoutQuery.isEmpty ? "/" : text(withoutQuery)
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
      let codings = coding.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(trimmed)
      guard let last = codings.last, equalsIgnoringCase(last, "chunked") else {
        throw RequestError(.badRequest, "a Transfer-Encoding that does not end in chunked")
      }
      guard codings.count == 1 else {
        let twice = codings.dropLast().contains { equalsIgnoringCase($0, "chunked") || $0.isEmpty }
        throw RequestError(twice ? .badRequest : .notImplemented, "a Transfer-Encoding other than chunked")
      }
      state = .chunkSize
    } else if let length = fields.contentLength {
      if length > limits.body { throw tooLarge() }
      request.body.reserveCapacity(length)
      state = length == 0 ? .done : .body(remaining: length)
    } else {
      if request.method == "POST" { throw RequestError(.lengthRequired, "expected Content-Length, or chunks") }
      state = .done
    }
    if let expectation = fields.expectation, request.isHTTP11 {
      guard equalsIgnoringCase(expectation[...], "100-continue") else {
        throw RequestError(.expectationFailed, "an expectation other than 100-continue")
      }
      if case .done = state {} else { awaitsContinue = true }
    }
    hasHead = true
  }

  /// The size in `size [; extensions]` (RFC 9112 section 7.1).
  private func chunkSize(_ line: ArraySlice<UInt8>) throws(RequestError) -> Int {
    let digits = line.prefix { hexadecimalValue($0) != nil }
    let rest = line[digits.endIndex...].drop { $0 == 0x20 || $0 == 0x09 }
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

private func hexadecimalValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
