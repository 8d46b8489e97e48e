import Testing

/// Size of files and functions, forbidden calls, leftovers.
@Suite struct SourceTests {
    static let fileLinesMax = 500
    static let programFileLinesMax = 200
    static let functionLinesMax = 70

    static var sources: [Repository.File] { Repository.swiftFiles(under: "Sources") }
    static var tests: [Repository.File] { Repository.swiftFiles(under: "Tests") }

    @Test func filesStayShort() {
        for file in Self.sources + Self.tests {
            let module = String(file.path.split(separator: "/")[1])
            let limit = Layers.programs.contains(module) ? Self.programFileLinesMax : Self.fileLinesMax
            #expect(file.lines.count <= limit, "\(file.path) has \(file.lines.count) lines, at most \(limit)")
        }
    }

    @Test func functionsStayShort() {
        for file in Self.sources + Self.tests {
            for function in FunctionFinder.functions(in: file.lines) where function.lineCount > Self.functionLinesMax {
                Issue.record(
                    "\(file.path):\(function.line) \(function.name) has \(function.lineCount) lines, at most \(Self.functionLinesMax)"
                )
            }
        }
    }

    @Test func functionFinderMeasuresBodies() {
        let lines = [
            "struct A {", "    init() {", "    }", "    func b(", "        c: Int = 1", "    ) -> String {",
            "        return \"}{\" // }", "    }", "    func d() {}", "}",
        ]
        let found = FunctionFinder.functions(in: lines)
        #expect(found.map(\.name) == ["init", "b", "d"])
        #expect(found.map(\.lineCount) == [2, 5, 1])
    }

    @Test(arguments: [("try" + "!", "try!"), ("as" + "!", "as!"), ("fatalError" + "(", "fatalError")])
    func sourcesDoNotTrap(_ pattern: String, _ name: String) {
        for file in Self.sources {
            for (index, line) in SwiftScanner.codeOnly(file.lines).enumerated() where line.contains(pattern) {
                Issue.record("\(file.path):\(index + 1) uses \(name)")
            }
        }
    }

    @Test func noLeftoverMarkers() {
        let markers = ["TO" + "DO", "FIX" + "ME", "HA" + "CK:"]
        let scripts = Repository.files(under: "scripts") { _ in true }
        let python = Repository.files(under: "Tests") { $0.hasSuffix(".py") }
        for file in Self.sources + Self.tests + scripts + python {
            for (index, line) in file.lines.enumerated() {
                for marker in markers where line.contains(marker) {
                    Issue.record("\(file.path):\(index + 1) has a leftover \(marker)")
                }
            }
        }
    }

    @Test func uncheckedSendableSaysWhy() {
        for file in Self.sources {
            for (index, line) in file.lines.enumerated() {
                guard line.contains("@unchecked " + "Sendable"), !line.contains("//") else { continue }
                let above = index > 0 ? file.lines[index - 1] : ""
                #expect(above.contains("//"), "\(file.path):\(index + 1): say what protects it on the line above")
            }
        }
    }

    @Test func testsDoNotSleep() {
        for file in Self.tests {
            for (index, line) in SwiftScanner.codeOnly(file.lines).enumerated() {
                let sleeps = ["Task.sleep", "usleep(", "Thread.sleep", " sleep("].contains { line.contains($0) }
                #expect(!sleeps, "\(file.path):\(index + 1) sleeps: wait for a named event or hand the clock in")
            }
        }
    }

    @Test func noMachinePaths() {
        let paths = ["/wo" + "rk/", "/ro" + "ot/"]
        let folders = ["Sources", "Tests", "scripts", ".ci", "broker-config", "proxy-config", "Protos"]
        for file in folders.flatMap({ Repository.files(under: $0) { _ in true } }) {
            for (index, line) in file.lines.enumerated() {
                #expect(!paths.contains { line.contains($0) }, "\(file.path):\(index + 1) names a machine's path")
            }
        }
    }

    @Test func typesAndFunctionsAreDocumented() {
        for file in Self.sources {
            for (index, line) in file.lines.enumerated() where Self.declaresShared(line) {
                var above = index - 1
                while above >= 0, file.lines[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
                let text = above >= 0 ? file.lines[above].drop(while: { $0 == " " }) : ""
                #expect(text.hasPrefix("///"), "\(file.path):\(index + 1) lacks a doc comment")
            }
        }
    }

    /// A package or public type or function declared on this line.
    static func declaresShared(_ line: String) -> Bool {
        let words = line.split(separator: " ").map(String.init).filter { !$0.hasPrefix("@") }
        guard let access = words.first, access == "package" || access == "public" else { return false }
        let modifiers: Set<String> = [
            "static", "final", "indirect", "mutating", "nonisolated", "borrowing", "consuming",
        ]
        guard let keyword = words.dropFirst().first(where: { !modifiers.contains($0) }) else { return false }
        return ["func", "struct", "class", "enum", "protocol", "actor"].contains(keyword)
    }
}
