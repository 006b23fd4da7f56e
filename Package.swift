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
      dependencies: ["OneShot", "ConfigurationSources", "SwapPolicy", "JSON", "POSIX", "CPOSIX", "Version"],
      swiftSettings: strict),
    .executableTarget(
      name: "pisw-serve",
      dependencies: [
        "AcceptLoop", "Admission", "ConfigurationSources", "HTTP1", "Help", "JSON", "POSIX", "CPOSIX", "SwapPolicy",
        "TLS", "Version",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "pisw",
      dependencies: [
        "Admission", "ConfigurationReview", "ConfigurationSources", "Help", "ImageReference", "JSON", "Manifests",
        "POSIX", "SwapPolicy", "Version", "YAML",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .target(
      name: "OneShot",
      dependencies: ["Admission", "ConfigurationSources", "Endpoints", "HTTP1", "SwapPolicy", "JSON", "POSIX"],
      swiftSettings: strict),
    .target(
      name: "ConfigurationReview",
      dependencies: ["Admission", "ConfigurationSources", "ImageReference", "SwapPolicy", "JSON"],
      swiftSettings: strict),
    .target(
      name: "ConfigurationSources", dependencies: ["SwapPolicy", "YAML", "JSON", "POSIX"], swiftSettings: strict),
    .target(name: "Endpoints", dependencies: ["HTTP1", "JSON"], swiftSettings: strict),
    .target(name: "Manifests", dependencies: ["Admission", "SwapPolicy", "YAML", "JSON"], swiftSettings: strict),
    .target(name: "HTTP1", swiftSettings: strict),
    .target(name: "Admission", dependencies: ["SwapPolicy", "JSON"], swiftSettings: strict),
    .target(name: "SwapPolicy", dependencies: ["ImageReference", "YAML", "JSON"], swiftSettings: strict),
    .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: strict),
    .target(name: "JSON", swiftSettings: strict),
    .target(name: "ImageReference", swiftSettings: strict),
    .target(
      name: "AcceptLoop", dependencies: ["Endpoints", "HTTP1", "JSON", "TLS", "POSIX", "CPOSIX"],
      swiftSettings: strict),
    .target(name: "TLS", dependencies: ["COpenSSL", "POSIX", "CPOSIX"], swiftSettings: strict),
    .target(name: "POSIX", dependencies: ["CPOSIX"], swiftSettings: strict),
    .target(name: "CPOSIX"),
    .target(
      name: "Help", dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),
    .target(name: "Version", dependencies: ["CVersion"], swiftSettings: strict),
    // Build/build.sh sets the variable.
    .target(
      name: "CVersion", cSettings: [.define("PISW_COMMIT", to: Context.environment["PISW_COMMIT"] ?? "0")]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    unitTests(of: "CPOSIX"),
    unitTests(of: "POSIX"),
    unitTests(of: "ImageReference", exclude: ["references.jsonl"]),
    unitTests(of: "JSON"),
    unitTests(of: "YAML"),
    unitTests(of: "SwapPolicy"),
    unitTests(of: "Admission"),
    unitTests(of: "Manifests"),
    unitTests(of: "HTTP1"),
    unitTests(of: "Endpoints"),
    unitTests(of: "ConfigurationReview"),
    unitTests(of: "ConfigurationSources"),
    unitTests(of: "TLS"),
    unitTests(of: "AcceptLoop"),
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
      name: "bench-review", dependencies: ["Admission", "SwapPolicy"], path: "Tests/bench/review", swiftSettings: strict
    ),
    .executableTarget(
      name: "faulty-serve", dependencies: ["AcceptLoop", "HTTP1", "Misdeeds", "TLS"], path: "Tests/isolation/faulty",
      swiftSettings: strict),
    .target(name: "Misdeeds", path: "Tests/isolation/misdeeds"),
  ]
}

// The fuzz targets of Tests/fuzz, instead of programs and tests: libFuzzer brings its own `main`.
if Context.environment["PISW_FUZZ"] != nil {
  let modules: [Target.Dependency] = [
    "AcceptLoop", "Admission", "ConfigurationReview", "ConfigurationSources", "HTTP1", "ImageReference", "JSON",
    "Manifests", "SwapPolicy", "YAML",
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
func unitTests(of module: String, exclude: [String] = []) -> Target {
  .testTarget(
    name: module + "Tests", dependencies: [.byName(name: module)], path: "Tests/unit/" + module + "Tests",
    exclude: exclude, swiftSettings: strict)
}
