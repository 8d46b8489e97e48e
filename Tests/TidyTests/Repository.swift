import Foundation

/// The checked-out files that the tidy rules read.
enum Repository {
    /// One text file: its path from the top of the repository, and its lines.
    struct File: Sendable {
        let path: String
        let lines: [String]

        var name: String { String(path.split(separator: "/").last ?? "") }
    }

    /// Three folders above this file.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Every Swift file under `folder`, in a stable order.
    static func swiftFiles(under folder: String) -> [File] {
        files(under: folder) { $0.hasSuffix(".swift") }
    }

    /// Every file under `folder` whose path from the root satisfies `isWanted`.
    static func files(under folder: String, where isWanted: (String) -> Bool) -> [File] {
        let start = root.appendingPathComponent(folder)
        guard let walker = FileManager.default.enumerator(atPath: start.path) else { return [] }
        var found: [File] = []
        for case let relative as String in walker {
            let path = folder + "/" + relative
            guard isWanted(path), !relative.contains("__pycache__"), let file = file(path) else { continue }
            found.append(file)
        }
        return found.sorted { $0.path < $1.path }
    }

    /// One text file, or nil when it is absent or not UTF-8.
    static func file(_ path: String) -> File? {
        let url = root.appendingPathComponent(path)
        guard let data = try? Data(contentsOf: url), let text = String(data: data, encoding: .utf8) else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return File(path: path, lines: lines)
    }
}
