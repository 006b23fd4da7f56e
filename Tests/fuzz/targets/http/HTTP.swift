// Fuzzes the parser of HTTP requests. The result must not depend on how the bytes arrive, and a naive second parser,
// which reads the whole text, must find the same body: where two readings are possible, requests can be smuggled. Bytes
// after a request are the next request, as on a connection that is kept.

import FuzzSupport
import HTTP1

/// Small limits, so that short inputs reach them.
private let limits = {
  var limits = RequestLimits(body: 16)
  limits.head = 256
  limits.fields = 6
  return limits
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = bytes(data, count)
  let whole = Outcome(text) { text.count }
  var state = hash(text)
  let inPieces = Outcome(text) {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return 1 + Int(state >> 33) % 24
  }
  require(whole == inPieces, "pieces of any size give the same: \(whole), \(inPieces)")
  require(whole == Outcome(text) { 1 }, "single bytes give the same: \(whole)")
  require(whole.request.body.count <= limits.body, "the body is within its limit")
  if whole.error == nil, !whole.hasHead { require(text.count <= limits.head + 2, "the head is within its limit") }
  if whole.isDone { check(whole.request, against: text) }
  checkStream(text) {
    text.count
  } inPieces: {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return 1 + Int(state >> 33) % 24
  }
  return 0
}

/// Requires that the requests of a connection do not depend on how their bytes arrive, or on the requests before them.
private func checkStream(_ text: [UInt8], whole: () -> Int, inPieces: () -> Int) {
  let stream = Stream(text, pieces: whole)
  require(stream == Stream(text, pieces: inPieces), "pieces of any size give the same requests")
  let single = Stream(text) { 1 }
  require(stream == single, "single bytes give the same requests")
  for (start, request) in zip(single.starts, single.requests) {
    let alone = Outcome(Array(text[start...])) { text.count }
    require(alone.isDone && alone.request == request, "a request is the same alone")
    check(request, against: Array(text[start...]))
  }
}

/// The requests of a connection.
private struct Stream: Equatable {
  var requests: [Request] = []
  var error: RequestError?
  var isUntouched = true
  /// The number of bytes that had been fed when each request began. If bytes are fed one by one, that is its offset.
  var starts = [0]

  init(_ text: [UInt8], pieces: () -> Int) {
    var parser = RequestParser(limits: limits)
    var rest = text[...]
    do throws(RequestError) {
      while !rest.isEmpty {
        let piece = rest.prefix(pieces())
        rest = rest.dropFirst(piece.count)
        var isDone = try parser.feed(Array(piece))
        while isDone {
          requests.append(parser.request)
          starts.append(text.count - rest.count)
          require(parser.bodyBytes == parser.request.body.count, "all of the body has arrived")
          let more = parser.hasMore
          require(!more || piece.count > 1, "a request that a byte ends takes all bytes")
          parser.startNext()
          require(parser.hasMore == more && parser.isUntouched == !more, "what has arrived stays, and no more")
          isDone = try parser.feed([])
        }
      }
      isUntouched = parser.isUntouched
    } catch {
      self.error = error
    }
  }

  static func == (left: Stream, right: Stream) -> Bool {
    left.requests == right.requests && left.error == right.error && left.isUntouched == right.isUntouched
  }
}

/// The result of parsing a request.
private struct Outcome: Equatable {
  var isDone = false
  var hasHead = false
  var awaitsContinue = false
  var isUntouched = true
  var error: RequestError?
  var request: Request

  init(_ text: [UInt8], pieces: () -> Int) {
    var parser = RequestParser(limits: limits)
    var rest = text[...]
    do throws(RequestError) {
      while !isDone, !rest.isEmpty {
        let piece = rest.prefix(pieces())
        rest = rest.dropFirst(piece.count)
        isDone = try parser.feed(Array(piece))
      }
    } catch {
      self.error = error
    }
    // Even after an error, the parser's body must not exceed the limit.
    request = parser.request
    guard error == nil else { return }
    (hasHead, awaitsContinue, isUntouched) = (parser.hasHead, parser.awaitsContinue, parser.isUntouched)
  }

  static func == (left: Outcome, right: Outcome) -> Bool {
    if left.error != nil || right.error != nil { return left.error == right.error }
    return left.request == right.request
      && (left.isDone, left.hasHead, left.awaitsContinue, left.isUntouched)
        == (right.isDone, right.hasHead, right.awaitsContinue, right.isUntouched)
  }
}

/// Parses the text again, line by line, and requires the same result.
private func check(_ request: Request, against text: [UInt8]) {
  var rest = text[...]
  var lines: [String] = []
  while let line = nextLine(&rest) {
    if line.isEmpty, lines.isEmpty { continue }
    if line.isEmpty { break }
    lines.append(line)
  }
  let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
  require(words.count == 3 && words[0] == request.method, "a request line has three words")
  require(words[2].hasPrefix("HTTP/1.") && request.isHTTP11 == (words[2] != "HTTP/1.0"), "its version is one")
  require(request.path == words[1] || request.path.hasPrefix("/"), "its path is one")

  var fields: [String: [String]] = [:]
  for line in lines.dropFirst() {
    let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    require(parts.count == 2 && !parts[0].isEmpty && !parts[0].contains(where: isBlank), "a field has a name")
    let value = parts[1].drop(while: isBlank).reversed().drop(while: isBlank).reversed()
    fields[parts[0].lowercased(), default: []].append(String(value))
  }
  require(lines.count - 1 <= limits.fields, "the fields are within their limit")
  require(fields["host", default: []].count == 1 || !request.isHTTP11 && fields["host"] == nil, "it has one Host")

  let lengths = Set(fields["content-length", default: []].flatMap { $0.split(separator: ",") }.map(number))
  if let codings = fields["transfer-encoding"] {
    require(lengths.isEmpty && codings.count == 1 && codings[0].lowercased() == "chunked", "chunks are its framing")
    require(request.isHTTP11, "only HTTP/1.1 has chunks")
    var body: [UInt8] = []
    while let line = nextLine(&rest) {
      guard let size = Int(line.prefix { $0 != ";" && !isBlank($0) }, radix: 16), size > 0 else { break }
      body += rest.prefix(size)
      rest = rest.dropFirst(size)
      require(nextLine(&rest) == "", "a chunk ends with an empty line")
    }
    require(request.body == body, "the body is the chunks")
  } else if let length = lengths.first {
    require(lengths.count == 1, "it has one length")
    require(request.body.elementsEqual(rest.prefix(length ?? -1)), "the body is what follows the head")
    require(request.body.count == length, "the body is as long as the head says")
  } else {
    require(request.body.isEmpty && request.method != "POST", "no framing, no body")
  }
}

/// The number in a text, without the blanks around it.
private func number(_ text: Substring) -> Int? {
  Int(text.filter { !isBlank($0) })
}

private func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }

/// The next line, without its end; `nil` at the end of the text.
private func nextLine(_ rest: inout ArraySlice<UInt8>) -> String? {
  guard let end = rest.firstIndex(of: 0x0A) else { return nil }
  let line = rest[..<end]
  require(line.last == 0x0D, "a line ends with CR LF")
  rest = rest[(end + 1)...]
  // Each byte becomes a character, so that no byte is repaired or combined with others.
  return String(String.UnicodeScalarView(line.dropLast().map { Unicode.Scalar($0) }))
}
