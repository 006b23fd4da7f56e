// The route or error for each method, path and kind of body, on the webhook port and on the admin port.

import Foundation
import HTTP1
import Testing
import Webhook

/// The result for a request: a route, or a status with the allowed methods.
private enum Outcome<Route: Equatable>: Equatable {
  case route(Route)
  case refused(Int, allow: String?)

  init(_ request: Request, _ route: (Request) throws(RequestError) -> Route) {
    do throws(RequestError) {
      self = .route(try route(request))
    } catch {
      self = .refused(error.status.rawValue, allow: error.allow)
    }
  }
}

private func webhook(
  _ method: String, _ path: String, type: String? = nil, coding: String? = nil
) -> Outcome<WebhookRoute> {
  Outcome(
    Request(method: method, path: path, contentType: type, contentEncoding: coding, body: []), WebhookRoute.init)
}

private func admin(_ method: String, _ path: String) -> Outcome<AdminRoute> {
  // The admin port ignores media types.
  Outcome(
    Request(method: method, path: path, contentType: "text/x", contentEncoding: "gzip", body: []), AdminRoute.init)
}

private let probes: [(String, Probe)] = [("/healthz", .health), ("/livez", .health), ("/readyz", .readiness)]
private let otherPaths = [
  "", "/", "*", "/mutate/", "//mutate", "/Mutate", "/mutat", "/mutatee", "/%6dutate", "/healthz/", "/HEALTHZ",
  "/health",
  "/ready", "/metrics/", "mutate", "h:443",
]

@Suite("Routes of the webhook port")
struct WebhookTests {
  @Test("POST /mutate is a review; other methods are 405", arguments: ["GET", "HEAD", "PUT", "post", ""])
  func mutate(_ other: String) {
    #expect(webhook("POST", "/mutate") == .route(.review))
    #expect(webhook(other, "/mutate") == .refused(405, allow: "POST"))
    // The method is checked before the body.
    #expect(webhook(other, "/mutate", type: "text/plain", coding: "gzip") == .refused(405, allow: "POST"))
  }

  @Test("Probes accept GET and HEAD only", arguments: probes)
  func reading(_ path: String, _ probe: Probe) {
    for method in ["GET", "HEAD"] {
      #expect(webhook(method, path) == .route(.probe(probe)))
      #expect(webhook(method, path, type: "text/plain", coding: "gzip") == .route(.probe(probe)))
    }
    for method in ["POST", "PUT", "DELETE", "get", "OPTIONS", ""] {
      #expect(webhook(method, path) == .refused(405, allow: "GET, HEAD"))
    }
  }

  @Test(
    "Any other path is 404, whatever the method; metrics are on the admin port only",
    arguments: otherPaths + ["/metrics"])
  func others(_ path: String) {
    for method in ["GET", "POST", "CONNECT"] { #expect(webhook(method, path) == .refused(404, allow: nil)) }
  }

  @Test(
    "A body that is declared as JSON, or not declared, is accepted",
    arguments: [
      nil, "", "application/json", "APPLICATION/JSON", "Application/Json; charset=utf-8", "application/json;q",
      "application/json ; x", "application/json\t;x", "text/json", "application/ld+json", "application/x+JSON;v=1",
      "+json", "/+Json ;x",
    ] as [String?])
  func json(_ type: String?) {
    #expect(webhook("POST", "/mutate", type: type) == .route(.review))
    #expect(webhook("POST", "/mutate", type: type, coding: "identity") == .route(.review))
    #expect(webhook("POST", "/mutate", type: type, coding: "IDENTITY") == .route(.review))
  }

  @Test(
    "A body that is declared as anything else is 415",
    arguments: [
      "text/plain", "application/yaml", "application/x-www-form-urlencoded", "application/jsonx", "json",
      "application/json,text/plain", "application/vnd.kubernetes.protobuf", ";application/json", " application/json",
      "multipart/form-data; x=application/json", "application/xjson", "applicatiOn/Jsón",
      "/json", "son", ";", "application/json+", "text/jso", "application/jso\u{6E}\u{301}",
    ])
  func otherTypes(_ type: String) {
    #expect(webhook("POST", "/mutate", type: type) == .refused(415, allow: nil))
  }

  @Test(
    "An encoded body is 415, JSON or not", arguments: ["gzip", "br", "identity,gzip", "x-identity", "identity ", ""])
  func codings(_ coding: String) {
    #expect(webhook("POST", "/mutate", coding: coding) == .refused(415, allow: nil))
    #expect(webhook("POST", "/mutate", type: "application/json", coding: coding) == .refused(415, allow: nil))
  }
}

@Suite("Routes of the admin port")
struct AdminTests {
  @Test(
    "Metrics and probes accept GET and HEAD only",
    arguments: probes.map { ($0, AdminRoute.probe($1)) } + [("/metrics", .metrics)])
  func reading(_ path: String, _ route: AdminRoute) {
    for method in ["GET", "HEAD"] { #expect(admin(method, path) == .route(route)) }
    for method in ["POST", "PUT", "DELETE", "get"] {
      #expect(admin(method, path) == .refused(405, allow: "GET, HEAD"))
    }
  }

  @Test("Any other path is 404; reviews come over TLS only", arguments: otherPaths + ["/mutate"])
  func others(_ path: String) {
    for method in ["GET", "POST"] { #expect(admin(method, path) == .refused(404, allow: nil)) }
  }
}

@Suite("Error responses")
struct ErrorResponseTests {
  @Test(
    "A response has the status, the allowed methods, and the reason as JSON", arguments: ["no", "a \"b\"\n\\ é", ""])
  func response(_ reason: String) throws {
    for (status, allow) in [(Status.methodNotAllowed, "POST" as String?), (.badRequest, nil)] {
      let response = Response(RequestError(status, reason, allow: allow))
      #expect(response.status == status && response.allow == allow && response.contentType == "application/json")
      let body = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: String]
      #expect(body == ["error": reason])
      #expect(response.body.last == 0x0A && response.body.count { $0 == 0x0A } == 1)
    }
  }

  @Test("A successful probe is 200 with the body ok")
  func well() {
    #expect(Response.probeSucceeded == Response(.ok, contentType: "text/plain", body: Array("ok\n".utf8)))
  }
}
