// swift-tools-version: 6.0
import PackageDescription

// The kernels are compiled three times, for the baseline and for two younger instruction sets; the program chooses as it starts.
#if arch(x86_64)
let kernelsV3Settings: [SwiftSetting] = [
    .unsafeFlags(["-Xcc", "-march=x86-64-v3"]), .define("FUSED_MULTIPLY_ADD"),
]
let kernelsV4Settings: [SwiftSetting] = [
    .unsafeFlags(["-Xcc", "-march=x86-64-v4", "-Xcc", "-mprefer-vector-width=512"]), .define("FUSED_MULTIPLY_ADD"),
    .define("WIDE_VECTORS"),
]
#else
let kernelsV3Settings: [SwiftSetting] = []
let kernelsV4Settings: [SwiftSetting] = []
#endif

// Numerical loops are optimised in debug builds too: without that, tests would take them a hundred times slower.
let optimized: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

let package = Package(
    name: "modinspect",
    products: [
        .executable(name: "modinspect", targets: ["modinspect"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
        .target(name: "CProcess"),
        .target(name: "Text", swiftSettings: optimized),
        .target(name: "Kernels", swiftSettings: optimized),
        .target(name: "KernelsV3", swiftSettings: optimized + kernelsV3Settings),
        .target(name: "KernelsV4", swiftSettings: optimized + kernelsV4Settings),
        .target(
            name: "Tensors", dependencies: ["COpenBLAS", "Kernels", "KernelsV3", "KernelsV4", "Text"], swiftSettings: optimized),
        .target(name: "Archives", dependencies: ["CArchive", "CProcess", "Text"]),
        .target(name: "Pictures", dependencies: ["Archives", "Text"], swiftSettings: optimized),
        .target(name: "Plots", dependencies: ["Pictures", "Text"], swiftSettings: optimized),
        .target(name: "Pages", dependencies: ["Pictures", "Text"]),
        .target(name: "Checkpoints", dependencies: ["Archives", "Tensors", "Text"]),
        .target(
            name: "Datasets",
            dependencies: ["Archives", "Checkpoints", "Tensors", "Text", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: optimized),
        .target(name: "Modularity", dependencies: ["Tensors", "Text"], swiftSettings: optimized),
        .target(name: "Scoring", dependencies: ["Checkpoints", "Modularity", "Tensors", "Text"]),
        .target(name: "Networks", dependencies: ["Archives", "Checkpoints", "Tensors", "Text"], swiftSettings: optimized),
        .target(
            name: "Evaluation", dependencies: ["Archives", "Checkpoints", "Datasets", "Networks", "Tensors", "Text"],
            swiftSettings: optimized),
        .target(
            name: "Interventions",
            dependencies: ["Archives", "Checkpoints", "Datasets", "Evaluation", "Modularity", "Networks", "Scoring", "Tensors", "Text"],
            swiftSettings: optimized),
        .target(
            name: "Training",
            dependencies: ["Archives", "Checkpoints", "Datasets", "Evaluation", "Modularity", "Networks", "Scoring", "Tensors", "Text"],
            swiftSettings: optimized),
        .target(
            name: "Circuits",
            dependencies: [
                "Archives", "Checkpoints", "Datasets", "Evaluation", "Interventions", "Modularity", "Networks", "Scoring", "Tensors",
                "Text",
            ],
            swiftSettings: optimized),
        .target(
            name: "Auditing",
            dependencies: ["Archives", "CProcess", "Checkpoints", "Datasets", "Modularity", "Networks", "Scoring", "Tensors", "Text"],
            swiftSettings: optimized),
        .target(
            name: "ModinspectCommands",
            dependencies: [
                "CProcess", "Tensors", "Archives", "Auditing", "Checkpoints", "Circuits", "Datasets", "Evaluation", "Interventions",
                "Modularity",
                "Networks", "Pages", "Pictures", "Plots", "Scoring", "Text", "Training",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(name: "modinspect", dependencies: ["ModinspectCommands"]),
        .testTarget(name: "TextTests", dependencies: ["Text"]),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors", "COpenBLAS", "Kernels"]),
        .testTarget(name: "ModularityTests", dependencies: ["Modularity", "Tensors", "Checkpoints", "TestSupport", "Text"]),
        .testTarget(name: "ScoringTests", dependencies: ["Scoring", "Modularity", "Checkpoints", "TestSupport", "Text"]),
        .testTarget(name: "ArchivesTests", dependencies: ["Archives", "CArchive", "Text"]),
        .testTarget(name: "PicturesTests", dependencies: ["Pictures", "Archives", "Text", "TestSupport"]),
        .testTarget(name: "PagesTests", dependencies: ["Pages", "Pictures", "TestSupport", "Text"]),
        .testTarget(name: "PlotsTests", dependencies: ["Plots", "Pictures", "Archives", "Text", "TestSupport"]),
        .testTarget(name: "CheckpointsTests", dependencies: ["Archives", "Checkpoints", "TestSupport", "Text"]),
        .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "Archives", "Checkpoints", "Tensors", "TestSupport", "Text"]),
        .testTarget(
            name: "NetworksTests", dependencies: ["Networks", "Archives", "Checkpoints", "Tensors", "TestSupport", "Text"],
            swiftSettings: optimized
        ),
        .testTarget(
            name: "InterventionsTests",
            dependencies: [
                "Interventions", "Evaluation", "Scoring", "Networks", "Datasets", "Modularity", "Checkpoints", "Tensors", "TestSupport",
                "Text",
            ]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "Training", "Interventions", "Evaluation", "Scoring", "Networks", "Datasets", "Modularity", "Checkpoints", "Tensors",
                "TestSupport", "Text",
            ]),
        .testTarget(
            name: "CircuitsTests",
            dependencies: [
                "Circuits", "Evaluation", "Scoring", "Networks", "Datasets", "Modularity", "Checkpoints", "Tensors", "TestSupport", "Text",
            ]),
        .testTarget(
            name: "AuditingTests",
            dependencies: ["Auditing", "Archives", "Checkpoints", "Modularity", "Tensors", "TestSupport", "Text", "modinspect"]),
        .testTarget(
            name: "OwnFamilyTests",
            dependencies: [
                "Circuits", "Interventions", "Evaluation", "Networks", "Datasets", "Modularity", "Archives", "Checkpoints", "Tensors",
                "TestSupport", "Text",
            ]),
        .target(name: "TestSupport", dependencies: ["Archives"], path: "Tests/TestSupport"),
        .testTarget(
            name: "ModinspectCommandsTests",
            dependencies: ["ModinspectCommands", "Archives", "Auditing", "Checkpoints", "Modularity", "Tensors", "Text"]),
        .testTarget(name: "CommandLineTests", dependencies: ["modinspect", "TestSupport"]),
        .testTarget(
            name: "DocumentationTests",
            dependencies: [
                "modinspect", "ModinspectCommands", "Auditing", "Checkpoints", "Circuits", "Evaluation", "Interventions", "Modularity",
                "Networks", "Plots", "Training", "TestSupport",
            ]),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzer's program has no main of its own, so it is built only where it is asked for; see Tests/Fuzzing/README.md.
if Context.environment["MODINSPECT_FUZZING"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzzing", dependencies: ["Archives", "Checkpoints", "Datasets", "ModinspectCommands", "Networks", "Tensors", "Text"],
            path: "Tests/Fuzzing", exclude: ["README.md", "run.sh"]))
}
