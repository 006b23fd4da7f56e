// Shows the progress of a long run in a line on standard error. Only on a terminal, and only while it runs.

import Glibc
import Synchronization
import System

/// The progress of a run. Any thread may advance it.
final class Progress: Sendable {
  private let bytes: Int
  private let isTerminal = isatty(2) == 1
  private let state: Mutex<State>

  private struct State {
    var bytesDone = 0
    var nextLine = monotonicNow() + 500_000_000
    var hasLine = false
  }

  init(bytes: Int) {
    self.bytes = bytes
    state = Mutex(State())
  }

  /// Adds bytes to those that are done, and updates the line ten times a second at most, after the first half second.
  func advance(bytes: Int) {
    state.withLock { state in
      state.bytesDone += bytes
      guard isTerminal, monotonicNow() >= state.nextLine else { return }
      state.nextLine = monotonicNow() + 100_000_000
      state.hasLine = true
      show("\r\(state.bytesDone >> 20) of \(self.bytes >> 20) MiB\u{1B}[K")
    }
  }

  /// Removes the line.
  func clear() {
    if state.withLock(\.hasLine) { show("\r\u{1B}[K") }
  }

  private func show(_ text: String) { try? Descriptor.errors.write(Array(text.utf8)) }
}
