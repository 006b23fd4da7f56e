// From the text of an AdmissionReview to a `Review`, in one pass: what is not needed is validated and passed over.
//
// A fault in the envelope throws: without it there is no review to answer. A wrong type inside the pod is noted, and
// reading goes on: the answer to such a review is that the pod is allowed as it is.

import JSON

/// At most so many containers, or image volumes, in one list; no object that the API server can store holds more.
let maximumImages = 10_000

/// Reads an AdmissionReview.
///
/// - Throws: `JSONError` when the text is not JSON or no AdmissionReview.
func readReview(_ text: [UInt8]) throws(JSONError) -> Review {
  var reader = ReviewReader(json: JSONReader(text))
  try reader.readReview()
  return reader.review
}

private struct ReviewReader {
  var json: JSONReader
  var review = Review()

  mutating func readReview() throws(JSONError) {
    var hasVersion = false
    var isReview = false
    var hasRequest = false
    var seen = Seen()
    _ = try json.peek()
    let start = json.offset
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "apiVersion") {
        try once(key, 0, &seen)
        guard let text = try optionalString() else { continue }
        if json.isEqual(text, "admission.k8s.io/v1beta1") {
          review.version = .v1beta1
        } else if !json.isEqual(text, "admission.k8s.io/v1") {
          throw JSONError(
            "an unknown version; expected admission.k8s.io/v1 or admission.k8s.io/v1beta1",
            at: text.range.lowerBound - 1)
        }
        hasVersion = true
      } else if json.key(key, is: "kind") {
        try once(key, 1, &seen)
        guard let text = try optionalString() else { continue }
        isReview = json.isEqual(text, "AdmissionReview")
        guard isReview else { throw JSONError("another kind; expected AdmissionReview", at: text.range.lowerBound - 1) }
      } else if json.key(key, is: "request") {
        try once(key, 2, &seen)
        if try passNull() { continue }
        hasRequest = true
        try readRequest()
      } else {
        try json.skip()
      }
    }
    try json.finish()
    guard isReview else { throw JSONError("not an AdmissionReview: it has no kind", at: start) }
    guard hasVersion else { throw JSONError("not an AdmissionReview: it has no apiVersion", at: start) }
    guard hasRequest else { throw JSONError("no request; expected an AdmissionReview with one", at: start) }
  }

  private mutating func readRequest() throws(JSONError) {
    let start = json.offset
    var seen = Seen()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "uid") {
        try once(key, 0, &seen)
        if let uid = try optionalString() { review.uid = uid }
      } else if json.key(key, is: "resource") {
        try once(key, 1, &seen)
        review.resourceIsPods = try readCoreIdentity("resource", is: "pods")
      } else if json.key(key, is: "kind") {
        try once(key, 2, &seen)
        review.kindIsPod = try readCoreIdentity("kind", is: "Pod")
      } else if json.key(key, is: "subResource") {
        try once(key, 3, &seen)
        guard let text = try optionalString(), !text.range.isEmpty else { continue }
        review.subresource = json.isEqual(text, "ephemeralcontainers") ? .ephemeralContainers : .other
      } else if json.key(key, is: "operation") {
        try once(key, 4, &seen)
        guard let text = try optionalString() else { continue }
        review.operation = json.isEqual(text, "CREATE") ? .create : json.isEqual(text, "UPDATE") ? .update : .other
      } else if json.key(key, is: "namespace") {
        try once(key, 5, &seen)
        if let namespace = try optionalString(), !namespace.range.isEmpty { review.namespace = namespace }
      } else if json.key(key, is: "name") {
        review.name = try stringOrNone()
      } else if json.key(key, is: "dryRun") {
        review.isDryRun = try json.peek() == .boolean && json.bytes[json.offset] == UInt8(ascii: "t")
        try json.skip()
      } else if json.key(key, is: "object") {
        try once(key, 6, &seen)
        review.object = try readPod()
      } else if json.key(key, is: "oldObject") {
        try once(key, 7, &seen)
        review.oldObject = try readPod()
      } else {
        try json.skip()
      }
    }
    if review.uid.range.isEmpty { throw JSONError("no uid; expected a request with one", at: start) }
  }

  /// Reads `{group, version, NAME}`: whether it is of the core group's v1 and has this name.
  private mutating func readCoreIdentity(_ member: String, is name: String) throws(JSONError) -> Bool? {
    if try passNull() { return nil }
    var isCore = true
    var hasName: Bool?
    var seen = Seen()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "group") {
        try once(key, 0, &seen)
        if let group = try optionalString(), !group.range.isEmpty { isCore = false }
      } else if json.key(key, is: "version") {
        try once(key, 1, &seen)
        if let version = try optionalString(), !json.isEqual(version, "v1") { isCore = false }
      } else if json.key(key, is: member) {
        try once(key, 2, &seen)
        hasName = try optionalString().map { json.isEqual($0, name) }
      } else {
        try json.skip()
      }
    }
    return hasName.map { $0 && isCore }
  }

  private func once(_ key: JSONString, _ member: Int, _ seen: inout Seen) throws(JSONError) {
    if !seen.insert(member) { throw twice(key) }
  }

  private mutating func optionalString() throws(JSONError) -> JSONString? {
    try passNull() ? nil : try json.string()
  }

  /// A string that only messages need, if it is not empty: anything else is passed over.
  private mutating func stringOrNone() throws(JSONError) -> JSONString? {
    if try json.peek() == .string {
      let text = try json.string()
      return text.range.isEmpty ? nil : text
    }
    try json.skip()
    return nil
  }

  private mutating func passNull() throws(JSONError) -> Bool {
    guard try json.peek() == .null else { return false }
    try json.skip()
    return true
  }
}

