import Archives
import Text

/// A global that a pickle in a file names.
package struct NamedGlobal: Sendable, Hashable {
    /// `os.system`.
    package let name: String
    /// The member of the archive that holds the pickle, `outer!inner` where archives are nested; nil for the file itself.
    package let member: String?
    /// Whether neither tensors and plain data nor the code of a TorchScript archive need it.
    package let isForeign: Bool
    /// Whether it is a class of the code in a TorchScript archive, or one of TorchScript's lists.
    package let isOfScript: Bool
}

/// Finds the pickles of a file wherever they are: in members other than the model, nested archives, arrays of objects, and whatever follows
/// the end of another pickle. Nothing is imported and nothing is called.
package struct PickleScan: Sendable {
    /// Each global once for each member, in the order in which they are found.
    package private(set) var globals: [NamedGlobal] = []
    /// How many pickles there are.
    package private(set) var pickleCount = 0
    /// The members that could not be looked into, and why.
    package private(set) var hidden: [(member: String, problem: Problem)] = []
    /// The bytes behind the last pickle of the file or of a member that are no pickle.
    package private(set) var trailing: [(member: String?, byteCount: Int)] = []

    private var seen: Set<NamedGlobal> = []
    /// Whether the pickles that are being scanned are those of a TorchScript archive.
    private var isInScript = false

    private static let depthLimit = 4
    /// The globals that are kept; a hostile file names as many as it has bytes.
    private static let globalLimit = 10_000
    private static let pickleLimit = 10_000

    /// Scans the bytes of files.
    package init(_ regions: [ByteRegion]) {
        for region in regions { scan(region, member: nil, depth: 0) }
    }

    private mutating func scan(_ region: ByteRegion, member: String?, depth: Int) {
        guard depth < Self.depthLimit, region.count > 1 else { return }
        switch ArchiveFormat(region) {
        case .zip: scanZip(region, member, depth)
        case .some: scanArchive(region, member, depth)
        case nil:
            if let header = try? NPYHeader(region), header.descriptor.contains("O") {
                scanPickles(region, at: header.dataOffset, member)
            } else {
                scanPickles(region, at: 0, member)
            }
        }
    }

    private static func joined(_ outer: String?, _ inner: String) -> String { outer.map { $0 + "!" + inner } ?? inner }

    private mutating func hide(_ member: String, _ problem: Problem) {
        guard hidden.count < Self.globalLimit else { return }
        hidden.append((member, problem))
    }

    private mutating func scanZip(_ region: ByteRegion, _ member: String?, _ depth: Int) {
        do throws(Problem) {
            guard let directory = try ZipDirectory(region) else { return }
            // What was appended to the zip file.
            if directory.trailingByteCount > 0 { scanBuried(region, from: region.count - directory.trailingByteCount, member) }
            guard directory.unclaimedByteCount > 0 else { return scanEntries(of: directory, in: region, member, depth) }
            if !scanSequence(region, member, depth) { scanEntries(of: directory, in: region, member, depth) }
        } catch {
            if !scanSequence(region, member, depth) { hide(member ?? "", error) }
        }
    }

    /// Scans zip files that follow each other, such as the parts of a distributed checkpoint.
    ///
    /// - Returns: whether the bytes are such files.
    private mutating func scanSequence(_ region: ByteRegion, _ member: String?, _ depth: Int) -> Bool {
        guard let parts = ZipDirectory.sequence(in: region) else { return false }
        for part in parts { scanEntries(of: part.directory, in: part.region, member, depth) }
        return true
    }

    private mutating func scanEntries(of directory: ZipDirectory, in region: ByteRegion, _ member: String?, _ depth: Int) {
        let region = region.slice(offset: 0, count: region.count - directory.trailingByteCount) ?? region
        let wasInScript = isInScript
        isInScript = TorchZip.isScript(directory)
        defer { isInScript = wasInScript }
        let files = directory.entries.filter { !$0.isDirectory }
        let unpacked = directory.inflateEach(Set(files.filter { $0.region == nil && $0.problem == nil }.map(\.name)), from: region)
        for entry in files {
            let name = Self.joined(member, entry.name)
            if let problem = entry.problem {
                hide(name, problem)
            } else if let content = entry.region {
                scan(content, member: name, depth: depth + 1)
            } else if case .success(let content)? = unpacked[entry.name] {
                scan(content, member: name, depth: depth + 1)
            } else if case .failure(let problem)? = unpacked[entry.name] {
                hide(name, problem)
            }
        }
    }

    private mutating func scanArchive(_ region: ByteRegion, _ member: String?, _ depth: Int) {
        do throws(Problem) {
            guard let reader = try ArchiveReader(region) else { return }
            while let entry = try reader.next() {
                guard entry.kind == .file else { continue }
                let name = reader.isSingleFile ? member : Self.joined(member, entry.name)
                // What is large and does not begin like anything that holds pickles need not be unpacked.
                let head = try reader.head(512)
                let isSmall = entry.size.map { $0 <= Self.smallSize } ?? false
                guard
                    isSmall || Self.isNamed(entry.name) || ArchiveFormat(head: head) != nil || NPY.isRecognised(head)
                        || TorchLegacy.isPickle(ByteRegion(copying: head))
                else { continue }
                scan(try reader.content(), member: name, depth: depth + 1)
            }
        } catch {
            hide(member ?? "", error)
        }
    }

    /// Scans the pickles that follow each other from `start` on, of PyTorch's old format those after the storages too, and those that begin
    /// somewhere behind them.
    private mutating func scanPickles(_ region: ByteRegion, at start: Int, _ member: String?) {
        // Numbers may look like the beginning of a pickle: a truncated one counts only if its name or first bytes show that it is one.
        let isPickle = TorchLegacy.isPickle(region)
        let isNamed = member.map(Self.isNamed) ?? isPickle
        var position = start
        var isFirst = true
        var isDamaged = false
        while position < region.count, pickleCount < Self.pickleLimit {
            let found = PickleReader.globals(region, at: position)
            let counts = isNamed || isPickle || !isFirst
            let isFinished = found.end != nil
            guard found.globals.isEmpty ? isFinished && counts : counts || isFinished && found.globals.allSatisfy(Self.isPlausible) else {
                break
            }
            pickleCount += 1
            add(found.globals, member)
            guard let end = found.end else {
                hide(member ?? "", Problem(found.problem ?? "the pickle is damaged"))
                isDamaged = true
                break
            }
            if let behind = TorchLegacyStream.end(region, at: position) {
                // The five pickles of the format, whose globals are few, then the numbers.
                var next = end
                for _ in 0..<4 where next < behind {
                    let part = PickleReader.globals(region, at: next)
                    add(part.globals, member)
                    pickleCount += 1
                    guard let end = part.end else { break }
                    next = end
                }
                position = behind
            } else {
                position = end
            }
            isFirst = false
        }
        guard position < region.count, !isFirst || isDamaged else { return }
        if !isDamaged { trailing.append((member, region.count - position)) }
        scanBuried(region, from: position, member)
    }

    private mutating func scanBuried(_ region: ByteRegion, from start: Int, _ member: String?) {
        let buried = BuriedPickles(region, from: start)
        pickleCount += buried.found.count
        for globals in buried.found { add(globals, member) }
        if buried.isIncomplete {
            hide(
                member ?? "",
                Problem("too much behind the last pickle to be searched for others to the end", found: "\(region.count - start) bytes"))
        }
    }

    private mutating func add(_ found: [Pickle.Global], _ member: String?) {
        for global in found where globals.count < Self.globalLimit {
            let isFamiliar = PickleGlobals.isFamiliar(global)
            let isOfScript = isInScript && !isFamiliar && PickleGlobals.isOfScript(global)
            let name = NamedGlobal(
                name: global.qualifiedName.singleLine, member: member, isForeign: !isFamiliar && !isOfScript, isOfScript: isOfScript)
            if seen.insert(name).inserted { globals.append(name) }
        }
    }

    /// Whether a global can be one that Python imports: random bytes that end as a pickle does seldom spell a name. The reader refuses only
    /// names that are not UTF-8, which leaves all punctuation.
    private static func isPlausible(_ global: Pickle.Global) -> Bool {
        [global.module, global.name].allSatisfy { name in
            !name.isEmpty
                && name.unicodeScalars.allSatisfy { scalar in
                    scalar.properties.isXIDContinue || scalar == "."
                }
        }
    }

    private static func isNamed(_ name: String) -> Bool {
        let name = name.lowercased()
        return endings.contains { name.hasSuffix($0) }
    }

    private static let smallSize = 1 << 20
    private static let endings = [".pkl", ".pickle", ".p", ".pk", ".joblib", ".dill", ".bin", ".pt", ".pth", ".ckpt"]
}
