// Byte streams over TLS and plain TCP, and waiting for them.

import CLinux
import Glibc
import System
import TLS

/// A connection over a non-blocking socket.
protocol Stream {
  var socket: Int32 { get }
  /// Whether the TLS layer holds bytes that were read from the socket but not yet returned.
  var hasPending: Bool { get }
  /// Reads the bytes that are available. `done` without bytes means that the client closed.
  func read() -> (TLSStep, [UInt8])
  /// Writes bytes from a position on; returns how many were written.
  func write(_ bytes: [UInt8], from position: Int) -> (TLSStep, Int)
  /// Tells the client that no more data follows.
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

enum WaitResult {
  case ready, timeout
  /// The listener sent SIGUSR1. The shared state says why.
  case interrupted
}

/// Waits until a file descriptor can be read or written.
///
/// - Parameter interruptible: whether SIGUSR1 ends the wait.
func wait(for socket: Int32, _ events: Int32, before deadline: Deadline, interruptible: Bool = false) -> WaitResult {
  var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
  while true {
    let ready = unsafe posix_wait(&entry, 1, deadline.milliseconds, interruptible ? 1 : 0)
    if ready > 0 { return .ready }
    if ready == 0 { return .timeout }
    guard errno == EINTR else { return .timeout }
    if interruptible { return .interrupted }
  }
}

/// Writes to a pipe, a file or a terminal. Drops the rest if the reader takes nothing for a while.
///
/// - Parameters:
///   - patience: how long to wait for the reader, in milliseconds.
///   - mayBlock: whether the descriptor may be in blocking mode. Each write then waits for room first.
func writeInTime(_ bytes: [UInt8], to descriptor: Int32, patience: Int, mayBlock: Bool = false) {
  var position = 0
  var mustWait = mayBlock
  while position < bytes.count {
    if mustWait, wait(for: descriptor, POLLOUT, before: .after(milliseconds: patience)) != .ready { return }
    // poll(2) reports a pipe as writable only if it has room for PIPE_BUF bytes.
    let count = min(bytes.count - position, Int(PIPE_BUF))
    let written = unsafe bytes.withUnsafeBytes {
      unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: position), count)
    }
    if written < 0 && errno != EAGAIN && errno != EINTR { return }
    position += max(written, 0)
    mustWait = mayBlock || written < 0
  }
}

/// Writes with a single call. What does not fit is dropped.
func writeOnce(_ bytes: [UInt8], to descriptor: Int32) {
  _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
}

extension Stream {
  /// Writes all bytes; `false` if the client did not take them before the deadline, or closed.
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

  /// Closes the sending direction, and reads and discards what the client still sends. Without that, the kernel would
  /// reset a connection with unread bytes, and the client could lose the response.
  ///
  /// Returns when the client closes, when it is silent for a second, or at the deadline.
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
