// What each path serves and what it answers with when it cannot, however a request came in: one-shot, CGI and server
// share it.

import HTTP1
import JSON

/// What a request asks for.
public enum Endpoint: Sendable {
  /// `POST /mutate`: the answer to the review in the body.
  case mutate
  /// `GET /healthz` or `/livez`: whether the process works.
  case health
  /// `GET /readyz`: whether new requests are welcome.
  case readiness
  /// `GET /metrics`: the counters.
  case metrics
}

/// What a request to the webhook asks for.
///
/// - Throws: `RequestError` for other paths and methods, and for a body that says to be something else than JSON.
public func webhookEndpoint(of request: Request) throws(RequestError) -> Endpoint {
  if request.path == "/mutate" {
    guard request.method == "POST" else { throw notAllowed("POST") }
    try checkMediaType(request)
    return .mutate
  }
  if let probe = try probe(request) { return probe }
  throw RequestError(.notFound, "no such path; there are /mutate, /healthz, /readyz, /livez")
}

/// What a request to the admin port asks for.
///
/// - Throws: `RequestError` for other paths and methods.
public func adminEndpoint(of request: Request) throws(RequestError) -> Endpoint {
  if request.path == "/metrics" {
    try checkIsReading(request)
    return .metrics
  }
  if let probe = try probe(request) { return probe }
  throw RequestError(.notFound, "no such path; there are /metrics, /healthz, /readyz, /livez")
}

extension Response {
  /// The answer of a probe that all is well.
  public static let well = Response(.ok, contentType: "text/plain", body: Array("ok\n".utf8))

  /// The answer to a request that cannot be served: `{"error": "..."}`.
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
  try checkIsReading(request)
  return endpoint
}

private func checkIsReading(_ request: Request) throws(RequestError) {
  guard request.method == "GET" || request.method == "HEAD" else { throw notAllowed("GET, HEAD") }
}

private func notAllowed(_ methods: String) -> RequestError {
  RequestError(.methodNotAllowed, "another method; expected " + methods, allow: methods)
}

/// A body that says it is something else than JSON is not tried.
private func checkMediaType(_ request: Request) throws(RequestError) {
  if let coding = request.contentEncoding, lowercase(coding) != "identity" {
    throw RequestError(.unsupportedMediaType, "a Content-Encoding; expected none")
  }
  guard let type = request.contentType, !type.isEmpty else { return }
  let essence = lowercase(String(Substring(type.utf8.prefix { $0 != 0x3B && $0 != 0x20 && $0 != 0x09 })))
  guard essence == "application/json" || essence == "text/json" || essence.utf8.suffix(5).elementsEqual("+json".utf8)
  else { throw RequestError(.unsupportedMediaType, "a Content-Type other than application/json") }
}

private func lowercase(_ text: String) -> String {
  String(decoding: text.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
}
