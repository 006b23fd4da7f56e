// The probes, which both ports have.

import HTTP1

/// What a probe asks about the process.
public enum Probe: Sendable {
  /// `GET /healthz` or `/livez`: reports that the process works.
  case health
  /// `GET /readyz`: reports whether the process accepts new requests.
  case readiness

  /// The probe of a request; `nil` if its path is none.
  ///
  /// - Throws: `RequestError` 405 for another method.
  init?(_ request: Request) throws(RequestError) {
    switch request.path {
    case "/healthz", "/livez": self = .health
    case "/readyz": self = .readiness
    default: return nil
    }
    try requireReadMethod(request)
  }
}

func requireReadMethod(_ request: Request) throws(RequestError) {
  guard request.method == "GET" || request.method == "HEAD" else { throw notAllowed("GET, HEAD") }
}

func notAllowed(_ methods: String) -> RequestError {
  RequestError(.methodNotAllowed, "method not allowed; expected " + methods, allow: methods)
}
