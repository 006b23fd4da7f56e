// The manifests that `pisw preview` reads, and how what happens to them adds up to one exit status.

import ArgumentParser
import Glibc
import JSON
import Manifests
import POSIX

/// No text of manifests is larger.
let largestManifest = 1 << 30

/// How a run ends: the gravest of what happened.
struct PreviewEnding {
  private(set) var status: ExitCode?

  mutating func add(_ new: ExitCode) {
    if (status?.rawValue ?? 0) < new.rawValue { status = new }
  }
}

/// Reads files, folders and standard input (`-`); what cannot be read is told, and the rest goes on.
func readManifests(_ paths: [String], _ ending: inout PreviewEnding) -> [Manifest] {
  var reader = ManifestReader(ending: ending)
  for path in paths {
    if path != "-", isFolder(path) {
      if reader.readFolder(path) == 0 { reader.fail(path, "no *.yaml, *.yml or *.json in this folder") }
    } else {
      reader.read(path)
    }
  }
  ending = reader.ending
  return reader.manifests
}

private struct ManifestReader {
  var ending: PreviewEnding
  private(set) var manifests: [Manifest] = []
  /// The files read so far, by their paths without links: a file that is named twice counts once.
  private var files: Set<String> = []

  init(ending: PreviewEnding) { self.ending = ending }

  /// - Returns: how many files there were to read, and problems to tell.
  mutating func readFolder(_ path: String) -> Int {
    var count = 0
    do throws(SystemError) {
      for entry in try entries(ofFolder: path) {
        guard let name = entry.name else {
          fail(path, "a file whose name is not UTF-8: rename it")
          count += 1
          continue
        }
        if name.hasPrefix(".") { continue }
        let inside = path.hasSuffix("/") ? path + name : path + "/" + name
        switch entry.kind {
        case .folder: count += readFolder(inside)
        case .file where [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) }:
          read(inside)
          count += 1
        case .file, .other: break
        }
      }
    } catch {
      fail(path, error.description)
      count += 1
    }
    return count
  }

  mutating func read(_ path: String) {
    if path != "-", let file = resolvedPath(path), !files.insert(file).inserted { return }
    do throws(SystemError) {
      let text =
        path == "-"
        ? try Descriptor.input.readAll(limit: largestManifest)
        : try Descriptor.reading(path) { file throws(SystemError) in try file.readAll(limit: largestManifest) }
      if text.count > largestManifest { return fail(path, "larger than 1 GiB: split it") }
      manifests.append(Manifest(name: path == "-" ? "<stdin>" : withoutDot(path), text: text))
    } catch {
      fail(path, error.description)
    }
  }

  mutating func fail(_ path: String, _ problem: String) {
    tell((path == "-" ? "standard input" : asciiEscaped(path)) + ": " + problem)
    ending.add(.noInput)
  }
}

/// A path as git has it: without `./` before it, which git apply and GitLab take for another file.
private func withoutDot(_ path: String) -> String {
  var rest = Substring(path)
  while rest.utf8.starts(with: "./".utf8) {
    rest = Substring(rest.utf8.dropFirst(2).drop { $0 == UInt8(ascii: "/") })
  }
  return String(rest)
}
