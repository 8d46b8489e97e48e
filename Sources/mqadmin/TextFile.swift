import AdminClient

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Files that commands write.
enum TextFile {
    /// Writes a file anew, its directories too where they are missing.
    static func write(_ bytes: [UInt8], to path: String) throws(AdminError) {
        makeParents(of: path)
        guard let file = fopen(path, "w") else { throw failure("open", path) }
        let count = fwrite(bytes, 1, bytes.count, file)
        // What is buffered is written only now.
        let isClosed = fclose(file) == 0
        guard count == bytes.count, isClosed else { throw failure("write", path) }
    }

    private static func makeParents(of path: String) {
        var index = path.startIndex
        while let slash = path[index...].firstIndex(of: "/") {
            if slash != path.startIndex { mkdir(String(path[..<slash]), 0o755) }
            index = path.index(after: slash)
        }
    }

    private static func failure(_ action: String, _ path: String) -> AdminError {
        AdminError(.invalidArgument, "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
