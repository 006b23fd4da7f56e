// What an AdmissionReview says, as far as image names are concerned. Strings stay where they are in the text until
// they are needed.

import JSON

/// An AdmissionReview request (admission.k8s.io/v1 and v1beta1). A class, for it is too large to be copied from frame to
/// frame of the stack.
final class Review {
  enum Version: String {
    case v1 = "admission.k8s.io/v1"
    case v1beta1 = "admission.k8s.io/v1beta1"
  }

  var version = Version.v1
  var uid = JSONString.none
  /// Whether `resource` says pods, and `kind` Pod, of the core group; `nil` where the request does not say.
  var resourceIsPods: Bool?
  var kindIsPod: Bool?
  var subresource = Subresource.none
  var operation = Operation.create
  var namespace: JSONString?
  /// The object's name; absent when the API server makes one of `generateName`.
  var name: JSONString?
  var isDryRun = false
  /// The object under review; absent or null on DELETE.
  var object = Pod()
  /// The object before an UPDATE.
  var oldObject = Pod()
  /// The first wrong type or duplicate inside either object: a fault only if the object is a pod.
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

/// What a review holds of a pod. Other objects are read the same way; of most, nothing is found.
struct Pod {
  var presence = Presence.absent
  /// Whether the object itself says to be a Pod; `nil` where it does not say.
  var kindIsPod: Bool?
  var namespace: JSONString?
  var generateName: JSONString?
  var metadata = Presence.absent
  var labels = Presence.absent
  var annotations = Presence.absent
  var ownerReferences = Presence.absent
  var imagePullSecrets = Presence.absent
  var isBeingDeleted = false
  /// Every place that holds an image, in the order of `ImageList`.
  var images: [ImageField] = []
}

/// Whether a member is there; `null` counts as absent.
enum Presence {
  case absent
  /// Present, and the object or array that it should be, at this offset in the text.
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

/// One place that holds an image, or should.
struct ImageField {
  let list: ImageList
  /// The position in the list.
  let index: Int
  /// The container's or volume's name.
  var name: JSONString?
  var image: JSONString?
  /// Whether its pull policy is `Never`: the kubelet looks for this very name among the images of the node.
  var isNeverPulled = false
}
