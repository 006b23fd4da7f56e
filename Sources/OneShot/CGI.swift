// One review over CGI/1.1 (RFC 3875): the request is in environment variables, and its body is on standard input.
//
// Command-line arguments are ignored: RFC 3875 section 4.4 lets a web server turn a query such as
// `?--config+/etc/passwd` into arguments.

import Glibc
import HTTP1
import Policy
import System

/// Whether a web server started this process through CGI.
public var isCGI: Bool { environment("GATEWAY_INTERFACE") != nil }

/// Serves one CGI request.
///
/// - Parameter limit: the largest body, in bytes.
/// - Returns: `done` if a response was written, whatever its HTTP status; `configuration` if there is no valid
///   configuration; `operatingSystem` if the response could not be written.
public func serveCGI(policy: LoadedPolicy, limit: Int, explains: Bool) -> ExitStatus {
  let messages = Messages.besideExchange
  let service = Service(policy: policy, explains: explains, messages: messages)
  let request: Result<Request, RequestError>
  do throws(RequestError) {
    request = .success(try readRequest(limit: limit))
  } catch {
    request = .failure(error)
  }
  let response = service.respond(to: request)
  let head = Array("Status: \(response.status.rawValue) \(response.status.reason)\r\n".utf8)
  let isHead = environment("REQUEST_METHOD") == "HEAD"
  let written = writeOutput(
    head + response.fieldsAndBody(closing: false, withBody: !isHead), messages, before: .after(seconds: clientTimeout))
  return written == .done ? service.status : written
}

private func readRequest(limit: Int) throws(RequestError) -> Request {
  guard let method = environment("REQUEST_METHOD") else {
    throw RequestError(.badRequest, "REQUEST_METHOD is not set")
  }
  // Web servers that map /mutate to this program leave PATH_INFO empty or unset.
  let path = environment("PATH_INFO").flatMap { $0.isEmpty ? nil : $0 } ?? "/mutate"
  let body = try readBody(method, limit: limit)
  return Request(
    method: method, path: path, contentType: nonEmpty("CONTENT_TYPE"),
    contentEncoding: nonEmpty("HTTP_CONTENT_ENCODING"), body: body)
}

private func readBody(_ method: String, limit: Int) throws(RequestError) -> [UInt8] {
  guard let text = nonEmpty("CONTENT_LENGTH") else {
    if method == "POST" { throw RequestError(.lengthRequired, "expected CONTENT_LENGTH") }
    return []
  }
  guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
    throw RequestError(.badRequest, "CONTENT_LENGTH is not a number")
  }
  let length = Int(text) ?? Int.max
  let deadline = Deadline.after(seconds: clientTimeout)
  var body: [UInt8] = []
  var received = 0
  while received < length {
    let bytes = try receive(atMost: min(64 * 1024, length - received), before: deadline, reading: "body")
    if bytes.isEmpty { break }
    received += bytes.count
    // Read and discard the rest of a body that is too large, so that the web server can pass on the response.
    if length <= limit { body += bytes }
  }
  if length > limit { throw RequestError(.contentTooLarge, "the body is larger than \(limit) bytes") }
  if received < length { throw RequestError(.badRequest, "the body is shorter than CONTENT_LENGTH") }
  return body
}

private func nonEmpty(_ variable: String) -> String? {
  environment(variable).flatMap { $0.isEmpty ? nil : $0 }
}
