// The outputs of `pisw preview` for people and pipes; those for machines are in PreviewReports.swift.

import ArgumentParser
import Glibc
import JSON
import Manifests
import POSIX

/// One manifest, and what the webhook does to its pods.
struct PreviewedFile {
  let manifest: Manifest
  let preview: ManifestPreview
}

enum PreviewOutput: String, ExpressibleByArgument, CaseIterable {
  case diff, table, yaml, json, patch, images, github, gitlab, sarif

  /// Prints it.
  ///
  /// - Throws: the exit status 71 if it cannot be written whole.
  func print(_ files: [PreviewedFile]) throws {
    switch self {
    case .diff: try writeDiffs(files)
    case .table: try write(imageTable(files))
    case .yaml: try writeWholeText(files)
    case .json: try write(jsonReport(files))
    case .patch: try write(objectPatches(files))
    case .images: try write(proxiedNames(files))
    case .github: try write(githubAnnotations(files))
    case .gitlab: try write(gitlabReport(files))
    case .sarif: try write(sarifReport(files))
    }
  }
}

extension ImageFinding {
  /// `Deployment shop/web`; a name that the API server is to make ends with `-`.
  var objectName: String {
    asciiEscaped(pod.object.kind) + " " + asciiEscaped(namespace) + "/" + asciiEscaped(pod.object.name)
  }

  /// Why: the decision unless it shows, the rule, and how the pod was found.
  var why: String {
    let (decision, rule) = words
    return [
      becomes == nil || rule == nil ? decision : nil, rule, pod.isFoundByStructure ? "found by structure" : nil,
    ].compactMap { $0 }.joined(separator: ", ")
  }

  /// The columns of `ImageOutcome.explanation`.
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

/// All unified diffs, coloured on a terminal.
private func writeDiffs(_ files: [PreviewedFile]) throws {
  let isColored = isatty(1) == 1 && (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
  var out: [UInt8] = []
  for file in files {
    try file.manifest.forEachDiffLine(of: file.preview.edits) { line in
      if isColored, let color = color(line.kind) {
        out.append(color)
        out += line.text.dropLast()
        out.append("\u{1B}[m\n")
      } else {
        out += line.text
      }
      if out.count > 1 << 16 {
        try write(out)
        out.removeAll(keepingCapacity: true)
      }
    }
  }
  try write(out)
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

/// A row for each image, in columns.
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

/// The texts with images swapped, as one stream.
private func writeWholeText(_ files: [PreviewedFile]) throws {
  var last: UInt8?
  for file in files {
    let text = file.manifest.text
    // Only a stream may begin with a byte order mark.
    let start = last != nil && text.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    if let last, start < text.count {
      var marker = last == 0x0A ? "" : "\n"
      // Directives may only follow the end of a document.
      if text[start] == UInt8(ascii: "%") {
        marker += "...\n"
      } else if !text[start...].starts(with: "---".utf8) {
        marker += "---\n"
      }
      try write(marker)
    }
    try file.manifest.forEachPiece(file.preview.edits, from: start) { try write($0) }
    last = text.last ?? last
  }
}

/// The names that will be pulled under a target, each once.
private func proxiedNames(_ files: [PreviewedFile]) -> [UInt8] {
  var names: Set<String> = []
  for finding in files.lazy.flatMap(\.preview.findings) {
    if let name = finding.proxiedName { names.insert(name) }
  }
  return names.sorted().reduce(into: []) { $0.append($1 + "\n") }
}
