// swift-tools-version: 6.2
// The plan of the house: every arrow between rooms is written here and nowhere else.
import PackageDescription

// Most of what a test run waits for is the program itself, so `scripts/build-tests.sh` has it optimized; overflow and bounds are still
// checked. Nobody else sets it: SwiftPM refuses a package with unsafe flags as a dependency.
let optimized: [SwiftSetting] =
    Context.environment["TEST_OPTIMIZED"] == "yes" ? [.unsafeFlags(["-O"], .when(configuration: .debug))] : []

let strict: [SwiftSetting] =
    optimized + [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ]

let tested: [SwiftSetting] = [.swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny")]

/// All test targets, or the one that `TEST_MODULE` names (`make unit MODULE=Manage`), so that no other is compiled.
func tests(_ targets: [Target]) -> [Target] {
    guard let module = Context.environment["TEST_MODULE"], !module.isEmpty else { return targets }
    return targets.filter { $0.name == "\(module)Tests" }
}

let package = Package(
    name: "inlet",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "inlet", targets: ["inlet"]),
        .library(name: "Contract", targets: ["Contract"]),
        .library(name: "Client", targets: ["Client"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.1"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // 1: system libraries, module maps only
        .systemLibrary(name: "CArgon2", providers: [.apt(["libargon2-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),

        // 1: files that are part of the program
        .target(name: "CEmbeddedFiles"),
        .target(name: "EmbeddedFiles", dependencies: ["CEmbeddedFiles"], swiftSettings: strict),

        // 2: nouns and rules; no I/O, no clock of its own
        .target(
            name: "Domain",
            dependencies: [.product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict),

        // 3: two open lists around the one store
        .target(name: "AuthMethods", dependencies: ["Domain"], swiftSettings: strict),
        .target(
            name: "Storage",
            dependencies: [
                "CPostgres",
                "Domain",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict),

        // 4: verbs; they never import each other
        .target(
            name: "Destinations",
            dependencies: [
                "Domain",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(
            name: "Deliver",
            dependencies: [
                "Destinations", "Domain", "Storage",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .target(
            name: "Ingest",
            dependencies: [
                "AuthMethods", "Contract", "Domain", "Storage",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .target(
            name: "Manage",
            dependencies: [
                "AuthMethods", "CArgon2", "Deliver", "Destinations", "Domain", "Storage",
            ],
            swiftSettings: strict),

        // 5: the wire types of the REST API, shared by server and SDK; what both faces of the admin listener share
        .target(name: "Contract", swiftSettings: strict),
        .target(
            name: "WebSupport",
            dependencies: [
                "Contract", "Deliver", "Domain", "Manage",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        // 6: faces
        .target(
            name: "RestAPI",
            dependencies: [
                "Contract", "Deliver", "Destinations", "Domain", "EmbeddedFiles", "Manage", "Storage", "WebSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(
            name: "ConsoleFiles", dependencies: ["EmbeddedFiles"], exclude: ["Assets", "Templates", "Words"],
            swiftSettings: strict),
        .target(
            name: "Console",
            dependencies: [
                "ConsoleFiles", "Contract", "Destinations", "Domain", "Manage", "Storage", "WebSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .target(
            name: "Client",
            dependencies: [
                "Contract",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),

        // 7: the program: settings, assembly, commands
        .executableTarget(
            name: "inlet",
            dependencies: [
                "AuthMethods", "Client", "Console", "Contract", "Deliver", "Destinations", "Domain", "Ingest", "Manage",
                "RestAPI", "Storage", "WebSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        // what `make bench` compares deliveries with; no part of the program
        .executableTarget(
            name: "bare-client",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Benchmarks/BareClient", swiftSettings: strict),

        // what tests share: a store to copy, a clock moved by hand; and the whole server on free ports
        .target(
            name: "TestSupport",
            dependencies: [
                "CPostgres", "Domain", "Manage", "Storage",
            ],
            path: "Tests/TestSupport",
            swiftSettings: tested),
        .target(
            name: "ServerSupport",
            dependencies: [
                "Client", "Contract", "Domain", "Ingest", "inlet", "Manage", "RestAPI", "Storage", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Tests/ServerSupport",
            swiftSettings: tested),
    ]
        + tests([
            // tests mirror the modules; ServerTests are about several servers, or about everything at once
            .testTarget(
                name: "DomainTests",
                dependencies: [
                    "Domain",
                    .product(name: "Crypto", package: "swift-crypto"),
                ],
                swiftSettings: tested),
            .testTarget(
                name: "StorageTests",
                dependencies: [
                    "Domain", "Storage", "TestSupport",
                ],
                swiftSettings: tested),
            .testTarget(
                name: "IngestTests",
                dependencies: [
                    "Client", "Contract", "Domain", "Ingest", "inlet", "Manage", "ServerSupport", "Storage", "TestSupport",
                    .product(name: "AsyncHTTPClient", package: "async-http-client"),
                    .product(name: "Crypto", package: "swift-crypto"),
                    .product(name: "HTTPTypes", package: "swift-http-types"),
                    .product(name: "NIOCore", package: "swift-nio"),
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                    .product(name: "NIOPosix", package: "swift-nio"),
                ],
                swiftSettings: tested),
            .testTarget(
                name: "DeliverTests",
                dependencies: [
                    "Client", "Contract", "Deliver", "Domain", "Manage", "ServerSupport", "Storage", "TestSupport",
                    .product(name: "HTTPTypes", package: "swift-http-types"),
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                ],
                swiftSettings: tested),
            .testTarget(
                name: "ManageTests",
                dependencies: [
                    "Client", "Contract", "Domain", "Ingest", "inlet", "Manage", "ServerSupport", "Storage", "TestSupport",
                    .product(name: "HTTPTypes", package: "swift-http-types"),
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                ],
                swiftSettings: tested),
            .testTarget(
                name: "WebSupportTests",
                dependencies: [
                    "WebSupport",
                    .product(name: "HTTPTypes", package: "swift-http-types"),
                ],
                swiftSettings: tested),
            .testTarget(
                name: "RestTests",
                dependencies: [
                    "Client", "Contract", "Domain", "Manage", "RestAPI", "ServerSupport", "Storage", "TestSupport",
                    .product(name: "AsyncHTTPClient", package: "async-http-client"),
                    .product(name: "HTTPTypes", package: "swift-http-types"),
                    .product(name: "NIOCore", package: "swift-nio"),
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                    .product(name: "NIOPosix", package: "swift-nio"),
                ],
                swiftSettings: tested),
            .testTarget(
                name: "ConsoleTests",
                dependencies: [
                    "Console", "ConsoleFiles", "Contract", "Domain", "EmbeddedFiles", "ServerSupport", "TestSupport",
                    .product(name: "AsyncHTTPClient", package: "async-http-client"),
                    .product(name: "HTTPTypes", package: "swift-http-types"),
                    .product(name: "NIOCore", package: "swift-nio"),
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                ],
                swiftSettings: tested),
            .testTarget(
                name: "CommandTests",
                dependencies: [
                    "Client", "Contract", "Domain", "inlet", "Manage", "RestAPI", "ServerSupport", "Storage", "TestSupport",
                    .product(name: "ArgumentParser", package: "swift-argument-parser"),
                    .product(name: "NIOCore", package: "swift-nio"),
                    .product(name: "NIOPosix", package: "swift-nio"),
                ],
                swiftSettings: tested),
            .testTarget(
                name: "ServerTests",
                dependencies: [
                    "Client", "Contract", "Domain", "Ingest", "Manage", "ServerSupport", "Storage", "TestSupport",
                    .product(name: "HTTPTypes", package: "swift-http-types"),
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                ],
                swiftSettings: tested),
        ])
)
