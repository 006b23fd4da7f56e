// The answer to a review: the AdmissionReview that goes back to the API server, and the decision about each image.

import JSON
import Policy

/// The answer to one AdmissionReview.
public struct Answer: Sendable {
  /// The patch (RFC 6902), an array of operations; empty when nothing changes. Every `replace` in it replaces an image.
  public internal(set) var patch: [UInt8] = []
  /// The warnings for the user. `body` leaves them out in v1beta1, which has no member for them.
  public internal(set) var warnings: [String] = []
  /// Why the images were not looked at; `nil` when they were.
  public internal(set) var notReviewed: NotReviewed?
  /// A wrong type or a duplicate member inside the pod. Such a pod is allowed unchanged.
  public internal(set) var podFault: JSONError?
  /// The object that the review is about; `nil` unless the caller passed `observe`.
  public internal(set) var subject: ReviewSubject?
  let version: Review.Version
  /// The request's uid as it stands in the text, between the quotes, escapes included.
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

/// The decision about one image of a pod.
public struct ImageOutcome: Sendable {
  public enum Verdict: Equatable, Sendable {
    /// The whole pod is left alone. The reason is never `inScope`.
    case outOfScope(Scope)
    /// The API server does not allow this operation to change the image.
    case notChangeable
    /// The pull policy is `Never`.
    case neverPulled
    /// The update does not change the image.
    case unchanged
    /// The container or volume has no image name.
    case missing
    /// The rules for image names decided.
    case decided(Decision)
  }

  public let list: ImageList
  public let index: Int
  /// The container's or volume's name.
  public let name: String?
  /// The image name as written in the pod.
  public let image: String?
  public let verdict: Verdict
}

/// Warnings for the user's terminal, within the API server's limits: 120 characters each, 4096 in total.
struct Warnings {
  private(set) var texts: [String] = []
  private var remainingBytes = 4096

  mutating func add(_ text: String) {
    var warning = "pisw: " + text
    if warning.utf8.count > 120 { warning = String(Substring(warning.utf8.prefix(117))) + "..." }
    guard remainingBytes >= warning.utf8.count else { return }
    remainingBytes -= warning.utf8.count
    texts.append(warning)
  }
}

/// Writes the AdmissionReview that answers a review. It appends piece by piece: joining strings would cost 20 us.
///
/// - Parameter uid: the request's uid as it stands in the text, between the quotes, escapes included.
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
