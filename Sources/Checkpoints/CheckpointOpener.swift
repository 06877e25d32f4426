import Archives
import Glibc
import Text

/// Finds out what a path holds and makes a checkpoint of it.
struct CheckpointOpener {
    let path: String
    let options: Checkpoint.Options

    /// What a path holds, before one of the models in it is chosen.
    struct Found {
        let path: String
        let container: String
        let member: String?
        /// Those of a model's adapters are models of their own.
        let weights: WeightFile
        /// The file of the weights, for messages.
        let weightPath: String
        let companions: [String: ByteRegion]
        let sources: [ByteRegion]

        /// - Parameter key: that of the model; nil for the only one.
        func checkpoint(key: String?) throws -> Checkpoint {
            try Checkpoint(
                path: path, container: container, member: member, weights: weights, key: key, weightPath: weightPath,
                companions: companions, sources: sources)
        }
    }

    func open() throws -> Checkpoint { try find().checkpoint(key: options.key) }

    /// Opens bytes that were found at ``path``.
    func open(_ region: ByteRegion) throws -> Checkpoint { try find(region).checkpoint(key: options.key) }

    func find() throws -> Found {
        if path != "-", FilePath.isDirectory(path) {
            return try findContainer(DirectoryContainer(path: path))
        }
        let region: ByteRegion
        do {
            region = path == "-" ? try ByteRegion.standardInput(isKnown: Self.isKnown) : try ByteRegion.mapping(path: path)
        } catch {
            throw error.at(path: path)
        }
        return try find(region)
    }

    /// Whether what begins with `head` can be a checkpoint: what cannot is refused by ``open(_:)`` too.
    static func isKnown(_ head: [UInt8]) -> Bool {
        ArchiveFormat(head: Array(head.prefix(512))) != nil || WeightFormat(head: Array(head.prefix(ContainerFile.headLength))) != nil
    }

    private func find(_ region: ByteRegion) throws -> Found {
        if path.hasSuffix(DistributedCheckpoint.partEnding), let impostor = Impostor.name(path) { throw impostor.error(path: path) }
        switch ArchiveFormat(region) {
        case .zip:
            let directory = try WeightFormat.zipDirectory(region, path: path)
            if WeightFormat.isWeightFile(directory) { return try findFile(region) }
            if let problem = directory.trailingProblem { throw problem.at(path: path) }
            return try findContainer(ZipContainer(directory, region: region, path: path))
        case .tar, .gzip, .zstandard, .xz, .bzip2:
            return try findArchive(region)
        case nil where path != "-" && MemberPath.baseName(path) == DistributedMetadata.fileName:
            return try CheckpointOpener(path: path.contains("/") ? MemberPath.folder(path) : ".", options: options).find()
        case nil:
            if path != "-", ModelFiles.isIndex(MemberPath.baseName(path)) { return try findIndex(region) }
            return try findFile(region)
        }
    }

    /// A tar, or one compressed file.
    private func findArchive(_ region: ByteRegion) throws -> Found {
        let single: ByteRegion
        let label: String
        do {
            guard let reader = try ArchiveReader(region) else { throw Problem("is not an archive") }
            guard reader.isSingleFile else {
                return try findContainer(
                    ArchiveContainer(reader, region: region, path: path, member: options.member.map(MemberPath.trimmed)))
            }
            guard try reader.next() != nil else { throw Problem("the compressed file is empty") }
            single = try reader.content()
            label = reader.label
        } catch let error as Problem {
            throw error.at(path: path)
        }
        try refuseMember()
        let weights = try WeightFormat.read(single, name: tensorName(MemberPath.stem(path)), path: path)
        return found("\(label), \(weights.format)", weights, companions: [:], sources: [region])
    }

