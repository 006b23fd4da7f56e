// What each method, path and kind of body is answered with, on the webhook's port and on the admin port.

import Endpoints
import Foundation
import HTTP1
import Testing

/// What a request comes to: an endpoint, or a status with the methods that the path has.
private enum Outcome: Equatable {
  case endpoint(Endpoint)
  case refused(Int, allow: String?)

  init(_ request: Request, _ endpoint: (Request) throws(RequestError) -> Endpoint) {
    do throws(RequestError) {
      self = .endpoint(try endpoint(request))
    } catch {
      self = .refused(error.status.rawValue, allow: error.allow)
    }
  }
}

private func webhook(_ method: String, _ path: String, type: String? = nil, coding: String? = nil) -> Outcome {
  Outcome(
    Request(method: method, path: path, contentType: type, contentEncoding: coding, body: []), webhookEndpoint)
}

private func admin(_ method: String, _ path: String) -> Outcome {
  // No media type matters to who only reads.
  Outcome(
    Request(method: method, path: path, contentType: "text/x", contentEncoding: "gzip", body: []), adminEndpoint)
}

private let probes: [(String, Endpoint)] = [("/healthz", .health), ("/livez", .health), ("/readyz", .readiness)]
private let otherPaths = [
  "", "/", "*", "/mutate/", "//mutate", "/Mutate", "/mutat", "/mutatee", "/%6dutate", "/healthz/", "/HEALTHZ",
  "/health",
  "/ready", "/metrics/", "mutate", "h:443",
]

@Suite("Endpoints of the webhook's port")
struct WebhookTests {
  @Test("POST /mutate is a review; other methods are told so", arguments: ["GET", "HEAD", "PUT", "post", ""])
  func mutate(_ other: String) {
    #expect(webhook("POST", "/mutate") == .endpoint(.mutate))
    #expect(webhook(other, "/mutate") == .refused(405, allow: "POST"))
    // The method is looked at before the body is.
    #expect(webhook(other, "/mutate", type: "text/plain", coding: "gzip") == .refused(405, allow: "POST"))
  }

  @Test("Probes are read, and only read", arguments: probes)
  func reading(_ path: String, _ endpoint: Endpoint) {
    for method in ["GET", "HEAD"] {
      #expect(webhook(method, path) == .endpoint(endpoint))
      #expect(webhook(method, path, type: "text/plain", coding: "gzip") == .endpoint(endpoint))
    }
    for method in ["POST", "PUT", "DELETE", "get", "OPTIONS", ""] {
      #expect(webhook(method, path) == .refused(405, allow: "GET, HEAD"))
    }
  }

  @Test(
    "No other path is there, whatever the method; metrics are on the admin port", arguments: otherPaths + ["/metrics"])
  func others(_ path: String) {
    for method in ["GET", "POST", "CONNECT"] { #expect(webhook(method, path) == .refused(404, allow: nil)) }
  }

  @Test(
    "A body that is JSON, or does not say what it is, is read",
    arguments: [
      nil, "", "application/json", "APPLICATION/JSON", "Application/Json; charset=utf-8", "application/json;q",
      "application/json ; x", "application/json\t;x", "text/json", "application/ld+json", "application/x+JSON;v=1",
      "+json", "/+Json ;x",
    ] as [String?])
  func json(_ type: String?) {
    #expect(webhook("POST", "/mutate", type: type) == .endpoint(.mutate))
    #expect(webhook("POST", "/mutate", type: type, coding: "identity") == .endpoint(.mutate))
    #expect(webhook("POST", "/mutate", type: type, coding: "IDENTITY") == .endpoint(.mutate))
  }

  @Test(
    "A body that says to be something else is 415",
    arguments: [
      "text/plain", "application/yaml", "application/x-www-form-urlencoded", "application/jsonx", "json",
      "application/json,text/plain", "application/vnd.kubernetes.protobuf", ";application/json", " application/json",
      "multipart/form-data; x=application/json", "application/xjson", "applicatiOn/Jsón",
      "/json", "son", ";", "application/json+", "text/jso", "application/jso\u{6E}\u{301}",
    ])
  func otherTypes(_ type: String) {
    #expect(webhook("POST", "/mutate", type: type) == .refused(415, allow: nil))
  }

  @Test("A coded body is 415, JSON or not", arguments: ["gzip", "br", "identity,gzip", "x-identity", "identity ", ""])
  func codings(_ coding: String) {
    #expect(webhook("POST", "/mutate", coding: coding) == .refused(415, allow: nil))
    #expect(webhook("POST", "/mutate", type: "application/json", coding: coding) == .refused(415, allow: nil))
  }
}

@Suite("Endpoints of the admin port")
struct AdminTests {
  @Test("Metrics and probes are read, and only read", arguments: probes + [("/metrics", .metrics)])
  func reading(_ path: String, _ endpoint: Endpoint) {
    for method in ["GET", "HEAD"] { #expect(admin(method, path) == .endpoint(endpoint)) }
    for method in ["POST", "PUT", "DELETE", "get"] {
      #expect(admin(method, path) == .refused(405, allow: "GET, HEAD"))
    }
  }

  @Test("No other path is there; reviews come through TLS alone", arguments: otherPaths + ["/mutate"])
  func others(_ path: String) {
    for method in ["GET", "POST"] { #expect(admin(method, path) == .refused(404, allow: nil)) }
  }
}

@Suite("Answers to requests that cannot be served")
struct ErrorResponseTests {
  @Test("The status, the methods and the reason are in it, the reason as JSON", arguments: ["no", "a \"b\"\n\\ é", ""])
  func response(_ reason: String) throws {
    for (status, allow) in [(Status.methodNotAllowed, "POST" as String?), (.badRequest, nil)] {
      let response = Response(RequestError(status, reason, allow: allow))
      #expect(response.status == status && response.allow == allow && response.contentType == "application/json")
      let body = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: String]
      #expect(body == ["error": reason])
      #expect(response.body.last == 0x0A && response.body.count { $0 == 0x0A } == 1)
    }
  }

  @Test("All is well is 200 and says so")
  func well() {
    #expect(Response.well == Response(.ok, contentType: "text/plain", body: Array("ok\n".utf8)))
  }
}
