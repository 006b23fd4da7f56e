// The mutation: takes one AdmissionReview and returns its answer. Every program of this project calls it.

import JSON
import Policy

/// Answers one AdmissionReview (admission.k8s.io/v1 or v1beta1).
///
/// The answer always allows the pod. Its patch applies to the object in the review. For a pod that contains a wrong
/// type or a duplicate member, the answer has no patch, one warning, and `Answer.podFault`.
///
/// - Parameters:
///   - text: the AdmissionReview as JSON.
///   - policy: the rules.
///   - observe: called with the decision about each image, in the order of `ImageList`. Discard what it received if the
///     answer has a `podFault`.
/// - Throws: `JSONError` when the text is not JSON or not an AdmissionReview, so that no answer is possible.
public func answer(
  _ text: [UInt8], under policy: SwapPolicy, observe: ((ImageOutcome) -> Void)? = nil
) throws(JSONError) -> Answer {
  let review = try readReview(text)
  var mutation = Mutation(text: text, review: review)
  if observe != nil { mutation.answer.subject = ReviewSubject(review, JSONReader(text)) }
  do throws(JSONError) {
    try mutation.run(policy, observe)
  } catch {
    mutation.leaveAlone(error)
  }
  mutation.answer.patch = mutation.patch.json
  mutation.answer.warnings = mutation.warnings.texts
  return mutation.answer
}

private struct Mutation {
  let text: [UInt8]
  let review: Review
  var answer: Answer
  var patch = Patch()
  var warnings = Warnings()
  /// The new members of the original-images annotation: a key such as `containers/web`, and the image name as JSON.
  var originals: [(String, [UInt8])] = []

  private var json: JSONReader { JSONReader(text) }

  init(text: [UInt8], review: Review) {
    self.text = text
    self.review = review
    answer = Answer(to: review, in: text)
  }

  /// - Throws: `JSONError` for a wrong type or a duplicate member inside the pod.
  mutating func run(_ policy: SwapPolicy, _ observe: ((ImageOutcome) -> Void)?) throws(JSONError) {
    answer.notReviewed = try review.notReviewed()
    if answer.notReviewed != nil { return }
    let pod = review.object
    let scope = try json.scope(
      of: pod, namespace: review.namespace, exclusions: policy.exclusions, warnings: &warnings)
    let old = OldImages(review, json)
    for field in pod.images {
      let image = field.image.map { json.decode($0) }
      let verdict = scope == .inScope ? verdict(field, image, old, policy) : .outOfScope(scope)
      if let observe {
        let name = field.name.map { json.decode($0) }
        observe(ImageOutcome(list: field.list, index: field.index, name: name, image: image, verdict: verdict))
      }
      guard case .decided(let decision) = verdict, let image else { continue }
      apply(decision, to: field, image)
      if case .redirected = decision, policy.annotatesOriginals, let name = field.name {
        originals.append((field.list.rawValue + "/" + json.decode(name), jsonString(image)))
      }
    }
    guard !patch.isEmpty, review.subresource == .none else { return }
    try addLabel(pod)
    if !originals.isEmpty { try annotateOriginals(pod) }
    if review.operation == .create { try addPullSecrets(pod, policy.imagePullSecrets) }
  }

  /// Discards the patch and all warnings, so that the pod is allowed unchanged, and warns about the fault.
  mutating func leaveAlone(_ fault: JSONError) {
    answer.podFault = fault
    patch = Patch()
    warnings = Warnings()
    warnings.add("left alone: " + fault.problem + ", at " + jsonPointer(to: fault.offset, in: text))
  }
}

// Images.
extension Mutation {
  private func verdict(_ field: ImageField, _ image: String?, _ old: OldImages, _ policy: SwapPolicy)
    -> ImageOutcome.Verdict
  {
    switch (review.subresource, field.list) {
    case (.ephemeralContainers, .ephemeralContainers):
      if old.contains(field, json) { return .notChangeable }
    case (.ephemeralContainers, _), (_, .ephemeralContainers): return .notChangeable
    case (_, .volumes): if review.operation != .create { return .notChangeable }
    default: break
    }
    guard let image else { return .missing }
    let decision = policy.decide(image)
    if decision.isNotAName { return .decided(decision) }
    if field.isNeverPulled { return .neverPulled }
    if review.operation == .update, review.subresource == .none, old.image(of: field, json) == image {
      return .unchanged
    }
    return .decided(decision)
  }

