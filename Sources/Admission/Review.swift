// The parts of an AdmissionReview that matter for image names. Strings are kept as ranges of the text until somebody
// decodes them.

import JSON

/// An AdmissionReview request (admission.k8s.io/v1 and v1beta1). A class, because copies from one stack frame to the
/// next would cost too much.
final class Review {
  enum Version: String {
    case v1 = "admission.k8s.io/v1"
    case v1beta1 = "admission.k8s.io/v1beta1"
  }

  var version = Version.v1
  var uid = JSONString.none
  /// Whether `resource` is `pods` of the core group; `nil` if the request does not say.
  var resourceIsPods: Bool?
  /// Whether `kind` is `Pod` of the core group; `nil` if the request does not say.
  var kindIsPod: Bool?
  var subresource = Subresource.none
  var operation = Operation.create
  var namespace: JSONString?
  /// The object's name; `nil` while the API server has not yet made one from `generateName`.
  var name: JSONString?
  var isDryRun = false
  /// The object under review; absent or null on DELETE.
  var object = Pod()
  /// The object before an UPDATE.
  var oldObject = Pod()
  /// The first wrong type or duplicate member inside either object. It counts as a fault only if the object is a pod.
  var podFault: JSONError?

  enum Subresource { case none, ephemeralContainers, other }
  enum Operation: String {
    case create = "CREATE"
    case update = "UPDATE"
    case other = "OTHER"
  }
}

extension ReviewSubject {
  init(_ review: Review, _ json: JSONReader) {
    self.init(
      uid: json.decode(review.uid), namespace: (review.namespace ?? review.object.namespace).map(json.decode),
      name: (review.name ?? review.object.generateName).map(json.decode), operation: review.operation.rawValue,
      isDryRun: review.isDryRun)
  }
}

/// The parts of a pod that matter. The reader treats every object as a pod, because the text may name the object's kind
/// last.
struct Pod {
  var presence = Presence.absent
  /// Whether the object's own `kind` is `Pod`; `nil` if it has none.
  var kindIsPod: Bool?
  var namespace: JSONString?
  var generateName: JSONString?
  var metadata = Presence.absent
  var labels = Presence.absent
  var annotations = Presence.absent
  var ownerReferences = Presence.absent
  var imagePullSecrets = Presence.absent
  var isBeingDeleted = false
  /// Every container and image volume, in the order of `ImageList`.
  var images: [ImageField] = []
}

/// Whether an object or array is present. `null` counts as absent.
enum Presence {
  case absent
  /// Present, of the right type, at this offset in the text.
  case at(Int)

  var isAbsent: Bool {
    if case .absent = self { true } else { false }
  }
}

/// The lists of a pod that hold images.
public enum ImageList: String, Sendable {
  case containers
  case initContainers
  case ephemeralContainers
  case volumes
}

/// A container or an image volume, with or without an image name.
struct ImageField {
  let list: ImageList
  /// The position in the list.
  let index: Int
  /// The container's or volume's name.
  var name: JSONString?
  var image: JSONString?
  /// Whether the pull policy is `Never`: the kubelet then looks for exactly this name among the node's images.
  var isNeverPulled = false
}
