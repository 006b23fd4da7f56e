// The outputs of `pisw preview` for people and pipes. PreviewJSON.swift and PreviewReports.swift have those for
// machines.

import ArgumentParser
import Glibc
import JSON
import Manifests
import System

/// A manifest and its preview.
struct PreviewedFile {
  let manifest: Manifest
  let preview: ManifestPreview
}

enum PreviewOutput: String, ExpressibleByArgument, CaseIterable {
  case diff, table, yaml, json, patch, images, github, gitlab, sarif

  /// Prints the previews in this form on standard output.
  ///
  /// - Throws: the exit status 71 if it cannot write everything.
  func print(_ files: [PreviewedFile]) throws {
    switch self {
    case .diff: try writeDiffs(files)
    case .table: try writeOutput(imageTable(files))
    case .yaml: try writeWholeText(files)
    case .json: try writeOutput(jsonReport(files))
    case .patch: try writeOutput(objectPatches(files))
    case .images: try writeOutput(proxiedNames(files))
    case .github: try writeOutput(githubAnnotations(files))
    case .gitlab: try writeOutput(gitlabReport(files))
    case .sarif: try writeOutput(sarifReport(files))
    }
  }
}

extension ImageFinding {
  /// Kind, namespace and name: `Deployment shop/web`. A `generateName` ends with `-`.
  var objectName: String {
    asciiEscaped(pod.object.kind) + " " + asciiEscaped(namespace) + "/" + asciiEscaped(pod.object.name)
  }

  /// The reason: the decision, unless the new name shows it, the rule, and whether the pod was found by its structure.
  var why: String {
    let (decision, rule) = words
    return [
      becomes == nil || rule == nil ? decision : nil, rule, pod.isFoundByStructure ? "found by structure" : nil,
    ].compactMap { $0 }.joined(separator: ", ")
  }

  /// The line of `ImageOutcome.explanation`, with the decision of the preview.
  var explanation: String {
    var columns = outcome.explanation.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    if exception != nil {
      let (decision, rule) = words
      (columns[3], columns[4]) = (decision, rule ?? "-")
      if case .skippedNamespace? = exception { columns[5] = columns[1] }
    }
    return columns.joined(separator: "\t")
  }
}

/// Writes all unified diffs. On a terminal, they are coloured, and `?` replaces control characters.
private func writeDiffs(_ files: [PreviewedFile]) throws {
  let isTerminal = isatty(1) == 1
  let isColored = isTerminal && (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
  var out: [UInt8] = []
  for file in files {
    try file.manifest.forEachDiffLine(of: file.preview.edits) { line in
      let text = isTerminal ? line.text.map { isTerminalControl($0) ? UInt8(ascii: "?") : $0 } : line.text
      if isColored, let color = color(line.kind) {
        out.append(color)
        out += text.dropLast()
        out.append("\u{1B}[m\n")
      } else {
        out += text
      }
      if out.count > 1 << 16 {
        try writeOutput(out)
        out.removeAll(keepingCapacity: true)
      }
    }
  }
  try writeOutput(out)
}

/// Whether a byte may control a terminal: every control character except tab, line feed and carriage return.
private func isTerminalControl(_ byte: UInt8) -> Bool {
  byte == 0x7F || byte < 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D
}

private func color(_ kind: DiffLine.Kind) -> String? {
  switch kind {
  case .header: "\u{1B}[1m"
  case .hunk: "\u{1B}[36m"
  case .removed: "\u{1B}[31m"
  case .added: "\u{1B}[32m"
  case .context: nil
  }
}

/// A table with a row for each image.
private func imageTable(_ files: [PreviewedFile]) -> [UInt8] {
  var rows = [["FILE", "LINE", "OBJECT", "CONTAINER", "IMAGE", "BECOMES", "WHY"]]
  for file in files {
    var lines = Lines(file.manifest)
    for finding in file.preview.findings {
      rows.append([
        asciiEscaped(file.manifest.name), String(lines.position(finding.offset).line), finding.objectName,
        finding.outcome.place, finding.outcome.image.map { $0.isEmpty ? "\"\"" : asciiEscaped($0) } ?? "-",
        finding.becomes ?? "-", finding.why,
      ])
    }
  }
  if rows.count == 1 { return [] }
  let widths = rows[0].indices.map { column in rows.map { $0[column].utf8.count }.max()! }
  var out: [UInt8] = []
  for row in rows {
    for (column, text) in row.enumerated() {
      out.append(text)
      let isLast = column == row.count - 1
      if !isLast { out += [UInt8](repeating: 0x20, count: widths[column] - text.utf8.count + 2) }
    }
    out.append("\n")
  }
  return out
}

/// Writes the edited texts as one YAML stream.
private func writeWholeText(_ files: [PreviewedFile]) throws {
  var last: UInt8?
  for file in files {
    let text = file.manifest.text
    // A byte order mark is valid only at the beginning of the stream.
    let start = last != nil && text.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    if let last, start < text.count {
      var marker = last == 0x0A ? "" : "\n"
      // A directive is valid only after the end of a document.
      if text[start] == UInt8(ascii: "%") {
        marker += "...\n"
      } else if !text[start...].starts(with: "---".utf8) {
        marker += "---\n"
      }
      try writeOutput(marker)
    }
    try file.manifest.forEachPiece(file.preview.edits, from: start) { try writeOutput($0) }
    last = text.last ?? last
  }
}

/// The names under a mirror's target, each once, sorted.
private func proxiedNames(_ files: [PreviewedFile]) -> [UInt8] {
  var names: Set<String> = []
  for finding in files.lazy.flatMap(\.preview.findings) {
    if let name = finding.proxiedName { names.insert(name) }
  }
  return names.sorted().reduce(into: []) { $0.append($1 + "\n") }
}
