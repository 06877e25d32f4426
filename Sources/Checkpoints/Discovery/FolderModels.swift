import Archives
import Glibc
import Text

/// The models among the files of one directory, each once.
struct FolderModels {
    /// One model, before it has a place in the tree.
    struct Candidate {
        enum Kind {
            case plain, adapter, export
            /// Written by several processes into a directory of its own.
            case spread
        }

        let kind: Kind
        /// The file by which the model is known, and whose identity is the model's.
        let main: FolderListing.File
        /// Whether the directory is what is opened.
        var opensFolder = false
        /// Whether the model is named after the directory.
        var isNamedAfterFolder = false
        /// The weights first.
        var files: [FolderListing.File]
        /// Whether the model's adapters have it beside them.
        var isStandard = false
    }

    private(set) var candidates: [Candidate] = []
    private(set) var passedOver: [PassedOver: Int] = [:]
    /// Whether a model with a standard name is in the directory.
    private(set) var hasStandardModel = false
    let hasConfiguration: Bool
    let companions: [FolderListing.File]

    private let place: FilePlace
    private let isWanted: (FolderListing.File) -> Bool

    /// - Parameters:
    ///   - isWanted: whether the user has asked for the file by a pattern: then an array is taken too.
    init(_ listing: FolderListing, at place: FilePlace, baseName: String, isWanted: @escaping (FolderListing.File) -> Bool) {
        self.place = place
        self.isWanted = isWanted
        companions = listing.files.filter { $0.role == .companion && $0.status != nil }
        hasConfiguration = companions.contains { $0.text == Companions.configuration }
        var files: [FolderListing.File] = []
        for file in listing.files {
            switch role(of: file) {
            case .other, .companion: break
            case .training: pass(.training)
            case .foreign: pass(.foreign)
            case .array, .arrays: pass(.data)
            case let role:
                var file = file
                file.role = role
                files.append(file)
            }
        }
        guard !files.isEmpty else { return }
        files.sort { $0.text.precedesNaturally($1.text) }
        let isOfTraining = !ModelFiles.mayBeModel(baseName)
        takeSpread(&files, isOfTraining: isOfTraining)
        takeIndices(&files)
        takeSplits(&files)
        takeStandard(&files)
        takeRest(files, hasFolders: !listing.folders.isEmpty)
    }

    private mutating func pass(_ reason: PassedOver, _ count: Int = 1) {
        if count > 0 { passedOver[reason, default: 0] += count }
    }

    // MARK: - Roles

    /// The role of a file, by its first bytes where its name does not tell.
    private func role(of file: FolderListing.File) -> FileRole {
        switch file.role {
        case .array: return isWanted(file) ? .weights : .array
        case .unknown:
            guard let size = file.status?.size, size > 16, WeightFormat.isUnmistakable(head(of: file)) else { return .other }
            return NPY.isRecognised(head(of: file)) && !isWanted(file) ? .array : .weights
        case .arrays: return holdsData(file) && !isWanted(file) ? .arrays : .weights
        default: return file.role
        }
    }

