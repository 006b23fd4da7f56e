// Formatting responses, byte for byte.

import HTTP1
import Testing

@Suite("Responses")
struct ResponseTests {
  private let body = Array("{}\n".utf8)

  @Test("A response is a status line, fields, an empty line and the body")
  func whole() {
    let bytes = Response(.ok, contentType: "application/json", body: body).http1(closing: true, withBody: true)
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}\n")
  }

  @Test("An open connection has no Connection field, and HEAD gets the length but no body")
  func head() {
    let bytes = Response(.ok, contentType: "text/plain", body: body).http1(closing: false, withBody: false)
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n")
  }

  @Test("A 405 lists the allowed methods")
  func allow() {
    let response = Response(.methodNotAllowed, contentType: "text/plain", body: [], allow: "GET, HEAD")
    #expect(
      String(decoding: response.http1(closing: true, withBody: true), as: UTF8.self)
        == "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nAllow: GET, HEAD\r\n"
        + "Connection: close\r\n\r\n")
  }

  @Test("CGI gets the fields and the body without a status line")
  func cgi() {
    let bytes = Response(.ok, contentType: "text/plain", body: body).fieldsAndBody(closing: false, withBody: true)
    #expect(String(decoding: bytes, as: UTF8.self) == "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n{}\n")
  }

  @Test("The interim response has neither fields nor body")
  func interim() {
    #expect(String(decoding: Response.continueLine, as: UTF8.self) == "HTTP/1.1 100 Continue\r\n\r\n")
  }

  @Test(
    "Each status has the reason phrase of RFC 9110 or 6585",
    arguments: [
      (200, "OK"), (400, "Bad Request"), (404, "Not Found"), (405, "Method Not Allowed"), (408, "Request Timeout"),
      (411, "Length Required"), (413, "Content Too Large"), (415, "Unsupported Media Type"),
      (417, "Expectation Failed"),
      (431, "Request Header Fields Too Large"), (500, "Internal Server Error"), (501, "Not Implemented"),
      (505, "HTTP Version Not Supported"),
    ])
  func reasons(_ code: Int, _ reason: String) throws {
    #expect(try #require(Status(rawValue: code)).reason == reason)
  }
}
