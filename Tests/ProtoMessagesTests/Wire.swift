import NIOCore

/// Writes protobuf by hand, so that tests do not lean on the code they test.
struct Wire {
    var bytes: [UInt8] = []

    init(_ build: (inout Wire) -> Void = { _ in }) {
        build(&self)
    }

    mutating func rawVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func varint(_ field: Int, _ value: Int64) {
        rawVarint(UInt64(field) << 3)
        rawVarint(UInt64(bitPattern: value))
    }

    mutating func blob(_ field: Int, _ value: some Collection<UInt8>) {
        rawVarint(UInt64(field) << 3 | 2)
        rawVarint(UInt64(value.count))
        bytes += value
    }

    mutating func text(_ field: Int, _ value: String) {
        blob(field, Array(value.utf8))
    }

    mutating func message(_ field: Int, _ build: (inout Wire) -> Void) {
        blob(field, Wire(build).bytes)
    }

    mutating func pair(_ field: Int, _ key: String, _ value: String) {
        message(field) {
            $0.text(1, key)
            $0.text(2, value)
        }
    }
}

/// Reads protobuf by hand.
struct WireReading: Equatable {
    enum Value: Equatable {
        case number(UInt64)
        case fixed32(UInt32)
        case bytes([UInt8])
    }

    struct Malformed: Error {}

    var fields: [(number: Int, value: Value)] = []

    static func == (left: WireReading, right: WireReading) -> Bool {
        left.fields.elementsEqual(right.fields) { $0.number == $1.number && $0.value == $1.value }
    }

    init(_ bytes: some Collection<UInt8>) throws {
        var rest = Array(bytes)[...]
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while let byte = rest.popFirst() {
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
                if shift > 63 { throw Malformed() }
            }
            throw Malformed()
        }
        while !rest.isEmpty {
            let key = try varint()
            switch key & 7 {
            case 0: fields.append((Int(key >> 3), .number(try varint())))
            case 2:
                let count = Int(try varint())
                guard rest.count >= count else { throw Malformed() }
                fields.append((Int(key >> 3), .bytes(Array(rest.prefix(count)))))
                rest = rest.dropFirst(count)
            case 5:
                guard rest.count >= 4 else { throw Malformed() }
                let value = rest.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                fields.append((Int(key >> 3), .fixed32(value)))
                rest = rest.dropFirst(4)
            default: throw Malformed()
            }
        }
    }

    init(_ buffer: ByteBuffer) throws {
        try self.init(buffer.readableBytesView)
    }

    func numbers(_ field: Int) -> [Int64] {
        fields.compactMap { entry in
            guard entry.number == field, case .number(let value) = entry.value else { return nil }
            return Int64(bitPattern: value)
        }
    }

    func number(_ field: Int) -> Int64? { numbers(field).last }

    func blobs(_ field: Int) -> [[UInt8]] {
        fields.compactMap { entry in
            guard entry.number == field, case .bytes(let value) = entry.value else { return nil }
            return value
        }
    }

    func texts(_ field: Int) -> [String] { blobs(field).map { String(decoding: $0, as: UTF8.self) } }

    func text(_ field: Int) -> String? { texts(field).last }

    func message(_ field: Int) throws -> WireReading? { try blobs(field).last.map { try WireReading($0) } }

    func messages(_ field: Int) throws -> [WireReading] { try blobs(field).map { try WireReading($0) } }
}
