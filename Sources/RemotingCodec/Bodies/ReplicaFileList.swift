import MessageModel

/// The body of GET_REPLICA_STATE (900102): the small files of a master that a replica keeps copies of.
package struct ReplicaFileList: JSONBody, Hashable {
    /// One of them.
    package struct File: Hashable, Sendable {
        /// Its name.
        package var name: String
        /// Its length.
        package var bytes: Int64
        /// Check sum of its content.
        package var checkSum: Int32

        /// A file.
        package init(name: String, bytes: Int64, checkSum: Int32) {
            self.name = name
            self.bytes = bytes
            self.checkSum = checkSum
        }
    }

    /// The files that there are.
    package var files: [File]

    /// A list of files.
    package init(files: [File]) {
        self.files = files
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        files = []
        for element in try JSONFields(json, of: "replica files").array("files") ?? [] {
            let fields = try JSONFields(element, of: "replica file")
            files.append(
                File(
                    name: try fields.string("name") ?? "", bytes: try fields.int64("bytes", default: 0),
                    checkSum: try fields.int32("checkSum", default: 0)))
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "files": .array(
                files.map { file in
                    [
                        "bytes": .integer(file.bytes), "checkSum": .integer(Int64(file.checkSum)),
                        "name": .string(file.name),
                    ]
                })
        ]
    }
}