    /// A single weight file.
    private func findFile(_ region: ByteRegion) throws -> Found {
        try refuseMember()
        let beside: Neighbours = path == "-" ? .none : .besides(path)
        let weights = try WeightFormat.read(region, name: tensorName(path), path: path, neighbours: beside)
        if weights.part != nil {
            guard let split = SplitName(MemberPath.baseName(path)) else {
                throw weights.nameProblem(MemberPath.baseName(path), path: path)
            }
            let paths = split.all.map(neighbour)
            if let missing = paths.first(where: { access($0, F_OK) != 0 }) { throw missingPart(split, missing, path: path) }
            let regions = try paths.map { try $0 == path ? region : ByteRegion.mapping(checkpoint: $0) }
            let files = try zip(regions, paths).map { try WeightFormat.read($0, name: MemberPath.stem($1), path: $1) }
            let whole = try WeightFile.joining(files, paths: paths, path: path)
            return try found(whole.format, whole, companions: neighbours(), sources: regions)
        }
        let name = MemberPath.baseName(path)
        let companions: [String: ByteRegion]
        if path != "-", name == Companions.sparseCircuitModel {
            companions = try neighbours([Companions.sparseCircuitSettings])
        } else {
            // One of several files of a model is described by what lies beside it as well.
            companions = path == "-" || ModelFiles.rank(name) == nil && !ModelFiles.isShard(name) ? [:] : try neighbours()
        }
        return found(weights.format, weights, companions: companions, sources: [region] + beside.regions)
    }

    /// An index and its shards in the same folder.
    private func findIndex(_ region: ByteRegion) throws -> Found {
        try refuseMember()
        let index = try ShardIndex(region, path: path)
        let paths = index.shards.map(neighbour)
        var regions: [ByteRegion] = []
        let files = paths.map { path in
            Self.shard(path) {
                let region = try ByteRegion.mapping(checkpoint: path)
                regions.append(region)
                return region
            }
        }
        let weights = try index.join(files, key: options.key, paths: paths, path: path)
        return try found(weights.format, weights, companions: neighbours(), sources: regions)
    }

    private func findContainer(_ container: some Container) throws -> Found {
        if let refusal = TorchLegacy.tarRefusal(memberNames: container.files.map(\.name), path: path) { throw refusal }
        let file = try ModelChoice(container, member: options.member).file
        let companionFiles = companions(of: file, in: container)
        let contents = try container.contents(of: Set(companionFiles.map(\.name) + [file.name]))
        var companions: [String: ByteRegion] = [:]
        for companion in companionFiles {
            let inside = MemberPath.inside(companion.name, of: file.folder)
            let name = Companions.isOfModule(inside) ? inside : companion.baseName
            companions[name] = contents[companion.name]
        }
        guard let bytes = contents[file.name] else {
            throw Problem(path: container.displayPath(file.name), problem: "cannot be read")
        }
        var weights: WeightFile
        var regions: [ByteRegion]
        if ModelFiles.isIndex(file.baseName) {
            (weights, regions) = try readShards(container, index: file, bytes)
        } else if file.baseName == DistributedMetadata.fileName {
            (weights, regions) = try DistributedCheckpoint.read(container, index: file, bytes)
        } else if DeepSpeedCheckpoint.isIndex(file, in: container.files) {
            (weights, regions) = try DeepSpeedCheckpoint.read(container, index: file)
        } else {
            let beside = Neighbours.besides(file, in: container)
            weights = try WeightFormat.read(
                bytes, name: tensorName(file.name), path: container.displayPath(file.name), neighbours: beside)
            regions = [bytes] + beside.regions
        }
        if weights.part != nil { (weights, regions) = try readParts(container, part: file, weights) }
        return Found(
            path: path, container: "\(container.label), \(weights.format)", member: file.name, weights: weights.splittingAdapters(),
            weightPath: container.displayPath(file.name), companions: companions, sources: container.sources(of: regions))
    }

    /// The files that belong to the model in `file`: those in its folder, or those next to the folder that training has put it in.
    private func companions(of file: ContainerFile, in container: some Container) -> [ContainerFile] {
        let pooling = MemberPath.join(file.folder, Companions.pooling)
        let modules = MemberPath.join(file.folder, Companions.modules)
        let hasModules = container.files.contains { $0.name == modules }
        let beside = container.files.filter {
            $0.folder == file.folder && Companions.isCompanion($0.baseName) || $0.name == pooling
                || hasModules && Companions.isOfModule(MemberPath.inside($0.name, of: file.folder))
        }
        let isSpread = file.baseName == DistributedMetadata.fileName || DeepSpeedCheckpoint.isIndex(file, in: container.files)
        guard beside.isEmpty, isSpread, !file.folder.isEmpty else { return beside }
        let outer = MemberPath.folder(file.folder)
        return container.files.filter { $0.folder == outer && Companions.isCompanion($0.baseName) }
    }

