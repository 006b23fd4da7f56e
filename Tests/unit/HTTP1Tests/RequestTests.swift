// Parsing requests, byte for byte: the content of each valid one, and the status of each invalid one (RFC 9110 and
// 9112). Every row is fed at once, byte by byte, and cut in two at every place; the result must be the same.

import HTTP1
import Testing

/// The result of feeding bytes to a parser.
enum Outcome: Equatable, CustomStringConvertible {
  case whole(Request)
  case unfinished
  case refused(Int)

  var description: String {
    switch self {
    case .whole(let request): "\(request.method) \(request.path) with \(request.body.count) bytes"
    case .unfinished: "unfinished"
    case .refused(let status): "refused with \(status)"
    }
  }

  /// Feeds the parts to a parser until the request is complete or refused.
  init(_ parts: [ArraySlice<UInt8>], _ limits: RequestLimits) {
    var parser = RequestParser(limits: limits)
    do throws(RequestError) {
      for part in parts where try parser.feed(Array(part)) {
        self = .whole(parser.request)
        return
      }
      self = .unfinished
    } catch {
      self = .refused(error.status.rawValue)
    }
  }
}

/// The result for a text. Records an issue if it depends on where the text is cut.
func outcome(
  of text: String, limits: RequestLimits = RequestLimits(body: 100), _ location: SourceLocation = #_sourceLocation
) -> Outcome {
  let bytes = Array(text.utf8)
  let whole = Outcome([bytes[...]], limits)
  let single = Outcome(bytes.indices.map { bytes[$0...$0] }, limits)
  #expect(single == whole, "byte by byte", sourceLocation: location)
  if bytes.count < 1000 {
    for cut in bytes.indices {
      let halves = Outcome([bytes[..<cut], bytes[cut...]], limits)
      #expect(halves == whole, "cut at \(cut)", sourceLocation: location)
    }
  }
  return whole
}

private let head = "POST /mutate HTTP/1.1\r\nHost: h\r\n"

/// A POST request with additional fields, and a body.
private func post(_ fields: String..., body: String = "") -> String {
  head + fields.map { $0 + "\r\n" }.joined() + "\r\n" + body
}

private func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked", body: body) }

/// The expected content of a valid request.
struct Expected: Sendable {
  var method = "POST"
  var path = "/mutate"
  var body = ""
  var isHTTP11 = true
  var keepsAlive = true
  var contentType: String?
  var contentEncoding: String?
}

private func expect(_ text: String, _ expected: Expected, _ location: SourceLocation = #_sourceLocation) {
  let outcome = outcome(of: text, location)
  guard case .whole(let request) = outcome else {
    Issue.record("\(outcome)", sourceLocation: location)
    return
  }
  #expect(request.method == expected.method, sourceLocation: location)
  #expect(request.path == expected.path, sourceLocation: location)
  #expect(request.body == Array(expected.body.utf8), sourceLocation: location)
  #expect(request.isHTTP11 == expected.isHTTP11, sourceLocation: location)
  #expect(request.keepsAlive == expected.keepsAlive, sourceLocation: location)
  #expect(request.contentType == expected.contentType, sourceLocation: location)
  #expect(request.contentEncoding == expected.contentEncoding, sourceLocation: location)
}

@Suite("Valid requests")
struct GoodRequestTests {
  @Test("A request from kube-apiserver is parsed")
  func apiServer() {
    expect(
      "POST /mutate?timeout=5s HTTP/1.1\r\nHost: pisw.kube-system.svc:8443\r\nUser-Agent: kube-apiserver-admission\r\n"
        + "Content-Length: 2\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n"
        + "Accept-Encoding: gzip\r\n\r\n{}",
      Expected(body: "{}", contentType: "application/json"))
  }

  @Test(
    "The path is the target without query, scheme and host",
    arguments: [
      ("/", "/"), ("/mutate", "/mutate"), ("/mutate?", "/mutate"), ("/mutate?timeout=5s", "/mutate"), ("/a?b?c", "/a"),
      ("/mutate/", "/mutate/"), ("//mutate", "//mutate"), ("/%6dutate", "/%6dutate"), ("/a;b", "/a;b"),
      ("http://h/mutate", "/mutate"), ("https://h:8443/mutate?x", "/mutate"), ("HTTP://H/mutate", "/mutate"),
      ("http://h", "/"), ("http://h?x", "/"), ("http://[::1]:80/a", "/a"), ("/http://h/", "/http://h/"),
    ])
  func targets(_ target: String, _ path: String) {
    expect("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n", Expected(method: "GET", path: path))
  }

