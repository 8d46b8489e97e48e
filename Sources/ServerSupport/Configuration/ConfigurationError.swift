/// Why a configuration was refused. Start-up stops with it; `description` is the one line for the operator.
package struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// The kind of refusal.
    package enum Code: Sendable {
        case unreadableFile
        case syntax
        case unknownKey
        case invalidValue
        case outOfRange
        case missingValue
    }

    /// The kind of refusal.
    package let code: Code
    /// The file, or the command-line option that gave the value.
    package let file: String
    /// One-based line in the file; nil where there is none.
    package let line: Int?
    /// The key in question.
    package let key: String?
    /// The valid key closest to an unknown one.
    package let nearestKey: String?
    /// What is wrong, in a sentence without place and key.
    package let message: String

    /// Creates an error for a place in a file.
    package init(
        _ code: Code, file: String, line: Int? = nil, key: String? = nil, nearestKey: String? = nil, message: String
    ) {
        self.code = code
        self.file = file
        self.line = line
        self.key = key
        self.nearestKey = nearestKey
        self.message = message
    }

    package var description: String {
        var text = file
        if let line { text += ":\(line)" }
        text += ": "
        if let key { text += "\(key): " }
        text += message
        if let nearestKey { text += "; did you mean \(nearestKey)?" }
        return text
    }
}
