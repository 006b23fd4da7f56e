// Fuzzes the parser of image names: it must agree with the regular expressions and the algorithm of
// distribution/reference.

import Foundation
import FuzzSupport
import ImageReference

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(decoding: bytes(data, count), as: UTF8.self)
  let ours = try? ImageReference(text)
  let theirs = Parts(normalizing: text)
  require(ours.map(Parts.init) == theirs, "\(text): ours and the reference agree")
  guard let ours else { return 0 }
  require(ours.path.utf8.count <= 255, "the path is no longer than 255 bytes")
  require(isPrintable(ours.full), "a name is ASCII")
  require(ours.full == (ours.domain.map { $0 + "/" } ?? "") + ours.path + ours.fullSuffix, "the parts make the whole")
  let suffix = (ours.tag.map { ":" + $0 } ?? "") + (ours.digest.map { "@" + $0 } ?? "")
  require(ours.suffix == suffix, "the parts make the suffix")

  guard let again = try? ImageReference(ours.full) else { fatalError("broken: \(ours.full) parses") }
  require(again.full == ours.full && again.name == ours.name, "a normalised name stays as it is")
  require(again.domain == ours.domain && again.digest == ours.digest, "its parts stay as they are")
  require(again.tag == (ours.suffix.isEmpty ? "latest" : ours.tag), "its tag stays, or is latest")
  return 0
}

/// The parts of an image name, as `ParseNormalizedNamed` finds them.
private struct Parts: Equatable {
  let domain: String?
  let path: String
  let tag: String?
  let digest: String?

  init(_ reference: ImageReference) {
    (domain, path) = (reference.domain, reference.path)
    (tag, digest) = (reference.tag, reference.digest)
  }

  init?(normalizing text: String) {
    if identifier.groups(text) != nil { return nil }
    var (domain, rest) = ("docker.io", text)
    if let slash = text.firstIndex(of: "/") {
      let first = String(text[..<slash])
      if first.contains(".") || first.contains(":") || first == "localhost" || first.lowercased() != first {
        (domain, rest) = (first, String(text[text.index(after: slash)...]))
      }
    }
    if domain == "index.docker.io" { domain = "docker.io" }
    if domain == "docker.io", !rest.contains("/") { rest = "library/" + rest }
    guard let parts = reference.groups(domain + "/" + rest), let whole = parts[1],
      let split = name.groups(whole), let path = split[2], path.utf8.count <= 255
    else { return nil }
    if let digest = parts[3], digestForm.groups(digest) == nil { return nil }
    (self.domain, self.path, tag, digest) = (split[1], path, parts[2], parts[3])
  }
}

private let component = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
private let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
private let host = "(?:\(label)(?:[.]\(label))*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?"
private let path = "\(component)(?:/\(component))*"
private let identifier = Pattern("[a-f0-9]{64}")
private let name = Pattern("(?:(\(host))/)?(\(path))")
private let reference = Pattern(
  "((?:\(host)/)?\(path))(?::([a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}))?"
    + "(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?")
private let digestForm = Pattern("sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}")

/// A regular expression for a whole text.
private struct Pattern: @unchecked Sendable {
  private let expression: NSRegularExpression

  init(_ pattern: String) {
    do {
      expression = try NSRegularExpression(pattern: "\\A(?:\(pattern))\\z")
    } catch {
      fatalError("a pattern is not valid: \(pattern)")
    }
  }

  /// The whole match and its groups, `nil` for a group that did not match.
  func groups(_ text: String) -> [String?]? {
    guard let match = expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) else { return nil }
    return (0..<match.numberOfRanges).map { Range(match.range(at: $0), in: text).map { String(text[$0]) } }
  }
}
