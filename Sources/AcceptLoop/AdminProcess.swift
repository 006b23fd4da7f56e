// The process of one connection to the admin port: one request, answered from what it inherited at its fork.

import Endpoints
import Glibc
import HTTP1
import POSIX

/// Serves one request, in the process forked for it.
func serveAdmin(_ settings: ServerSettings, _ socket: Int32, isDraining: Bool, _ counters: Counters) {
  let stream = PlainConnection(socket: socket)
  let deadline = Deadline.after(milliseconds: settings.adminTimeout)
  var parser = RequestParser(limits: RequestLimits(body: 0))
  var response: Response
  do throws(RequestError) {
    guard let request = try receive(stream, &parser, before: deadline) else { return }
    switch try adminEndpoint(of: request) {
    case .metrics:
      response = Response(.ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: counters.text)
    case .health, .mutate: response = .well
    case .readiness:
      if isDraining { throw RequestError(.serviceUnavailable, "shutting down") }
      response = .well
    }
  } catch {
    response = Response(error)
  }
  // The next request is to see the counters of its own time.
  let bytes = response.http1(closing: true, withBody: parser.request.method != "HEAD")
  // A response to a request that came too late has a moment of its own.
  let end = deadline.milliseconds > 0 ? deadline : .after(milliseconds: 100)
  if stream.writeAll(bytes, before: end) { _ = stream.read() }
}

/// Reads a request; `nil` when the client ends or is silent before there is any.
private func receive(
  _ stream: PlainConnection, _ parser: inout RequestParser, before deadline: Deadline
) throws(RequestError) -> Request? {
  while true {
    guard wait(for: stream.socket, POLLIN, before: deadline) == .ready else {
      if parser.isUntouched { return nil }
      throw RequestError(.requestTimeout, "no whole request in time")
    }
    let (step, bytes) = stream.read()
    if case .wantsRead = step { continue }
    guard case .done = step else { return nil }
    if bytes.isEmpty {
      if parser.isUntouched { return nil }
      throw RequestError(.badRequest, "the request ends before it is whole")
    }
    if try parser.feed(bytes) { return parser.request }
  }
}
