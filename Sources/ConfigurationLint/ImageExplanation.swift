// Explains a decision to a person: every rule that was evaluated, in order, and the one that decides.

import Admission
import JSON
import Policy

/// Explains the decision about an image name.
///
/// - Returns: lines of text: the normalised name, every rule that was evaluated with its place in the configuration,
///   the decision, and the result.
public func explanation(of image: String, under policy: SwapPolicy) -> String {
  asciiEscaped(image) + "\n" + normalisation(of: image) + considerations(for: image, under: policy)
    + conclusion(policy.decide(image).words, image)
}

/// Explains the decision about an image of a pod.
///
/// - Parameter words: the decision to print. If it is not the one of the rules, no rules are listed.
public func explanation(
  of outcome: ImageOutcome, _ words: (decision: String, rule: String?, result: String?), under policy: SwapPolicy
) -> String {
  let image = outcome.image ?? "-"
  var text = outcome.place + ": " + asciiEscaped(image) + "\n" + normalisation(of: image)
  if case .decided(let decision) = outcome.verdict, decision.words.decision == words.decision {
    text += exclusions(under: policy) + considerations(for: image, under: policy)
  }
  return text + conclusion(words, image)
}

private func normalisation(of image: String) -> String {
  normalizedName(of: image).map { "  is           " + $0 + "\n" } ?? ""
}

/// The rules about whole pods. None of them matched.
private func exclusions(under policy: SwapPolicy) -> String {
  if policy.exclusions.isEmpty { return "" }
  return "  is the pod excluded?\n" + policy.exclusions.map { "    no   " + $0.words + "\n" }.joined()
}

private func considerations(for image: String, under policy: SwapPolicy) -> String {
  var text = ""
  var stage = ""
  var isUndecided = true
  for consideration in policy.rulesConsidered(for: image) {
    if consideration.stage != stage {
      stage = consideration.stage
      text += "  " + stage + "\n"
    }
    let decides = isUndecided && consideration.matches
    if decides { isUndecided = false }
    text += "    " + (consideration.matches ? "yes  " : "no   ") + consideration.words
    text += decides ? "  <- decides\n" : "\n"
  }
  return text
}

private func conclusion(_ words: (decision: String, rule: String?, result: String?), _ image: String) -> String {
  "  decision     " + words.decision + (words.rule.map { ", " + $0 } ?? "") + "\n  result       "
    + (words.result ?? asciiEscaped(image)) + "\n"
}

extension ConsideredRule {
  fileprivate var stage: String {
    switch rule {
    case .target: "is it already under a target?"
    case .ignored: "is it ignored?"
    case .source: "which mirror has the longest matching source?"
    }
  }

  fileprivate var words: String {
    switch rule {
    case .target(let mirror): mirror.target + "  (" + mirror.words + ")"
    case .ignored(let rule): rule.words
    case .source(let mirror): mirror.words
    }
  }
}
