// One rule of the map `mirrors`: a source of images and the place at a proxy registry that serves them.

import ImageReference
import JSON

/// A mirror: images that lie under its source are pulled from under its target.
public final class Mirror: Equatable, Sendable {
  /// `host[:port][/path]` in its one form (see `canonicalPrefix`), or `*` for every other registry.
  public let source: String
  /// `host[:port][/path]` as written, without a trailing slash; `{registry}` in it stands for the image's registry.
  public let target: String
  /// How many components of a name the source fixes; 0 for `*`.
  let depth: Int
  /// Where the rule was written.
  public let place: Place

  package let hasPlaceholder: Bool
  /// The target up to its placeholder, and what follows it, as written.
  private let head: String
  private let tail: String
  /// The same with the registry in its one form, to compare names with.
  package let canonicalHead: String
  private let canonicalTail: String

  /// - Throws: `InvalidName` with what is wrong about source or target, and the remedy.
  init(source: String, target: String, place: Place) throws(InvalidName) {
    self.source = try source == "*" ? source : canonicalSource(source)
    depth = source == "*" ? 0 : 1 + self.source.utf8.count { $0 == slash }
    self.place = place
    self.target = trimmed(target)
    if let (before, after) = split(self.target, at: placeholder) {
      if split(after, at: placeholder) != nil {
        throw InvalidName("the target \(quoted(target)) is not valid: {registry} may stand in it once")
      }
      try checkHostAndPath(self.target, "target", as: before + "registry.example" + after)
      (head, tail, hasPlaceholder) = (before, after, true)
      let canonical = canonicalPrefix(before + "registry.example" + after)
      canonicalHead = canonicalPrefix(before)
      canonicalTail = String(
        Substring(canonical.utf8.dropFirst(canonicalHead.utf8.count + "registry.example".utf8.count)))
      if canonicalHead.isEmpty, firstComponent(canonicalTail).isEmpty {
        throw InvalidName(
          "the target \(quoted(target)) is not valid: with {registry} as its host every image lies under it")
      }
    } else {
      try checkHostAndPath(self.target, "target", as: self.target)
      (head, tail, hasPlaceholder) = (self.target, "", false)
      canonicalHead = canonicalPrefix(self.target)
      canonicalTail = ""
    }
  }

  public static func == (one: Mirror, other: Mirror) -> Bool {
    one.source == other.source && one.target == other.target && one.place == other.place
  }

  /// How many components of a name the source fixes; `nil` when it does not match.
  package func specificity(for name: String) -> Int? { covers(name.utf8.span) ? depth : nil }

  /// Whether a name lies under the source.
  func covers(_ name: Span<UInt8>) -> Bool {
    depth == 0
      ? !isLocal(registry: name.extracting(..<endOfComponent(name))) : lies(name, under: source.utf8.span)
  }

  /// The name of an image at the target: the target, and what remains of the image's name after the source. A tag or
  /// digest stays.
  package func rewritten(_ image: String) -> String {
    var result = head
    if hasPlaceholder { result += firstComponent(image) + tail }
    let matched = depth == 0 ? endOfComponent(image.utf8.span) : source.utf8.count
    result.append(contentsOf: Substring(image.utf8.dropFirst(matched)))
    return result
  }

  /// Whether a name already lies under the target.
  package func holds(_ name: String) -> Bool { holds(name.utf8.span) }

  func holds(_ image: ImageReference) -> Bool { holds(image.full.utf8.span.extracting(..<image.nameCount)) }

  func holds(_ name: Span<UInt8>) -> Bool {
    let head = canonicalHead.utf8.span
    guard hasPlaceholder else { return lies(name, under: head) }
    guard starts(name, with: head) else { return false }
    // The placeholder stands for a part of one component; what follows it must follow here too.
    let tail = canonicalTail.utf8.span
    let end = endOfComponent(name, from: head.count)
    let ending = endOfComponent(tail)
    return end - head.count > ending && lies(name.extracting((end - ending)...), under: tail)
  }
}

/// A source or target of a mirror, or an ignored image, that is none: what is wrong, and the remedy.
struct InvalidName: Error {
  let problem: String
  init(_ problem: String) { self.problem = problem }
}

private let placeholder = "{registry}"

private func canonicalSource(_ text: String) throws(InvalidName) -> String {
  let source = trimmed(text)
  if source.utf8.contains(UInt8(ascii: "*")) {
    throw InvalidName("the source \(quoted(text)) is not valid: * stands alone, for every other registry")
  }
  try checkHostAndPath(source, "source", as: source)
  return canonicalPrefix(source)
}

/// Throws unless the name is `host[:port][/path]`.
///
/// - Parameter sample: the name with its placeholder filled.
private func checkHostAndPath(_ name: String, _ role: String, as sample: String) throws(InvalidName) {
  if name.isEmpty { throw InvalidName("the \(role) is empty: write host[:port][/path]") }
  if let (_, rest) = split(name, at: "://") {
    let host = firstComponent(rest)
    let remedy = namesDomain(host.utf8.span) ? trimmed(rest) : "host[:port][/path]"
    throw InvalidName("the \(role) \(quoted(name)) has a scheme: write \(quoted(remedy))")
  }
  let host = firstComponent(name)
  guard namesDomain(host.utf8.span) else {
    let remedy =
      role == "source" ? "docker.io/" + name : host + ":443" + Substring(name.utf8.dropFirst(host.utf8.count))
    throw InvalidName(
      "the \(role) \(quoted(name)) does not begin with a registry's host (one with a dot or a port, or localhost): "
        + "write for instance \(quoted(remedy))")
  }
  do throws(ImageReferenceError) {
    if try ImageReference(sample + "/x").hasDomain { return }
  } catch {
    throw InvalidName("the \(role) \(quoted(name)) is not host[:port][/path]: \(error.rawValue)")
  }
  throw InvalidName("the \(role) \(quoted(name)) is not host[:port][/path]: its host has bytes that no host has")
}

/// The text without one trailing slash.
private func trimmed(_ text: String) -> String {
  text.utf8.last == slash ? String(Substring(text.utf8.dropLast())) : text
}

/// What stands before and after the first occurrence of a separator; `nil` without one.
private func split(_ text: String, at separator: String) -> (before: String, after: String)? {
  var start = text.utf8.startIndex
  while let found = text.utf8[start...].firstIndex(of: separator.utf8.first!) {
    if text.utf8[found...].starts(with: separator.utf8) {
      let after = text.utf8[found...].dropFirst(separator.utf8.count)
      return (String(text[..<found]), String(Substring(after)))
    }
    start = text.utf8.index(after: found)
  }
  return nil
}
