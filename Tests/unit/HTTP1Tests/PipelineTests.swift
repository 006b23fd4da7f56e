// Requests that follow each other on one connection, however the bytes arrive: each is read as if it stood alone, and
// none takes a byte of the next.

import HTTP1
import Testing

/// What became of the bytes of a connection.
private struct Stream: Equatable {
  var requests: [Request] = []
  /// The status that ended the stream.
  var refused: Int?
  /// Whether a request has begun that is not whole.
  var hasRest = false

  /// Feeds a parser part by part, and goes on after every whole request with what has arrived already.
  init(_ parts: [ArraySlice<UInt8>], _ limits: RequestLimits) {
    var parser = RequestParser(limits: limits)
    do throws(RequestError) {
      for part in parts {
        var isWhole = try parser.feed(Array(part))
        while isWhole {
          requests.append(parser.request)
          let hadMore = parser.hasMore
          parser.startNext()
          #expect(hadMore == !parser.isUntouched && !parser.hasHead && !parser.awaitsContinue)
          #expect(parser.bodyBytes == 0 && parser.hasMore == hadMore)
          isWhole = try parser.feed([])
          if isWhole { #expect(hadMore, "nothing is no request") }
        }
      }
      hasRest = !parser.isUntouched
    } catch {
      refused = error.status.rawValue
    }
  }
}

/// The outcome of a text, however it arrives.
private func stream(
  _ text: String, _ limits: RequestLimits = RequestLimits(body: 100), _ location: SourceLocation = #_sourceLocation
) -> Stream {
  let bytes = Array(text.utf8)
  let whole = Stream([bytes[...]], limits)
  let single = Stream(bytes.indices.map { bytes[$0...$0] }, limits)
  #expect(single == whole, "byte by byte", sourceLocation: location)
  for cut in bytes.indices {
    #expect(Stream([bytes[..<cut], bytes[cut...]], limits) == whole, "cut at \(cut)", sourceLocation: location)
  }
  // Every cut in three, if it does not take too long.
  if bytes.count < 110 {
    for first in bytes.indices {
      for second in bytes.indices where second > first {
        let parts = [bytes[..<first], bytes[first..<second], bytes[second...]]
        #expect(Stream(parts, limits) == whole, "cut at \(first) and \(second)", sourceLocation: location)
      }
    }
  }
  return whole
}

private let get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
private let length = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
private let chunks =
  "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n0\r\nT: x\r\n\r\n"

@Suite("Requests one after the other")
struct PipelineTests {
  @Test(
    "Each is read as if it stood alone, in any order",
    arguments: [
      [get], [get, get], [length, get], [get, length], [length, length], [chunks], [chunks, get], [get, chunks],
      [chunks, chunks], [length, chunks, get, chunks, length],
    ])
  func each(_ requests: [String]) throws {
    let alone = requests.flatMap { stream($0).requests }
    let together = stream(requests.joined())
    #expect(together.requests == alone && alone.count == requests.count)
    #expect(together.refused == nil && !together.hasRest)
  }

  @Test("Empty lines between requests belong to the next")
  func emptyLines() {
    let outcome = stream("\r\n" + get + "\r\n\r\n" + length + "\r\n")
    #expect(outcome.requests.map(\.path) == ["/a", "/b"] && outcome.hasRest && outcome.refused == nil)
  }

  @Test("What one request said is not said by the next")
  func fields() {
    let first =
      "POST /b HTTP/1.0\r\nContent-Type: a\r\nContent-Encoding: b\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"
    let outcome = stream(first + get)
    #expect(outcome.requests == [stream(first).requests[0], stream(get).requests[0]])
    #expect(outcome.requests.map(\.keepsAlive) == [true, true] && outcome.requests[1].isHTTP11)
  }

  @Test("A body may look like a request, and stays a body")
  func smuggled() {
    let outer = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: \(get.utf8.count)\r\n\r\n" + get
    let outcome = stream(outer + length)
    #expect(outcome.requests.map(\.path) == ["/b", "/b"] && outcome.requests[0].body == Array(get.utf8))
  }

