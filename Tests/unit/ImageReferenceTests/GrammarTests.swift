// The grammar of image names, rule by rule, at its limits. The tables were written by hand from the grammar of
// distribution/reference (regexp.go, normalize.go) and from Docker's rules for short names.

import ImageReference
import Testing

private let a64 = String(repeating: "a", count: 64)

/// The parts of a name.
struct Parts: Equatable, Sendable {
  let domain: String?
  let path: String
  var tag: String?
  var digest: String?

  init(_ domain: String?, _ path: String, tag: String? = nil, digest: String? = nil) {
    (self.domain, self.path, self.tag, self.digest) = (domain, path, tag, digest)
  }

  init(_ reference: ImageReference) {
    self.init(reference.domain, reference.path, tag: reference.tag, digest: reference.digest)
  }
}

@Suite("Names that are valid")
struct ValidNameTests {
  @Test(
    "The first component is a registry if it is localhost or has a dot, a colon or an upper-case letter",
    arguments: [
      ("nginx", Parts("docker.io", "library/nginx")),
      ("acme/app", Parts("docker.io", "acme/app")),
      ("acme/team/app", Parts("docker.io", "acme/team/app")),
      ("docker.io/nginx", Parts("docker.io", "library/nginx")),
      ("docker.io/acme/app", Parts("docker.io", "acme/app")),
      ("localhost/app", Parts("localhost", "app")),
      ("localhost", Parts("docker.io", "library/localhost")),
      ("localhosts/app", Parts("docker.io", "localhosts/app")),
      ("localhost:5000/app", Parts("localhost:5000", "app")),
      ("host:5000/app", Parts("host:5000", "app")),
      ("quay.io/app", Parts("quay.io", "app")),
      ("quay.io", Parts("docker.io", "library/quay.io")),
      ("Host/app", Parts("Host", "app")),
      ("QUAY.IO/acme/app", Parts("QUAY.IO", "acme/app")),
      ("10.0.0.1/app", Parts("10.0.0.1", "app")),
      ("a-b/app", Parts("docker.io", "a-b/app")),
    ])
  func registry(_ name: String, _ parts: Parts) throws {
    #expect(Parts(try ImageReference(name)) == parts)
  }

  @Test(
    "index.docker.io becomes docker.io, but only in lower case and without a port",
    arguments: [
      ("index.docker.io/nginx", Parts("docker.io", "library/nginx")),
      ("index.docker.io/acme/app:1", Parts("docker.io", "acme/app", tag: "1")),
      ("registry-1.docker.io/nginx", Parts("registry-1.docker.io", "nginx")),
      ("Index.docker.io/nginx", Parts("Index.docker.io", "nginx")),
      ("index.docker.io:443/nginx", Parts("index.docker.io:443", "nginx")),
      ("index.docker.io", Parts("docker.io", "library/index.docker.io")),
    ])
  func dockerHub(_ name: String, _ parts: Parts) throws {
    #expect(Parts(try ImageReference(name)) == parts)
  }

  @Test(
    "An IPv6 address is a registry, with a port and without",
    arguments: [
      ("[::1]/app", Parts("[::1]", "app")),
      ("[::1]:5000/app:1", Parts("[::1]:5000", "app", tag: "1")),
      ("[2001:DB8::1]/a/b", Parts("[2001:DB8::1]", "a/b")),
      ("[fe80:0:0:0:0:0:0:1]:1/a", Parts("[fe80:0:0:0:0:0:0:1]:1", "a")),
    ])
  func ipv6(_ name: String, _ parts: Parts) throws {
    #expect(Parts(try ImageReference(name)) == parts)
  }

