// Reads the text of an AdmissionReview into a `Review`, in one pass. It validates and skips whatever it does not need.
//
// A fault in the envelope throws, because there is no review to answer. A wrong type inside the pod is recorded, and
// reading continues, because the answer then allows the pod unchanged.

import JSON

/// The most containers or image volumes that one list may have. No object that the API server can store has more.
let maximumImages = 10_000

/// Reads an AdmissionReview.
///
/// - Throws: `JSONError` when the text is not JSON or not an AdmissionReview.
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
    var seen = SeenMembers()
    _ = try json.peek()
    let start = json.offset
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "apiVersion") {
        try requireFirst(key, 0, &seen)
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
        try requireFirst(key, 1, &seen)
        guard let text = try optionalString() else { continue }
        isReview = json.isEqual(text, "AdmissionReview")
        guard isReview else { throw JSONError("another kind; expected AdmissionReview", at: text.range.lowerBound - 1) }
      } else if json.key(key, is: "request") {
        try requireFirst(key, 2, &seen)
        if try skipNull() { continue }
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
    var seen = SeenMembers()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "uid") {
        try requireFirst(key, 0, &seen)
        if let uid = try optionalString() { review.uid = uid }
      } else if json.key(key, is: "resource") {
        try requireFirst(key, 1, &seen)
        review.resourceIsPods = try readCoreIdentity("resource", is: "pods")
      } else if json.key(key, is: "kind") {
        try requireFirst(key, 2, &seen)
        review.kindIsPod = try readCoreIdentity("kind", is: "Pod")
      } else if json.key(key, is: "subResource") {
        try requireFirst(key, 3, &seen)
        guard let text = try optionalString(), !text.range.isEmpty else { continue }
        review.subresource = json.isEqual(text, "ephemeralcontainers") ? .ephemeralContainers : .other
      } else if json.key(key, is: "operation") {
        try requireFirst(key, 4, &seen)
        guard let text = try optionalString() else { continue }
        review.operation = json.isEqual(text, "CREATE") ? .create : json.isEqual(text, "UPDATE") ? .update : .other
      } else if json.key(key, is: "namespace") {
        try requireFirst(key, 5, &seen)
        if let namespace = try optionalString(), !namespace.range.isEmpty { review.namespace = namespace }
      } else if json.key(key, is: "name") {
        review.name = try nonEmptyString()
      } else if json.key(key, is: "dryRun") {
        review.isDryRun = try json.peek() == .boolean && json.bytes[json.offset] == UInt8(ascii: "t")
        try json.skip()
      } else if json.key(key, is: "object") {
        try requireFirst(key, 6, &seen)
        review.object = try readPod()
      } else if json.key(key, is: "oldObject") {
        try requireFirst(key, 7, &seen)
        review.oldObject = try readPod()
      } else {
        try json.skip()
      }
    }
    if review.uid.range.isEmpty { throw JSONError("no uid; expected a request with one", at: start) }
  }

  /// Reads `{group, version, MEMBER}`, and returns whether it is this name in v1 of the core group; `nil` if the member
  /// is absent.
  private mutating func readCoreIdentity(_ member: String, is name: String) throws(JSONError) -> Bool? {
    if try skipNull() { return nil }
    var isCore = true
    var hasName: Bool?
    var seen = SeenMembers()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "group") {
        try requireFirst(key, 0, &seen)
        if let group = try optionalString(), !group.range.isEmpty { isCore = false }
      } else if json.key(key, is: "version") {
        try requireFirst(key, 1, &seen)
        if let version = try optionalString(), !json.isEqual(version, "v1") { isCore = false }
      } else if json.key(key, is: member) {
        try requireFirst(key, 2, &seen)
        hasName = try optionalString().map { json.isEqual($0, name) }
      } else {
        try json.skip()
      }
    }
    return hasName.map { $0 && isCore }
  }

  private func requireFirst(_ key: JSONString, _ member: Int, _ seen: inout SeenMembers) throws(JSONError) {
    if !seen.insert(member) { throw duplicateMember(key) }
  }

  private mutating func optionalString() throws(JSONError) -> JSONString? {
    try skipNull() ? nil : try json.string()
  }

  /// Reads a string that only logs need; `nil` if it is empty or not a string.
  private mutating func nonEmptyString() throws(JSONError) -> JSONString? {
    if try json.peek() == .string {
      let text = try json.string()
      return text.range.isEmpty ? nil : text
    }
    try json.skip()
    return nil
  }

  private mutating func skipNull() throws(JSONError) -> Bool {
    guard try json.peek() == .null else { return false }
    try json.skip()
    return true
  }
}

