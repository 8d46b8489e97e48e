import Foundation
import InMemoryFileSystem
import Testing

/// Runs one parser over damaged copies of the inputs in `Corpus/NAME`.
///
/// Round N of seed S is round 0 of seed S+N, so a failure is repeated by `FUZZ_SEED=S+N FUZZ_ITERATIONS=1`. For a crash,
/// which leaves no message, `FUZZ_TRACE=DIRECTORY` keeps the input of the round that runs in `DIRECTORY/NAME.hex`.
struct FuzzTarget {
    let name: String
    var rounds: Int

    /// `FUZZ_ITERATIONS`, else `rounds`.
    init(_ name: String, rounds: Int = 2_000) {
        self.name = name
        self.rounds = Self.setting("FUZZ_ITERATIONS").map { Int(clamping: $0) } ?? rounds
    }

    /// `FUZZ_SEED`, else the same in every run.
    static let seed = setting("FUZZ_SEED") ?? 1
    private static let trace = ProcessInfo.processInfo.environment["FUZZ_TRACE"]

    private static func setting(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    /// The inputs: files `*.hex` hold hexadecimal lines, all others their bytes.
    func corpus() throws -> [[UInt8]] {
        let directory = try #require(Bundle.module.resourceURL).appendingPathComponent("Corpus/" + name)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        let inputs = try names.map { name in
            let bytes = Array(try Data(contentsOf: directory.appendingPathComponent(name)))
            return name.hasSuffix(".hex") ? try #require(Self.bytes(hex: bytes), "\(name) is not hexadecimal") : bytes
        }
        try #require(!inputs.isEmpty)
        return inputs
    }

    private static func bytes(hex text: [UInt8]) -> [UInt8]? {
        let digits = text.filter { $0 > 0x20 }.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).reduce(into: [UInt8]?([])) { bytes, index in
            guard let high = digits[index], let low = digits[index + 1] else { return bytes = nil }
            bytes?.append(UInt8(high << 4 | low))
        }
    }

    /// Calls `problem` with each input of the corpus as it is, then with damaged ones; it returns what is wrong with the
    /// outcome. `seal` repairs a checksum, for half of the rounds.
    func run(
        seal: (([UInt8]) -> [UInt8])? = nil, _ problem: (_ input: [UInt8], _ random: inout SeededGenerator) -> String?
    ) throws {
        let corpus = try corpus()
        var random = SeededGenerator(seed: Self.seed)
        for input in corpus {
            if let text = problem(input, &random) { Issue.record("\(name): \(text); undamaged \(Self.hex(input))") }
        }
        for round in 0..<rounds {
            let seed = Self.seed &+ UInt64(round)
            random = SeededGenerator(seed: seed)
            var input = Damage.apply(to: corpus[random.below(corpus.count)], of: corpus, &random)
            if let seal, random.happens(percent: 50) { input = seal(input) }
            if let trace = Self.trace {
                try Data("seed \(seed)\n\(Self.hex(input))\n".utf8).write(
                    to: URL(fileURLWithPath: "\(trace)/\(name).hex"))
            }
            if let text = problem(input, &random) {
                Issue.record("\(name): \(text); FUZZ_SEED=\(seed) FUZZ_ITERATIONS=1, input \(Self.hex(input))")
                return
            }
        }
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.prefix(2_048).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// What happens to bytes on bad disks and in bad hands.
enum Damage {
    /// Integers that sums and conversions stumble over.
    private static let integers: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF,
        0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF, 0x7FFF_FFFF_FFFF_FF00,
    ]

    /// One to four changes, rarely bytes of no origin at all.
    static func apply(to input: [UInt8], of corpus: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
        if random.happens(percent: 3) {
            return (0..<random.below(256)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
        var bytes = input
        for _ in 0...random.below(4) { change(&bytes, corpus, &random) }
        return bytes
    }

    private static func change(_ bytes: inout [UInt8], _ corpus: [[UInt8]], _ random: inout SeededGenerator) {
        let other = corpus[random.below(corpus.count)]
        guard !bytes.isEmpty else { return bytes = other }
        let at = random.below(bytes.count)
        switch random.below(9) {
        case 0, 1: bytes[at] ^= 1 << UInt8(random.below(8))
        case 2: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 3: overwriteInteger(&bytes, at, &random)
        case 4: bytes.removeLast(random.below(bytes.count + 1))
        case 5: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(8)))
        case 6:
            bytes.insert(
                contentsOf: (0...random.below(8)).map { _ in UInt8(truncatingIfNeeded: random.next()) }, at: at)
        case 7:
            for index in at..<min(bytes.count, at + 1 + random.below(64)) { bytes[index] = 0 }
        default:
            bytes = Array(bytes[..<at]) + other.suffix(random.below(other.count + 1))
        }
    }

    /// A big-endian integer of 1 to 8 bytes with a value at the edge of a type.
    static func overwriteInteger(_ bytes: inout [UInt8], _ at: Int, _ random: inout SeededGenerator) {
        let value = integers[random.below(integers.count)]
        let size = 1 << random.below(4)
        for index in 0..<size where at + index < bytes.count {
            bytes[at + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (size - 1 - index)))
        }
    }
}
