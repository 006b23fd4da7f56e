// Writes reports that code hosts show beside a change: for GitHub, for GitLab, and SARIF for code scanning.

import JSON
import Manifests
import Version

extension ImageFinding {
  /// The message for a reviewer of the manifest.
  fileprivate var message: String {
    let image = asciiEscaped(outcome.image ?? "")
    return "\(objectName), \(outcome.place): \(image) will be pulled as \(target ?? image) (\(why))"
  }
}

/// Makes fingerprints of findings that stay the same when lines move: hashes of the file, the object, the place in it
/// and the image. No two findings may have the same fingerprint, so findings that agree in all of these are numbered.
private struct Fingerprints {
  private var counts: [String: Int] = [:]

  mutating func next(_ change: Placed<ImageFinding>) -> String {
    let (finding, object) = (change.item, change.item.pod.object)
    var text = [change.file, object.kind, finding.namespace, object.name, finding.pointer, finding.outcome.image ?? ""]
      .joined(separator: "\n")
    let count = counts[text, default: 0] + 1
    counts[text] = count
    if count > 1 { text += "\n\(count)" }
    let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}

extension PreviewedFile {
  fileprivate var placedChanges: [Placed<ImageFinding>] { placedFindings.filter(\.item.isRedirected) }
}

/// Annotations as GitHub workflow commands:
/// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
func githubAnnotations(_ files: [PreviewedFile]) -> [UInt8] {
  var out: [UInt8] = []
  for file in files {
    for change in file.placedChanges {
      out.append(annotation("warning", change, "image redirected by pisw", change.item.message))
    }
    for problem in file.placedProblems {
      out.append(annotation("error", problem, "manifest not read by pisw", problem.item.problem))
    }
  }
  return out
}

private func annotation<Item>(_ level: String, _ placed: Placed<Item>, _ title: String, _ message: String) -> String {
  let file = escaped(placed.file, ["%", "\r", "\n", ":", ","])
  return "::\(level) file=\(file),line=\(placed.line),col=\(placed.column),title=\(title)::"
    + escaped(message, ["%", "\r", "\n"]) + "\n"
}

private func escaped(_ text: String, _ special: Set<Unicode.Scalar>) -> String {
  text.unicodeScalars.reduce(into: "") { out, scalar in
    out += special.contains(scalar) ? percentEncoded(UInt8(scalar.value)) : String(scalar)
  }
}

/// A GitLab code quality report: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
func gitlabReport(_ files: [PreviewedFile]) -> [UInt8] {
  var text = JSONText()
  var fingerprints = Fingerprints()
  let changes = files.flatMap(\.placedChanges).map { change in
    (change.file, change.line, "image-redirected", "info", change.item.message, fingerprints.next(change))
  }
  let problems = files.flatMap(\.placedProblems).map { problem in
    (
      problem.file, problem.line, "manifest-not-read", "major", problem.item.problem,
      "\(problem.file):\(problem.line):\(problem.column)"
    )
  }
  text.array(changes + problems) { text, issue in
    let (file, line, check, severity, description, fingerprint) = issue
    text.object { text in
      text.member("description", description)
      text.member("check_name", check)
      text.member("fingerprint", fingerprint)
      text.member("severity", severity)
      text.member("location") { text in
        text.object { text in
          text.member("path", file)
          text.member("lines") { text in text.object { text in text.member("begin", line) } }
        }
      }
    }
  }
  return text.bytes + [0x0A]
}

/// A SARIF 2.1.0 log: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
func sarifReport(_ files: [PreviewedFile]) -> [UInt8] {
  var text = JSONText()
  text.object { text in
    text.member("$schema", "https://json.schemastore.org/sarif-2.1.0.json")
    text.member("version", "2.1.0")
    text.member("runs") { text in
      text.array([files]) { text, files in
        text.object { text in
          text.member("tool") { $0.sarifTool() }
          text.member("columnKind", "unicodeCodePoints")
          text.member("results") { $0.sarifResults(files) }
        }
      }
    }
  }
  return text.bytes + [0x0A]
}

extension JSONText {
  fileprivate mutating func sarifTool() {
    let rules = [
      ("image-redirected", "The webhook will pull this image through a proxy."),
      ("manifest-not-read", "pisw cannot read this document, so it does not know what the webhook will do."),
    ]
    object { text in
      text.member("driver") { text in
        text.object { text in
          text.member("name", "pisw")
          text.member("version", version)
          text.member("rules") { text in
            text.array(rules) { text, rule in
              text.object { text in
                text.member("id", rule.0)
                text.member("shortDescription") { $0.sarifMessage(rule.1) }
              }
            }
          }
        }
      }
    }
  }

  fileprivate mutating func sarifResults(_ files: [PreviewedFile]) {
    var fingerprints = Fingerprints()
    let changes = files.flatMap(\.placedChanges).map { change in
      (change.place, "image-redirected", "note", change.item.message, fingerprints.next(change) as String?)
    }
    let problems = files.flatMap(\.placedProblems).map { problem in
      (problem.place, "manifest-not-read", "error", problem.item.problem, nil as String?)
    }
    array(changes + problems) { text, result in
      let (place, rule, level, message, fingerprint) = result
      text.object { text in
        text.member("ruleId", rule)
        text.member("level", level)
        text.member("message") { $0.sarifMessage(message) }
        text.member("locations") { text in
          text.array([place]) { text, place in text.sarifLocation(place) }
        }
        if let fingerprint {
          text.member("partialFingerprints") { text in text.object { text in text.member("image/v1", fingerprint) } }
        }
      }
    }
  }

  private mutating func sarifMessage(_ message: String) {
    object { text in text.member("text", message) }
  }

  private mutating func sarifLocation(_ place: (file: String, line: Int, column: Int)) {
    object { text in
      text.member("physicalLocation") { text in
        text.object { text in
          text.member("artifactLocation") { text in text.object { text in text.member("uri", uri(place.file)) } }
          text.member("region") { text in
            text.object { text in
              text.member("startLine", place.line)
              text.member("startColumn", place.column)
            }
          }
        }
      }
    }
  }
}

extension Placed {
  fileprivate var place: (file: String, line: Int, column: Int) { (file, line, column) }
}

/// A path as a URI reference (RFC 3986 section 4.2).
private func uri(_ path: String) -> String {
  let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/".utf8)
  return path.utf8.reduce(into: "") { uri, byte in
    uri += unreserved.contains(byte) ? String(Unicode.Scalar(byte)) : percentEncoded(byte)
  }
}

private func percentEncoded(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 16, uppercase: true)
  return "%" + (digits.utf8.count == 1 ? "0" : "") + digits
}
