// One entry of the map `mirrors`: a source of images, and the target at a proxy registry that replaces it.

import ImageReference
import JSON

/// A rule that pulls images under its source from under its target.
public final class Mirror: Equatable, Sendable {
  /// `host[:port][/path]` in canonical form (see `canonicalPrefix`), or `*` for every other registry.
  public let source: String
  /// `host[:port][/path]` as written, without a trailing slash. `{registry}` in it stands for the image's registry.
  public let target: String
  /// The number of path components in the source, its host included; 0 for `*`.
  let depth: Int
  /// Where the rule was written.
  public let place: Place

  package let hasPlaceholder: Bool
  /// The target as written, before and after `{registry}`. Without it, the prefix is the whole target.
  private let targetPrefix: String
  private let targetSuffix: String
  /// The same in canonical form, to compare with canonical names.
  package let canonicalTargetPrefix: String
  private let canonicalTargetSuffix: String

  /// - Throws: `InvalidName` if the source or the target is not valid.
  package init(source: String, target: String, place: Place) throws(InvalidName) {
    self.source = try source == "*" ? source : canonicalSource(source)
    depth = source == "*" ? 0 : 1 + self.source.utf8.count { $0 == slash }
    self.place = place
    self.target = withoutTrailingSlash(target)
    if let (before, after) = split(self.target, at: placeholder) {
      if split(after, at: placeholder) != nil {
        throw InvalidName("the target \(quoted(target)) is not valid: it may contain {registry} only once")
      }
      try checkHostAndPath(self.target, "target", as: before + "registry.example" + after)
      (targetPrefix, targetSuffix, hasPlaceholder) = (before, after, true)
      let canonical = canonicalPrefix(before + "registry.example" + after)
      canonicalTargetPrefix = canonicalPrefix(before)
      canonicalTargetSuffix = String(
        Substring(canonical.utf8.dropFirst(canonicalTargetPrefix.utf8.count + "registry.example".utf8.count)))
      if canonicalTargetPrefix.isEmpty, firstComponent(canonicalTargetSuffix).isEmpty {
        throw InvalidName(
          "the target \(quoted(target)) is not valid: with {registry} as its host, every image would be under it")
      }
    } else {
      try checkHostAndPath(self.target, "target", as: self.target)
      (targetPrefix, targetSuffix, hasPlaceholder) = (self.target, "", false)
      canonicalTargetPrefix = canonicalPrefix(self.target)
      canonicalTargetSuffix = ""
    }
  }

  public static func == (one: Mirror, other: Mirror) -> Bool {
    one.source == other.source && one.target == other.target && one.place == other.place
  }

  /// The number of components in the source, if the name is under it; else `nil`.
  package func specificity(for name: String) -> Int? { sourceCovers(name.utf8.span) ? depth : nil }

  /// Whether a canonical name is under the source.
  func sourceCovers(_ name: Span<UInt8>) -> Bool {
    depth == 0
      ? !isLocal(registry: name.extracting(..<endOfComponent(name))) : isBelow(name, prefix: source.utf8.span)
  }

  /// An image's name under the target: the target, then the rest of the image's name after the source. Tag and digest
  /// stay.
  package func rewritten(_ image: String) -> String {
    var result = targetPrefix
    if hasPlaceholder { result += firstComponent(image) + targetSuffix }
    let matched = depth == 0 ? endOfComponent(image.utf8.span) : source.utf8.count
    result.append(contentsOf: Substring(image.utf8.dropFirst(matched)))
    return result
  }

  /// Whether a canonical name is under the target.
  package func targetCovers(_ name: String) -> Bool { targetCovers(name.utf8.span) }

  func targetCovers(_ image: ImageReference) -> Bool {
    targetCovers(image.full.utf8.span.extracting(..<image.nameCount))
  }

  func targetCovers(_ name: Span<UInt8>) -> Bool {
    let prefix = canonicalTargetPrefix.utf8.span
    guard hasPlaceholder else { return isBelow(name, prefix: prefix) }
    guard starts(name, with: prefix) else { return false }
    // The placeholder is part of one component. That component must end, and the name continue, as the target does.
    let suffix = canonicalTargetSuffix.utf8.span
    let componentEnd = endOfComponent(name, from: prefix.count)
    let remainder = endOfComponent(suffix)
    return componentEnd - prefix.count > remainder
      && isBelow(name.extracting((componentEnd - remainder)...), prefix: suffix)
  }
}

/// The error for an invalid source, target or ignored image.
package struct InvalidName: Error {
  /// What is wrong, and the remedy.
  package let problem: String
  package init(_ problem: String) { self.problem = problem }
}

private let placeholder = "{registry}"

private func canonicalSource(_ text: String) throws(InvalidName) -> String {
  let source = withoutTrailingSlash(text)
  if source.utf8.contains(UInt8(ascii: "*")) {
    throw InvalidName("the source \(quoted(text)) is not valid: * must stand alone, and means every other registry")
  }
  try checkHostAndPath(source, "source", as: source)
  return canonicalPrefix(source)
}

/// Checks that a source or target is `host[:port][/path]`.
///
/// - Parameters:
///   - role: `source` or `target`, for the message.
///   - sample: the name with `{registry}` replaced by a valid host.
/// - Throws: `InvalidName` if it is not.
private func checkHostAndPath(_ name: String, _ role: String, as sample: String) throws(InvalidName) {
  if name.isEmpty { throw InvalidName("the \(role) is empty: write host[:port][/path]") }
  if let (_, rest) = split(name, at: "://") {
    let host = firstComponent(rest)
    let remedy = namesDomain(host.utf8.span) ? withoutTrailingSlash(rest) : "host[:port][/path]"
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
  throw InvalidName("the \(role) \(quoted(name)) is not host[:port][/path]: its host has invalid characters")
}

/// The text without one trailing slash.
private func withoutTrailingSlash(_ text: String) -> String {
  text.utf8.last == slash ? String(Substring(text.utf8.dropLast())) : text
}

/// The text before and after the first occurrence of a separator; `nil` if the text does not contain it.
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
