// Pipes between the processes of the server.

import CLinux
import System

/// A pipe whose two ends are non-blocking and closed on exec.
struct Pipe {
  let reading: Descriptor
  let writing: Descriptor

  /// Creates a pipe.
  ///
  /// - Parameter capacity: the capacity to request, in bytes, which the system may refuse; 0 for the default.
  /// - Throws: `SystemError` if pipe2(2) fails.
  init(capacity: Int32 = 0) throws(SystemError) {
    var ends: [Int32] = [0, 0]
    guard unsafe posix_pipe(&ends, capacity) == 0 else { throw .last }
    reading = Descriptor(number: ends[0])
    writing = Descriptor(number: ends[1])
  }

  func close() {
    reading.close()
    writing.close()
  }
}
