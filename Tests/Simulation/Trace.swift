/// What happened in a run, line by line, and a number that two equal runs share.
struct Trace {
    private(set) var lines: [String] = []
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func note(_ line: String) {
        lines.append(line)
        // FNV-1a, with the line's end.
        for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ 0x0A) &* 0x100_0000_01B3
    }
}

/// A broken promise.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