// Inside the pod. The `expect...` functions record a wrong type and skip the value instead of throwing.
extension ReviewReader {
  private mutating func readPod() throws(JSONError) -> Pod {
    var pod = Pod()
    guard try expect(.object) else { return pod }
    pod.presence = .at(json.offset)
    var seen = SeenMembers()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "kind") {
        guard try expectFirst(key, 0, &seen) else { continue }
        pod.kindIsPod = try expectString().map { json.isEqual($0, "Pod") }
      } else if json.key(key, is: "metadata") {
        guard try expectFirst(key, 1, &seen) else { continue }
        try readMetadata(&pod)
      } else if json.key(key, is: "spec") {
        guard try expectFirst(key, 2, &seen) else { continue }
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
    var seen = SeenMembers()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "labels") {
        guard try expectFirst(key, 0, &seen) else { continue }
        pod.labels = try locate(.object)
      } else if json.key(key, is: "annotations") {
        guard try expectFirst(key, 1, &seen) else { continue }
        pod.annotations = try locate(.object)
      } else if json.key(key, is: "namespace") {
        guard try expectFirst(key, 2, &seen) else { continue }
        pod.namespace = try expectString()
      } else if json.key(key, is: "generateName") {
        pod.generateName = try nonEmptyString()
      } else if json.key(key, is: "ownerReferences") {
        guard try expectFirst(key, 3, &seen) else { continue }
        pod.ownerReferences = try locate(.array)
      } else if json.key(key, is: "deletionTimestamp") {
        guard try expectFirst(key, 4, &seen) else { continue }
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
    var seen = SeenMembers()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "containers") {
        guard try expectFirst(key, 0, &seen) else { continue }
        try readList(.containers, &containers)
      } else if json.key(key, is: "initContainers") {
        guard try expectFirst(key, 1, &seen) else { continue }
        try readList(.initContainers, &initContainers)
      } else if json.key(key, is: "ephemeralContainers") {
        guard try expectFirst(key, 2, &seen) else { continue }
        try readList(.ephemeralContainers, &ephemeralContainers)
      } else if json.key(key, is: "volumes") {
        guard try expectFirst(key, 3, &seen) else { continue }
        try readList(.volumes, &volumes)
      } else if json.key(key, is: "imagePullSecrets") {
        guard try expectFirst(key, 4, &seen) else { continue }
        pod.imagePullSecrets = try locate(.array)
      } else {
        try json.skip()
      }
    }
    // The same order for every pod, however the text orders these members.
    pod.images = containers + initContainers + ephemeralContainers + volumes
  }

  private mutating func readList(_ list: ImageList, _ fields: inout [ImageField]) throws(JSONError) {
    guard try expect(.array) else { return }
    try json.openArray()
    var index = 0
    while try json.nextElement() {
      if fields.count == maximumImages {
        recordFault(JSONError("too many entries; expected at most \(maximumImages)", at: json.offset))
        try json.skip()
      } else if let field = try readField(list, index) {
        fields.append(field)
      }
      index += 1
    }
  }

  /// Reads a container or a volume; `nil` for a volume that is not an image.
  private mutating func readField(_ list: ImageList, _ index: Int) throws(JSONError) -> ImageField? {
    var field = ImageField(list: list, index: index)
    guard try expect(.object) else { return nil }
    var isImageVolume = false
    var seen = SeenMembers()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "name") {
        guard try expectFirst(key, 0, &seen) else { continue }
        field.name = try expectString()
      } else if json.key(key, is: "image") {
        guard try expectFirst(key, 1, &seen) else { continue }
        if list == .volumes {
          isImageVolume = try readImageVolume(&field)
        } else {
          field.image = try expectString()
        }
      } else if list != .volumes, json.key(key, is: "imagePullPolicy") {
        guard try expectFirst(key, 2, &seen) else { continue }
        field.isNeverPulled = try expectNever()
      } else {
        try json.skip()
      }
    }
    return list == .volumes && !isImageVolume ? nil : field
  }

  private mutating func readImageVolume(_ field: inout ImageField) throws(JSONError) -> Bool {
    guard try expect(.object) else { return false }
    var seen = SeenMembers()
    try json.openObject()
    while let key = try json.nextKey() {
      if json.key(key, is: "reference") {
        guard try expectFirst(key, 0, &seen) else { continue }
        field.image = try expectString()
      } else if json.key(key, is: "pullPolicy") {
        guard try expectFirst(key, 1, &seen) else { continue }
        field.isNeverPulled = try expectNever()
      } else {
        try json.skip()
      }
    }
    return true
  }

  /// Reads a pull policy, and returns whether it is `Never`.
  private mutating func expectNever() throws(JSONError) -> Bool {
    try expectString().map { json.isEqual($0, "Never") } ?? false
  }

  /// Whether the next value is of this kind. If not, skips it, and records a fault unless it is `null`.
  private mutating func expect(_ kind: JSONKind) throws(JSONError) -> Bool {
    let found = try json.peek()
    if found == kind { return true }
    if found != .null { recordFault(JSONError("expected \(kind.rawValue), found \(found.rawValue)", at: json.offset)) }
    try json.skip()
    return false
  }

  private mutating func expectString() throws(JSONError) -> JSONString? {
    try expect(.string) ? try json.string() : nil
  }

  /// Skips an object or array, and returns where it is, to read it later.
  private mutating func locate(_ kind: JSONKind) throws(JSONError) -> Presence {
    guard try expect(kind) else { return .absent }
    let offset = json.offset
    try json.skip()
    return .at(offset)
  }

  /// Whether a member occurs for the first time. If not, records a fault and skips the value.
  private mutating func expectFirst(_ key: JSONString, _ member: Int, _ seen: inout SeenMembers) throws(JSONError)
    -> Bool
  {
    if seen.insert(member) { return true }
    recordFault(duplicateMember(key))
    try json.skip()
    return false
  }

  private mutating func recordFault(_ fault: JSONError) {
    if review.podFault == nil { review.podFault = fault }
  }
}

/// The members of an object that were read so far, by a number from 0 to 63 that the caller assigns to each.
struct SeenMembers {
  private var bits: UInt64 = 0

  /// Adds a member; returns `false` if it was added before.
  mutating func insert(_ member: Int) -> Bool {
    let bit = UInt64(1) << UInt64(member)
    defer { bits |= bit }
    return bits & bit == 0
  }
}

/// The fault of an object that has a member of the same name twice: readers differ on which one counts.
func duplicateMember(_ key: JSONString) -> JSONError {
  JSONError("a duplicate member; expected it once", at: key.range.lowerBound - 1)
}
