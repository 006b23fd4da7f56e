// An HTTP/1.1 request (RFC 9112), reduced to what this project needs.

/// A complete request.
public struct Request: Equatable, Sendable {
  public internal(set) var method = ""
  /// The path of the request target, without scheme, host and query.
  public internal(set) var path = ""
  /// `true` for HTTP/1.1, `false` for HTTP/1.0.
  public internal(set) var isHTTP11 = true
  /// The Content-Type field.
  public internal(set) var contentType: String?
  /// The Content-Encoding field.
  public internal(set) var contentEncoding: String?
  /// Whether the client keeps the connection open for another request (RFC 9112 section 9.3).
  public internal(set) var keepsAlive = true
  public internal(set) var body: [UInt8] = []

  init() {}

  /// Creates a request that did not arrive over HTTP/1.1, such as one from CGI.
  public init(method: String, path: String, contentType: String?, contentEncoding: String?, body: [UInt8]) {
    self.method = method
    self.path = path
    self.contentType = contentType
    self.contentEncoding = contentEncoding
    self.body = body
  }
}

/// Why a request cannot be served: the status to answer with, and the reason in words.
public struct RequestError: Error, Equatable, Sendable {
  public let status: Status
  public let reason: String
  /// The methods that the path allows; set with status 405.
  public let allow: String?

  public init(_ status: Status, _ reason: String, allow: String? = nil) {
    self.status = status
    self.reason = reason
    self.allow = allow
  }
}

/// The limits beyond which a request is rejected.
public struct RequestLimits: Sendable {
  /// Bytes of the request line and all header fields together.
  public var head = 16 * 1024
  /// Number of header fields.
  public var fields = 100
  /// Bytes of the body.
  public var body: Int

  public init(body: Int) {
    self.body = body
  }
}