    private func head(of file: FolderListing.File) -> [UInt8] {
        let descriptor = place.appending(file.name).withPath { open($0, O_RDONLY | O_NONBLOCK | O_CLOEXEC) }
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        return [UInt8](unsafeUninitializedCapacity: ContainerFile.headLength) { buffer, count in
            count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
    }

    /// The names that arrays of samples and answers have.
    private static let dataNames: Set<String> = [
        "x", "y", "images", "labels", "inputs", "targets", "x_train", "y_train", "x_test", "y_test", "tokens",
    ]

    /// Whether an .npz holds samples.
    private func holdsData(_ file: FolderListing.File) -> Bool {
        guard let path = PathText.plain(place.appending(file.name).text), let region = try? ByteRegion.mapping(path: path),
            let directory = try? ZipDirectory(region)
        else { return false }
        return directory.entries.contains { Self.dataNames.contains(MemberPath.stem($0.name).lowercased()) }
    }

    // MARK: - Models of several files

    /// Takes the files of a checkpoint that several processes have written.
    private mutating func takeSpread(_ files: inout [FolderListing.File], isOfTraining: Bool) {
        let parts = files.filter { $0.role == .part }
        guard !parts.isEmpty else { return }
        var own = parts.filter { $0.text.hasSuffix(DistributedCheckpoint.partEnding) }
        if !own.isEmpty {
            own = parts.filter { $0.text == DistributedMetadata.fileName } + own
        } else {
            let states = parts.filter { $0.text.hasSuffix(DeepSpeedCheckpoint.optimizerEnding) }
            let models = files.filter { $0.text.hasSuffix(DeepSpeedCheckpoint.modelEnding) }
            if !states.isEmpty, !models.isEmpty { own = models + states } else { pass(.training, states.count) }
        }
        files.removeAll { file in file.role == .part || own.contains { $0.name == file.name } }
        guard let main = own.first else { return }
        if isOfTraining { return pass(.training, own.count) }
        candidates.append(
            Candidate(kind: .spread, main: main, opensFolder: true, isNamedAfterFolder: true, files: own + companions))
    }

    /// Takes the shards that indices name.
    private mutating func takeIndices(_ files: inout [FolderListing.File]) {
        let indices = files.filter { $0.role == .index }
        guard !indices.isEmpty else { return }
        var taken: Set<[UInt8]> = []
        for index in indices {
            let names = shards(of: index, among: files)
            let shards = files.filter { $0.role != .index && names.contains($0.text) }
            taken.formUnion(shards.map(\.name))
            candidates.append(Candidate(kind: .plain, main: index, files: [index] + shards + companions))
        }
        files.removeAll { $0.role == .index || taken.contains($0.name) }
    }

    /// The names of an index's shards; those that look like them if it cannot be read.
    private func shards(of index: FolderListing.File, among files: [FolderListing.File]) -> Set<String> {
        if let path = PathText.plain(place.appending(index.name).text), let region = try? ByteRegion.mapping(path: path),
            let map = try? ShardIndex(region, path: path)
        {
            return Set(map.shards.map { PathText.text(Array($0.utf8)) })
        }
        let stem = index.text.prefix { $0 != "." }
        return Set(files.map(\.text).filter { ModelFiles.isShard($0) && $0.hasPrefix(stem) })
    }

    /// Takes the parts of models that llama.cpp has split.
    private mutating func takeSplits(_ files: inout [FolderListing.File]) {
        var groups: [String: [FolderListing.File]] = [:]
        for file in files {
            if let split = SplitName(file.text) { groups["\(split.stem)-of-\(split.count)", default: []].append(file) }
        }
        guard !groups.isEmpty else { return }
        for parts in groups.values {
            candidates.append(Candidate(kind: .plain, main: parts[0], files: parts))
        }
        files.removeAll { SplitName($0.text) != nil }
    }

    // MARK: - Models of one file

    /// Takes the model with the first of the names under which libraries look for one, and an adapter.
    private mutating func takeStandard(_ files: inout [FolderListing.File]) {
        for file in files where file.role == .weights && ModelFiles.rank(file.text) != nil {
            let kind: Candidate.Kind = Adapter.weightNames.contains(file.text) ? .adapter : .plain
            candidates.append(Candidate(kind: kind, main: file, files: [file] + companions))
        }
        files.removeAll { $0.role == .weights && ModelFiles.rank($0.text) != nil }
        let isModelFolder = companions.contains { Companions.isRead($0.text) }
        for kind in [Candidate.Kind.plain, .adapter] {
            let ranked = candidates.filter { $0.kind == kind && ModelFiles.rank($0.main.text) != nil }
            guard let best = ranked.min(by: { (ModelFiles.rank($0.main.text) ?? 0) < (ModelFiles.rank($1.main.text) ?? 0) }) else {
                continue
            }
            candidates.removeAll { $0.kind == kind && ModelFiles.rank($0.main.text) != nil }
            pass(.sameModel, ranked.reduce(0) { $0 + $1.weightCount } - best.weightCount)
            var standard = best
            standard.isStandard = kind == .plain
            let isAlone = best.main.role == .index && candidates.isEmpty && files.isEmpty
            standard.isNamedAfterFolder = isModelFolder && (kind == .plain || candidates.isEmpty) || isAlone
            if kind == .plain {
                hasStandardModel = true
                // What processes have written beside it is the same model.
                pass(.sameModel, candidates.filter { $0.kind == .spread }.reduce(0) { $0 + $1.weightCount })
                candidates.removeAll { $0.kind == .spread }
                if hasConfiguration {
                    pass(.sameModel, candidates.filter { $0.kind == .plain }.reduce(0) { $0 + $1.weightCount })
                    candidates.removeAll { $0.kind == .plain }
                }
            }
            candidates.append(standard)
        }
    }

    private mutating func takeRest(_ files: [FolderListing.File], hasFolders: Bool) {
        if hasStandardModel, hasConfiguration {
            pass(.sameModel, files.count)
            return
        }
        let isAlone = candidates.isEmpty && files.count == 1 && hasConfiguration && !hasFolders
        for file in files {
            var candidate = Candidate(kind: file.role == .export ? .export : .plain, main: file, files: [file])
            if isAlone, file.role != .archive {
                candidate.opensFolder = true
                candidate.files += companions
            }
            candidates.append(candidate)
        }
    }
}

extension FolderModels.Candidate {
    /// How many of the files hold weights.
    fileprivate var weightCount: Int { files.count { $0.role != .companion && $0.role != .index } }
}
