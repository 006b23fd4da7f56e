// One HTTP/1.1 request (RFC 9112), as far as this project needs to know it.

/// A request that was read whole.
public struct Request: Equatable, Sendable {
  public internal(set) var method = ""
  /// The target's path, without query, scheme and host.
  public internal(set) var path = ""
  /// Whether the request is HTTP/1.1, not 1.0.
  public internal(set) var isHTTP11 = true
  /// The value of Content-Type.
  public internal(set) var contentType: String?
  /// The value of Content-Encoding.
  public internal(set) var contentEncoding: String?
  /// Whether the connection may serve another request (RFC 9112 section 9.3).
  public internal(set) var keepsAlive = true
  public internal(set) var body: [UInt8] = []

  init() {}

  /// A request that arrived by other means than HTTP/1.1, such as CGI.
  public init(method: String, path: String, contentType: String?, contentEncoding: String?, body: [UInt8]) {
    self.method = method
    self.path = path
    self.contentType = contentType
    self.contentEncoding = contentEncoding
    self.body = body
  }
}

/// A request that cannot be served: the status to answer with, and why.
public struct RequestError: Error, Equatable, Sendable {
  public let status: Status
  public let reason: String
  /// The methods that the path serves, with 405.
  public let allow: String?

  public init(_ status: Status, _ reason: String, allow: String? = nil) {
    self.status = status
    self.reason = reason
    self.allow = allow
  }
}

/// How much of a request is read before it is refused.
public struct RequestLimits: Sendable {
  /// Bytes of the request line and all fields together.
  public var head = 16 * 1024
  /// Fields.
  public var fields = 100
  /// Bytes of the body.
  public var body: Int

  public init(body: Int) {
    self.body = body
  }
}
