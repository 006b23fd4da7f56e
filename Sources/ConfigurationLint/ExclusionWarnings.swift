// Warns about entries of `exclude` that can match no pod, because Kubernetes would refuse such names, and about
// redundant ones.

import JSON
import Policy

extension SwapPolicy {
  var exclusionWarnings: [ConfigurationWarning] {
    exclusions.indices.compactMap { i in
      let exclusion = exclusions[i]
      let earlier = exclusions[..<i].first {
        $0.subject == exclusion.subject && $0.labelKey == exclusion.labelKey && $0.matches(exclusion.pattern)
      }
      let repeated = earlier.map {
        "redundant: the entry at \($0.place.description) already excludes all of these pods"
      }
      guard let problem = exclusion.impossibility ?? repeated else { return nil }
      return ConfigurationWarning(place: exclusion.place, problem: problem)
    }
  }
}

extension Exclusion {
  /// Why no pod can match; `nil` if one may.
  fileprivate var impossibility: String? {
    switch subject {
    case .namespace:
      isPossible(pattern, longest: 63) { isLower($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
        ? nil : "can never match: \(quoted(pattern)) is not a namespace's name (lower-case letters, digits and -)"
    case .label:
      if !isLabelKey(labelKey) {
        "can never match: \(quoted(labelKey)) is not a label's key ([domain/]name)"
      } else {
        isPossible(pattern, longest: 63, allowsEmpty: true, isLabelByte)
          ? nil : "can never match: \(quoted(pattern)) is not a label's value (letters, digits, -, _ and .)"
      }
    case .owner: ownerImpossibility
    }
  }

  private var ownerImpossibility: String? {
    let parts = pattern.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(String.init)
    if parts.count == 3 {
      let remedy = quoted((parts[0] ?? "") + "/" + (parts[2] ?? ""))
      return "can never match: an owner is group/Kind, without a version; write for instance \(remedy)"
    }
    let isGood = parts.allSatisfy { part in
      isPossible(part ?? "", longest: 253) { isLabelByte($0) && $0 != UInt8(ascii: "_") }
    }
    return isGood && parts.count < 3
      ? nil : "can never match: \(quoted(pattern)) is not an owner (group/Kind or Kind)"
  }
}

/// Whether a pattern can match a text that has at most `longest` bytes, all of them allowed.
private func isPossible(
  _ pattern: String, longest: Int, allowsEmpty: Bool = false, _ isAllowed: (UInt8) -> Bool
) -> Bool {
  let fixed = pattern.utf8.filter { $0 != UInt8(ascii: "*") }
  return fixed.count <= longest && fixed.allSatisfy(isAllowed) && (allowsEmpty || !pattern.isEmpty)
}

/// Whether a text can be a label's key, a qualified name: `[DNS subdomain/]name`.
private func isLabelKey(_ key: String) -> Bool {
  let parts = key.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
  guard let name = parts.last, parts.count <= 2, (1...63).contains(name.count) else { return false }
  if parts.count == 2, !(1...253).contains(parts[0].count) { return false }
  return parts.allSatisfy { $0.allSatisfy(isLabelByte) }
}

private func isLabelByte(_ byte: UInt8) -> Bool {
  isLower(byte) || isDigit(byte) || (byte >= 0x41 && byte <= 0x5A) || byte == UInt8(ascii: "-")
    || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
}

private func isLower(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }
private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
