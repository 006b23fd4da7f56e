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
  var manifests: [Manifest] = []
  for path in paths {
    if path != "-", isFolder(path) {
      let count = manifests.count
      readFolder(path, &manifests, &ending)
      if manifests.count == count, ending.status == nil {
        fail(path, "no *.yaml, *.yml or *.json in this folder", &ending)
      }
    } else {
      readManifest(path, &manifests, &ending)
    }
  }
  return manifests
}

private func readFolder(_ path: String, _ manifests: inout [Manifest], _ ending: inout PreviewEnding) {
  do throws(SystemError) {
    for entry in try entries(ofFolder: path) {
      guard let name = entry.name else {
        fail(path, "a file whose name is not UTF-8: rename it", &ending)
        continue
      }
      if name.hasPrefix(".") { continue }
      let inside = path.hasSuffix("/") ? path + name : path + "/" + name
      switch entry.kind {
      case .folder: readFolder(inside, &manifests, &ending)
      case .file where [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) }:
        readManifest(inside, &manifests, &ending)
      case .file, .other: break
      }
    }
  } catch {
    fail(path, error.description, &ending)
  }
}

private func readManifest(_ path: String, _ manifests: inout [Manifest], _ ending: inout PreviewEnding) {
  do throws(SystemError) {
    let text =
      path == "-"
      ? try Descriptor.input.readAll(limit: largestManifest)
      : try Descriptor.reading(path) { file throws(SystemError) in try file.readAll(limit: largestManifest) }
    if text.count > largestManifest { return fail(path, "larger than 1 GiB: split it", &ending) }
    manifests.append(Manifest(name: path == "-" ? "<stdin>" : path, text: text))
  } catch {
    fail(path, error.description, &ending)
  }
}

private func fail(_ path: String, _ problem: String, _ ending: inout PreviewEnding) {
  tell((path == "-" ? "standard input" : asciiEscaped(path)) + ": " + problem)
  ending.add(.noInput)
}