  @Test("OPTIONS may have an asterisk and CONNECT an authority as target")
  func otherTargets() {
    expect("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", Expected(method: "OPTIONS", path: "*"))
    expect("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", Expected(method: "CONNECT", path: "h:443"))
  }

  @Test(
    "A method may be any token, and case matters",
    arguments: ["GET", "HEAD", "PUT", "get", "M-SEARCH", "!#$%&'*+.^_`|~9"])
  func methods(_ method: String) {
    expect("\(method) / HTTP/1.1\r\nHost: h\r\n\r\n", Expected(method: method, path: "/"))
  }

  @Test(
    "A body is as long as Content-Length says; what follows belongs to the next request",
    arguments: [
      (["Content-Length: 5"], "hello", "hello"), (["Content-Length: 5"], "helloGET / HTTP/1.1\r\n", "hello"),
      (["Content-Length: 0"], "", ""), (["Content-Length: 0"], "x", ""), (["content-LENGTH:3"], "abc", "abc"),
      (["Content-Length:  \t3 \t"], "abc", "abc"), (["Content-Length: 003"], "abc", "abc"),
      (["Content-Length: 2, 2"], "ab", "ab"), (["Content-Length: 2", "Content-Length: 2"], "ab", "ab"),
      (["Content-Length: 5"], "a\r\n\0b", "a\r\n\0b"),
    ])
  func lengths(_ fields: [String], _ sent: String, _ body: String) {
    expect(head + fields.map { $0 + "\r\n" }.joined() + "\r\n" + sent, Expected(body: body))
  }

