// IDs of images. A container runtime looks for an ID among the images of its node, and never pulls it from a registry.

import ImageReference

/// Whether an image name is the ID of an image: `sha256:` and 64 lower-case hexadecimal digits, or the digits alone.
///
/// The grammar of names reads the first as a tag of `docker.io/library/sha256`.
public func isImageID(_ image: String) -> Bool {
  let bytes = image.utf8.span
  guard bytes.count == 64 || bytes.count == 71 && isEqual(bytes.extracting(..<7), "sha256:") else { return false }
  for i in bytes.count - 64..<bytes.count {
    guard (0x30...0x39).contains(bytes[i]) || (0x61...0x66).contains(bytes[i]) else { return false }
  }
  return true
}
