import Foundation
import MessageModel
import Testing

/// Files recorded from Apache's servers, copied beside the tests.
func golden(_ name: String) throws -> [UInt8] {
    let url = Bundle.module.bundleURL.appendingPathComponent("Golden").appendingPathComponent(name)
    return [UInt8](try Data(contentsOf: url))
}

func goldenJSON(_ name: String) throws -> JSONValue { try JSONValue(parsing: try golden(name)) }
