// The preview: runs the webhook on the pods of a manifest, and edits the text to match.

import Admission
import JSON
import Policy
import YAML

/// The rules and the cluster that a preview assumes.
public struct Preview: Sendable {
  public let policy: SwapPolicy
  /// The namespace of objects that name none.
  public let namespace: String
  /// The namespaces for which the API server does not call the webhook.
  public let skippedNamespaces: SkippedNamespaces

  public init(policy: SwapPolicy, namespace: String, skippedNamespaces: SkippedNamespaces = SkippedNamespaces()) {
    self.policy = policy
    self.namespace = namespace
    self.skippedNamespaces = skippedNamespaces
  }
}

/// The webhook's decision about one image of a manifest, and what becomes of the text.
public struct ImageFinding: Sendable {
  public let pod: ManifestPod
  /// The pod's namespace.
  public let namespace: String
  public let outcome: ImageOutcome
  /// The offset of the image name, or of the container if it has none, in bytes from the beginning of the manifest.
  public let offset: Int
  /// Why the decision or the text differs from `outcome`; `nil` if neither does.
  public internal(set) var exception: Exception?
  var isEdited = false

  public enum Exception: Sendable {
    /// The API server does not call the webhook for the pod's namespace. The value is the place of the label that says
    /// so.
    case skippedNamespace(String)
    /// The webhook redirects the image, but the text stays, because an anchor shares it with a use that must not
    /// change.
    case shared
    /// The webhook redirects the image, but the text stays, because it cannot be edited in place.
    case notEditable
  }

  /// The decision, and the rule behind it with its place, in printable ASCII.
  public var words: (decision: String, rule: String?) {
    switch exception {
    case .skippedNamespace(let place)?: ("left alone: its namespace opted out", skipKey + " at " + place)
    case .shared?: ("not edited: an anchor shares it with text that stays", outcome.verdict.words.rule)
    case .notEditable?: ("not edited: it is not written on one line", outcome.verdict.words.rule)
    case nil: (outcome.verdict.words.decision, outcome.verdict.words.rule)
    }
  }

  /// The JSON pointer (RFC 6901) to the image in the object.
  public var pointer: String { pod.pointer + outcome.pointer }

  /// The image's new name in the text; `nil` if the text stays.
  public var becomes: String? { isEdited ? target : nil }

  /// Whether the webhook redirects the image, even if the text stays.
  public var isRedirected: Bool { target != nil }

  /// The name to which the webhook redirects the image; `nil` if it does not.
  public var target: String? {
    if case .skippedNamespace? = exception { return nil }
    if case .decided(.redirected(let image, _)) = outcome.verdict { return image }
    return nil
  }

  /// The name under a mirror's target by which the image is pulled, redirected or as written; `nil` if there is none.
  public var proxiedName: String? {
    if case .decided(.alreadyRedirected) = outcome.verdict { return outcome.image }
    return target
  }
}

/// A warning that the webhook returns for a pod.
public struct PodWarning: Sendable {
  public let text: String
  /// The offset of the pod, in bytes from the beginning of the manifest.
  public let offset: Int
}

/// The preview of one manifest.
public struct ManifestPreview: Sendable {
  public internal(set) var documents = 0
  public internal(set) var objects = 0
  /// Every image, in the order of the pods in the text, and for each pod in the order of the webhook.
  public internal(set) var findings: [ImageFinding] = []
  /// The changes to the text, in the order of the text.
  public internal(set) var edits: [Edit] = []
  /// The problems. A document or pod with a problem stays as it is.
  public internal(set) var problems: [ManifestProblem] = []
  /// The webhook's warnings, which kubectl shows to its user.
  public internal(set) var warnings: [PodWarning] = []

  /// Adds a problem, but only the first one of a template, because one remedy helps all its documents.
  mutating func add(_ problem: ManifestProblem) {
    if problem.isTemplate, problems.contains(where: \.isTemplate) { return }
    problems.append(problem)
  }
}

extension Preview {
  /// Previews every pod of a manifest.
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

  /// Previews a pod: its creation, and for a Pod the addition of its ephemeral containers.
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
      // The creation already gave the warnings about a pod.
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
            scalar: image.node.index, aliases: image.node.aliases, becomes: skipped == nil ? target : nil,
            finding: result.findings.count))
      }
      result.findings.append(
        ImageFinding(
          pod: pod, namespace: namespace, outcome: outcome,
          offset: Int(tree.nodes[image?.node.index ?? pod.node].start), exception: skipped.map { .skippedNamespace($0) }
        ))
    }
    precondition(patch.isDone, "the patch replaces only images that were reported")
  }
}
