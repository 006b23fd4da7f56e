// Decisions as text: one line for each image, for people and for `cut -f`.

import JSON
import Policy

extension ImageOutcome {
  /// One line of six columns, separated by tabs: the image's place in the pod, the image as written, its normalised
  /// name, the decision, the rule with its place in the configuration, the result. A column that does not apply is `-`.
  ///
  /// From the pod, the line shows only image names and container names, in printable ASCII.
  public var explanation: String {
    let written = image.map(asciiEscaped)
    let (decision, rule, result) = verdict.words
    let columns = [place, written, image.flatMap(normalizedName), decision, rule, result ?? written]
    return columns.map { $0 ?? "-" }.joined(separator: "\t")
  }
}

extension NotReviewed {
  /// The line for a review whose images were not looked at, with the columns of `ImageOutcome.explanation`.
  public var explanation: String { "review\t-\t-\tleft alone: " + rawValue + "\t-\t-" }
}

extension ImageOutcome {
  /// The list, the index and the name: `containers[0] (web)`. A name that Kubernetes would refuse is left out.
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
    case .noRegistry: ("left alone: its registry is not a valid host", nil, nil)
    case .alreadyRedirected(let mirror): ("left alone: already under a target", mirror.words, nil)
    case .ignored(let rule): ("left alone: ignored", rule.words, nil)
    case .noMirror: ("left alone: no mirror for its registry", nil, nil)
    case .invalidResult(_, let mirror):
      ("left alone: the redirected name would not be valid", mirror.words, nil)
    }
  }
}

extension Scope {
  fileprivate var words: (decision: String, rule: String?) {
    switch self {
    case .inScope: ("in scope", nil)
    case .mirrorPod: ("the mirror pod of a static pod", nil)
    case .optedOut: ("opted out", skipKey)
    case .excluded(let rule):
      ("excluded", rule.words)
    }
  }
}

// The rules as written in the configuration, each with its place there.

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
