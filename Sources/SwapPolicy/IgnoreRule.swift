// One entry of `ignoreimages`: an image, or a pattern of images, that stays where it is.

import ImageReference
import JSON

/// An image, or a pattern of images, that is never redirected.
public struct IgnoreRule: Equatable, Sendable {
  /// The entry as written.
  public let text: String
  /// Where it was written.
  public let place: Place
  private let match: Match

  private enum Match: Equatable, Sendable {
    /// One image; a `nil` tag or digest matches any.
    case image(name: String, tag: String?, digest: String?)
    /// A pattern with `*` over names, with or without tag and digest.
    case pattern(String)
  }

  /// What the rule stands for: a pattern over canonical names, or one image's canonical name with the tag and digest
  /// that it names.
  package var canonicalText: String {
    switch match {
    case .image(let name, let tag, let digest):
      name + (tag.map { ":" + $0 } ?? "") + (digest.map { "@" + $0 } ?? "")
    case .pattern(let pattern): pattern
    }
  }

  /// The canonical name of the one image whose every tag and digest the rule stands for; `nil` if it is another rule.
  package var wholeImage: String? {
    if case .image(let name, nil, nil) = match { name } else { nil }
  }

  /// - Throws: `InvalidName` with what is wrong about the entry.
  init(_ text: String, place: Place) throws(InvalidName) {
    self.text = text
    self.place = place
    if text.utf8.contains(UInt8(ascii: "*")) {
      match = .pattern(try canonicalPattern(text))
    } else {
      let reference = try parsed(text)
      match = .image(name: canonicalName(reference.name), tag: reference.tag, digest: reference.digest)
    }
  }

  /// Whether the rule holds for an image.
  ///
  /// - Parameters:
  ///   - name: the image's canonical name.
  ///   - reference: the image; without tag and digest its tag counts as `latest`.
  func matches(_ name: String, _ reference: ImageReference) -> Bool {
    switch match {
    case .image(let wanted, let wantedTag, let wantedDigest):
      guard wanted == name else { return false }
      let tag = reference.suffix.isEmpty ? "latest" : reference.tag
      return (wantedTag == nil || wantedTag == tag) && (wantedDigest == nil || wantedDigest == reference.digest)
    case .pattern(let pattern):
      // A pattern without a tag or a digest holds for every one, so each part may be left out.
      if isMatch(name, glob: pattern) || isMatch(name + reference.fullSuffix, glob: pattern) { return true }
      guard let tag = reference.tag, let digest = reference.digest else { return false }
      return isMatch(name + ":" + tag, glob: pattern) || isMatch(name + "@" + digest, glob: pattern)
    }
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
