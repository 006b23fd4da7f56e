// The responses that both ports share: to a probe, and to a request that cannot be served.

import HTTP1
import JSON

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
