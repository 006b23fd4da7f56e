// Bytes of a request, from clients that may be slow: HTTP and CGI share it.

import Glibc
import HTTP1
import POSIX

/// How many seconds a client may take for the head, and again for the body.
let patience = 10

/// The next bytes on standard input; none at its end.
///
/// - Parameter part: what is being read, for the message.
/// - Throws: `RequestError` when the deadline passes first.
func receive(atMost limit: Int, before deadline: Deadline, reading part: String) throws(RequestError) -> [UInt8] {
  do throws(SystemError) {
    if try Descriptor.input.isReadable(before: deadline) { return try Descriptor.input.read(atMost: limit) }
  } catch {
    throw RequestError(.badRequest, "the connection failed: " + error.description)
  }
  throw RequestError(.requestTimeout, "no whole \(part) within \(patience) seconds")
}
