// Decisions in words: a line for each image, for people and for `cut -f`.

import JSON
import SwapPolicy

extension ImageOutcome {
  /// One line of six columns with tabs between: where the image is, the image as written, its normalised name, the
  /// decision, the rule with its place in the configuration, the result. What does not apply is `-`.
  ///
  /// Of the pod, the line holds only image names and names of containers, in printable ASCII.
  public var explanation: String {
    let written = image.map(asciiEscaped)
    let (decision, rule, result) = verdict.words
    let columns = [place, written, image.flatMap(normalizedName), decision, rule, result ?? written]
    return columns.map { $0 ?? "-" }.joined(separator: "\t")
  }
}

extension NotReviewed {
  /// The line for a review without images to look at, in the columns of `ImageOutcome.explanation`.
  public var explanation: String { "review\t-\t-\tleft alone: " + rawValue + "\t-\t-" }
}

extension ImageOutcome {
  /// `containers[0] (web)`; the name only if it is one that Kubernetes accepts.
  public var place: String {
    let place = list.rawValue + "[" + String(index) + "]"
    guard let name, let first = name.utf8.first, let last = name.utf8.last, name.utf8.count <= 63,
      first != UInt8(ascii: "-"), last != UInt8(ascii: "-"),
      name.utf8.allSatisfy({ ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "-") })
    else { return place }
    return place + " (" + name + ")"
  }
}

extension ImageOutcome.Verdict {
  /// The decision, the rule behind it, and the image's new name.
  public var words: (decision: String, rule: String?, result: String?) {
    switch self {
    case .outOfScope(let reason):
      let (decision, rule) = reason.words
      return ("left alone: " + decision, rule, nil)
    case .notChangeable: return ("left alone: this operation cannot change it", nil, nil)
    case .neverPulled: return ("left alone: nothing is pulled (imagePullPolicy Never)", nil, nil)
    case .unchanged: return ("left alone: the image did not change", nil, nil)
    case .missing: return ("left alone: no image name", nil, nil)
    case .decided(let decision): return decision.words
    }
  }
}

extension Decision {
  /// The decision, the rule behind it, and the image's new name.
  public var words: (decision: String, rule: String?, result: String?) {
    switch self {
    case .redirected(let image, let mirror): ("redirected", mirror.words, image)
    case .empty: ("left alone: no image name", nil, nil)
    case .placeholder: ("left alone: a placeholder, not an image", nil, nil)
    case .imageID: ("left alone: an image ID of the node, not a name", nil, nil)
    case .invalid(let error): ("left alone: not a valid image name: " + error.rawValue, nil, nil)
    case .noRegistry: ("left alone: no registry can be told from it", nil, nil)
    case .alreadyRedirected(let mirror): ("left alone: it lies under a target", mirror.words, nil)
    case .ignored(let rule): ("left alone: ignored", rule.words, nil)
    case .noMirror: ("left alone: no mirror for its registry", nil, nil)
    case .invalidResult(_, let mirror):
      ("left alone: its name under the target would not be valid", mirror.words, nil)
    }
  }
}

extension Scope {
  fileprivate var words: (decision: String, rule: String?) {
    switch self {
    case .inScope: ("in scope", nil)
    case .mirrorPod: ("the mirror of a static pod", nil)
    case .optedOut: ("opted out", skipKey)
    case .excluded(let rule):
      ("excluded", rule.words)
    }
  }
}

// The rules, each as it stands in the configuration, with its place.

extension Mirror {
  public var words: String { "mirror " + source + at(place) }
}

extension IgnoreRule {
  public var words: String { "ignoreimages " + asciiEscaped(text) + at(place) }
}

extension Exclusion {
  public var words: String {
    "exclude." + subject.rawValue + " " + asciiEscaped(labelKey.isEmpty ? pattern : labelKey) + at(place)
  }
}

private func at(_ place: Place) -> String { " at " + place.description }
