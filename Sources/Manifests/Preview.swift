// The preview: what the webhook does to the pods of a manifest, and how the text would have to read to say the same.

import Admission
import JSON
import SwapPolicy
import YAML

/// The rules of a preview.
public struct Preview: Sendable {
  public let policy: SwapPolicy
  /// The namespace of objects that name none.
  public let namespace: String
  /// Namespaces that the webhook is not called for, each with the place of the label that says so.
  public let skippedNamespaces: SkippedNamespaces

  public init(policy: SwapPolicy, namespace: String, skippedNamespaces: SkippedNamespaces = SkippedNamespaces()) {
    self.policy = policy
    self.namespace = namespace
    self.skippedNamespaces = skippedNamespaces
  }
}

/// What the webhook does to one image of a manifest.
public struct ImageFinding: Sendable {
  public let pod: ManifestPod
  /// The pod's namespace.
  public let namespace: String
  public let outcome: ImageOutcome
  /// Where the image is written, or where the container begins that has none; in bytes from the manifest's beginning.
  public let offset: Int
  /// What is decided and why, if the webhook is not called, or the text cannot say it.
  public internal(set) var exception: Exception?
  var isEdited = false

  public enum Exception: Sendable {
    /// The webhook is not called for the pod's namespace, because of the label there.
    case skippedNamespace(String)
    /// The webhook redirects the image, and the text stays: another use of the same text does not want that.
    case shared
    /// The webhook redirects the image, and the text stays: it cannot be edited in place.
    case notEditable
  }

  /// The decision, and the rule behind it with its place; in printable ASCII.
  public var words: (decision: String, rule: String?) {
    switch exception {
    case .skippedNamespace(let place)?: ("left alone: its namespace opted out", skipKey + " at " + place)
    case .shared?: ("not edited: an anchor shares it with what stays", outcome.verdict.words.rule)
    case .notEditable?: ("not edited: it is not written on one line", outcome.verdict.words.rule)
    case nil: (outcome.verdict.words.decision, outcome.verdict.words.rule)
    }
  }

  /// The image's place in the object (RFC 6901).
  public var pointer: String { pod.pointer + outcome.pointer }

  /// The image's new name in the text; `nil` where it stays.
  public var becomes: String? { isEdited ? target : nil }

  /// Whether the webhook redirects the image, whatever the text can say.
  public var isRedirected: Bool { target != nil }

  /// What the webhook makes of the image; `nil` where it stays.
  public var target: String? {
    if case .skippedNamespace? = exception { return nil }
    if case .decided(.redirected(let image, _)) = outcome.verdict { return image }
    return nil
  }

  /// The name under a mirror's target that the image will be pulled by, or is already; `nil` without one.
  public var proxiedName: String? {
    if case .decided(.alreadyRedirected) = outcome.verdict { return outcome.image }
    return target
  }
}

/// A warning of the webhook.
public struct PodWarning: Sendable {
  public let text: String
  /// Where the pod is written, in bytes from the manifest's beginning.
  public let offset: Int
}

/// What the webhook does to the pods of one manifest.
public struct ManifestPreview: Sendable {
  public internal(set) var documents = 0
  public internal(set) var objects = 0
  /// Every image, in the order of the text; those of a pod in the order of the webhook.
  public internal(set) var findings: [ImageFinding] = []
  /// What to change in the text, in its order.
  public internal(set) var edits: [Edit] = []
  /// What is wrong: the text there stays as it is.
  public internal(set) var problems: [ManifestProblem] = []
  /// What the webhook warns of; the user of kubectl sees the same.
  public internal(set) var warnings: [PodWarning] = []

  /// Adds a problem. Of a template every document may be wrong, and one remedy helps all.
  mutating func add(_ problem: ManifestProblem) {
    if problem.isTemplate, problems.contains(where: \.isTemplate) { return }
    problems.append(problem)
  }
}

extension Preview {
  /// Looks at every pod of a manifest.
  public func preview(_ manifest: Manifest) -> ManifestPreview {
    preview(manifest, manifest.parts[...])
  }

  func preview(_ manifest: Manifest, _ parts: ArraySlice<Range<Int>>) -> ManifestPreview {
    var result = ManifestPreview()
    manifest.forEachDocument(in: parts) { tree in
      result.documents += 1
      preview(tree, manifest, &result)
    } report: {
      result.add($0)
    }
    result.edits.sort { $0.range.lowerBound < $1.range.lowerBound }
    return result
  }

  private func preview(_ tree: YAMLTree, _ manifest: Manifest, _ result: inout ManifestPreview) {
    var images: [WrittenImage] = []
    for object in tree.objects {
      result.objects += 1
      for pod in tree.pods(of: object) {
        do throws(ManifestProblem) {
          try preview(pod, tree, &result, &images)
        } catch {
          let document = Int(tree.nodes[0].start)..<Int(tree.nodes[0].end)
          result.add(manifest.isTemplate(document) ? error.inTemplate : error)
        }
      }
    }
    edit(images, tree, &result)
  }

  /// Runs the webhook on a pod.
  private func preview(
    _ pod: ManifestPod, _ tree: YAMLTree, _ result: inout ManifestPreview, _ images: inout [WrittenImage]
  ) throws(ManifestProblem) {
    try preview(pod, .create, tree, &result, &images) { $0 != .ephemeralContainers }
    guard pod.object.kind == "Pod", tree.hasEphemeralContainers(pod) else { return }
    try preview(pod, .addEphemeralContainers, tree, &result, &images) { $0 == .ephemeralContainers }
  }

  private func preview(
    _ pod: ManifestPod, _ call: PodReviewCall, _ tree: YAMLTree, _ result: inout ManifestPreview,
    _ images: inout [WrittenImage], where shows: (ImageList) -> Bool
  ) throws(ManifestProblem) {
    let namespace = pod.object.namespace ?? self.namespace
    let review = try tree.review(of: pod, call, namespace: self.namespace)
    var outcomes: [ImageOutcome] = []
    var patch: ImagePatch
    do throws(JSONError) {
      let answer = try answer(review, under: policy) { outcomes.append($0) }
      if let fault = answer.podFault { throw fault }
      patch = ImagePatch(answer.patch)
      // What is wrong with a pod was told when it was created.
      if case .create = call {
        result.warnings += answer.warnings.map { PodWarning(text: $0, offset: Int(tree.nodes[pod.node].start)) }
      }
    } catch {
      throw tree.problem(error, in: review, pod)
    }
    let skipped = skippedNamespaces[namespace]
    for outcome in outcomes {
      let target = patch.target(of: outcome)
      guard shows(outcome.list) else { continue }
      let image = tree.writtenImage(outcome, pod)
      if let image, image.isImage {
        images.append(
          WrittenImage(
            scalar: image.node, trail: image.trail, becomes: skipped == nil ? target : nil,
            finding: result.findings.count))
      }
      result.findings.append(
        ImageFinding(
          pod: pod, namespace: namespace, outcome: outcome,
          offset: Int(tree.nodes[image?.node ?? pod.node].start), exception: skipped.map { .skippedNamespace($0) }))
    }
    precondition(patch.isDone, "the patch replaces only images that were reported")
  }
}
