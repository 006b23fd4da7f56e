// One entry of `ignoreimages`: an image, or a pattern of images, that stays where it is.

import ImageReference
import JSON

/// An image, or a pattern of images, that is never redirected.
public final class IgnoreRule: Equatable, Sendable {
  /// The entry as written.
  public let text: String
  /// Where it was written.
  public let place: Place
  private let isPattern: Bool
  /// One image's canonical name, or a pattern with `*` over canonical names, with or without tag and digest.
  private let pattern: String
  /// The image's; `nil` matches any.
  private let tag: String?
  private let digest: String?

  /// What the rule stands for: a pattern over canonical names, or one image's canonical name with the tag and digest
  /// that it names.
  package var canonicalText: String { pattern + (tag.map { ":" + $0 } ?? "") + (digest.map { "@" + $0 } ?? "") }

  /// The canonical name of the one image whose every tag and digest the rule stands for; `nil` if it is another rule.
  package var wholeImage: String? { isPattern || tag != nil || digest != nil ? nil : pattern }

  /// - Throws: `InvalidName` with what is wrong about the entry.
  init(_ text: String, place: Place) throws(InvalidName) {
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

  /// Whether the rule holds for an image in its canonical form; without tag and digest its tag counts as `latest`.
  func matches(_ image: ImageReference) -> Bool {
    let full = image.full.utf8.span
    let name = full.extracting(..<image.nameCount)
    if !isPattern {
      guard isEqual(name, pattern) else { return false }
      let imageTag = image.suffix.isEmpty ? "latest" : image.tag
      return (tag == nil || tag == imageTag) && (digest == nil || digest == image.digest)
    }
    let glob = pattern.utf8.span
    // A pattern without a tag or a digest holds for every one, so each part may be left out.
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
  throw InvalidName("\(quoted(text)) names no registry: its first component is no host")
}

/// The pattern over canonical names: `docker.io/` is put before it unless its first component is a host or has a `*`,
/// and a name without `*` of its own (`nginx:*`) is normalised as an image name.
private func canonicalPattern(_ text: String) throws(InvalidName) -> String {
  for byte in text.utf8 where byte <= 0x20 || byte >= 0x7F {
    throw InvalidName("\(quoted(text)) is not a valid pattern: it may hold no blanks and only ASCII")
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