  @Test(
    "Chunks are joined; extensions and trailers are skipped",
    arguments: [
      ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"), ("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
      ("00005\r\nhello\r\n000\r\n\r\n", "hello"), ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
      ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"), ("10\r\n0123456789abcdef\r\n0\r\n\r\n", "0123456789abcdef"),
      ("5;name=value\r\nhello\r\n0;last\r\n\r\n", "hello"), ("5 ;a=\"b c\"\r\nhello\r\n0\r\n\r\n", "hello"),
      ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"), ("1\r\na\r\n0\r\nChecksum: abc\r\nOther: d\r\n\r\n", "a"),
      ("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "a"),
    ])
  func chunks(_ sent: String, _ body: String) {
    expect(chunked(sent), Expected(body: body))
  }

  @Test(
    "The name of the transfer coding ignores case and surrounding blanks",
    arguments: ["chunked", "Chunked", "CHUNKED", " \tchunked \t"])
  func coding(_ coding: String) {
    expect(post("Transfer-Encoding:" + coding, body: "1\r\na\r\n0\r\n\r\n"), Expected(body: "a"))
  }

  @Test("Without a length, a request other than POST has no body", arguments: ["GET", "HEAD", "PUT", "DELETE"])
  func noBody(_ method: String) {
    expect("\(method) / HTTP/1.1\r\nHost: h\r\n\r\nrest", Expected(method: method, path: "/"))
  }

  @Test("Empty lines before the request are skipped", arguments: [1, 2, 10])
  func emptyLines(_ count: Int) {
    expect(
      String(repeating: "\r\n", count: count) + "GET / HTTP/1.1\r\nHost: h\r\n\r\n", Expected(method: "GET", path: "/"))
  }

  @Test(
    "HTTP/1.1 keeps the connection unless the client closes it, HTTP/1.0 only if it asks",
    arguments: [
      ("1.1", nil, true), ("1.1", "close", false), ("1.1", "Close", false), ("1.1", "keep-alive", true),
      ("1.1", "x, close , y", false), ("1.1", "closed", true), ("1.0", nil, false), ("1.0", "keep-alive", true),
      ("1.0", "Keep-Alive", true), ("1.0", "keep-alive, close", false), ("1.0", "close", false), ("1.2", nil, true),
    ] as [(String, String?, Bool)])
  func keepAlive(_ version: String, _ connection: String?, _ keepsAlive: Bool) {
    let field = connection.map { "Connection: \($0)\r\n" } ?? ""
    expect(
      "GET / HTTP/\(version)\r\nHost: h\r\n\(field)\r\n",
      Expected(method: "GET", path: "/", isHTTP11: version != "1.0", keepsAlive: keepsAlive))
  }

  @Test("HTTP/1.0 needs no Host")
  func http10() {
    expect("GET / HTTP/1.0\r\n\r\n", Expected(method: "GET", path: "/", isHTTP11: false, keepsAlive: false))
  }

  @Test(
    "Host may be empty, a name or an address, with or without a port",
    arguments: ["", "h", "h:8443", "10.0.0.1", "[::1]:8443"])
  func hosts(_ host: String) {
    expect("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n", Expected(method: "GET", path: "/"))
  }

  @Test("Content-Type and Content-Encoding are kept, whatever the case of their names, and joined by commas")
  func media() {
    expect(
      "GET / HTTP/1.1\r\nHOST: h\r\nCONTENT-type:text/json; charset=utf-8 \r\nContent-Encoding: gzip\r\n"
        + "content-encoding: br\r\n\r\n",
      Expected(
        method: "GET", path: "/", contentType: "text/json; charset=utf-8", contentEncoding: "gzip,br"))
  }

  @Test("Several Content-Type fields are joined, and bytes that are not UTF-8 are replaced")
  func mediaBytes() throws {
    var bytes = Array("GET / HTTP/1.1\r\nHost: h\r\nContent-Type: \té \r\nContent-Type:\r\nContent-Type: a".utf8)
    bytes += [0xC3] + Array("b\r\n\r\n".utf8)
    guard case .whole(let request) = Outcome([bytes[...]], RequestLimits(body: 100)) else {
      throw RequestError(.badRequest, "not read")
    }
    #expect(request.contentType == "é,,a\u{FFFD}b")
  }

  @Test("A field value may be empty, and may contain tabs, colons and bytes beyond ASCII")
  func values() {
    expect("GET / HTTP/1.1\r\nHost: h\r\nA:\r\nB: x:y\tz é\r\n\r\n", Expected(method: "GET", path: "/"))
  }
}

@Suite("Refused requests")
struct RefusedRequestTests {
  @Test(
    "A body whose end is ambiguous is 400, so that no request can be smuggled",
    arguments: [
      post("Content-Length: 5", "Transfer-Encoding: chunked", body: "0\r\n\r\n"),
      post("Transfer-Encoding: chunked", "Content-Length: 5", body: "0\r\n\r\n"),
      post("Content-Length: 0", "Transfer-Encoding: chunked", body: "0\r\n\r\n"),
      post("Content-Length: 5", "Transfer-Encoding: identity", body: "hello"),
      post("Content-Length: 5", "Content-Length: 6", body: "hello!"), post("Content-Length: 5, 6", body: "hello!"),
      post("Content-Length: 5,", body: "hello"), post("Content-Length: ,5", body: "hello"),
      post("Content-Length:", body: ""),
      post("Content-Length: +5", body: "hello"), post("Content-Length: -5", body: "hello"),
      post("Content-Length: 5a", body: "hello"), post("Content-Length: 0x5", body: "hello"),
      post("Content-Length: 5 5", body: "hello"), post("Content-Length: 5.0", body: "hello"),
      post("Content-Length: \"5\"", body: "hello"), post("Content-Length: 1e1", body: "hello"),
      post("Transfer-Encoding: identity", body: ""), post("Transfer-Encoding: gzip", body: ""),
      post("Transfer-Encoding:", body: "0\r\n\r\n"), post("Transfer-Encoding: chunked, gzip", body: "0\r\n\r\n"),
      post("Transfer-Encoding: chunked, chunked", body: "0\r\n\r\n"),
      post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body: "0\r\n\r\n"),
      post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body: "0\r\n\r\n"),
      post("Transfer-Encoding: xchunked", body: "0\r\n\r\n"), post("Transfer-Encoding: chunkedx", body: "0\r\n\r\n"),
      post("Transfer-Encoding: \"chunked\"", body: "0\r\n\r\n"),
      post("Transfer-Encoding: chunked;q=1", body: "0\r\n\r\n"),
      post("Transfer-Encoding: gzip,, chunked", body: "0\r\n\r\n"),
      post("Transfer-Encoding: chunked, gzip, chunked", body: "0\r\n\r\n"),
      post("Transfer-Encoding: gzip", "Transfer-Encoding:", "Transfer-Encoding: chunked", body: "0\r\n\r\n"),
      post("Content-Length: 5,,5", body: "hello"), post("Content-Length: 5, 6, 5", body: "hello"),
      post("Content-Length: 5", "Content-Length:", body: "hello"), post("Content-Length: 5\t5", body: "hello"),
      post("Transfer-Encoding: ,chunked", body: "0\r\n\r\n"), post("Transfer-Encoding: chunked,", body: "0\r\n\r\n"),
      post("Transfer-Encoding: \u{0B}chunked", body: "0\r\n\r\n"),
      post("Transfer-Encoding : chunked", body: "0\r\n\r\n"),
      post("Content-Length : 5", body: "hello"),
      post("Transfer_Encoding: chunked", "Content-Length : 5", body: "hello"),
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ])
  func smuggling(_ text: String) {
    #expect(outcome(of: text) == .refused(400))
  }

  @Test(
    "A line that does not end in CR LF, or contains a control character other than tab, is 400",
    arguments: [
      "GET / HTTP/1.1\nHost: h\n\n", "GET / HTTP/1.1\r\nHost: h\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\n",
      "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\rHost: h\r\n\r\n", "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n",
      post("X: a\rb"), post("X: a\nb"), post("X: a\nContent-Length: 5"), post("X: a\rContent-Length: 5"),
      post("X: a\r"),
      post("X: a\0b"), post("X: a\u{01}b"), post("X: a\u{0B}b"), post("X: a\u{1B}b"), post("X: a\u{7F}b"),
      post("X\0: a"),
      "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", "GET /\u{7F} HTTP/1.1\r\nHost: h\r\n\r\n", "\0GET / HTTP/1.1\r\n",
    ])
  func controlBytes(_ text: String) {
    #expect(outcome(of: text) == .refused(400))
  }

  @Test(
    "A field line that is not name, colon, value on one line is 400",
    arguments: [
      post(" X: folded"), post("X: a", " folded"), post("X: a", "\tfolded"), post("X : a"), post("X\t: a"), post("X"),
      post(": a"), post("X Y: a"), post("X(: a"), post("é: a"), post("X/Y: a"), post("\"X\": a"), post("X@: a"),
      "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
    ])
  func fields(_ text: String) {
    #expect(outcome(of: text) == .refused(400))
  }

  @Test(
    "A request line that is not method, space, target, space, version is 400",
    arguments: [
      "GET / HTTP/1.1 \r\n\r\n", " GET / HTTP/1.1\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET /  HTTP/1.1\r\n\r\n",
      "GET\t/\tHTTP/1.1\r\n\r\n", "GET / a HTTP/1.1\r\n\r\n", "GET /\r\n\r\n", "GET\r\n\r\n", "GET / \r\n\r\n",
      " / HTTP/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n", "GÉT / HTTP/1.1\r\n\r\n", "GET: / HTTP/1.1\r\n\r\n",
      "GET mutate HTTP/1.1\r\n\r\n", "GET * HTTP/1.1\r\n\r\n", "GET h:443 HTTP/1.1\r\n\r\n", "GET ?x HTTP/1.1\r\n\r\n",
      "GET http:///a HTTP/1.1\r\n\r\n", "GET http:// HTTP/1.1\r\n\r\n", "GET ftp://h/ HTTP/1.1\r\n\r\n",
      "GET http:/h/ HTTP/1.1\r\n\r\n", "GET /é HTTP/1.1\r\n\r\n", "GET /a#b HTTP/1.1\r\n\r\n",
      "GET / http/1.1\r\n\r\n", "GET / HTTP/1\r\n\r\n", "GET / HTTP/1.10\r\n\r\n", "GET / HTTP/11\r\n\r\n",
      "GET / HTTP/1,1\r\n\r\n", "GET / HTTP 1.1\r\n\r\n", "GET / HTTPS/1.1\r\n\r\n", "GET / HTTP/a.1\r\n\r\n",
      "GET / HTTP/1.x\r\n\r\n", "GET / 1.1\r\n\r\n", "\u{16}\u{03}\u{01}\r\n", "{\"kind\":\"AdmissionReview\"}\r\n",
    ])
  func requestLine(_ text: String) {
    #expect(outcome(of: text) == .refused(400))
  }

  @Test(
    "HTTP/1.1 requires exactly one valid Host",
    arguments: [
      "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nX-Host: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nhost: i\r\n\r\n", "GET / HTTP/1.0\r\nHost: h\r\nHost: i\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: é\r\n\r\n", "GET http://h/ HTTP/1.1\r\n\r\n",
    ])
  func hosts(_ text: String) {
    #expect(outcome(of: text) == .refused(400))
  }

  @Test(
    "Every byte is tested: only token bytes are valid in names, and only authority bytes in Host", arguments: 0...255)
  func bytes(_ byte: UInt8) {
    func isRead(_ start: String, _ end: String) -> Bool {
      let bytes = Array(start.utf8) + [byte] + Array(end.utf8)
      return Outcome([bytes[...]], RequestLimits(body: 100)) != .refused(400)
    }
    let isAlphanumeric = Unicode.Scalar(byte).properties.isAlphabetic && byte < 0x80 || (0x30...0x39).contains(byte)
    let isToken = isAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    #expect(isRead("GET / HTTP/1.1\r\nHost: h\r\nX", "Y: a\r\n\r\n") == (isToken || byte == UInt8(ascii: ":")))
    #expect(isRead("G", "T / HTTP/1.1\r\nHost: h\r\n\r\n") == isToken)
    let isHost = isAlphanumeric || "-._~%!$&'()*+,;=:[]".utf8.contains(byte)
    #expect(isRead("GET / HTTP/1.1\r\nHost: a", "b\r\n\r\n") == isHost)
    // A control character is found at any offset in a line, whatever precedes it.
    let isPlain = (byte >= 0x20 && byte != 0x7F) || byte == 0x09
    for place in 0..<20 {
      for before in ["a", "\t", "\u{80}", " ", "~"] {
        let start = "GET / HTTP/1.1\r\nHost: h\r\nX:" + String(repeating: before, count: place)
        #expect(isRead(start, "b\r\n\r\n") == isPlain, "after \(place) of \(before)")
        #expect(isRead(start, "") == (isPlain || byte == 0x0D), "after \(place) of \(before), at the end")
      }
    }
  }

  @Test(
    "The reason says what is wrong",
    arguments: [
      ("GET /\n", "a line ends with LF instead of CR LF"), ("GET /\rx", "a CR is not followed by LF"),
      ("GET /\0", "a line contains a control character"),
      ("GET /\r\n", "expected a request line: method, target and version"),
      (" / HTTP/1.1\r\n", "the method is not a token"), ("G( / x\r\n", "the method is not a token"),
      ("GET # HTTP/1.x\r\n", "the request line does not end with an HTTP version"),
      ("GET # HTTP/2.0\r\n", "only HTTP/1.1 and HTTP/1.0 are supported"),
      ("GET # HTTP/1.1\r\n", "the request target is empty, or contains a byte that is not valid in a URI"),
      ("GET  HTTP/1.1\r\n", "the request target is empty, or contains a byte that is not valid in a URI"),
      ("OPTIONS ** HTTP/1.1\r\n", "the request target is neither a path nor an HTTP URL"),
      ("GET https://:1/ HTTP/1.1\r\n", "the request target has no host"),
      (head + " X: a\r\n", "a header field continues on a second line"),
      (head + "X : a\r\n", "a header field does not begin with a name and a colon"),
      (head + "X\r\n", "a header field does not begin with a name and a colon"),
      ("GET / HTTP/1.1\r\nHost: /\r\n", "the Host field is not a valid host"),
      ("GET / HTTP/1.1\r\n\r\n", "expected exactly one Host field"),
      (post("Content-Length: 5,"), "Content-Length is not a number"),
      (post("Content-Length: 5a"), "Content-Length is not a number"),
      (post("Content-Length: 5, 6"), "Content-Length has several different values"),
      (post("Content-Length: 101"), "the body is larger than 100 bytes"),
      (
        post("Content-Length: 0", "Transfer-Encoding: chunked"),
        "the request has both Content-Length and Transfer-Encoding"
      ),
      ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding is not allowed in HTTP/1.0"),
      (post("Transfer-Encoding: chunked, gzip"), "Transfer-Encoding does not end with chunked"),
      (post("Transfer-Encoding: gzip, chunked"), "the only supported Transfer-Encoding is chunked"),
      (post(), "expected Content-Length or a chunked body"),
      (post("Content-Length: 1", "Expect: x"), "the only supported Expect is 100-continue"),
      (chunked("x\r\n"), "expected a chunk size in hexadecimal digits"),
      (chunked("1 \r\n"), "blanks after the chunk size"),
      (chunked("65\r\n"), "the body is larger than 100 bytes"),
      (head + String(repeating: "X: a\r\n", count: 100), "more than 100 header fields"),
      (String(repeating: "\r\n", count: 10_000), "a line is too long, or all lines together are"),
    ])
  func reasons(_ text: String, _ reason: String) {
    var parser = RequestParser(limits: RequestLimits(body: 100))
    #expect { try parser.feed(Array(text.utf8)) } throws: { ($0 as? RequestError)?.reason == reason }
  }

  @Test("Another major version is 505", arguments: ["0.9", "2.0", "3.0", "9.9"])
  func versions(_ version: String) {
    #expect(outcome(of: "GET / HTTP/\(version)\r\nHost: h\r\n\r\n") == .refused(505))
  }

  @Test("The preface of HTTP/2 is 505")
  func http2() {
    #expect(outcome(of: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == .refused(505))
  }

  @Test("A POST without a length is 411")
  func noLength() {
    #expect(outcome(of: post()) == .refused(411))
    #expect(outcome(of: "POST / HTTP/1.0\r\n\r\n") == .refused(411))
  }

  @Test(
    "An unsupported coding before chunked is 501",
    arguments: ["gzip, chunked", "x , Chunked", "a,b;c=\"d\",\tchunked"])
  func codings(_ coding: String) {
    #expect(outcome(of: post("Transfer-Encoding: " + coding, body: "0\r\n\r\n")) == .refused(501))
  }

  @Test(
    "A chunk that is not size, CR LF, data, CR LF is 400",
    arguments: [
      "\r\n", "x\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", " 1\r\na\r\n", "1 \r\na\r\n", "1\t\r\na\r\n",
      "1\na\r\n",
      "1\ra\r\n", ";a\r\n", "1g\r\n", "1 2\r\n", "1\r\nab\r\n0\r\n\r\n", "1\r\na0\r\n\r\n", "1\r\na\n0\r\n\r\n",
      "1\r\na\r0\r\n\r\n", "1;a\0\r\na\r\n", "1;a\nb\r\na\r\n", "3\r\na\r\n0\r\n\r\n", "0\r\nContent-Length\r\n\r\n",
      "0\r\nX : a\r\n\r\n", "0\r\n folded\r\n\r\n", "0\r\n\n", "0\r\nX: a\nb\r\n\r\n", "1,1\r\na\r\n",
    ])
  func chunks(_ sent: String) {
    #expect(outcome(of: chunked(sent)) == .refused(400))
  }

  @Test(
    "A body that is too large is 413 as soon as that is known",
    arguments: [
      post("Content-Length: 101"), post("Content-Length: 99999999999999999999999999999999999999"),
      chunked("65\r\n"), chunked("64\r\n" + String(repeating: "x", count: 100) + "\r\n1\r\n"),
      chunked("ffffffffffffffff\r\n"), chunked("10000000000000001\r\n"), chunked("7fffffffffffffff\r\n"),
    ])
  func tooLarge(_ text: String) {
    #expect(outcome(of: text) == .refused(413))
  }

  @Test(
    "A request that is cut at any byte is neither complete nor refused",
    arguments: [
      post("Content-Length: 5", body: "hello"), chunked("5;x\r\nhello\r\n0\r\nT: x\r\n\r\n"),
    ])
  func truncated(_ text: String) {
    let bytes = Array(text.utf8)
    for end in bytes.indices {
      #expect(Outcome([bytes[..<end]], RequestLimits(body: 100)) == .unfinished)
    }
    #expect(Outcome([bytes[...]], RequestLimits(body: 100)) != .unfinished)
  }
}

