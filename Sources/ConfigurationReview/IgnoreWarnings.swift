// Entries of `ignoreimages` that change no decision.

import SwapPolicy

extension SwapPolicy {
  var ignoreWarnings: [ConfigurationWarning] {
    ignored.indices.compactMap { i in
      let rule = ignored[i]
      let problem: String
      if let earlier = ignored[..<i].first(where: { $0.covers(rule) }) {
        problem = "says nothing new: the entry at \(earlier.place.description) ignores all of these images"
      } else if let mirror = mirrors.first(where: { rule.lies(underTargetOf: $0) }) {
        problem = "can never matter: it lies under the target of \(mirror.name), where images stay anyway"
      } else if !mirrors.contains(where: { rule.mayMatch(underSourceOf: $0) }) {
        problem = "can never matter: no mirror's source covers such an image"
      } else {
        return nil
      }
      return ConfigurationWarning(place: rule.place, problem: problem)
    }
  }
}

extension IgnoreRule {
  /// Whether every image that another rule ignores is ignored by this one.
  fileprivate func covers(_ other: IgnoreRule) -> Bool {
    let text = other.canonicalText
    if isMatch(text, glob: canonicalText) { return true }
    guard let image = wholeImage else { return false }
    return isMatch(text, glob: image + ":*") || isMatch(text, glob: image + "@*")
  }

  /// Whether every image of the rule lies under a target.
  fileprivate func lies(underTargetOf mirror: Mirror) -> Bool {
    let fixed = canonicalText.utf8.prefix { $0 != UInt8(ascii: "*") }
    if fixed.count == canonicalText.utf8.count { return mirror.holds(name) }
    return !mirror.hasPlaceholder && fixed.starts(with: (mirror.canonicalHead + "/").utf8)
  }

  /// Whether an image may match the rule and lie under a mirror's source.
  fileprivate func mayMatch(underSourceOf mirror: Mirror) -> Bool {
    if mirror.source == "*" {
      let registry = firstComponent(canonicalText)
      return registry.utf8.contains(UInt8(ascii: "*")) || !isLocal(registry: registry)
    }
    return ["", "/*", ":*", "@*"].contains { overlap(canonicalText, mirror.source + $0) }
  }

  /// The name of a rule without `*`: what stands before its tag and digest.
  private var name: String {
    let text = canonicalText
    let start = text.utf8.lastIndex(of: UInt8(ascii: "/")) ?? text.utf8.startIndex
    let end = text.utf8[start...].firstIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "@") }
    return String(text[..<(end ?? text.utf8.endIndex)])
  }
}
