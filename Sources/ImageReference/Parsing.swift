// The parser of the grammar in ImageReference.swift: one pass of small functions over the bytes of the name.

extension ImageReference {
  /// Parses and normalises an image name, as `ParseNormalizedNamed` of distribution/reference does.
  ///
  /// - Parameter written: an image name as a user writes it, such as `nginx:1.27` or `quay.io/org/app@sha256:...`.
  /// - Throws: `ImageReferenceError` when the text does not follow the grammar.
  public init(_ written: String) throws(ImageReferenceError) {
    let bytes = Array(written.utf8)
    if bytes.isEmpty { throw .empty }
    if bytes.count == 64, bytes.allSatisfy(isLowerHexadecimal) { throw .identifier }

    let (domain, remainder) = splitDomain(bytes)
    let repositoryEnd = remainder.firstIndex(of: UInt8(ascii: ":")) ?? remainder.endIndex
    if remainder[..<repositoryEnd].contains(where: isUpper) { throw .uppercase }

    let name = remainder.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "@") }
    let (tag, digest) = try splitSuffix(remainder[name.endIndex...])
    guard isPath(name) else { throw .format }

    if isDomain(domain) {
      self.init(domain: text(of: domain), path: text(of: name), tag: tag.map(text(of:)), digest: digest.map(text(of:)))
    } else if isPath(domain) {
      // The first component looks like a domain and is none: no registry can be told from such a name.
      let path = text(of: domain) + "/" + text(of: name)
      self.init(domain: nil, path: path, tag: tag.map(text(of:)), digest: digest.map(text(of:)))
    } else {
      throw .format
    }
    if path.utf8.count > 255 { throw .tooLong }
    if let digest { try checkDigest(digest) }
  }
}

private let dockerHub = Array("docker.io".utf8)
private let dockerHubLegacy = Array("index.docker.io".utf8)
private let localhost = Array("localhost".utf8)
private let officialPrefix = Array("library/".utf8)

/// The domain and what follows its slash; short names get `docker.io` and `library/`.
private func splitDomain(_ bytes: [UInt8]) -> (domain: ArraySlice<UInt8>, remainder: ArraySlice<UInt8>) {
  guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")) else { return (dockerHub[...], officialPrefix + bytes[...]) }
  let first = bytes[..<slash]
  let rest = bytes[(slash + 1)...]
  let namesDomain =
    first.elementsEqual(localhost)
    || first.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") || isUpper($0) }
  guard namesDomain else { return (dockerHub[...], bytes[...]) }
  guard first.elementsEqual(dockerHub) || first.elementsEqual(dockerHubLegacy) else { return (first, rest) }
  return (dockerHub[...], rest.contains(UInt8(ascii: "/")) ? rest : officialPrefix + rest)
}

/// The tag and digest in `[:tag][@digest]`. Throws `.format` for anything else.
private func splitSuffix(
  _ suffix: ArraySlice<UInt8>
) throws(ImageReferenceError) -> (tag: ArraySlice<UInt8>?, digest: ArraySlice<UInt8>?) {
  var rest = suffix
  var tag: ArraySlice<UInt8>?
  if rest.first == UInt8(ascii: ":") {
    let written = rest.dropFirst().prefix { $0 != UInt8(ascii: "@") }
    guard isTag(written) else { throw .format }
    tag = written
    rest = rest[written.endIndex...]
  }
  guard rest.first == UInt8(ascii: "@") else {
    guard rest.isEmpty else { throw .format }
    return (tag, nil)
  }
  return (tag, rest.dropFirst())
}

private func isDomain(_ text: ArraySlice<UInt8>) -> Bool {
  var host = text
  if text.first == UInt8(ascii: "[") {
    guard let close = text.firstIndex(of: UInt8(ascii: "]")) else { return false }
    let address = text[(text.startIndex + 1)..<close]
    guard !address.isEmpty, address.allSatisfy({ isHexadecimal($0) || $0 == UInt8(ascii: ":") }) else { return false }
    host = text[(close + 1)...]
    return host.isEmpty || isPort(host)
  }
  if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
    guard isPort(text[colon...]) else { return false }
    host = text[..<colon]
  }
  return host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { component in
    guard let first = component.first, let last = component.last else { return false }
    return isAlphanumeric(first) && isAlphanumeric(last)
      && component.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
  }
}

/// Whether the text is `:` and at least one digit.
private func isPort(_ text: ArraySlice<UInt8>) -> Bool {
  text.first == UInt8(ascii: ":") && text.count > 1 && text.dropFirst().allSatisfy(isDigit)
}

private func isPath(_ text: ArraySlice<UInt8>) -> Bool {
  text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy(isPathComponent)
}

private func isPathComponent(_ text: ArraySlice<UInt8>) -> Bool {
  var rest = text
  while true {
    let word = rest.prefix { isLower($0) || isDigit($0) }
    if word.isEmpty { return false }
    rest = rest[word.endIndex...]
    guard let separator = rest.first else { return true }
    let run = rest.prefix { $0 == separator }
    switch separator {
    case UInt8(ascii: "."): if run.count > 1 { return false }
    case UInt8(ascii: "_"): if run.count > 2 { return false }
    case UInt8(ascii: "-"): break
    default: return false
    }
    rest = rest[run.endIndex...]
  }
}

private func isTag(_ text: ArraySlice<UInt8>) -> Bool {
  guard let first = text.first, text.count <= 128, isAlphanumeric(first) || first == UInt8(ascii: "_") else { return false }
  return text.allSatisfy { byte in
    isAlphanumeric(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
  }
}

private func checkDigest(_ digest: ArraySlice<UInt8>) throws(ImageReferenceError) {
  guard let colon = digest.firstIndex(of: UInt8(ascii: ":")) else { throw .format }
  let length =
    switch text(of: digest[..<colon]) {
    case "sha256": 64
    case "sha384": 96
    case "sha512": 128
    default: throw .digestAlgorithm
    }
  let hexadecimal = digest[(colon + 1)...]
  guard hexadecimal.count == length, hexadecimal.allSatisfy(isLowerHexadecimal) else { throw .digestFormat }
}

private func text(of bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
private func isLower(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }
private func isUpper(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5A }
private func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLower(byte) || isUpper(byte) }
private func isLowerHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || (byte >= 0x61 && byte <= 0x66) }
private func isHexadecimal(_ byte: UInt8) -> Bool { isLowerHexadecimal(byte) || (byte >= 0x41 && byte <= 0x46) }
