extension UnsafeMutableRawPointer {
    /// Stores an integer as the store format has it: big-endian, unaligned.
    @inline(__always)
    func putBigEndian<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: Value.self)
    }
}

extension UnsafeRawPointer {
    /// Loads a big-endian, unaligned integer.
    @inline(__always)
    func bigEndian<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value {
        Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}

extension UnsafeRawBufferPointer {
    /// Loads a big-endian integer; the caller has checked the bounds, a debug build checks again.
    @inline(__always)
    func bigEndian<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value {
        Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