  /// Adds the operation or the warning that a decision calls for.
  private mutating func apply(_ decision: Decision, to field: ImageField, _ image: String) {
    switch decision {
    case .redirected(let target, _): patch.replace(field, with: target)
    case .invalid: warn(field, "not a valid image name, left as it is: " + quoted(image))
    case .noRegistry: warn(field, "its registry is not a valid host, left as it is: " + quoted(image))
    case .invalidResult(_, let mirror):
      warn(field, "left as it is, the name under " + mirror.target + " would not be valid: " + quoted(image))
    case .empty, .placeholder, .imageID, .alreadyRedirected, .ignored, .noMirror: break
    }
  }

  private mutating func warn(_ field: ImageField, _ text: String) {
    warnings.add(field.list.rawValue + "[" + String(field.index) + "]: " + text)
  }
}

// Changes to the rest of a pod in which an image changed.
extension Mutation {
  private static let label = "k8s-proxy-image-swapper"
  private static let labelPointer = "/metadata/labels/k8s-proxy-image-swapper"
  private static let labelValue = "patched-image"
  private static let originalsKey = "k8s-proxy-image-swapper/original-images"
  /// The API server's limit for all annotations of an object, in bytes, keys and values together
  /// (TotalAnnotationSizeLimitB).
  private static let maximumAnnotationBytes = 256 * 1024

  /// Adds the label that marks redirected pods, and its parents if the pod lacks them.
  private mutating func addLabel(_ pod: Pod) throws(JSONError) {
    var isLabelled = false
    try json.forEachText(in: pod.labels) {
      json.key($0, is: Mutation.label) ? 0 : nil
    } body: {
      isLabelled = json.isEqual($1, Mutation.labelValue)
    }
    if isLabelled { return }
    let value = jsonString(Mutation.labelValue)
    if !pod.labels.isAbsent {
      patch.add(Mutation.labelPointer, value)
    } else if !pod.metadata.isAbsent {
      patch.add("/metadata/labels", jsonObject(Mutation.label, value))
    } else {
      patch.add("/metadata", jsonObject("labels", jsonObject(Mutation.label, value)))
    }
  }

  /// Adds the original names of the changed images to the annotation, and keeps the names that it already has.
  private mutating func annotateOriginals(_ pod: Pod) throws(JSONError) {
    var members = originals
    var existing: String?
    try json.forEachText(in: pod.annotations) {
      json.key($0, is: Mutation.originalsKey) ? 0 : nil
    } body: {
      existing = json.decode($1)
    }
    if let existing {
      guard existing.utf8.count <= Mutation.maximumAnnotationBytes else { return warnThatOriginalsDoNotFit() }
      guard let kept = membersOfObject(existing, except: Set(originals.map(\.0))) else {
        return warnings.add("the annotation " + Mutation.originalsKey + " is not a JSON object, left as it is")
      }
      members = kept + originals
    }
    let value = jsonObject(members)
    guard try annotationBytes(pod) + Mutation.originalsKey.utf8.count + value.count <= Mutation.maximumAnnotationBytes
    else {
      return warnThatOriginalsDoNotFit()
    }
    let text = jsonString(String(decoding: value, as: UTF8.self))
    if pod.annotations.isAbsent {
      patch.add("/metadata/annotations", jsonObject(Mutation.originalsKey, text))
    } else {
      patch.add("/metadata/annotations/k8s-proxy-image-swapper~1original-images", text)
    }
  }

  private mutating func warnThatOriginalsDoNotFit() {
    warnings.add("the annotation " + Mutation.originalsKey + " is left out: the annotations would exceed 256 KiB")
  }

