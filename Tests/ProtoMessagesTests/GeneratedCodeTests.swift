import Foundation
import Testing

@Suite struct GeneratedCodeTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static var hasGenerator: Bool {
        ["/usr/bin/protoc-c", "/usr/local/bin/protoc-c"].contains { FileManager.default.isExecutableFile(atPath: $0) }
    }

    @Test(.enabled(if: hasGenerator, "protoc-c is not installed"))
    func theCommittedCodeIsWhatTheGeneratorMakes() throws {
        let process = Process()
        process.executableURL = Self.root.appendingPathComponent("scripts/generate-protos")
        process.arguments = ["--check"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "run scripts/generate-protos and commit what it changes")
    }
}
