// A file's contents replaced at once: whoever reads it sees the old or the new, whatever happens meanwhile.

import Glibc

/// Replaces the contents of a regular file; a symbolic link goes on leading to it, and its mode and owner stay.
///
/// - Parameters:
///   - old: what the file held when it was read. If it holds something else now, nothing is done.
///   - new: what it is to hold.
/// - Throws: `SystemError`: EBUSY if the file changed meanwhile, EINVAL if it is no regular file.
public func replaceContents(of path: String, from old: [UInt8], to new: [UInt8]) throws(SystemError) {
  var status = stat()
  guard unsafe stat(path, &status) == 0 else { throw .last }
  guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(code: EINVAL) }
  guard let file = resolvedPath(path) else { throw .last }
  // rename(2) asks only for rights to the folder.
  guard unsafe access(file, W_OK) == 0 else { throw .last }

  let folder = String(file.prefix(upTo: file.lastIndex(of: "/")!)) + "/"
  var template = Array((folder + ".pisw-XXXXXX").utf8CString)
  let number = unsafe mkstemp(&template)
  guard number >= 0 else { throw .last }
  do throws(SystemError) {
    defer { close(number) }
    // Another owner is for root alone to set; the file is then the caller's, as after any editor.
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
  // The name must last, too; a folder that cannot be synchronised holds the new file all the same.
  try? Descriptor.reading(folder) { folder throws(SystemError) in _ = fsync(folder.number) }
}