  /// The members of a JSON object, without those of certain names; `nil` if the text is not a JSON object.
  private func membersOfObject(_ text: String, except names: Set<String>) -> [(String, [UInt8])]? {
    var json = JSONReader(Array(text.utf8))
    var members: [(String, [UInt8])] = []
    do throws(JSONError) {
      try json.openObject()
      while let key = try json.nextKey() {
        _ = try json.peek()
        let start = json.offset
        try json.skip()
        let name = json.decode(key)
        if !names.contains(name) { members.append((name, Array(json.bytes[start..<json.offset]))) }
      }
      try json.finish()
    } catch {
      return nil
    }
    return members
  }

  /// The size of the pod's annotations in bytes, keys and values together, without the original-images annotation.
  private func annotationBytes(_ pod: Pod) throws(JSONError) -> Int {
    guard case .at(let offset) = pod.annotations else { return 0 }
    var json = JSONReader(text, at: offset)
    var count = 0
    try json.openObject()
    while let key = try json.nextKey() {
      let isOriginals = json.key(key, is: Mutation.originalsKey)
      let start = json.offset
      let value = try json.peek() == .string ? json.string() : nil
      if value == nil { try json.skip() }
      if isOriginals { continue }
      count += json.decodedBytes(key).count + (value.map { json.decodedBytes($0).count } ?? json.offset - start)
    }
    return count
  }

  /// Appends the configured pull secrets that the pod lacks.
  private mutating func addPullSecrets(_ pod: Pod, _ secrets: [String]) throws(JSONError) {
    var present: [String] = []
    try json.forEachElement(in: pod.imagePullSecrets) { element throws(JSONError) in
      try element.forEachText {
        json.key($0, is: "name") ? 0 : nil
      } body: {
        present.append(json.decode($1))
      }
    }
    var missing: [[UInt8]] = []
    for secret in secrets where !present.contains(secret) {
      present.append(secret)
      missing.append(jsonObject("name", jsonString(secret)))
    }
    if missing.isEmpty { return }
    if pod.imagePullSecrets.isAbsent {
      patch.add("/spec/imagePullSecrets", jsonArray(missing))
    } else {
      for secret in missing { patch.add("/spec/imagePullSecrets/-", secret) }
    }
  }
}

/// The images of `oldObject`, by list and container name.
private struct OldImages {
  private let images: [String: String?]

  init(_ review: Review, _ json: JSONReader) {
    var images: [String: String?] = [:]
    // Under `ephemeralcontainers`, a missing operation counts as CREATE, but existing containers still may not change.
    let isNeeded = review.operation == .update || review.subresource == .ephemeralContainers
    for field in isNeeded ? review.oldObject.images : [] {
      guard let key = OldImages.key(field, json) else { continue }
      images.updateValue(field.image.map { json.decode($0) }, forKey: key)
    }
    self.images = images
  }

  func contains(_ field: ImageField, _ json: JSONReader) -> Bool {
    OldImages.key(field, json).map { images[$0] != nil } ?? false
  }

  func image(of field: ImageField, _ json: JSONReader) -> String? {
    OldImages.key(field, json).flatMap { images[$0] ?? nil }
  }

  private static func key(_ field: ImageField, _ json: JSONReader) -> String? {
    field.name.map { field.list.rawValue + "/" + json.decode($0) }
  }
}

private func jsonString(_ text: String) -> [UInt8] {
  var out: [UInt8] = []
  out.appendJSONString(text)
  return out
}

private func jsonObject(_ members: [(String, [UInt8])]) -> [UInt8] {
  var out = [UInt8(ascii: "{")]
  for (i, (name, value)) in members.enumerated() {
    if i > 0 { out.append(UInt8(ascii: ",")) }
    out.appendJSONString(name)
    out.append(UInt8(ascii: ":"))
    out += value
  }
  return out + [UInt8(ascii: "}")]
}

private func jsonObject(_ name: String, _ value: [UInt8]) -> [UInt8] {
  [UInt8(ascii: "{")] + jsonString(name) + [UInt8(ascii: ":")] + value + [UInt8(ascii: "}")]
}

private func jsonArray(_ elements: [[UInt8]]) -> [UInt8] {
  [UInt8(ascii: "[")] + elements.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
}
