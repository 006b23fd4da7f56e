// Which registry a domain means: Docker Hub has four names, domains ignore case, and port 443 is the default.

import ImageReference

/// The name under which an image is matched: registry, path, and `:latest` where it has neither tag nor digest; `nil`
/// for a name that is not valid.
public func normalizedName(of image: String) -> String? {
  guard let reference = try? ImageReference(image) else { return nil }
  return (reference.canonicalName ?? reference.name) + reference.suffix
}

/// The one name of a registry: lower-case, without `:443`, `docker.io` for each name of Docker Hub.
func canonicalRegistry(_ domain: some StringProtocol) -> String {
  var bytes = domain.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
  if bytes.suffix(4).elementsEqual(":443".utf8) { bytes.removeLast(4) }
  switch String(decoding: bytes, as: UTF8.self) {
  case "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com": return "docker.io"
  case let registry: return registry
  }
}

/// Whether the source `*` leaves this registry alone: localhost, and those with a port.
func isLocal(registry: String) -> Bool {
  registry == "localhost" || (registry.utf8.last != UInt8(ascii: "]") && registry.utf8.contains(UInt8(ascii: ":")))
}

extension ImageReference {
  /// Registry and path with the registry's one name, so that equal images have equal names; `nil` without a domain.
  var canonicalName: String? {
    guard let domain else { return nil }
    let registry = canonicalRegistry(domain)
    if registry == "docker.io", !path.utf8.contains(UInt8(ascii: "/")) { return "docker.io/library/" + path }
    return registry + "/" + path
  }
}
