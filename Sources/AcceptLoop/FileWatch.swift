// Telling when files were replaced: Kubernetes swaps the symbolic link that a mounted secret is reached through.

import Glibc

/// What files looked like when they were last read.
struct FileWatch {
  private let files: [String]
  private var seen: [[Int]]

  init(_ files: [String]) {
    self.files = files
    seen = files.map(FileWatch.look)
  }

  /// Whether a file is another than at the last call.
  mutating func changed() -> Bool {
    let now = files.map(FileWatch.look)
    defer { seen = now }
    return now != seen
  }

  /// Where a file's contents are, how long they are, and when they were written; nothing for one that is not there.
  private static func look(_ file: String) -> [Int] {
    var status = stat()
    guard unsafe stat(file, &status) == 0 else { return [] }
    return [
      Int(status.st_dev), Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
      status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
    ]
  }
}
