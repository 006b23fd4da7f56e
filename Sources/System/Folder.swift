// Folders: their entries, and what kind of file each entry is.

import Glibc

/// An entry of a folder.
public struct FolderEntry: Sendable {
  /// The file name; `nil` if it is not UTF-8.
  public let name: String?
  public let kind: Kind

  /// The kind of file, or of a symbolic link's target. A link to a folder is `other`, because such links can form
  /// cycles.
  public enum Kind: Sendable { case file, folder, other }
}

/// The entries of a folder, sorted by name, without `.` and `..`.
///
/// - Throws: `SystemError` if the folder cannot be read.
public func entries(ofFolder path: String) throws(SystemError) -> [FolderEntry] {
  guard let folder = unsafe opendir(path) else { throw .last }
  defer { unsafe closedir(folder) }
  var entries: [FolderEntry] = []
  while true {
    errno = 0
    guard let entry = unsafe readdir(folder) else {
      if errno != 0 { throw .last }
      return entries.sorted { ($0.name ?? "") < ($1.name ?? "") }
    }
    let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      unsafe String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name == "." || name == ".." { continue }
    entries.append(FolderEntry(name: name, kind: name.map { kind(path + "/" + $0) } ?? .other))
  }
}

private func kind(_ path: String) -> FolderEntry.Kind {
  var status = stat()
  guard unsafe lstat(path, &status) == 0 else { return .other }
  switch status.st_mode & S_IFMT {
  case S_IFREG: return .file
  case S_IFDIR: return .folder
  case S_IFLNK: return kindOfTarget(path) == S_IFREG ? .file : .other
  default: return .other
  }
}

/// Whether a path leads to a folder, also through symbolic links.
public func isFolder(_ path: String) -> Bool { kindOfTarget(path) == S_IFDIR }

/// The absolute path without symbolic links, `.` and `..`, as realpath(3) resolves it; `nil`, with `errno` set, if
/// there is no such file.
public func resolvedPath(_ path: String) -> String? {
  guard let resolved = unsafe realpath(path, nil) else { return nil }
  defer { unsafe free(resolved) }
  return unsafe String(cString: resolved)
}

private func kindOfTarget(_ path: String) -> mode_t? {
  var status = stat()
  return unsafe stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
}
