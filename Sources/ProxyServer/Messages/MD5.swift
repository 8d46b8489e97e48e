/// MD5 of bodies, as clients check it: it guards against damage, not against people (RFC 1321).
///
/// Each step waits for the one before, so that eight bodies take little longer than one: those of an answer are digested
/// side by side, each in a lane of a vector.
enum MD5 {
    /// Digits of one digest.
    static let hexBytes = 32
    /// Bodies side by side.
    static let laneCount = 8

    /// Fills `hex` with the 32 upper-case digits of a body's digest.
    static func upperHex(_ body: UnsafeRawBufferPointer, into hex: UnsafeMutablePointer<UInt8>) {
        withUnsafeTemporaryAllocation(byteCount: Blocks.endBytesMax, alignment: 8) { end in
            guard let base = end.baseAddress else { return }
            let blocks = Blocks(body, end: base)
            var state = MD5State<UInt32>()
            for number in 0..<blocks.blockCount { state.update { [block = blocks.block(number)] in block.word($0) } }
            state.write(hex)
        }
    }

    /// Fills `hex` with the digits of the digests of some bodies, one behind the other.
    static func upperHex(_ bodies: [UnsafeRawBufferPointer], into hex: UnsafeMutablePointer<UInt8>) {
        // Bodies of about the same length go together.
        let order = bodies.indices.sorted { bodies[$0].count < bodies[$1].count }
        var start = 0
        while start < order.count {
            let group = order[start..<min(start + laneCount, order.count)]
            if group.count == 1 {
                upperHex(bodies[group[start]], into: hex + group[start] * hexBytes)
            } else {
                digest(group, bodies, hex)
            }
            start += laneCount
        }
    }

    /// Up to eight bodies: side by side as far as the shortest goes, then each to its end.
    private static func digest(
        _ group: ArraySlice<Int>, _ bodies: [UnsafeRawBufferPointer], _ hex: UnsafeMutablePointer<UInt8>
    ) {
        withBlocks(of: group.map { bodies[$0] }) { lanes in
            var state = MD5State<SIMD8<UInt32>>()
            // They are sorted. Lanes without a body repeat the last one.
            let common = lanes[0].blockCount
            let vectorBytes = MemoryLayout<SIMD8<UInt32>>.size
            // Filled word by word: to put a word into a vector takes as long as a step.
            withUnsafeTemporaryAllocation(byteCount: 16 * vectorBytes, alignment: vectorBytes) { words in
                for number in 0..<common {
                    for lane in 0..<laneCount {
                        let block = lanes[min(lane, lanes.count - 1)].block(number)
                        for word in 0..<16 {
                            words.storeBytes(
                                of: block.word(word), toByteOffset: word * vectorBytes + lane * 4, as: UInt32.self)
                        }
                    }
                    state.update { words.load(fromByteOffset: $0 * vectorBytes, as: SIMD8<UInt32>.self) }
                }
            }
            for (lane, index) in group.enumerated() {
                var own = state.lane(lane)
                for number in common..<lanes[lane].blockCount {
                    own.update { [block = lanes[lane].block(number)] in block.word($0) }
                }
                own.write(hex + index * hexBytes)
            }
        }
    }

    /// One body as blocks of 64 bytes: those it consists of, then its end with padding and length.
    private struct Blocks {
        /// An end takes two blocks at most.
        static let endBytesMax = 128

        let start: UnsafeRawPointer
        let wholeCount: Int
        let blockCount: Int
        let end: UnsafeMutableRawPointer

        init(_ body: UnsafeRawBufferPointer, end: UnsafeMutableRawPointer) {
            self.end = end
            start = body.baseAddress ?? UnsafeRawPointer(end)
            wholeCount = body.count / 64
            blockCount = (body.count + 8) / 64 + 1
            let rest = body.count % 64
            let endBytes = (blockCount - wholeCount) * 64
            end.initializeMemory(as: UInt8.self, repeating: 0, count: endBytes)
            if rest > 0 { end.copyMemory(from: start + wholeCount * 64, byteCount: rest) }
            end.storeBytes(of: 0x80, toByteOffset: rest, as: UInt8.self)
            let bitCount = UInt64(truncatingIfNeeded: body.count) &* 8
            end.storeBytes(of: bitCount.littleEndian, toByteOffset: endBytes - 8, as: UInt64.self)
        }

        @inline(__always)
        func block(_ number: Int) -> UnsafeRawPointer {
            number < wholeCount ? start + number * 64 : UnsafeRawPointer(end) + (number - wholeCount) * 64
        }
    }

    private static func withBlocks(of bodies: [UnsafeRawBufferPointer], _ run: ([Blocks]) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: bodies.count * Blocks.endBytesMax, alignment: 8) { ends in
            guard let base = ends.baseAddress else { return }
            run(bodies.enumerated().map { Blocks($1, end: base + $0 * Blocks.endBytesMax) })
        }
    }
}

extension UnsafeRawPointer {
    @inline(__always)
    fileprivate func word(_ index: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
    }
}

/// What MD5 computes with: one word, or those of several bodies.
private protocol MD5Word {
    init(repeating value: UInt32)
    static func &+ (left: Self, right: Self) -> Self
    static func & (left: Self, right: Self) -> Self
    static func | (left: Self, right: Self) -> Self
    static func ^ (left: Self, right: Self) -> Self
    static prefix func ~ (value: Self) -> Self
    func rotated(by count: UInt32) -> Self
}

extension UInt32: MD5Word {
    @inline(__always)
    fileprivate init(repeating value: UInt32) { self = value }

    @inline(__always)
    fileprivate func rotated(by count: UInt32) -> UInt32 { self &<< count | self &>> (32 &- count) }
}

