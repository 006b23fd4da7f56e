// The routes of the webhook port. The server, one-shot HTTP and CGI share them.

import HTTP1

/// What a request to the webhook port asks for.
public enum WebhookRoute: Equatable, Sendable {
  /// `POST /mutate`: answers the review in the body.
  case review
  case probe(Probe)

  /// The route of a request.
  ///
  /// - Throws: `RequestError` 404 for an unknown path, 405 for another method, 415 for a body that is declared as
  ///   anything other than JSON.
  public init(_ request: Request) throws(RequestError) {
    if request.path == "/mutate" {
      guard request.method == "POST" else { throw notAllowed("POST") }
      try checkMediaType(request)
      self = .review
    } else if let probe = try Probe(request) {
      self = .probe(probe)
    } else {
      throw RequestError(.notFound, "no such path; expected /mutate, /healthz, /readyz or /livez")
    }
  }
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