// Inside the pod: `expect...` notes a wrong type, passes the value, and says whether there is something to read.
extension ReviewReader {
  private mutating func readPod() throws(JSONError) -> Pod {
    var pod = Pod()
    guard try expect(.object) else { return pod }
    pod.presence = .at(json.offset)
    var seen = Seen()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "kind") {
        guard try isFirst(key, 0, &seen) else { continue }
        pod.kindIsPod = try expectString().map { json.isEqual($0, "Pod") }
      } else if json.key(key, is: "metadata") {
        guard try isFirst(key, 1, &seen) else { continue }
        try readMetadata(&pod)
      } else if json.key(key, is: "spec") {
        guard try isFirst(key, 2, &seen) else { continue }
        try readSpec(&pod)
      } else {
        try json.skip()
      }
    }
    return pod
  }

  private mutating func readMetadata(_ pod: inout Pod) throws(JSONError) {
    guard try expect(.object) else { return }
    pod.metadata = .at(json.offset)
    var seen = Seen()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "labels") {
        guard try isFirst(key, 0, &seen) else { continue }
        pod.labels = try passed(.object)
      } else if json.key(key, is: "annotations") {
        guard try isFirst(key, 1, &seen) else { continue }
        pod.annotations = try passed(.object)
      } else if json.key(key, is: "namespace") {
        guard try isFirst(key, 2, &seen) else { continue }
        pod.namespace = try expectString()
      } else if json.key(key, is: "generateName") {
        pod.generateName = try stringOrNone()
      } else if json.key(key, is: "ownerReferences") {
        guard try isFirst(key, 3, &seen) else { continue }
        pod.ownerReferences = try passed(.array)
      } else if json.key(key, is: "deletionTimestamp") {
        guard try isFirst(key, 4, &seen) else { continue }
        pod.isBeingDeleted = try expectString() != nil
      } else {
        try json.skip()
      }
    }
  }

  private mutating func readSpec(_ pod: inout Pod) throws(JSONError) {
    guard try expect(.object) else { return }
    var containers: [ImageField] = []
    var initContainers: [ImageField] = []
    var ephemeralContainers: [ImageField] = []
    var volumes: [ImageField] = []
    var seen = Seen()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "containers") {
        guard try isFirst(key, 0, &seen) else { continue }
        try readList(.containers, &containers)
      } else if json.key(key, is: "initContainers") {
        guard try isFirst(key, 1, &seen) else { continue }
        try readList(.initContainers, &initContainers)
      } else if json.key(key, is: "ephemeralContainers") {
        guard try isFirst(key, 2, &seen) else { continue }
        try readList(.ephemeralContainers, &ephemeralContainers)
      } else if json.key(key, is: "volumes") {
        guard try isFirst(key, 3, &seen) else { continue }
        try readList(.volumes, &volumes)
      } else if json.key(key, is: "imagePullSecrets") {
        guard try isFirst(key, 4, &seen) else { continue }
        pod.imagePullSecrets = try passed(.array)
      } else {
        try json.skip()
      }
    }
    // The pod's own order of these members does not matter.
    pod.images = containers + initContainers + ephemeralContainers + volumes
  }

  private mutating func readList(_ list: ImageList, _ fields: inout [ImageField]) throws(JSONError) {
    guard try expect(.array) else { return }
    try json.openArray()
    var index = 0
    while try json.nextElement() {
      if fields.count == maximumImages {
        note(JSONError("too many entries; expected at most \(maximumImages)", at: json.offset))
        try json.skip()
      } else if let field = try readField(list, index) {
        fields.append(field)
      }
      index += 1
    }
  }

  /// Reads a container, or a volume; `nil` for a volume that is no image.
  private mutating func readField(_ list: ImageList, _ index: Int) throws(JSONError) -> ImageField? {
    var field = ImageField(list: list, index: index)
    guard try expect(.object) else { return nil }
    var isImageVolume = false
    var seen = Seen()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "name") {
        guard try isFirst(key, 0, &seen) else { continue }
        field.name = try expectString()
      } else if json.key(key, is: "image") {
        guard try isFirst(key, 1, &seen) else { continue }
        if list == .volumes {
          isImageVolume = try readImageVolume(&field)
        } else {
          field.image = try expectString()
        }
      } else if list != .volumes, json.key(key, is: "imagePullPolicy") {
        guard try isFirst(key, 2, &seen) else { continue }
        field.isNeverPulled = try expectNever()
      } else {
        try json.skip()
      }
    }
    return list == .volumes && !isImageVolume ? nil : field
  }

  private mutating func readImageVolume(_ field: inout ImageField) throws(JSONError) -> Bool {
    guard try expect(.object) else { return false }
    var seen = Seen()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "reference") {
        guard try isFirst(key, 0, &seen) else { continue }
        field.image = try expectString()
      } else if json.key(key, is: "pullPolicy") {
        guard try isFirst(key, 1, &seen) else { continue }
        field.isNeverPulled = try expectNever()
      } else {
        try json.skip()
      }
    }
    return true
  }

  /// Reads a pull policy: whether it is `Never`.
  private mutating func expectNever() throws(JSONError) -> Bool {
    try expectString().map { json.isEqual($0, "Never") } ?? false
  }

  /// Whether a value of this kind is ahead; `null` and, noted, any other are passed.
  private mutating func expect(_ kind: JSONKind) throws(JSONError) -> Bool {
    let found = try json.peek()
    if found == kind { return true }
    if found != .null { note(JSONError("expected \(kind.rawValue), found \(found.rawValue)", at: json.offset)) }
    try json.skip()
    return false
  }

  private mutating func expectString() throws(JSONError) -> JSONString? {
    try expect(.string) ? try json.string() : nil
  }

  /// Passes an object or array, and keeps its place to read it later.
  private mutating func passed(_ kind: JSONKind) throws(JSONError) -> Presence {
    guard try expect(kind) else { return .absent }
    let offset = json.offset
    try json.skip()
    return .at(offset)
  }

  /// Whether a member comes for the first time; a second one is noted and passed.
  private mutating func isFirst(_ key: JSONString, _ member: Int, _ seen: inout Seen) throws(JSONError) -> Bool {
    if seen.insert(member) { return true }
    note(twice(key))
    try json.skip()
    return false
  }

  private mutating func note(_ fault: JSONError) {
    if review.podFault == nil { review.podFault = fault }
  }
}

/// Which members of an object were met, by a number that its reader gives to each.
struct Seen {
  private var bits: UInt64 = 0

  /// Adds a member; `false` if it was there already.
  mutating func insert(_ member: Int) -> Bool {
    let bit = UInt64(1) << UInt64(member)
    defer { bits |= bit }
    return bits & bit == 0
  }
}

func twice(_ key: JSONString) -> JSONError {
  JSONError("a member that stands here twice; expected it once", at: key.range.lowerBound - 1)
}
