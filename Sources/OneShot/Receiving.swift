// Reads requests from clients that may be slow. One-shot HTTP and CGI share it.

import Glibc
import HTTP1
import System

/// How many seconds a client has for the head, and again for the body.
let clientTimeout = 10

/// Reads the next bytes on standard input; empty at its end.
///
/// - Parameter part: the name of the part that is being read, for the error message.
/// - Throws: `RequestError` if the deadline passes or reading fails.
func receive(atMost limit: Int, before deadline: Deadline, reading part: String) throws(RequestError) -> [UInt8] {
  do throws(SystemError) {
    if try Descriptor.input.isReadable(before: deadline) { return try Descriptor.input.read(atMost: limit) }
  } catch {
    throw RequestError(.badRequest, "the connection failed: " + error.description)
  }
  throw RequestError(.requestTimeout, "the request \(part) did not arrive within \(clientTimeout) seconds")
}
