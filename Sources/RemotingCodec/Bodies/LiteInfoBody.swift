import MessageModel

/// The response body of an administrative request about lite topics, as it is shown.
package struct LiteInfoBody: JSONBody, Hashable {
    /// The members.
    package var json: JSONValue

    /// A body of that value.
    package init(json: JSONValue) { self.json = json }
}
