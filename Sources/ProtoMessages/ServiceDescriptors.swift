import CRocketMQProtos

/// The descriptors of all services that are served, as `scripts/generate-protos` made them of the `.proto` files.
///
/// A set of files in protobuf's own description of itself (descriptor.proto), read as far as finding things needs it.
// @unchecked: the regions point into constant data of the program.
struct ServiceDescriptors: @unchecked Sendable {
    private struct File {
        let bytes: UnsafeRawBufferPointer
        var dependencies: [String] = []
    }

    static let shared = ServiceDescriptors(
        UnsafeRawBufferPointer(start: rocketmq_descriptor_set, count: rocketmq_descriptor_set_size))

    /// Full names, in the order of the files.
    private(set) var services: [String] = []
    private var files: [String: File] = [:]
    private var symbols: [String: String] = [:]

    init(_ set: UnsafeRawBufferPointer) {
        Self.each(1, in: set) { add($0) }
    }

    /// The name of the file that defines a message, enum, service or method.
    func file(ofSymbol symbol: String) -> String? { symbols[symbol] }

    /// A file and everything that it imports; nil when there is no such file.
    func withDependencies(ofFile name: String) -> [UnsafeRawBufferPointer]? {
        guard files[name] != nil else { return nil }
        var names = [name]
        var next = 0
        while next < names.count {
            for dependency in files[names[next]]?.dependencies ?? [] where !names.contains(dependency) {
                names.append(dependency)
            }
            next += 1
        }
        return names.compactMap { files[$0]?.bytes }
    }

    /// FileDescriptorProto: name 1, package 2, dependency 3, message_type 4, enum_type 5, service 6.
    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        let name = ProtoFieldReader.text(1, in: bytes)
        let prefix = ProtoFieldReader.text(2, in: bytes) + "."
        var file = File(bytes: bytes)
        Self.each(3, in: bytes) { file.dependencies.append(String(decoding: $0, as: UTF8.self)) }
        files[name] = file
        Self.each(4, in: bytes) { addMessage($0, prefix, name) }
        Self.each(5, in: bytes) { symbols[prefix + ProtoFieldReader.text(1, in: $0)] = name }
        Self.each(6, in: bytes) { service in
            let full = prefix + ProtoFieldReader.text(1, in: service)
            services.append(full)
            symbols[full] = name
            Self.each(2, in: service) { symbols[full + "." + ProtoFieldReader.text(1, in: $0)] = name }
        }
    }

    /// DescriptorProto: name 1, nested_type 3, enum_type 4.
    private mutating func addMessage(_ bytes: UnsafeRawBufferPointer, _ prefix: String, _ file: String) {
        let full = prefix + ProtoFieldReader.text(1, in: bytes)
        symbols[full] = file
        Self.each(3, in: bytes) { addMessage($0, full + ".", file) }
        Self.each(4, in: bytes) { symbols[full + "." + ProtoFieldReader.text(1, in: $0)] = file }
    }

    private static func each(
        _ field: UInt64, in message: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var reader = ProtoFieldReader(message)
        while let next = reader.next() {
            if next.field == field, case .bytes(let bytes) = next.value { body(bytes) }
        }
    }
}
