// The endpoints of the webhook port and the admin port, and the error responses of both. One-shot HTTP, CGI and the
// server share them.

import HTTP1
import JSON

/// An endpoint that a request may ask for.
public enum Endpoint: Sendable {
  /// `POST /mutate`: answers the review in the body.
  case mutate
  /// `GET /healthz` or `/livez`: reports that the process works.
  case health
  /// `GET /readyz`: reports whether the process accepts new requests.
  case readiness
  /// `GET /metrics`: returns the metrics.
  case metrics
}

/// The endpoint of a request to the webhook port.
///
/// - Throws: `RequestError` 404 for an unknown path, 405 for another method, 415 for a body that is declared as
///   anything other than JSON.
public func webhookEndpoint(of request: Request) throws(RequestError) -> Endpoint {
  if request.path == "/mutate" {
    guard request.method == "POST" else { throw notAllowed("POST") }
    try checkMediaType(request)
    return .mutate
  }
  if let probe = try probe(request) { return probe }
  throw RequestError(.notFound, "no such path; expected /mutate, /healthz, /readyz or /livez")
}

/// The endpoint of a request to the admin port.
///
/// - Throws: `RequestError` 404 for an unknown path, 405 for another method.
public func adminEndpoint(of request: Request) throws(RequestError) -> Endpoint {
  if request.path == "/metrics" {
    try requireReadMethod(request)
    return .metrics
  }
  if let probe = try probe(request) { return probe }
  throw RequestError(.notFound, "no such path; expected /metrics, /healthz, /readyz or /livez")
}

extension Response {
  /// The response of a successful probe.
  public static let probeSucceeded = Response(.ok, contentType: "text/plain", body: Array("ok\n".utf8))

  /// The response to a request that cannot be served: `{"error": "..."}`.
  public init(_ error: RequestError) {
    var body = Array("{\"error\":".utf8)
    body.appendJSONString(error.reason)
    body.append("}\n")
    self.init(error.status, contentType: "application/json", body: body, allow: error.allow)
  }
}

private func probe(_ request: Request) throws(RequestError) -> Endpoint? {
  let endpoint: Endpoint
  switch request.path {
  case "/healthz", "/livez": endpoint = .health
  case "/readyz": endpoint = .readiness
  default: return nil
  }
  try requireReadMethod(request)
  return endpoint
}

private func requireReadMethod(_ request: Request) throws(RequestError) {
  guard request.method == "GET" || request.method == "HEAD" else { throw notAllowed("GET, HEAD") }
}

private func notAllowed(_ methods: String) -> RequestError {
  RequestError(.methodNotAllowed, "method not allowed; expected " + methods, allow: methods)
}

/// Rejects a body that is declared as anything other than JSON. A body without a declaration is accepted.
private func checkMediaType(_ request: Request) throws(RequestError) {
  if let coding = request.contentEncoding, !equalsIgnoringCase(coding.utf8.span, "identity") {
    throw RequestError(.unsupportedMediaType, "Content-Encoding is not supported")
  }
  guard let type = request.contentType, !type.isEmpty else { return }
  let bytes = type.utf8.span
  var end = 0
  while end < bytes.count, bytes[end] != UInt8(ascii: ";"), bytes[end] != 0x20, bytes[end] != 0x09 { end += 1 }
  let essence = bytes.extracting(..<end)
  let suffix = bytes.extracting(max(0, end - 5)..<end)
  guard
    equalsIgnoringCase(essence, "application/json") || equalsIgnoringCase(essence, "text/json")
      || equalsIgnoringCase(suffix, "+json")
  else { throw RequestError(.unsupportedMediaType, "Content-Type is not JSON; expected application/json") }
}
