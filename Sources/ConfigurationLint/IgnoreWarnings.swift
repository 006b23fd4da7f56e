// Warns about entries of `ignoreimages` that change no decision.

import Policy

extension SwapPolicy {
  var ignoreWarnings: [ConfigurationWarning] {
    ignored.indices.compactMap { i in
      let rule = ignored[i]
      let problem: String
      if let earlier = ignored[..<i].first(where: { $0.covers(rule) }) {
        problem = "redundant: the entry at \(earlier.place.description) already ignores all of these images"
      } else if let mirror = mirrors.first(where: { rule.isBelowTarget(of: $0) }) {
        problem = "has no effect: it is under the target of \(mirror.name), where images stay anyway"
      } else if !mirrors.contains(where: { rule.mayMatch(belowSourceOf: $0) }) {
        problem = "has no effect: no mirror's source matches such an image"
      } else {
        return nil
      }
      return ConfigurationWarning(place: rule.place, problem: problem)
    }
  }
}

extension IgnoreRule {
  /// Whether this rule ignores every image that another rule ignores.
  fileprivate func covers(_ other: IgnoreRule) -> Bool {
    let text = other.canonicalText
    if isMatch(text, glob: canonicalText) { return true }
    guard let image = wholeImage else { return false }
    return isMatch(text, glob: image + ":*") || isMatch(text, glob: image + "@*")
  }

  /// Whether every image that the rule ignores is under a mirror's target.
  fileprivate func isBelowTarget(of mirror: Mirror) -> Bool {
    let fixed = canonicalText.utf8.prefix { $0 != UInt8(ascii: "*") }
    if fixed.count == canonicalText.utf8.count { return mirror.targetCovers(name) }
    return !mirror.hasPlaceholder && fixed.starts(with: (mirror.canonicalTargetPrefix + "/").utf8)
  }

  /// Whether an image that the rule ignores may be under a mirror's source.
  fileprivate func mayMatch(belowSourceOf mirror: Mirror) -> Bool {
    if mirror.source == "*" {
      let registry = firstComponent(canonicalText)
      return registry.utf8.contains(UInt8(ascii: "*")) || !isLocal(registry: registry)
    }
    return ["", "/*", ":*", "@*"].contains { globsOverlap(canonicalText, mirror.source + $0) }
  }

  /// The image name of a rule without `*`, without tag and digest.
  private var name: String {
    let text = canonicalText
    let start = text.utf8.lastIndex(of: UInt8(ascii: "/")) ?? text.utf8.startIndex
    let end = text.utf8[start...].firstIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "@") }
    return String(text[..<(end ?? text.utf8.endIndex)])
  }
}
