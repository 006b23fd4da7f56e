// Telling that files changed, however they were: written, replaced, reached through another link, removed, put there.

import Foundation
import Testing

@testable import AcceptLoop

/// A folder that goes with its test.
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

  /// Puts one file in the place of another, as `mv` does.
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

@Suite("Files that change")
struct FileWatchTests {
  /// What a watch of two files says after something happened to them: once that they changed, and then no more.
  private func isSeen(
    _ prepare: (Folder) throws -> Void = { try $0.write("one", to: "a") }, _ happening: (Folder) throws -> Void
  ) throws -> Bool {
    let folder = try Folder()
    try prepare(folder)
    try folder.write("x", to: "b")
    var watch = FileWatch([folder.path + "b", folder.path + "a"])
    let isEarly = watch.changed()
    #expect(!isEarly, "nothing happened yet")
    // The clock of a file system ticks every few milliseconds.
    usleep(20_000)
    try happening(folder)
    let isSeen = watch.changed()
    let isSeenTwice = watch.changed()
    #expect(!isSeenTwice, "it is told once")
    return isSeen
  }

  @Test("Nothing is no change")
  func nothing() throws {
    #expect(try !isSeen { _ in })
    #expect(try !isSeen { try $0.write("other", to: "c") })
    for files in [[], ["", "/nonexistent/file"]] {
      var watch = FileWatch(files)
      let isSeen = watch.changed()
      #expect(!isSeen)
    }
  }

  @Test("A file that is written in place changes, with another size or the same")
  func written() throws {
    #expect(try isSeen { try $0.write("longer", to: "a") })
    #expect(try isSeen { try $0.write("two", to: "a") })
  }

  @Test("A file that is replaced changes, even by one of the same size, contents and time")
  func replaced() throws {
    let prepare: (Folder) throws -> Void = { folder in
      for name in ["a", "new"] {
        try folder.write("one", to: name)
        try folder.setTime(of: name, to: 1_000_000_000)
      }
    }
    #expect(try isSeen(prepare) { try $0.move("new", over: "a") })
  }

  @Test("A file that is touched changes")
  func touched() throws {
    #expect(try isSeen { try $0.setTime(of: "a", to: 1_000_000_000) })
  }

  @Test("A file that is removed changes, and one that appears")
  func comesAndGoes() throws {
    #expect(try isSeen { try FileManager.default.removeItem(atPath: $0.path + "a") })
    let nothing: (Folder) throws -> Void = { _ in }
    #expect(try isSeen(nothing) { try $0.write("one", to: "a") })
  }

  @Test("The link that Kubernetes swaps for a new folder changes the files that are reached through it")
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
    // Another link to the same folder is the same file.
    #expect(
      try !isSeen(prepare) { folder in
        try folder.link("..new", to: "..1")
        try folder.move("..new", over: "..data")
      })
    #expect(try isSeen(prepare) { try FileManager.default.removeItem(atPath: $0.path + "..1/a") })
  }
}
