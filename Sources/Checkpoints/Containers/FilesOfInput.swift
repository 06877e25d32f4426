import Archives
import Glibc

extension Checkpoint {
    /// The files that opening a path may read: the file itself; for a directory, the weights and the files that belong to them; for an
    /// index, its shards; for a file with a model's standard name, the files next to it.
    ///
    /// Files that cannot be read are left out: opening them reports why.
    package static func files(at path: String) -> [String] {
        var status = stat()
        guard stat(path, &status) == 0 else { return [path] }
        let folder = path.contains("/") ? MemberPath.folder(path) + "/" : ""
        let name = MemberPath.baseName(path)
        if status.st_mode & S_IFMT != S_IFDIR {
            var files = [path]
            if let split = SplitName(name) { files += split.all.map { folder + $0 }.filter { $0 != path && access($0, F_OK) == 0 } }
            if ModelFiles.isIndex(name) { files += shards(ofIndex: path, in: folder) }
            if ModelFiles.isExport(name) { files += neighbours(ofModel: path).map { folder + $0 } }
            if ModelFiles.isIndex(name) || ModelFiles.rank(name) != nil || Companions.isCompanion(name) {
                files += Companions.names.sorted().map { folder + $0 }.filter { $0 != path && access($0, F_OK) == 0 }
            }
            return files
        }
        guard let container = try? DirectoryContainer(path: path) else { return [path] }
        var files = [path]
        for file in container.files {
            let place = container.displayPath(file.name)
            if Companions.isCompanion(file.baseName) || ModelFiles.isCandidate(file) || isPart(file.baseName) { files.append(place) }
            if ModelFiles.isExport(file.baseName) {
                files += neighbours(ofModel: place).map { container.displayPath(MemberPath.join(file.folder, $0)) }
            }
            if ModelFiles.isIndex(file.baseName) {
                files += shards(ofIndex: place, in: container.displayPath(file.folder.isEmpty ? "" : file.folder + "/"))
            }
        }
        return files
    }

    /// Whether the name is that of a file in which training keeps a part of a model.
    private static func isPart(_ baseName: String) -> Bool {
        baseName.hasSuffix(DistributedCheckpoint.partEnding) || baseName.hasSuffix(DeepSpeedCheckpoint.optimizerEnding)
    }

    private static func neighbours(ofModel path: String) -> [String] {
        guard let region = try? ByteRegion.mapping(path: path), let head = region.bytes(0..<min(region.count, ContainerFile.headLength)),
            WeightFormat(head: head) == .onnx, let names = try? ONNX.neighbours(of: region)
        else { return [] }
        return names.sorted()
    }

    private static func shards(ofIndex path: String, in folder: String) -> [String] {
        guard let region = try? ByteRegion.mapping(path: path), let index = try? ShardIndex(region, path: path) else { return [] }
        return index.shards.map { folder + $0 }
    }
}
