// The routes of the admin port, which only the server has.

import HTTP1

/// What a request to the admin port asks for.
public enum AdminRoute: Equatable, Sendable {
  /// `GET /metrics`: returns the metrics.
  case metrics
  case probe(Probe)

  /// The route of a request.
  ///
  /// - Throws: `RequestError` 404 for an unknown path, 405 for another method.
  public init(_ request: Request) throws(RequestError) {
    if request.path == "/metrics" {
      try requireReadMethod(request)
      self = .metrics
    } else if let probe = try Probe(request) {
      self = .probe(probe)
    } else {
      throw RequestError(.notFound, "no such path; expected /metrics, /healthz, /readyz or /livez")
    }
  }
}
