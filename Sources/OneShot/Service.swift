// What each route answers, however a request came in: HTTP and CGI share it.

import Admission
import HTTP1
import JSON
import SwapPolicy

/// The routes over one configuration.
struct Service {
  let policy: LoadedPolicy
  let explains: Bool
  let messages: Messages

  /// The status of a run that got its answer out.
  var status: ExitStatus {
    if case .failed = policy { .configuration } else { .done }
  }

  /// Ends a run that nobody asked anything; a wrong configuration is told even so.
  func end() -> ExitStatus {
    if case .failed(let failure) = policy { messages.write(failure.problems) }
    return status
  }

  /// Answers a request. What is not 200 is told on standard error too.
  func respond(to request: Result<Request, RequestError>) -> Response {
    switch policy {
    case .failed(let failure):
      messages.write(failure.problems)
      return errorResponse(.internalServerError, "the configuration is not valid: " + failure.place)
    case .ready(let policy):
      let response: Response
      do throws(RequestError) {
        return try route(try request.get(), policy)
      } catch {
        response = errorResponse(error.status, error.reason)
        messages.write([String(error.status.rawValue) + " " + error.reason])
      }
      return response
    }
  }

  private func route(_ request: Request, _ policy: SwapPolicy) throws(RequestError) -> Response {
    switch request.path {
    case "/mutate":
      guard request.method == "POST" else { return notAllowed("POST") }
      try checkMediaType(request)
      return try mutate(request.body, policy)
    case "/healthz", "/readyz", "/livez":
      guard request.method == "GET" || request.method == "HEAD" else { return notAllowed("GET, HEAD") }
      return Response(.ok, contentType: "text/plain", body: Array("ok\n".utf8))
    default: throw RequestError(.notFound, "no such path; there are /mutate, /healthz, /readyz, /livez")
    }
  }

  private func mutate(_ body: [UInt8], _ policy: SwapPolicy) throws(RequestError) -> Response {
    do throws(JSONError) {
      let answer = try answer(body, under: policy, explains: explains, messages)
      if let fault = answer.podFault { messages.write([fault.message(name: "body", in: body) + "; left alone"]) }
      return Response(.ok, contentType: "application/json", body: answer.body)
    } catch {
      throw RequestError(.badRequest, error.message(name: "body", in: body))
    }
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

  private func notAllowed(_ methods: String) -> Response {
    messages.write(["405 another method than " + methods])
    return errorResponse(.methodNotAllowed, "another method; expected " + methods, allow: methods)
  }
}

private func errorResponse(_ status: Status, _ problem: String, allow: String? = nil) -> Response {
  var body = Array("{\"error\":".utf8)
  body.appendJSONString(problem)
  body.append("}\n")
  return Response(status, contentType: "application/json", body: body, allow: allow)
}

private func lowercase(_ text: String) -> String {
  String(decoding: text.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
}
