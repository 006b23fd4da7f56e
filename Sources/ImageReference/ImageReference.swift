// The grammar of image names, as the library distribution/reference defines it:
//
//   reference        := name [ ":" tag ] [ "@" digest ]
//   name             := [ domain "/" ] path
//   domain           := host [ ":" port ]
//   host             := domain-component { "." domain-component } | "[" IPv6 "]"
//   domain-component := letter-or-digit [ { letter-or-digit | "-" } letter-or-digit ]
//   port             := digit { digit }
//   path             := path-component { "/" path-component }                      at most 255 bytes
//   path-component   := alphanumeric { separator alphanumeric }
//   alphanumeric     := lower-case letter or digit, one or more
//   separator        := "." | "_" | "__" | one or more "-"
//   tag              := [A-Za-z0-9_] { [A-Za-z0-9_.-] }                            at most 128 bytes
//   digest           := ("sha256" | "sha384" | "sha512") ":" lower-case hexadecimal of that algorithm's length
//
// Short names are read as Docker reads them. The first component is a domain if it is `localhost`, contains `.` or `:`,
// or has an upper-case letter. Otherwise the domain is `docker.io`, and a path of one component gets `library/`.

/// A parsed and normalised image name.
///
/// `nginx` has the domain `docker.io`, the path `library/nginx`, and neither tag nor digest. All parts are ASCII.
public struct ImageReference: Equatable, Sendable {
  /// The whole reference: name, tag and digest, with `:latest` if it was written with neither tag nor digest.
  public let full: String
  /// The length of the name in `full`, in bytes.
  package let nameCount: Int
  /// The length of the domain in `full`, in bytes; 0 without a domain.
  private let domainCount: Int
  /// The length of `:tag` in `full`, in bytes; 0 if no tag was written.
  private let tagCount: Int
  /// Whether the reference was written with neither tag nor digest.
  private let isBare: Bool

  init(full: String, nameCount: Int, domainCount: Int, tagCount: Int, isBare: Bool) {
    self.full = full
    self.nameCount = nameCount
    self.domainCount = domainCount
    self.tagCount = tagCount
    self.isBare = isBare
  }

  /// A reference with the same tag and digest under another name. That name must have a domain.
  package func renamed(_ name: String) -> ImageReference {
    ImageReference(
      full: name + fullSuffix, nameCount: name.utf8.count, domainCount: endOfComponent(name.utf8.span),
      tagCount: tagCount, isBare: isBare)
  }

  /// Domain and path: `docker.io/library/nginx`.
  public var name: String { text(0, nameCount) }

  /// The tag and digest as written: `:tag`, `@digest`, `:tag@digest` or nothing.
  public var suffix: String { isBare ? "" : fullSuffix }

  /// Whether the name has a valid domain.
  public var hasDomain: Bool { domainCount > 0 }

  /// The registry, `host[:port]`, as written, except that `index.docker.io` becomes `docker.io`; `nil` for the rare
  /// valid name whose first component looks like a domain but is not one (`a_b.com/x`).
  public var domain: String? { hasDomain ? text(0, domainCount) : nil }

  /// The repository within the registry, such as `library/nginx`; the whole name if it has no domain.
  public var path: String { hasDomain ? text(domainCount + 1, nameCount) : name }

  /// The tag as written, without the colon; `nil` if none was written.
  public var tag: String? { tagCount == 0 ? nil : text(nameCount + 1, nameCount + tagCount) }

  /// The digest as written, `algorithm:hexadecimal`; `nil` if none was written.
  public var digest: String? {
    let start = nameCount + tagCount
    return isBare || start == full.utf8.count ? nil : text(start + 1, full.utf8.count)
  }

  /// The suffix, or `:latest` if the reference was written with neither tag nor digest.
  public var fullSuffix: String { text(nameCount, full.utf8.count) }

  /// The part of `full` between two offsets.
  private func text(_ start: Int, _ end: Int) -> String { String(Substring(full.utf8.prefix(end).dropFirst(start))) }
}

/// Whether the first component of a name stands for a registry: it is `localhost`, or contains `.`, `:` or an
/// upper-case letter.
public func namesDomain(_ component: Span<UInt8>) -> Bool {
  for i in 0..<component.count {
    let byte = component[i]
    if byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":") || (byte >= 0x41 && byte <= 0x5A) { return true }
  }
  return isEqual(component, "localhost")
}

/// The offset after the component of a name that begins at `start`.
package func endOfComponent(_ name: Span<UInt8>, from start: Int = 0) -> Int {
  var end = start
  while end < name.count, name[end] != slash { end += 1 }
  return end
}

/// Whether bytes are the UTF-8 of a text.
package func isEqual(_ bytes: Span<UInt8>, _ text: String) -> Bool {
  let text = text.utf8.span
  guard bytes.count == text.count else { return false }
  for i in bytes.indices where bytes[i] != text[i] { return false }
  return true
}

private let slash = UInt8(ascii: "/")

/// Why a text is not a valid image name.
public enum ImageReferenceError: String, Error, Sendable {
  case empty = "it is empty"
  case format = "it does not follow the grammar [domain/]path[:tag][@digest]"
  case uppercase = "the repository must be lower-case"
  case tooLong = "the repository is longer than 255 characters"
  case identifier = "64 hexadecimal digits are an image ID, not a name"
  case digestAlgorithm = "the digest's algorithm is not sha256, sha384 or sha512"
  case digestFormat = "the digest is not lower-case hexadecimal of its algorithm's length"
}
