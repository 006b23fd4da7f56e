// Fuzzes the whole review function with reviews that are always valid JSON: the input is a sequence of choices from
// which a review is written. A changed byte of a text rarely gives another meaningful text; a changed choice always
// does.

import FuzzSupport

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var writer = ReviewWriter(choices: bytes(data, count))
  writer.review()
  for policy in policies { checkReview(Array(writer.text.utf8), under: policy) }
  return 0
}

private let images = [
  "nginx", "nginx:1.27", "acme/app", "quay.io/org/app@sha256:" + String(repeating: "0a", count: 32), "app:dev", "auto",
  "", "Upper/case", "a_b.com/x", "proxy.example.com/official/nginx", "localhost/x", "host:5000/x", "quay.io/a/x",
  "docker.io/" + String(repeating: "very/", count: 40) + "long", "INDEX.docker.io/x:443", "gcr.io/x", "docker.io:443/y",
  "sha256:" + String(repeating: "0a", count: 32), String(repeating: "0a", count: 32),
  "sha256:0" + String(repeating: "0a", count: 31), "library/sha256:" + String(repeating: "0a", count: 32),
]
private let pullPolicies = ["Always", "Never", "IfNotPresent", "N\\u0065ver", "never", ""]
private let names = ["web", "db", "we\\u0062", "\\u00e9", "", "a/b", "web"]
private let texts = [
  "true", "false", "patched-image", "{}", "{\\\"containers/web\\\":\\\"nginx\\\"}", "{\\\"x\\\":1}", "not JSON", "pull",
  "abc", "kube-system", "",
]
private let labels = [
  "k8s-proxy-image-swapper", "k8s-proxy-image-swapper/skip", "team", "app", "k8s-proxy-image-swapper\\/skip", "",
]
private let annotations = [
  "k8s-proxy-image-swapper/skip", "k8s-proxy-image-swapper/original-images", "note", "kubernetes.io/config.mirror",
]

/// Writes a review from the choices. When none are left, it takes the first alternative, or leaves the value out.
private struct ReviewWriter {
  let choices: [UInt8]
  var next = 0
  var text = ""

  init(choices: [UInt8]) { self.choices = choices }

  mutating func choose(_ count: Int) -> Int {
    guard next < choices.count else { return 0 }
    next += 1
    return Int(choices[next - 1]) % count
  }

  mutating func pick(_ list: [String]) -> String { "\"" + list[choose(list.count)] + "\"" }

  /// Sometimes writes a value of the wrong type instead.
  mutating func odd() -> Bool {
    let choice = choose(64)
    guard choice > 57 else { return false }
    text += ["null", "null", "5", "{}", "[]", "\"\""][choice - 58]
    return true
  }

  mutating func object(_ members: [(String, (inout ReviewWriter) -> Void)]) {
    if odd() { return }
    text += "{"
    var isFirst = true
    for (name, write) in members {
      // A member may be missing, or occur more than once.
      let choice = choose(64)
      for _ in 0..<(choice == 63 ? 2 : choice > 55 ? 0 : 1) {
        text += (isFirst ? "\"" : ",\"") + name + "\":"
        isFirst = false
        write(&self)
      }
    }
    text += "}"
  }

  mutating func array(_ write: (inout ReviewWriter) -> Void) {
    if odd() { return }
    text += "["
    for i in 0..<choose(4) {
      if i > 0 { text += "," }
      write(&self)
    }
    text += "]"
  }

  mutating func map(_ keys: [String]) {
    if odd() { return }
    text += "{"
    for i in 0..<choose(4) {
      if i > 0 { text += "," }
      text += pick(keys) + ":"
      string(texts)
    }
    text += "}"
  }

  mutating func string(_ list: [String]) {
    if !odd() { text += pick(list) }
  }

  mutating func review() {
    text += "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\\u0031\""
    let operation = ["CREATE", "UPDATE", "UPDATE", "CREATE", "DELETE", "CONNECT"][choose(6)]
    text += ",\"operation\":\"" + operation + "\""
    let subresource = ["", "", "ephemeralcontainers", "status"][choose(4)]
    if !subresource.isEmpty { text += ",\"subResource\":\"" + subresource + "\"" }
    if choose(2) == 1 { text += ",\"namespace\":" + pick(["default", "kube-system"]) }
    if choose(8) != 7 { text += ",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"}" }
    text += ",\"object\":"
    pod()
    if operation != "CREATE" {
      text += ",\"oldObject\":"
      pod()
    }
    text += "}}"
  }

  mutating func pod() {
    object([
      ("kind", { $0.string(["Pod", "Pod", "Node"]) }),
      ("metadata", { $0.metadata() }),
      ("spec", { $0.spec() }),
    ])
  }

  mutating func metadata() {
    object([
      ("labels", { $0.map(labels) }),
      ("annotations", { $0.map(annotations) }),
      ("namespace", { $0.string(texts) }),
      (
        "ownerReferences",
        {
          $0.array {
            $0.object([
              ("apiVersion", { $0.string(["apps/v1", "v1", "a/b/c", ""]) }),
              ("kind", { $0.string(["Special", "Set"]) }),
            ])
          }
        }
      ),
    ])
    if choose(16) == 15, text.utf8.last == UInt8(ascii: "}"), text.utf8.dropLast().last != UInt8(ascii: "{") {
      text.removeLast()
      text += ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}"
    }
  }

  mutating func spec() {
    let container: (inout ReviewWriter) -> Void = {
      $0.object([
        ("imagePullPolicy", { $0.string(pullPolicies) }), ("name", { $0.string(names) }),
        ("image", { $0.string(images) }), ("pullPolicy", { $0.string(pullPolicies) }),
      ])
    }
    object([
      ("containers", { $0.array(container) }),
      ("initContainers", { $0.array(container) }),
      ("ephemeralContainers", { $0.array(container) }),
      (
        "volumes",
        {
          $0.array {
            $0.object([
              ("name", { $0.string(names) }),
              (
                "image",
                { $0.object([("reference", { $0.string(images) }), ("pullPolicy", { $0.string(pullPolicies) })]) }
              ),
            ])
          }
        }
      ),
      ("imagePullSecrets", { $0.array { $0.object([("name", { $0.string(texts) })]) } }),
    ])
  }
}
