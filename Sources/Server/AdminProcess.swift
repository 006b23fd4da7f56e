// The admin child process: it serves one connection to the admin port, and answers one request from the state that it
// inherited at its fork.

import Glibc
import HTTP1
import System
import Webhook

/// Serves one request. Runs in the child process that was forked for the connection.
func serveAdmin(_ settings: ServerSettings, _ socket: Int32, isDraining: Bool, _ counters: Counters) {
  let stream = PlainConnection(socket: socket)
  let deadline = Deadline.after(milliseconds: settings.adminTimeout)
  var parser = RequestParser(limits: RequestLimits(body: 0))
  var response: Response
  do throws(RequestError) {
    guard let request = try receive(stream, &parser, before: deadline) else { return }
    switch try AdminRoute(request) {
    case .metrics:
      response = Response(.ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: counters.text)
    case .probe(.health): response = .probeSucceeded
    case .probe(.readiness):
      if isDraining { throw RequestError(.serviceUnavailable, "shutting down") }
      response = .probeSucceeded
    }
  } catch {
    response = Response(error)
  }
  // One request per connection: this process has the counters of its fork, and the next request must see newer ones.
  let bytes = response.http1(closing: true, withBody: parser.request.method != "HEAD")
  // A request that used up its deadline still gets a little time for its error response.
  let responseDeadline = deadline.milliseconds > 0 ? deadline : .after(milliseconds: 100)
  if stream.writeAll(bytes, before: responseDeadline) { discardReceived(from: stream) }
}

/// Reads what the client has sent beyond the request, without waiting for more: closing a socket with unread bytes resets
/// the connection, and the client loses the response.
private func discardReceived(from stream: PlainConnection) {
  for _ in 0..<64 {
    guard case (.done, let bytes) = stream.read(), !bytes.isEmpty else { return }
  }
}

/// Reads one request; `nil` if the client closes or times out before it sends a byte.
///
/// - Throws: `RequestError` for a request that is malformed, incomplete or late.
private func receive(
  _ stream: PlainConnection, _ parser: inout RequestParser, before deadline: Deadline
) throws(RequestError) -> Request? {
  while true {
    guard wait(for: stream.socket, POLLIN, before: deadline) == .ready else {
      if parser.isUntouched { return nil }
      throw RequestError(.requestTimeout, "the request did not arrive in time")
    }
    let (step, bytes) = stream.read()
    if case .wantsRead = step { continue }
    guard case .done = step else { return nil }
    if bytes.isEmpty {
      if parser.isUntouched { return nil }
      throw RequestError(.badRequest, "the connection closed before the request was complete")
    }
    if try parser.feed(bytes) { return parser.request }
  }
}