  @Test(
    "A tag, a digest, both or neither may follow, and are kept as written",
    arguments: [
      ("nginx:1.27", Parts("docker.io", "library/nginx", tag: "1.27")),
      ("nginx:_A.b-C", Parts("docker.io", "library/nginx", tag: "_A.b-C")),
      ("nginx:latest", Parts("docker.io", "library/nginx", tag: "latest")),
      ("h:1/nginx:1", Parts("h:1", "nginx", tag: "1")),
      ("nginx@sha256:\(a64)", Parts("docker.io", "library/nginx", digest: "sha256:\(a64)")),
      ("nginx:1@sha256:\(a64)", Parts("docker.io", "library/nginx", tag: "1", digest: "sha256:\(a64)")),
      (
        "q.io/a@sha384:" + String(repeating: "0", count: 96),
        Parts("q.io", "a", digest: "sha384:" + String(repeating: "0", count: 96))
      ),
      (
        "q.io/a@sha512:" + String(repeating: "f", count: 128),
        Parts("q.io", "a", digest: "sha512:" + String(repeating: "f", count: 128))
      ),
    ])
  func tagAndDigest(_ name: String, _ parts: Parts) throws {
    #expect(Parts(try ImageReference(name)) == parts)
  }

  @Test(
    "Words of a path are separated by one dot, one or two underscores, or any number of dashes",
    arguments: ["a.b", "a_b", "a__b", "a-b", "a--b", "a----------b", "0", "a.b_c__d-e", "acme/a_b/c--d", "1/2/3"])
  func separators(_ name: String) throws {
    #expect(try ImageReference("quay.io/" + name).path == name)
  }

  @Test(
    "If the first component looks like a registry but is not a valid one, the name has no registry",
    arguments: ["a_b.com/x", "a__b.c/x", "a_b.com/x/y:1"])
  func noDomain(_ name: String) throws {
    let reference = try ImageReference(name)
    #expect(reference.domain == nil)
    #expect(!reference.hasDomain)
    #expect(reference.name == String(name.prefix { $0 != ":" }))
    #expect(reference.path == reference.name)
  }

  @Test("A path may have 255 bytes, and a tag 128")
  func longest() throws {
    let path = String(repeating: "a", count: 255)
    #expect(try ImageReference("quay.io/" + path).path == path)
    let library = String(repeating: "a", count: 247)
    #expect(try ImageReference(library).path.utf8.count == 255)
    let tag = String(repeating: "t", count: 128)
    #expect(try ImageReference("nginx:" + tag).tag == tag)
    let domain = String(repeating: "d.", count: 150) + "io"
    #expect(try ImageReference(domain + "/" + path).domain == domain, "the domain's length is not limited")
  }

  @Test("64 hexadecimal digits with anything beside them are a valid name")
  func almostIdentifiers() throws {
    #expect(try ImageReference("quay.io/" + a64).path == a64)
    #expect(try ImageReference("library/" + a64).path == "library/" + a64)
    #expect(try ImageReference(String(a64.dropLast())).path == "library/" + a64.dropLast())
    #expect(try ImageReference(a64 + "a").path == "library/" + a64 + "a")
    #expect(try ImageReference(a64.dropLast() + "g").path == "library/" + a64.dropLast() + "g")
    #expect(try ImageReference(a64 + ":1").tag == "1")
  }

  @Test(
    "The full name has :latest only if neither tag nor digest was written",
    arguments: [
      ("nginx", "docker.io/library/nginx:latest", ":latest", ""),
      ("nginx:1", "docker.io/library/nginx:1", ":1", ":1"),
      ("nginx@sha256:\(a64)", "docker.io/library/nginx@sha256:\(a64)", "@sha256:\(a64)", "@sha256:\(a64)"),
    ])
  func full(_ name: String, _ full: String, _ fullSuffix: String, _ suffix: String) throws {
    let reference = try ImageReference(name)
    #expect(reference.full == full)
    #expect(reference.fullSuffix == fullSuffix)
    #expect(reference.suffix == suffix)
  }
}

