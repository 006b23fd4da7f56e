// Detecting that files changed: written in place, replaced, reached through another link, removed, or created.

import Foundation
import Testing

@testable import Server

/// A temporary folder, removed with its test.
private final class Folder {
  let path = NSTemporaryDirectory() + "pisw-\(UUID().uuidString)/"

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes in place, as an editor may.
  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path + name))
  }

  func link(_ name: String, to destination: String) throws {
    try FileManager.default.createSymbolicLink(atPath: path + name, withDestinationPath: destination)
  }

  /// Replaces one file by another, as `mv` does.
  func move(_ name: String, over other: String) throws {
    let result = unsafe rename(path + name, path + other)
    try #require(result == 0)
  }

  func setTime(of name: String, to seconds: Int) throws {
    var times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
    let result = unsafe utimensat(AT_FDCWD, path + name, &times, 0)
    try #require(result == 0)
  }
}

@Suite("Watching files")
struct FileWatchTests {
  /// Whether a watch of two files reports a change after something happened to them. It must report the change only
  /// once.
  private func isSeen(
    _ prepare: (Folder) throws -> Void = { try $0.write("one", to: "a") }, _ happening: (Folder) throws -> Void
  ) throws -> Bool {
    let folder = try Folder()
    try prepare(folder)
    try folder.write("x", to: "b")
    var watch = FileWatch([folder.path + "b", folder.path + "a"])
    let isEarly = watch.checkForChanges()
    #expect(!isEarly, "nothing happened yet")
    // The time stamps of a file system advance only every few milliseconds.
    usleep(20_000)
    try happening(folder)
    let isSeen = watch.checkForChanges()
    let isReportedTwice = watch.checkForChanges()
    #expect(!isReportedTwice, "a change is reported only once")
    return isSeen
  }

  @Test("Nothing happened: no change is reported")
  func nothing() throws {
    #expect(try !isSeen { _ in })
    #expect(try !isSeen { try $0.write("other", to: "c") })
    for files in [[], ["", "/nonexistent/file"]] {
      var watch = FileWatch(files)
      let isSeen = watch.checkForChanges()
      #expect(!isSeen)
    }
  }

  @Test("Writing in place is reported, with another size or the same")
  func written() throws {
    #expect(try isSeen { try $0.write("longer", to: "a") })
    #expect(try isSeen { try $0.write("two", to: "a") })
  }

  @Test("Replacing a file is reported, even by one of the same size, contents and time")
  func replaced() throws {
    let prepare: (Folder) throws -> Void = { folder in
      for name in ["a", "new"] {
        try folder.write("one", to: name)
        try folder.setTime(of: name, to: 1_000_000_000)
      }
    }
    #expect(try isSeen(prepare) { try $0.move("new", over: "a") })
  }

  @Test("Touching a file is reported")
  func touched() throws {
    #expect(try isSeen { try $0.setTime(of: "a", to: 1_000_000_000) })
  }

  @Test("Removing and creating a file are reported")
  func comesAndGoes() throws {
    #expect(try isSeen { try FileManager.default.removeItem(atPath: $0.path + "a") })
    let nothing: (Folder) throws -> Void = { _ in }
    #expect(try isSeen(nothing) { try $0.write("one", to: "a") })
  }

  @Test("Kubernetes' swap of a symbolic link to a new folder is reported")
  func swapped() throws {
    let prepare: (Folder) throws -> Void = { folder in
      for name in ["..1", "..2"] {
        try FileManager.default.createDirectory(atPath: folder.path + name, withIntermediateDirectories: true)
        try folder.write("one", to: name + "/a")
        try folder.setTime(of: name + "/a", to: 1_000_000_000)
      }
      try folder.link("..data", to: "..1")
      try folder.link("a", to: "..data/a")
    }
    #expect(
      try isSeen(prepare) { folder in
        try folder.link("..new", to: "..2")
        try folder.move("..new", over: "..data")
      })
    // A new link to the same folder leads to the same file.
    #expect(
      try !isSeen(prepare) { folder in
        try folder.link("..new", to: "..1")
        try folder.move("..new", over: "..data")
      })
    #expect(try isSeen(prepare) { try FileManager.default.removeItem(atPath: $0.path + "..1/a") })
  }
}
