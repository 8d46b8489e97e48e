import Foundation

/// A part of a file's mapping for which the system was told one thing.
struct MappingPiece: Equatable {
    let bytes: Int
    /// Whether a page that is touched brings in others around it, and counts for staying in memory: `rr`
    /// (MADV_RANDOM) in /proc/self/smaps means neither.
    let readsAhead: Bool

    /// The pieces of this process's mappings of files below a path, in order.
    static func all(below path: String) throws -> [MappingPiece] {
        var bytes: Int?
        var found: [MappingPiece] = []
        let maps = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/smaps")).readToEnd()
        for line in String(decoding: maps ?? Data(), as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ")
            // Only the first line of a mapping begins with an address.
            if let first = line.first, first.isHexDigit, first.isNumber || first.isLowercase {
                let ends = fields[0].split(separator: "-").compactMap { Int($0, radix: 16) }
                bytes = line.contains(path) && ends.count == 2 ? ends[1] - ends[0] : nil
            } else if let bytes, fields[0] == "VmFlags:" {
                found.append(MappingPiece(bytes: bytes, readsAhead: !fields.contains("rr")))
            }
        }
        return found
    }
}
