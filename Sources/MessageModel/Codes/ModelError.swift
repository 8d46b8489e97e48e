/// What can be wrong with a value that came from outside: a name, a handle, a JSON text, a config entry.
package struct ModelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of fault.
    package enum Code: Hashable, Sendable {
        case blankName, nameTooLong, illegalCharacter, reservedName
        case invalidHandle, invalidMessageId
        case malformedJSON, invalidField
        case invalidExpression
    }

    /// The kind of fault.
    package var code: Code
    /// What was found and what was expected.
    package var message: String

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

/// The error of `NameRules`.
package typealias NameError = ModelError
/// The error of `JSONValue`.
package typealias JSONError = ModelError
