import Archives
import Text

/// Finds the one model among the files of a container.
struct ModelChoice {
    /// The file that is the model, or the index of its shards.
    let file: ContainerFile

    /// The model that `member` names, or the only one there is.
    ///
    /// Among the candidates in one folder, one with Hugging Face's standard name takes precedence; a standard name in the topmost
    /// folder that holds any candidate takes precedence over everything below. Shards that an index names are not candidates.
    ///
    /// - Parameter member: a file, or a folder that is searched as if it were the container.
    /// - Throws: ``Problem`` that lists what is there, if there is none or more than one.
    init(_ container: some Container, member: String?) throws {
        var files = container.files
        if let member {
            let name = MemberPath.trimmed(member)
            if let file = files.first(where: { $0.name == name || $0.name == member }) {
                self.file = file
                return
            }
            files = files.filter { $0.name.hasPrefix(name + "/") }
            guard !files.isEmpty else {
                throw Problem(
                    path: container.path, problem: "no member '\(member)'",
                    found: MemberList(Self.candidatesFirst(container.files)).text)
            }
        }
        let found = try Self.withoutShards(files.filter(ModelFiles.isCandidate), container)
        let candidates = Self.withoutExports(try Self.withoutProcesses(found, container, isChosen: member != nil))
        let best = Self.preferred(Self.withoutParts(candidates))
        guard let file = best.first else {
            if let missing = DeepSpeedProcesses.missingDescription(files, container) { throw missing }
            if let (file, impostor) = Impostor.folder(files) { throw impostor.error(path: container.displayPath(file.name)) }
            throw Problem(
                path: container.path, problem: "no model in the \(container.label)", found: MemberList(files.map(\.name)).text)
        }
        if let missing = DeepSpeedProcesses.missingStates(best, container) { throw missing }
        guard best.count == 1 else {
            throw Problem(
                path: container.path, problem: "several models in the \(container.label)", found: MemberList(best.map(\.name)).text,
                hint: .pickMember)
        }
        self.file = file
    }

    private static func candidatesFirst(_ files: [ContainerFile]) -> [String] {
        let candidates = files.filter(ModelFiles.isCandidate)
        return (candidates.isEmpty ? files : candidates).map(\.name)
    }

    /// `candidates` without the files that an index of no standard name among them names. Standard names need no such look:
    /// they count before their shards anyhow.
    private static func withoutShards(_ candidates: [ContainerFile], _ container: some Container) throws -> [ContainerFile] {
        let indices = candidates.filter { ModelFiles.isIndex($0.baseName) && ModelFiles.rank($0.baseName) == nil }
        guard !indices.isEmpty else { return candidates }
        let contents = try container.contents(of: Set(indices.map(\.name)))
        var shards = Set<String>()
        for index in indices {
            guard let bytes = contents[index.name] else { continue }
            let map = try ShardIndex(bytes, path: container.displayPath(index.name))
            for name in map.shards { shards.insert(MemberPath.join(index.folder, name)) }
        }
        return candidates.filter { !shards.contains($0.name) }
    }

    /// `candidates` without the files of all training processes but the first, and without the steps before the latest.
    ///
    /// - Parameter isChosen: whether the candidates are those of a folder that was requested, whatever step is the latest.
    private static func withoutProcesses(
        _ candidates: [ContainerFile], _ container: some Container, isChosen: Bool
    ) throws -> [ContainerFile] {
        let files = container.files
        let folders = Set(files.lazy.filter { $0.baseName.hasSuffix(DeepSpeedCheckpoint.optimizerEnding) }.map(\.folder))
        let descriptions = candidates.filter { $0.baseName.hasSuffix(DeepSpeedCheckpoint.modelEnding) && folders.contains($0.folder) }
        guard !descriptions.isEmpty else { return candidates }
        var described: Set<String> = []
        let order = descriptions.sorted { $0.name.precedesNaturally($1.name) }
        var dropped = Set(order.filter { !described.insert($0.folder).inserted }.map(\.name))
        let outer = Set(described.map(MemberPath.folder))
        let tags = files.filter { $0.baseName == "latest" && outer.contains($0.folder) }
        let contents = try container.contents(of: Set(tags.map(\.name)))
        for tag in tags {
            guard let bytes = contents[tag.name]?.bytes(0..<min(contents[tag.name]?.count ?? 0, 256)) else { continue }
            let name = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
            let folder = MemberPath.join(tag.folder, name)
            guard described.contains(folder) else {
                if isChosen { continue }
                let steps = described.filter { MemberPath.folder($0) == tag.folder }.sorted { $0.precedesNaturally($1) }
                throw Problem(
                    path: container.displayPath(tag.name), problem: "names a step that is not there",
                    expected: "the checkpoint in \(name.quotedInMessage)", found: MemberList(steps.map(MemberPath.baseName)).text,
                    hint: .pickMember)
            }
            for file in descriptions where file.folder != folder && MemberPath.folder(file.folder) == tag.folder {
                dropped.insert(file.name)
            }
        }
        return candidates.filter { !dropped.contains($0.name) }
    }

    /// `candidates` without models exported for other programs, if there are others.
    private static func withoutExports(_ candidates: [ContainerFile]) -> [ContainerFile] {
        let others = candidates.filter { !ModelFiles.isExport($0.baseName) }
        return others.isEmpty ? candidates : others
    }

    /// `candidates` with only the first existing part of each split model.
    private static func withoutParts(_ candidates: [ContainerFile]) -> [ContainerFile] {
        var seen: Set<String> = []
        return candidates.filter { file in
            guard let split = SplitName(file.baseName) else { return true }
            return seen.insert("\(file.folder)/\(split.stem)-of-\(split.count)").inserted
        }
    }

    private static func preferred(_ candidates: [ContainerFile]) -> [ContainerFile] {
        let folders = Dictionary(grouping: candidates, by: \.folder)
        let depth = { (folder: String) in folder.isEmpty ? 0 : folder.split(separator: "/").count }
        let best = folders.mapValues { files in
            files.min { (ModelFiles.rank($0.baseName) ?? .max) < (ModelFiles.rank($1.baseName) ?? .max) }
                .flatMap { ModelFiles.rank($0.baseName) == nil ? nil : [$0] } ?? files
        }
        let top = best.keys.map(depth).min() ?? 0
        let topmost = best.filter { depth($0.key) == top }
        if topmost.count == 1, let files = topmost.values.first, files.count == 1, let file = files.first,
            ModelFiles.rank(file.baseName) != nil
        {
            return [file]
        }
        return best.values.flatMap { $0 }.sorted { $0.name.precedesNaturally($1.name) }
    }
}
