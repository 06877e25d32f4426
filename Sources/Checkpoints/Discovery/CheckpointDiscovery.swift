import Archives
import Glibc
import Text

/// Finds the checkpoints among files and in trees of directories.
///
/// Links are followed once. A name tells what a file is where it can; the first bytes of the others are read, each file once. The result does
/// not depend on the order in which the system lists a directory.
package struct CheckpointDiscovery {
    /// What is found.
    package struct Result: Sendable {
        /// In natural order of their names, which are unique.
        package var checkpoints: [FoundCheckpoint] = []
        /// The directories that cannot be read, as checkpoints without files, and why; in natural order of their names.
        package var unreadable: [(place: FoundCheckpoint, problem: Problem)] = []
        /// How many files were not taken.
        package var passedOver: [PassedOver: Int] = [:]
        /// How many directories were read.
        package var folderCount = 0
    }

    /// Matched with the names of checkpoints and files; a pattern without a slash with their last components too.
    package struct Patterns: Sendable {
        /// If there are any, only what matches one of them is taken.
        package var included: [GlobPattern] = []
        /// What matches one of them is not taken, and a directory is not searched.
        package var excluded: [GlobPattern] = []

        package init(included: [String] = [], excluded: [String] = []) {
            self.included = included.map { GlobPattern($0) }
            self.excluded = excluded.map { GlobPattern($0) }
        }
    }

    /// A directory that was read.
    private struct Folder {
        let place: FilePlace
        /// The text of the place.
        let path: String
        let name: String
        let parent: Int?
        let isLinked: Bool
        let hasStandardModel: Bool
        let hasConfiguration: Bool
        let companions: [FolderListing.File]
        var ownCount: Int
        var spreadCount = 0
    }

    /// A directory that will be read.
    private struct Pending {
        let place: FilePlace
        let name: String
        let parent: Int?
        let isLinked: Bool
    }

    /// A model with its place in the tree.
    private struct Model {
        let found: FoundCheckpoint
        let identity: InodeNumber?
        let isLinked: Bool
    }

    private let patterns: Patterns
    private var folders: [Folder] = []
    private var candidates: [(candidate: FolderModels.Candidate, folder: Int)] = []
    private var models: [Model] = []
    private var result = Result()
    private var seenFolders: Set<InodeNumber> = []
    private var pending: [Pending] = []
    private var linked: [Pending] = []

    private init(_ patterns: Patterns) { self.patterns = patterns }

    /// Finds the checkpoints under paths, which are files and directories.
    ///
    /// The name of a checkpoint is its path from the directory if that is the only path, `.` for the directory itself; otherwise it begins with
    /// the path as it was given.
    ///
    /// - Parameter paths: the bytes of the paths. A file is taken whatever it is.
    package static func find(_ paths: [[UInt8]], _ patterns: Patterns = Patterns()) -> Result {
        var discovery = CheckpointDiscovery(patterns)
        for path in paths { discovery.add(path, isAlone: paths.count == 1) }
        discovery.walk()
        discovery.placeCandidates()
        return discovery.finished()
    }

    // MARK: - Walking

    private mutating func add(_ path: [UInt8], isAlone: Bool) {
        let given = Self.normalized(path)
        let place = FilePlace(given)
        guard let status = place.status, status.isDirectory else { return addFile(place) }
        pending.insert(Pending(place: place, name: isAlone ? "" : place.text, parent: nil, isLinked: false), at: 0)
    }

    /// The path without `./` before it, slashes after it, and doubled slashes.
    private static func normalized(_ path: [UInt8]) -> [UInt8] {
        let slash = UInt8(ascii: "/")
        let parts = path.split(separator: slash).filter { Array($0) != [UInt8(ascii: ".")] }
        let joined = Array(parts.joined(separator: [slash]))
        if path.first == slash { return [slash] + joined }
        return joined.isEmpty ? [UInt8(ascii: ".")] : joined
    }

    private mutating func addFile(_ place: FilePlace) {
        let text = place.text
        guard isIncluded(text, nil), !isExcluded(text) else {
            result.passedOver[.excluded, default: 0] += 1
            return
        }
        var files: [FoundCheckpoint.FoundFile] = []
        if let plain = PathText.plain(text) {
            files = Checkpoint.files(at: plain).compactMap { Self.file(FilePlace(Array($0.utf8))) }
        } else if let file = Self.file(place) {
            files = [file]
        }
        models.append(
            Model(
                found: FoundCheckpoint(path: text, name: text, files: files), identity: place.status?.identity, isLinked: false)
        )
    }

    private static func file(_ place: FilePlace) -> FoundCheckpoint.FoundFile? {
        guard let status = place.status, status.isRegular else { return nil }
        return FoundCheckpoint.FoundFile(path: place.text, size: status.size, modified: status.modified)
    }

    /// Reads the directories; those that links lead to last, so that a directory is named by its own path if it has one here.
    private mutating func walk() {
        while let next = pending.popLast() ?? linked.popLast() { visit(next) }
    }

    private mutating func visit(_ folder: Pending) {
        if !folder.name.isEmpty, folder.parent != nil, isExcluded(folder.name) {
            result.passedOver[.excluded, default: 0] += 1
            return
        }
        let descriptor = folder.place.withPath { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else {
            let code = errno
            // What has vanished meanwhile was removed.
            if code != ENOENT || folder.parent == nil { fail(folder, Problem(systemMessage(code))) }
            return
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, seenFolders.insert(InodeNumber(status)).inserted else {
            close(descriptor)
            return
        }
        let listing: FolderListing
        do {
            listing = try FolderListing(descriptor: descriptor)
        } catch {
            return fail(folder, error)
        }
        result.folderCount += 1
        let prefix = folder.name.isEmpty ? "" : folder.name + "/"
        let patterns = patterns
        let models = FolderModels(
            listing, at: folder.place, baseName: MemberPath.baseName(folder.name),
            isWanted: { file in patterns.included.contains { Self.matches($0, prefix + file.text) } })
        for (reason, count) in models.passedOver { result.passedOver[reason, default: 0] += count }
        let number = folders.count
        folders.append(
            Folder(
                place: folder.place, path: folder.place.text, name: folder.name, parent: folder.parent, isLinked: folder.isLinked,
                hasStandardModel: models.hasStandardModel, hasConfiguration: models.hasConfiguration, companions: models.companions,
                ownCount: models.candidates.count))
        for candidate in models.candidates {
            if candidate.kind == .spread, let parent = folder.parent { folders[parent].spreadCount += 1 }
            candidates.append((candidate, number))
        }
        var inner = listing.folders.map { name, isLink in
            Pending(
                place: folder.place.appending(name), name: prefix + PathText.text(name), parent: number,
                isLinked: folder.isLinked || isLink)
        }
        // The last is read first: what is found is then nearly in its order, and quickly sorted.
        inner.sort { $1.name.precedesNaturally($0.name) }
        pending += inner.filter { !$0.isLinked }
        let links = inner.filter(\.isLinked)
        if !links.isEmpty {
            linked += links
            linked.sort { $1.name.precedesNaturally($0.name) }
        }
    }

    private mutating func fail(_ folder: Pending, _ problem: Problem) {
        let name = folder.name.isEmpty ? "." : folder.name
        result.unreadable.append((FoundCheckpoint(path: folder.place.text, name: name, files: []), problem))
    }

    // MARK: - Patterns

    private static func matches(_ pattern: GlobPattern, _ name: String) -> Bool {
        pattern.matches(name) || !pattern.text.contains("/") && pattern.matches(MemberPath.baseName(name))
    }

    private func isIncluded(_ name: String, _ file: String?) -> Bool {
        patterns.included.isEmpty
            || patterns.included.contains { pattern in
                Self.matches(pattern, name) || file.map { Self.matches(pattern, $0) } ?? false
            }
    }

    private func isExcluded(_ name: String) -> Bool {
        !patterns.excluded.isEmpty && patterns.excluded.contains { Self.matches($0, name) }
    }

    // MARK: - Places

    private mutating func placeCandidates() {
        for (candidate, number) in candidates {
            let folder = folders[number]
            let outer = folder.parent.map { folders[$0] }
            if let outer, isSame(candidate, folder, asIn: outer) {
                result.passedOver[.sameModel, default: 0] += candidate.files.count { $0.role != .companion }
                continue
            }
            var place = folder
            var companions: [FolderListing.File] = []
            // The files that belong to the model may lie beside the directory that training has put it in.
            if candidate.kind == .spread, let outer, folder.companions.isEmpty, outer.hasConfiguration, outer.ownCount == 0,
                outer.spreadCount == 1
            {
                (place, companions) = (outer, outer.companions)
            }
            let prefix = folder.name.isEmpty ? "" : folder.name + "/"
            let file = prefix + candidate.main.text
            let name = candidate.isNamedAfterFolder ? place.name.isEmpty ? "." : place.name : file
            guard isIncluded(name, file), !isExcluded(name), !isExcluded(file) else {
                result.passedOver[.excluded, default: 0] += 1
                continue
            }
            let path = candidate.opensFolder ? place.path : FilePlace.text(candidate.main.text, in: folder.path)
            var files = candidate.files.compactMap { Self.file($0, in: folder.path) }
            files += companions.compactMap { Self.file($0, in: place.path) }
            if candidate.kind == .export, let plain = PathText.plain(path) {
                files = Checkpoint.files(at: plain).compactMap { Self.file(FilePlace(Array($0.utf8))) }
            }
            var found = FoundCheckpoint(path: path, name: name, files: files)
            if candidate.kind == .adapter, let base = base(of: candidate, in: folder) {
                found = FoundCheckpoint(
                    path: path, name: name, base: base.text,
                    files: files
                        + (PathText.plain(base.text).map { Checkpoint.files(at: $0) } ?? []).compactMap {
                            Self.file(FilePlace(Array($0.utf8)))
                        })
            }
            models.append(
                Model(
                    found: found, identity: candidate.main.status?.identity,
                    isLinked: folder.isLinked || candidate.main.isLink))
        }
    }

    private static func file(_ file: FolderListing.File, in folder: String) -> FoundCheckpoint.FoundFile? {
        guard let status = file.status else { return nil }
        return FoundCheckpoint.FoundFile(path: FilePlace.text(file.text, in: folder), size: status.size, modified: status.modified)
    }

    /// Whether the model is that of the directory around it in another form.
    private func isSame(_ candidate: FolderModels.Candidate, _ folder: Folder, asIn outer: Folder) -> Bool {
        guard outer.hasStandardModel else { return false }
        switch candidate.kind {
        case .spread: return true
        case .export: return outer.hasConfiguration && MemberPath.baseName(folder.name) == "onnx"
        case .plain, .adapter: return false
        }
    }

    /// The model that an adapter changes, if it lies beside it: in the same directory, or in a directory beside that with the last component of
    /// the name that the adapter's settings give.
    private func base(of adapter: FolderModels.Candidate, in folder: Folder) -> FilePlace? {
        let settings = folder.place.appending(Array(AdapterConfiguration.fileName.utf8))
        if let path = PathText.plain(settings.text), let region = try? ByteRegion.mapping(path: path),
            let name = region.withUnsafeBytes({ JSONCursor.member("base_model_name_or_path", of: $0) })?.text,
            let last = name.split(separator: "/").last, last != "..", last != "."
        {
            for around in [folder.place.appending(Array("..".utf8)), folder.place] {
                let place = around.appending(Array(last.utf8))
                guard let status = place.status, status.isDirectory else { continue }
                let names = ModelFiles.standardModelNames
                if names.contains(where: { place.appending(Array($0.utf8)).status?.isRegular == true }) { return place }
            }
        }
        let beside = candidates.first { $0.candidate.isStandard && ExactText(folders[$0.folder].name) == ExactText(folder.name) }
        return beside.map { folder.place.appending($0.candidate.main.name) }
    }

    // MARK: - The result

    private mutating func finished() -> Result {
        let names = models.map(\.found.name)
        // Numbers are sorted, since models are large to move.
        let order = models.indices.sorted { first, second in
            models[first].isLinked != models[second].isLinked
                ? !models[first].isLinked : names[first].precedesNaturally(names[second])
        }
        var seen: Set<InodeNumber> = []
        var taken: Set<ExactText> = []
        var checkpoints: [FoundCheckpoint] = []
        seen.reserveCapacity(models.count)
        taken.reserveCapacity(models.count)
        checkpoints.reserveCapacity(models.count)
        for number in order {
            let model = models[number]
            if let identity = model.identity, !seen.insert(identity).inserted {
                result.passedOver[.again, default: 0] += 1
                continue
            }
            if taken.insert(ExactText(model.found.name)).inserted { checkpoints.append(model.found) }
        }
        if models.contains(where: \.isLinked) { checkpoints.sort { $0.name.precedesNaturally($1.name) } }
        result.checkpoints = checkpoints
        result.unreadable.sort { $0.place.name.precedesNaturally($1.place.name) }
        return result
    }
}
