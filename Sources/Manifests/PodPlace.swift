// The place of a pod, for messages of programs that do not use the preview.

import YAML

extension YAMLTree {
  /// The offset of a pod, in bytes from the beginning of the manifest.
  public func offset(of pod: ManifestPod) -> Int { Int(nodes[pod.node].start) }
}