@Suite("Names that are refused")
struct InvalidNameTests {
  @Test(
    "The error names the rule that the name breaks",
    arguments: [
      ("", .empty),
      // Empty parts.
      (":1", .format), ("@sha256:" + a64, .format), ("/", .format), ("/nginx", .format), ("nginx/", .format),
      ("a//b", .format), ("quay.io/", .format), ("quay.io//a", .format), ("nginx:", .format), ("nginx:@", .format),
      ("nginx::1", .format), ("nginx:1:2", .format), ("quay.io/nginx:1/2", .format), (":5000/a", .format),
      // Separators of a path.
      ("a..b", .format), ("a___b", .format), ("a._b", .format), ("a-_b", .format), ("-a", .format), ("a-", .format),
      (".a", .format), ("a.", .format), ("_a", .format), ("a_", .format), ("acme/-a", .format), ("a+b", .format),
      ("a b", .format), (" nginx", .format), ("nginx ", .format), ("nginx\n", .format), ("a\tb", .format),
      // Bytes that no name may contain.
      ("a\0", .format), ("\0", .format), ("nginx:1\0", .format), ("ü", .format), ("nginx:ü", .format),
      ("quay.io/日本", .format), ("ｎginx", .format), ("ng\u{301}inx", .format), ("a%20b", .format),
      // Upper case is valid only in registries and tags.
      ("NGINX", .uppercase), ("acme/App", .uppercase), ("quay.io/Acme/app", .uppercase), ("nginX:1", .uppercase),
      // Registries.
      ("-a.io/x", .format), ("a-.io/x", .format), (".io/x", .format), ("a..io/x", .format), ("h:/x", .format),
      ("h:p/x", .format), ("h:5000:1/x", .format), ("[::1/x", .format), ("::1]/x", .format), ("[]/x", .format),
      ("[::g]/x", .format), ("[::1]5000/x", .format), ("[::1]:/x", .format), ("[::1%25eth0]/x", .format),
      ("https://quay.io/x", .format), ("user@quay.io/x", .format), ("A_B/x", .format),
      // Tags.
      ("nginx:-a", .format), ("nginx:.a", .format), ("nginx:a+b", .format), ("nginx:a b", .format),
      // Digests.
      ("nginx@", .digestAlgorithm), ("nginx@sha256", .digestFormat), ("nginx@md5:" + a64, .digestAlgorithm),
      ("nginx@SHA256:" + a64, .digestAlgorithm), ("nginx@:" + a64, .digestAlgorithm),
      ("nginx@sha256:", .digestFormat), ("nginx@sha256:" + a64.dropLast(), .digestFormat),
      ("nginx@sha256:" + a64 + "a", .digestFormat), ("nginx@sha256:" + a64.dropLast() + "A", .digestFormat),
      ("nginx@sha256:" + a64.dropLast() + "g", .digestFormat), ("nginx@sha512:" + a64, .digestFormat),
      ("nginx@sha384:" + a64, .digestFormat), ("nginx@sha256:" + a64 + ":1", .digestFormat),
      ("nginx@sha256:" + a64 + "@sha256:" + a64, .digestFormat),
      // An image ID.
      (a64, .identifier), (String(repeating: "0", count: 64), .identifier),
      // Lengths.
      ("quay.io/" + String(repeating: "a", count: 256), .tooLong),
      (String(repeating: "a", count: 248), .tooLong),
      ("nginx:" + String(repeating: "t", count: 129), .format),
    ] as [(String, ImageReferenceError)])
  func refused(_ name: String, _ reason: ImageReferenceError) {
    #expect(throws: reason) { try ImageReference(name) }
  }
}

@Suite("Whether a first component stands for a registry")
struct NamesDomainTests {
  @Test(
    "It does if it is localhost, or has a dot, a colon or an upper-case letter",
    arguments: [
      ("localhost", true), ("quay.io", true), ("h:5000", true), ("Host", true), ("[::1]", true), (".", true),
      ("library", false), ("localhost2", false), ("a-b_c", false), ("", false), ("é", false),
    ])
  func names(_ component: String, _ isDomain: Bool) {
    #expect(namesDomain(component.utf8.span) == isDomain)
  }
}
