// What the tests of this module share: previews of a text, and short forms of their results.

import Admission
import Configuration
import JSON
import Manifests
import Policy
import Testing
import YAML

func policy(_ yaml: String = "mirrors: {docker.io: p.io}") throws -> SwapPolicy {
  var configuration = Configuration()
  configuration.add(file: "config.yaml", Array(yaml.utf8))
  return try configuration.policy()
}

func manifest(_ text: String, name: String = "m.yaml") -> Manifest { Manifest(name: name, text: Array(text.utf8)) }

func preview(
  _ text: String, name: String = "m.yaml", _ configuration: String = "mirrors: {docker.io: p.io}",
  namespace: String = "default"
) throws -> ManifestPreview {
  let manifest = manifest(text, name: name)
  var skipped = SkippedNamespaces()
  skipped.add(manifest)
  return Preview(policy: try policy(configuration), namespace: namespace, skippedNamespaces: skipped).preview(manifest)
}

/// The text with the preview's edits.
func edited(_ text: String, name: String = "m.yaml") throws -> String {
  let preview = try preview(text, name: name)
  return String(decoding: manifest(text, name: name).applying(preview.edits), as: UTF8.self)
}

/// Each problem with its place: `m.yaml:1:2: problem`.
func problems(_ text: String, name: String = "m.yaml") throws -> [String] {
  var lines = Lines(manifest(text, name: name))
  return try preview(text, name: name).problems.map { lines.place($0.offset).description + ": " + $0.problem }
}

/// A Pod with one container, which has this line for its image.
func pod(_ image: String) -> String {
  "kind: Pod\napiVersion: v1\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    \(image)\n"
}

/// A pod's spec with one container, in flow style.
let spec = "{containers: [{name: c, image: nginx}]}"

extension ImageFinding {
  /// `Deployment default/web /spec/template/spec/containers/0/image nginx`.
  var line: String {
    "\(pod.object.kind) \(namespace)/\(pod.object.name) \(pod.object.pointer)\(pointer) \(outcome.image ?? "-")"
  }
}
