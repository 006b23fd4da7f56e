// The way to a decision, rule by rule: for people who ask why.

import ImageReference

/// One rule that is looked at on the way to a decision, and whether it holds for the image.
public struct ConsideredRule: Equatable, Sendable {
  public enum Rule: Equatable, Sendable {
    /// Whether the image lies under the mirror's target.
    case target(Mirror)
    case ignored(IgnoreRule)
    /// Whether the image lies under the mirror's source.
    case source(Mirror)
  }

  public let rule: Rule
  public let holds: Bool
}

extension SwapPolicy {
  /// The rules that `decide` looks at for an image, in its order: targets and ignored images up to the first that
  /// holds, which decides; then the mirrors' sources, the longest that holds first, which decides, and those that do
  /// not hold last. None for a name that no rule is asked about.
  public func rulesConsidered(for image: String) -> [ConsideredRule] {
    if image == "auto" || isImageID(image) { return [] }
    guard let reference = try? ImageReference(image), reference.hasDomain else { return [] }
    let canonical = reference.canonical
    let name = canonical.name
    var considered: [ConsideredRule] = []
    for mirror in mirrors {
      considered.append(ConsideredRule(rule: .target(mirror), holds: mirror.holds(name)))
      if considered.last?.holds == true { return considered }
    }
    for rule in ignored {
      considered.append(ConsideredRule(rule: .ignored(rule), holds: rule.matches(canonical)))
      if considered.last?.holds == true { return considered }
    }
    let sources = mirrors.map { (mirror: $0, specificity: $0.specificity(for: name) ?? -1) }
    for (mirror, specificity) in sources.sorted(by: { $0.specificity > $1.specificity }) {
      considered.append(ConsideredRule(rule: .source(mirror), holds: specificity >= 0))
    }
    return considered
  }
}
