/// Decimal integers as ASCII text, without a `String` in between.
enum DecimalText {
    /// The number that the whole of `text` writes, or nil.
    static func parse(_ text: UnsafeRawBufferPointer) -> Int64? {
        var index = 0
        var isNegative = false
        if let first = text.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            isNegative = first == UInt8(ascii: "-")
            index = 1
        }
        let digitCount = text.count &- index
        guard digitCount > 0 else { return nil }
        var value: Int64 = 0
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            if digitCount < 19 {
                value = value &* 10 &+ Int64(digit)
            } else {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                let (sum, overflowToo) =
                    isNegative
                    ? product.subtractingReportingOverflow(Int64(digit)) : product.addingReportingOverflow(Int64(digit))
                if overflow || overflowToo { return nil }
                value = sum
            }
            index &+= 1
        }
        return isNegative && digitCount < 19 ? -value : value
    }

    /// The most bytes `write` takes.
    static let byteCountMax = 20

    /// Writes `value` at `target`, which must have room for `byteCountMax` bytes. Returns the bytes written.
    static func write(_ value: Int64, at target: UnsafeMutablePointer<UInt8>) -> Int {
        var rest = value.magnitude
        var count = value < 0 ? 1 : 0
        var probe = rest
        repeat {
            count &+= 1
            probe /= 10
        } while probe != 0
        var position = count
        repeat {
            position &-= 1
            target[position] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest != 0
        if value < 0 { target[0] = UInt8(ascii: "-") }
        return count
    }
}
