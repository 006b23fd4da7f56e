// A line on standard error that tells how far a long run is: only on a terminal, and gone in the end.

import Glibc
import POSIX

struct Progress {
  private let files: Int
  private let bytes: Int
  private var filesDone = 0
  private var bytesDone = 0
  private let isTerminal = isatty(2) == 1
  private var nextLine = monotonicNow() + 500_000_000
  private var hasLine = false

  init(files: Int, bytes: Int) {
    self.files = files
    self.bytes = bytes
  }

  /// Notes that one more file is done.
  mutating func advance(bytes: Int) {
    filesDone += 1
    bytesDone += bytes
    guard isTerminal, monotonicNow() >= nextLine else { return }
    nextLine = monotonicNow() + 100_000_000
    hasLine = true
    show("\r\(filesDone) of \(files) files, \(bytesDone >> 20) of \(self.bytes >> 20) MiB\u{1B}[K")
  }

  /// Takes the line away.
  func end() {
    if hasLine { show("\r\u{1B}[K") }
  }

  private func show(_ text: String) { try? Descriptor.errors.write(Array(text.utf8)) }
}
