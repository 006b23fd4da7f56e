// Which registry a domain means: Docker Hub has four names, domains ignore case, and port 443 is the default.

import ImageReference

/// The name under which an image is matched: registry, path, and `:latest` where it has neither tag nor digest; `nil`
/// for an ID, and for a name that is not valid.
public func normalizedName(of image: String) -> String? { isImageID(image) ? nil : wholeName(of: image) }

/// The same by the grammar alone, to which `sha256:` and 64 hexadecimal digits are a name.
public func wholeName(of image: String) -> String? {
  guard let reference = try? ImageReference(image) else { return nil }
  return (reference.hasDomain ? reference.canonical : reference).full
}

extension ImageReference {
  /// The image under the one form of its name, for one that has a domain.
  var canonical: ImageReference { isCanonical(full.utf8.span) ? self : renamed(canonicalName(name)) }
}

/// The one form of an image's `domain/path`, so that equal images have equal names.
package func canonicalName(_ name: String) -> String {
  let canonical = canonicalPrefix(name)
  let hub = "docker.io/"
  guard canonical.utf8.starts(with: hub.utf8), !canonical.utf8.dropFirst(hub.utf8.count).contains(slash) else {
    return canonical
  }
  return "docker.io/library/" + String(Substring(canonical.utf8.dropFirst(hub.utf8.count)))
}

/// The one form of `domain[/path]`: the domain in lower case, without `:443`, `docker.io` for each of its names.
func canonicalPrefix(_ name: String) -> String {
  if isCanonical(name.utf8.span) { return name }
  let domain = firstComponent(name)
  var registry = String(decoding: domain.utf8.map { isUpper($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  if registry.utf8.suffix(4).elementsEqual(":443".utf8) { registry = String(Substring(registry.utf8.dropLast(4))) }
  if registry == "index.docker.io" || registry == "registry-1.docker.io" || registry == "registry.hub.docker.com" {
    registry = "docker.io"
  }
  return registry + String(Substring(name.utf8.dropFirst(domain.utf8.count)))
}

/// Whether a name surely is in its one form already, as most are: no upper case, no port, not as long as an alias.
private func isCanonical(_ name: Span<UInt8>) -> Bool {
  var end = 0
  while end < name.count, name[end] != slash {
    if isUpper(name[end]) || name[end] == UInt8(ascii: ":") { return false }
    end += 1
  }
  return end != 15 && end != 20 && end != 23
}

/// Whether the source `*` leaves this registry alone: localhost, and those with a port.
package func isLocal(registry: Substring) -> Bool { isLocal(registry: registry.utf8.span) }

func isLocal(registry: Span<UInt8>) -> Bool {
  if isEqual(registry, "localhost") { return true }
  if registry.isEmpty || registry[registry.count - 1] == UInt8(ascii: "]") { return false }
  for i in registry.indices where registry[i] == UInt8(ascii: ":") { return true }
  return false
}

/// Whether a name is a prefix or lies below it: `docker.io/bit` holds `docker.io/bit/x`, not `docker.io/bitnami/x`.
func lies(_ name: Span<UInt8>, under prefix: Span<UInt8>) -> Bool {
  starts(name, with: prefix) && (name.count == prefix.count || name[prefix.count] == slash)
}

/// Whether bytes begin with others.
func starts(_ bytes: Span<UInt8>, with prefix: Span<UInt8>) -> Bool {
  guard bytes.count >= prefix.count else { return false }
  var i = 0
  while i < prefix.count, bytes[i] == prefix[i] { i += 1 }
  return i == prefix.count
}

/// What stands before the first slash.
package func firstComponent(_ name: String) -> Substring { Substring(name.utf8.prefix { $0 != slash }) }

let slash = UInt8(ascii: "/")

private func isUpper(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5A }
