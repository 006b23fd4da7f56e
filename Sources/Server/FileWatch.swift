// Detects that files changed, by polling. Kubernetes updates a mounted secret by swapping a symbolic link in its path,
// so the files themselves may never be written.

import Glibc

/// The state of some files at the last look.
struct FileWatch {
  private let files: [String]
  private var lastStates: [[Int]]

  init(_ files: [String]) {
    self.files = files
    lastStates = files.map(FileWatch.fileState)
  }

  /// Whether any file differs from the last call, or from the initialiser for the first one.
  mutating func checkForChanges() -> Bool {
    let now = files.map(FileWatch.fileState)
    defer { lastStates = now }
    return now != lastStates
  }

  /// What identifies a file's contents: device, inode, size, modification time and change time. Empty for a file that
  /// does not exist.
  private static func fileState(_ file: String) -> [Int] {
    var status = stat()
    guard unsafe stat(file, &status) == 0 else { return [] }
    return [
      Int(status.st_dev), Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
      status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
    ]
  }
}
