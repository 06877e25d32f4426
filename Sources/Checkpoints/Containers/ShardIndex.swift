import Archives
import Text

/// The index of a model that is spread over several files: which tensor is in which.
struct ShardIndex {
    /// The shard of each tensor.
    let weightMap: [String: String]
    /// The shards' names in natural order.
    let shards: [String]

    private static let maximumLength = 100_000_000

    /// Reads an index.
    ///
    /// - Throws: ``Problem`` if it is not JSON of the expected form, or if a shard's name leads out of the index's folder.
    init(_ region: ByteRegion, path: String) throws {
        guard region.count <= Self.maximumLength else {
            throw Problem(
                path: path, problem: "the index is too long", expected: "at most \(Self.maximumLength) bytes", found: "\(region.count)")
        }
        do {
            weightMap = try region.withUnsafeBytes { try JSONCursor.reading($0, Self.weightMap) }
        } catch {
            throw Problem(error).invalidating("the index").at(path: path)
        }
        shards = Set(weightMap.values).sorted { $0.precedesNaturally($1) }
        guard !shards.isEmpty else { throw Problem(path: path, problem: "the index names no shards") }
        if let name = shards.first(where: { $0.isEmpty || $0.contains("/") || $0 == "." || $0 == ".." || $0.unicodeScalars.contains("\0") })
        {
            throw Problem(
                path: path, problem: "the index names a file outside its folder", expected: "plain file names", found: "'\(name)'")
        }
    }

    private static func weightMap(_ cursor: inout JSONCursor) throws -> [String: String] {
        var found: [String: String]?
        try cursor.readMembers { cursor, key in
            guard key.elementsEqual("weight_map".utf8) else { return try cursor.skip() }
            var shards: [String: String] = [:]
            try cursor.readMembers { cursor, name in
                let name = try JSONCursor.text(name)
                let count = shards.count
                shards[name] = try cursor.readText()
                // If a name appears twice, the last one counts.
                guard shards.count == count, let place = shards.index(forKey: name), !DistinctNames.areSame(shards[place].key, name) else {
                    return
                }
                throw Problem(DistinctNames.normalisation, subject: "tensor '\(name)'")
            }
            found = shards
        }
        guard let found else { throw Problem("no 'weight_map'") }
        return found
    }

    /// Joins the shards' weights: every tensor from the shard that the index names, those that it does not name as they come. The
    /// tensors of a shard that is missing or damaged, or that their shard does not hold, cannot be read.
    ///
    /// - Parameters:
    ///   - files: each shard's content, in the order of ``shards``, or why there is none.
    ///   - key: the nested dictionary that the user requested.
    ///   - paths: how errors name each shard.
    ///   - path: how errors name the index.
    ///   - Throws: ``Problem`` if no shard can be read, or if two hold the same tensor.
    func join(_ files: [Result<WeightFile, Problem>], key: String?, paths: [String], path: String) throws -> WeightFile {
        var tensors: [TensorRecord] = []
        var unreadable: [UnreadableTensor] = []
        var owners: [String: String] = [:]
        var globals: [String] = []
        for ((shard, file), shardPath) in zip(zip(shards, files), paths) {
            guard case .success(let file) = file else { continue }
            let model = try file.model(key: key, path: shardPath)
            for global in file.foreignGlobals where !globals.contains(global) { globals.append(global) }
            for tensor in model.tensors where weightMap[tensor.name] ?? shard == shard {
                if let other = owners.updateValue(shard, forKey: tensor.name) {
                    throw Problem(path: path, tensor: tensor.name, problem: "appears in two shards", found: "\(other) and \(shard)")
                }
                tensors.append(tensor)
            }
            for tensor in model.unreadable where weightMap[tensor.name] ?? shard == shard {
                if let other = owners.updateValue(shard, forKey: tensor.name) {
                    throw Problem(path: path, tensor: tensor.name, problem: "appears in two shards", found: "\(other) and \(shard)")
                }
                unreadable.append(tensor)
            }
        }
        let read = files.compactMap { try? $0.get() }
        if read.isEmpty, case .failure(let problem)? = files.first { throw problem }
        let problems = Dictionary(uniqueKeysWithValues: zip(shards, files)).compactMapValues { file in
            if case .failure(let problem) = file { problem } else { nil }
        }
        for missing in weightMap.keys.filter({ owners[$0] == nil }).sorted(by: { $0.precedesNaturally($1) }) {
            let shard = weightMap[missing] ?? ""
            unreadable.append(
                UnreadableTensor(
                    name: missing, problem: problems[shard] ?? Problem("is not in its shard", expected: "it in \(shard)"), path: path))
        }
        let keepsOrder = read.allSatisfy(\.keepsOrder)
        if !keepsOrder { tensors.sort { $0.name.precedesNaturally($1.name) } }
        let format = read.first?.format ?? ""
        return WeightFile(
            format: "\(files.count) \(format) shard\(files.count == 1 ? "" : "s")",
            models: [.init(key: key ?? "", tensors: tensors, unreadable: unreadable)],
            keepsOrder: keepsOrder, foreignGlobals: globals)
    }
}

extension WeightFile {
    /// The model nested under `key`, or the only one there is.
    ///
    /// - Throws: ``Problem`` that lists the keys, if there is no such model or more than one.
    func model(key: String?, path: String) throws -> Model {
        let keys = MemberList(models.map { $0.key.isEmpty ? "(top level)" : $0.key }).text
        if let key {
            guard let model = models.first(where: { $0.key == key }) else {
                throw Problem(path: path, problem: "no tensors under the key '\(key)'", found: keys)
            }
            return model
        }
        guard let model = models.first else { throw Problem(path: path, problem: "holds no tensors") }
        guard models.count == 1 else {
            let called =
                foreignGlobals.isEmpty ? "" : "; loading its pickles in Python would import or call \(foreignGlobals.listed(atMost: 4))"
            throw Problem(path: path, problem: "several models in the file" + called, found: keys, hint: .pickKey)
        }
        return model
    }
}
