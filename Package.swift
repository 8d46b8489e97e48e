// swift-tools-version: 6.2
import PackageDescription

// Every target builds in Swift 6 mode with strict concurrency, and no warning survives a build.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    // A fifth of a gRPC call's CPU time went into run-time checks of exclusive access; debug builds and tests keep them.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioConcurrency = Target.Dependency.product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// A library target: one responsibility, the arrows of `docs/architecture.md`.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A program: wiring only.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// Tests of one library target, in a folder that mirrors its own.
func tests(
    _ name: String, _ dependencies: [Target.Dependency], path: String? = nil, resources: [Resource] = []
) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: path, resources: resources, swiftSettings: settings)
}

let package = Package(
    name: "rocketmq-swift",
    products: [
        .executable(name: "mqnamesrv", targets: ["mqnamesrv"]),
        .executable(name: "mqbroker", targets: ["mqbroker"]),
        .executable(name: "mqproxy", targets: ["mqproxy"]),
        .executable(name: "mqadmin", targets: ["mqadmin"]),
        .executable(name: "mqdemo", targets: ["mqdemo"]),
        .executable(name: "mqbench", targets: ["mqbench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // C
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CRocketMQProtos", dependencies: ["CProtobufC"]),
        .target(name: "CStorageSupport"),

        // Model and pure logic
        library("MessageModel", []),
        library("DeliveryEngine", ["MessageModel"]),
        library("StorageEngine", ["MessageModel", "CStorageSupport", nioCore, nioConcurrency]),
        library("RemotingCodec", ["MessageModel", "CZlib", nioCore]),
        library("ProtoMessages", ["MessageModel", "CProtobufC", "CRocketMQProtos", nioCore]),
        library("HTTP2Session", ["CNghttp2", nioCore]),

        // Edges
        library("GRPCServer", ["HTTP2Session", "CZlib", nioCore, nioPosix, nioSSL, nioConcurrency, logging]),
        library("GRPCClient", ["CNghttp2", nioCore, nioPosix, nioSSL]),
        library(
            "RemotingTransport", ["MessageModel", "RemotingCodec", nioCore, nioPosix, nioSSL, nioConcurrency, logging]),
        library("MonitorServer", [nioCore, nioPosix, nioHTTP1, nioConcurrency, logging]),
        library("ServerSupport", ["MessageModel", nioCore, nioSSL, nioConcurrency, logging, x509, crypto]),

        // Servers
        library(
            "ProxyServer",
            ["MessageModel", "ProtoMessages", "GRPCServer", "ServerSupport", "CZlib", nioCore, nioConcurrency, logging]),
        library(
            "BrokerServer",
            [
                "MessageModel", "DeliveryEngine", "StorageEngine", "RemotingCodec", "RemotingTransport",
                "ServerSupport",
                nioCore, nioConcurrency, logging,
            ]),
        library(
            "NameServer",
            ["MessageModel", "RemotingCodec", "RemotingTransport", "ServerSupport", nioCore, nioConcurrency, logging]),
        library(
            "AdminClient",
            ["MessageModel", "RemotingCodec", "RemotingTransport", "ServerSupport", nioCore, nioConcurrency]),
        library(
            "ClusterBackend",
            ["MessageModel", "RemotingCodec", "RemotingTransport", "ProxyServer", nioCore, nioConcurrency, logging]),
        library(
            "LocalBackend",
            [
                "MessageModel", "ProtoMessages", "StorageEngine", "ProxyServer", "BrokerServer", "NameServer", nioCore,
                nioConcurrency, logging,
            ]),

        library(
            "BenchmarkLoad",
            [
                "MessageModel", "ProtoMessages", "RemotingCodec", "RemotingTransport", "GRPCClient", "AdminClient",
                nioCore,
                nioSSL, logging, histogram,
            ]),

        // Programs
        program(
            "mqnamesrv",
            [
                "NameServer", "MonitorServer", "RemotingTransport", "ServerSupport", "MessageModel", nioCore, nioPosix,
                logging,
            ]
        ),
        program(
            "mqbroker",
            [
                "BrokerServer", "MonitorServer", "RemotingTransport", "StorageEngine", "ServerSupport", "MessageModel",
                nioCore, nioPosix, logging, argumentParser,
            ]),
        program(
            "mqproxy",
            [
                "ProxyServer", "ClusterBackend", "LocalBackend", "BrokerServer", "NameServer", "GRPCServer",
                "MonitorServer", "RemotingTransport", "RemotingCodec", "StorageEngine", "ServerSupport", "MessageModel",
                nioCore, nioPosix, nioSSL, logging, argumentParser,
            ]),
        program(
            "mqadmin",
            [
                "AdminClient", "RemotingTransport", "RemotingCodec", "MessageModel", "ServerSupport", nioCore, nioPosix,
                logging,
            ]),
        program("mqdemo", ["GRPCClient", "ProtoMessages", nioCore, nioPosix]),
        program("mqbench", ["BenchmarkLoad", "MessageModel", nioPosix, logging, argumentParser]),
        program("simulate", ["Simulation"]),

        // Tests
        .target(
            name: "GRPCTestClient", dependencies: ["CNghttp2", nioCore, nioPosix, nioSSL, nioConcurrency],
            path: "Tests/Support/GRPCTestClient", swiftSettings: settings),
        .target(
            name: "InMemoryFileSystem", dependencies: ["StorageEngine", nioConcurrency],
            path: "Tests/Support/InMemoryFileSystem", swiftSettings: settings),
        .target(
            name: "Simulation",
            dependencies: [
                "BrokerServer", "StorageEngine", "DeliveryEngine", "RemotingCodec", "MessageModel",
                "InMemoryFileSystem", nioCore, nioConcurrency, logging,
            ], path: "Tests/Simulation", swiftSettings: settings),
        tests("SimulationTests", ["Simulation"]),
        tests("MessageModelTests", ["MessageModel"], resources: [.copy("Golden")]),
        tests("DeliveryEngineTests", ["DeliveryEngine", "MessageModel"]),
        tests(
            "StorageEngineTests",
            ["StorageEngine", "CStorageSupport", "MessageModel", "InMemoryFileSystem", nioCore, nioConcurrency],
            resources: [.copy("Golden")]),
        tests(
            "RemotingCodecTests", ["RemotingCodec", "MessageModel", nioCore], resources: [.copy("Golden")]),
        tests("ProtoMessagesTests", ["ProtoMessages", "MessageModel", nioCore]),
        tests("HTTP2SessionTests", ["HTTP2Session", "GRPCTestClient", nioCore]),
        tests(
            "GRPCServerTests",
            [
                "GRPCServer", "GRPCTestClient", "ServerSupport", "CZlib", "HTTP2Session", nioCore, nioPosix,
                nioEmbedded, nioSSL, logging,
            ]),
        tests(
            "RemotingTransportTests",
            ["RemotingTransport", "RemotingCodec", "ServerSupport", "MessageModel", nioCore, nioPosix, nioSSL, logging]),
        tests("MonitorServerTests", ["MonitorServer", nioCore, nioPosix, nioHTTP1, nioEmbedded, logging]),
        tests("ServerSupportTests", ["ServerSupport", "MessageModel", nioCore, nioSSL, logging]),
        tests(
            "ProxyServerTests",
            [
                "ProxyServer", "ProtoMessages", "GRPCServer", "GRPCTestClient", "HTTP2Session", "MessageModel", nioCore,
                nioPosix, nioEmbedded, nioConcurrency, logging,
            ]),
        tests(
            "ClusterBackendTests",
            [
                "ClusterBackend", "ProxyServer", "ProtoMessages", "RemotingCodec", "RemotingTransport", "MessageModel",
                nioCore, nioPosix, nioConcurrency, logging,
            ]),
        tests(
            "BrokerServerTests",
            [
                "BrokerServer", "StorageEngine", "DeliveryEngine", "RemotingCodec", "RemotingTransport",
                "ServerSupport", "MessageModel", "InMemoryFileSystem",
                nioCore, nioConcurrency, nioEmbedded, nioPosix, logging,
            ], resources: [.copy("Golden")]),
        tests(
            "NameServerTests",
            [
                "NameServer", "RemotingCodec", "RemotingTransport", "ServerSupport", "MessageModel", nioCore, nioPosix,
                logging,
            ], resources: [.copy("Golden")]),
        tests(
            "AdminClientTests",
            [
                "AdminClient", "NameServer", "RemotingCodec", "RemotingTransport", "ServerSupport", "MessageModel",
                nioCore, nioPosix, nioConcurrency, logging,
            ]),
        tests("BenchmarkLoadTests", ["BenchmarkLoad", nioCore]),
        tests(
            "FuzzTests",
            [
                "BrokerServer", "StorageEngine", "DeliveryEngine", "RemotingCodec", "ServerSupport", "MessageModel",
                "InMemoryFileSystem", nioCore, nioConcurrency, logging,
            ], path: "Tests/Fuzz", resources: [.copy("Corpus")]),
        tests("TidyTests", []),
    ]
)
