import Foundation
import Testing

/// The arrows between modules, read from the sources and from the manifest.
@Suite struct ArrowTests {
    /// `import X`, `package import X`, `@testable import struct X.Y`: the module's name.
    static func importedModule(_ line: String) -> String? {
        var words = line.split(separator: " ").map(String.init)
        while let first = words.first,
            first.hasPrefix("@") || ["package", "public", "internal", "private"].contains(first)
        {
            words.removeFirst()
        }
        guard words.first == "import", words.count >= 2 else { return nil }
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor"]
        let name = kinds.contains(words[1]) && words.count >= 3 ? words[2] : words[1]
        return name.split(separator: ".").first.map(String.init)
    }

    @Test func readsImportLines() {
        #expect(Self.importedModule("import NIOCore") == "NIOCore")
        #expect(Self.importedModule("package import MessageModel") == "MessageModel")
        #expect(Self.importedModule("@preconcurrency import struct Foundation.Date") == "Foundation")
        #expect(Self.importedModule("let important = 1") == nil)
    }

    @Test func sourcesImportOnlyWhatLiesBelow() {
        var objections: [String] = []
        let files = Repository.swiftFiles(under: "Sources")
        #expect(files.count > 20, "the sources were not found")
        for file in files {
            let module = String(file.path.split(separator: "/")[1])
            for line in SwiftScanner.codeOnly(file.lines) {
                guard let imported = Self.importedModule(line),
                    let objection = Layers.objection(to: imported, from: module)
                else { continue }
                objections.append("\(file.path): \(objection)")
            }
        }
        #expect(objections.isEmpty, "\(objections.joined(separator: "\n"))")
    }

    @Test func everySourceFolderHasAPlace() throws {
        let folders = Set(Repository.files(under: "Sources") { _ in true }.map { $0.path.split(separator: "/")[1] })
        for folder in folders {
            #expect(Layers.row(of: String(folder)) != nil, "\(folder) is not in Layers.rows")
        }
    }

    @Test func manifestDeclaresOnlyWhatLiesBelow() throws {
        let manifest = try #require(Repository.file("Package.swift"))
        let targets = Self.targets(in: manifest.lines.joined(separator: "\n"))
        #expect(targets.count > 15, "the manifest was not understood")
        var objections: [String] = []
        for (module, dependencies) in targets {
            for dependency in dependencies {
                if let objection = Layers.objection(to: dependency, from: module) { objections.append(objection) }
            }
        }
        #expect(objections.isEmpty, "\(objections.joined(separator: "\n"))")
    }

    /// The project's own dependencies of each `library("X", [...])` and `program("X", [...])` call.
    static func targets(in manifest: String) -> [(String, [String])] {
        var targets: [(String, [String])] = []
        for call in ["library(", "program("] {
            for part in manifest.components(separatedBy: call).dropFirst() {
                guard let open = part.firstIndex(of: "["), let close = part.firstIndex(of: "]"), open < close else {
                    continue
                }
                let names = quoted(part[..<open])
                guard let name = names.first, names.count == 1 else { continue }
                targets.append((name, quoted(part[open..<close])))
            }
        }
        return targets
    }

    private static func quoted(_ text: Substring) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}
