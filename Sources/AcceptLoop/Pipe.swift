// Pipes, as processes that were forked from each other use them.

import CPOSIX
import POSIX

/// A pipe, closed on exec, of which neither end blocks.
struct Pipe {
  let reading: Descriptor
  let writing: Descriptor

  /// - Parameter capacity: how many bytes it is to hold, if the system allows; 0 for the usual.
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
