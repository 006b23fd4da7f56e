// Several requests on one connection. Each is parsed as if it were alone, wherever the bytes are cut, and none takes a
// byte of the next.

import HTTP1
import Testing

/// The result of parsing the bytes of a connection.
private struct Stream: Equatable {
  var requests: [Request] = []
  /// The status of the request that was refused.
  var refused: Int?
  /// Whether an incomplete request is left.
  var hasRest = false

  /// Feeds the parts to a parser. After each complete request, goes on with the bytes that have already arrived.
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

/// The result for a text. Checks that it is the same wherever the text is cut.
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
  // All cuts into three parts, for short texts.
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

@Suite("Consecutive requests")
struct PipelineTests {
  @Test(
    "Each is parsed as if it were alone, in any order",
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

  @Test("Empty lines between requests belong to the next one")
  func emptyLines() {
    let outcome = stream("\r\n" + get + "\r\n\r\n" + length + "\r\n")
    #expect(outcome.requests.map(\.path) == ["/a", "/b"] && outcome.hasRest && outcome.refused == nil)
  }

  @Test("Fields of one request do not leak into the next")
  func fields() {
    let first =
      "POST /b HTTP/1.0\r\nContent-Type: a\r\nContent-Encoding: b\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"
    let outcome = stream(first + get)
    #expect(outcome.requests == [stream(first).requests[0], stream(get).requests[0]])
    #expect(outcome.requests.map(\.keepsAlive) == [true, true] && outcome.requests[1].isHTTP11)
  }

  @Test("A body that looks like a request stays a body")
  func smuggled() {
    let outer = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: \(get.utf8.count)\r\n\r\n" + get
    let outcome = stream(outer + length)
    #expect(outcome.requests.map(\.path) == ["/b", "/b"] && outcome.requests[0].body == Array(get.utf8))
  }

  @Test(
    "A refused request ends the stream; the requests before it are parsed",
    arguments: [
      ("GET /a HTTP/1.1\r\n\r\n", 400), ("POST /a HTTP/1.1\r\nHost: h\r\n\r\n", 411), ("GET / HTTP/2.0\r\n", 505),
      ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", 413), ("\n", 400), ("x\r\n", 400),
    ])
  func refused(_ bad: String, _ status: Int) {
    let outcome = stream(get + length + bad + get)
    #expect(outcome.requests.map(\.path) == ["/a", "/b"] && outcome.refused == status)
  }

  @Test("An incomplete request waits for the rest")
  func unfinished() {
    for (text, count) in [(get, get.utf8.count), (length, length.utf8.count), (chunks, chunks.utf8.count)] {
      for end in 1..<count {
        let outcome = Stream([Array(get.utf8)[...], Array(text.utf8)[..<end]], RequestLimits(body: 100))
        #expect(outcome.requests.map(\.path) == ["/a"] && outcome.hasRest && outcome.refused == nil, "cut at \(end)")
      }
    }
  }

  @Test("The limits of head, fields and body apply to each request separately")
  func limits() {
    let fields = String(repeating: "X: " + String(repeating: "a", count: 100) + "\r\n", count: 98)
    let large = "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "Content-Length: 100\r\n\r\n"
    let text = large + String(repeating: "x", count: 100)
    let parts = [Array(String(repeating: text, count: 5).utf8)[...]]
    let outcome = Stream(parts, RequestLimits(body: 100))
    #expect(outcome.requests.count == 5 && outcome.refused == nil && !outcome.hasRest)
    // Removes the last CR LF, which is a single character in Swift.
    let trailers = String(chunks.dropLast()) + fields + "\r\n"
    let chunked = Stream([Array(String(repeating: trailers, count: 5).utf8)[...]], RequestLimits(body: 5))
    #expect(chunked.requests.count == 5 && chunked.refused == nil)
  }

  @Test("After startNext, a parser behaves like a new one")
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

@Suite("How much of a request has arrived")
struct AmountTests {
  private func parser(fedWith text: String) throws -> RequestParser {
    var parser = RequestParser(limits: RequestLimits(body: 100))
    _ = try parser.feed(Array(text.utf8))
    return parser
  }

  @Test("The size of a body with Content-Length is known once the head is complete")
  func announced() throws {
    let head = length.dropLast(5)
    #expect(try parser(fedWith: String(head.dropLast())).bodyBytes == 0)
    for sent in 0...5 { #expect(try parser(fedWith: String(head) + "hello".prefix(sent)).bodyBytes == 5) }
    #expect(try parser(fedWith: length + get).bodyBytes == 5)
    #expect(try parser(fedWith: get).bodyBytes == 0)
  }

  @Test("The size of a chunked body is what has arrived so far")
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

  @Test("hasMore is true if bytes follow the request", arguments: ["", "\r", "G", get])
  func more(_ rest: String) throws {
    for request in [get, length, chunks] {
      #expect(try parser(fedWith: request + rest).hasMore == !rest.isEmpty)
    }
  }

  @Test("hasMore is true for an incomplete line")
  func partOfLine() throws {
    #expect(try parser(fedWith: "GET /a").hasMore)
    #expect(try !parser(fedWith: "GET /a HTTP/1.1\r\n").hasMore)
    #expect(try !parser(fedWith: String(length.dropLast())).hasMore)
  }
}
