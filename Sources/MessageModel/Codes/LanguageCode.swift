/// The implementation language a peer states in its frames.
package struct LanguageCode: RawRepresentable, Hashable, Sendable {
    /// The number in binary headers.
    package let rawValue: UInt8

    /// Wraps a number from the wire, known or not.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let java = LanguageCode(rawValue: 0)
    package static let cpp = LanguageCode(rawValue: 1)
    package static let dotnet = LanguageCode(rawValue: 2)
    package static let python = LanguageCode(rawValue: 3)
    package static let delphi = LanguageCode(rawValue: 4)
    package static let erlang = LanguageCode(rawValue: 5)
    package static let ruby = LanguageCode(rawValue: 6)
    /// What this implementation states: the protocol has no name for Swift.
    package static let other = LanguageCode(rawValue: 7)
    package static let http = LanguageCode(rawValue: 8)
    package static let go = LanguageCode(rawValue: 9)
    package static let php = LanguageCode(rawValue: 10)
    package static let oms = LanguageCode(rawValue: 11)
    package static let rust = LanguageCode(rawValue: 12)
    package static let nodeJS = LanguageCode(rawValue: 13)

    private static let names: [String] = [
        "JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS", "RUST",
        "NODE_JS",
    ]

    /// The name in JSON headers; an unknown number is `OTHER`.
    package var name: String { Int(rawValue) < Self.names.count ? Self.names[Int(rawValue)] : "OTHER" }

    /// The code of a name in a JSON header, nil when unknown.
    package init?(name: String) {
        guard let index = Self.names.firstIndex(of: name) else { return nil }
        self.init(rawValue: UInt8(index))
    }
}

/// Versions a peer states in its frames (ordinals of Apache's list) that change how it is answered.
package enum ProtocolVersion {
    /// From here REGISTER_BROKER carries filter servers beside the topic table.
    package static let v3_0_11: Int32 = 37
    /// From here on the maximum of attempts in a send to a retry topic counts.
    package static let v3_4_9: Int32 = 121
    /// From here the peer reads standard JSON in routes.
    package static let v4_9_4: Int32 = 401
    /// From here a compressed REGISTER_BROKER body ends with queue mappings.
    package static let v5_0_0: Int32 = 413
    /// What this implementation states: 5.3.3.
    package static let current: Int32 = 479

    private static let v4_0_0: Int32 = 213
    private static let higher: Int32 = 612

    /// The release an ordinal stands for, such as `V5_3_3`: from 4.0.0 on each patch has two, a snapshot and itself.
    package static func name(of version: Int32) -> String {
        if version >= higher { return "HIGHER_VERSION" }
        guard version >= v4_0_0 - 1 else { return "V3(\(version))" }
        let (patches, isRelease) = (version - v4_0_0 + 1).quotientAndRemainder(dividingBy: 2)
        let suffix = isRelease == 1 ? "" : "_SNAPSHOT"
        return "V\(4 + patches / 100)_\(patches / 10 % 10)_\(patches % 10)\(suffix)"
    }
}
