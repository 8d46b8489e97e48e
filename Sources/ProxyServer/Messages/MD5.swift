/// MD5 of a body, as clients check it: it guards against damage, not against people.
enum MD5 {
    /// Appends nothing; fills `hex` with the 32 upper-case digits of the digest.
    static func upperHex(
        _ bytes: UnsafeRawBufferPointer, into hex: UnsafeMutablePointer<UInt8>
    ) {
        var state = State()
        let wholeBlocks = bytes.count / 64
        if let base = bytes.baseAddress {
            for block in 0..<wholeBlocks { state.update(base + block * 64) }
        }
        var tail: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
        let rest = bytes.count - wholeBlocks * 64
        let bitCount = UInt64(truncatingIfNeeded: bytes.count) &* 8
        withUnsafeMutableBytes(of: &tail) { block in
            if rest > 0 { block.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[(wholeBlocks * 64)...])) }
            block[rest] = 0x80
            if rest >= 56 {
                if let base = block.baseAddress { state.update(UnsafeRawPointer(base)) }
                for index in 0..<64 { block[index] = 0 }
            }
            block.storeBytes(of: bitCount.littleEndian, toByteOffset: 56, as: UInt64.self)
            if let base = block.baseAddress { state.update(UnsafeRawPointer(base)) }
        }
        state.write(hex)
    }

    private struct State {
        var a: UInt32 = 0x6745_2301
        var b: UInt32 = 0xEFCD_AB89
        var c: UInt32 = 0x98BA_DCFE
        var d: UInt32 = 0x1032_5476

        mutating func update(_ block: UnsafeRawPointer) {
            var (a, b, c, d) = (self.a, self.b, self.c, self.d)
            MD5.constants.withUnsafeBufferPointer { constants in
                @inline(__always)
                func turn(_ mixed: UInt32, _ index: Int, _ word: Int, _ shift: UInt32) {
                    let value = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: word * 4, as: UInt32.self))
                    let sum = a &+ mixed &+ constants[index] &+ value
                    a = d
                    d = c
                    c = b
                    b = b &+ (sum << shift | sum >> (32 &- shift))
                }
                for index in 0..<16 { turn(d ^ (b & (c ^ d)), index, index, MD5.shifts.0[index & 3]) }
                for index in 16..<32 {
                    turn(c ^ (d & (b ^ c)), index, (5 &* index &+ 1) & 15, MD5.shifts.1[index & 3])
                }
                for index in 32..<48 { turn(b ^ c ^ d, index, (3 &* index &+ 5) & 15, MD5.shifts.2[index & 3]) }
                for index in 48..<64 { turn(c ^ (b | ~d), index, (7 &* index) & 15, MD5.shifts.3[index & 3]) }
            }
            self.a = self.a &+ a
            self.b = self.b &+ b
            self.c = self.c &+ c
            self.d = self.d &+ d
        }

        func write(_ hex: UnsafeMutablePointer<UInt8>) {
            var at = 0
            for word in [a, b, c, d] {
                for shift in [0, 8, 16, 24] as [UInt32] {
                    let byte = UInt8(truncatingIfNeeded: word >> shift)
                    hex[at] = digit(byte >> 4)
                    hex[at + 1] = digit(byte & 15)
                    at += 2
                }
            }
        }

        private func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }
    }

    private static let shifts: (SIMD4<UInt32>, SIMD4<UInt32>, SIMD4<UInt32>, SIMD4<UInt32>) = (
        [7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]
    )

    /// The integer parts of 2^32 * |sin(n)|, n counted from 1.
    private static let constants: [UInt32] = [
        0xD76A_A478, 0xE8C7_B756, 0x2420_70DB, 0xC1BD_CEEE, 0xF57C_0FAF, 0x4787_C62A, 0xA830_4613, 0xFD46_9501,
        0x6980_98D8, 0x8B44_F7AF, 0xFFFF_5BB1, 0x895C_D7BE, 0x6B90_1122, 0xFD98_7193, 0xA679_438E, 0x49B4_0821,
        0xF61E_2562, 0xC040_B340, 0x265E_5A51, 0xE9B6_C7AA, 0xD62F_105D, 0x0244_1453, 0xD8A1_E681, 0xE7D3_FBC8,
        0x21E1_CDE6, 0xC337_07D6, 0xF4D5_0D87, 0x455A_14ED, 0xA9E3_E905, 0xFCEF_A3F8, 0x676F_02D9, 0x8D2A_4C8A,
        0xFFFA_3942, 0x8771_F681, 0x6D9D_6122, 0xFDE5_380C, 0xA4BE_EA44, 0x4BDE_CFA9, 0xF6BB_4B60, 0xBEBF_BC70,
        0x289B_7EC6, 0xEAA1_27FA, 0xD4EF_3085, 0x0488_1D05, 0xD9D4_D039, 0xE6DB_99E5, 0x1FA2_7CF8, 0xC4AC_5665,
        0xF429_2244, 0x432A_FF97, 0xAB94_23A7, 0xFC93_A039, 0x655B_59C3, 0x8F0C_CC92, 0xFFEF_F47D, 0x8584_5DD1,
        0x6FA8_7E4F, 0xFE2C_E6E0, 0xA301_4314, 0x4E08_11A1, 0xF753_7E82, 0xBD3A_F235, 0x2AD7_D2BB, 0xEB86_D391,
    ]
}