    /// The parts of a split model, of which one is `file`.
    private func readParts(_ container: some Container, part file: ContainerFile, _ weights: WeightFile) throws -> (
        WeightFile, [ByteRegion]
    ) {
        let filePath = container.displayPath(file.name)
        guard let split = SplitName(file.baseName) else {
            throw weights.nameProblem(file.baseName, path: filePath)
        }
        let names = split.all.map { MemberPath.join(file.folder, $0) }
        let present = Set(container.files.map(\.name))
        if let missing = names.first(where: { !present.contains($0) }) { throw missingPart(split, missing, path: filePath) }
        let contents = try container.contents(of: Set(names))
        let regions = names.compactMap { contents[$0] }
        let paths = names.map(container.displayPath)
        let files = try zip(regions, paths).map { try WeightFormat.read($0, name: MemberPath.stem($1), path: $1) }
        return (try WeightFile.joining(files, paths: paths, path: filePath), regions)
    }

    private func missingPart(_ split: SplitName, _ missing: String, path: String) -> Problem {
        Problem(
            path: path, problem: "is part \(split.number) of \(split.count) of a split model, and a part is missing", expected: missing)
    }

    private func readShards(
        _ container: some Container, index file: ContainerFile, _ bytes: ByteRegion
    ) throws -> (WeightFile, [ByteRegion]) {
        let indexPath = container.displayPath(file.name)
        let index = try ShardIndex(bytes, path: indexPath)
        let names = index.shards.map { MemberPath.join(file.folder, $0) }
        let present = Set(container.files.map(\.name))
        let contents = try container.contents(of: present.intersection(names))
        let regions = names.compactMap { contents[$0] }
        let paths = names.map(container.displayPath)
        let files = zip(names, paths).map { name, path in
            Self.shard(path) {
                guard let region = contents[name] else {
                    throw Problem(path: path, problem: "a shard is missing", expected: name)
                }
                return region
            }
        }
        return (try index.join(files, key: options.key, paths: paths, path: indexPath), regions)
    }

    /// The contents of a shard, or why it cannot be read.
    private static func shard(_ path: String, _ content: () throws -> ByteRegion) -> Result<WeightFile, Problem> {
        do {
            return .success(try WeightFormat.read(try content(), name: MemberPath.stem(path), path: path))
        } catch {
            return .failure(error as? Problem ?? Problem(path: path, problem: "\(error)"))
        }
    }

    private func found(
        _ container: String, _ weights: WeightFile, companions: [String: ByteRegion], sources: [ByteRegion]
    ) -> Found {
        Found(
            path: path, container: container, member: nil, weights: weights.splittingAdapters(), weightPath: path,
            companions: companions, sources: sources)
    }

    private func refuseMember() throws {
        guard let member = options.member else { return }
        throw Problem(path: path, problem: "has no members", expected: "an archive or a directory with '\(member)'")
    }

    private func tensorName(_ path: String) -> String { path == "-" ? "array" : MemberPath.stem(path) }

    private func neighbour(_ name: String) -> String { path.contains("/") ? MemberPath.folder(path) + "/" + name : name }

    /// The files of the modules of sentence-transformers in the folder of ``path``.
    private func moduleFiles() -> [String] {
        guard access(neighbour(Companions.modules), F_OK) == 0 else { return [Companions.pooling] }
        guard let handle = opendir(path.contains("/") ? MemberPath.folder(path) + "/" : ".") else { return [] }
        defer { closedir(handle) }
        var folders: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if Companions.isModuleFolder(name[...]) { folders.append(name) }
        }
        return folders.flatMap { folder in ["config.json", "model.safetensors", "pytorch_model.bin"].map { "\(folder)/\($0)" } }
    }

    /// The files in the folder of ``path`` that belong to its model.
    func neighbours(_ names: Set<String> = Companions.names) throws -> [String: ByteRegion] {
        var companions: [String: ByteRegion] = [:]
        var names = names
        if names.contains(Companions.modules) { names.formUnion(moduleFiles()) }
        for name in names.sorted() {
            var status = stat()
            guard stat(neighbour(name), &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            guard status.st_size > 0 else {
                companions[name] = ByteRegion(copying: [])
                continue
            }
            companions[name] = try ByteRegion.mapping(checkpoint: neighbour(name))
        }
        return companions
    }
}
