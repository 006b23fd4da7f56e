// One review over HTTP/1.1, as inetd, socat, systemd sockets and stunnel hand it over: the request is on standard
// input, and the response goes to standard output.

import Glibc
import HTTP1
import Policy
import System

/// Serves one HTTP request.
///
/// - Parameter limit: the largest body, in bytes.
/// - Returns: `done` if a response was written, whatever its HTTP status, or if there was no request; `configuration`
///   if there is no valid configuration; `operatingSystem` if the response could not be written.
public func serveInetd(policy: LoadedPolicy, limit: Int, explains: Bool) -> ExitStatus {
  let messages = Messages.besideExchange
  let service = Service(policy: policy, explains: explains, messages: messages)
  var parser = RequestParser(limits: RequestLimits(body: limit))
  do throws(SystemError) {
    let request: Result<Request, RequestError>
    do throws(RequestError) {
      guard let whole = try read(&parser) else { return service.finishWithoutRequest() }
      request = .success(whole)
    } catch {
      request = .failure(error)
    }
    let response = service.respond(to: request)
    try Descriptor.output.write(
      response.http1(closing: true, withBody: parser.request.method != "HEAD"), before: .after(seconds: clientTimeout))
    drain(wholeRequestRead: (try? request.get()) != nil)
    return service.status
  } catch {
    messages.write(["standard output: " + error.description])
    return .operatingSystem
  }
}

/// Reads a request; `nil` if the client closes before it sends a byte.
private func read(_ parser: inout RequestParser) throws(RequestError) -> Request? {
  var deadline = Deadline.after(seconds: clientTimeout)
  var isInHead = true
  while true {
    let bytes = try receive(atMost: 64 * 1024, before: deadline, reading: isInHead ? "head" : "body")
    if bytes.isEmpty {
      if parser.isUntouched { return nil }
      throw RequestError(.badRequest, "the connection closed before the request was complete")
    }
    if try parser.feed(bytes) { return parser.request }
    if isInHead, parser.hasHead {
      isInHead = false
      deadline = Deadline.after(seconds: clientTimeout)
      // An error here is ignored: if the client is gone, writing the response fails, too.
      if parser.awaitsContinue { try? Descriptor.output.write(Response.continueLine, before: deadline) }
    }
  }
}

/// Reads and discards what the client still sends, so that closing does not cut off the response. The kernel resets a
/// TCP connection that is closed with unread bytes, and socat and stunnel stop at a broken pipe.
///
/// - Parameter wholeRequestRead: whether the request was read completely. If so, only bytes that have already arrived
///   are read. If not, reading goes on until the client closes, is silent for a second, or uses up its time.
private func drain(wholeRequestRead: Bool) {
  if !wholeRequestRead, shutdown(1, Int32(SHUT_WR)) != 0 { close(1) }
  let end = Deadline.after(seconds: clientTimeout)
  while end.milliseconds > 0 {
    let silence = Deadline.after(seconds: wholeRequestRead ? 0 : 1)
    guard (try? Descriptor.input.isReadable(before: silence)) == true,
      let bytes = try? Descriptor.input.read(atMost: 64 * 1024), !bytes.isEmpty
    else { return }
  }
}
