// A line on standard error that tells how far a long run is: only on a terminal, and gone in the end.

import Glibc
import POSIX
import Synchronization

/// How far a run is. Any thread may advance it.
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

  /// Notes that more is done.
  func advance(bytes: Int) {
    state.withLock { state in
      state.bytesDone += bytes
      guard isTerminal, monotonicNow() >= state.nextLine else { return }
      state.nextLine = monotonicNow() + 100_000_000
      state.hasLine = true
      show("\r\(state.bytesDone >> 20) of \(self.bytes >> 20) MiB\u{1B}[K")
    }
  }

  /// Takes the line away.
  func end() {
    if state.withLock(\.hasLine) { show("\r\u{1B}[K") }
  }

  private func show(_ text: String) { try? Descriptor.errors.write(Array(text.utf8)) }
}