  @Test(
    "A request that is refused ends the stream, and those before it were read",
    arguments: [
      ("GET /a HTTP/1.1\r\n\r\n", 400), ("POST /a HTTP/1.1\r\nHost: h\r\n\r\n", 411), ("GET / HTTP/2.0\r\n", 505),
      ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", 413), ("\n", 400), ("x\r\n", 400),
    ])
  func refused(_ bad: String, _ status: Int) {
    let outcome = stream(get + length + bad + get)
    #expect(outcome.requests.map(\.path) == ["/a", "/b"] && outcome.refused == status)
  }

  @Test("A request that is not whole yet waits for the rest")
  func unfinished() {
    for (text, count) in [(get, get.utf8.count), (length, length.utf8.count), (chunks, chunks.utf8.count)] {
      for end in 1..<count {
        let outcome = Stream([Array(get.utf8)[...], Array(text.utf8)[..<end]], RequestLimits(body: 100))
        #expect(outcome.requests.map(\.path) == ["/a"] && outcome.hasRest && outcome.refused == nil, "cut at \(end)")
      }
    }
  }

  @Test("The limits of head, fields and body begin anew with each request")
  func limits() {
    let fields = String(repeating: "X: " + String(repeating: "a", count: 100) + "\r\n", count: 98)
    let large = "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "Content-Length: 100\r\n\r\n"
    let text = large + String(repeating: "x", count: 100)
    let parts = [Array(String(repeating: text, count: 5).utf8)[...]]
    let outcome = Stream(parts, RequestLimits(body: 100))
    #expect(outcome.requests.count == 5 && outcome.refused == nil && !outcome.hasRest)
    // The last line end is one character.
    let trailers = String(chunks.dropLast()) + fields + "\r\n"
    let chunked = Stream([Array(String(repeating: trailers, count: 5).utf8)[...]], RequestLimits(body: 5))
    #expect(chunked.requests.count == 5 && chunked.refused == nil)
  }

  @Test("A parser that went on is one that is new")
  func untouched() throws {
    var parser = RequestParser(limits: RequestLimits(body: 100))
    #expect(try parser.feed(Array(get.utf8)))
    #expect(!parser.hasMore && !parser.isUntouched)
    parser.startNext()
    #expect(parser.isUntouched && !parser.hasMore && !parser.hasHead)
    #expect(try !parser.feed([]) && parser.isUntouched)
    #expect(try parser.feed(Array(length.utf8)) && parser.request.path == "/b")
  }
}

@Suite("How much there is of a request")
struct AmountTests {
  private func parser(fedWith text: String) throws -> RequestParser {
    var parser = RequestParser(limits: RequestLimits(body: 100))
    _ = try parser.feed(Array(text.utf8))
    return parser
  }

  @Test("Of a body with a length it is known as soon as the head is there, and stays")
  func announced() throws {
    let head = length.dropLast(5)
    #expect(try parser(fedWith: String(head.dropLast())).bodyBytes == 0)
    for sent in 0...5 { #expect(try parser(fedWith: String(head) + "hello".prefix(sent)).bodyBytes == 5) }
    #expect(try parser(fedWith: length + get).bodyBytes == 5)
    #expect(try parser(fedWith: get).bodyBytes == 0)
  }

  @Test("Of chunks it is what has arrived of their contents")
  func arrived() throws {
    var parser = RequestParser(limits: RequestLimits(body: 100))
    var most = 0
    for byte in chunks.utf8 {
      _ = try parser.feed([byte])
      #expect(parser.bodyBytes == parser.request.body.count && parser.bodyBytes >= most)
      most = parser.bodyBytes
    }
    #expect(most == 5)
  }

  @Test("More has arrived if bytes follow the request", arguments: ["", "\r", "G", get])
  func more(_ rest: String) throws {
    for request in [get, length, chunks] {
      #expect(try parser(fedWith: request + rest).hasMore == !rest.isEmpty)
    }
  }

  @Test("Bytes of a line that is not whole are waiting")
  func partOfLine() throws {
    #expect(try parser(fedWith: "GET /a").hasMore)
    #expect(try !parser(fedWith: "GET /a HTTP/1.1\r\n").hasMore)
    #expect(try !parser(fedWith: String(length.dropLast())).hasMore)
  }
}
