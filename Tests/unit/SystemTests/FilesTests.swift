// Atomic replacement of files, and the entries of folders.

import Foundation
import Glibc
import System
import Testing

/// Runs a test in a temporary folder.
private func inFolder(_ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appending(path: "pisw-" + UUID().uuidString).path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}

private func write(_ text: String, to path: String) throws {
  try Data(text.utf8).write(to: URL(filePath: path))
}

private func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

@Suite("Files")
struct FilesTests {
  @Test("A replaced file has the new contents and its old mode, and a link keeps its target")
  func replace() throws {
    try inFolder { folder in
      try write("old", to: folder + "/file")
      try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: folder + "/file")
      try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "file")
      try replaceContents(of: folder + "/link", from: Array("old".utf8), to: Array("new".utf8))
      #expect(try read(folder + "/file") == "new")
      let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/file")
      #expect(attributes[.posixPermissions] as? Int == 0o640)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link") == "file")
      #expect(try entries(ofFolder: folder).compactMap(\.name) == ["file", "link"])
    }
  }

  @Test(
    "A file that was changed since it was read is left unchanged",
    arguments: ["", "ol", "odd", "older"])
  func changed(_ now: String) throws {
    try inFolder { folder in
      try write(now, to: folder + "/file")
      let error = #expect(throws: SystemError.self) {
        try replaceContents(of: folder + "/file", from: Array("old".utf8), to: Array("new".utf8))
      }
      #expect(error?.code == EBUSY)
      #expect(try read(folder + "/file") == now)
      #expect(try entries(ofFolder: folder).compactMap(\.name) == ["file"])
    }
  }

  @Test("A missing or not regular file is refused", arguments: [("", EINVAL), ("/nowhere", ENOENT)])
  func refused(_ name: String, _ code: Int32) throws {
    try inFolder { folder in
      let error = #expect(throws: SystemError.self) { try replaceContents(of: folder + name, from: [], to: []) }
      #expect(error?.code == code)
    }
  }

  @Test("A folder's entries are sorted by name, each with its kind")
  func folders() throws {
    try inFolder { folder in
      try write("", to: folder + "/b")
      try FileManager.default.createDirectory(atPath: folder + "/a", withIntermediateDirectories: true)
      for (link, target) in [("c", "b"), ("d", "a"), ("e", "nowhere")] {
        try FileManager.default.createSymbolicLink(atPath: folder + "/" + link, withDestinationPath: target)
      }
      let entries = try entries(ofFolder: folder)
      #expect(entries.compactMap(\.name) == ["a", "b", "c", "d", "e"])
      #expect(entries.map(\.kind) == [.folder, .file, .file, .other, .other])
      #expect([folder, folder + "/d", folder + "/b", folder + "/x"].map(isFolder) == [true, true, false, false])
    }
  }

  @Test("A missing folder is an error")
  func noFolder() {
    let error = #expect(throws: SystemError.self) { try entries(ofFolder: "/nowhere") }
    #expect(error?.code == ENOENT)
  }
}
