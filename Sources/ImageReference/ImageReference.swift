// The grammar of image names, as the reference library (distribution/reference) defines it:
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
// Short names are read as Docker reads them: the first component is a domain when it is `localhost`, contains `.`
// or `:`, or has an upper-case letter; otherwise the domain is `docker.io`, and a single name gets `library/`.

/// A parsed and normalised image name.
///
/// `nginx` parses to domain `docker.io`, path `library/nginx`, with neither tag nor digest. Every part is ASCII.
public struct ImageReference: Equatable, Sendable {
  /// Domain and path: `docker.io/library/nginx`.
  public let name: String
  /// What follows the name as written: `:tag`, `@digest`, both or nothing.
  public let suffix: String
  /// How many bytes of the name are the domain; 0 without one.
  private let domainCount: Int
  /// How many bytes of the suffix are `:tag`.
  private let tagCount: Int

  init(name: String, domainCount: Int, suffix: String, tagCount: Int) {
    self.name = name
    self.domainCount = domainCount
    self.suffix = suffix
    self.tagCount = tagCount
  }

  /// Whether a registry can be told from the name.
  public var hasDomain: Bool { domainCount > 0 }

  /// The registry, `host[:port]`, as written, except that `index.docker.io` becomes `docker.io`; `nil` for the rare
  /// valid name whose first component looks like a domain and is none (`a_b.com/x`).
  public var domain: String? {
    domainCount == 0 ? nil : String(Substring(name.utf8.prefix(domainCount)))
  }

  /// The repository within the registry, such as `library/nginx`.
  public var path: String {
    domainCount == 0 ? name : String(Substring(name.utf8.dropFirst(domainCount + 1)))
  }

  /// The tag as written; `nil` when there is none.
  public var tag: String? {
    tagCount == 0 ? nil : String(Substring(suffix.utf8.prefix(tagCount).dropFirst()))
  }

  /// The digest as written, `algorithm:hexadecimal`; `nil` when there is none.
  public var digest: String? {
    tagCount == suffix.utf8.count ? nil : String(Substring(suffix.utf8.dropFirst(tagCount + 1)))
  }

  /// The suffix, and `:latest` where the reference has neither tag nor digest.
  public var fullSuffix: String { suffix.isEmpty ? ":latest" : suffix }

  /// The whole reference: name and full suffix.
  public var full: String { name + fullSuffix }
}

/// Whether the first component of a name is meant as a registry: it is `localhost`, or contains `.`, `:` or an
/// upper-case letter.
public func namesDomain(_ component: Span<UInt8>) -> Bool {
  for i in 0..<component.count {
    let byte = component[i]
    if byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":") || (byte >= 0x41 && byte <= 0x5A) { return true }
  }
  let localhost = "localhost".utf8.span
  guard component.count == localhost.count else { return false }
  for i in 0..<localhost.count where component[i] != localhost[i] { return false }
  return true
}

/// Why a text is no image reference.
public enum ImageReferenceError: String, Error, Sendable {
  case empty = "it is empty"
  case format = "it does not follow the grammar [domain/]path[:tag][@digest]"
  case uppercase = "the repository must be lower-case"
  case tooLong = "the repository is longer than 255 characters"
  case identifier = "64 hexadecimal digits are an image ID, not a name"
  case digestAlgorithm = "the digest's algorithm is not sha256, sha384 or sha512"
  case digestFormat = "the digest is not lower-case hexadecimal of its algorithm's length"
}
