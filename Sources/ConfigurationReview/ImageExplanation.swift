// Why an image goes where it goes: every rule that is asked, in order, for a person to read.

import Admission
import JSON
import SwapPolicy

/// Tells why an image goes where it goes.
///
/// - Returns: lines of text: the normalised name, every rule that was asked with its place in the configuration, the
///   decision and the result.
public func explanation(of image: String, under policy: SwapPolicy) -> String {
  let words = policy.decide(image).words
  var text = asciiEscaped(image) + "\n"
  if let name = normalizedName(of: image) { text += "  is           " + name + "\n" }
  let considered = policy.rulesConsidered(for: image)
  var stage = ""
  var isOpen = true
  for consideration in considered {
    if consideration.stage != stage {
      stage = consideration.stage
      text += "  " + stage + "\n"
    }
    let decides = isOpen && consideration.holds
    if decides { isOpen = false }
    text += "    " + (consideration.holds ? "yes  " : "no   ") + consideration.words
    text += decides ? "  <- decides\n" : "\n"
  }
  text += "  decision     " + words.decision + (words.rule.map { ", " + $0 } ?? "") + "\n"
  text += "  result       " + (words.result ?? asciiEscaped(image)) + "\n"
  return text
}

extension ConsideredRule {
  fileprivate var stage: String {
    switch rule {
    case .target: "does it lie under a target already?"
    case .ignored: "is it ignored?"
    case .source: "which source is the longest it lies under?"
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