@Suite("Limits")
struct LimitTests {
  private let limits = RequestLimits(body: 100)

  @Test("A body of exactly the limit is accepted, with Content-Length and in chunks")
  func body() {
    let body = String(repeating: "x", count: 100)
    expect(post("Content-Length: 100", body: body), Expected(body: body))
    expect(chunked("64\r\n" + body + "\r\n0\r\n\r\n"), Expected(body: body))
    expect(chunked("32\r\n" + body.prefix(50) + "\r\n32\r\n" + body.prefix(50) + "\r\n0\r\n\r\n"), Expected(body: body))
  }

  @Test("100 fields are accepted, and the 101st is 431")
  func fields() {
    let fields = "Host: h\r\n" + String(repeating: "X: a\r\n", count: 99)
    expect("GET / HTTP/1.1\r\n" + fields + "\r\n", Expected(method: "GET", path: "/"))
    #expect(outcome(of: "GET / HTTP/1.1\r\n" + fields + "X: a\r\n\r\n") == .refused(431))
  }

  @Test("A head of 16 KiB with its line endings is accepted, and a longer one is 431")
  func head() {
    let start = "GET / HTTP/1.1\r\nHost: h\r\nX: "
    let room = 16 * 1024 - start.utf8.count - 2
    expect(start + String(repeating: "a", count: room) + "\r\n\r\n", Expected(method: "GET", path: "/"))
    #expect(outcome(of: start + String(repeating: "a", count: room + 3) + "\r\n\r\n") == .refused(431))
  }

