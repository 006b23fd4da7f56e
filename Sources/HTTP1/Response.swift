// HTTP responses, and the status codes that this project uses.

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

/// A response with a body.
public struct Response: Equatable, Sendable {
  public let status: Status
  public let contentType: String
  /// The methods that the path allows, for the Allow field of a 405.
  public let allow: String?
  public let body: [UInt8]

  public init(_ status: Status, contentType: String, body: [UInt8], allow: String? = nil) {
    self.status = status
    self.contentType = contentType
    self.allow = allow
    self.body = body
  }

  /// The header fields and the body. The caller puts a status line, or the `Status` field of CGI, in front.
  ///
  /// - Parameter withBody: `false` for the response to HEAD.
  public func fieldsAndBody(closing: Bool, withBody: Bool) -> [UInt8] {
    var out: [UInt8] = []
    appendFieldsAndBody(to: &out, closing, withBody)
    return out
  }

  /// The complete HTTP/1.1 response (RFC 9112 section 4).
  ///
  /// - Parameter withBody: `false` for the response to HEAD.
  public func http1(closing: Bool, withBody: Bool) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(250 + (withBody ? body.count : 0))
    out += "HTTP/1.1 ".utf8
    out.append(decimal: status.rawValue)
    out.append(UInt8(ascii: " "))
    out += status.reason.utf8
    out += "\r\n".utf8
    appendFieldsAndBody(to: &out, closing, withBody)
    return out
  }

  private func appendFieldsAndBody(to out: inout [UInt8], _ closing: Bool, _ withBody: Bool) {
    out += "Content-Type: ".utf8
    out += contentType.utf8
    out += "\r\nContent-Length: ".utf8
    out.append(decimal: body.count)
    if let allow { out += ("\r\nAllow: " + allow).utf8 }
    out += (closing ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n").utf8
    if withBody { out += body }
  }

  /// The interim response that asks the client to send the body (RFC 9110 section 15.2.1).
  public static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
}

extension [UInt8] {
  /// Appends the digits of a number that is not negative.
  fileprivate mutating func append(decimal number: Int) {
    if number >= 10 { append(decimal: number / 10) }
    append(UInt8(ascii: "0") + UInt8(number % 10))
  }
}
