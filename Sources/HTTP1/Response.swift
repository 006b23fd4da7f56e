// Responses, and the statuses this project gives.

/// A status code (RFC 9110 section 15).
public enum Status: Int, Sendable {
  case ok = 200
  case badRequest = 400
  case notFound = 404
  case methodNotAllowed = 405
  case requestTimeout = 408
  case lengthRequired = 411
  case contentTooLarge = 413
  case unsupportedMediaType = 415
  case expectationFailed = 417
  case fieldsTooLarge = 431
  case internalServerError = 500
  case notImplemented = 501
  case serviceUnavailable = 503
  case versionNotSupported = 505

  public var reason: String {
    switch self {
    case .ok: "OK"
    case .badRequest: "Bad Request"
    case .notFound: "Not Found"
    case .methodNotAllowed: "Method Not Allowed"
    case .requestTimeout: "Request Timeout"
    case .lengthRequired: "Length Required"
    case .contentTooLarge: "Content Too Large"
    case .unsupportedMediaType: "Unsupported Media Type"
    case .expectationFailed: "Expectation Failed"
    case .fieldsTooLarge: "Request Header Fields Too Large"
    case .internalServerError: "Internal Server Error"
    case .notImplemented: "Not Implemented"
    case .serviceUnavailable: "Service Unavailable"
    case .versionNotSupported: "HTTP Version Not Supported"
    }
  }
}

/// A response.
public struct Response: Equatable, Sendable {
  public let status: Status
  public let contentType: String
  /// The methods that the path serves, for the field Allow of a 405.
  public let allow: String?
  public let body: [UInt8]

  public init(_ status: Status, contentType: String, body: [UInt8], allow: String? = nil) {
    self.status = status
    self.contentType = contentType
    self.allow = allow
    self.body = body
  }

  /// The fields and the body, each field on a line; status line or CGI's `Status` field come before.
  ///
  /// - Parameter withBody: `false` for the answer to HEAD.
  public func fieldsAndBody(closing: Bool, withBody: Bool) -> [UInt8] {
    after([], closing: closing, withBody: withBody)
  }

  /// The whole response in HTTP/1.1 (RFC 9112 section 4).
  public func http1(closing: Bool, withBody: Bool) -> [UInt8] {
    let line = "HTTP/1.1 " + String(status.rawValue) + " " + status.reason + "\r\n"
    return after(line.utf8, closing: closing, withBody: withBody)
  }

  private func after(_ line: some Collection<UInt8>, closing: Bool, withBody: Bool) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(200 + contentType.utf8.count + (withBody ? body.count : 0))
    out += line
    for text in ["Content-Type: ", contentType, "\r\nContent-Length: ", String(body.count), "\r\n"] { out += text.utf8 }
    if let allow { for text in ["Allow: ", allow, "\r\n"] { out += text.utf8 } }
    out += (closing ? "Connection: close\r\n\r\n" : "\r\n").utf8
    if withBody { out += body }
    return out
  }

  /// The interim response that asks for the body (RFC 9110 section 15.2.1).
  public static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
}