  @Test("A line without an end is refused before it fills memory")
  func endless() {
    #expect(outcome(of: "GET /" + String(repeating: "a", count: 20_000)) == .refused(431))
    #expect(outcome(of: "GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: 20_000)) == .refused(431))
    #expect(outcome(of: chunked("1;" + String(repeating: "a", count: 2_000))) == .refused(400))
    #expect(outcome(of: chunked(String(repeating: "0", count: 2_000))) == .refused(400))
  }

  @Test("Trailers count towards the limit of the head")
  func trailers() {
    let trailers = String(repeating: "X: " + String(repeating: "a", count: 95) + "\r\n", count: 200)
    #expect(outcome(of: chunked("0\r\n" + trailers + "\r\n")) == .refused(431))
  }

  @Test("Empty lines before the request count towards the limit of the head")
  func emptyLines() {
    let lines = String(repeating: "\r\n", count: 20_000)
    #expect(outcome(of: lines) == .refused(431))
    #expect(outcome(of: lines + "GET / HTTP/1.1\r\nHost: h\r\n\r\n") == .refused(431))
  }
}

@Suite("Parsing progress")
struct ProgressTests {
  private func parser(fedWith text: String) throws -> RequestParser {
    var parser = RequestParser(limits: RequestLimits(body: 100))
    _ = try parser.feed(Array(text.utf8))
    return parser
  }

