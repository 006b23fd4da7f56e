// Atomic replacement of a file's contents: a reader sees either the old or the new contents, even after a crash.

import Glibc

/// Replaces the contents of a regular file atomically. A symbolic link keeps its target, and the file keeps its mode
/// and owner.
///
/// - Parameters:
///   - old: the contents when the file was read. If the file has others now, it is not changed.
///   - new: the new contents.
/// - Throws: `SystemError`; EBUSY if the file was changed meanwhile, EINVAL if it is not a regular file.
public func replaceContents(of path: String, from old: [UInt8], to new: [UInt8]) throws(SystemError) {
  var status = stat()
  guard unsafe stat(path, &status) == 0 else { throw .last }
  guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(code: EINVAL) }
  guard let file = resolvedPath(path) else { throw .last }
  // rename(2) checks write permission of the folder only, so check that of the file here.
  guard unsafe access(file, W_OK) == 0 else { throw .last }

  let folder = String(file.prefix(upTo: file.lastIndex(of: "/")!)) + "/"
  var template = Array((folder + ".pisw-XXXXXX").utf8CString)
  let number = unsafe mkstemp(&template)
  guard number >= 0 else { throw .last }
  do throws(SystemError) {
    defer { close(number) }
    // Only root may set another owner. Otherwise the file belongs to the caller, as after any editor.
    if fchown(number, status.st_uid, status.st_gid) != 0, errno != EPERM { throw .last }
    guard fchmod(number, status.st_mode & 0o7777) == 0 else { throw .last }
    try Descriptor(number: number).write(new)
    guard fsync(number) == 0 else { throw .last }
    let now = try Descriptor.reading(file) { file throws(SystemError) in try file.readAll(limit: old.count) }
    guard now == old else { throw SystemError(code: EBUSY) }
    guard unsafe rename(template, file) == 0 else { throw .last }
  } catch {
    unsafe unlink(template)
    throw error
  }
  // Synchronise the folder, so that the rename survives a crash. If that fails, the file is still replaced.
  try? Descriptor.reading(folder) { folder throws(SystemError) in _ = fsync(folder.number) }
}
