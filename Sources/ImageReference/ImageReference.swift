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
  /// The registry, `host[:port]`, as written, except that `index.docker.io` becomes `docker.io`; `nil` for the rare
  /// valid name whose first component looks like a domain and is none (`a_b.com/x`).
  public let domain: String?
  /// The repository within the registry, such as `library/nginx`.
  public let path: String
  /// The tag as written; `nil` when there is none.
  public let tag: String?
  /// The digest as written, `algorithm:hexadecimal`; `nil` when there is none.
  public let digest: String?

  init(domain: String?, path: String, tag: String?, digest: String?) {
    self.domain = domain
    self.path = path
    self.tag = tag
    self.digest = digest
  }

  /// Domain and path: `docker.io/library/nginx`.
  public var name: String {
    if let domain { domain + "/" + path } else { path }
  }

  /// The whole reference, with `:latest` where it has neither tag nor digest.
  public var full: String {
    name + suffix
  }

  /// What follows the name: `:tag`, `@digest` or both, `:latest` where the reference has neither.
  public var suffix: String {
    switch (tag, digest) {
    case (nil, nil): ":latest"
    case (let tag?, nil): ":" + tag
    case (nil, let digest?): "@" + digest
    case (let tag?, let digest?): ":" + tag + "@" + digest
    }
  }
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
