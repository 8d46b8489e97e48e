import CProtobufC
import CRocketMQProtos

typealias CResource = Apache__Rocketmq__V2__Resource
typealias CMessage = Apache__Rocketmq__V2__Message
typealias CSystemProperties = Apache__Rocketmq__V2__SystemProperties
typealias CMessageQueue = Apache__Rocketmq__V2__MessageQueue
typealias CEndpoints = Apache__Rocketmq__V2__Endpoints
typealias CFilterExpression = Apache__Rocketmq__V2__FilterExpression
typealias CDuration = Google__Protobuf__Duration
typealias CTimestamp = Google__Protobuf__Timestamp

extension ProtobufCBinaryData {
    var text: ProtoText { ProtoText(rawBytes) }
    var rawBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: len) }

    /// The text, once it is known to be UTF-8.
    func check(_ field: StaticString) throws(ProtoError) {
        guard UTF8Validation.isValid(rawBytes) else {
            throw ProtoError(code: .invalidText, message: "\(field) is not valid UTF-8")
        }
    }
}

/// A topic or group as a request names it.
package struct ResourceView {
    /// Name-space part; kept only to be echoed.
    package let namespace: ProtoText
    /// The name.
    package let name: ProtoText

    init(_ pointer: UnsafePointer<CResource>?, _ field: StaticString) throws(ProtoError) {
        guard let pointer else {
            namespace = .empty
            name = .empty
            return
        }
        try pointer.pointee.resource_namespace.check(field)
        try pointer.pointee.name.check(field)
        namespace = pointer.pointee.resource_namespace.text
        name = pointer.pointee.name.text
    }
}

/// Kinds of addresses in `Endpoints`.
package enum AddressScheme: Int32, Sendable {
    case unspecified = 0
    case ipv4 = 1
    case ipv6 = 2
    case domainName = 3
}

/// Addresses a client dialled, or is told to dial.
package struct ProtoEndpoints: Hashable, Sendable {
    /// One host and port.
    package struct Address: Hashable, Sendable {
        /// Host name or IP address.
        package var host: String
        /// Port.
        package var port: Int32

        /// An address.
        package init(host: String, port: Int32) {
            self.host = host
            self.port = port
        }
    }

    /// Kind of all addresses.
    package var scheme: AddressScheme
    /// The addresses.
    package var addresses: [Address]

    /// Endpoints of the given addresses.
    package init(scheme: AddressScheme, addresses: [Address]) {
        self.scheme = scheme
        self.addresses = addresses
    }

    /// A request that lists more is refused.
    static let addressCountMax = 256

    init?(_ pointer: UnsafePointer<CEndpoints>?) throws(ProtoError) {
        guard let pointer else { return nil }
        let raw = pointer.pointee
        guard raw.n_addresses <= Self.addressCountMax else {
            throw ProtoError(code: .tooComplex, message: "endpoints hold too many addresses")
        }
        scheme = AddressScheme(rawValue: Int32(bitPattern: raw.scheme.rawValue)) ?? .unspecified
        addresses = []
        for index in 0..<raw.n_addresses {
            guard let address = raw.addresses[index]?.pointee else { continue }
            try address.host.check("endpoints.addresses.host")
            addresses.append(Address(host: address.host.text.string, port: address.port))
        }
    }
}

/// How a filter expression is to be read.
package enum ProtoFilterType: Int32, Sendable {
    case unspecified = 0
    case tag = 1
    case sql = 2
}

/// A filter expression of a request.
package struct FilterExpressionView {
    /// How to read it; anything but SQL is a tag list.
    package let type: ProtoFilterType
    /// The text.
    package let expression: ProtoText

    init(_ pointer: UnsafePointer<CFilterExpression>?) throws(ProtoError) {
        guard let pointer else {
            type = .unspecified
            expression = .empty
            return
        }
        try pointer.pointee.expression.check("filter_expression.expression")
        type = ProtoFilterType(rawValue: Int32(bitPattern: pointer.pointee.type.rawValue)) ?? .unspecified
        expression = pointer.pointee.expression.text
    }
}

/// Times as the wire has them, in milliseconds.
enum ProtoTime {
    static func millis(_ duration: UnsafePointer<CDuration>?) -> Int64? {
        guard let duration = duration?.pointee else { return nil }
        let (millis, overflow) = duration.seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return duration.seconds < 0 ? Int64.min / 2 : Int64.max / 2 }
        return max(Int64.min / 2, min(Int64.max / 2, millis)) + Int64(duration.nanos) / 1_000_000
    }

    static func millis(_ timestamp: UnsafePointer<CTimestamp>?) -> ProtoTimestamp {
        guard let timestamp = timestamp?.pointee else { return .absent }
        guard (-62_135_596_800...253_402_300_799).contains(timestamp.seconds), timestamp.nanos >= 0,
            timestamp.nanos <= 999_999_999
        else { return .invalid }
        return .millis(timestamp.seconds * 1000 + Int64(timestamp.nanos) / 1_000_000)
    }
}

/// A moment in a request.
package enum ProtoTimestamp: Hashable, Sendable {
    case absent
    /// Outside the years 1 to 9999, or with impossible nanoseconds.
    case invalid
    case millis(Int64)

    /// The moment, when there is a valid one.
    package var millis: Int64? {
        if case .millis(let value) = self { return value }
        return nil
    }
}
