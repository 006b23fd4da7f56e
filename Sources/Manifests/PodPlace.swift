// Where a pod is written.

import YAML

extension YAMLTree {
  /// Where a pod begins, in bytes from the beginning of the manifest.
  public func offset(of pod: ManifestPod) -> Int { Int(nodes[pod.node].start) }
}
