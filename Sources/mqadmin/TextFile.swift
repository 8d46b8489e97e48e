import AdminClient

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Files that commands write.
enum TextFile {
    /// Writes a file anew, its directories too where they are missing. One that is there stays whole until the new one is.
    static func write(_ bytes: [UInt8], to path: String) throws(AdminError) {
        makeParents(of: path)
        let unfinished = path + ".tmp"
        guard let file = fopen(unfinished, "w") else { throw failure("open", unfinished, errno) }
        var number: Int32 = 0
        if fwrite(bytes, 1, bytes.count, file) != bytes.count { number = errno }
        // What is buffered is written only now.
        if fclose(file) != 0, number == 0 { number = errno }
        if number == 0, rename(unfinished, path) != 0 { number = errno }
        guard number == 0 else {
            unlink(unfinished)
            throw failure("write", path, number)
        }
    }

    private static func makeParents(of path: String) {
        var index = path.startIndex
        while let slash = path[index...].firstIndex(of: "/") {
            if slash != path.startIndex { mkdir(String(path[..<slash]), 0o755) }
            index = path.index(after: slash)
        }
    }

    private static func failure(_ action: String, _ path: String, _ number: Int32) -> AdminError {
        AdminError(.invalidArgument, "cannot \(action) \(path): \(String(cString: strerror(number)))")
    }
}
