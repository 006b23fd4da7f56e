// Lists the rules that lead to a decision, for people who ask why.

import ImageReference

/// A rule that was evaluated for an image, and whether it matched.
public struct ConsideredRule: Equatable, Sendable {
  public enum Rule: Equatable, Sendable {
    /// Whether the image is under the mirror's target.
    case target(Mirror)
    case ignored(IgnoreRule)
    /// Whether the image is under the mirror's source.
    case source(Mirror)
  }

  public let rule: Rule
  public let matches: Bool
}

extension SwapPolicy {
  /// The rules that `decide` evaluates for an image, in its order; empty for a name that no rule is evaluated for.
  ///
  /// First come the targets, then the ignored images. The first of them that matches decides and ends the list.
  /// Otherwise the mirrors' sources follow: first the longest one that matches, which decides, then shorter ones, then
  /// those that do not match.
  public func rulesConsidered(for image: String) -> [ConsideredRule] {
    if image == "auto" || isImageID(image) { return [] }
    guard let reference = try? ImageReference(image), reference.hasDomain else { return [] }
    let canonical = reference.canonical
    let name = canonical.name
    var considered: [ConsideredRule] = []
    for mirror in mirrors {
      considered.append(ConsideredRule(rule: .target(mirror), matches: mirror.targetCovers(name)))
      if considered.last?.matches == true { return considered }
    }
    for rule in ignored {
      considered.append(ConsideredRule(rule: .ignored(rule), matches: rule.matches(canonical)))
      if considered.last?.matches == true { return considered }
    }
    let sources = mirrors.map { (mirror: $0, specificity: $0.specificity(for: name) ?? -1) }
    for (mirror, specificity) in sources.sorted(by: { $0.specificity > $1.specificity }) {
      considered.append(ConsideredRule(rule: .source(mirror), matches: specificity >= 0))
    }
    return considered
  }
}
