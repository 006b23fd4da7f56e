// Writes `--output json`, whose schema is examples/preview.schema.json, and `--output patch`.

import JSON
import Manifests

/// All findings, problems and warnings, as one JSON object.
func jsonReport(_ files: [PreviewedFile]) -> [UInt8] {
  var text = JSONText()
  text.object { text in
    text.member("version", 1)
    text.member("summary") { $0.summary(of: files) }
    text.member("findings") { text in
      text.array(files.lazy.flatMap(\.placedFindings)) { text, finding in text.finding(finding) }
    }
    text.member("problems") { text in
      text.array(files.lazy.flatMap(\.placedProblems)) { text, problem in
        text.object { text in
          text.place(problem)
          text.member("problem", problem.item.problem)
        }
      }
    }
    text.member("warnings") { text in
      text.array(files.lazy.flatMap(\.placedWarnings)) { text, warning in
        text.object { text in
          text.place(warning)
          text.member("warning", warning.item.text)
        }
      }
    }
  }
  return text.bytes + [0x0A]
}

/// A JSON patch (RFC 6902) for each object that would change, as a JSON array.
func objectPatches(_ files: [PreviewedFile]) -> [UInt8] {
  var text = JSONText()
  let findings = files.flatMap(\.placedFindings).filter(\.item.isRedirected)
  // The findings of an object are adjacent.
  let objects = findings.indices.filter { $0 == 0 || !findings[$0].isSameObject(as: findings[$0 - 1]) }
  text.array(objects) { text, first in
    let object = findings[first...].prefix { $0.isSameObject(as: findings[first]) }
    text.object { text in
      text.place(findings[first])
      text.object(of: findings[first].item)
      text.member("patch") { text in
        text.array(object) { text, finding in
          text.object { text in
            text.member("op", "replace")
            text.member("path", finding.item.pointer)
            text.member("value", finding.item.target)
          }
        }
      }
    }
  }
  return text.bytes + [0x0A]
}

/// A finding, a problem or a warning, with its place.
struct Placed<Item> {
  let file: String
  let line: Int
  let column: Int
  let item: Item
}

extension Placed<ImageFinding> {
  fileprivate func isSameObject(as other: Placed<ImageFinding>) -> Bool {
    file == other.file && item.pod.object.isSame(as: other.item.pod.object)
  }
}

extension PreviewedFile {
  var placedFindings: [Placed<ImageFinding>] { placed(preview.findings, \.offset) }
  fileprivate var placedWarnings: [Placed<PodWarning>] { placed(preview.warnings, \.offset) }
  var placedProblems: [Placed<ManifestProblem>] { placed(preview.problems, \.offset) }

  private func placed<Item>(_ items: [Item], _ offset: (Item) -> Int) -> [Placed<Item>] {
    var lines = Lines(manifest)
    return items.map { item in
      let (line, column) = lines.position(offset(item))
      return Placed(file: manifest.name, line: line, column: column, item: item)
    }
  }
}

extension JSONText {
  mutating func place<Item>(_ placed: Placed<Item>) {
    member("file", placed.file)
    member("line", placed.line)
    member("column", placed.column)
  }

  fileprivate mutating func object(of finding: ImageFinding) {
    member("apiVersion", finding.pod.object.apiVersion)
    member("kind", finding.pod.object.kind)
    member("namespace", finding.namespace)
    member("name", finding.pod.object.name)
  }

  fileprivate mutating func finding(_ placed: Placed<ImageFinding>) {
    let finding = placed.item
    let (decision, rule) = finding.words
    object { text in
      text.place(placed)
      text.object(of: finding)
      text.member("pointer", finding.pointer)
      text.member("container", finding.outcome.name)
      text.member("image", finding.outcome.image)
      text.member("redirectedTo", finding.target)
      text.member("becomes", finding.becomes)
      text.member("decision", decision)
      text.member("rule", rule)
      text.member("foundByStructure", finding.pod.isFoundByStructure)
    }
  }

  fileprivate mutating func summary(of files: [PreviewedFile]) {
    object { text in
      text.member("files", files.count)
      text.member("documents", files.reduce(0) { $0 + $1.preview.documents })
      text.member("objects", files.reduce(0) { $0 + $1.preview.objects })
      text.member("images", files.reduce(0) { $0 + $1.preview.findings.count })
      text.member("redirected", files.reduce(0) { $0 + $1.preview.findings.count(where: \.isRedirected) })
      text.member("edits", files.reduce(0) { $0 + $1.preview.edits.count })
      text.member("problems", files.reduce(0) { $0 + $1.preview.problems.count })
    }
  }
}
