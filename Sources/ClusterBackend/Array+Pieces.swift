extension Array {
    /// The elements in pieces of at most `countMax`.
    func pieces(of countMax: Int) -> [[Element]] {
        stride(from: 0, to: count, by: countMax).map { start in
            [Element](self[start..<Swift.min(start + countMax, count)])
        }
    }
}