extension SIMD8<UInt32>: MD5Word {
    @inline(__always)
    fileprivate func rotated(by count: UInt32) -> Self {
        self &<< Self(repeating: count) | self &>> Self(repeating: 32 &- count)
    }
}

private struct MD5State<Word: MD5Word> {
    var a = Word(repeating: 0x6745_2301)
    var b = Word(repeating: 0xEFCD_AB89)
    var c = Word(repeating: 0x98BA_DCFE)
    var d = Word(repeating: 0x1032_5476)

    /// Takes in a block, of which `word` gives the sixteen words.
    @inline(__always)
    mutating func update(_ word: (Int) -> Word) {
        var (a, b, c, d) = (self.a, self.b, self.c, self.d)
        md5Constants.withUnsafeBufferPointer { constants in
            @inline(__always)
            func turn(_ a: inout Word, _ b: Word, _ mixed: Word, _ place: Int, _ step: Int, _ shift: UInt32) {
                let sum = a &+ mixed &+ word(place & 15) &+ Word(repeating: constants[step])
                a = b &+ sum.rotated(by: shift)
            }
            for i in stride(from: 0, to: 16, by: 4) {
                turn(&a, b, d ^ (b & (c ^ d)), i, i, 7)
                turn(&d, a, c ^ (a & (b ^ c)), i + 1, i + 1, 12)
                turn(&c, d, b ^ (d & (a ^ b)), i + 2, i + 2, 17)
                turn(&b, c, a ^ (c & (d ^ a)), i + 3, i + 3, 22)
            }
            for i in stride(from: 16, to: 32, by: 4) {
                turn(&a, b, c ^ (d & (b ^ c)), 5 * i + 1, i, 5)
                turn(&d, a, b ^ (c & (a ^ b)), 5 * i + 6, i + 1, 9)
                turn(&c, d, a ^ (b & (d ^ a)), 5 * i + 11, i + 2, 14)
                turn(&b, c, d ^ (a & (c ^ d)), 5 * i + 16, i + 3, 20)
            }
            for i in stride(from: 32, to: 48, by: 4) {
                turn(&a, b, b ^ c ^ d, 3 * i + 5, i, 4)
                turn(&d, a, a ^ b ^ c, 3 * i + 8, i + 1, 11)
                turn(&c, d, d ^ a ^ b, 3 * i + 11, i + 2, 16)
                turn(&b, c, c ^ d ^ a, 3 * i + 14, i + 3, 23)
            }
            for i in stride(from: 48, to: 64, by: 4) {
                turn(&a, b, c ^ (b | ~d), 7 * i, i, 6)
                turn(&d, a, b ^ (a | ~c), 7 * i + 7, i + 1, 10)
                turn(&c, d, a ^ (d | ~b), 7 * i + 14, i + 2, 15)
                turn(&b, c, d ^ (c | ~a), 7 * i + 21, i + 3, 21)
            }
        }
        self.a = self.a &+ a
        self.b = self.b &+ b
        self.c = self.c &+ c
        self.d = self.d &+ d
    }
}

extension MD5State<SIMD8<UInt32>> {
    func lane(_ index: Int) -> MD5State<UInt32> {
        MD5State<UInt32>(a: a[index], b: b[index], c: c[index], d: d[index])
    }
}

extension MD5State<UInt32> {
    func write(_ hex: UnsafeMutablePointer<UInt8>) {
        var at = 0
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }
        func put(_ word: UInt32) {
            for shift in stride(from: 0, to: 32, by: 8) {
                let byte = UInt8(truncatingIfNeeded: word >> shift)
                hex[at] = digit(byte >> 4)
                hex[at + 1] = digit(byte & 15)
                at += 2
            }
        }
        put(a)
        put(b)
        put(c)
        put(d)
    }
}

/// The integer parts of 2^32 * |sin(n)|, n counted from 1.
private let md5Constants: [UInt32] = [
    0xD76A_A478, 0xE8C7_B756, 0x2420_70DB, 0xC1BD_CEEE, 0xF57C_0FAF, 0x4787_C62A, 0xA830_4613, 0xFD46_9501,
    0x6980_98D8, 0x8B44_F7AF, 0xFFFF_5BB1, 0x895C_D7BE, 0x6B90_1122, 0xFD98_7193, 0xA679_438E, 0x49B4_0821,
    0xF61E_2562, 0xC040_B340, 0x265E_5A51, 0xE9B6_C7AA, 0xD62F_105D, 0x0244_1453, 0xD8A1_E681, 0xE7D3_FBC8,
    0x21E1_CDE6, 0xC337_07D6, 0xF4D5_0D87, 0x455A_14ED, 0xA9E3_E905, 0xFCEF_A3F8, 0x676F_02D9, 0x8D2A_4C8A,
    0xFFFA_3942, 0x8771_F681, 0x6D9D_6122, 0xFDE5_380C, 0xA4BE_EA44, 0x4BDE_CFA9, 0xF6BB_4B60, 0xBEBF_BC70,
    0x289B_7EC6, 0xEAA1_27FA, 0xD4EF_3085, 0x0488_1D05, 0xD9D4_D039, 0xE6DB_99E5, 0x1FA2_7CF8, 0xC4AC_5665,
    0xF429_2244, 0x432A_FF97, 0xAB94_23A7, 0xFC93_A039, 0x655B_59C3, 0x8F0C_CC92, 0xFFEF_F47D, 0x8584_5DD1,
    0x6FA8_7E4F, 0xFE2C_E6E0, 0xA301_4314, 0x4E08_11A1, 0xF753_7E82, 0xBD3A_F235, 0x2AD7_D2BB, 0xEB86_D391,
]
