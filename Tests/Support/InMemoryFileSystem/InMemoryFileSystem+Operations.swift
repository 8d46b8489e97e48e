import NIOConcurrencyHelpers
import StorageEngine

extension InMemoryFileSystem {
    /// What an operation has to do when a fault meets it.
    enum Course {
        case normal
        /// Do so many 256ths, then fail.
        case partly(Int)
        /// Forget the dirty pages, then fail: what a kernel does when a flush fails.
        case lost
    }

    /// Runs one operation under the lock, unless a fault meets it. With a partial fault it runs whole and then fails;
    /// operations that can do a part use ``run(_:_:_:onFault:_:)``.
    func run<Result>(
        _ operation: DiskFault.Operation, _ word: String, _ path: String,
        _ body: (inout State) throws(FileSystemError) -> Result
    ) throws(FileSystemError) -> Result {
        try run(operation, word, path) { state, course throws(FileSystemError) in
            let result = try body(&state)
            switch course {
            case .normal: return result
            case .partly, .lost: throw Self.failure(word, path)
            }
        }
    }

    /// Runs one operation that can be done in part.
    func run<Result>(
        _ operation: DiskFault.Operation, _ word: String, _ path: String,
        _ body: (inout State, Course) throws(FileSystemError) -> Result
    ) throws(FileSystemError) -> Result {
        let outcome = state.withLockedValue { state -> Swift.Result<Result, FileSystemError> in
            do throws(FileSystemError) {
                let course = try Self.course(of: operation, word, path, &state)
                return .success(try body(&state, course))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    private static func course(
        of operation: DiskFault.Operation, _ word: String, _ path: String, _ state: inout State
    ) throws(FileSystemError) -> Course {
        if state.remains != nil { throw failure(word, path) }
        state.operations += 1
        guard !state.faults.isEmpty else { return .normal }
        for index in state.faults.indices {
            let fault = state.faults[index]
            guard fault.operation == operation, fault.path.isEmpty || path.contains(fault.path) else { continue }
            if fault.passing > 0 {
                state.faults[index].passing -= 1
                continue
            }
            if !fault.isLasting { state.faults.remove(at: index) }
            state.injected += 1
            switch fault.effect {
            case .inputOutput:
                if operation == .synchronize { return .lost }
                throw failure(word, path)
            case .noSpace: throw FileSystemError(kind: .noSpace, operation: word, path: path, errorNumber: 28)
            case .partly(let part): return .partly(part)
            case .powerLoss:
                state.remains = remains(of: state.root, using: &state.random)
                throw failure(word, path)
            }
        }
        return .normal
    }

    static func failure(_ word: String, _ path: String) -> FileSystemError {
        FileSystemError(kind: .inputOutput, operation: word, path: path, errorNumber: 5)
    }

    static func notFound(_ word: String, _ path: String) -> FileSystemError {
        FileSystemError(kind: .notFound, operation: word, path: path, errorNumber: 2)
    }

    // MARK: Names

    static func parts(_ path: String) -> [String] { path.split(separator: "/").map(String.init) }

    static func entry(_ path: String, _ state: State) -> DirectoryNode.Entry? {
        var entry = DirectoryNode.Entry.directory(state.root)
        for name in parts(path) {
            guard case .directory(let directory) = entry, let next = directory.entries[name] else { return nil }
            entry = next
        }
        return entry
    }

    static func directory(_ path: String, _ state: State) throws(FileSystemError) -> DirectoryNode {
        guard case .directory(let directory)? = entry(path, state) else { throw notFound("open", path) }
        return directory
    }

    static func parent(_ path: String, _ state: State) throws(FileSystemError) -> (DirectoryNode, String) {
        var names = parts(path)
        guard let name = names.popLast() else { throw notFound("open", path) }
        return (try directory(names.joined(separator: "/"), state), name)
    }

    // MARK: Room

    static func freeBytes(_ state: State) -> Int64 {
        max(0, state.capacityBytes - state.occupiedBytes - Int64(state.usedPages * FileNode.pageBytes))
    }

    /// Takes the room that a write to a range needs.
    static func takeRoom(
        _ node: FileNode, _ offset: Int, _ count: Int, _ word: String, _ path: String, _ state: inout State
    ) throws(FileSystemError) {
        let pages = node.missingPages(from: offset, count: count)
        guard pages > 0 else { return }
        guard Int64(pages * FileNode.pageBytes) <= freeBytes(state) else {
            throw FileSystemError(kind: .noSpace, operation: word, path: path, errorNumber: 28)
        }
        state.usedPages += pages
    }

    static func usedPages(_ directory: DirectoryNode) -> Int {
        directory.entries.values.reduce(0) { sum, entry in
            switch entry {
            case .file(let node): sum + node.allocatedPages
            case .directory(let inner): sum + usedPages(inner)
            }
        }
    }
}

// MARK: Crashes

extension InMemoryFileSystem {
    /// The disk that the next machine finds when power is lost now, or was lost in an operation before.
    package func afterPowerLoss() -> InMemoryFileSystem {
        succeed(isNewRun: true) { state in
            state.remains ?? Self.remains(of: state.root, using: &state.random)
        }
    }

    /// The disk that the next process finds when this one is killed now: everything written is there, though not all of
    /// it is on the disk.
    package func afterKill() -> InMemoryFileSystem {
        succeed(isNewRun: false) { state in
            // One file may have two names.
            var copies: [ObjectIdentifier: FileNode] = [:]
            return Self.survivor(of: state.root, &copies)
        }
    }

    private func succeed(isNewRun: Bool, _ root: (inout State) -> DirectoryNode) -> InMemoryFileSystem {
        let next = state.withLockedValue { state -> State in
            var next = State(
                root: root(&state), capacityBytes: state.capacityBytes, occupiedBytes: state.occupiedBytes,
                random: SeededGenerator(seed: state.random.next()))
            next.usedPages = Self.usedPages(next.root)
            next.fileCount = state.fileCount
            next.bootCount = state.bootCount + (isNewRun ? 1 : 0)
            return next
        }
        return InMemoryFileSystem(next, nowMillis: nowMillis)
    }

    private static func survivor(
        of directory: DirectoryNode, _ copies: inout [ObjectIdentifier: FileNode]
    ) -> DirectoryNode {
        var directories: [ObjectIdentifier: DirectoryNode] = [:]
        return survivor(of: directory, &copies, &directories)
    }

    private static func survivor(
        of directory: DirectoryNode, _ files: inout [ObjectIdentifier: FileNode],
        _ directories: inout [ObjectIdentifier: DirectoryNode]
    ) -> DirectoryNode {
        if let known = directories[ObjectIdentifier(directory)] { return known }
        let result = DirectoryNode()
        directories[ObjectIdentifier(directory)] = result
        func copy(_ entry: DirectoryNode.Entry) -> DirectoryNode.Entry {
            switch entry {
            case .directory(let inner): return .directory(survivor(of: inner, &files, &directories))
            case .file(let node):
                let known = files[ObjectIdentifier(node)] ?? node.survivor()
                files[ObjectIdentifier(node)] = known
                return .file(known)
            }
        }
        result.entries = directory.entries.mapValues(copy)
        result.stored = directory.stored.mapValues(copy)
        result.changes = directory.changes.map { change in
            DirectoryNode.Change(names: change.names.map { ($0.name, $0.entry.map(copy)) })
        }
        return result
    }

    private static func remains(of directory: DirectoryNode, using random: inout SeededGenerator) -> DirectoryNode {
        var files: [ObjectIdentifier: FileNode] = [:]
        return remains(of: directory, &files, using: &random)
    }

    private static func remains(
        of directory: DirectoryNode, _ files: inout [ObjectIdentifier: FileNode], using random: inout SeededGenerator
    ) -> DirectoryNode {
        let result = DirectoryNode()
        // By name, so that the same seed gives the same choices.
        for (name, entry) in directory.remains(using: &random).sorted(by: { $0.key < $1.key }) {
            switch entry {
            case .directory(let inner):
                result.entries[name] = .directory(remains(of: inner, &files, using: &random))
            case .file(let node):
                let known = files[ObjectIdentifier(node)] ?? node.remains(using: &random)
                files[ObjectIdentifier(node)] = known
                result.entries[name] = .file(known)
            }
        }
        result.stored = result.entries
        return result
    }

    /// Has the kernel write back some dirty pages, as it does at any time.
    package func writeBack() {
        state.withLockedValue { state in
            Self.files(below: state.root, "") { $1.writeBack(using: &state.random) }
        }
    }

    /// Whether a range of a file would be there, as programs see it, after any loss of power.
    package func isStored(_ path: String, from offset: Int, count: Int) -> Bool {
        state.withLockedValue { state in
            var seen = DirectoryNode.Entry.directory(state.root)
            for name in Self.parts(path) {
                guard case .directory(let directory) = seen, let next = directory.entries[name] else { return false }
                switch (next, directory.stored[name]) {
                case (.file(let left), .file(let right)?) where left === right: break
                case (.directory(let left), .directory(let right)?) where left === right: break
                default: return false
                }
                seen = next
            }
            guard case .file(let node) = seen else { return false }
            return node.isStored(from: offset, count: count)
        }
    }

    /// Bytes of the disk.
    package var capacityBytes: Int64 { state.withLockedValue { $0.capacityBytes } }
    /// Bytes that files take.
    package var usedBytes: Int64 { state.withLockedValue { Int64($0.usedPages * FileNode.pageBytes) } }

    /// What is on the disk of a range of a file; nil when the file is not there.
    package func storedBytes(of path: String, from offset: Int, count: Int) -> [UInt8]? {
        state.withLockedValue { state in
            guard case .file(let node)? = Self.entry(path, state) else { return nil }
            return node.storedBytes(from: offset, count: count)
        }
    }

    /// Every file, by path in order; what a program sees of it.
    package func contents() -> [(path: String, bytes: [UInt8])] {
        state.withLockedValue { state in
            var result: [(path: String, bytes: [UInt8])] = []
            Self.files(below: state.root, "") { path, node in
                result.append((path, Array(UnsafeRawBufferPointer(start: node.seen, count: node.size))))
            }
            return result
        }
    }

    private static func files(below directory: DirectoryNode, _ path: String, _ body: (String, FileNode) -> Void) {
        for (name, entry) in directory.entries.sorted(by: { $0.key < $1.key }) {
            switch entry {
            case .directory(let inner): files(below: inner, path + "/" + name, body)
            case .file(let node): body(path + "/" + name, node)
            }
        }
    }
}
