// One entry of `ignoreimages`: an image or a pattern of images that is never redirected.

import ImageReference
import JSON

/// A rule that leaves one image, or all images of a pattern, alone.
public final class IgnoreRule: Equatable, Sendable {
  /// The entry as written.
  public let text: String
  /// Where it was written.
  public let place: Place
  private let isPattern: Bool
  /// The canonical name of one image, or a pattern with `*` for canonical names, with or without tag and digest.
  private let pattern: String
  /// The tag that the entry names; `nil` matches any.
  private let tag: String?
  /// The digest that the entry names; `nil` matches any.
  private let digest: String?

  /// The pattern for canonical names, or the canonical name of one image with the tag and digest that the entry names.
  package var canonicalText: String { pattern + (tag.map { ":" + $0 } ?? "") + (digest.map { "@" + $0 } ?? "") }

  /// The canonical name of an image that the rule ignores in every tag and digest; `nil` for a pattern, and for an
  /// entry with a tag or a digest.
  package var wholeImage: String? { isPattern || tag != nil || digest != nil ? nil : pattern }

  /// - Throws: `InvalidName` if the entry is not a valid image name or pattern.
  package init(_ text: String, place: Place) throws(InvalidName) {
    self.text = text
    self.place = place
    isPattern = text.utf8.contains(UInt8(ascii: "*"))
    if isPattern {
      pattern = try canonicalPattern(text)
      (tag, digest) = (nil, nil)
    } else {
      let reference = try parsed(text)
      pattern = canonicalName(reference.name)
      (tag, digest) = (reference.tag, reference.digest)
    }
  }

  public static func == (one: IgnoreRule, other: IgnoreRule) -> Bool {
    one.text == other.text && one.place == other.place
  }

  /// Whether the rule matches an image in its canonical form. An image without tag and digest counts as `latest`.
  func matches(_ image: ImageReference) -> Bool {
    let full = image.full.utf8.span
    let name = full.extracting(..<image.nameCount)
    if !isPattern {
      guard isEqual(name, pattern) else { return false }
      let imageTag = image.suffix.isEmpty ? "latest" : image.tag
      return (tag == nil || tag == imageTag) && (digest == nil || digest == image.digest)
    }
    let glob = pattern.utf8.span
    // A pattern may leave out the tag, the digest or both, and then matches every one.
    if isMatch(name, glob: glob) || isMatch(full, glob: glob) { return true }
    guard let digest = image.digest, let tag = image.tag else { return false }
    return isMatch(image.name + ":" + tag, glob: pattern) || isMatch(image.name + "@" + digest, glob: pattern)
  }
}

private func parsed(_ text: String) throws(InvalidName) -> ImageReference {
  do throws(ImageReferenceError) {
    let reference = try ImageReference(text)
    if reference.hasDomain { return reference }
  } catch {
    throw InvalidName("\(quoted(text)) is not a valid image name: \(error.rawValue)")
  }
  throw InvalidName("\(quoted(text)) is not a valid image name: its registry is not a valid host")
}

/// The pattern for canonical names: with `docker.io/` before it, unless its first component is a host or contains `*`.
/// If `*` occurs only in the tag or digest (`nginx:*`), the name is normalised as an image name.
private func canonicalPattern(_ text: String) throws(InvalidName) -> String {
  for byte in text.utf8 where byte <= 0x20 || byte >= 0x7F {
    throw InvalidName("\(quoted(text)) is not a valid pattern: expected printable ASCII without blanks")
  }
  let lastComponent = text.utf8.lastIndex(of: UInt8(ascii: "/")) ?? text.utf8.startIndex
  let nameEnd =
    text.utf8[lastComponent...].firstIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "@") } ?? text.utf8.endIndex
  let name = String(text[..<nameEnd])
  guard name.utf8.contains(UInt8(ascii: "*")) else {
    return canonicalName(try parsed(name).name) + String(text[nameEnd...])
  }
  let first = firstComponent(name)
  if first.utf8.contains(UInt8(ascii: "*")) { return text }
  return namesDomain(first.utf8.span) ? canonicalPrefix(text) : "docker.io/" + text
}
