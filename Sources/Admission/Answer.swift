// The answer to a review: the AdmissionReview that goes back to the API server, and what was decided, for people.

import JSON
import SwapPolicy

/// The answer to one AdmissionReview.
public struct Answer: Sendable {
  /// The patch (RFC 6902), an array of operations; empty when nothing changes. Of its operations, those that replace
  /// something replace an image.
  public internal(set) var patch: [UInt8] = []
  /// The warnings for the user; v1beta1 has no place for them.
  public internal(set) var warnings: [String] = []
  /// Why the review needed no look at images; `nil` when it did.
  public internal(set) var notReviewed: NotReviewed?
  /// A wrong type or a duplicate inside the pod, which is then allowed as it is.
  public internal(set) var podFault: JSONError?
  /// What the review is about; `nil` unless the answer was observed.
  public internal(set) var subject: ReviewSubject?
  let version: Review.Version
  /// The request's uid as the text has it, between the quotes.
  let uid: ArraySlice<UInt8>

  init(to review: Review, in text: [UInt8]) {
    version = review.version
    uid = text[review.uid.range]
  }

  /// The AdmissionReview with its response, as one line of JSON with a newline at its end.
  public var body: [UInt8] { writeAnswer(version: version, uid: uid, patch: patch, warnings: warnings) }
}

/// The object that a review is about, for logs.
public struct ReviewSubject: Equatable, Sendable {
  public let uid: String
  public let namespace: String?
  /// The object's name, or its `generateName`.
  public let name: String?
  public let operation: String
  public let isDryRun: Bool
}

/// What was decided about one image of a pod.
public struct ImageOutcome: Sendable {
  public enum Verdict: Equatable, Sendable {
    /// The pod is left alone as a whole, for a reason other than `inScope`.
    case outOfScope(Scope)
    /// The image cannot be changed by this operation.
    case notChangeable
    /// The pull policy is `Never`.
    case neverPulled
    /// The image is the one of the old object.
    case unchanged
    /// There is no image name.
    case missing
    /// The rules decided.
    case decided(Decision)
  }

  public let list: ImageList
  public let index: Int
  /// The container's or volume's name.
  public let name: String?
  /// The image's name as the pod has it.
  public let image: String?
  public let verdict: Verdict
}

/// Texts for the user's terminal, within the limits of the API server: 120 characters each, 4096 in all.
struct Warnings {
  private(set) var texts: [String] = []
  private var room = 4096

  mutating func add(_ text: String) {
    var warning = "pisw: " + text
    if warning.utf8.count > 120 { warning = String(Substring(warning.utf8.prefix(117))) + "..." }
    guard room >= warning.utf8.count else { return }
    room -= warning.utf8.count
    texts.append(warning)
  }
}

/// Writes the AdmissionReview that answers a review, piece by piece: joined strings would cost 20 us at the start.
///
/// - Parameter uid: the request's uid as the text has it, between the quotes.
func writeAnswer(version: Review.Version, uid: ArraySlice<UInt8>, patch: [UInt8], warnings: [String]) -> [UInt8] {
  var out: [UInt8] = []
  out.reserveCapacity(400 + patch.count / 3 * 4)
  out.append("{\"apiVersion\":\"")
  out.append(version.rawValue)
  out.append("\",\"kind\":\"AdmissionReview\",\"response\":{\"uid\":\"")
  out += uid
  out.append("\",\"allowed\":true")
  if !patch.isEmpty {
    out.append(",\"patchType\":\"JSONPatch\",\"patch\":\"")
    out.appendBase64(patch)
    out.append("\",\"auditAnnotations\":{\"k8s-proxy-image-swapper\":\"mutated\"}")
  }
  if version == .v1, !warnings.isEmpty {
    for (i, text) in warnings.enumerated() {
      out.append(i == 0 ? ",\"warnings\":[" : ",")
      out.appendJSONString(text)
    }
    out.append("]")
  }
  out.append("}}\n")
  return out
}
