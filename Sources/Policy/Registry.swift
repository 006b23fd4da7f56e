// Canonical names of registries: Docker Hub has four names, domains ignore case, and port 443 is the default.

import ImageReference

/// The name that the rules match: registry, path, tag and digest, with `:latest` if the image has neither tag nor
/// digest; `nil` for an image ID and for an invalid name.
public func normalizedName(of image: String) -> String? { isImageID(image) ? nil : wholeName(of: image) }

/// The same by the grammar alone, which takes `sha256:` and 64 hexadecimal digits for a name and a tag.
public func wholeName(of image: String) -> String? {
  guard let reference = try? ImageReference(image) else { return nil }
  return (reference.hasDomain ? reference.canonical : reference).full
}

extension ImageReference {
  /// The image under its canonical name. The image must have a domain.
  var canonical: ImageReference { isCanonical(full.utf8.span) ? self : renamed(canonicalName(name)) }
}

/// The canonical form of an image's `domain/path`. Names of the same image have the same canonical form.
package func canonicalName(_ name: String) -> String {
  let canonical = canonicalPrefix(name)
  let hub = "docker.io/"
  guard canonical.utf8.starts(with: hub.utf8), !canonical.utf8.dropFirst(hub.utf8.count).contains(slash) else {
    return canonical
  }
  return "docker.io/library/" + String(Substring(canonical.utf8.dropFirst(hub.utf8.count)))
}

/// The canonical form of `domain[/path]`: the domain in lower case and without `:443`, and `docker.io` for each name of
/// Docker Hub.
package func canonicalPrefix(_ name: String) -> String {
  if isCanonical(name.utf8.span) { return name }
  let domain = firstComponent(name)
  var registry = String(decoding: domain.utf8.map { isUpper($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  if registry.utf8.suffix(4).elementsEqual(":443".utf8) { registry = String(Substring(registry.utf8.dropLast(4))) }
  if registry == "index.docker.io" || registry == "registry-1.docker.io" || registry == "registry.hub.docker.com" {
    registry = "docker.io"
  }
  return registry + String(Substring(name.utf8.dropFirst(domain.utf8.count)))
}

/// Whether a name certainly is canonical, as most are: its domain has no upper case and no port, and is not as long as
/// one of Docker Hub's other names. `false` decides nothing.
private func isCanonical(_ name: Span<UInt8>) -> Bool {
  var end = 0
  while end < name.count, name[end] != slash {
    if isUpper(name[end]) || name[end] == UInt8(ascii: ":") { return false }
    end += 1
  }
  return end != 15 && end != 20 && end != 23
}

/// Whether the source `*` leaves this registry alone: localhost, and registries with a port.
package func isLocal(registry: Substring) -> Bool { isLocal(registry: registry.utf8.span) }

func isLocal(registry: Span<UInt8>) -> Bool {
  if isEqual(registry, "localhost") { return true }
  if registry.isEmpty || registry[registry.count - 1] == UInt8(ascii: "]") { return false }
  for i in registry.indices where registry[i] == UInt8(ascii: ":") { return true }
  return false
}

/// Whether a name equals a prefix or is below it: below `docker.io/bit` is `docker.io/bit/x`, but not
/// `docker.io/bitnami/x`.
func isBelow(_ name: Span<UInt8>, prefix: Span<UInt8>) -> Bool {
  starts(name, with: prefix) && (name.count == prefix.count || name[prefix.count] == slash)
}

/// Whether bytes begin with a prefix.
func starts(_ bytes: Span<UInt8>, with prefix: Span<UInt8>) -> Bool {
  guard bytes.count >= prefix.count else { return false }
  var i = 0
  while i < prefix.count, bytes[i] == prefix[i] { i += 1 }
  return i == prefix.count
}

/// The text before the first slash.
package func firstComponent(_ name: String) -> Substring { Substring(name.utf8.prefix { $0 != slash }) }

let slash = UInt8(ascii: "/")

private func isUpper(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5A }
