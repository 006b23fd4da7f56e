// The parser of the grammar in ImageReference.swift: a few loops over the bytes of the name.

extension ImageReference {
  /// Parses and normalises an image name, as `ParseNormalizedNamed` of distribution/reference does.
  ///
  /// - Parameter written: an image name as a user writes it, such as `nginx:1.27` or `quay.io/org/app@sha256:...`.
  /// - Throws: `ImageReferenceError` when the name does not follow the grammar.
  public init(_ written: String) throws(ImageReferenceError) {
    let bytes = Array(written.utf8)
    if bytes.isEmpty { throw .empty }
    if bytes.count == 64, bytes.allSatisfy(isLowerHexadecimal) { throw .identifier }

    let domainEnd = endOfDomain(bytes)
    let start = domainEnd.map { $0 + 1 } ?? 0
    var end = start
    while end < bytes.count, bytes[end] != UInt8(ascii: ":"), bytes[end] != UInt8(ascii: "@") {
      if isUpper(bytes[end]) { throw .uppercase }
      end += 1
    }
    guard isPath(bytes, start..<end) else { throw .format }

    var name: String
    var domainCount: Int
    if isDockerHub(bytes, domainEnd) {
      let isSingle = !bytes[start..<end].contains(UInt8(ascii: "/"))
      name = (isSingle ? "docker.io/library/" : "docker.io/") + text(bytes, start..<end)
      domainCount = 9
    } else {
      name = text(bytes, 0..<end)
      domainCount = domainEnd ?? 0
      if !isDomain(bytes, domainCount) {
        // What looks like a domain and is none: no registry can be told from such a name.
        guard isPath(bytes, 0..<domainCount) else { throw .format }
        domainCount = 0
      }
    }
    if name.utf8.count - (domainCount == 0 ? 0 : domainCount + 1) > 255 { throw .tooLong }

    let tagEnd = try endOfTag(bytes, end)
    guard try endOfDigest(bytes, tagEnd) == bytes.count else { throw .format }
    self.init(
      name: name, domainCount: domainCount, suffix: text(bytes, end..<bytes.count), tagCount: tagEnd - end)
  }
}

/// Where the first component ends if it names a domain; `nil` for a short name.
private func endOfDomain(_ bytes: [UInt8]) -> Int? {
  guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")) else { return nil }
  return namesDomain(bytes.span.extracting(..<slash)) ? slash : nil
}

/// Whether a name is one of `docker.io`: it has no domain, or that one, or its old name.
private func isDockerHub(_ bytes: [UInt8], _ domainEnd: Int?) -> Bool {
  guard let domainEnd else { return true }
  return (domainEnd == 9 && bytes.starts(with: "docker.io".utf8))
    || (domainEnd == 15 && bytes.starts(with: "index.docker.io".utf8))
}

/// Whether the bytes up to an offset are `host[:port]`.
private func isDomain(_ bytes: [UInt8], _ end: Int) -> Bool {
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

/// Whether a range is a path: words of lower-case letters and digits with one separator between each two.
private func isPath(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
  var i = range.lowerBound
  while true {
    let word = i
    while i < range.upperBound, isLower(bytes[i]) || isDigit(bytes[i]) { i += 1 }
    if i == word { return false }
    if i == range.upperBound { return true }
    let separator = bytes[i]
    let run = i
    while i < range.upperBound, bytes[i] == separator { i += 1 }
    switch separator {
    case UInt8(ascii: "/"), UInt8(ascii: "."): if i - run > 1 { return false }
    case UInt8(ascii: "_"): if i - run > 2 { return false }
    case UInt8(ascii: "-"): break
    default: return false
    }
  }
}

/// Where `:tag` ends; where it would begin, if there is none.
private func endOfTag(_ bytes: [UInt8], _ start: Int) throws(ImageReferenceError) -> Int {
  guard start < bytes.count, bytes[start] == UInt8(ascii: ":") else { return start }
  var i = start + 1
  while i < bytes.count, isTagByte(bytes[i], isFirst: i == start + 1) { i += 1 }
  guard (1...128).contains(i - start - 1) else { throw .format }
  return i
}

/// Where `@digest` ends; where it would begin, if there is none.
private func endOfDigest(_ bytes: [UInt8], _ start: Int) throws(ImageReferenceError) -> Int {
  guard start < bytes.count, bytes[start] == UInt8(ascii: "@") else { return start }
  var colon = start + 1
  while colon < bytes.count, bytes[colon] != UInt8(ascii: ":") { colon += 1 }
  let length =
    switch text(bytes, (start + 1)..<colon) {
    case "sha256": 64
    case "sha384": 96
    case "sha512": 128
    default: throw .digestAlgorithm
    }
  guard bytes.count - colon - 1 == length else { throw .digestFormat }
  for i in (colon + 1)..<bytes.count where !isLowerHexadecimal(bytes[i]) { throw .digestFormat }
  return bytes.count
}

private func text(_ bytes: [UInt8], _ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

private func isTagByte(_ byte: UInt8, isFirst: Bool) -> Bool {
  isAlphanumeric(byte) || byte == UInt8(ascii: "_")
    || (!isFirst && (byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")))
}

private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
private func isLower(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }
private func isUpper(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5A }
private func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLower(byte) || isUpper(byte) }
private func isLowerHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || (byte >= 0x61 && byte <= 0x66) }
private func isHexadecimal(_ byte: UInt8) -> Bool { isLowerHexadecimal(byte) || (byte >= 0x41 && byte <= 0x46) }
