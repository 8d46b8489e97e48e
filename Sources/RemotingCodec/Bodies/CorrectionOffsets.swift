import MessageModel

/// The body of the answer to QUERY_CORRECTION_OFFSET (308).
package struct CorrectionOffsets: JSONBody, Hashable {
    /// Offsets by queue.
    package var offsets: [Int32: Int64]

    /// Offsets by queue.
    package init(offsets: [Int32: Int64]) {
        self.offsets = offsets
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "correction offsets")
        offsets = [:]
        for member in try fields.object("correctionOffsets") ?? JSONObject() {
            guard let queueID = member.key.int64.flatMap({ Int32(exactly: $0) }), let offset = member.value.int64
            else { throw ModelError(.invalidField, "correctionOffsets: a queue or offset is not a number") }
            offsets[queueID] = offset
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        var object = JSONObject()
        for (queueID, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            object.append(.integer(Int64(queueID)), .integer(offset))
        }
        return ["correctionOffsets": .object(object)]
    }
}
