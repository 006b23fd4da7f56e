// The two kinds of connections that requests come over, and waiting for them.

import CPOSIX
import Glibc
import POSIX
import TLS

/// A connection whose socket does not block.
protocol Stream {
  var socket: Int32 { get }
  /// Whether bytes were taken from the socket and not yet read.
  var hasPending: Bool { get }
  /// Reads what is there; after `done`, no bytes are the end.
  func read() -> (TLSStep, [UInt8])
  /// Writes from a position on; how many bytes went out.
  func write(_ bytes: [UInt8], from position: Int) -> (TLSStep, Int)
  /// Tells the client that nothing more follows.
  func sendClose()
}

extension TLSConnection: Stream {}

/// A connection without TLS.
struct PlainConnection: Stream {
  let socket: Int32

  var hasPending: Bool { false }

  func read() -> (TLSStep, [UInt8]) {
    var step = TLSStep.done
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 16 * 1024) { buffer, count in
      let got = unsafe Glibc.read(socket, buffer.baseAddress, buffer.count)
      if got < 0 { step = errno == EAGAIN || errno == EINTR ? .wantsRead : .failed(.closed) }
      count = max(got, 0)
    }
    return (step, bytes)
  }

  func write(_ bytes: [UInt8], from position: Int) -> (TLSStep, Int) {
    let written = unsafe bytes.withUnsafeBytes { buffer in
      unsafe Glibc.write(socket, buffer.baseAddress?.advanced(by: position), buffer.count - position)
    }
    if written >= 0 { return (.done, written) }
    return (errno == EAGAIN || errno == EINTR ? .wantsWrite : .failed(.closed), 0)
  }

  func sendClose() {}
}

enum Waited {
  case ready, timeout
  /// The listener wants attention: the shared state says what for.
  case interrupted
}

/// Waits until a socket can be read or written.
func wait(for socket: Int32, _ events: Int32, before deadline: Deadline, interruptible: Bool = false) -> Waited {
  var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
  while true {
    let ready = unsafe posix_wait(&entry, 1, deadline.milliseconds, interruptible ? 1 : 0)
    if ready > 0 { return .ready }
    if ready == 0 { return .timeout }
    guard errno == EINTR else { return .timeout }
    if interruptible { return .interrupted }
  }
}

/// Writes to a pipe, a file or a terminal; gives up on a reader that takes nothing for a while.
///
/// - Parameters:
///   - patience: for how many milliseconds to wait for the reader.
///   - mayBlock: whether a write could block; it then waits until there is room.
func writeInTime(_ bytes: [UInt8], to descriptor: Int32, patience: Int, mayBlock: Bool = false) {
  var position = 0
  var mustWait = mayBlock
  while position < bytes.count {
    if mustWait, wait(for: descriptor, POLLOUT, before: .after(milliseconds: patience)) != .ready { return }
    // A pipe that is ready has room for so much.
    let count = min(bytes.count - position, Int(PIPE_BUF))
    let written = unsafe bytes.withUnsafeBytes {
      unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: position), count)
    }
    if written < 0 && errno != EAGAIN && errno != EINTR { return }
    position += max(written, 0)
    mustWait = mayBlock || written < 0
  }
}

/// Writes in one call; what there is no room for is lost.
func writeOnce(_ bytes: [UInt8], to descriptor: Int32) {
  _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
}

extension Stream {
  /// Writes everything; `false` when the client did not take it before the deadline.
  func writeAll(_ bytes: [UInt8], before deadline: Deadline) -> Bool {
    var position = 0
    while position < bytes.count {
      let (step, count) = write(bytes, from: position)
      position += count
      switch step {
      case .done: if count == 0 { return false }
      case .wantsRead: if wait(for: socket, POLLIN, before: deadline) != .ready { return false }
      case .wantsWrite: if wait(for: socket, POLLOUT, before: deadline) != .ready { return false }
      case .failed: return false
      }
    }
    return true
  }

  /// Closes our direction and reads what the client still sends, so that it gets the response: a connection that is
  /// closed with bytes unread is reset. Ends when the client closes, is silent for a second, or at the deadline.
  func linger(before deadline: Deadline) {
    shutdown(socket, Int32(SHUT_WR))
    while deadline.milliseconds > 0, wait(for: socket, POLLIN, before: .after(seconds: 1)) == .ready {
      let got = unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) {
        unsafe Glibc.read(socket, $0.baseAddress, $0.count)
      }
      if got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) { return }
    }
  }
}
