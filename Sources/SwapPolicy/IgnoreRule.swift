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

  /// - Throws: `InvalidName` with what is wrong about the entry.
  init(_ text: String, place: Place) throws(InvalidName) {
    self.text = text
    self.place = place
    if text.utf8.contains(UInt8(ascii: "*")) {
      match = .pattern(try canonicalPattern(text))
    } else {
      let reference = try parsed(text)
      guard let name = reference.canonicalName else {
        throw InvalidName("\(quoted(text)) names no registry: \"a_b.com\" is no host")
      }
      match = .image(name: name, tag: reference.tag, digest: reference.digest)
    }
  }

  /// Whether the rule holds for an image.
  ///
  /// - Parameters:
  ///   - name: the image's canonical name.
  ///   - reference: the image; without tag and digest its tag counts as `latest`.
  func matches(_ name: String, _ reference: ImageReference) -> Bool {
    let tag = reference.tag ?? (reference.digest == nil ? "latest" : nil)
    switch match {
    case .image(name, let wantedTag, let wantedDigest):
      return (wantedTag == nil || wantedTag == tag) && (wantedDigest == nil || wantedDigest == reference.digest)
    case .image: return false
    case .pattern(let pattern):
      // A pattern without a tag or a digest holds for every one, so each part may be left out.
      let tags = tag.map { ["", ":" + $0] } ?? [""]
      let digests = reference.digest.map { ["", "@" + $0] } ?? [""]
      return tags.contains { tag in digests.contains { isMatch(name + tag + $0, glob: pattern) } }
    }
  }
}

private func parsed(_ text: String) throws(InvalidName) -> ImageReference {
  do throws(ImageReferenceError) {
    return try ImageReference(text)
  } catch {
    throw InvalidName("\(quoted(text)) is not a valid image name: \(error.rawValue)")
  }
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
  let suffix = String(text[nameEnd...])
  guard name.utf8.contains(UInt8(ascii: "*")) else {
    guard let canonical = try parsed(name).canonicalName else {
      throw InvalidName("\(quoted(text)) names no registry")
    }
    return canonical + suffix
  }
  let first = Substring(name.utf8.prefix { $0 != UInt8(ascii: "/") })
  if first.utf8.contains(UInt8(ascii: "*")) { return text }
  guard let reference = try? ImageReference(String(first) + "/x"), let domain = reference.domain,
    reference.path == "x"
  else { return "docker.io/" + text }
  return canonicalRegistry(domain) + String(text[first.endIndex...])
}
