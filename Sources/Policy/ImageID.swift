// Recognises image IDs. A container runtime looks for an ID among the images of its node and never pulls it.

import ImageReference

/// Whether an image name is an image ID: `sha256:` and 64 lower-case hexadecimal digits, or the digits alone.
///
/// By the grammar of image names, the first form would be a tag of `docker.io/library/sha256`.
public func isImageID(_ image: String) -> Bool {
  let bytes = image.utf8.span
  guard bytes.count == 64 || bytes.count == 71 && isEqual(bytes.extracting(..<7), "sha256:") else { return false }
  for i in bytes.count - 64..<bytes.count {
    guard (0x30...0x39).contains(bytes[i]) || (0x61...0x66).contains(bytes[i]) else { return false }
  }
  return true
}
