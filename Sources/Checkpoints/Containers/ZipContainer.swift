import Archives

/// The members of a zip archive that is not itself a weight file.
struct ZipContainer: Container {
    let path: String
    let label = "zip"
    let files: [ContainerFile]

    private let region: ByteRegion
    private let directory: ZipDirectory

    init(_ directory: ZipDirectory, region: ByteRegion, path: String) throws {
        self.path = path
        self.region = region
        self.directory = directory
        let compressed = directory.entries.filter {
            $0.region == nil && $0.problem == nil && ModelFiles.mayBeModel(MemberPath.baseName($0.name))
        }
        let heads: [String: [UInt8]]
        do {
            heads = try directory.heads(of: Set(compressed.map(\.name)), count: ContainerFile.headLength, from: region)
        } catch {
            throw error.at(path: path)
        }
        files = directory.entries.filter { !$0.isDirectory }.map { entry in
            let inPlace = entry.region.flatMap { $0.bytes(0..<min($0.count, ContainerFile.headLength)) }
            let head = ModelFiles.mayBeModel(MemberPath.baseName(entry.name)) ? inPlace ?? heads[entry.name] ?? [] : []
            return ContainerFile(name: entry.name, size: entry.size, head: head)
        }
    }

    func contents(of names: Set<String>) throws -> [String: ByteRegion] {
        var contents: [String: ByteRegion] = [:]
        for entry in directory.entries where names.contains(entry.name) {
            if let problem = entry.problem { throw problem.at(path: path) }
            contents[entry.name] = entry.region
        }
        do {
            let unpacked = try directory.inflate(names.subtracting(contents.keys), from: region)
            return contents.merging(unpacked) { stored, _ in stored }
        } catch {
            throw error.at(path: path)
        }
    }

    func sources(of weights: [ByteRegion]) -> [ByteRegion] { [region] }

    func displayPath(_ name: String) -> String { path + "!" + name }
}
