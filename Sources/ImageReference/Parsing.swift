// Parses the grammar of ImageReference.swift with a few loops over the bytes of the name.

extension ImageReference {
  /// Parses and normalises an image name, like `ParseNormalizedNamed` of distribution/reference.
  ///
  /// - Parameter written: an image name as a user writes it, such as `nginx:1.27` or `quay.io/org/app@sha256:...`.
  /// - Throws: `ImageReferenceError` when the name does not follow the grammar.
  public init(_ written: String) throws(ImageReferenceError) {
    let bytes = written.utf8.span
    if bytes.isEmpty { throw .empty }
    if bytes.count == 64, isLowerHexadecimal(bytes) { throw .identifier }

    let domainEnd = endOfDomain(bytes)
    let start = domainEnd.map { $0 + 1 } ?? 0
    guard let end = endOfPath(bytes, start) else { throw faultOfPath(bytes, start) }

    var full = written
    var domainCount = domainEnd ?? 0
    if isDockerHub(bytes, domainEnd) {
      domainCount = 9
      let isSingle = endOfComponent(bytes, from: start) >= end
      if isSingle || domainEnd != domainCount {
        full = isSingle ? "docker.io/library/" : "docker.io/"
        full += start == 0 ? written : String(Substring(written.utf8.dropFirst(start)))
      }
    } else if !isDomain(bytes, domainCount) {
      // The first component looks like a domain but is not one. The name is valid if that is a valid path component.
      guard endOfPath(bytes.extracting(..<domainCount), 0) == domainCount else { throw .format }
      domainCount = 0
    }
    let nameCount = full.utf8.count - (bytes.count - end)
    if nameCount - (domainCount == 0 ? 0 : domainCount + 1) > 255 { throw .tooLong }

    let tagEnd = try endOfTag(bytes, end)
    guard try endOfDigest(bytes, tagEnd) == bytes.count else { throw .format }
    let isBare = end == bytes.count
    if isBare { full += ":latest" }
    self.init(full: full, nameCount: nameCount, domainCount: domainCount, tagCount: tagEnd - end, isBare: isBare)
  }
}

/// The offset after the first component if it stands for a domain; `nil` for a short name.
private func endOfDomain(_ bytes: Span<UInt8>) -> Int? {
  let end = endOfComponent(bytes)
  return end < bytes.count && namesDomain(bytes.extracting(..<end)) ? end : nil
}

/// Whether a name belongs to `docker.io`: it has no domain, or that one, or its old name `index.docker.io`.
private func isDockerHub(_ bytes: Span<UInt8>, _ domainEnd: Int?) -> Bool {
  guard let domainEnd else { return true }
  let domain = bytes.extracting(..<domainEnd)
  return isEqual(domain, "docker.io") || isEqual(domain, "index.docker.io")
}

/// Whether the bytes up to an offset are `host[:port]`.
private func isDomain(_ bytes: Span<UInt8>, _ end: Int) -> Bool {
  var i = 0
  if end > 0, bytes[0] == UInt8(ascii: "[") {
    i = 1
    while i < end, isHexadecimal(bytes[i]) || bytes[i] == UInt8(ascii: ":") { i += 1 }
    guard i > 1, i < end, bytes[i] == UInt8(ascii: "]") else { return false }
    i += 1
  } else {
    while true {
      let start = i
      while i < end, isAlphanumeric(bytes[i]) || bytes[i] == UInt8(ascii: "-") { i += 1 }
      guard i > start, bytes[start] != UInt8(ascii: "-"), bytes[i - 1] != UInt8(ascii: "-") else { return false }
      guard i < end, bytes[i] == UInt8(ascii: ".") else { break }
      i += 1
    }
  }
  if i == end { return true }
  let port = i + 1
  guard bytes[i] == UInt8(ascii: ":"), port < end else { return false }
  for i in port..<end where !isDigit(bytes[i]) { return false }
  return true
}

/// The offset after the path: at `:`, `@` or the end of the name; `nil` if the path is not valid.
private func endOfPath(_ bytes: Span<UInt8>, _ start: Int) -> Int? {
  var i = start
  while true {
    let word = i
    while i < bytes.count, isLower(bytes[i]) || isDigit(bytes[i]) { i += 1 }
    if i == word { return nil }
    if i == bytes.count { return i }
    let separator = bytes[i]
    let run = i
    while i < bytes.count, bytes[i] == separator { i += 1 }
    switch separator {
    case UInt8(ascii: ":"), UInt8(ascii: "@"): return run
    case UInt8(ascii: "/"), UInt8(ascii: "."): if i - run > 1 { return nil }
    case UInt8(ascii: "_"): if i - run > 2 { return nil }
    case UInt8(ascii: "-"): break
    default: return nil
    }
  }
}

/// Why the bytes from an offset are not a valid path.
private func faultOfPath(_ bytes: Span<UInt8>, _ start: Int) -> ImageReferenceError {
  var i = start
  while i < bytes.count, bytes[i] != UInt8(ascii: ":"), bytes[i] != UInt8(ascii: "@") {
    if isUpper(bytes[i]) { return .uppercase }
    i += 1
  }
  return .format
}

/// The offset after `:tag`; `start` if there is no tag.
private func endOfTag(_ bytes: Span<UInt8>, _ start: Int) throws(ImageReferenceError) -> Int {
  guard start < bytes.count, bytes[start] == UInt8(ascii: ":") else { return start }
  var i = start + 1
  while i < bytes.count, isTagByte(bytes[i], isFirst: i == start + 1) { i += 1 }
  guard (1...128).contains(i - start - 1) else { throw .format }
  return i
}

/// The offset after `@digest`; `start` if there is no digest.
private func endOfDigest(_ bytes: Span<UInt8>, _ start: Int) throws(ImageReferenceError) -> Int {
  guard start < bytes.count, bytes[start] == UInt8(ascii: "@") else { return start }
  var colon = start + 1
  while colon < bytes.count, bytes[colon] != UInt8(ascii: ":") { colon += 1 }
  let algorithm = bytes.extracting((start + 1)..<colon)
  let length =
    isEqual(algorithm, "sha256") ? 64 : isEqual(algorithm, "sha384") ? 96 : isEqual(algorithm, "sha512") ? 128 : 0
  if length == 0 { throw .digestAlgorithm }
  guard bytes.count - colon - 1 == length, isLowerHexadecimal(bytes.extracting((colon + 1)...)) else {
    throw .digestFormat
  }
  return bytes.count
}

private func isLowerHexadecimal(_ bytes: Span<UInt8>) -> Bool {
  for i in bytes.indices where !isLowerHexadecimal(bytes[i]) { return false }
  return true
}

private func isTagByte(_ byte: UInt8, isFirst: Bool) -> Bool {
  isAlphanumeric(byte) || byte == UInt8(ascii: "_")
    || (!isFirst && (byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")))
}

private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
private func isLower(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }
private func isUpper(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5A }
private func isAlphanumeric(_ byte: UInt8) -> Bool { isLower(byte | 0x20) || isDigit(byte) }
private func isLowerHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || (byte >= 0x61 && byte <= 0x66) }
private func isHexadecimal(_ byte: UInt8) -> Bool { isLowerHexadecimal(byte) || (byte >= 0x41 && byte <= 0x46) }
