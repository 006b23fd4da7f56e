// Reads the manifests for `pisw preview`, and combines the outcomes of many files into one exit status.

import ArgumentParser
import Glibc
import JSON
import Manifests
import System

/// The largest text with manifests, in bytes.
let largestManifest = 1 << 30

/// The exit status of a run: the largest one that was added.
struct PreviewStatus {
  private(set) var code: ExitCode?

  mutating func add(_ new: ExitStatus) {
    if (code?.rawValue ?? 0) < new.rawValue { code = ExitCode(new.rawValue) }
  }
}

/// Reads files, folders and standard input (`-`). Reports what it cannot read, and continues.
func readManifests(_ paths: [String], _ status: inout PreviewStatus) -> [Manifest] {
  var reader = ManifestReader(status: status)
  for path in paths {
    if path != "-", isFolder(path) {
      if reader.readFolder(path) == 0 { reader.reportUnreadable(path, "no *.yaml, *.yml or *.json in this folder") }
    } else {
      reader.read(path)
    }
  }
  status = reader.status
  return reader.manifests
}

private struct ManifestReader {
  var status: PreviewStatus
  private(set) var manifests: [Manifest] = []
  /// The files read so far, by their paths with links resolved, so that a file named twice is read once.
  private var files: Set<String> = []

  init(status: PreviewStatus) { self.status = status }

  /// Reads the manifests in a folder.
  ///
  /// - Returns: the number of manifests and problems in it, also of manifests that were read before.
  mutating func readFolder(_ path: String) -> Int {
    var count = 0
    do throws(SystemError) {
      for entry in try entries(ofFolder: path) {
        guard let name = entry.name else {
          reportUnreadable(path, "a file whose name is not UTF-8: rename it")
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
      reportUnreadable(path, error.description)
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
      if text.count > largestManifest { return reportUnreadable(path, "larger than 1 GiB: split it") }
      manifests.append(Manifest(name: path == "-" ? "<stdin>" : withoutDotSlash(path), text: text))
    } catch {
      reportUnreadable(path, error.description)
    }
  }

  mutating func reportUnreadable(_ path: String, _ problem: String) {
    writeMessage((path == "-" ? "standard input" : asciiEscaped(path)) + ": " + problem)
    status.add(.noInput)
  }
}

/// A path without a leading `./`, because git apply and GitLab would take `./a` and `a` for different files.
private func withoutDotSlash(_ path: String) -> String {
  var rest = Substring(path)
  while rest.utf8.starts(with: "./".utf8) {
    rest = Substring(rest.utf8.dropFirst(2).drop { $0 == UInt8(ascii: "/") })
  }
  return String(rest)
}
