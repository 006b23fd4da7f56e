// swift-tools-version: 6.2
import Foundation
import PackageDescription

// Every target says where it touches memory unsafely; ImageReference, JSON, SwapPolicy, Admission, Manifests and HTTP1,
// which read bytes from outside, contain none.
let strict: [SwiftSetting] = [.strictMemorySafety()]

let package = Package(
  name: "pisw",
  products: [
    .executable(name: "pisw-mutate", targets: ["pisw-mutate"]),
    .executable(name: "pisw-serve", targets: ["pisw-serve"]),
    .executable(name: "pisw", targets: ["pisw"]),
  ],
  dependencies: [.package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")],
  targets: [
    .executableTarget(
      name: "pisw-mutate",
      dependencies: ["OneShot", "Configuration", "Policy", "JSON", "System", "CLinux", "Version"],
      swiftSettings: strict),
    .executableTarget(
      name: "pisw-serve",
      dependencies: [
        "Server", "Admission", "Configuration", "HTTP1", "Help", "JSON", "System", "CLinux", "Policy",
        "TLS", "Version",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "pisw",
      dependencies: [
        "Admission", "ConfigurationLint", "Configuration", "Help", "ImageReference", "JSON", "Manifests",
        "System", "Policy", "Version", "YAML",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .target(
      name: "OneShot",
      dependencies: ["Admission", "Configuration", "Webhook", "HTTP1", "Policy", "JSON", "System"],
      swiftSettings: strict),
    .target(
      name: "ConfigurationLint",
      dependencies: ["Admission", "Configuration", "ImageReference", "Policy", "JSON"],
      swiftSettings: strict),
    .target(
      name: "Configuration", dependencies: ["Policy", "YAML", "JSON", "System"], swiftSettings: strict),
    .target(name: "Webhook", dependencies: ["HTTP1", "JSON"], swiftSettings: strict),
    .target(name: "Manifests", dependencies: ["Admission", "Policy", "YAML", "JSON"], swiftSettings: strict),
    .target(name: "HTTP1", swiftSettings: strict),
    .target(name: "Admission", dependencies: ["Policy", "JSON"], swiftSettings: strict),
    .target(name: "Policy", dependencies: ["ImageReference", "JSON"], swiftSettings: strict),
    .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: strict),
    .target(name: "JSON", swiftSettings: strict),
    .target(name: "ImageReference", swiftSettings: strict),
    .target(
      name: "Server", dependencies: ["Webhook", "HTTP1", "JSON", "TLS", "System", "CLinux"],
      swiftSettings: strict),
    .target(name: "TLS", dependencies: ["COpenSSL", "System", "CLinux"], swiftSettings: strict),
    .target(name: "System", dependencies: ["CLinux"], swiftSettings: strict),
    .target(name: "CLinux"),
    .target(
      name: "Help", dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),
    .target(name: "Version", dependencies: ["CVersion"], swiftSettings: strict),
    // Build/build.sh sets the variable.
    .target(
      name: "CVersion", cSettings: [.define("PISW_COMMIT", to: Context.environment["PISW_COMMIT"] ?? "0")]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    unitTests(of: "CLinux"),
    unitTests(of: "System"),
    unitTests(of: "ImageReference", exclude: ["references.jsonl"]),
    unitTests(of: "JSON"),
    unitTests(of: "YAML"),
    .target(name: "UnitTestSupport", dependencies: ["Configuration", "Policy"], path: "Tests/unit/Support"),
    unitTests(of: "Policy", with: ["Configuration", "UnitTestSupport"]),
    unitTests(of: "Admission", with: ["Configuration"]),
    unitTests(of: "Manifests", with: ["Configuration"]),
    unitTests(of: "HTTP1"),
    unitTests(of: "Webhook"),
    unitTests(of: "ConfigurationLint", with: ["Configuration"]),
    unitTests(of: "Configuration", with: ["UnitTestSupport"]),
    unitTests(of: "TLS"),
    unitTests(of: "Server"),
    unitTests(of: "Version"),
  ]
)

// Images are built without the tests (.dockerignore).
if !FileManager.default.fileExists(atPath: Context.packageDirectory + "/Tests") {
  package.targets.removeAll { $0.path?.hasPrefix("Tests/") ?? false }
}

// The programs of the tests. SwiftPM makes a product of every executable target, so they exist only for the scripts that
// build them.
if Context.environment["PISW_TEST_PROGRAMS"] != nil {
  package.targets += [
    .executableTarget(
      name: "bench-review", dependencies: ["Admission", "Configuration", "Policy"], path: "Tests/bench/review",
      swiftSettings: strict),
    .executableTarget(
      name: "faulty-serve", dependencies: ["Server", "HTTP1", "Misdeeds", "TLS"], path: "Tests/isolation/faulty",
      swiftSettings: strict),
    .target(name: "Misdeeds", path: "Tests/isolation/misdeeds"),
  ]
}

// The fuzz targets of Tests/fuzz, instead of programs and tests: libFuzzer brings its own `main`.
if Context.environment["PISW_FUZZ"] != nil {
  let modules: [Target.Dependency] = [
    "Server", "Admission", "ConfigurationLint", "Configuration", "HTTP1", "ImageReference", "JSON",
    "Manifests", "Policy", "YAML",
  ]
  package.products = []
  package.targets.removeAll { $0.type == .executable || $0.type == .test }
  package.targets.append(.target(name: "FuzzSupport", dependencies: modules, path: "Tests/fuzz/targets/support"))
  for name in ["configuration", "http", "json", "krm", "manifest", "pod", "reference", "report", "review"] {
    package.targets.append(
      .executableTarget(
        name: "fuzz-" + name, dependencies: ["FuzzSupport"] + modules, path: "Tests/fuzz/targets/" + name,
        swiftSettings: [.unsafeFlags(["-parse-as-library"])]))
  }
}

/// The unit tests of a module, in Tests/unit.
func unitTests(of module: String, with others: [String] = [], exclude: [String] = []) -> Target {
  .testTarget(
    name: module + "Tests", dependencies: ([module] + others).map { .byName(name: $0) },
    path: "Tests/unit/" + module + "Tests", exclude: exclude, swiftSettings: strict)
}