  @Test("A parser is untouched until the first byte")
  func untouched() throws {
    #expect(try parser(fedWith: "").isUntouched)
    #expect(try !parser(fedWith: "G").isUntouched)
    #expect(try !parser(fedWith: "GET / HTTP/1.1\r\n").isUntouched)
  }

  @Test("hasHead is true once the empty line has arrived")
  func hasHead() throws {
    #expect(try !parser(fedWith: head + "Content-Length: 5\r\n\r").hasHead)
    #expect(try parser(fedWith: head + "Content-Length: 5\r\n\r\n").hasHead)
  }

  @Test(
    "awaitsContinue is true until the first byte of the body, if there is a body",
    arguments: [
      (post("Content-Length: 5", "Expect: 100-continue"), true),
      (post("Content-Length: 5", "Expect: 100-Continue"), true),
      (post("Transfer-Encoding: chunked", "Expect: 100-continue"), true),
      (post("Content-Length: 5", "Expect: 100-continue", body: "h"), false),
      (post("Content-Length: 0", "Expect: 100-continue"), false),
      (post("Content-Length: 5"), false),
      ("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", false),
      (head + "Content-Length: 5\r\nExpect: 100-continue\r\n", false),
    ])
  func expectation(_ text: String, _ awaits: Bool) throws {
    #expect(try parser(fedWith: text).awaitsContinue == awaits)
  }

  @Test("Any other expectation is 417", arguments: ["200-ok", "100-continue, x", "", "100-continue;q=1"])
  func otherExpectations(_ value: String) {
    #expect(outcome(of: post("Content-Length: 5", "Expect: " + value, body: "hello")) == .refused(417))
  }
}
